//! How a place in a text is shown, and which name may have been meant.

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

/// The known name that is most like `name`, when one is near enough to have been meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, candidate)| candidate)
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

    #[test]
    fn only_a_near_name_is_meant() {
        assert_eq!(nearest("flie", ["file", "user"]), Some("file"));
        assert_eq!(nearest("acount", ["account", "data"]), Some("account"));
        assert_eq!(nearest("zzz", ["file", "user"]), None);
    }
}
