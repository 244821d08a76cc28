//! Strict Tera: name and values to text. Never sees a secret.
//!
//! The built-in templates are embedded; a file of the same name in an inventory's own `templates/` wins, the later layer
//! before the earlier. Nothing ambient can be named: no time, environment or chance. Nothing is escaped by itself:
//! the filters of [`escape`] do it, format by format.

pub mod escape;
pub mod excerpt;
pub mod lint;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;
use tera::{Context, ErrorKind, Tera};

use crate::failure::{Failure, Result};
use crate::inventory::diagnostics::nearest;
use crate::inventory::source::read_file;

/// The built-in templates, by their path below `templates/`.
#[derive(RustEmbed)]
#[folder = "templates"]
#[include = "*.tera"]
struct Embedded;

/// How built-in templates are called in messages: where they stand in the sources.
const BUILT_IN: &str = "templates/";

/// All templates of an inventory and all texts of its playbooks, parsed.
#[derive(Clone)]
pub struct Templates {
    tera: Tera,
    /// Text of every template by the name Tera knows it by.
    sources: BTreeMap<String, String>,
    /// In the order in which they are tried.
    prefixes: Vec<String>,
}

/// What is wrong with a template, in a form that can be shown and, when it has a place, moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    /// The name of the template as Tera knows it; empty when the fault has no single place.
    pub template: String,
    /// Line from 1; 0 when there is no place.
    pub line: usize,
    /// Column from 1.
    pub column: usize,
    /// Length of what is wrong, in characters.
    pub length: usize,
    /// What is wrong, in one line, with the names that exist.
    pub message: String,
    /// Where it was included from, as Tera tells it.
    pub trace: Option<String>,
}

impl Templates {
    /// Reads the built-in templates and those of the layers of an inventory (the included first).
    ///
    /// # Errors
    /// Exit 65: a file that cannot be read or parsed, an unknown filter or included file, a loop of includes. All at once.
    pub fn load(layers: &[PathBuf]) -> Result<Templates> {
        let built_in = Embedded::iter().filter_map(|path| {
            let file = Embedded::get(&path)?;
            Some((path.to_string(), String::from_utf8_lossy(&file.data).into_owned()))
        });
        Templates::with_built_in(built_in.collect(), layers)
    }

    fn with_built_in(built_in: BTreeMap<String, String>, layers: &[PathBuf]) -> Result<Templates> {
        let mut prefixes = Vec::new();
        let mut sources = BTreeMap::new();
        for layer in layers.iter().rev() {
            let folder = layer.join("templates");
            let prefix = format!("{}/", folder.display());
            for (name, text) in read_folder(&folder, &folder)? {
                sources.insert(format!("{prefix}{name}"), text);
            }
            prefixes.push(prefix);
        }
        prefixes.push(BUILT_IN.to_string());
        for (name, text) in built_in {
            // The folder of a layer may be the very folder of the built-in ones.
            sources.entry(format!("{BUILT_IN}{name}")).or_insert(text);
        }
        let mut templates = Templates { tera: bare(), sources: BTreeMap::new(), prefixes };
        templates
            .tera
            .set_fallback_prefixes(templates.prefixes.clone())
            .map_err(|error| Failure::inventory(error.to_string()))?;
        templates.add(sources).map_err(|mut faults| {
            for fault in &mut faults {
                templates.name_nearest(fault);
            }
            let shown: Vec<String> = faults.iter().map(|fault| templates.show(fault)).collect();
            let failure = Failure::inventory(shown.join("\n\n"));
            if faults.iter().all(|fault| fault.message.starts_with(LOOP)) {
                return failure.hint("take one `include` of the loop away");
            }
            failure.hint(
                "a template uses Tera 2: https://keats.github.io/tera/; the names it may use are in docs/templates.md",
            )
        })?;
        Ok(templates)
    }

