//! The objects as a JSON Schema, and as `docs/output.md` tells them to people.

use std::collections::BTreeMap;
use std::fmt::Write;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::{Object, SCHEMA};

/// JSON Schema of one line of `--format json`.
pub fn schema() -> Value {
    // As written: what is null then is there, what is skipped is not.
    let settings = SchemaSettings::default().for_serialize();
    settings.into_generator().into_root_schema_for::<Object>().to_value()
}

/// Every object and every field, in Markdown: the text of `docs/output.md`.
pub fn reference() -> String {
    let root = schema();
    let mut page = format!(
        "# What `comuni --format json` prints\n\n\
         One JSON object a line on standard output; remarks for people stay on standard error. This page tells version {SCHEMA}\n\
         of the objects. A later comuni may add objects and fields without a new version: pass over those you do not know.\n\
         No plan and no apply says the value of a secret. `comuni schema` writes the same as a JSON Schema.\n\n\
         <!-- written from the types: UPDATE_GOLDEN=1 cargo test --lib report:: -->\n"
    );
    for object in root["oneOf"].as_array().into_iter().flatten() {
        let name = object["properties"]["type"]["const"].as_str().unwrap_or_default();
        let mut rows = String::new();
        add_rows(&root, object, "", &mut rows);
        // An object that is a type of its own.
        if object["$ref"].is_string() {
            add_rows(&root, resolve(&root, object), "", &mut rows);
        }
        // Writing to a String cannot fail.
        let _ =
            write!(page, "\n## `{name}`\n\n{}\n\n| field | form | what it says |\n|---|---|---|\n{rows}", said(object));
    }
    page
}

fn add_rows(root: &Value, object: &Value, prefix: &str, rows: &mut String) {
    let Some(fields) = object["properties"].as_object() else { return };
    // Sorted here, whatever order the library keeps.
    for (name, field) in fields.iter().collect::<BTreeMap<_, _>>() {
        if prefix.is_empty() && name == "type" {
            continue;
        }
        let required = object["required"].as_array().is_some_and(|required| required.iter().any(|one| one == name));
        let _ = writeln!(rows, "| `{prefix}{name}` | {} | {} |", form(root, field, required), said(field));
        add_rows(root, resolve(root, field), &format!("{prefix}{name}."), rows);
        add_rows(root, resolve(root, &field["items"]), &format!("{prefix}{name}[]."), rows);
    }
}

/// What a reference, or a reference that may be nothing, stands for.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut alternatives = schema["anyOf"].as_array().into_iter().flatten();
    let schema = alternatives.find(|one| one["type"] != "null").unwrap_or(schema);
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    name.map_or(schema, |name| &root["$defs"][name])
}

fn said(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}

/// The JSON type, and whether it may be null or left out.
fn form(root: &Value, field: &Value, required: bool) -> String {
    let schema = resolve(root, field);
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        // Words with what each means.
        Value::Null
            if schema["oneOf"].as_array().is_some_and(|words| words.iter().all(|word| word["const"].is_string())) =>
        {
            vec!["string"]
        }
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec!["any value"],
    };
    let may_be_null = field["anyOf"].as_array().is_some_and(|all| all.iter().any(|one| one["type"] == "null"));
    let words: Vec<String> = names
        .into_iter()
        .chain(may_be_null.then_some("null"))
        .filter(|name| required || *name != "null")
        .map(|name| match name {
            "array" => format!("array of {}s", form(root, &field["items"], true)),
            "null" => "null".to_string(),
            name => name.to_string(),
        })
        .collect();
    format!("{}{}", words.join(" or "), if required { "" } else { ", may be left out" })
}
