//! Ctrl-C and SIGTERM.

use std::time::{Duration, Instant};

use super::scripted::{Script, World, create};
use crate::catalog::Stage;
use crate::failure::Kind;
use crate::fleet::{Checked, HostState, Settings};
use crate::protocol::Mode;

fn at_work() -> Script {
    Script {
        findings: vec![
            create(Stage::Host, "host", "a"),
            create(Stage::Host, "host", "b"),
            create(Stage::Application, "c_e863", "c"),
        ],
        pace: Duration::from_millis(400),
        ..Script::default()
    }
}

#[test]
fn the_first_signal_lets_hosts_finish_their_resource_and_end_and_nothing_later_begins() {
    let world = World::new([("app1", at_work()), ("app2", Script::default())]);
    world.interrupt_at("file:a", 1);
    let mut fleet = world.fleet(Settings::default());
    fleet.check(world.requests(Mode::Apply));
    let mut outcome = fleet.apply(&world.work(&[]));
    assert_eq!(fleet.append("app1", vec![]).unwrap(), "head", "the record of an interrupted run is kept as well");
    let ended = fleet.end();
    assert!(ended.failures.is_empty(), "{ended:?}");
    outcome.ended(ended);
    let app1 = &outcome.hosts["app1"];
    assert_eq!(app1.fixed, 1);
    assert_eq!(app1.remaining.len(), 2, "{app1:?}");
    assert_eq!(app1.state, HostState::Partial, "it ended as it was asked to");
    assert_eq!(world.told("app1"), ["request apply", "stage host without []", "end", "append 0", "end"]);
    assert_eq!(world.told("app2"), ["request apply", "end"]);
    assert!(!app1.recorded && !outcome.hosts["app2"].recorded);
    assert_eq!(outcome.kind().map(Kind::exit_code), Some(130));
}

#[test]
fn the_second_signal_drops_the_connections() {
    let world = World::new([("app1", Script { pace: Duration::from_secs(3), ..at_work() })]);
    world.interrupt_at("file:a", 2);
    let mut fleet = world.fleet(Settings::default());
    let begun = Instant::now();
    let script_pause = Duration::from_secs(9);
    fleet.check(world.requests(Mode::Apply));
    assert!(begun.elapsed() >= script_pause - Duration::from_secs(1), "three findings at three seconds each");
    let begun = Instant::now();
    let outcome = fleet.apply(&world.work(&[]));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(outcome.kind(), Some(Kind::Interrupted));
    assert!(fleet.append("app1", vec![]).is_err());
    fleet.end();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn a_signal_while_a_person_thinks_ends_the_question() {
    let world = World::new([("app1", Script::default())]);
    let mut fleet = world.fleet(Settings::default());
    fleet.check(world.requests(Mode::Apply));
    fleet.stop().raise(Kind::Terminated);
    let begun = Instant::now();
    let failure = fleet.attend(|| std::thread::sleep(Duration::from_secs(60))).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(failure.kind.exit_code(), 143);
    assert!(fleet.end().failures.is_empty());
    assert_eq!(world.told("app1"), ["request apply", "end"]);
}

#[test]
fn a_signal_while_hosts_are_connected_does_not_wait_for_them() {
    let world = World::new([("app1", Script { login: Duration::from_secs(4), ..Script::default() })]);
    let mut fleet = world.fleet(Settings::default());
    let stop = std::sync::Arc::clone(fleet.stop());
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        stop.raise(Kind::Interrupted);
    });
    let begun = Instant::now();
    let checked = fleet.check(world.requests(Mode::Apply));
    assert!(begun.elapsed() < Duration::from_secs(3));
    let Checked::Unreachable(failure) = &checked["app1"] else { panic!("{checked:?}") };
    assert_eq!(failure.kind, Kind::Interrupted);
}

/// A signal reaches every run in a process, and the tests share theirs: so this one is taken in a child.
#[test]
#[allow(clippy::print_stdout, reason = "the child tells its parent what it heard")]
fn real_signals_are_heard() {
    const CHILD: &str = "COMUNI_TEST_SIGNAL";
    if let Ok(signal) = std::env::var(CHILD) {
        let world = World::new([("app1", Script::default())]);
        let fleet = world.fleet(Settings::default());
        let itself = std::process::id().to_string();
        let heard = fleet.attend(move || {
            std::process::Command::new("kill").args([&signal, &itself]).status().unwrap();
            std::thread::sleep(Duration::from_secs(20));
        });
        println!("heard {}", heard.unwrap_err().kind.exit_code());
        return;
    }
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 143)] {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "fleet::tests::stopping::real_signals_are_heard", "--nocapture"])
            .env(CHILD, signal)
            .output()
            .unwrap();
        let output = String::from_utf8(child.stdout).unwrap();
        assert!(output.contains(&format!("heard {code}")), "{signal}: {output}");
    }
}
