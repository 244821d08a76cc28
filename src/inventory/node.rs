//! YAML as a tree that knows where everything was written. The only place that calls the YAML reader.

mod explain;

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned};

use super::diagnostics::{Finding, quoted};
use super::source::{FileId, Sources, Span};

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands; for an alias (`*name`) the place of use.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// What a node can be.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A map, in the order of the file.
    Map(Vec<Entry>),
    /// A list.
    Seq(Vec<Node>),
    /// Text; also words that other readers take for booleans (`no`, `on`).
    Str(String),
    /// `true` or `false`.
    Bool(bool),
    /// A number as YAML sees it, leading zeros included (`012096`).
    Num(Number),
    /// `null`, `~` or nothing.
    Null,
}

/// A number with the way it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// As in the file: `012096`, `1.10`.
    pub spelling: String,
    /// Its value; `None` when it has none that can be told safely (leading zeros, underscores, too large).
    pub value: Option<serde_json::Number>,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub node: Node,
}

impl Node {
    /// An empty map at `span`.
    pub fn empty(span: Span) -> Node {
        Node { span, value: Value::Map(Vec::new()) }
    }

    /// The entries when it is a map, else none.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of `key`.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The node at `path` through maps.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.entry(key).map(|entry| &entry.node))
    }

    /// Whether `path` leads to anything but nothing.
    pub fn says(&self, path: &[&str]) -> bool {
        self.at(path).is_some_and(|node| node.value != Value::Null)
    }

    /// Where the value at `path` stands, or as far as the path goes.
    pub fn place(&self, path: &[&str]) -> Span {
        let mut here = self.span;
        let mut node = self;
        for key in path {
            match node.entry(key) {
                Some(entry) => (here, node) = (entry.node.place_of_value(entry), &entry.node),
                None => break,
            }
        }
        here
    }

    /// Where the last key of `path` stands, or as far as the path goes.
    pub fn key_place(&self, path: &[&str]) -> Span {
        let mut here = self.span;
        let mut node = self;
        for key in path {
            match node.entry(key) {
                Some(entry) => (here, node) = (entry.key_span, &entry.node),
                None => break,
            }
        }
        here
    }

    /// A value that is nothing (`key:`) is best shown by its key; a block by its key as well.
    fn place_of_value(&self, entry: &Entry) -> Span {
        match self.value {
            Value::Map(_) | Value::Seq(_) | Value::Null => entry.key_span,
            _ => self.span,
        }
    }

    /// What it is, in a word with its article.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Map(_) => "a map",
            Value::Seq(_) => "a list",
            Value::Str(_) => "text",
            Value::Bool(_) => "a boolean",
            Value::Num(_) => "a number",
            Value::Null => "nothing",
        }
    }

    /// As JSON, without the keys that are free (`x-`).
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Map(entries) => Json::Object(
                entries
                    .iter()
                    .filter(|entry| !is_free(&entry.key))
                    .map(|entry| (entry.key.clone(), entry.node.to_json()))
                    .collect(),
            ),
            Value::Seq(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Value::Str(text) => Json::String(text.clone()),
            Value::Bool(value) => Json::Bool(*value),
            Value::Num(number) => {
                number.value.clone().map_or_else(|| Json::String(number.spelling.clone()), Json::Number)
            }
            Value::Null => Json::Null,
        }
    }
}

/// Keys that begin with `x-` are free everywhere and mean nothing.
pub fn is_free(key: &str) -> bool {
    key.starts_with("x-")
}

/// Parses one file into a tree. Keys that stand twice are findings, and the last one is kept.
///
/// # Errors
/// `None` when the file is no YAML; the findings say why.
pub fn parse(sources: &Sources, file: FileId, findings: &mut Vec<Finding>) -> Option<Node> {
    match from_yaml::<Tree>(sources.text(file)) {
        Ok(tree) => Some(Placer { sources, file, findings, lines: line_starts(sources.text(file)) }.node(tree)),
        Err(error) => {
            findings.push(explain::explain(sources, file, &error));
            None
        }
    }
}

/// The one call of the YAML reader, with the options that every file of comuni is read with.
///
/// YAML 1.2 words only (`no` and `on` stay text), keys that stand twice are handed over so that both places can be
/// shown, and budgets that no honest file of at most 1 MiB comes near: a bomb of aliases ends at once.
fn from_yaml<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_yaml::Error> {
    let options = serde_yaml::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
        duplicate_keys: serde_yaml::DuplicateKeyPolicy::PassThrough,
        merge_keys: serde_yaml::MergeKeyPolicy::Error,
        non_finite_float_policy: serde_yaml::NonFiniteFloatPolicy::AsString,
        reject_unsupported_tags: true,
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 10_000, max_replay_stack_depth: 16 },
        budget: serde_yaml::budget! {
            max_depth: 24,
            flow_nesting_limit: 24,
            max_documents: 2,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_recorded_anchor_events: 50_000,
        },
    };
    serde_yaml::from_str_with_options(text, options)
}

