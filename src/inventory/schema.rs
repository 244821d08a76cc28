//! JSON Schema of every file, generated from the types: for editors, and for our own walker ([`super::shape`]).

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::types::{Application, Consortium, Hosts, Member, Rollout};

/// The files that an inventory is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum File {
    /// `consortium.yml`.
    Consortium,
    /// `hosts.yml`.
    Hosts,
    /// `applications/<name>.yml`.
    Application,
    /// `members/<slug>.yml`.
    Member,
    /// `playbooks/upgrade.yml`.
    Rollout,
}

impl File {
    /// All of them, in the order of their declaration.
    pub const ALL: [File; 5] = [File::Consortium, File::Hosts, File::Application, File::Member, File::Rollout];

    /// Path of the file that `comuni init DIR` and `comuni -i DIR schema` write, from DIR.
    pub fn schema_name(self) -> &'static str {
        match self {
            File::Consortium => "schema/consortium.json",
            File::Hosts => "schema/hosts.json",
            File::Application => "schema/application.json",
            File::Member => "schema/member.json",
            File::Rollout => "schema/upgrade.json",
        }
    }

    /// What the whole must say, when includes and defaults are merged in.
    pub fn whole(self) -> &'static Value {
        static WHOLE: LazyLock<[Value; 5]> = LazyLock::new(|| File::ALL.map(File::generate));
        &WHOLE[self as usize]
    }

    /// What one file may say: nothing is compulsory, since an included inventory or a default may say it.
    pub fn part(self) -> &'static Value {
        static PART: LazyLock<[Value; 5]> = LazyLock::new(|| {
            File::ALL.map(|file| {
                let mut schema = file.whole().clone();
                nothing_required(&mut schema);
                schema
            })
        });
        &PART[self as usize]
    }

    fn generate(self) -> Value {
        let schema = match self {
            File::Consortium => schemars::schema_for!(Consortium),
            File::Hosts => schemars::schema_for!(Hosts),
            File::Application => schemars::schema_for!(Application),
            File::Member => schemars::schema_for!(Member),
            File::Rollout => schemars::schema_for!(Rollout),
        };
        let mut schema = schema.to_value();
        free_keys(&mut schema);
        schema
    }
}

/// Path and text of every schema file, as `comuni -i DIR schema` writes them.
///
/// They are those of single files: what is compulsory is told by `comuni validate`, which sees includes and defaults.
pub fn files() -> Vec<(String, String)> {
    File::ALL.iter().map(|file| (file.schema_name().to_string(), format!("{:#}\n", file.part()))).collect()
}

/// Calls `change` for every schema of an object, the schema itself and all inside it.
fn every_object(schema: &mut Value, change: &dyn Fn(&mut Map<String, Value>)) {
    match schema {
        Value::Object(map) => {
            if map.get("type").is_some_and(|kind| kind == "object") {
                change(map);
            }
            map.iter_mut().filter(|(key, _)| *key != "default").for_each(|(_, inner)| every_object(inner, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| every_object(inner, change)),
        _ => {}
    }
}

fn free_keys(schema: &mut Value) {
    every_object(schema, &|map| {
        map.insert("patternProperties".to_string(), json!({ "^x-": true }));
    });
}

fn nothing_required(schema: &mut Value) {
    every_object(schema, &|map| {
        map.remove("required");
    });
}
