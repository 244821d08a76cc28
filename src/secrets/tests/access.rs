//! Who can read and write what.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn what_one_technician_keeps_every_technician_and_the_recovery_key_can_read() {
    let desk = Desk::new();
    desk.open(&desk.anna).set(TOKEN, secret("parola"), false).unwrap();

    for person in [&desk.anna, &desk.bruno, &desk.recovery] {
        assert_eq!(value(&desk.open(person), TOKEN).as_deref(), Some("parola"));
    }
}

#[test]
fn a_secret_file_is_armored_and_for_its_owner_only() {
    let desk = Desk::new();
    desk.open(&desk.anna).set(TOKEN, secret("parola"), false).unwrap();

    let text = fs::read_to_string(desk.file("c_e863")).unwrap();
    assert!(text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"));
    assert_eq!(fs::metadata(desk.file("c_e863")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_that_is_not_for_my_key_names_those_who_can_open_it() {
    let desk = Desk::new();
    desk.open(&desk.anna).set(TOKEN, secret("parola"), false).unwrap();
    let before = fs::read(desk.file("c_e863")).unwrap();

    let mut store = desk.open(&desk.stranger());
    assert_eq!(store.unreadable().len(), 1, "opening goes on, so that plan can say: not checked");
    assert!(store.table(&BTreeSet::from([TOKEN.to_string()])).values.is_empty());
    for failure in [store.get(TOKEN).unwrap_err(), store.set(TOKEN, secret("altra"), true).unwrap_err()] {
        assert_eq!(failure.kind, Kind::Inventory);
        assert!(failure.message.contains("anna, 2 age keys"), "{failure}");
        assert!(failure.message.contains("bruno, the recovery key"), "{failure}");
        assert!(failure.message.contains("stranger"), "says what was tried: {failure}");
        assert!(failure.hints.iter().any(|hint| hint.contains("--identity")));
    }
    assert_eq!(fs::read(desk.file("c_e863")).unwrap(), before, "and nothing was written");
}

#[test]
fn a_technician_who_could_not_read_it_back_writes_nothing() {
    let desk = Desk::new();
    let failure = desk.open(&desk.stranger()).set(TOKEN, secret("parola"), false).unwrap_err();
    assert!(failure.hints.iter().any(|hint| hint.contains("technicians:")), "{failure:?}");
    assert!(!desk.file("c_e863").exists());
}

#[test]
fn without_any_identity_nothing_is_readable_and_nothing_is_broken() {
    let desk = Desk::new();
    desk.open(&desk.anna).set(TOKEN, secret("parola"), false).unwrap();
    let store = Store::open(&desk.inventory(), &Identities::default()).unwrap();
    let (owner, why) = store.unreadable().remove(0);
    assert_eq!(owner, "c_e863");
    assert!(why.contains("no identity at hand"), "{why}");
}

#[test]
fn a_key_with_a_passphrase_says_what_to_do_and_does_not_stop_a_plan_when_nobody_named_it() {
    let desk = Desk::new();
    desk.open(&desk.anna).set(TOKEN, secret("parola"), false).unwrap();
    let locked = example::ssh_person(desk.folder.path(), "locked", "passphrase");

    let named = Store::open(&desk.inventory(), &locked.identities).unwrap_err();
    assert!(named.message.contains("protected by a passphrase"), "{named}");
    assert!(named.hints.iter().any(|hint| hint.contains("ssh-keygen -t ed25519 -N ''")));

    let usual = Identities { files: Vec::new(), usual: locked.identities.files };
    let store = Store::open(&desk.inventory(), &usual).unwrap();
    assert!(store.unreadable()[0].1.contains("protected by a passphrase"));
}

#[test]
fn no_recovery_key_no_secret() {
    let desk = Desk::new();
    let mut inventory = desk.inventory();
    inventory.consortium.recovery = None;
    let mut store = Store::open(&inventory, &desk.anna.identities).unwrap();
    for failure in [store.set(TOKEN, secret("parola"), false).unwrap_err(), store.make_missing(&inventory).unwrap_err()]
    {
        assert_eq!(failure.kind, Kind::Inventory);
        assert!(failure.message.contains("recovery"), "{failure}");
        assert!(failure.hints.iter().any(|hint| hint.contains("age-keygen")));
    }
    assert_eq!(fs::read_dir(desk.directory()).unwrap().flatten().filter(|entry| entry.path().is_file()).count(), 0);
    assert!(!desk.file("c_e863").exists());
}

#[test]
fn a_recovery_key_that_a_technician_holds_is_not_offline() {
    let desk = Desk::new();
    let mut inventory = desk.inventory();
    inventory.consortium.recovery = Some(desk.bruno.public.clone());
    let mut store = Store::open(&inventory, &desk.anna.identities).unwrap();
    let failure = store.set(TOKEN, secret("parola"), false).unwrap_err();
    assert!(failure.message.contains("bruno"), "{failure}");
}

#[test]
fn technicians_keys_of_other_kinds_are_refused_by_name() {
    let desk = Desk::new();
    for key in ["ssh-rsa AAAAB3NzaC1yc2E=", "ssh-ed25519 AAAA", "age1nonsense", "carla"] {
        let mut inventory = desk.inventory();
        inventory.consortium.technicians.insert("carla".to_string(), key.to_string());
        let mut store = Store::open(&inventory, &desk.anna.identities).unwrap();
        let failure = store.set(TOKEN, secret("parola"), false).unwrap_err();
        assert!(failure.message.contains("technician carla"), "{key}: {failure}");
    }
}

#[test]
fn a_new_technician_reads_what_is_saved_after_joining() {
    let desk = Desk::new();
    let carla = desk.stranger();
    desk.open(&desk.anna).set(TOKEN, secret("parola"), false).unwrap();

    let joined = desk.inventory_of(&[("anna", &desk.anna), ("carla", &carla)]);
    let mut store = Store::open(&joined, &desk.anna.identities).unwrap();
    let before = store.list().remove(0);
    store.set(TOKEN, secret("parola"), false).unwrap();

    let after = store.list().remove(0);
    assert_eq!(About { known_to: before.known_to.clone(), ..after.clone() }, before, "the same value keeps its id");
    assert_eq!(after.known_to, ["bruno".to_string()].into());
    assert_eq!(value(&desk.open(&carla), TOKEN).as_deref(), Some("parola"));
    assert_eq!(desk.open(&desk.bruno).unreadable().len(), 1, "and who left cannot read it");
}