    /// Adds texts by name: those of playbook steps.
    ///
    /// # Errors
    /// All faults of all texts. Then none of them was added.
    pub fn add(&mut self, texts: BTreeMap<String, String>) -> std::result::Result<(), Vec<Fault>> {
        if let Err(error) = self.tera.add_raw_templates(texts.iter()) {
            let mut faults: Vec<Fault> = Vec::new();
            // Tera stops at the first text with a wrong syntax, so each is tried by itself.
            for (name, text) in &texts {
                if let Err(error) = bare().add_raw_template(name, text)
                    && matches!(error.kind(), ErrorKind::SyntaxError(_))
                {
                    faults.extend(faults_of(&error));
                }
            }
            if faults.is_empty() {
                faults = faults_of(&error);
            }
            self.remember(texts);
            return Err(faults);
        }
        self.remember(texts);
        Ok(())
    }

    fn remember(&mut self, texts: BTreeMap<String, String>) {
        self.sources.extend(texts);
    }

    /// The file a template of this name is read from, as a person would open it; `None` when there is none.
    pub fn resolve(&self, name: &str) -> Option<String> {
        let candidates = self.prefixes.iter().map(|prefix| format!("{prefix}{name}"));
        std::iter::once(name.to_string()).chain(candidates).find(|candidate| self.sources.contains_key(candidate))
    }

    /// The text of a template by the name that [`Templates::resolve`] or a fault gives.
    pub fn text(&self, file: &str) -> &str {
        self.sources.get(file).map_or("", String::as_str)
    }

    /// Renders a text that is no template of its own.
    ///
    /// # Errors
    /// As [`Templates::render`], or a wrong syntax.
    pub fn render_text(&self, text: &str, context: &Context) -> std::result::Result<String, Fault> {
        self.tera.render_str(text, context, false).map_err(|error| first_fault(&error))
    }

    /// The names that a playbook step may give as `template:`, sorted.
    pub fn names(&self) -> Vec<&str> {
        let short = |name: &'_ String| -> Option<usize> {
            self.prefixes.iter().filter(|prefix| name.starts_with(prefix.as_str())).map(String::len).max()
        };
        let mut names: Vec<&str> =
            self.sources.keys().filter_map(|name| short(name).map(|length| &name[length..])).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Renders a template.
    ///
    /// # Errors
    /// An undefined name, or a filter that refuses its value, with its place.
    pub fn render(&self, name: &str, context: &Context) -> std::result::Result<String, Fault> {
        self.tera.render(name, context).map_err(|error| first_fault(&error))
    }

    /// Tera says that an included template is not there, but not which one was meant.
    fn name_nearest(&self, fault: &mut Fault) {
        let wanted = fault.message.strip_prefix("Unknown template `").and_then(|rest| rest.strip_suffix('`'));
        if let Some(near) = wanted.and_then(|wanted| nearest(wanted, self.names())) {
            fault.message.push_str(&format!(" (did you mean `{near}`?)"));
        }
    }

    /// The names in a template, and in what it includes, that the values do not offer.
    pub fn unknown_names(&self, name: &str, shape: &lint::Shape) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut seen = Vec::new();
        let mut open = vec![name.to_string()];
        while let Some(name) = open.pop() {
            let Some(file) = self.resolve(&name).filter(|file| !seen.contains(file)) else { continue };
            let text = &self.sources[&file];
            faults.extend(lint::unknown_names(text, shape).into_iter().map(|finding| Fault {
                template: file.clone(),
                line: finding.line,
                column: finding.column,
                length: finding.length,
                message: message_of(&finding.unknown),
                trace: None,
            }));
            open.extend(lint::includes(text));
            seen.push(file);
        }
        faults
    }

    /// A fault as a person reads it: message, file:line:column, the line and a pointer.
    pub fn show(&self, fault: &Fault) -> String {
        if fault.line == 0 {
            return fault.message.clone();
        }
        let line =
            self.sources.get(&fault.template).and_then(|text| text.lines().nth(fault.line - 1)).unwrap_or_default();
        let mut shown = excerpt::excerpt(&fault.template, line, fault.line, fault.column, fault.length, &fault.message);
        if let Some(trace) = &fault.trace {
            shown.push_str("\n\n");
            shown.push_str(trace);
        }
        shown
    }
}

impl Fault {
    fn without_place(message: String) -> Fault {
        Fault { message, ..Fault::default() }
    }
}

