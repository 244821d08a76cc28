//! What is left of a tree when everything that does not fit its schema is taken away.
//!
//! An unknown key must not keep the other mistakes of the same file from being told in the same run: what remains is
//! read into its type and checked further. It is never used as an inventory, since its findings are errors.

use serde_json::Value as Json;

use super::node::{Entry, Node, Number, Value, is_free};
use super::shape::{allows_null, is_value_of, resolve, wanted_type, words};

/// The part of `node` that fits; `None` when nothing of it does.
pub fn fitting(node: &Node, schema: &Json) -> Option<Node> {
    part(node, schema, schema)
}

fn part(node: &Node, schema: &Json, root: &Json) -> Option<Node> {
    if node.value == Value::Null {
        return allows_null(schema).then(|| node.clone());
    }
    let schema = resolve(root, schema);
    let value = match (&node.value, wanted_type(schema)) {
        _ if is_value_of(node, schema) => node.value.clone(),
        (Value::Str(text), _) if words(schema).is_some() => {
            words(schema)?.contains(&text.as_str()).then(|| node.value.clone())?
        }
        (Value::Map(entries), "object") => {
            Value::Map(entries.iter().filter_map(|entry| kept(entry, schema, root)).collect())
        }
        // A list with a hole would say something else than what was written.
        (Value::Seq(items), "array") => {
            Value::Seq(items.iter().map(|item| part(item, &schema["items"], root)).collect::<Option<_>>()?)
        }
        // What only lacks its quotes, or has them too many, means what it says.
        (Value::Num(number), "string") => Value::Str(number.spelling.clone()),
        (Value::Str(text), "integer") => {
            Value::Num(Number { spelling: text.clone(), value: Some(text.parse::<u32>().ok()?.into()) })
        }
        (Value::Str(_), "string") | (Value::Num(_), "integer") | (Value::Bool(_), "boolean") => node.value.clone(),
        _ => return None,
    };
    Some(Node { span: node.span, value })
}

fn kept(entry: &Entry, schema: &Json, root: &Json) -> Option<Entry> {
    if is_free(&entry.key) {
        return None;
    }
    let inner = match &schema["properties"][&entry.key] {
        Json::Null => schema["additionalProperties"].as_object().map(|_| &schema["additionalProperties"])?,
        inner => inner,
    };
    let node = part(&entry.node, inner, root)?;
    Some(Entry { key: entry.key.clone(), key_span: entry.key_span, node })
}