/// A tree as the reader hands it over, with the reader's own places.
struct Tree(Spanned<Untyped>);

enum Untyped {
    Map(Vec<(Spanned<String>, Tree)>),
    Seq(Vec<Tree>),
    Str(String),
    Bool(bool),
    Num(Option<serde_json::Number>),
    Null,
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        Spanned::deserialize(deserializer).map(Tree)
    }
}

impl<'de> Deserialize<'de> for Untyped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Untyped, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Untyped;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Untyped, E> {
        Ok(Untyped::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Untyped, E> {
        Ok(Untyped::Num(Some(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Untyped, E> {
        Ok(Untyped::Num(Some(value.into())))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Untyped, E> {
        Ok(Untyped::Num(serde_json::Number::from_i128(value)))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Untyped, E> {
        Ok(Untyped::Num(serde_json::Number::from_u128(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Untyped, E> {
        Ok(Untyped::Num(serde_json::Number::from_f64(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Untyped, E> {
        Ok(Untyped::Str(value.to_string()))
    }

    fn visit_string<E>(self, value: String) -> Result<Untyped, E> {
        Ok(Untyped::Str(value))
    }

    fn visit_unit<E>(self) -> Result<Untyped, E> {
        Ok(Untyped::Null)
    }

    fn visit_none<E>(self) -> Result<Untyped, E> {
        Ok(Untyped::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Untyped, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Untyped, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Untyped::Seq(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Untyped, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Untyped::Map(map))
    }
}

/// Gives every node its place in our own terms and collects the keys that stand twice.
struct Placer<'a> {
    sources: &'a Sources,
    file: FileId,
    findings: &'a mut Vec<Finding>,
    lines: Vec<usize>,
}

impl Placer<'_> {
    fn node(&mut self, Tree(tree): Tree) -> Node {
        let span = self.span(tree.referenced);
        let value = match tree.value {
            Untyped::Map(entries) => self.map(entries),
            Untyped::Seq(items) => Value::Seq(items.into_iter().map(|item| self.node(item)).collect()),
            Untyped::Str(text) if self.is_plain_number(&text, tree.defined) => {
                Value::Num(Number { spelling: text, value: None })
            }
            Untyped::Str(text) => Value::Str(text),
            Untyped::Bool(value) => Value::Bool(value),
            Untyped::Num(value) => Value::Num(Number { spelling: self.spelling(tree.defined), value }),
            Untyped::Null => Value::Null,
        };
        Node { span, value }
    }

    fn map(&mut self, entries: Vec<(Spanned<String>, Tree)>) -> Value {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut map: Vec<Entry> = Vec::with_capacity(entries.len());
        for (key, tree) in entries {
            let key_span = self.span(key.referenced);
            let entry = Entry { key: key.value, key_span, node: self.node(tree) };
            match places.get(&entry.key) {
                Some(place) => {
                    let first = map[*place].key_span;
                    self.findings.push(
                        Finding::error(key_span, format!("the key {} stands twice", quoted(&entry.key)))
                            .label("again here")
                            .also(first, "first here")
                            .help("keep one of the two"),
                    );
                    map[*place].node = entry.node;
                }
                None => {
                    places.insert(entry.key.clone(), map.len());
                    map.push(entry);
                }
            }
        }
        Value::Map(map)
    }

    fn span(&self, location: Location) -> Span {
        let (offset, length) = byte_range(location);
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.sources.text(self.file).get(start..offset).unwrap_or("");
        Span {
            file: self.file,
            line: line as u32,
            column: before.chars().count() as u32 + 1,
            offset: offset as u32,
            length: length as u32,
        }
    }

    fn spelling(&self, location: Location) -> String {
        let (offset, length) = byte_range(location);
        self.sources.text(self.file).get(offset..offset + length).unwrap_or("").trim().to_string()
    }

    /// Text without quotes that another reader of YAML takes for a number (`012096`, `1_000`): it must not pass as text.
    fn is_plain_number(&self, text: &str, location: Location) -> bool {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let numeric = digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.chars().all(|c| c.is_ascii_digit() || c == '_' || c == '.')
            && digits.matches('.').count() <= 1;
        numeric && self.spelling(location) == text
    }
}

fn byte_range(location: Location) -> (usize, usize) {
    let span = location.span();
    let offset = span.byte_offset().unwrap_or(0);
    (usize::try_from(offset).unwrap_or(0), usize::try_from(span.byte_len().unwrap_or(0)).unwrap_or(0))
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

#[cfg(test)]
mod tests;
