//! The secrets that one host may have, and the tokens that stand for them everywhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Check;
use crate::failure::{Failure, Result};

/// The value of a secret. Cannot be printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretValue {
    /// Changes whenever the value changes; not secret.
    pub id: String,
    /// The ids that this one replaced, the newest last: a host that has one of them may be given this value.
    #[serde(default)]
    pub replaces: Vec<String>,
    /// The value itself.
    pub value: String,
    /// Only the id is known: whoever asks may not read the value, and `value` is empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SecretValue({}, value hidden)", self.id)
    }
}

/// Secrets by token (`secret://c_e863/albo/database_password`), without a `#format` suffix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretTable {
    /// The table.
    pub values: BTreeMap<String, SecretValue>,
}

/// A token as it stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// Where it stands, in bytes.
    pub(super) place: Range<usize>,
    /// The token without its format.
    pub(super) name: &'a str,
    /// How the value must be written.
    pub(super) format: Option<&'a str>,
}

const SCHEME: &str = "secret://";

/// The tokens of a text, in order.
///
/// # Errors
/// When `secret://` is not followed by an owner, an application and a name: it would be written as it stands.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(SCHEME) {
        let begin = from + at;
        let token = token_at(text, begin).ok_or_else(|| {
            let line = text[..begin].lines().count().max(1);
            Failure::operation(format!("line {line} has a malformed secret token"))
                .hint("Write secret://OWNER/APPLICATION/NAME, with letters a-z, digits, _ (and - in APPLICATION).")
        })?;
        from = token.place.end;
        found.push(token);
    }
    Ok(found)
}

/// The tokens of a text without their formats, each once; none of a text whose tokens are malformed.
pub(super) fn token_names(text: &str) -> Vec<String> {
    let names: BTreeSet<_> = tokens(text).unwrap_or_default().into_iter().map(|token| token.name.to_string()).collect();
    names.into_iter().collect()
}

fn token_at(text: &str, begin: usize) -> Option<Token<'_>> {
    let word = |at: usize, also: &[u8]| {
        let rest = &text.as_bytes()[at..];
        let fits = |byte: &&u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || also.contains(byte);
        Some(rest.iter().take_while(fits).count()).filter(|length| *length > 0).map(|length| at + length)
    };
    let slash = |at: usize| (text.as_bytes().get(at) == Some(&b'/')).then_some(at + 1);
    let owner = word(begin + SCHEME.len(), b"_")?;
    let application = word(slash(owner)?, b"-")?;
    let name = word(slash(application)?, b"_")?;
    let letters =
        text[name..].strip_prefix('#').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_lowercase).count());
    let (end, format) =
        if letters > 0 { (name + 1 + letters, Some(&text[name + 1..name + 1 + letters])) } else { (name, None) };
    Some(Token { place: begin..end, name: &text[begin..name], format })
}

impl SecretTable {
    /// The value that a token stands for; `None` when it was not given.
    pub fn value(&self, token: &str) -> Option<&str> {
        self.values.get(token).filter(|secret| !secret.withheld).map(|secret| secret.value.as_str())
    }

    /// All of these are known at least by their id, and some by nothing else.
    pub fn by_id_only(&self, tokens: &[String]) -> bool {
        let known = |token: &String| self.values.contains_key(token);
        tokens.iter().all(known) && tokens.iter().any(|token| self.value(token).is_none())
    }

    /// The text with every token replaced by its value, in the token's format; `None` when a value was not given.
    ///
    /// # Errors
    /// When a token is malformed, its format unknown, or the value does not fit the format.
    pub fn replace(&self, text: &str) -> Result<Option<String>> {
        let mut replaced = String::with_capacity(text.len());
        let mut from = 0;
        for token in tokens(text)? {
            let Some(value) = self.value(token.name) else {
                return Ok(None);
            };
            replaced.push_str(&text[from..token.place.start]);
            replaced.push_str(&formatted(value, &token)?);
            from = token.place.end;
        }
        replaced.push_str(&text[from..]);
        Ok(Some(replaced))
    }