/// What to say about a name that is not there.
pub fn message_of(unknown: &lint::Unknown) -> String {
    let name = &unknown.name;
    let place = if unknown.parent.is_empty() { String::new() } else { format!(" in `{}`", unknown.parent) };
    if unknown.known.is_empty() {
        return format!("`{name}` is not defined{place}: nothing has a name there");
    }
    let near = nearest(name, unknown.known.iter().map(String::as_str));
    let near = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
    format!("`{name}` is not defined{place}{near}; there are: {}", unknown.known.join(", "))
}

/// Tera with our filters and nothing that escapes by itself.
fn bare() -> Tera {
    let mut tera = Tera::new();
    tera.autoescape_on(Vec::<&str>::new());
    escape::register(&mut tera);
    tera
}

fn first_fault(error: &tera::Error) -> Fault {
    faults_of(error).into_iter().next().unwrap_or_else(|| Fault::without_place(error.to_string()))
}

fn faults_of(error: &tera::Error) -> Vec<Fault> {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            let span = report.span();
            let text = error.to_string();
            vec![Fault {
                template: report.filename().to_string(),
                line: span.start_line,
                column: span.start_col + 1,
                length: if span.end_line == span.start_line {
                    span.end_col.saturating_sub(span.start_col).max(1)
                } else {
                    1
                },
                message: in_our_words(report.message()),
                trace: text.find("\n\nnote: ").map(|at| text[at + 2..].to_string()),
            }]
        }
        ErrorKind::CircularInclude { include_chain, .. } => {
            vec![Fault::without_place(format!("{LOOP}: {}", include_chain.join(" includes ")))]
        }
        ErrorKind::CircularExtend { tpl, inheritance_chain } => {
            vec![Fault::without_place(format!("a loop of `extends` in {tpl}: {}", inheritance_chain.join(" extends ")))]
        }
        ErrorKind::MissingParent { current, parent } => {
            vec![Fault::without_place(format!("{current} extends `{parent}`, which does not exist"))]
        }
        // What Tera finds when all templates are there comes as one text of many reports.
        _ => error.to_string().split("\n\n").map(fault_in_report).collect(),
    }
}

/// Tera names what there is only in its sentence; near names are ours to add.
fn in_our_words(message: &str) -> String {
    let undefined = message.split_once("` is not defined. Available ").and_then(|(name, rest)| {
        let (_, known) = rest.split_once(": ")?;
        let name = name.split_once('`')?.1.to_string();
        let known = known.split(", ").map(str::to_string).collect();
        Some(lint::Unknown { name, parent: String::new(), known })
    });
    undefined.map_or_else(|| message.to_string(), |unknown| message_of(&unknown))
}

/// How the message about templates that include each other begins.
const LOOP: &str = "a loop of includes";

/// Reads `error: what` and ` --> file:line:column` back from a report.
fn fault_in_report(report: &str) -> Fault {
    let whole = || Fault::without_place(report.to_string());
    let mut lines = report.lines();
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else { return whole() };
    let Some((_, place)) = second.split_once("--> ") else { return whole() };
    let mut parts = place.rsplitn(3, ':');
    let column = parts.next().and_then(|number| number.parse().ok());
    let line = parts.next().and_then(|number| number.parse().ok());
    match (line, column, parts.next()) {
        (Some(line), Some(column), Some(template)) => Fault {
            template: template.to_string(),
            line,
            column,
            length: lines.last().map_or(1, |pointer| pointer.matches('^').count().max(1)),
            message: first.trim_start_matches("error: ").to_string(),
            trace: None,
        },
        _ => whole(),
    }
}

/// The `.tera` files below a folder with their path in it; none when there is no folder.
fn read_folder(root: &Path, folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    if !folder.exists() {
        return Ok(found);
    }
    let unreadable =
        |path: &Path, why: std::io::Error| Failure::inventory(format!("cannot read {}: {why}", path.display()));
    for entry in std::fs::read_dir(folder).map_err(|why| unreadable(folder, why))? {
        let path = entry.map_err(|why| unreadable(folder, why))?.path();
        if path.extension().is_some_and(|extension| extension == "tera") {
            let text = read_file(&path)?;
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            found.insert(name, text);
        } else if path.is_dir() {
            found.extend(read_folder(root, &path)?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
