//! What a zone promises: nothing is written before every name server was asked, the serial never goes back, and what
//! fails is put back. The name servers here are models; the lab's tests ask real ones.

use std::collections::BTreeSet;

use super::super::{Action, Change, Context, Means, Resource, Step};
use super::samples::{ZONE, with_name_server};
use super::{Check, HOST_KEY, Seal, check, fix, secrets};
use crate::machine::{Fake, Fault};

const FILE: &str = "/var/lib/knot/zones/b.it.zone";

fn zone() -> Resource {
    serde_json::from_str(ZONE).unwrap()
}

fn moved() -> Resource {
    serde_json::from_str(&ZONE.replace("192.0.2.7", "192.0.2.8")).unwrap()
}

/// A host that serves the zone, with a secondary that follows.
fn serving() -> Fake {
    let mut host = Fake::new();
    with_name_server(&mut host);
    host.with_file("/var/lib/knot/offered/catalog.conf", "", 0o640);
    fix(&zone(), &mut host).unwrap();
    assert_eq!(check(&zone(), &host), Check::Correct);
    host
}

fn fields(resource: &Resource, host: &Fake) -> Vec<String> {
    match check(resource, host) {
        Check::Differs { changes, .. } => changes.into_iter().map(|change| change.field).collect(),
        found => panic!("{found:?}"),
    }
}

