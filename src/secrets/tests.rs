use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::example::{self, Person};
use super::*;
use crate::failure::Kind;

const TOKEN: &str = "secret://c_e863/albo/database_password_a";
const POISON: &str = "p01s0nW0rd-must-not-be-seen";

/// An inventory whose secrets anna (ssh), bruno (age) and the recovery key can read.
struct Desk {
    folder: TempDir,
    anna: Person,
    bruno: Person,
    recovery: Person,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let anna = example::ssh_person(folder.path(), "anna", "");
        let bruno = example::age_person(folder.path(), "bruno");
        let recovery = example::age_person(folder.path(), "recovery");
        fs::create_dir(folder.path().join("inventory")).unwrap();
        Desk { folder, anna, bruno, recovery }
    }

    fn inventory(&self) -> Inventory {
        self.inventory_of(&[("anna", &self.anna), ("bruno", &self.bruno)])
    }

    fn inventory_of(&self, technicians: &[(&str, &Person)]) -> Inventory {
        example::inventory(&self.directory(), example::consortium(technicians, Some(&self.recovery)))
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("inventory")
    }

    fn file(&self, owner: &str) -> PathBuf {
        self.directory().join("secrets").join(format!("{owner}.age"))
    }

    fn open(&self, person: &Person) -> Store {
        Store::open(&self.inventory(), &person.identities).unwrap()
    }

    fn stranger(&self) -> Person {
        example::ssh_person(self.folder.path(), "stranger", "")
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_string())
}

fn value(store: &Store, token: &str) -> Option<String> {
    store.get(token).unwrap().map(|secret| secret.expose().to_string())
}

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

/// Every file below a folder with its content.
fn snapshot(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else {
            files.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

/// A tenant whose passwords are `uno` (a, in use) and `due` (b).
fn with_passwords(desk: &Desk) -> Store {
    let mut store = desk.open(&desk.anna);
    store.set(TOKEN, secret("uno"), false).unwrap();
    store.set("secret://c_e863/albo/database_password_b", secret("due"), false).unwrap();
    store
}

fn in_use(store: &Store) -> [SecretValue; 2] {
    let tokens = ACTIVE_TOKENS.map(|name| format!("secret://c_e863/albo/{name}"));
    let mut table = store.table(&tokens.clone().into());
    tokens.map(|token| table.values.remove(&token).unwrap())
}

fn in_use_words(store: &Store) -> [(String, String); 2] {
    in_use(store).map(|value| (value.id, value.value))
}

/// What the host's rule says: it has this id, or one that this value replaced.
fn replaces(new: &SecretValue, old: &SecretValue) -> bool {
    new.id == old.id || new.replaces.contains(&old.id)
}

#[test]
fn a_rotation_goes_step_by_step_to_the_other_role_with_both_passwords_new() {
    let desk = Desk::new();
    let mut store = with_passwords(&desk);
    let first = in_use_words(&store);
    assert_eq!((first[0].1.as_str(), first[1].1.as_str()), ("c_e863_albo_a", "uno"));

    let begin = store.rotation("c_e863", "albo").unwrap();
    let prepared = store.advance("c_e863", "albo", begin).unwrap();
    assert_eq!((prepared.active, prepared.step), (Half::A, Some(Step::Prepared)));
    assert_eq!(in_use_words(&store), first, "what is in use is as before");
    let fresh = value(&store, "secret://c_e863/albo/database_password_b").unwrap();
    assert_ne!(fresh, "due");

    let switched = store.advance("c_e863", "albo", prepared).unwrap();
    let second = in_use_words(&store);
    assert_eq!((second[0].1.as_str(), &second[1].1), ("c_e863_albo_b", &fresh));
    assert_eq!(value(&store, TOKEN).as_deref(), Some("uno"), "the way back is open");

    let barred = store.advance("c_e863", "albo", switched).unwrap();
    assert_ne!(value(&store, TOKEN).as_deref(), Some("uno"));
    assert_eq!(in_use_words(&store), second);
    let end = store.advance("c_e863", "albo", barred).unwrap();
    assert_eq!((end.active, end.step), (Half::B, None));
    assert_eq!(desk.open(&desk.bruno).rotation("c_e863", "albo").unwrap(), end, "all of it is on disk");
}

#[test]
fn an_inventory_from_before_a_switch_is_told_by_the_ids_and_a_later_one_is_taken() {
    let desk = Desk::new();
    let mut store = with_passwords(&desk);
    let mut seen = vec![in_use(&store)];
    let mut at = store.rotation("c_e863", "albo").unwrap();
    for _ in 0..12 {
        at = store.advance("c_e863", "albo", at).unwrap();
        if at.step.is_none() {
            seen.push(in_use(&store));
        }
    }
    assert_eq!(seen.len(), 4);
    for (earlier, later) in [(0, 1), (1, 2), (0, 2), (2, 3), (0, 3)] {
        for (older, newer) in seen[earlier].iter().zip(&seen[later]) {
            assert!(replaces(newer, older), "{later} takes the place of {earlier}");
            assert!(!replaces(older, newer), "{earlier} does not take that of {later}");
        }
    }
}

#[test]
fn an_unhealthy_switch_goes_back_and_the_next_rotation_begins_anew() {
    let desk = Desk::new();
    let mut store = with_passwords(&desk);
    let begin = store.rotation("c_e863", "albo").unwrap();
    let prepared = store.advance("c_e863", "albo", begin).unwrap();
    let switched = store.advance("c_e863", "albo", prepared).unwrap();
    let [away, _] = in_use(&store);
    let back = store.switch_back("c_e863", "albo", switched).unwrap();
    assert_eq!((back.active, back.step), (Half::A, None));
    let [user, password] = in_use(&store);
    assert_eq!((user.value.as_str(), password.value.as_str()), ("c_e863_albo_a", "uno"));
    assert!(replaces(&user, &away), "a host that has switched takes it back");
}

#[test]
fn two_who_go_on_with_one_rotation_do_not_both_take_a_step() {
    let desk = Desk::new();
    let mut anna = with_passwords(&desk);
    let mut bruno = desk.open(&desk.bruno);
    let at = anna.rotation("c_e863", "albo").unwrap();
    anna.advance("c_e863", "albo", at).unwrap();
    let late = bruno.advance("c_e863", "albo", at).unwrap_err();
    assert_eq!(late.kind, Kind::Busy);
}

#[test]
fn what_follows_from_a_rotation_is_set_by_nobody() {
    let desk = Desk::new();
    let mut store = with_passwords(&desk);
    for name in ACTIVE_TOKENS {
        let refused = store.set(&format!("secret://c_e863/albo/{name}"), secret("x"), true).unwrap_err();
        assert_eq!(refused.kind, Kind::Usage);
        assert!(refused.hints[0].contains("rotate"));
    }
    assert_eq!(store.rotation("c_e707", "albo").unwrap_err().kind, Kind::Inventory, "no passwords, no rotation");
}

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
