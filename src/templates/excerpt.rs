//! How a place in a text is shown.

/// What is wrong, `file:line:column`, the line and a pointer below it.
///
/// `column` counts from 1 and `length` is in characters; a pointer past the end of the line is cut.
pub fn excerpt(file: &str, text: &str, line: usize, column: usize, length: usize, message: &str) -> String {
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    // A tab stays a tab, so that the pointer stands below what it points at.
    let indent: String = text
        .chars()
        .take(column.saturating_sub(1))
        .map(|character| if character == '\t' { '\t' } else { ' ' })
        .collect();
    let room = text.chars().count().saturating_sub(column.saturating_sub(1)).max(1);
    let pointer = "^".repeat(length.clamp(1, room));
    format!(
        "{message}\n{margin}--> {file}:{line}:{column}\n{margin} |\n{number} | {text}\n{margin} | {indent}{pointer}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pointer_stands_below_the_word() {
        assert_eq!(
            excerpt("a.yml", "  - flie: {}", 12, 5, 4, "unknown kind `flie`"),
            "unknown kind `flie`\n  --> a.yml:12:5\n   |\n12 |   - flie: {}\n   |     ^^^^"
        );
    }
}
