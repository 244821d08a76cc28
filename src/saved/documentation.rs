//! `docs/saved-plans.md` states every field of the file, in the words of the type.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

const BEGIN: &str = "<!-- fields: begin (written by the test that checks it) -->\n";
const END: &str = "<!-- fields: end -->\n";

fn table() -> String {
    let schema = super::schema();
    let mut rows = String::from("| field | what it says |\n|---|---|\n");
    add_rows(&schema, &schema, "", &mut rows);
    rows
}

fn add_rows(root: &Value, object: &Value, prefix: &str, rows: &mut String) {
    let variants = object["oneOf"].as_array().into_iter().flatten();
    for object in variants.chain([object]) {
        let required = object["required"].as_array();
        // Sorted here, whatever order the library keeps.
        for (name, field) in object["properties"].as_object().into_iter().flatten().collect::<BTreeMap<_, _>>() {
            let said = field["description"].as_str().or(object["description"].as_str()).unwrap_or_default();
            let said = said.replace('\n', " ").replace('|', "\\|");
            let compulsory = required.is_some_and(|required| required.iter().any(|one| one == name));
            let maybe = if compulsory { "" } else { " *(may be left out)*" };
            rows.push_str(&format!("| `{prefix}{name}` | {said}{maybe} |\n"));
            add_rows(root, resolve(root, field), &format!("{prefix}{name}."), rows);
            add_rows(root, resolve(root, &field["items"]), &format!("{prefix}{name}[]."), rows);
        }
    }
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    name.map_or(schema, |name| &root["$defs"][name])
}

/// Run with `UPDATE_GOLDEN=1` to write the table anew.
#[test]
fn the_documentation_has_every_field_of_a_saved_plan() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/saved-plans.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the mark where the table begins");
    let (written, after) = rest.split_once(END).expect("the mark where the table ends");
    let table = table();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(written, table, "docs/saved-plans.md is behind: run this test with UPDATE_GOLDEN=1");
    assert!(table.contains("| `plan.hosts[].findings[].outcome.differs.changes[].field` |"), "the table reaches down");
}
