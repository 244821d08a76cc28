//! The one merge rule, for includes and for defaults: maps merge key by key, anything else is replaced.

use super::node::{Entry, Node, Value};

/// `over` laid on `under`. Every value keeps the place it was written at; keys keep their order, new ones come last.
pub fn merge(under: Node, over: Node) -> Node {
    match (under.value, over.value) {
        (Value::Map(mut entries), Value::Map(newer)) => {
            for entry in newer {
                lay(&mut entries, entry);
            }
            Node { span: over.span, value: Value::Map(entries) }
        }
        (_, value) => Node { span: over.span, value },
    }
}

fn lay(entries: &mut Vec<Entry>, entry: Entry) {
    match entries.iter_mut().find(|other| other.key == entry.key) {
        Some(other) => {
            // Taken out and put back: merging consumes both sides.
            let under = std::mem::replace(&mut other.node, Node { span: entry.node.span, value: Value::Null });
            other.node = merge(under, entry.node);
            other.key_span = entry.key_span;
        }
        None => entries.push(entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::node::parse;
    use crate::inventory::source::Sources;
    use proptest::prelude::*;

    fn read(sources: &mut Sources, text: &str) -> Node {
        let file = sources.add("a.yml", text);
        parse(sources, file, &mut Vec::new()).unwrap()
    }

    #[test]
    fn maps_merge_and_all_else_is_replaced() {
        let mut sources = Sources::default();
        let under = read(&mut sources, "a: { b: 1, c: [1, 2] }\nd: x\n");
        let over = read(&mut sources, "a: { c: [3], e: 2 }\nd: ~\n");
        let merged = merge(under, over);
        assert_eq!(merged.to_json(), serde_json::json!({"a": {"b": 1, "c": [3], "e": 2}, "d": null}));
    }

    #[test]
    fn every_value_keeps_its_place() {
        let mut sources = Sources::default();
        let under = read(&mut sources, "a: { b: 1, c: 2 }\n");
        let over = read(&mut sources, "\n\na: { c: 3 }\n");
        let merged = merge(under.clone(), over.clone());
        assert_eq!(merged.place(&["a", "b"]), under.place(&["a", "b"]));
        assert_eq!(merged.place(&["a", "c"]), over.place(&["a", "c"]));
    }

    /// Trees in which a key is a map in all layers or in none, as the schema wants it.
    fn tree() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![Just(serde_json::json!(1)), Just(serde_json::json!("a")), Just(serde_json::json!([1]))];
        let leaf = proptest::collection::btree_map("[a-c]", leaf, 0..3).prop_map(|map| serde_json::json!(map));
        leaf.prop_recursive(3, 16, 3, |inner| {
            proptest::collection::btree_map("m[a-c]", inner, 0..3).prop_map(|map| serde_json::json!(map))
        })
        .prop_map(|value| serde_json::json!({ "m": value }))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn layers_can_be_merged_in_any_grouping(a in tree(), b in tree(), c in tree()) {
            let mut sources = Sources::default();
            let [a, b, c] = [a, b, c].map(|value| read(&mut sources, &value.to_string()));
            let left = merge(merge(a.clone(), b.clone()), c.clone());
            let right = merge(a.clone(), merge(b, c));
            prop_assert_eq!(left.to_json(), right.to_json());
            prop_assert_eq!(merge(a.clone(), a.clone()), a);
        }
    }
}
