//! YAML of playbooks as a tree in which every key and value knows its place.

use crate::inventory::diagnostics::{Diagnostic, Diagnostics};
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

/// Reads one document, by the one reader and the rules that the files of an inventory have: words such as `no` and
/// numbers such as `0755` stay text; a key that comes twice, a tab, a bomb of aliases are errors.
///
/// # Errors
/// Why it is no YAML, and where; all that was found.
pub fn read(text: &str) -> Result<Node, Vec<Unreadable>> {
    let mut sources = Sources::default();
    let file = sources.add("", text);
    let mut findings = Vec::new();
    match (node::parse(&sources, file, &mut findings), findings.is_empty()) {
        (Some(tree), true) => Ok(convert(&sources, tree)),
        _ => Err(Diagnostics::new(findings, sources).list().into_iter().map(unreadable).collect()),
    }
}

fn unreadable(found: Diagnostic) -> Unreadable {
    let place = Place { line: found.line as usize, column: found.column as usize, length: found.length as usize };
    let first = found.also.first().map(|first| format!(", {} in line {}", first.label, first.line));
    let help = found.help.map(|help| format!(": {help}"));
    Unreadable {
        place: (place.line > 0).then_some(place),
        why: [Some(found.message), first, help].into_iter().flatten().collect(),
    }
}

fn place(sources: &Sources, span: Span) -> Place {
    let (line, range) = sources.line(span);
    Place {
        line: (span.line as usize).max(1),
        column: (span.column as usize).max(1),
        length: line[range].chars().count().max(1),
    }
}

fn convert(sources: &Sources, tree: node::Node) -> Node {
    let place_of = |span| place(sources, span);
    let value = match tree.value {
        node::Value::Null => Value::Null,
        node::Value::Bool(value) => Value::Bool(value),
        node::Value::Num(number) => number.value.map_or(Value::Text(number.spelling), Value::Number),
        node::Value::Str(text) => Value::Text(text),
        node::Value::Seq(nodes) => Value::List(nodes.into_iter().map(|node| convert(sources, node)).collect()),
        node::Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|entry| (Text { value: entry.key, place: place_of(entry.key_span) }, convert(sources, entry.node)))
                .collect(),
        ),
    };
    Node { value, place: place_of(tree.span) }
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
    fn what_an_inventory_may_not_say_a_playbook_may_not_say_either() {
        for (text, line, why) in [
            ("a: 1\nb: 2\na: 3\n", 3, "the key `a` stands twice, first here in line 1: keep one of the two"),
            ("- name: x\n\ton: all\n", 2, "a tab in the indentation: YAML is indented by spaces only"),
            ("- <<: {}\n", 1, "`<<` is not read here"),
        ] {
            let found = read(text).expect_err(text);
            assert_eq!(found[0].place.map(|place| place.line), Some(line), "{found:?}");
            assert!(found[0].why.starts_with(why), "{}", found[0].why);
        }
    }
}