/// The fix fails with these words, and everything is as before.
#[track_caller]
fn refuses(resource: &Resource, host: &mut Fake, words: &str) {
    let (zone, file) = (host.world.notes.get("zone b.it").cloned(), host.world.text(FILE));
    let failure = fix(resource, host).expect_err(words);
    assert!(failure.message.contains(words), "{failure}");
    let now = host.world.notes.get("zone b.it").cloned();
    let without_serial =
        |text: Option<String>| text.map(|text| text.lines().skip(1).map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(without_serial(now), without_serial(zone), "what is served");
    assert_eq!(host.world.text(FILE), file, "what is on the disk");
    assert!(host.world.node(format!("{FILE}.unproven")).is_none());
}

fn serial(host: &Fake) -> u32 {
    let text = host.world.notes.get("zone b.it").unwrap();
    text.lines().next().and_then(|soa| soa.split(' ').nth(5)?.parse().ok()).unwrap()
}

#[test]
fn a_change_is_one_rrset_and_raises_the_serial_and_no_change_leaves_it() {
    let mut host = serving();
    let before = serial(&host);
    assert_eq!(fields(&moved(), &host), ["www.b.it/A"]);
    fix(&moved(), &mut host).unwrap();
    assert!(serial(&host) > before);
    assert!(host.world.text(format!("{FILE}.prev")).contains("192.0.2.7"), "the former version is kept");
    let before = serial(&host);
    fix(&moved(), &mut host).unwrap();
    assert_eq!(serial(&host), before);
}

#[test]
fn a_primary_behind_a_secondary_stops() {
    let mut host = serving();
    let ahead = host.world.notes["zone b.it"].replace(" 1 4 3 2 1", " 9 4 3 2 1");
    host.world.notes.insert("other b.it".to_string(), ahead);
    refuses(&moved(), &mut host, "this primary is behind with 1");
}

#[test]
fn a_cold_primary_starts_above_the_highest_serial() {
    let mut host = serving();
    let others = host.world.notes["zone b.it"].replace(" 1 4 3 2 1", " 41 4 3 2 1");
    host.world.notes.insert("other b.it".to_string(), others);
    host.world.notes.remove("zone b.it");
    fix(&zone(), &mut host).unwrap();
    assert_eq!(serial(&host), 42);
}

#[test]
fn a_name_server_that_does_not_answer_stops_before_anything_is_written() {
    let mut host = serving();
    host.world.notes.insert("cut off".to_string(), String::new());
    refuses(&moved(), &mut host, "does not answer");
}

#[test]
fn a_reload_that_is_refused_is_put_back() {
    let mut host = serving();
    host.answer(&["knotc", "-b", "zone-reload"], 1, "", "error: no memory");
    let failure = fix(&moved(), &mut host).unwrap_err();
    assert!(failure.message.contains("no memory"), "{failure}");
    assert!(host.world.text(FILE).contains("192.0.2.7"), "no failed file stays on the disk");
}

#[test]
fn a_secondary_that_does_not_follow_has_it_put_back() {
    let mut host = serving();
    host.world.notes.insert("lag".to_string(), String::new());
    refuses(&moved(), &mut host, "192.0.2.2 over TCP: serial 1, not 2");
}

#[test]
fn signatures_that_are_not_right_have_it_put_back() {
    let mut host = serving();
    host.answer(&["kzonecheck", "-o", "b.it", "-d"], 1, "", "no valid signature");
    refuses(&moved(), &mut host, "the signatures are not right");
}

#[test]
fn a_zone_that_the_checker_refuses_is_refused_by_the_plan_already() {
    let host = serving();
    let twice = ZONE.replace("\"b.it. 3600 NS ns2.c.it.\"", "\"b.it. 3600 NS ns1.c.it.\"");
    let bad: Resource = serde_json::from_str(&twice).unwrap();
    let context = Context { secrets: &secrets(), host_key: &HOST_KEY, allowed: &BTreeSet::new() };
    let failure = bad.kind().check(&host, &context).unwrap_err();
    assert!(failure.message.contains("the new zone b.it was refused"), "{failure}");
}

#[test]
fn a_file_changed_by_hand_is_found_and_mended_and_the_serial_stays() {
    let mut host = serving();
    let before = serial(&host);
    host.with_file(FILE, "b.it. 3600 CNAME x.\n", 0o640);
    assert_eq!(fields(&zone(), &host), ["zone file"]);
    fix(&zone(), &mut host).unwrap();
    assert_eq!((check(&zone(), &host), serial(&host)), (Check::Correct, before));
}

#[test]
fn a_protected_rrset_is_not_changed_unless_it_is_allowed_by_name() {
    let mut host = serving();
    let other = ZONE.replace("\"b.it. 3600 NS ns2.c.it.\"", "\"b.it. 3600 NS ns3.c.it.\"");
    let other: Resource = serde_json::from_str(&other).unwrap();
    refuses(&other, &mut host, "b.it/NS is protected");
    let (secrets, allowed) = (secrets(), BTreeSet::from(["b.it/NS".to_string()]));
    let context = Context { secrets: &secrets, host_key: &HOST_KEY, allowed: &allowed };
    other.kind().fix(&mut host, &mut Means { context, authority: &mut Seal }).unwrap();
    assert_eq!(check(&other, &host), Check::Correct);
}

#[test]
fn a_primary_without_its_keys_does_not_serve_what_others_sign_with_them() {
    let mut host = serving();
    let signed = host.world.notes["zone b.it"].clone() + "b.it. 3600 DNSKEY 257 3 13 abcd==\n";
    host.world.notes.insert("other b.it".to_string(), signed);
    host.world.notes.remove("zone b.it");
    let Check::Differs { changes, .. } = check(&zone(), &host) else { panic!() };
    assert!(changes.iter().any(|change| change.field == "b.it/DNSKEY" && change.before.is_some()), "{changes:?}");
    let failure = fix(&zone(), &mut host).unwrap_err();
    assert!(failure.message.contains("are not on this host") && failure.hints[0].contains("restore"), "{failure}");
    host.world.notes.insert("keys".to_string(), "abcd==".to_string());
    fix(&zone(), &mut host).unwrap();
}

#[test]
fn an_apply_that_was_cut_off_before_its_proof_is_proven_or_put_back_by_the_next() {
    let mut host = serving();
    host.cut_off(Fault::After(4));
    assert!(fix(&moved(), &mut host).is_err());
    host.mend();
    assert!(fields(&moved(), &host).contains(&"proof".to_string()), "{:?}", fields(&moved(), &host));
    host.answer(&["kzonecheck", "-o", "b.it", "-d"], 1, "", "no valid signature");
    let failure = fix(&moved(), &mut host).unwrap_err();
    assert!(failure.message.contains("no valid signature"), "{failure}");
    assert!(host.world.text(FILE).contains("192.0.2.7"), "the version before the cut");
    host.answer_freely();
    fix(&moved(), &mut host).unwrap();
    assert_eq!(check(&moved(), &host), Check::Correct);
}

/// The zone of the samples that moves in two steps, with its records changed.
fn stepwise(records: &[(&str, &str)]) -> Resource {
    let text = ZONE.replace("\"name\"", "\"move_ttl\": 60, \"name\"");
    let text = records.iter().fold(text, |text, (before, after)| text.replace(before, after));
    serde_json::from_str(&text).unwrap()
}

/// What an apply would do, with what is left.
fn action(resource: &Resource, host: &Fake) -> Option<(Action, Vec<Change>)> {
    match check(resource, host) {
        Check::Differs { action, changes } => Some((action, changes)),
        Check::Correct => None,
        found => panic!("{found:?}"),
    }
}

fn line<'t>(host: &'t Fake, name: &str) -> Vec<&'t str> {
    host.world.notes["zone b.it"].lines().filter(|line| line.starts_with(name)).collect()
}

