//! The part for the control host.

use super::*;

const REPOSITORY: &str = "secret://c_e863/backup/repository_key";

/// Whoever has the control host's key, and an inventory that names it.
fn control(desk: &Desk) -> (Person, Inventory) {
    let control = desk.stranger();
    let mut inventory = desk.inventory();
    inventory.consortium.control = Some(control.public.clone());
    (control, inventory)
}

fn filled(desk: &Desk, inventory: &Inventory) -> Store {
    let mut store = Store::open(inventory, &desk.anna.identities).unwrap();
    store.set(TOKEN, secret("uno"), false).unwrap();
    store.set("secret://c_e863/albo/database_password_b", secret("due"), false).unwrap();
    store.set(REPOSITORY, secret("chiave"), false).unwrap();
    store
}

#[test]
fn the_control_host_opens_the_keys_of_backups_and_of_the_rest_knows_the_ids() {
    let desk = Desk::new();
    let (control, inventory) = control(&desk);
    let whole = filled(&desk, &inventory);
    let store = Store::open(&inventory, &control.identities).unwrap();
    assert_eq!(value(&store, REPOSITORY).as_deref(), Some("chiave"));
    assert_eq!(store.get(TOKEN).unwrap_err().kind, Kind::Inventory);
    store.require(&[REPOSITORY.to_string()].into()).unwrap();
    store.require(&[TOKEN.to_string()].into()).unwrap_err();
    assert!(store.has_part("c_e863") && !whole.has_part("c_e863"));

    let active = "secret://c_e863/albo/database_password".to_string();
    let tokens = BTreeSet::from([TOKEN.to_string(), REPOSITORY.to_string(), active.clone()]);
    let (given, known) = (store.table(&tokens), whole.table(&tokens));
    let ids = |table: &SecretTable| {
        table.values.iter().map(|(name, value)| (name.clone(), value.id.clone())).collect::<Vec<_>>()
    };
    assert_eq!(ids(&given), ids(&known));
    assert_eq!((given.value(TOKEN), given.value(&active), given.value(REPOSITORY)), (None, None, Some("chiave")));
    let text = serde_json::to_string(&given).unwrap();
    assert!(!text.contains("uno") && !text.contains("due"), "{text}");
}

#[test]
fn the_part_is_enough_by_itself_and_nobody_can_write_with_it() {
    let desk = Desk::new();
    let (control, inventory) = control(&desk);
    filled(&desk, &inventory);
    fs::remove_file(desk.file("c_e863")).unwrap();
    let mut store = Store::open(&inventory, &control.identities).unwrap();
    assert_eq!(value(&store, REPOSITORY).as_deref(), Some("chiave"));
    let before = snapshot(&desk.directory());
    assert_eq!(store.rekey().unwrap(), Rekeyed::default(), "there is no whole file here");
    assert!(store.set(TOKEN, secret("altra"), true).is_err());
    assert!(store.generate("secret://c_e863/albo/session_key").is_err());
    assert_eq!(snapshot(&desk.directory()), before);
}

#[test]
fn a_new_value_is_in_the_part_at_once_and_a_rekey_makes_and_takes_away_parts() {
    let desk = Desk::new();
    let mut plain = with_passwords(&desk);
    plain.generate(REPOSITORY).unwrap();
    let part = desk.directory().join("secrets/control/c_e863.age");
    assert!(!part.exists());
    let (control, inventory) = control(&desk);
    let mut store = Store::open(&inventory, &desk.anna.identities).unwrap();
    assert!(store.readers().unwrap()["c_e863"].part);
    assert_eq!(for_others(&inventory).unwrap().len(), 1, "seen without opening anything");
    assert_eq!(store.rekey().unwrap().written.len(), 1);
    assert_eq!(store.rekey().unwrap().right, 1, "and again there is nothing to do");
    assert_eq!(for_others(&inventory).unwrap(), []);

    store.set(TOKEN, secret("nuova"), true).unwrap();
    let id = |store: &Store| store.table(&[TOKEN.to_string()].into()).values[TOKEN].id.clone();
    assert_eq!(id(&Store::open(&inventory, &control.identities).unwrap()), id(&store));

    let mut store = desk.open(&desk.anna);
    assert_eq!(store.rekey().unwrap().written.len(), 1);
    assert!(!part.exists(), "no control host has a key any more");
}

#[test]
fn a_key_that_a_technician_has_is_no_key_of_the_control_host() {
    let desk = Desk::new();
    let mut inventory = desk.inventory();
    inventory.consortium.control = Some(desk.anna.public.clone());
    let mut store = Store::open(&inventory, &desk.anna.identities).unwrap();
    assert!(store.generate(REPOSITORY).unwrap_err().message.contains("also that of anna"));
}
