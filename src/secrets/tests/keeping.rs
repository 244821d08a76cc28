//! How values are kept: replaced, written at once, found damaged.

use super::*;

#[test]
fn a_value_is_replaced_only_when_that_is_said_and_its_old_ids_are_kept() {
    let desk = Desk::new();
    let mut store = desk.open(&desk.anna);
    let first = store.set(TOKEN, secret("uno"), false).unwrap();

    let refused = store.set(TOKEN, secret("due"), false).unwrap_err();
    assert_eq!(refused.kind, Kind::Usage);
    assert_eq!(value(&store, TOKEN).as_deref(), Some("uno"));

    let second = store.set(TOKEN, secret("due"), true).unwrap();
    assert_eq!(second.replaces, [first.id]);
    let table = desk.open(&desk.bruno).table(&BTreeSet::from([format!("{TOKEN}#pgpass")]));
    assert_eq!(table.values[TOKEN].value, "due", "a format is no part of the name");
    assert_eq!(table.values[TOKEN].id, second.id);
    assert_eq!(table.values[TOKEN].replaces, second.replaces);
}

#[test]
fn two_technicians_on_one_checkout_lose_nothing() {
    let desk = Desk::new();
    let mut anna = desk.open(&desk.anna);
    let mut bruno = desk.open(&desk.bruno);
    anna.set(TOKEN, secret("uno"), false).unwrap();
    let other = "secret://c_e863/albo/database_password_b";
    bruno.set(other, secret("due"), false).unwrap();

    let store = desk.open(&desk.anna);
    assert_eq!(value(&store, TOKEN).as_deref(), Some("uno"));
    assert_eq!(value(&store, other).as_deref(), Some("due"));
    let late = bruno.set(TOKEN, secret("tre"), false).unwrap_err();
    assert!(late.message.contains("has a value already"), "bruno had not seen it: {late}");
}

#[test]
fn many_writers_at_once_lose_nothing() {
    let desk = Desk::new();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let desk = &desk;
            scope.spawn(move || {
                desk.open(&desk.anna).generate(&format!("secret://c_e863/albo/key_{number}")).unwrap();
            });
        }
    });
    assert_eq!(desk.open(&desk.anna).list().len(), 8);
}

#[test]
fn what_a_crash_left_over_is_neither_read_nor_in_the_way() {
    let desk = Desk::new();
    desk.open(&desk.anna).set(TOKEN, secret("uno"), false).unwrap();
    let leftover = desk.directory().join("secrets/.c_e863.age.unfinished");
    fs::write(&leftover, "half a fi").unwrap();

    let mut store = desk.open(&desk.anna);
    assert_eq!(value(&store, TOKEN).as_deref(), Some("uno"));
    store.set(TOKEN, secret("due"), true).unwrap();

    assert!(!leftover.exists());
    assert_eq!(value(&desk.open(&desk.anna), TOKEN).as_deref(), Some("due"));
}

#[test]
fn a_damaged_file_is_told_with_the_way_back() {
    let desk = Desk::new();
    desk.open(&desk.anna).set(TOKEN, secret("uno"), false).unwrap();
    let whole = fs::read_to_string(desk.file("c_e863")).unwrap();
    let cut = &whole[..whole.len() / 2];
    let flipped = whole.replacen("\nY", "\nZ", 1);
    for damaged in ["", "nonsense", cut, &flipped] {
        fs::write(desk.file("c_e863"), damaged).unwrap();
        let failure = Store::open(&desk.inventory(), &desk.anna.identities).unwrap_err();
        assert_eq!(failure.kind, Kind::Inventory);
        assert!(failure.message.contains("c_e863.age: the secret file is damaged"), "{failure}");
    }
    fs::remove_file(desk.file("c_e863")).unwrap();
    fs::create_dir(desk.file("c_e863")).unwrap();
    assert!(Store::open(&desk.inventory(), &desk.anna.identities).is_err(), "a folder is no secret file");
}

#[test]
fn a_verb_that_needs_secrets_is_told_which_are_not_there_or_not_for_it() {
    let desk = Desk::new();
    let mut store = desk.open(&desk.anna);
    store.set(TOKEN, secret("parola"), false).unwrap();
    let needed = BTreeSet::from([format!("{TOKEN}#pgpass")]);
    store.require(&needed).unwrap();

    let absent = store.require(&required_tokens(&desk.inventory())).unwrap_err();
    assert!(absent.message.contains("secret://c_e707/albo/session_key"), "{absent}");
    assert!(!absent.message.contains(TOKEN));
    assert!(absent.hints[0].contains("--missing"));
    assert!(desk.open(&desk.stranger()).require(&needed).unwrap_err().message.contains("not for your key"));
}

#[test]
fn unknown_owners_are_refused_with_the_nearest() {
    let desk = Desk::new();
    let failure = desk.open(&desk.anna).generate("secret://c_e836/albo/session_key").unwrap_err();
    assert_eq!(failure.kind, Kind::Usage);
    assert_eq!(failure.hints, ["did you mean `c_e863`?"]);
}
