//! The kinds of step and their fields, taken from the types themselves.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::resources::Resource;

/// What a kind's fields are called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// All of them.
    pub known: BTreeSet<String>,
    /// Those that must be said.
    pub required: BTreeSet<String>,
}

/// Every kind with its fields.
///
/// A `file` may say `template` in the place of `content`.
pub fn kinds() -> BTreeMap<String, Fields> {
    let schema = schemars::schema_for!(Resource).to_value();
    let mut kinds = BTreeMap::new();
    for variant in schema["oneOf"].as_array().into_iter().flatten() {
        for (kind, fields) in variant["properties"].as_object().into_iter().flatten() {
            let name = fields["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
            kinds.insert(kind.clone(), fields_of(&schema["$defs"][name]));
        }
    }
    if let Some(file) = kinds.get_mut("file") {
        file.known.insert("template".to_string());
        file.required.remove("content");
    }
    kinds
}

fn fields_of(schema: &Value) -> Fields {
    let required = schema["required"].as_array().into_iter().flatten();
    Fields {
        known: schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect(),
        required: required.filter_map(|name| name.as_str().map(str::to_string)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_say_which_fields_there_are() {
        let kinds = kinds();
        assert!(kinds.contains_key("postgres_database"));
        assert!(kinds["user"].known.contains("groups"));
        assert_eq!(kinds["file"].required, BTreeSet::from(["path".to_string()]));
        assert!(kinds["file"].known.contains("template"));
    }
}
