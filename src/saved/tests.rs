//! A plan that was saved, and everything that may move under it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Answer, Cause, Document, Ground, Moved, Plan, on_hosts, on_this_machine, read, refusal, schema, write};
use crate::catalog::{Area, Catalog, Entry, Origin, Stage};
use crate::evidence::{InventoryRecord, SelectionRecord, Who};
use crate::failure::Kind;
use crate::protocol::{Debt, Finding, Outcome};
use crate::resources::{Action, Change, Package, Resource};

const FRAGMENT: &str = "file:/etc/nginx/comuni.d/c_e863-albo.conf";
const TOKEN: &str = "secret://c_e863/albo/database_password_a";

fn entry(package: &str, line: u32) -> Entry {
    let resource = Resource::Package(Package { names: vec![package.to_string()] });
    Entry {
        id: resource.id(),
        owner: "host".into(),
        tenant: None,
        area: Area::Host,
        stage: Stage::Host,
        origin: Origin { playbook: "playbooks/host.yml".into(), line, play: "Packages".into() },
        resource,
    }
}

fn catalog(host: &str, packages: &[&str]) -> Catalog {
    Catalog { host: host.into(), entries: packages.iter().map(|name| entry(name, 7)).collect() }
}

fn ground() -> Ground {
    let names = ["consortium.yml", "members/malnate.yml", "templates/tenant/nginx.conf.tera"];
    let mut ground = Ground {
        host_half: "aa".repeat(32),
        sources: names.map(|name| (name.to_string(), "1".to_string())).into(),
        ..Ground::default()
    };
    ground.add(&catalog("app1", &["nginx", "sudo"]), [(TOKEN.to_string(), "id1".to_string())].into());
    ground.add(&catalog("db1", &["postgresql"]), BTreeMap::new());
    ground
}

fn finding(id: &str, outcome: Outcome) -> Finding {
    Finding {
        id: id.into(),
        owner: "c_e863".into(),
        tenant: Some("c_e863-albo".into()),
        area: Area::Tenant,
        stage: Stage::Application,
        outcome,
        drifted: false,
    }
}

fn content(before: &str) -> Outcome {
    let change = |field: &str, before: &str, after: &str| Change {
        field: field.into(),
        before: Some(before.into()),
        after: Some(after.into()),
        secret: false,
        step: None,
    };
    Outcome::Differs {
        action: Action::Change,
        changes: vec![change("content", before, "client_max_body_size 64m;\n"), change("mode", "0666", "0644")],
    }
}

fn debt(notification: &str) -> Debt {
    Debt { notification: notification.into(), owner: "c_e863".into(), since: 1_795_000_000 }
}

fn answers() -> BTreeMap<String, Answer> {
    let app1 = Answer {
        correct: 40,
        findings: vec![
            finding(FRAGMENT, content("client_max_body_size 1g;\n")),
            finding("file:/etc/nginx/comuni.d/foreign.conf", Outcome::Foreign),
            finding("service:comuni-c_e863-albo.service", Outcome::KnownAfter { needs: FRAGMENT.into() }),
        ],
        debts: vec![debt("reload nginx")],
    };
    [("app1".to_string(), app1), ("db1".to_string(), Answer { correct: 9, ..Answer::default() })].into()
}

pub(super) fn plan() -> Plan {
    let ground = ground();
    Plan {
        made: "2026-11-25T21:04:10.000+01:00".into(),
        tool: "0.1.0".into(),
        planner: Who { user: "anna".into(), machine: "ced1".into(), fingerprint: Some("SHA256:abc".into()) },
        inventory: InventoryRecord { revision: "git:0123".into(), dirty: true, digest: "ef".repeat(32) },
        selection: SelectionRecord { areas: vec![Area::Tenant], ..SelectionRecord::default() },
        older_inventory: false,
        host_half: ground.host_half.clone(),
        sources: ground.sources.clone(),
        members: [("c_e863".to_string(), "Malnate".to_string())].into(),
        hosts: answers().into_iter().map(|(host, answer)| ground.planned(&host, answer)).collect(),
    }
}

fn saved(folder: &Path) -> PathBuf {
    let path = folder.join("monday.json");
    write(&path, &Document::new(plan())).unwrap();
    path
}

