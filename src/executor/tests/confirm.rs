//! An apply of changes that were planned before: the host writes nothing before control goes on.

use super::harness::{Host, file, findings, owned_by, wants};
use crate::catalog::Stage;
use crate::protocol::{FromHost, Mode, Request};

fn planned() -> Request {
    let entries =
        vec![owned_by("host", file("/etc/comuni/one", "1\n")), owned_by("c_e863", file("/etc/comuni/two", "2\n"))];
    Request { mode: Mode::Confirm, ..wants(entries) }
}

/// A change that waits for its confirmation, as a run that was killed leaves it.
const UNCONFIRMED: &str = "/var/lib/comuni/revert/0123456789abcdef0123456789abcdef/kept.json";

#[test]
fn a_host_that_was_only_asked_to_confirm_keeps_nothing_of_it() {
    let mut host = Host::new();
    let (ended, heard) = host.converse(|control| control.request(planned()));
    ended.unwrap_err();
    assert_eq!(findings(&heard).len(), 2);
    assert_eq!(host.fake.changes(), [] as [&str; 0]);
    let (ended, _) = host.converse(|control| control.request(Request { mode: Mode::Apply, ..planned() }));
    ended.unwrap_err();
    assert_ne!(host.fake.changes(), [] as [&str; 0], "an apply makes at least the host's key: the test can fail");
}

#[test]
fn it_answers_as_the_plan_did_and_applies_when_control_goes_on() {
    let mut host = Host::new();
    let planned_findings = findings(&host.plan(planned()));
    let heard = host.apply(planned());
    assert_eq!(findings(&heard), planned_findings);
    assert_eq!(host.text("/etc/comuni/two"), "2\n");
    assert!(host.is_there("/var/lib/comuni/host.key"), "a digest of a secret in the manifest needs it");
    assert!(heard.contains(&FromHost::StageDone { stage: Stage::Host }), "{heard:?}");
}

#[test]
fn the_lock_is_held_while_the_others_confirm() {
    let mut host = Host::new();
    let path = host.settings.lock();
    let (ended, _) = host.converse(move |control| {
        control.request(planned());
        let words = std::fs::read_to_string(&path).unwrap();
        assert!(words.contains("anna"), "{words}");
        control.end();
    });
    ended.unwrap();
}

#[test]
fn a_host_that_may_put_something_back_any_moment_confirms_nothing() {
    let mut host = Host::new();
    host.fake.with_file(UNCONFIRMED, "{}", 0o600);
    let (ended, heard) = host.converse(|control| control.request(planned()));
    assert!(ended.unwrap_err().message.contains("never confirmed"));
    assert!(matches!(heard.last(), Some(FromHost::Refused { .. })), "{heard:?}");
    assert!(host.is_there(UNCONFIRMED), "it is left to the next apply");
}
