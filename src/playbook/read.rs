//! YAML of playbooks as a tree in which every key and value knows its place.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;

/// Where something stands in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line from 1.
    pub line: usize,
    /// Column from 1, in characters.
    pub column: usize,
    /// Length in characters.
    pub length: usize,
}

/// A text with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// The text.
    pub value: String,
    /// Where it stands.
    pub place: Place,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub place: Place,
}

/// What YAML can say.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// Text, also where it looks like something else and is quoted.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<(Text, Node)>),
}

/// Why a file is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Where, when it is known.
    pub place: Option<Place>,
    /// Why.
    pub why: String,
}

impl Node {
    /// What kind of value it is, for a person.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The value below this one at the path, or the nearest that is there.
    pub fn at(&self, path: &[String]) -> &Node {
        let Some((first, rest)) = path.split_first() else { return self };
        let next = match &self.value {
            Value::Map(entries) => entries.iter().find(|(key, _)| key.value == *first).map(|(_, node)| node),
            Value::List(nodes) => first.parse::<usize>().ok().and_then(|index| nodes.get(index)),
            _ => None,
        };
        next.map_or(self, |node| node.at(rest))
    }
}

/// Reads one document. Words such as `no` and numbers such as `0755` stay text; a key that comes twice is an error.
///
/// # Errors
/// Why it is no YAML, and where.
pub fn read(text: &str) -> Result<Node, Unreadable> {
    let options = serde_yaml::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    let spanned: Spanned<Raw> = serde_yaml::from_str_with_options(text, options).map_err(|error| Unreadable {
        place: error.location().map(place_of),
        why: error.without_snippet().to_string().lines().next().unwrap_or_default().to_string(),
    })?;
    Ok(node(spanned))
}

fn place_of(location: serde_yaml::Location) -> Place {
    let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Place {
        line: whole(location.line()).max(1),
        column: whole(location.column()).max(1),
        length: usize::try_from(location.span().len()).unwrap_or(1).max(1),
    }
}

fn node(spanned: Spanned<Raw>) -> Node {
    let place = place_of(spanned.referenced);
    let value = match spanned.value {
        Raw::Null => Value::Null,
        Raw::Bool(value) => Value::Bool(value),
        Raw::Number(value) => Value::Number(value),
        Raw::Text(value) => Value::Text(value),
        Raw::List(values) => Value::List(values.into_iter().map(node).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| (Text { place: place_of(key.referenced), value: key.value }, node(value)))
                .collect(),
        ),
    };
    Node { value, place }
}

enum Raw {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Raw, D::Error> {
        input.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a YAML value")
    }

    fn visit_unit<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, input: D) -> Result<Raw, D::Error> {
        Raw::deserialize(input)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Raw, E> {
        let number = serde_json::Number::from_f64(value);
        number.map(Raw::Number).ok_or_else(|| E::custom("a number without end has no place in a playbook"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<Raw, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = input.next_element()? {
            values.push(value);
        }
        Ok(Raw::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut input: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = input.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_value_knows_its_place() {
        let node = read("- name: a\n  steps:\n    - file: { path: \"/x\", mode: 0644 }\n").expect("YAML");
        let path = ["0", "steps", "0", "file", "mode"].map(str::to_string);
        let mode = node.at(&path);
        assert_eq!(mode.value, Value::Text("0644".to_string()));
        assert_eq!((mode.place.line, mode.place.column, mode.place.length), (3, 33, 4));
    }

    #[test]
    fn words_that_look_like_something_else_stay_text() {
        let node = read("[no, on, 0755, 1.0.0, \"1\", true, 12]").expect("YAML");
        let Value::List(values) = node.value else { panic!("a list") };
        let text = |word: &str| Value::Text(word.to_string());
        let values: Vec<Value> = values.into_iter().map(|node| node.value).collect();
        assert_eq!(values[..5], [text("no"), text("on"), text("0755"), text("1.0.0"), text("1")]);
        assert_eq!(values[5..], [Value::Bool(true), Value::Number(12.into())]);
    }

    #[test]
    fn a_key_that_comes_twice_is_refused_with_its_place() {
        let error = read("a: 1\nb: 2\na: 3\n").expect_err("twice");
        assert_eq!(error.place.map(|place| place.line), Some(3));
        assert!(error.why.contains("duplicate"), "{}", error.why);
    }
}
