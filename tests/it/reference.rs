//! `docs/inventory.md`: every file and key of an inventory, written from the types.

use std::fmt::Write;

use comuni::inventory::schema::File;
use serde_json::{Map, Value};

use crate::golden::{Golden, root};

const PREFACE: &str = "\
# The files of an inventory

<!-- written from the types: UPDATE_GOLDEN=1 cargo test --test it reference:: -->

An inventory is a folder; `comuni init DIR` writes a small one with comments, of an example or of the consortium that it asks for, `comuni -i DIR validate` checks all of it and
`comuni -i DIR show member NAME` tells for each value which file and line gave it. `comuni -i DIR schema` writes the same as
JSON Schema, so that an editor completes and checks.

| file | holds |
|---|---|
| `consortium.yml` | the aggregation: its body, its policy, its defaults |
| `hosts.yml` | the purchased machines |
| `applications/<name>.yml` | the catalogue: one product each |
| `members/<slug>.yml` | one body each; the name of the file is its slug |
| `secrets/<code>.age` | secrets of one member, or of the consortium, encrypted; written by `comuni secrets` |
| `authority.pem` | certificates of the consortium's authority; made by `comuni secrets set --missing` |
| `releases/…` | archives of releases, where `source:` says; not compulsory for `validate` and `plan` |
| `playbooks/<area>.yml` | in the place of the built-in playbook of that name: [playbooks.md](playbooks.md) |
| `playbooks/upgrade.yml` | how releases come to the tenants: its keys are laid over those of the built-in file of that name, which says all of them: [upgrade.md](upgrade.md) |
| `templates/<area>/<name>.tera` | in the place of the built-in template of that name: [templates.md](templates.md) |

Rules of all files:

- YAML in UTF-8, at most 1 MiB. Unknown keys are refused; keys that begin with `x-` are free for notes.
- `no` and `on` are text. A number where text is meant is refused: write codes in quotes (`istat: \"012096\"`).
- A key that stands twice, a tab, a BOM, `<<` and tags are refused.
- `include:` in `consortium.yml` names another inventory that is read first. Maps merge key by key; anything else is
  replaced by what stands in the including one.
- *compulsory* means: when includes and defaults are merged in, it must be there. A tenant's values come from the
  application's `defaults`, then the consortium's `defaults.tenant`, then the member's file: the last one wins.
  A member's come from `defaults.member` and its file.
";

fn page() -> String {
    let mut page = PREFACE.to_string();
    for (file, title) in [
        (File::Consortium, "consortium.yml"),
        (File::Hosts, "hosts.yml"),
        (File::Application, "applications/<name>.yml"),
        (File::Member, "members/<slug>.yml"),
        (File::Rollout, "playbooks/upgrade.yml"),
    ] {
        let mut root = file.whole().clone();
        if file == File::Rollout {
            built_in(&mut root);
        }
        let root = &root;
        write!(page, "\n## `{title}`\n\n{}\n\n", said(root)).unwrap();
        page += "| key | form | when it is not said | what it says |\n|---|---|---|---|\n";
        add_rows(&mut page, root, root, "");
    }
    page
}

/// The keys of an object: first the compulsory ones, each with what is inside it below.
fn add_rows(page: &mut String, root: &Value, object: &Value, prefix: &str) {
    let required = |name: &str| object["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    let mut fields: Vec<(&String, &Value)> = object["properties"].as_object().into_iter().flatten().collect();
    fields.sort_by_key(|(name, _)| (!required(name), name.as_str()));
    for (name, field) in fields {
        let inner = resolve(root, field);
        let absent = if required(name) { "compulsory".to_string() } else { default(field) };
        let said = [said(field), words(inner), words(resolve(root, &inner["items"]))].concat();
        writeln!(page, "| `{prefix}{name}` | {} | {absent} | {said} |", form(root, field)).unwrap();
        add_rows(page, root, inner, &format!("{prefix}{name}."));
        if inner["additionalProperties"].is_object() {
            let element = resolve(root, &inner["additionalProperties"]);
            add_rows(page, root, element, &format!("{prefix}{name}.<name>."));
        }
    }
}

/// What the built-in file says holds where an inventory does not.
fn built_in(schema: &mut Value) {
    let said: Map<String, Value> = serde_yaml::from_str(include_str!("../../playbooks/upgrade.yml")).unwrap();
    schema["required"] = Value::Null;
    for (name, value) in said {
        schema["properties"][&name]["default"] = value;
    }
}

/// What a reference, or a reference that may be nothing, stands for.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    let schema = alternatives.clone().find(|one| one["type"] != "null").unwrap_or(schema);
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    name.map_or(schema, |name| &root["$defs"][name])
}

