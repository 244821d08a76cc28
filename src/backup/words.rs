//! What programs say when they fail, without the rows that they say it about.

use crate::machine::Output;

/// Lines that are kept.
const LINES: usize = 12;

/// Beginnings of lines in which PostgreSQL's programs repeat rows or statements.
const REPEATING: [&str; 6] = ["DETAIL:", "CONTEXT:", "STATEMENT:", "QUERY:", "LINE ", "Command was:"];

/// The last words of a program, for a record that others read: no row's values.
pub fn last_words(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let text = if stderr.trim().is_empty() { stdout } else { stderr };
    without_rows(&text)
}

/// The same of text.
pub fn without_rows(text: &str) -> String {
    let mut kept: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()) {
        let bare = line.trim_start();
        let bare = bare.strip_prefix("pg_restore: ").unwrap_or(bare);
        let bare = bare.strip_prefix("error: ").or_else(|| bare.strip_prefix("detail: ")).unwrap_or(bare);
        if !REPEATING.iter().any(|beginning| bare.starts_with(beginning)) {
            kept.push(without_value(line));
        }
    }
    let first = kept.len().saturating_sub(LINES);
    kept.split_off(first).join("\n")
}

/// `invalid input syntax for type integer: "abc"` repeats a value after its last colon.
fn without_value(line: &str) -> String {
    let names_value =
        line.contains("invalid input") || line.contains("invalid byte sequence") || line.contains("out of range");
    match line.split_once(": \"") {
        Some((before, _)) if names_value => format!("{before}: (a value)"),
        _ => line.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_rows;

    #[test]
    fn rows_are_left_out_and_reasons_stay() {
        let text = "pg_restore: error: COPY failed for table \"act\": ERROR:  invalid input syntax for type integer: \"Rossi\"\n\
                    CONTEXT:  COPY act, line 3, column id: \"Rossi\"\n\nDETAIL:  Key (name)=(Rossi) already exists.\n";
        let words = without_rows(text);
        assert!(words.contains("invalid input syntax for type integer: (a value)"), "{words}");
        assert!(!words.contains("Rossi"), "{words}");
        let plain =
            "pg_restore: error: could not execute query: ERROR:  role \"x\" does not exist\nCommand was: ALTER TABLE a";
        assert_eq!(
            without_rows(plain),
            "pg_restore: error: could not execute query: ERROR:  role \"x\" does not exist"
        );
    }
}
