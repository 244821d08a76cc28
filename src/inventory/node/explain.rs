//! The YAML reader's errors in our words.

use serde_yaml::{Error, Location};

use super::super::diagnostics::Finding;
use super::super::source::{FileId, Sources};
use super::line_starts;

/// The reader's error in our words, with a remedy for the mistakes that people make.
pub(super) fn explain(sources: &Sources, file: FileId, error: &Error) -> Finding {
    let text = sources.text(file);
    let error = error.without_snippet();
    let offset = match error.location() {
        Some(location) if location.line() > 0 => byte_offset(text, location),
        _ => 0,
    };
    let span = sources.span(file, offset, 1);
    if let Error::AliasError { error, .. } = error {
        return explain(sources, file, error);
    }
    match error {
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            Finding::error(span, "anchors, aliases or nesting beyond any honest file")
                .help("write the values out; a bomb of aliases is refused before it goes off")
        }
        Error::MergeKeyNotAllowed { .. } => Finding::error(span, "`<<` is not read here")
            .help("put what is common into the defaults of the consortium or of the application"),
        Error::MultipleDocuments { .. } => {
            Finding::error(span, "several documents in one file").help("remove the line `---` and what follows it")
        }
        Error::UnknownAnchor { .. } => Finding::error(span, "an alias of an anchor that is not there")
            .help("text that begins with `*` needs quotes"),
        Error::UnsupportedTag { .. } => {
            Finding::error(span, plain(error)).help("tags are not read here; text that begins with `!` needs quotes")
        }
        Error::NullIntoString { .. } => Finding::error(span, "a key that is nothing")
            .help("write a name before the colon; `null` and `~` need quotes"),
        _ => match leading_tab(text) {
            Some(offset) => Finding::error(sources.span(file, offset, 1), "a tab in the indentation")
                .help("YAML is indented by spaces only"),
            None => Finding::error(span, format!("not YAML: {}", plain(error)))
                .help("text with `: `, ` #` or a special first character needs quotes; check the indentation too"),
        },
    }
}

/// The message alone: the place is shown by the snippet.
fn plain(error: &Error) -> String {
    let text = error.render();
    let text = text.lines().next().unwrap_or_default();
    let text = text.rsplit_once(" at line ").map_or(text, |(message, _)| message);
    match text.split_once(": ") {
        Some((place, rest)) if place.starts_with("error: line") || place.starts_with("line") => rest.to_string(),
        _ => text.trim_start_matches("error: ").to_string(),
    }
}

fn leading_tab(text: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(at) = line[..indent].find('\t') {
            return Some(start + at);
        }
        start += line.len();
    }
    None
}

/// The reader gives errors of the scanner by line and column only.
fn byte_offset(text: &str, location: Location) -> usize {
    if let Some(offset) = location.span().byte_offset() {
        return usize::try_from(offset).unwrap_or(0);
    }
    let line = usize::try_from(location.line()).unwrap_or(1);
    let start = line_starts(text).get(line - 1).copied().unwrap_or(text.len());
    let column = usize::try_from(location.column()).unwrap_or(1).max(1);
    text[start..].char_indices().nth(column - 1).map_or(text.len(), |(at, _)| start + at)
}
