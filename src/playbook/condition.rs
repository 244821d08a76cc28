//! The one condition of a play or step: over inventory values, never over facts.
//!
//! `[not] PATH`, `[not] PATH == WORD`, `[not] PATH contains WORD`, where a word may stand in quotes.

use serde_json::Value;

use crate::playbook::read::Place;
use crate::playbook::render::Values;
use crate::templates::lint::{Shape, Unknown};

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    negated: bool,
    path: String,
    test: Test,
    place: Option<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    /// It is there and neither false, nor zero, nor empty.
    Is,
    Equals(String),
    Contains(String),
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// What does not belong there.
    pub fn parse(text: &str) -> Result<Condition, String> {
        let mut words = words(text)?.into_iter().peekable();
        let negated = words.next_if(|word| word == "not").is_some();
        let Some(path) = words.next() else { return Err("the condition is empty".to_string()) };
        let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.');
        if !path.chars().all(plain) {
            return Err(format!("`{path}` is no name of an inventory value, such as `tenant.application.database`"));
        }
        let test = match (words.next().as_deref(), words.next()) {
            (None, _) => Test::Is,
            (Some("=="), Some(word)) => Test::Equals(word),
            (Some("contains"), Some(word)) => Test::Contains(word),
            (Some(other), None) if matches!(other, "==" | "contains") => {
                return Err(format!("`{other}` needs a word after it"));
            }
            (Some(other), _) => {
                return Err(format!("`{other}` is not known here: after the name comes nothing, `==` or `contains`"));
            }
        };
        match words.next() {
            None => Ok(Condition { negated, path, test, place: None }),
            Some(more) => {
                Err(format!("`{more}` is too much: a step has one condition; write a play of its own for the rest"))
            }
        }
    }

    /// Remembers where it stands.
    pub fn placed(self, place: Place) -> Condition {
        Condition { place: Some(place), ..self }
    }

    /// Where it stands.
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// Looks the name up in what will be offered.
    ///
    /// # Errors
    /// The part that is not there, with the names that are.
    pub fn check(&self, shape: &Shape) -> Result<(), Unknown> {
        shape.follow(&self.path).map(|_| ())
    }

    /// Whether it holds for these values.
    pub fn holds(&self, values: &Values) -> bool {
        let value = values.get(&self.path).unwrap_or(&Value::Null);
        let holds = match &self.test {
            Test::Is => match value {
                Value::Null => false,
                Value::Bool(value) => *value,
                Value::Number(number) => number.as_f64() != Some(0.0),
                Value::String(text) => !text.is_empty(),
                Value::Array(elements) => !elements.is_empty(),
                Value::Object(fields) => !fields.is_empty(),
            },
            Test::Equals(word) => as_word(value).as_deref() == Some(word),
            Test::Contains(word) => match value {
                Value::Array(elements) => elements.iter().any(|element| as_word(element).as_deref() == Some(word)),
                Value::Object(fields) => fields.contains_key(word),
                _ => false,
            },
        };
        holds != self.negated
    }
}

fn as_word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        if matches!(first, '"' | '\'') {
            let (word, after) =
                rest[1..].split_once(first).ok_or_else(|| format!("the quote {first} is not closed in `{text}`"))?;
            words.push(word.to_string());
            rest = after.trim_start();
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            words.push(rest[..end].to_string());
            rest = rest[end..].trim_start();
        }
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::render::named;
    use serde_json::json;

    #[test]
    fn conditions_are_answered_by_values() {
        let tenant = json!({
            "port": null, "stopped": false, "size": "small",
            "application": {"database": "postgresql", "packages": [], "roles": ["web", "db"]},
        });
        let values = Values::default().with("tenant", &named(&tenant).expect("plain JSON"));
        for (condition, holds) in [
            ("tenant.application.database", true),
            ("not tenant.application.database", false),
            ("tenant.port", false),
            ("not tenant.stopped", true),
            ("tenant.stopped == false", true),
            ("tenant.size == 'small'", true),
            ("not tenant.size == large", true),
            ("tenant.application.packages", false),
            ("tenant.application.roles contains db", true),
            ("not tenant.application.roles contains \"mail\"", true),
        ] {
            assert_eq!(Condition::parse(condition).map(|parsed| parsed.holds(&values)), Ok(holds), "{condition}");
        }
    }

    #[test]
    fn what_is_no_single_condition_is_refused_with_why() {
        for (condition, why) in [
            ("", "empty"),
            ("tenant.port and tenant.stopped", "`and` is not known here"),
            ("tenant.size == a b", "`b` is too much"),
            ("tenant.size ==", "needs a word"),
            ("{{ tenant.size }}", "is no name"),
            ("tenant.size == 'a", "not closed"),
        ] {
            let error = Condition::parse(condition).expect_err(condition);
            assert!(error.contains(why), "{condition}: {error}");
        }
    }
}