fn said(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}

/// The words of an enumeration with what each means.
fn words(schema: &Value) -> String {
    let words = schema["oneOf"].as_array().into_iter().flatten();
    let words: Vec<String> = words
        .map(|word| format!("`{}`: {}", word["const"].as_str().unwrap(), said(word).trim_end_matches('.')))
        .collect();
    if words.is_empty() { String::new() } else { format!(" {}.", words.join("; ")) }
}

fn form(root: &Value, field: &Value) -> String {
    let schema = resolve(root, field);
    if schema["oneOf"].is_array() {
        return "a word".to_string();
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> =
            values.iter().map(|value| format!("`{}`", value.as_str().unwrap_or(&value.to_string()))).collect();
        return values.join(", ");
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").unwrap(),
        kind => kind,
    };
    match kind.as_str().unwrap() {
        "string" => match schema["pattern"].as_str() {
            Some(pattern) => format!("text, `{}`", pattern.replace('|', "\\|")),
            None => "text".to_string(),
        },
        "boolean" => "`true` or `false`".to_string(),
        "integer" => match (schema["minimum"].as_u64().filter(|least| *least > 0), schema["maximum"].as_u64()) {
            (Some(least), Some(most)) => format!("whole number, {least} to {most}"),
            (Some(least), None) => format!("whole number from {least}"),
            (None, Some(most)) => format!("whole number up to {most}"),
            (None, None) => "whole number".to_string(),
        },
        "array" => format!("list of {}", plural(&form(root, &schema["items"]))),
        "object" if schema["additionalProperties"].is_object() => {
            match form(root, &schema["additionalProperties"]).as_str() {
                "map" => "maps by name".to_string(),
                inner => format!("{inner} by name"),
            }
        }
        "object" => "map".to_string(),
        other => panic!("a form that this page cannot tell: {other}"),
    }
}

fn plural(form: &str) -> String {
    match form {
        "text" => "texts".to_string(),
        "a word" => "words".to_string(),
        other => format!("{other}s"),
    }
}

fn default(field: &Value) -> String {
    match &field["default"] {
        Value::Null => "–".to_string(),
        Value::Object(fields) if nothing(fields) => "–".to_string(),
        Value::Array(items) if items.is_empty() => "–".to_string(),
        Value::Object(fields) => {
            let said =
                fields.iter().map(|(name, value)| format!("{name}: {}", value.as_str().unwrap_or(&value.to_string())));
            format!("`{{ {} }}`", said.collect::<Vec<_>>().join(", "))
        }
        value => format!("`{value}`"),
    }
}

fn nothing(fields: &Map<String, Value>) -> bool {
    fields.values().all(|value| value.is_null() || value.as_object().is_some_and(nothing))
}

#[test]
fn the_documentation_has_every_file_and_key() {
    let page = page();
    for key in
        ["`recovery`", "`sizes.<name>.up_to`", "`hosts.<name>.login.user`", "`releases.<name>.sha256`", "`belfiore`"]
    {
        assert!(page.contains(key), "{key} is not in the page:\n{page}");
    }
    assert!(!page.contains("|  |"), "a key without a description:\n{page}");
    let mut golden = Golden::default();
    golden.same_file(&root().join("docs/inventory.md"), &page);
    golden.agree();
}
