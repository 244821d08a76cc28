//! Files for the technicians of today.

use super::*;

#[test]
fn a_rekey_lets_in_who_came_and_shuts_out_who_left_and_says_what_those_know() {
    let desk = Desk::new();
    let mut before = with_passwords(&desk);
    before.generate("secret://c_e707/albo/session_key").unwrap();
    let carla = desk.stranger();
    let inventory = desk.inventory_of(&[("anna", &desk.anna), ("carla", &carla)]);
    let mut store = Store::open(&inventory, &desk.anna.identities).unwrap();
    let readers = &store.readers().unwrap()["c_e863"];
    assert_eq!(
        (readers.gain.clone(), readers.lose.clone()),
        (["carla".to_string()].into(), ["bruno".to_string()].into())
    );

    let listed = store.list();
    let rekeyed = store.rekey().unwrap();
    assert_eq!((rekeyed.written.len(), rekeyed.right), (2, 0));
    let ids = |list: &[About]| list.iter().map(|about| about.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&store.list()), ids(&listed), "values and ids are as before");
    assert_eq!(value(&desk.open(&carla), TOKEN).as_deref(), Some("uno"));
    assert_eq!(value(&desk.open(&desk.recovery), TOKEN).as_deref(), Some("uno"));
    assert_eq!(desk.open(&desk.bruno).unreadable().len(), 2);

    assert_eq!(store.known_outside().len(), 3);
    assert!(store.known_outside().values().all(|names| names == &["bruno".to_string()].into()));
    store.set(TOKEN, secret("nuova"), true).unwrap();
    assert!(!store.known_outside().contains_key(&Token::parse(TOKEN).unwrap()), "the new value is not known to him");
    assert_eq!(
        store.rekey().unwrap(),
        Rekeyed { written: BTreeMap::new(), right: 2 },
        "and again there is nothing to do"
    );
}

#[test]
fn a_rekey_that_was_cut_off_leaves_every_file_readable_and_the_next_one_ends_it() {
    let desk = Desk::new();
    let mut store = with_passwords(&desk);
    store.generate("secret://c_e707/albo/session_key").unwrap();
    let old = fs::read(desk.file("c_e863")).unwrap();
    let carla = desk.stranger();
    let inventory = desk.inventory_of(&[("anna", &desk.anna), ("carla", &carla)]);
    Store::open(&inventory, &desk.anna.identities).unwrap().rekey().unwrap();
    // As after a crash between the two files: one is the old one still.
    fs::write(desk.file("c_e863"), old).unwrap();

    let mut store = Store::open(&inventory, &desk.anna.identities).unwrap();
    assert!(store.unreadable().is_empty());
    let rekeyed = store.rekey().unwrap();
    assert_eq!((rekeyed.written.keys().cloned().collect::<Vec<_>>(), rekeyed.right), (vec!["c_e863".to_string()], 1));
    assert!(Store::open(&inventory, &carla.identities).unwrap().unreadable().is_empty());
}

#[test]
fn who_would_lose_access_or_cannot_open_a_file_rekeys_nothing() {
    let desk = Desk::new();
    with_passwords(&desk);
    let carla = desk.stranger();
    let without_anna = desk.inventory_of(&[("carla", &carla)]);
    let before = fs::read(desk.file("c_e863")).unwrap();
    let failure = Store::open(&without_anna, &desk.anna.identities).unwrap().rekey().unwrap_err();
    assert!(failure.message.contains("you could not read it yourself"), "{failure}");
    let failure = Store::open(&without_anna, &carla.identities).unwrap().rekey().unwrap_err();
    assert!(failure.message.contains("not for your key"), "{failure}");
    assert_eq!(fs::read(desk.file("c_e863")).unwrap(), before);
}

#[test]
fn another_key_of_the_same_technician_is_told_apart_from_the_technician() {
    let desk = Desk::new();
    with_passwords(&desk);
    let second = desk.stranger();
    let inventory = desk.inventory_of(&[("anna", &desk.anna), ("bruno", &second)]);
    let mut store = Store::open(&inventory, &desk.anna.identities).unwrap();
    let readers = store.readers().unwrap().remove("c_e863").unwrap();
    assert_eq!(readers.gain, ["bruno (the new key)".to_string()].into());
    assert_eq!(readers.lose, ["bruno (the earlier key)".to_string()].into());
    store.rekey().unwrap();
    assert_eq!(store.known_outside().len(), 2, "whoever has the earlier key knows them");
}

#[test]
fn files_for_others_are_told_without_opening_them() {
    let desk = Desk::new();
    with_passwords(&desk);
    assert_eq!(for_others(&desk.inventory()).unwrap(), []);
    let carla = desk.stranger();
    let told = |technicians: &[(&str, &Person)]| for_others(&desk.inventory_of(technicians)).unwrap().remove(0).1;
    assert_eq!(told(&[("anna", &desk.anna), ("bruno", &desk.bruno), ("carla", &carla)]), "carla cannot open it");
    assert_eq!(told(&[("bruno", &desk.bruno)]), "an ssh key that consortium.yml does not have can open it");
    assert_eq!(told(&[("anna", &desk.anna)]), "it is encrypted to 2 age keys, and consortium.yml has 1");
}