    /// The text with the values of all secrets hidden: for words of programs that may repeat what they were told.
    pub fn mask(&self, text: &str) -> String {
        let mut values: Vec<&str> = self.values.values().map(|secret| secret.value.as_str()).collect();
        // The longest first: one value may be part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        let hide = |text: String, value: &&str| {
            if value.is_empty() { text } else { text.replace(*value, "[secret]") }
        };
        values.iter().fold(text.to_string(), hide)
    }

    /// Some value stands in these bytes.
    pub(super) fn shows_in(&self, bytes: &[u8]) -> bool {
        let inside = |value: &[u8]| !value.is_empty() && bytes.windows(value.len()).any(|window| window == value);
        self.values.values().any(|secret| inside(secret.value.as_bytes()))
    }

    /// The finding about a resource whose secrets were not all given.
    pub(super) fn not_checked(&self, names: &[String]) -> Check {
        let missing: Vec<&str> = names.iter().map(String::as_str).filter(|name| self.value(name).is_none()).collect();
        let why = match missing[..] {
            [name] => format!("not checked: the secret {name} was not given"),
            _ => format!("not checked: the secrets {} were not given", missing.join(", ")),
        };
        Check::Unknown { needs: None, why }
    }
}

fn formatted(value: &str, token: &Token) -> Result<String> {
    match token.format {
        None => Ok(value.to_string()),
        Some("pgpass") if value.contains('\n') => {
            Err(Failure::operation(format!("{} has a newline, which a pgpass file cannot hold", token.name))
                .hint("Set the secret again without it."))
        }
        Some("pgpass") => Ok(value.replace('\\', "\\\\").replace(':', "\\:")),
        Some(other) => Err(Failure::operation(format!("{}#{other} asks for a format that is not known", token.name))
            .hint("The known format is #pgpass.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(value: &str) -> SecretTable {
        let secret =
            SecretValue { id: "1".to_string(), replaces: Vec::new(), value: value.to_string(), withheld: false };
        SecretTable { values: [("secret://c_e863/albo/key".to_string(), secret)].into() }
    }

    #[test]
    fn tokens_are_found_wherever_they_stand() {
        let text = "a=secret://c_e863/albo/key;b=\"secret://consortium/posta-certificata/relay_key#pgpass\".";
        let found: Vec<_> = tokens(text).unwrap().into_iter().map(|token| (token.name, token.format)).collect();
        let expected =
            [("secret://c_e863/albo/key", None), ("secret://consortium/posta-certificata/relay_key", Some("pgpass"))];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_malformed_token_is_an_error_and_never_written_as_it_stands() {
        for text in ["secret://", "secret://C/albo/key", "x\nsecret://c_e863/albo", "secret://c_e863//key"] {
            assert!(table("v").replace(text).is_err(), "{text}");
        }
        assert!(tokens("x\ny secret://").unwrap_err().message.contains("line 2"));
    }

    #[test]
    fn values_take_the_place_of_tokens_in_the_format_they_ask_for() {
        let table = table(r"p\w:x");
        assert_eq!(table.replace("k=secret://c_e863/albo/key.").unwrap().unwrap(), r"k=p\w:x.");
        assert_eq!(table.replace("*:secret://c_e863/albo/key#pgpass\n").unwrap().unwrap(), "*:p\\\\w\\:x\n");
        assert_eq!(table.replace("secret://c_e863/albo/other").unwrap(), None);
        assert!(table.replace("secret://c_e863/albo/key#rot").is_err());
    }

    #[test]
    fn a_value_that_looks_like_a_token_is_not_replaced_again() {
        let table = table("secret://c_e863/albo/key");
        assert_eq!(table.replace("secret://c_e863/albo/key").unwrap().unwrap(), "secret://c_e863/albo/key");
    }

    #[test]
    fn words_of_programs_are_masked() {
        assert_eq!(table("hunter2").mask("login with hunter2 failed"), "login with [secret] failed");
        assert!(!format!("{:?}", table("hunter2")).contains("hunter2"));
    }
}
