//! How names must be written so that they are safe in paths, units, host names and databases.
//!
//! Every function says what is wrong as the end of a sentence: "the domain … holds a space".

/// Small letters, digits and single hyphens (`induno-olona`), at most 60 characters.
///
/// # Errors
/// What is wrong with it.
pub fn slug(text: &str) -> Result<(), String> {
    only(text, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')?;
    if text.starts_with('-') || text.ends_with('-') || text.contains("--") {
        return Err("has a hyphen at an end or two together".to_string());
    }
    longest(text, 60)
}

/// A name of hosts and applications: a slug that begins with a letter.
///
/// # Errors
/// What is wrong with it.
pub fn name(text: &str) -> Result<(), String> {
    slug(text)?;
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("begins with a digit".to_string());
    }
    Ok(())
}

/// Small letters, digits and `_`, beginning with a letter: names of secrets, classes, accounts.
///
/// # Errors
/// What is wrong with it.
pub fn word(text: &str) -> Result<(), String> {
    only(text, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')?;
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err("does not begin with a letter".to_string());
    }
    longest(text, 32)
}

/// A domain or host name of at least two labels, in small letters, without a final dot (RFC 1123).
///
/// # Errors
/// What is wrong with it.
pub fn domain(text: &str) -> Result<(), String> {
    if text.contains("..") {
        return Err("holds `..`".to_string());
    }
    only(text, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')?;
    longest(text, 253)?;
    if text.starts_with('.') || text.ends_with('.') {
        return Err("has a dot at an end".to_string());
    }
    let labels: Vec<&str> = text.split('.').collect();
    if labels.len() < 2 {
        return Err("has only one label".to_string());
    }
    match labels.iter().find(|label| label.starts_with('-') || label.ends_with('-') || label.len() > 63) {
        Some(label) => Err(format!("has the label `{label}`, with a hyphen at an end or longer than 63")),
        None => Ok(()),
    }
}

/// A release: letters, digits, `.`, `-`, `+` and `~`, beginning with a letter or digit.
///
/// # Errors
/// What is wrong with it.
pub fn release(text: &str) -> Result<(), String> {
    if text.contains("..") {
        return Err("holds `..`".to_string());
    }
    only(text, |c| c.is_ascii_alphanumeric() || ".-+~".contains(c))?;
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err("does not begin with a letter or digit".to_string());
    }
    longest(text, 40)
}

/// The name of a file, such as `settings.ini`.
///
/// # Errors
/// What is wrong with it.
pub fn file_name(text: &str) -> Result<(), String> {
    only(text, |c| c.is_ascii_alphanumeric() || "._-".contains(c))?;
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err("does not begin with a letter or digit".to_string());
    }
    longest(text, 60)
}

/// An e-mail address, as far as it can be told without sending.
///
/// # Errors
/// What is wrong with it.
pub fn mail(text: &str) -> Result<(), String> {
    let (user, host) = text.split_once('@').ok_or("has no `@`")?;
    only(user, |c| c.is_ascii_alphanumeric() || ".!#$%&*+/=?^_{|}~-".contains(c))?;
    domain(&host.to_lowercase())
}

fn longest(text: &str, most: usize) -> Result<(), String> {
    if text.len() > most { Err(format!("is longer than {most} characters")) } else { Ok(()) }
}

fn only(text: &str, allowed: impl Fn(char) -> bool) -> Result<(), String> {
    if text.is_empty() {
        return Err("is empty".to_string());
    }
    match text.chars().find(|c| !allowed(*c)) {
        None => Ok(()),
        Some(' ') => Err("holds a space".to_string()),
        Some('\n' | '\r') => Err("holds a newline".to_string()),
        Some('\t') => Err("holds a tab".to_string()),
        Some('"' | '\'') => Err("holds a quote".to_string()),
        Some(c) if c.is_uppercase() => Err("holds a capital letter".to_string()),
        Some(c) if c.is_control() => Err("holds a control character".to_string()),
        Some(c) => Err(format!("holds `{c}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_pass() {
        for text in ["malnate", "induno-olona", "samone-to", "3-pievi"] {
            assert_eq!(slug(text), Ok(()), "{text}");
        }
        for text in ["comune.malnate.va.it", "cloud.varese.example", "xn--viggi-3ta.it", "1.2.example"] {
            assert_eq!(domain(text), Ok(()), "{text}");
        }
        assert_eq!(release("1.0.0-rc1+deb12~1"), Ok(()));
        assert_eq!(mail("ced@comune.malnate.va.it"), Ok(()));
    }

    #[test]
    fn what_could_leave_its_field_is_refused() {
        for text in
            ["a/b", "..", "a\nb", "a\"b", "a'b", "a b", "", "Malnate", "-a", "a-", "a--b", "a\0", "è", "$(id)", "a;b"]
        {
            assert!(slug(text).is_err(), "{text:?}");
            assert!(domain(text).is_err(), "{text:?}");
            assert!(name(text).is_err(), "{text:?}");
            assert!(word(text).is_err(), "{text:?}");
        }
        for text in ["a..b", "../1", "/1", "1\n", "-1", "", "1 0"] {
            assert!(release(text).is_err(), "{text:?}");
        }
        for text in ["ced", "a@b", "a b@c.it", "a@c.it\nBcc: x@y.it"] {
            assert!(mail(text).is_err(), "{text:?}");
        }
        assert_eq!(domain("a b.it"), Err("holds a space".to_string()));
        assert!(domain(&format!("{}.it", "a".repeat(64))).is_err());
    }
}
