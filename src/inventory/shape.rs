//! Holds a tree against the generated schema and tells everything that does not fit, each at its place.
//!
//! It understands what schemars makes of our types and nothing more; a test compares its verdicts with a full validator.

use serde_json::Value as Json;

use super::diagnostics::{Finding, quoted, suggestion};
use super::node::{Entry, Node, Value, is_free};
use super::pattern;
use super::source::Span;

/// Everything in `node` that `schema` does not allow. Keys that are missing are told by [`missing`].
pub fn wrong(node: &Node, schema: &Json, findings: &mut Vec<Finding>) {
    Walker { root: schema, findings }.value(node, schema, "");
}

/// Every compulsory key that is not there; `at` is where to point for the outermost map.
pub fn missing(node: &Node, schema: &Json, at: Span, findings: &mut Vec<Finding>) {
    Walker { root: schema, findings }.missing(node, schema, at, "");
}

struct Walker<'a> {
    root: &'a Json,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Walker<'a> {
    fn value(&mut self, node: &Node, schema: &'a Json, key: &str) {
        if node.value == Value::Null && allows_null(schema) {
            return;
        }
        let schema = resolve(self.root, schema);
        if let Some(values) = mixed(schema) {
            if !is_value_of(node, schema) {
                self.findings.push(stranger(node, values, key));
            }
            return;
        }
        if let Some(words) = words(schema) {
            return self.word(node, &words, key);
        }
        let wanted = wanted_type(schema);
        match (&node.value, wanted) {
            (Value::Map(entries), "object") => self.entries(entries, schema),
            (Value::Seq(items), "array") => items.iter().for_each(|item| self.value(item, &schema["items"], key)),
            (Value::Str(text), "string") => self.text(node, text, schema, key),
            (Value::Num(number), "integer") => {
                let value = number.value.as_ref().and_then(|value| value.as_i64());
                let (least, most) = (schema["minimum"].as_i64().unwrap_or(i64::MIN), most(schema));
                if !value.is_some_and(|value| (least..=most).contains(&value)) {
                    self.findings.push(
                        Finding::error(
                            node.span,
                            format!("{} is not a whole number from {least} to {most}", named(key, &number.spelling)),
                        )
                        .label("out of range")
                        .help(described(schema, "write a number that fits")),
                    );
                }
            }
            (Value::Bool(_), "boolean") | (_, "") => {}
            _ => self.findings.push(unfit(node, wanted, key)),
        }
    }

    fn entries(&mut self, entries: &[Entry], schema: &'a Json) {
        let properties = schema["properties"].as_object();
        for entry in entries.iter().filter(|entry| !is_free(&entry.key)) {
            if let Some(inner) = properties.and_then(|properties| properties.get(&entry.key)) {
                self.value(&entry.node, inner, &entry.key);
            } else if schema["additionalProperties"].is_object() {
                self.value(&entry.node, &schema["additionalProperties"], &entry.key);
            } else if schema["additionalProperties"] == false {
                let known: Vec<&str> = properties.into_iter().flatten().map(|(key, _)| key.as_str()).collect();
                self.findings.push(
                    Finding::error(entry.key_span, format!("unknown key {}", quoted(&entry.key)))
                        .label("not a key here")
                        .help(suggestion(&entry.key, &known)),
                );
            }
        }
    }

    fn text(&mut self, node: &Node, text: &str, schema: &Json, key: &str) {
        let Some(pattern) = schema["pattern"].as_str() else { return };
        if pattern::matches(pattern, text) != Some(true) {
            self.findings.push(
                Finding::error(node.span, format!("{} has not the form `{pattern}`", named(key, text)))
                    .label("malformed")
                    .help(described(schema, "correct the value")),
            );
        }
    }

    fn word(&mut self, node: &Node, words: &[&str], key: &str) {
        match &node.value {
            Value::Str(text) if words.contains(&text.as_str()) => {}
            Value::Str(text) => self.findings.push(
                Finding::error(node.span, format!("{} is not known here", named(key, text)))
                    .label("unknown word")
                    .help(suggestion(text, words)),
            ),
            _ => self.findings.push(
                Finding::error(node.span, format!("{} where a word is meant for {}", node.kind(), quoted(key)))
                    .help(format!("one of: {}", words.join(", "))),
            ),
        }
    }

    fn missing(&mut self, node: &Node, schema: &'a Json, at: Span, key: &str) {
        let schema = resolve(self.root, schema);
        match &node.value {
            Value::Map(_) => {
                for wanted in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
                    if node.entry(wanted).is_none() {
                        self.findings.push(self.absent(schema, wanted, at, key));
                    }
                }
                for entry in node.entries().iter().filter(|entry| !is_free(&entry.key)) {
                    let inner = &schema["properties"][&entry.key];
                    let inner = if inner.is_null() { &schema["additionalProperties"] } else { inner };
                    self.missing(&entry.node, inner, entry.key_span, &entry.key);
                }
            }
            Value::Seq(items) => items.iter().for_each(|item| self.missing(item, &schema["items"], item.span, key)),
            _ => {}
        }
    }

    fn absent(&self, schema: &Json, wanted: &str, at: Span, key: &str) -> Finding {
        let inside = if key.is_empty() { String::new() } else { format!(" in {}", quoted(key)) };
        let meaning = schema["properties"][wanted]["description"].as_str().unwrap_or_default();
        let meaning = meaning.lines().collect::<Vec<_>>().join(" ");
        let meaning = if meaning.is_empty() { String::new() } else { format!(": {meaning}") };
        Finding::error(at, format!("the key {} is missing{inside}", quoted(wanted)))
            .help(format!("add `{wanted}:`{meaning}"))
    }
}

