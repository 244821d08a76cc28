//! Expressions as PostgreSQL writes them back, made comparable.
//!
//! What it writes of a parsed expression, parsed again, may have its casts and parentheses elsewhere:
//! `(ARRAY['a'::character varying])::text[]` comes back as `ARRAY[('a'::character varying)::text]`. Casts, parentheses
//! and spaces are therefore left out of what is compared; names, literals and operators stay.

/// Words that belong to the name of a type of several words.
const MORE: [&str; 8] = ["varying", "precision", "without", "with", "time", "zone", "to", "second"];

/// An expression without casts, parentheses and spaces. What stands in quotes stays as it is.
pub(super) fn loosely(expression: &str) -> String {
    let mut out = String::with_capacity(expression.len());
    let mut rest = expression;
    while let Some(letter) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("::") {
            rest = without_type(after);
        } else if letter == '\'' || letter == '"' {
            let length = quoted(rest);
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        } else {
            if letter.is_whitespace() || matches!(letter, '(' | ')') {
                // Two words must not become one.
                if out.chars().next_back().is_some_and(is_word) {
                    out.push(' ');
                }
            } else {
                if out.ends_with(' ') && !is_word(letter) {
                    out.pop();
                }
                out.push(letter);
            }
            rest = &rest[letter.len_utf8()..];
        }
    }
    out.trim_end().to_string()
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Length of the quoted piece at the beginning; a doubled quote stays inside.
fn quoted(text: &str) -> usize {
    let quote = text.as_bytes()[0];
    let mut at = 1;
    let bytes = text.as_bytes();
    while at < bytes.len() {
        if bytes[at] == quote {
            if bytes.get(at + 1) != Some(&quote) {
                return at + 1;
            }
            at += 1;
        }
        at += 1;
    }
    text.len()
}

/// What comes after the name of a type.
fn without_type(text: &str) -> &str {
    let mut rest = name(text);
    while let Some(after) = rest.strip_prefix('.') {
        rest = name(after);
    }
    loop {
        let word = rest.trim_start_matches(' ');
        let length = word.find(|letter: char| !is_word(letter)).unwrap_or(word.len());
        if word.len() < rest.len() && MORE.contains(&&word[..length]) {
            rest = &word[length..];
        } else if let Some(end) = rest.strip_prefix('(').and_then(|inner| modifier(inner)) {
            rest = end;
        } else if let Some(after) = rest.strip_prefix("[]") {
            rest = after;
        } else {
            return rest;
        }
    }
}

fn name(text: &str) -> &str {
    if text.starts_with('"') {
        return &text[quoted(text)..];
    }
    &text[text.find(|letter: char| !is_word(letter)).unwrap_or(text.len())..]
}

/// What comes after `10,2)`.
fn modifier(text: &str) -> Option<&str> {
    let (inner, rest) = text.split_once(')')?;
    inner.bytes().all(|byte| byte.is_ascii_digit() || byte == b',').then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::loosely;

    #[test]
    fn the_two_ways_of_writing_one_list_are_one() {
        let first = "CHECK (((kind)::text = ANY ((ARRAY['a b'::character varying, 'c'::character varying])::text[])))";
        let second = "CHECK (((kind)::text = ANY (ARRAY[('a b'::character varying)::text, ('c'::character varying)::text])))";
        assert_eq!(loosely(first), loosely(second));
        assert_eq!(loosely(first), "CHECK kind=ANY ARRAY['a b','c']");
    }

    #[test]
    fn names_literals_and_operators_stay() {
        assert_ne!(loosely("a > 1"), loosely("a < 1"));
        assert_ne!(loosely("a = '(x)'"), loosely("a = 'x'"));
        assert_ne!(loosely("a = 'it''s ::text'"), loosely("a = 'it''s '"));
        assert_ne!(loosely("is null"), loosely("isnull"));
        assert_eq!(loosely("x::numeric(10,2) + 1"), "x+1");
        assert_eq!(loosely("x::timestamp with time zone AT TIME ZONE 'UTC'"), "x AT TIME ZONE 'UTC'");
        assert_eq!(loosely("x::\"my type\".\"a\"[] || y"), "x||y");
    }
}