#[test]
fn an_address_moves_in_two_steps_the_second_not_before_the_old_ttl_has_passed() {
    let mut host = serving();
    let moved = stepwise(&[("192.0.2.7", "192.0.2.8")]);
    let (first, changes) = action(&moved, &host).unwrap();
    let step = Step::First { then: Some("3600 192.0.2.8".to_string()), after: 3600 };
    let lowers = Change {
        field: "www.b.it/A".to_string(),
        before: Some("3600 192.0.2.7".to_string()),
        after: Some("60 192.0.2.7".to_string()),
        secret: false,
        step: Some(step),
    };
    assert_eq!((first, changes), (Action::Change, vec![lowers]));
    fix(&moved, &mut host).unwrap();
    assert_eq!(line(&host, "www"), ["www.b.it. 60 A 192.0.2.7"], "only its TTL");
    // The clock tells whole seconds: the one in which the TTL was lowered is not over.
    let not_before = host.world.now + 3601;
    let waits = |host: &Fake| {
        let (action, changes) = action(&moved, host).unwrap();
        (action, changes[0].step.clone(), changes.len())
    };
    let second = (Action::Wait, Some(Step::Second { not_before }), 1);
    assert_eq!(waits(&host), second);
    host.world.now += 3600;
    assert_eq!(waits(&host), second, "the same until its time");
    let before = serial(&host);
    fix(&moved, &mut host).unwrap();
    assert_eq!((line(&host, "www"), serial(&host)), (vec!["www.b.it. 60 A 192.0.2.7"], before), "not before its time");
    host.world.now += 1;
    assert_eq!(action(&moved, &host).unwrap().0, Action::Change);
    fix(&moved, &mut host).unwrap();
    assert_eq!(line(&host, "www"), ["www.b.it. 3600 A 192.0.2.8"]);
    assert_eq!(check(&moved, &host), Check::Correct);
}

#[test]
fn other_records_of_a_zone_do_not_wait_for_a_move() {
    let mut host = serving();
    let moved = [("192.0.2.7", "192.0.2.8")];
    fix(&stepwise(&moved), &mut host).unwrap();
    let more = ("\"www.b.it.", "\"a.b.it. 60 A 192.0.2.9\", \"www.b.it.");
    let more = stepwise(&[moved[0], more]);
    assert_eq!(fields(&more, &host), ["a.b.it/A", "www.b.it/A"]);
    fix(&more, &mut host).unwrap();
    assert_eq!((line(&host, "a").len(), line(&host, "www")), (1, vec!["www.b.it. 60 A 192.0.2.7"]));
    assert_eq!(action(&more, &host).unwrap().0, Action::Wait);
    // Who thinks better of it waits for nothing.
    fix(&stepwise(&[]), &mut host).unwrap();
    assert_eq!(line(&host, "www"), ["www.b.it. 3600 A 192.0.2.7"]);
}

#[test]
fn a_name_that_becomes_an_alias_moves_as_a_whole_and_what_only_comes_or_goes_does_not_wait() {
    let mut host = serving();
    let alias = stepwise(&[("www.b.it. 3600 A 192.0.2.7", "www.b.it. 3600 CNAME c.it.")]);
    fix(&alias, &mut host).unwrap();
    assert_eq!(line(&host, "www"), ["www.b.it. 60 A 192.0.2.7"]);
    host.world.now += 3601;
    fix(&alias, &mut host).unwrap();
    assert_eq!(line(&host, "www"), ["www.b.it. 3600 CNAME c.it."]);
    let mut host = serving();
    let two = stepwise(&[("\"www.b.it.", "\"www.b.it. 3600 A 192.0.2.8\", \"www.b.it.")]);
    fix(&two, &mut host).unwrap();
    assert_eq!((line(&host, "www").len(), check(&two, &host)), (2, Check::Correct));
    let gone = stepwise(&[(",\n    \"www.b.it. 3600 A 192.0.2.7\"", "")]);
    fix(&gone, &mut host).unwrap();
    assert_eq!((line(&host, "www").len(), check(&gone, &host)), (0, Check::Correct));
}

#[test]
fn a_move_goes_at_once_when_that_is_allowed_or_no_move_ttl_is_said() {
    let mut host = serving();
    let moved = stepwise(&[("192.0.2.7", "192.0.2.8")]);
    fix(&moved, &mut host).unwrap();
    let (secrets, allowed) = (secrets(), BTreeSet::from(["www.b.it/A/now".to_string()]));
    let context = || Context { secrets: &secrets, host_key: &HOST_KEY, allowed: &allowed };
    moved.kind().fix(&mut host, &mut Means { context: context(), authority: &mut Seal }).unwrap();
    assert_eq!(line(&host, "www"), ["www.b.it. 3600 A 192.0.2.8"]);
    let mut host = serving();
    let (_, changes) = action(&self::moved(), &host).unwrap();
    assert_eq!(changes[0].step, Some(Step::Whole { remembered: 3600 }), "the plan says what it costs");
    fix(&self::moved(), &mut host).unwrap();
    assert_eq!(line(&host, "www"), ["www.b.it. 3600 A 192.0.2.8"]);
}

