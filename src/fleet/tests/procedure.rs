//! Acts of a procedure, one after the other on one stream.

use std::time::Duration;

use super::scripted::{Script, World};
use crate::failure::Kind;
use crate::fleet::{Event, Settings};
use crate::prometheus::Question;
use crate::protocol::{Act, Acted, Operator, Order};
use crate::resources::SecretTable;

fn order() -> Order {
    Order {
        operator: Operator::default(),
        verb: "secrets rotate".to_string(),
        tenant: "c_e863-albo".to_string(),
        owner: "c_e863".to_string(),
        act: Act::EndSessions { role: "c_e863_albo_a".to_string() },
        secrets: SecretTable::default(),
    }
}

#[test]
fn the_stream_stays_open_between_two_acts_and_ends_well() {
    let world = World::new([("db1", Script::default())]);
    let mut fleet = world.fleet(Settings::default());
    assert_eq!(fleet.act("db1", order()).unwrap(), Acted::Sessions(1));
    assert_eq!(fleet.act("db1", order()).unwrap(), Acted::Sessions(1));
    let ended = fleet.end();
    assert!(ended.failures.is_empty(), "{:?}", ended.failures);
    assert_eq!(ended.traffic["db1"].execs, 1);
    assert_eq!(world.told("db1"), ["act for c_e863-albo", "act for c_e863-albo", "end"]);
    assert!(world.events().iter().any(|event| matches!(event, Event::Started { id, .. } if id == "file:/etc/x")));
}

#[test]
fn a_host_that_is_expected_is_connected_to_meanwhile_and_says_with_which_key() {
    let slow = Script { login: Duration::from_millis(400), ..Script::default() };
    let world =
        World::new([("app1", slow.clone()), ("db1", slow.clone()), ("ops1", Script { unreachable: true, ..slow })]);
    let mut fleet = world.fleet(Settings::default());
    ["app1", "db1", "ops1"].iter().for_each(|host| fleet.expect(host));
    assert_eq!(fleet.fingerprint("app1").as_deref(), Some("SHA256:of app1"));
    assert_eq!(fleet.fingerprint("ops1"), None);
    assert_eq!(fleet.act("db1", order()).unwrap(), Acted::Sessions(1));
    assert_eq!(world.most_logging_in(), 3, "nobody waits for another");
    assert_eq!(fleet.append("app1", vec![]).unwrap(), "head");
    assert!(fleet.append("ops1", vec![]).unwrap_err().message.contains("no route"), "and is not tried again");
    let ended = fleet.end();
    assert_eq!((ended.traffic["app1"].execs, ended.traffic["db1"].execs), (1, 1));
    assert_eq!(world.told("app1"), ["append 0", "end"]);
    assert_eq!(world.events().iter().filter(|event| matches!(event, Event::Lost { .. })).count(), 1);
}

#[test]
fn a_host_that_cannot_be_reached_is_a_failure_each_time() {
    let world = World::new([("db1", Script { unreachable: true, ..Script::default() })]);
    let mut fleet = world.fleet(Settings::default());
    for _ in 0..2 {
        assert!(fleet.act("db1", order()).unwrap_err().message.contains("no route"));
    }
}

#[test]
fn after_a_signal_no_act_is_begun() {
    let world = World::new([("db1", Script::default())]);
    let mut fleet = world.fleet(Settings::default());
    fleet.act("db1", order()).unwrap();
    fleet.stop().raise(Kind::Interrupted);
    assert_eq!(fleet.act("db1", order()).unwrap_err().kind, Kind::Interrupted);
    assert_eq!(world.told("db1").iter().filter(|told| told.starts_with("act")).count(), 1);
}

#[test]
fn all_questions_go_over_one_stream_and_each_has_its_own_answer() {
    let world = World::new([("mon1", Script::default())]);
    let mut fleet = world.fleet(Settings::default());
    fleet.expect("mon1");
    let said = fleet.ask_monitoring("mon1", vec![Question::Targets, Question::Alerts, Question::Rules]).unwrap();
    assert_eq!((said.answers.len(), said.now), (3, 7));
    assert_eq!(said.answers[1], Err("not now".to_string()));
    assert_eq!(said.answers[2], Ok(serde_json::Value::Bool(true)));
    let ended = fleet.end();
    assert_eq!(ended.traffic["mon1"].execs, 1);
    assert_eq!(world.told("mon1"), ["ask Targets", "ask Alerts", "ask Rules", "end"]);
}
