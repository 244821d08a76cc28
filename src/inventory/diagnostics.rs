//! What is wrong with an inventory: all of it at once, with place, line, caret and remedy.

use std::collections::BTreeSet;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

use super::source::{Sources, Span};
use crate::failure::{Failure, Kind};

/// How much a diagnostic weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The inventory cannot be used.
    Error,
    /// It can, but somebody should look.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One thing that is wrong, while the files are at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    severity: Severity,
    message: String,
    span: Option<Span>,
    label: Option<String>,
    help: Option<String>,
    also: Vec<(Span, String)>,
}

impl Finding {
    /// Something that makes the inventory unusable.
    pub fn error(span: Span, message: impl Into<String>) -> Finding {
        Finding::new(Severity::Error, Some(span), message.into())
    }

    /// Something that somebody should look at.
    pub fn warning(span: Span, message: impl Into<String>) -> Finding {
        Finding::new(Severity::Warning, Some(span), message.into())
    }

    /// An error that has no place in any file.
    pub fn nowhere(message: impl Into<String>) -> Finding {
        Finding::new(Severity::Error, None, message.into())
    }

    fn new(severity: Severity, span: Option<Span>, message: String) -> Finding {
        Finding { severity, message, span, label: None, help: None, also: Vec::new() }
    }

    /// A few words beside the caret.
    pub fn label(mut self, label: impl Into<String>) -> Finding {
        self.label = Some(label.into());
        self
    }

    /// What to do.
    pub fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }

    /// Another place that takes part, and what it has to do with it.
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Finding {
        self.also.push((span, label.into()));
        self
    }

    /// Adds to what is wrong.
    pub fn note(mut self, note: &str) -> Finding {
        self.message.push_str(note);
        self
    }

    /// Whether it makes the inventory unusable.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// One thing that is wrong, for machines: `comuni --format json validate` prints one per line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The file, as a person would open it; empty when it has no place.
    pub file: String,
    /// Line from 1; 0 means the file as a whole.
    pub line: u32,
    /// Column from 1, in characters; 0 means the file as a whole.
    pub column: u32,
    /// Length in characters on that line.
    pub length: u32,
    /// What to do.
    pub help: Option<String>,
    /// Other places that take part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Also>,
}

/// Another place that takes part in a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Also {
    /// The file.
    pub file: String,
    /// Line from 1.
    pub line: u32,
    /// Column from 1, in characters.
    pub column: u32,
    /// What it has to do with it.
    pub label: String,
}

/// All that was found in one inventory.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    findings: Vec<Finding>,
    sources: Sources,
    hints: Vec<String>,
}

impl Diagnostics {
    /// Puts findings in the order of the files and lines, errors and warnings alike.
    pub fn new(mut findings: Vec<Finding>, sources: Sources) -> Diagnostics {
        findings.sort_by_key(|finding| finding.span);
        // A default that is wrong is found wrong by everyone who takes it, and told once.
        let mut told = BTreeSet::new();
        findings.retain(|finding| told.insert((finding.span, finding.message.clone())));
        Diagnostics { findings, sources, hints: Vec::new() }
    }

    /// Adds findings about the same files.
    pub fn and(mut self, findings: Vec<Finding>) -> Diagnostics {
        self.findings.extend(findings);
        Diagnostics { hints: self.hints, ..Diagnostics::new(self.findings, self.sources) }
    }

    /// Adds what to do next about the whole.
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostics {
        self.hints.push(hint.into());
        self
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// How many errors and how many warnings.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.findings.iter().filter(|finding| finding.is_error()).count();
        (errors, self.findings.len() - errors)
    }

    /// What to do next about the whole.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// All of them, for machines.
    pub fn list(&self) -> Vec<Diagnostic> {
        self.findings.iter().map(|finding| self.diagnostic(finding)).collect()
    }

    /// All of them as plain text in the style of rustc, without colour; no newline at the end.
    pub fn render(&self) -> String {
        self.findings.iter().map(|finding| self.render_one(finding)).collect::<Vec<_>>().join("\n\n")
    }

    /// `3 errors, 1 warning`.
    pub fn summary(&self) -> String {
        let (errors, warnings) = self.counts();
        let parts = [(errors, "error"), (warnings, "warning")];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        parts.map(|(count, noun)| counted(*count, noun)).collect::<Vec<_>>().join(", ")
    }

