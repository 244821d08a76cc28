//! YAML of playbooks as a tree in which every key and value knows its place.

use crate::inventory::diagnostics::Diagnostics;
use crate::inventory::node;
use crate::inventory::source::{Sources, Span};

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

/// Reads one document as the inventory's files are read, but a number in an unusual spelling (`0755`) is text.
///
/// # Errors
/// Why it is no YAML, and where; or the first key that stands twice.
pub fn read(text: &str) -> Result<Node, Unreadable> {
    let mut sources = Sources::default();
    let file = sources.add("", text);
    let mut findings = Vec::new();
    let parsed = node::parse(&sources, file, &mut findings);
    if let Some(first) = Diagnostics::new(findings, sources.clone()).list().into_iter().next() {
        let whole = |number: u32| usize::try_from(number).unwrap_or(usize::MAX).max(1);
        let why = first.help.map_or(first.message.clone(), |help| format!("{}: {help}", first.message));
        let place = Place { line: whole(first.line), column: whole(first.column), length: whole(first.length) };
        return Err(Unreadable { place: (first.line > 0).then_some(place), why });
    }
    let unreadable = || Unreadable { place: None, why: "this is no YAML".to_string() };
    parsed.map(|parsed| placed(&sources, parsed)).ok_or_else(unreadable)
}

fn placed(sources: &Sources, parsed: node::Node) -> Node {
    let place = place_of(sources, parsed.span);
    let value = match parsed.value {
        node::Value::Null => Value::Null,
        node::Value::Bool(value) => Value::Bool(value),
        node::Value::Num(number) => number.value.map_or(Value::Text(number.spelling), Value::Number),
        node::Value::Str(value) => Value::Text(value),
        node::Value::Seq(values) => Value::List(values.into_iter().map(|value| placed(sources, value)).collect()),
        node::Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|entry| {
                    let place = place_of(sources, entry.key_span);
                    (Text { value: entry.key, place }, placed(sources, entry.node))
                })
                .collect(),
        ),
    };
    Node { value, place }
}

fn place_of(sources: &Sources, span: Span) -> Place {
    let whole = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let start = whole(span.offset);
    let shown = sources.text(span.file).get(start..start.saturating_add(whole(span.length))).unwrap_or_default();
    Place { line: whole(span.line), column: whole(span.column), length: shown.chars().count().max(1) }
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
        assert!(error.why.contains("stands twice"), "{}", error.why);
    }
}
