//! Unified diffs of what a file has and what it must have.

use std::time::Duration;

use similar::TextDiff;

use super::out::{Colour, Out, visible};

/// Lines of a diff that are shown when nobody asked for more.
const SHOWN: usize = 40;
/// After this the smallest diff is no longer looked for: a larger one says the same.
const PATIENCE: Duration = Duration::from_millis(500);

/// A unified diff with three lines of context, indented, cut after [`SHOWN`] lines unless more was asked for.
pub(super) fn unified(out: &Out, before: &str, after: &str, indent: &str) -> String {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(before, after);
    let whole = diff.unified_diff().context_radius(3).to_string();
    let whole = visible(&whole);
    let lines: Vec<&str> = whole.lines().collect();
    let shown = if out.is_verbose() { lines.len() } else { lines.len().min(SHOWN) };
    let mut text = String::new();
    for line in &lines[..shown] {
        let painted = match line.as_bytes().first() {
            Some(b'+') => out.paint(Colour::Green, line),
            Some(b'-') => out.paint(Colour::Red, line),
            Some(b'@') => out.paint(Colour::Cyan, line),
            _ => line.trim_end().to_string(),
        };
        text.push_str(if painted.is_empty() { "" } else { indent });
        text.push_str(&painted);
        text.push('\n');
    }
    if shown < lines.len() {
        text.push_str(&format!("{indent}... {} more lines (-v shows them)\n", lines.len() - shown));
    }
    text
}