    /// One finding about the same files, for machines.
    pub fn diagnostic(&self, finding: &Finding) -> Diagnostic {
        let length = finding.span.map_or(0, |span| {
            let (line, range) = self.sources.line(span);
            line[range].chars().count() as u32
        });
        let also = finding.also.iter().map(|(span, label)| Also {
            file: self.sources.path(span.file).to_string(),
            line: span.line,
            column: span.column,
            label: label.clone(),
        });
        Diagnostic {
            severity: finding.severity,
            message: finding.message.clone(),
            file: finding.span.map_or_else(String::new, |span| self.sources.path(span.file).to_string()),
            line: finding.span.map_or(0, |span| span.line),
            column: finding.span.map_or(0, |span| span.column),
            length,
            help: finding.help.clone(),
            also: also.collect(),
        }
    }

    fn render_one(&self, finding: &Finding) -> String {
        let level = match finding.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        // A finding about a whole file has no line to show: the path stands in the title then.
        let whole = finding.span.filter(|span| span.line == 0);
        let title = match whole {
            Some(span) => format!("{}: {}", self.sources.path(span.file), finding.message),
            None => finding.message.clone(),
        };
        let mut group = annotate_snippets::Group::with_title(level.primary_title(title));
        if let Some(span) = finding.span.filter(|span| span.line > 0) {
            group = group.element(self.snippet(span, finding.label.as_deref(), AnnotationKind::Primary));
        }
        for (span, label) in &finding.also {
            group = group.element(self.snippet(*span, Some(label), AnnotationKind::Context));
        }
        if let Some(help) = &finding.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let text = Renderer::plain().render(&[group]);
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    fn snippet<'a>(
        &'a self,
        span: Span,
        label: Option<&'a str>,
        kind: AnnotationKind,
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let (line, range) = self.sources.line(span);
        let annotation = kind.span(range);
        let annotation = match label {
            Some(label) => annotation.label(label),
            None => annotation,
        };
        Snippet::source(line).path(self.sources.path(span.file)).line_start(span.line as usize).annotation(annotation)
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Failure {
        let message = match diagnostics.findings.as_slice() {
            [only] if only.span.is_none() => only.message.clone(),
            _ => format!("the inventory is invalid: {}\n\n{}", diagnostics.summary(), diagnostics.render()),
        };
        let failure = Failure::new(Kind::Inventory, message);
        diagnostics.hints.into_iter().fold(failure, Failure::hint)
    }
}

/// `1 error`, `2 errors`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A value as it can stand in a message: between backquotes, control characters escaped, not longer than a line.
pub(crate) fn quoted(value: &str) -> String {
    let mut text: String = value
        .chars()
        .take(80)
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    if value.chars().count() > 80 {
        text.push('…');
    }
    format!("`{text}`")
}

/// The names that a person probably meant: at most two letters away or starting alike, the nearest first.
pub fn near<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut found: Vec<(usize, &str)> = Vec::new();
    for name in names {
        let lower = name.to_lowercase();
        let distance = strsim::damerau_levenshtein(&wanted, &lower);
        let tolerated = (wanted.chars().count().max(lower.chars().count()) / 3).clamp(1, 3);
        if distance <= tolerated || (wanted.chars().count() >= 3 && lower.starts_with(&wanted)) {
            found.push((distance, name));
        }
    }
    found.sort();
    found.dedup();
    found.into_iter().take(3).map(|(_, name)| name).collect()
}

/// The name that a person most probably meant.
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    near(wanted, names).into_iter().next()
}

/// `did you mean …?` when something is near, else the list of what there is.
pub(crate) fn suggestion(wanted: &str, names: &[&str]) -> String {
    match near(wanted, names.iter().copied()).as_slice() {
        [] if names.is_empty() => "there is none yet".to_string(),
        [] => format!("there is: {}", names.join(", ")),
        near => {
            format!("did you mean {}?", near.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_name_is_meant() {
        assert_eq!(nearest("flie", ["file", "user"]), Some("file"));
        assert_eq!(nearest("acount", ["account", "data"]), Some("account"));
        assert_eq!(nearest("data", ["account", "database"]), Some("database"));
        assert_eq!(nearest("zzz", ["file", "user"]), None);
    }
}