/// Follows `$ref`, and steps over the alternative "or nothing".
pub(super) fn resolve<'a>(root: &'a Json, schema: &'a Json) -> &'a Json {
    if let Some(target) = schema["$ref"].as_str().and_then(|target| target.strip_prefix('#')) {
        return root.pointer(target).map_or(schema, |target| resolve(root, target));
    }
    match schema["anyOf"].as_array() {
        Some(ways) => ways.iter().find(|way| way["type"] != "null").map_or(schema, |way| resolve(root, way)),
        None => schema,
    }
}

fn most(schema: &Json) -> i64 {
    let of_format = match schema["format"].as_str() {
        Some("uint16") => i64::from(u16::MAX),
        Some("uint32") => i64::from(u32::MAX),
        _ => i64::MAX,
    };
    schema["maximum"].as_i64().unwrap_or(of_format)
}

pub(super) fn allows_null(schema: &Json) -> bool {
    let names_null =
        |kind: &Json| kind == "null" || kind.as_array().is_some_and(|kinds| kinds.contains(&"null".into()));
    names_null(&schema["type"])
        || schema["anyOf"].as_array().is_some_and(|ways| ways.iter().any(|way| names_null(&way["type"])))
}

/// The closed list of values of which not all are words, if the schema is one.
fn mixed(schema: &Json) -> Option<&Vec<Json>> {
    schema["enum"].as_array().filter(|values| !values.iter().all(Json::is_string))
}

fn stranger(node: &Node, values: &[Json], key: &str) -> Finding {
    let written = match &node.value {
        Value::Str(text) => named(key, text),
        _ => format!("{} for {}", node.kind(), quoted(key)),
    };
    let values: Vec<String> =
        values.iter().map(|value| value.as_str().map_or(value.to_string(), String::from)).collect();
    Finding::error(node.span, format!("{written} is not known here"))
        .label("unknown value")
        .help(format!("one of: {}", values.join(", ")))
}

/// Whether the schema is a closed list of values, words or not, and this is one of them.
pub(super) fn is_value_of(node: &Node, schema: &Json) -> bool {
    schema["enum"].as_array().is_some_and(|values| values.contains(&node.to_json()))
}

/// The closed list of words of an enum, if the schema is one.
pub(super) fn words(schema: &Json) -> Option<Vec<&str>> {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(Json::as_str).collect();
    }
    let ways = schema["oneOf"].as_array()?;
    let words = ways.iter().flat_map(|way| match way["enum"].as_array() {
        Some(words) => words.iter().filter_map(Json::as_str).collect(),
        None => way["const"].as_str().into_iter().collect::<Vec<_>>(),
    });
    Some(words.collect())
}

pub(super) fn wanted_type(schema: &Json) -> &str {
    match &schema["type"] {
        Json::String(kind) => kind,
        Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).find(|kind| *kind != "null").unwrap_or_default(),
        _ => "",
    }
}

fn unfit(node: &Node, wanted: &str, key: &str) -> Finding {
    let meant = match wanted {
        "object" => "a map",
        "array" => "a list",
        "string" => "text",
        "integer" => "a whole number",
        "boolean" => "`true` or `false`",
        other => other,
    };
    let purpose = if key.is_empty() { String::new() } else { format!(" for {}", quoted(key)) };
    let finding = Finding::error(node.span, format!("{} where {meant} is meant{purpose}", node.kind()));
    match (&node.value, wanted) {
        (Value::Num(number), "string") => {
            finding.label("a number").help(format!("a number: write it in quotes: {key}: \"{}\"", number.spelling))
        }
        (Value::Bool(value), "string") => {
            finding.label("a boolean").help(format!("a boolean: write it in quotes: {key}: \"{value}\""))
        }
        (Value::Str(text), "integer" | "boolean") => {
            finding.label("text").help(format!("without quotes: {key}: {}", number_like(text)))
        }
        (Value::Null, "object") => finding.help(format!("write what belongs here, or `{key}: {{}}`")),
        (Value::Null, "string") => finding.help("write a value, or take the key away"),
        (Value::Str(text), "array") => finding.help(format!("a list has brackets or dashes: {key}: [{text}]")),
        _ => finding.help(format!("write {meant} here")),
    }
}

/// What the remedy shows in place of a text that should be a number or a boolean.
fn number_like(text: &str) -> String {
    match text {
        "yes" | "on" | "y" => "true".to_string(),
        "no" | "off" | "n" => "false".to_string(),
        other => quoted(other).trim_matches('`').to_string(),
    }
}

fn named(key: &str, value: &str) -> String {
    if key.is_empty() { quoted(value) } else { format!("{key} {}", quoted(value)) }
}

fn described(schema: &Json, otherwise: &str) -> String {
    schema["description"]
        .as_str()
        .map_or_else(|| otherwise.to_string(), |text| text.lines().collect::<Vec<_>>().join(" "))
}
