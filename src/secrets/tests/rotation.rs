//! A rotation, step by step.

use super::*;

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
