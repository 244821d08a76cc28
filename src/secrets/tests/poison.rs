//! A value is in no file and in no output.

use super::*;

const POISON: &str = "p01s0nW0rd-must-not-be-seen";

#[test]
fn a_poison_value_is_nowhere_in_the_clear() {
    let desk = Desk::new();
    let mut store = desk.open(&desk.anna);
    let about = store.set(TOKEN, secret(POISON), false).unwrap();
    let table = store.table(&BTreeSet::from([TOKEN.to_string()]));
    assert_eq!(table.values[TOKEN].value, POISON, "this test looks for a value that is really there");

    let refused = store.set(TOKEN, secret("altra"), false).unwrap_err();
    let closed = desk.open(&desk.stranger()).get(TOKEN).unwrap_err();
    let printed = format!("{store:?} {about:?} {table:?} {refused:?} {closed:?} {:?}", store.get(TOKEN));
    assert!(!printed.contains(POISON));
    assert!(printed.contains(TOKEN));

    let files = snapshot(desk.folder.path());
    assert!(files.iter().any(|(path, _)| path.ends_with("c_e863.age")));
    for (path, content) in files {
        assert!(!contains(&content, POISON.as_bytes()), "{path}");
    }
    fs::write(desk.directory().join("leak"), format!("x{POISON}x")).unwrap();
    assert!(
        snapshot(desk.folder.path()).iter().any(|(_, content)| contains(content, POISON.as_bytes())),
        "it can fail"
    );
}

fn contains(content: &[u8], word: &[u8]) -> bool {
    content.windows(word.len()).any(|window| window == word)
}
