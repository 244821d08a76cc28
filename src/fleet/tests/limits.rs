//! How many at once, and how long at most.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::scripted::{Script, World, create};
use crate::catalog::Stage;
use crate::failure::Kind;
use crate::fleet::{Checked, HostState, Settings};
use crate::protocol::Mode;

fn twelve(script: &Script) -> Arc<World> {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    World::new(names.map(|name| (name, script.clone())))
}

#[test]
fn no_more_hosts_log_in_at_the_same_time_than_allowed() {
    let world = twelve(&Script { login: Duration::from_millis(30), ..Script::default() });
    let mut fleet = world.fleet(Settings { handshakes: 3, ..Settings::default() });
    let checked = fleet.check(world.requests(Mode::Plan));
    assert!(checked.values().all(|checked| matches!(checked, Checked::Checked { .. })));
    assert_eq!(world.most_logging_in(), 3);
}

#[test]
fn no_more_hosts_work_at_the_same_time_than_allowed_but_all_streams_stay_open() {
    let findings = vec![create(Stage::Host, "host", "a")];
    let world = twelve(&Script { pace: Duration::from_millis(30), findings, ..Script::default() });
    let mut fleet = world.fleet(Settings { parallel: 2, ..Settings::default() });
    fleet.check(world.requests(Mode::Apply));
    assert_eq!(world.most_working(), 2);
    let outcome = fleet.apply(&world.work(&[]));
    assert_eq!(outcome.kind(), None);
    assert!(outcome.hosts.values().all(|host| host.recorded));
}

#[test]
fn one_host_that_cannot_be_reached_does_not_hold_up_the_others() {
    let dead = Script { unreachable: true, login: Duration::from_millis(300), ..Script::default() };
    let world = World::new([("app1", dead), ("app2", Script::default())]);
    let mut fleet = world.fleet(Settings::default());
    let checked: BTreeMap<String, Checked> = fleet.check(world.requests(Mode::Plan));
    let Checked::Unreachable(failure) = &checked["app1"] else { panic!("{checked:?}") };
    assert!(failure.message.contains("no route"));
    assert!(matches!(checked["app2"], Checked::Checked { .. }));
}

#[test]
fn a_step_without_end_is_given_up_after_its_deadline_and_named_though_the_host_gives_signs_of_life() {
    let app1 = Script {
        hang_at: Some("file:slow".to_string()),
        findings: vec![create(Stage::Host, "host", "slow"), create(Stage::Host, "host", "next")],
        ..Script::default()
    };
    let app2 = Script { findings: vec![create(Stage::Application, "host", "a")], ..Script::default() };
    let world = World::new([("app1", app1), ("app2", app2)]);
    let mut fleet = world.fleet(Settings { step: Duration::from_secs(1), ..Settings::default() });
    fleet.check(world.requests(Mode::Apply));
    let begun = Instant::now();
    let outcome = fleet.apply(&world.work(&[]));
    assert!(begun.elapsed() < Duration::from_secs(5));
    let HostState::Lost { failure, during } = &outcome.hosts["app1"].state else { panic!("{outcome:?}") };
    assert!(failure.message.contains("`app1`: given up after 1 s while waiting for: file:slow"), "{failure}");
    assert_eq!(during.as_deref(), Some("file:slow"));
    assert_eq!(outcome.hosts["app1"].remaining.len(), 2);
    assert_eq!(outcome.hosts["app2"].state, HostState::Done);
    assert_eq!(outcome.kind(), Some(Kind::Partial));
}

#[test]
fn steps_that_each_end_in_time_can_together_be_too_long_for_a_host() {
    let findings = (0..40).map(|number| create(Stage::Host, "host", &format!("f{number}"))).collect();
    let world = World::new([("app1", Script { pace: Duration::from_millis(100), findings, ..Script::default() })]);
    let mut fleet = world.fleet(Settings { host: Duration::from_secs(6), ..Settings::default() });
    fleet.check(world.requests(Mode::Apply));
    let outcome = fleet.apply(&world.work(&[]));
    let HostState::Lost { failure, .. } = &outcome.hosts["app1"].state else { panic!("{outcome:?}") };
    assert!(failure.message.contains("given up after 6 s"), "{failure}");
    assert!(outcome.hosts["app1"].fixed > 0);
}

#[test]
fn hosts_hear_from_us_while_a_person_thinks() {
    let world = World::new([("app1", Script::default())]);
    let mut fleet = world.fleet(Settings::default());
    fleet.check(world.requests(Mode::Apply));
    let consent = fleet.attend(|| {
        std::thread::sleep(Duration::from_millis(3500));
        true
    });
    assert_eq!(consent, Ok(true));
    assert!(world.signs_of_life("app1") >= 2, "{}", world.signs_of_life("app1"));
    assert_eq!(fleet.apply(&world.work(&[])).kind(), None);
}
