//! `docs/evidence.md` states every field of a record, in the words of the type.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::Record;

const BEGIN: &str = "<!-- fields: begin (written by the test that checks it) -->\n";
const END: &str = "<!-- fields: end -->\n";

fn table() -> String {
    let schema = serde_json::to_value(schemars::schema_for!(Record)).unwrap();
    let mut rows = String::from("| field | what it says |\n|---|---|\n");
    add_rows(&schema, &schema, "", &mut rows);
    rows
}

fn add_rows(root: &Value, object: &Value, prefix: &str, rows: &mut String) {
    let Some(fields) = object["properties"].as_object() else { return };
    let required: Vec<&str> = object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    // Sorted here, whatever order the library keeps.
    for (name, field) in fields.iter().collect::<BTreeMap<_, _>>() {
        let said = field["description"].as_str().unwrap_or_default();
        let choices = choices(resolve(root, field));
        let maybe = if required.contains(&name.as_str()) { "" } else { " *(may be left out)*" };
        rows.push_str(&format!("| `{prefix}{name}` | {said}{choices}{maybe} |\n"));
        let items = resolve(root, &field["items"]);
        add_rows(root, resolve(root, field), &format!("{prefix}{name}."), rows);
        add_rows(root, items, &format!("{prefix}{name}[]."), rows);
    }
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    // What may be left out is a reference or nothing.
    let schema = schema["anyOf"].as_array().into_iter().flatten().find(|one| one["type"] != "null").unwrap_or(schema);
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    name.map_or(schema, |name| &root["$defs"][name])
}

fn choices(schema: &Value) -> String {
    let listed = schema["oneOf"].as_array().into_iter().flatten();
    let said = listed.filter_map(|choice| Some((choice["const"].as_str()?, choice["description"].as_str()?)));
    said.map(|(word, meaning)| format!(" `{word}`: {}", lower_first(meaning))).collect()
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// Run with `UPDATE_GOLDEN=1` to write the table anew.
#[test]
fn the_documentation_has_every_field_of_a_record() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/evidence.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the mark where the table begins");
    let (written, after) = rest.split_once(END).expect("the mark where the table ends");
    let table = table();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(written, table, "docs/evidence.md is behind: run this test with UPDATE_GOLDEN=1");
    assert!(table.contains("| `changes[].owner` |"), "the table reaches into lists");
    assert!(table.contains("| `operator.user` |"), "and into parts");
}
