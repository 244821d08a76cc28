//! What tenants need, and making what is missing of it.

use super::*;

#[test]
fn every_tenant_needs_its_passwords_and_what_the_application_asks_for() {
    let desk = Desk::new();
    let tokens: Vec<String> = required_tokens(&desk.inventory()).into_iter().collect();
    assert_eq!(
        tokens,
        [
            "secret://c_e707/albo/database_password_a",
            "secret://c_e707/albo/database_password_b",
            "secret://c_e707/albo/session_key",
            "secret://c_e863/albo/database_password_a",
            "secret://c_e863/albo/database_password_b",
            "secret://c_e863/albo/session_key",
            "secret://consortium/authority/key",
        ]
    );
}

#[test]
fn making_what_is_missing_makes_all_of_it_once_and_touches_nothing_else() {
    let desk = Desk::new();
    let inventory = desk.inventory();
    let mut store = desk.open(&desk.anna);
    store.set(TOKEN, secret("parola"), false).unwrap();
    assert_eq!(store.missing(&inventory).len(), 6);

    let made = store.make_missing(&inventory).unwrap();
    assert_eq!(made.tokens.len(), 6);
    assert!(!made.tokens.contains(TOKEN));
    assert_eq!(made.certificate.as_deref(), Some(desk.directory().join("authority.pem").as_path()));

    let before = snapshot(&desk.directory());
    let mut again = desk.open(&desk.bruno);
    assert!(again.missing(&inventory).is_empty());
    assert!(again.make_missing(&inventory).unwrap().is_empty());
    assert_eq!(snapshot(&desk.directory()), before, "not one byte is written when nothing is missing");

    assert_eq!(value(&again, TOKEN).as_deref(), Some("parola"));
    let values: BTreeSet<_> = required_tokens(&inventory).iter().filter_map(|token| value(&again, token)).collect();
    assert_eq!(values.len(), 7, "every secret has a value of its own");
}

#[test]
fn the_authority_that_is_made_can_sign_and_its_key_is_for_no_host() {
    let desk = Desk::new();
    let mut store = desk.open(&desk.anna);
    store.make_missing(&desk.inventory()).unwrap();
    let certificate = fs::read_to_string(desk.directory().join("authority.pem")).unwrap();
    let key = store.get(AUTHORITY_KEY).unwrap().unwrap();
    authority::Signer::new(&certificate, key.expose()).unwrap();
    assert!(!certificate.contains("PRIVATE"));
    assert!(store.table(&BTreeSet::from([AUTHORITY_KEY.to_string()])).values.is_empty());
}

#[test]
fn after_a_crash_between_key_and_certificate_the_rest_is_made_with_the_same_key() {
    let desk = Desk::new();
    let inventory = desk.inventory();
    let mut store = desk.open(&desk.anna);
    store.make_missing(&inventory).unwrap();
    let key = value(&store, AUTHORITY_KEY);
    fs::remove_file(desk.directory().join("authority.pem")).unwrap();

    let made = store.make_missing(&inventory).unwrap();
    assert!(made.tokens.is_empty() && made.certificate.is_some());
    assert_eq!(value(&store, AUTHORITY_KEY), key);
}

#[test]
fn a_certificate_without_its_key_or_with_another_stops_before_anything_is_written() {
    let desk = Desk::new();
    let inventory = desk.inventory();
    let (certificate, _) = authority::make(&inventory.consortium).unwrap();
    fs::write(desk.directory().join("authority.pem"), &certificate).unwrap();
    let mut store = desk.open(&desk.anna);
    let failure = store.make_missing(&inventory).unwrap_err();
    assert!(failure.message.contains("its key is not in"), "{failure}");
    assert!(!desk.file("c_e863").exists());

    store.set(AUTHORITY_KEY, Secret::new(authority::new_key().unwrap()), false).unwrap();
    let failure = store.make_missing(&inventory).unwrap_err();
    assert!(failure.message.contains("does not belong"), "{failure}");
    assert!(!desk.file("c_e863").exists());
}

#[test]
fn one_needed_file_that_is_not_for_us_stops_all_making() {
    let desk = Desk::new();
    desk.open(&desk.anna).set(TOKEN, secret("parola"), false).unwrap();
    let carla = desk.stranger();
    let joined = desk.inventory_of(&[("anna", &desk.anna), ("carla", &carla)]);
    let mut store = Store::open(&joined, &carla.identities).unwrap();
    assert!(!store.missing(&joined).contains(TOKEN), "what cannot be seen is not called missing");
    assert!(store.make_missing(&joined).unwrap_err().message.contains("not for your key"));
    assert!(!desk.file("c_e707").exists());
}