/// Changes the file as somebody with an editor would.
fn tamper(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

fn said(moved: &[Moved]) -> Vec<String> {
    let line = |moved: &Moved| {
        let place = [moved.host.as_deref().unwrap_or("*"), moved.id.as_deref().unwrap_or("*")];
        format!("{} {}: {}", moved.cause.word(), place.join(" "), moved.what)
    };
    moved.iter().map(line).collect()
}

#[test]
fn a_plan_reads_back_as_it_was_saved_and_everybody_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path());
    let document = read(&path).unwrap();
    assert_eq!(document, Document::new(plan()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    // What a mail program or an editor does to the white space of a file changes nothing.
    tamper(&path, |_| {});
    assert_eq!(read(&path).unwrap().digest, document.digest);
}

#[test]
fn what_is_saved_is_what_the_schema_and_the_golden_file_say() {
    let value = serde_json::to_value(Document::new(plan())).unwrap();
    jsonschema::validator_for(&schema()).unwrap().validate(&value).unwrap();
    assert!(jsonschema::validator_for(&schema()).unwrap().validate(&json!({ "version": 1 })).is_err());
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report/saved-plan.json");
    let text = format!("{value:#}\n");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(&golden).unwrap(), text, "UPDATE_GOLDEN=1 writes it anew");
    assert_eq!(read(&golden).unwrap().plan, plan(), "files of this version stay readable");
}

#[test]
fn a_plan_that_somebody_changed_is_damage() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 4] = [
        ("a planner", |file| file["plan"]["planner"]["user"] = "bruno".into()),
        ("a change taken out", |file| {
            file["plan"]["hosts"][0]["findings"].as_array_mut().unwrap().remove(0);
        }),
        ("a field that this comuni does not know", |file| file["plan"]["note"] = "x".into()),
        ("the digest", |file| file["digest"] = "00".into()),
    ];
    for (what, change) in changes {
        let folder = tempfile::tempdir().unwrap();
        let path = saved(folder.path());
        tamper(&path, change);
        let failure = read(&path).unwrap_err();
        assert_eq!(failure.kind, Kind::Damage, "{what}: {failure}");
        assert!(failure.message.contains("changed after it was saved"), "{what}: {failure}");
    }
}

#[test]
fn a_plan_whose_digest_was_made_anew_is_still_held_against_its_hosts() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path());
    tamper(&path, |file| {
        file["plan"]["hosts"][0]["correct"] = 41.into();
        file["digest"] = super::form::digest_of(&file["plan"]).into();
    });
    let failure = read(&path).unwrap_err();
    assert!(failure.message.contains("of host app1 does not match"), "{failure}");
    // Whoever makes all digests anew has only said something else, which the hosts do not confirm.
    let mut forged = plan();
    forged.hosts[0].findings.remove(0);
    let moved = on_hosts(&forged, &answers());
    assert_eq!(
        said(&moved),
        [format!("host app1 {FRAGMENT}: was correct when it was planned, now it differs (content, mode)")]
    );
}

