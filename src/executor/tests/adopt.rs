//! What a host has already, and not from us, is taken over: never made anew, never lost.

use std::path::Path;

use super::harness::{Host, file, findings, fixed, outcome, owned_by, user, wants};
use crate::catalog::Entry;
use crate::executor::check::compare_all;
use crate::executor::manifest::Manifest;
use crate::executor::ours::Ours;
use crate::machine::Fault;
use crate::protocol::{FromHost, Outcome};
use crate::resources::{Action, Context, Release, Resource, laws};

const ACCOUNTS: &str = "root:x:0:0::/root:/bin/sh\nc_e863_albo:x:990:990::/srv/c_e863_albo:/usr/sbin/nologin\n";

fn action(heard: &[FromHost], id: &str) -> Option<Action> {
    match outcome(heard, id) {
        Outcome::Differs { action, .. } => Some(action),
        _ => None,
    }
}

#[test]
fn what_is_there_as_it_must_be_is_adopted_once() {
    let mut host = Host::new();
    host.fake.with_file("/etc/comuni/motd", "hello\n", 0o644);
    let request = || wants(vec![owned_by("host", file("/etc/comuni/motd", "hello\n"))]);
    for heard in [host.plan(request()), host.apply(request())] {
        assert_eq!(action(&heard, "file:/etc/comuni/motd"), Some(Action::Adopt));
        assert!(heard.contains(&FromHost::Checked { correct: 0, archives: Vec::new() }), "{heard:?}");
        assert_eq!(fixed(&heard), [] as [&str; 0]);
    }
    assert!(host.text("/var/lib/comuni/journal.jsonl").contains(r#""ids":["file:/etc/comuni/motd"]"#));
    let heard = host.plan(request());
    assert_eq!(findings(&heard), []);
    assert!(heard.contains(&FromHost::Checked { correct: 1, archives: Vec::new() }), "{heard:?}");
}

#[test]
fn what_is_there_and_differs_is_adopted_and_changed_and_the_difference_is_shown() {
    let mut host = Host::new();
    host.fake.with_file("/etc/comuni/motd", "by hand\n", 0o644);
    let request = |content: &str| wants(vec![owned_by("host", file("/etc/comuni/motd", content))]);
    let heard = host.apply(request("hello\n"));
    let Outcome::Differs { action: Action::AdoptAndChange, changes } = outcome(&heard, "file:/etc/comuni/motd") else {
        panic!("{heard:?}")
    };
    assert_eq!(changes[0].before.as_deref(), Some("by hand\n"));
    assert!(heard.iter().any(|event| matches!(event, FromHost::Fixed { action: Action::AdoptAndChange, .. })));
    assert_eq!(host.text("/etc/comuni/motd"), "hello\n");
    assert_eq!(findings(&host.plan(request("hello\n"))), []);
    assert_eq!(action(&host.plan(request("goodbye\n")), "file:/etc/comuni/motd"), Some(Action::Change));
}

#[test]
fn a_run_that_was_cut_off_made_what_it_made_and_does_not_adopt_it() {
    let mut host = Host::new();
    let request =
        || wants(vec![owned_by("host", file("/etc/comuni/a", "x")), owned_by("host", file("/etc/comuni/b", "x"))]);
    let writes = |host: &Host| host.fake.changes().iter().position(|change| change.contains("/etc/comuni/b"));
    let mut undisturbed = Host::new();
    undisturbed.apply(request());
    host.fake.cut_off(Fault::Before(writes(&undisturbed).unwrap()));
    let _ = host.converse({
        let request = request();
        move |control| control.apply(request)
    });
    host.fake.mend();
    assert!(host.is_there("/etc/comuni/a") && !host.is_there("/etc/comuni/b"));
    assert!(!host.is_there("/var/lib/comuni/manifest.json"), "it was cut off before it could remember");
    let ids: Vec<_> = findings(&host.plan(request())).into_iter().map(|finding| finding.id).collect();
    assert_eq!(ids, ["file:/etc/comuni/b"]);
}

#[test]
fn what_we_took_away_and_somebody_made_again_is_adopted() {
    let mut host = Host::new();
    let request = || wants(vec![owned_by("c_e863", file("/etc/comuni/a", "x"))]);
    host.apply(request());
    host.apply(wants(Vec::new()));
    host.fake.with_file("/etc/comuni/a", "x", 0o644);
    assert_eq!(action(&host.plan(request()), "file:/etc/comuni/a"), Some(Action::Adopt));
}

#[test]
fn what_tenants_share_and_what_must_not_be_there_is_not_adopted() {
    let mut host = Host::new();
    let release = Release { application: "albo".into(), release: "1.0.0".into(), sha256: "ab".repeat(32) };
    host.fake.with_directory(&format!("/opt/comuni/releases/albo/{}", release.sha256), 0o755);
    host.fake.world.put("/opt/comuni/releases/albo/1.0.0", crate::machine::Node::link(&release.sha256));
    let of = |owner: &str| {
        let entry = owned_by(owner, Resource::Release(release.clone()));
        Entry { id: format!("{}@{owner}-albo", entry.id), ..entry }
    };
    let absent: Resource = serde_json::from_str(r#"{"absent": {"path": "/etc/comuni/default"}}"#).unwrap();
    let heard = host.apply(wants(vec![owned_by("host", absent.clone()), of("c_e863")]));
    assert_eq!(findings(&heard).len(), 1, "only the release is there to be taken over: {heard:?}");
    assert_eq!(
        findings(&host.plan(wants(vec![of("c_e863"), of("c_e707")]))).len(),
        1,
        "the second has a release of ours"
    );
    host.fake.with_file("/etc/comuni/default", "x", 0o644);
    let heard = host.plan(wants(vec![owned_by("host", absent)]));
    assert_eq!(action(&heard, "absent:/etc/comuni/default"), Some(Action::Change));
}

#[test]
fn a_path_of_ours_that_changes_its_kind_is_ours() {
    let mut host = Host::new();
    host.apply(wants(vec![owned_by("host", file("/etc/comuni/current", "x"))]));
    let link = r#"{"symlink": {"path": "/etc/comuni/current", "target": "1"}}"#;
    host.fake.world.put("/etc/comuni/current", crate::machine::Node::link("2"));
    let heard = host.plan(wants(vec![owned_by("host", serde_json::from_str::<Resource>(link).unwrap())]));
    assert_eq!(action(&heard, "symlink:/etc/comuni/current"), Some(Action::Change));
}

#[test]
fn what_was_adopted_is_removed_later_by_the_ordinary_rules() {
    let mut host = Host::new();
    host.fake.with_file("/etc/passwd", ACCOUNTS, 0o644);
    host.fake.with_file("/etc/group", "root:x:0:\nc_e863_albo:x:990:\n", 0o644);
    host.fake.with_file("/etc/comuni/motd", "hello\n", 0o644);
    host.apply(wants(vec![
        owned_by("c_e863", user("c_e863_albo")),
        owned_by("c_e863", file("/etc/comuni/motd", "hello\n")),
    ]));
    assert_eq!(host.manifest().records.len(), 2);
    let heard = host.apply(wants(Vec::new()));
    assert_eq!(action(&heard, "user:c_e863_albo"), Some(Action::Keep));
    assert_eq!(action(&heard, "file:/etc/comuni/motd"), Some(Action::Remove));
    assert!(host.text("/etc/passwd").contains("c_e863_albo") && !host.is_there("/etc/comuni/motd"));
}

/// What a host that never heard of us says about a resource that it has.
fn first_plan(resource: &Resource, host: &crate::machine::Fake) -> Vec<Action> {
    let secrets = laws::secrets();
    let context = Context { secrets: &secrets, host_key: &laws::HOST_KEY, allowed: &Default::default() };
    let manifest = Manifest::default();
    let ours = Ours::new(&manifest, Path::new("/var/lib/comuni/journal.jsonl"));
    let request = wants(vec![owned_by("c_e863", resource.clone())]);
    let mut actions = Vec::new();
    let tell = |finding: crate::protocol::Finding| {
        let Outcome::Differs { action, .. } = finding.outcome else { panic!("{finding:?}") };
        actions.push(action);
        Ok(())
    };
    compare_all(host, &context, &manifest, &ours, &request, tell).unwrap();
    actions
}

#[test]
fn whatever_its_kind_what_stands_on_a_host_is_adopted() {
    for (resource, host) in laws::standing() {
        let wanted = if matches!(resource, Resource::Absent(_)) { vec![] } else { vec![Action::Adopt] };
        assert_eq!(first_plan(&resource, &host), wanted, "{}", resource.id());
    }
}

#[test]
fn whatever_its_kind_what_stands_there_differently_is_no_plain_change() {
    let mut adopted = 0;
    for (resource, host) in laws::disturbed() {
        let actions = first_plan(&resource, &host);
        let plain = actions.contains(&Action::Change);
        assert_eq!(plain, matches!(resource, Resource::Absent(_)), "{}: {actions:?}", resource.id());
        adopted += actions.iter().filter(|action| **action == Action::AdoptAndChange).count();
    }
    assert!(adopted >= 10, "{adopted}");
}
