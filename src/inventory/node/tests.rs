use super::*;
use crate::inventory::diagnostics::Diagnostics;

fn read(text: &str) -> (Option<Node>, String) {
    let mut sources = Sources::default();
    let file = sources.add("a.yml", text);
    let mut findings = Vec::new();
    let node = parse(&sources, file, &mut findings);
    (node, Diagnostics::new(findings, sources).render())
}

fn json(text: &str) -> serde_json::Value {
    let (node, found) = read(text);
    assert_eq!(found, "");
    node.unwrap().to_json()
}

#[test]
fn words_that_look_like_booleans_stay_text() {
    assert_eq!(
        json("[no, on, yes, off, NO, n, 12:30]"),
        serde_json::json!(["no", "on", "yes", "off", "NO", "n", "12:30"])
    );
    assert_eq!(json("[true, False, ~, null, ]"), serde_json::json!([true, false, null, null]));
}

#[test]
fn numbers_keep_their_spelling() {
    let spelled = |text: &str| match read(text).0.unwrap().at(&["a"]).unwrap().value.clone() {
        Value::Num(number) => number.spelling,
        other => panic!("{other:?}"),
    };
    assert_eq!(spelled("a: 012096"), "012096");
    assert_eq!(spelled("a: 1.10"), "1.10");
    assert_eq!(spelled("a: 1_000"), "1_000");
    assert_eq!(spelled("a: 0x10 # sixteen"), "0x10");
    assert_eq!(
        json("a: \"012096\"\nb: '1'\nc: 1.0.0\nd: 2018-06-20"),
        serde_json::json!({"a": "012096", "b": "1", "c": "1.0.0", "d": "2018-06-20"})
    );
}

#[test]
fn keys_and_values_know_their_places() {
    let (node, _) = read("# è\nnome: Viggiù\nplacement: { application: app1, database: db1 }\n");
    let node = node.unwrap();
    let span = node.place(&["placement", "database"]);
    assert_eq!((span.line, span.column, span.length), (3, 43, 3));
    let key = node.entry("nome").unwrap().key_span;
    assert_eq!((key.line, key.column, key.length), (2, 1, 4));
    assert_eq!(node.place(&["nome"]).length, 7);
}

#[test]
fn free_keys_do_not_reach_the_types() {
    assert_eq!(json("x-note: 1\na: { x-b: 2, c: 3 }"), serde_json::json!({"a": {"c": 3}}));
}

#[test]
fn a_key_that_stands_twice_is_shown_at_both_places() {
    let (_, found) = read("name: a\nkind: b\nname: c\n");
    assert_eq!(
        found,
        "error: the key `name` stands twice\n --> a.yml:3:1\n  |\n3 | name: c\n  | ^^^^ again here\n  |\n ::: a.yml:1:1\n  |\n1 | name: a\n  | ---- first here\n  |\n  = help: keep one of the two"
    );
}

#[test]
fn a_bomb_of_aliases_ends_at_once() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_string();
    for level in 1..10 {
        let uses = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{uses}]\n"));
    }
    let begin = std::time::Instant::now();
    let (node, found) = read(&text);
    assert!(node.is_none());
    assert!(found.contains("beyond any honest file"), "{found}");
    assert!(begin.elapsed().as_secs() < 2);
}

#[test]
fn an_honest_alias_is_read() {
    assert_eq!(json("a: &one { b: 1 }\nc: *one"), serde_json::json!({"a": {"b": 1}, "c": {"b": 1}}));
}

#[test]
fn what_is_no_yaml_is_explained() {
    for (text, words) in [
        ("a:\n\tb: 1\n", "a tab in the indentation"),
        ("a: b: c\n", "not YAML"),
        ("a: [1, 2\n", "not YAML"),
        ("a: *b\n", "an alias of an anchor that is not there"),
        ("a: 1\n---\nb: 2\n", "several documents in one file"),
        ("a: &x { b: 1 }\nc: { <<: *x }\n", "`<<` is not read here"),
        ("a: !secret b\n", "tag"),
        ("a: \u{0}\n", "not YAML"),
        ("? [a, b]\n: 1\n", "not YAML"),
        ("~: 1\n", "a key that is nothing"),
    ] {
        let (node, found) = read(text);
        assert!(found.contains(words), "{text:?}: {found}");
        assert!(found.contains("--> a.yml:"), "{found}");
        assert!(found.contains("help: "), "{found}");
        assert!(node.is_none());
    }
}

#[test]
fn an_empty_file_is_nothing() {
    assert_eq!(json(""), serde_json::Value::Null);
    assert_eq!(json("# only a comment\n"), serde_json::Value::Null);
}

#[test]
fn deep_nesting_ends_without_overflow() {
    let (node, _) = read(&"[".repeat(100_000));
    assert!(node.is_none());
    let (node, _) = read(&"- ".repeat(100_000));
    assert!(node.is_none());
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_reader_never_panics_on_any_bytes(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        let mut sources = Sources::default();
        let file = sources.add("a.yml", "");
        if let Ok(text) = crate::inventory::source::decode(bytes, file) {
            read(&text);
        }
    }

    #[test]
    fn the_reader_never_panics_on_what_looks_like_yaml(text in "([a-zè]{1,3}(: |:\n|- |\t|  )|[\\[\\]{}&*!|>'\"#~,0-9:\r\n-]|<<: ){0,60}") {
        read(&text);
    }
}
