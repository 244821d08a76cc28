//! What a zone promises: nothing is written before every name server was asked, the serial never goes back, and what
//! fails is put back. The name servers here are models; the lab's tests ask real ones.

use std::collections::BTreeSet;

use super::super::{Context, Means, Resource};
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
    assert!(failure.message.contains("are not on this host") && failure.message.contains("restore"), "{failure}");
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

#[test]
fn a_second_step_waits_for_what_resolvers_remember() {
    let mut host = serving();
    let lowered = ZONE.replace("www.b.it. 3600", "www.b.it. 300");
    fix(&serde_json::from_str(&lowered).unwrap(), &mut host).unwrap();
    let second: Resource = serde_json::from_str(&lowered.replace("192.0.2.7", "192.0.2.8")).unwrap();
    assert_eq!(fields(&second, &host), ["www.b.it/A", "wait www.b.it/A"]);
    host.world.now += 3_601;
    assert_eq!(fields(&second, &host), ["www.b.it/A"]);
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
