//! What is as far as it can be now: neither done nor failed, and no drift.

use super::harness::{Host, findings, fixed, outcome, owned_by, wants};
use crate::protocol::{FromHost, Outcome, Request};
use crate::resources::{Action, Resource};

const ID: &str = "zone:b.it";

fn zone(address: &str) -> Request {
    let zone = serde_json::json!({"zone": {"name": "b.it", "servers": ["192.0.2.1"], "move_ttl": 60, "records": [
        "b.it. 3600 SOA ns1.c.it. h.c.it. 0 4 3 2 1", "b.it. 3600 NS ns1.c.it.", "b.it. 3600 NS ns2.c.it.",
        format!("www.b.it. 3600 A {address}")]}});
    let zone: Resource = serde_json::from_value(zone).unwrap();
    wants(vec![owned_by("c_e707", zone)])
}

fn host() -> Host {
    let mut host = Host::new();
    host.fake.world.notes.insert("knot".to_string(), String::new());
    host.fake.with_file("/etc/group", "root:x:0:\nknot:x:120:\n", 0o644);
    host.fake.with_file("/etc/knot/comuni.d/b.it.conf", "zone:\n  - domain: b.it\n", 0o640);
    for folder in ["zones", "offered", "check"] {
        host.fake.with_directory(&format!("/var/lib/knot/{folder}"), 0o750);
    }
    host
}

fn waits(heard: &[FromHost]) -> Vec<i64> {
    let time = |said: &FromHost| match said {
        FromHost::Waits { id, not_before, .. } if id == ID => Some(*not_before),
        _ => None,
    };
    heard.iter().filter_map(time).collect()
}

#[test]
fn a_first_step_is_fixed_and_the_rest_waits_and_is_no_drift_before_nor_after_its_time() {
    let mut host = host();
    assert_eq!((fixed(&host.apply(zone("192.0.2.7"))), waits(&[])), (vec![ID.to_string()], vec![]));
    let heard = host.apply(zone("192.0.2.8"));
    let time = host.fake.world.now + 3601;
    assert_eq!((fixed(&heard), waits(&heard)), (vec![ID.to_string()], vec![time]));
    let heard = host.plan(zone("192.0.2.8"));
    assert!(matches!(outcome(&heard, ID), Outcome::Differs { action: Action::Wait, .. }), "{heard:?}");
    assert!(findings(&heard).iter().all(|finding| !finding.drifted), "{heard:?}");
    let heard = host.apply(zone("192.0.2.8"));
    assert_eq!(fixed(&heard), Vec::<String>::new(), "not before its time");
    host.fake.world.now += 3601;
    let heard = host.plan(zone("192.0.2.8"));
    assert!(matches!(outcome(&heard, ID), Outcome::Differs { action: Action::Change, .. }), "{heard:?}");
    assert!(findings(&heard).iter().all(|finding| !finding.drifted), "nobody changed it by hand: {heard:?}");
    let heard = host.apply(zone("192.0.2.8"));
    assert_eq!((fixed(&heard), waits(&heard)), (vec![ID.to_string()], vec![]));
    let heard = host.plan(zone("192.0.2.8"));
    assert_eq!(findings(&heard), []);
    host.fake
        .world
        .notes
        .entry("zone b.it".to_string())
        .and_modify(|text| *text = text.replace("192.0.2.8", "192.0.2.9"));
    let heard = host.plan(zone("192.0.2.8"));
    assert!(findings(&heard)[0].drifted, "that was done by hand");
}