#[test]
fn what_is_no_saved_plan_is_wrong_usage_and_names_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("monday.json");
    for (content, said) in [
        (None, "No such file"),
        (Some("{ half"), "no saved plan"),
        (Some("{}"), "the version of its form is none"),
        (Some(r#"{"version": 2}"#), "the version of its form is 2, this comuni reads 1"),
    ] {
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let failure = read(&path).unwrap_err();
        assert_eq!(failure.kind, Kind::Usage);
        assert!(failure.message.contains(said), "{failure}");
        assert!(failure.hints[0].contains("comuni plan --out"), "{failure:?}");
    }
    assert_eq!(read(folder.path()).unwrap_err().kind, Kind::Usage, "a folder");
}

#[test]
fn nothing_moved_is_nothing_to_say() {
    assert_eq!(on_this_machine(&plan(), &ground()), []);
    assert_eq!(on_hosts(&plan(), &answers()), []);
}

#[test]
fn a_line_more_in_a_playbook_or_another_folder_moves_nothing() {
    let mut now = ground();
    let mut moved = catalog("app1", &["nginx", "sudo"]);
    moved.entries[0].origin = Origin { playbook: "/home/bruno/playbooks/host.yml".into(), line: 8, play: "P".into() };
    now.add(&moved, [(TOKEN.to_string(), "id1".to_string())].into());
    now.sources.insert("playbooks/host.yml".into(), "2".into());
    assert_eq!(on_this_machine(&plan(), &now), []);
}

#[test]
fn what_moved_on_this_machine_is_named_with_its_cause() {
    let mut now = ground();
    now.add(&catalog("app1", &["nginx", "logrotate"]), [(TOKEN.to_string(), "id2".to_string())].into());
    for (changed, cause) in [
        (&["members/malnate.yml"][..], "inventory"),
        (&["templates/tenant/nginx.conf.tera"], "templates"),
        (&["varese/playbooks/tenant.yml"], "templates"),
        (&["members/malnate.yml", "varese/templates/x.tera"], "inventory_or_templates"),
        (&[], "comuni"),
    ] {
        now.sources = ground().sources;
        now.sources.extend(changed.iter().map(|name| (name.to_string(), "2".to_string())));
        assert_eq!(
            said(&on_this_machine(&plan(), &now)),
            [
                format!("{cause} app1 package:logrotate: is wanted since"),
                format!("{cause} app1 package:sudo: is not wanted any more"),
                format!("secret app1 {TOKEN}: was set anew: its id was id1 and is id2"),
            ]
        );
    }
}

#[test]
fn another_host_half_and_hosts_that_came_or_went_are_named() {
    let mut now = ground();
    now.host_half = "bb".repeat(32);
    now.hosts.remove("db1");
    now.sources.insert("hosts.yml".into(), "2".into());
    now.add(&catalog("app3", &[]), BTreeMap::new());
    assert_eq!(
        said(&on_this_machine(&plan(), &now)),
        [
            "host_half * *: planned with the one of comuni 0.1.0 (aaaaaaaaaaaa), this one is bbbbbbbbbbbb",
            "inventory app3 *: this host is new",
            "inventory db1 *: this host is not there any more",
        ]
    );
}

#[test]
fn a_secret_that_cannot_be_read_here_is_no_reason_to_go_on() {
    let mut now = ground();
    now.add(&catalog("app1", &["nginx", "sudo"]), BTreeMap::new());
    let moved = said(&on_this_machine(&plan(), &now));
    assert_eq!(moved, [format!("secret app1 {TOKEN}: has no value here, or none of your identities opens it")]);
}

#[test]
fn what_moved_on_a_host_is_named_and_foreign_files_are_let_be() {
    let mut now = answers();
    let app1 = now.get_mut("app1").unwrap();
    app1.findings = vec![
        finding(FRAGMENT, content("client_max_body_size 2g;\n")),
        finding("file:/etc/nginx/comuni.d/another.conf", Outcome::Foreign),
        finding("file:/etc/motd", content("hello\n")),
        finding("user:c_e863_albo", Outcome::Failed { message: "getent ended with 1".into() }),
    ];
    app1.debts = vec![debt("restart postgresql")];
    assert_eq!(
        said(&on_hosts(&plan(), &now)),
        [
            "host app1 file:/etc/motd: was correct when it was planned, now it differs (content, mode)".to_string(),
            format!("host app1 {FRAGMENT}: has something else than when it was planned (content)"),
            "host app1 service:comuni-c_e863-albo.service: is correct now: somebody did it since".to_string(),
            "host app1 user:c_e863_albo: was correct when it was planned, now it cannot be compared: getent ended with 1"
                .to_string(),
            "host app1 reload nginx: is not owed any more (for c_e863)".to_string(),
            "host app1 restart postgresql: is owed since (for c_e863)".to_string(),
        ]
    );
}

#[test]
fn a_secret_that_differs_otherwise_than_planned_has_moved_too() {
    let hidden = |seen: &str| {
        let change =
            Change { field: "content".into(), before: Some(seen.into()), after: None, secret: true, step: None };
        finding(FRAGMENT, Outcome::Differs { action: Action::Change, changes: vec![change] })
    };
    let mut plan = plan();
    plan.hosts[0].findings = vec![hidden("hmac-sha256:1")];
    plan.hosts[0].debts = Vec::new();
    let now = |seen: &str| [("app1".to_string(), Answer { findings: vec![hidden(seen)], ..Answer::default() })].into();
    assert_eq!(on_hosts(&plan, &now("hmac-sha256:1")), []);
    assert_eq!(on_hosts(&plan, &now("hmac-sha256:2"))[0].cause, Cause::Host);
}

#[test]
fn a_refusal_names_what_moved_by_cause_and_does_not_drown_it() {
    let mut now = ground();
    now.sources.insert("members/malnate.yml".into(), "2".into());
    let many: Vec<String> = (10..30).map(|number| format!("p{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).chain(["nginx", "sudo"]).collect();
    now.add(&catalog("app1", &many), [(TOKEN.to_string(), "id1".to_string())].into());
    let mut moved = on_this_machine(&plan(), &now);
    moved.push(Moved {
        host: Some("db1".into()),
        id: Some("file:/etc/motd".into()),
        cause: Cause::Host,
        what: "was correct when it was planned, now it differs (mode)".into(),
    });
    let failure = refusal(Path::new("monday.json"), &plan(), &now, &moved);
    assert_eq!(failure.kind.exit_code(), 1);
    let expected = "this plan does not hold any more; nothing was written on any host\n  \
        changed on the host\n    db1  file:/etc/motd: was correct when it was planned, now it differs (mode)\n  \
        the inventory: members/malnate.yml\n    app1  package:p10: is wanted since\n";
    assert!(failure.message.starts_with(expected), "{failure}");
    assert!(failure.message.ends_with("package:p17: is wanted since\n    app1  and 12 more"), "{failure}");
    assert_eq!(failure.hints, ["look at what moved, then plan again: comuni plan --out monday.json"]);
}