#[test]
fn who_lowers_a_ttl_in_the_inventory_has_the_move_wait_as_well() {
    let mut host = serving();
    let lowered = ZONE.replace("www.b.it. 3600", "www.b.it. 300");
    fix(&serde_json::from_str(&lowered).unwrap(), &mut host).unwrap();
    let second: Resource = serde_json::from_str(&lowered.replace("192.0.2.7", "192.0.2.8")).unwrap();
    assert_eq!(action(&second, &host).unwrap().0, Action::Wait);
    host.world.now += 3_601;
    assert_eq!(action(&second, &host).unwrap().0, Action::Change);
}

#[test]
fn a_first_step_that_was_cut_off_before_its_time_was_written_down_does_not_let_the_second_come_early() {
    for cut in 0.. {
        let mut host = serving();
        let moved = stepwise(&[("192.0.2.7", "192.0.2.8")]);
        host.cut_off(Fault::After(cut));
        let done = fix(&moved, &mut host).is_ok();
        host.mend();
        fix(&moved, &mut host).unwrap();
        assert!(line(&host, "www")[0].ends_with("192.0.2.7"), "cut off after {cut}: {:?}", line(&host, "www"));
        assert_eq!(action(&moved, &host).unwrap().0, Action::Wait, "cut off after {cut}");
        if done {
            assert!(cut > 5, "it was cut off {cut} times only");
            break;
        }
    }
}

#[test]
fn a_zone_that_somebody_changes_by_hand_is_left_alone_and_named_with_the_way_out() {
    let mut host = serving();
    host.world.notes.insert("transaction b.it".to_string(), String::new());
    assert_eq!(check(&zone(), &host), Check::Correct, "nothing is to be done");
    let context = Context { secrets: &secrets(), host_key: &HOST_KEY, allowed: &BTreeSet::new() };
    let failure = moved().kind().check(&host, &context).unwrap_err();
    assert!(failure.message.contains("b.it cannot be changed") && failure.hints[0].ends_with("knotc zone-abort b.it"));
    let before = host.changes().len();
    refuses(&moved(), &mut host, "neither committed nor given up");
    assert_eq!(host.changes().len(), before, "it was not even asked");
}

#[test]
fn the_catalog_is_offered_only_by_a_primary_that_has_all() {
    let catalog: Resource = serde_json::from_str(super::samples::ZONE_CATALOG).unwrap();
    let mut host = Fake::new();
    with_name_server(&mut host);
    host.world.notes.insert("other b.it".to_string(), "b.it. 3600 SOA ns1.c.it. h.c.it. 5 4 3 2 1\n".to_string());
    let failure = fix(&catalog, &mut host).unwrap_err();
    assert!(failure.message.contains("b.it: not loaded here, served by 192.0.2.2"), "{failure}");
    host.world.notes.insert("zone b.it".to_string(), "b.it. 3600 SOA ns1.c.it. h.c.it. 4 4 3 2 1\n".to_string());
    let failure = fix(&catalog, &mut host).unwrap_err();
    assert!(failure.message.contains("b.it: serial 4 here, 5 on 192.0.2.2"), "{failure}");
    assert!(host.world.node("/var/lib/knot/offered/catalog.conf").is_none());
    host.world.notes.insert("zone b.it".to_string(), "b.it. 3600 SOA ns1.c.it. h.c.it. 6 4 3 2 1\n".to_string());
    fix(&catalog, &mut host).unwrap();
    assert!(matches!(check(&catalog, &host), Check::Correct));
}

#[test]
fn a_catalog_that_knot_has_not_loaded_when_the_reload_is_over_is_waited_for() {
    let catalog: Resource = serde_json::from_str(super::samples::ZONE_CATALOG).unwrap();
    let mut host = Fake::new();
    with_name_server(&mut host);
    fix(&zone(), &mut host).unwrap();
    host.world.notes.insert("slow".to_string(), String::new());
    fix(&catalog, &mut host).unwrap();
    assert!(matches!(check(&catalog, &host), Check::Correct));
}

#[test]
fn a_knot_that_another_knotc_keeps_busy_is_not_taken_for_one_that_does_not_run() {
    let mut host = serving();
    let words = "error: failed to connect to socket '/run/knot/knot.sock' (OS lacked necessary resources)";
    host.answer(&["knotc", "zone-status"], 1, "", words);
    let context = Context { secrets: &secrets(), host_key: &HOST_KEY, allowed: &BTreeSet::new() };
    let failure = moved().kind().check(&host, &context).unwrap_err();
    assert!(failure.message.contains("does not listen") && failure.hints[0].contains("start knot"), "{failure:?}");
}
