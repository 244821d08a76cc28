//! What people and programs read, whole: `tests/golden/report/`. `UPDATE_GOLDEN=1` writes the files anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::json::{self, Object};
use super::progress::object;
use super::{HostPlan, HostState, HostSummary, Out, PlanView, Progress, RunSummary, Step};
use crate::catalog::{Area, Stage};
use crate::cli::Format;
use crate::failure::{Failure, Kind};
use crate::protocol::{Debt, Finding, Holder, Operator, Outcome};
use crate::resources::{self, Action, Change};

const POISON: &str = "poison-Ib2Zq";

pub(super) fn golden(file: &str, said: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, said).unwrap();
        return;
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, said, "{file} says something else; UPDATE_GOLDEN=1 writes it anew");
}

fn text() -> Out {
    Out::plain(Format::Text, false)
}

fn verbose() -> Out {
    Out::plain(Format::Text, true)
}

fn lines(objects: &[Object]) -> String {
    objects.iter().map(|object| serde_json::to_string(object).unwrap() + "\n").collect()
}

fn finding(owner: &str, id: &str, outcome: Outcome) -> Finding {
    let tenant = (owner != "host").then(|| format!("{owner}-albo"));
    let area = if owner == "host" { Area::Host } else { Area::Tenant };
    Finding { id: id.into(), owner: owner.into(), tenant, area, stage: Stage::Application, outcome, drifted: false }
}

fn by_hand(finding: Finding) -> Finding {
    Finding { drifted: true, ..finding }
}

fn differs(action: Action, changes: &[Change]) -> Outcome {
    Outcome::Differs { action, changes: changes.to_vec() }
}

fn change(field: &str, before: Option<&str>, after: Option<&str>) -> Change {
    Change {
        field: field.into(),
        before: before.map(String::from),
        after: after.map(String::from),
        secret: false,
        step: None,
    }
}

fn secret(field: &str) -> Change {
    let value = Some(POISON.to_string());
    Change { field: field.into(), before: value.clone(), after: value, secret: true, step: None }
}

fn checked(host: &str, findings: Vec<Finding>, debts: Vec<Debt>, correct: u32) -> HostPlan {
    HostPlan { host: host.into(), state: HostState::Checked { findings, debts, correct } }
}

fn busy(host: &str) -> HostPlan {
    let operator = Operator { user: "anna".into(), machine: "ced1".into(), fingerprint: None };
    HostPlan {
        host: host.into(),
        state: HostState::Busy(Holder { operator, verb: "apply".into(), since: 1_795_000_000 }),
    }
}

fn lost(host: &str) -> HostPlan {
    let failure = Failure::operation("192.0.2.14 port 22: no answer within 10 s\nssh: connect timed out")
        .hint("look whether the machine is on, then run `comuni plan --host mon1`");
    HostPlan { host: host.into(), state: HostState::Lost(failure) }
}

fn view(hosts: Vec<HostPlan>) -> PlanView {
    let members = [("c_e707", "Lozza"), ("c_e863", "Malnate"), ("c_l682", "Varese")];
    PlanView { hosts, members: members.map(|(code, name)| (code.into(), name.into())).into_iter().collect() }
}

fn nginx(upload: &str) -> String {
    let mut lines: Vec<String> = (1..=20).map(|number| format!("    # line {number}")).collect();
    lines[9] = format!("    client_max_body_size {upload};");
    format!("server {{\n{}\n}}\n", lines.join("\n"))
}

/// Everything that a plan can say, on five hosts.
fn everything() -> PlanView {
    let fragment = "file:/etc/nginx/comuni.d/c_e863-albo.conf";
    let app1 = vec![
        finding("host", "package:nginx", differs(Action::Create, &[change("version", None, Some("1.22.1-9"))])),
        by_hand(finding(
            "c_e863",
            fragment,
            differs(
                Action::Change,
                &[
                    change("content", Some(&nginx("1g")), Some(&nginx("64m"))),
                    change("mode", Some("0666"), Some("0644")),
                    change("group", None, Some("adm")),
                    change("comment", Some("x"), Some("")),
                ],
            ),
        )),
        finding("c_e863", "file:/etc/comuni/tenants/c_e863-albo/pgpass", differs(Action::Change, &[secret("content")])),
        finding("c_e707", "directory:/srv/comuni/c_e707/albo/data", differs(Action::Keep, &[])),
        finding("c_l682", "directory:/srv/comuni/c_l682/albo/data", differs(Action::Adopt, &[])),
        finding(
            "c_l682",
            "file:/etc/nginx/comuni.d/c_l682-albo.conf",
            differs(Action::AdoptAndChange, &[change("mode", Some("0600"), Some("0644"))]),
        ),
        by_hand(finding("c_e707", "file:/etc/nginx/comuni.d/c_e707-albo.conf", differs(Action::Remove, &[]))),
        finding("c_e707", "service:comuni-c_e707-albo.service", differs(Action::Remove, &[])),
        finding("host", "file:/etc/nginx/comuni.d/foreign.conf", Outcome::Foreign),
        finding(
            "c_l682",
            "service:comuni-c_l682-albo.service",
            Outcome::KnownAfter { needs: "user:c_l682_albo".into() },
        ),
        finding(
            "c_l682",
            "user:c_l682_albo",
            differs(Action::Create, &[change("shell", None, Some("/usr/sbin/nologin"))]),
        ),
    ];
    let not_given = "not checked: the secret secret://c_l682/albo/database_password_a was not given";
    let psql = "psql ended with 2\npsql: error: connection to server failed:\n\tIs the server running?";
    let db1 = vec![
        finding("c_l682", "postgres_role:c_l682_albo_a", Outcome::NotChecked { why: not_given.into() }),
        finding("c_e863", "postgres_database:c_e863_albo", Outcome::Failed { message: psql.into() }),
        finding("c_x999", "user:c_x999_albo", differs(Action::Change, &[change("home", Some("/"), Some("/srv/x"))])),
        finding("c_e707", "postgres_database:c_e707_albo", differs(Action::Keep, &[])),
    ];
    let debt =
        |owner: &str| Debt { notification: "reload nginx.service".into(), owner: owner.into(), since: 1_795_000_000 };
    view(vec![
        checked("app1", app1, vec![debt("c_e707"), debt("host")], 212),
        busy("app2"),
        checked("db1", db1, Vec::new(), 58),
        lost("mon1"),
        checked("ops1", Vec::new(), Vec::new(), 31),
    ])
}

fn run() -> RunSummary {
    let nginx =
        "nginx ended with 1\nnginx: [emerg] unknown directive \"no_such\" in c_e863-albo.conf:3\n\nnginx: test failed";
    let app1 = HostSummary {
        host: "app1".into(),
        result: "failed".into(),
        fixed: 12,
        adopted: 2,
        failures: vec![("c_e863".into(), "file:/etc/nginx/comuni.d/c_e863-albo.conf".into(), nginx.into())],
        waiting: Vec::new(),
        skipped: 3,
        message: None,
    };
    let message = Some("the connection was lost: no sign of life for 8 s".to_string());
    let app2 =
        HostSummary { host: "app2".into(), result: "lost".into(), skipped: 40, message, ..HostSummary::default() };
    let db1 = HostSummary { host: "db1".into(), result: "done".into(), fixed: 9, ..HostSummary::default() };
    let message = Some("anna@ced1 holds the lock for `apply` since 2026-11-18T12:26:40+01:00".to_string());
    let ops1 = HostSummary { host: "ops1".into(), result: "busy".into(), message, ..HostSummary::default() };
    RunSummary {
        hosts: vec![app1, app2, db1, ops1],
        members: vec!["Lozza".into(), "Malnate".into()],
        kind: Some(Kind::Partial),
        elapsed: Duration::from_millis(14_260),
    }
}

#[test]
fn a_plan_says_everything_by_member_and_host_and_removals_last() {
    golden("tests/golden/report/plan.txt", &everything().text(&text()));
}

#[test]
fn with_v_a_plan_also_says_what_new_things_will_be() {
    golden("tests/golden/report/plan-verbose.txt", &everything().text(&verbose()));
}

#[test]
fn without_its_colours_a_text_says_the_same() {
    for (plain, coloured) in [
        (everything().text(&text()), everything().text(&Out::coloured())),
        (run().text(&text()), run().text(&Out::coloured())),
    ] {
        let mut pieces = coloured.split('\x1b');
        let first = pieces.next().unwrap().to_string();
        let stripped = pieces.fold(first, |text, piece| text + piece.split_once('m').unwrap().1);
        assert_ne!(plain, coloured);
        assert_eq!(plain, stripped);
    }
}

#[test]
fn a_plan_is_one_object_a_line() {
    let mut objects = vec![Object::Version { schema: json::SCHEMA, comuni: "1.2.3".into(), verb: "plan".into() }];
    objects.extend(Object::plan(&everything()));
    golden("tests/golden/report/plan.jsonl", &lines(&objects));
}

#[test]
fn what_an_apply_came_to_ends_with_one_line_that_says_it_all() {
    golden("tests/golden/report/apply.txt", &run().text(&text()));
}

#[test]
fn what_an_apply_came_to_is_one_object_a_host() {
    golden("tests/golden/report/apply.jsonl", &lines(&run().objects()));
}

#[test]
fn the_documentation_of_the_objects_is_that_of_the_types() {
    golden("docs/output.md", &json::reference());
}

#[test]
fn every_object_fits_the_schema() {
    let validator = jsonschema::validator_for(&json::schema()).unwrap();
    let mut objects = Object::plan(&everything());
    objects.extend(run().objects());
    objects.extend(steps().iter().map(|step| object("app1", step)));
    objects.push(Object::version("plan"));
    objects.push(Object::failure(&Failure::usage("no").hint("yes")));
    objects.push(Object::Traffic { host: "app1".into(), execs: 2, sent: 5_000, received: 700 });
    for object in &objects {
        let value = serde_json::to_value(object).unwrap();
        assert!(validator.is_valid(&value), "{value}");
    }
    assert!(!validator.is_valid(&serde_json::json!({ "type": "traffic", "host": "app1" })), "the schema can refuse");
}

#[test]
fn a_secret_value_is_in_no_form_of_a_plan() {
    let plan = everything();
    assert!(format!("{plan:?}").contains(POISON), "this test can fail: the value was there to be printed");
    for said in [plan.text(&text()), plan.text(&verbose()), lines(&Object::plan(&plan))] {
        assert!(!said.contains(POISON), "{said}");
    }
    assert!(plan.text(&text()).contains("content: differs (secret, not shown)"));
    let new = finding("c_e863", "file:/x", differs(Action::Create, &[secret("content")]));
    let plan = view(vec![checked("app1", vec![new], Vec::new(), 0)]);
    for said in [plan.text(&text()), plan.text(&verbose()), lines(&Object::plan(&plan))] {
        assert!(!said.contains(POISON), "{said}");
    }
}

#[test]
fn the_summary_line_says_what_is_pending_and_how_much_was_looked_at() {
    let change = || finding("host", "file:/a", differs(Action::Change, &[]));
    let not_checked = || finding("host", "file:/a", Outcome::NotChecked { why: "not checked: no key".into() });
    let keep = || finding("c_e707", "directory:/srv", differs(Action::Keep, &[]));
    let foreign = || finding("host", "file:/a", Outcome::Foreign);
    for (hosts, pending, said) in [
        (vec![checked("app1", vec![], vec![], 7)], false, "Plan: no changes; 7 correct on 1 of 1 hosts.\n"),
        (vec![checked("app1", vec![change()], vec![], 7)], true, "Plan: 1 to change; 7 correct on 1 of 1 hosts.\n"),
        (
            vec![checked("app1", vec![foreign()], vec![], 7)],
            false,
            "Plan: no changes, 1 not ours; 7 correct on 1 of 1 hosts.\n",
        ),
        (
            vec![checked("app1", vec![keep()], vec![], 7)],
            false,
            "Plan: no changes, 1 kept because they hold data; 7 correct on 1 of 1 hosts.\n",
        ),
        (
            vec![checked("app1", vec![not_checked()], vec![], 7)],
            false,
            "Plan: no changes in what could be compared, 1 not checked; 7 correct on 1 of 1 hosts.\n",
        ),
        (
            vec![checked("app1", vec![], vec![], 7), lost("mon1"), busy("app2")],
            false,
            "Plan: no changes in what could be compared; 7 correct on 1 of 3 hosts, 1 busy, 1 NOT REACHED.\n",
        ),
    ] {
        let plan = view(hosts);
        assert_eq!(plan.summary(&text()), said);
        assert_eq!(plan.counts().pending(), pending, "{said}");
        assert!(plan.text(&text()).ends_with(said), "the last line of the whole");
    }
}

#[test]
fn an_apply_that_had_nothing_to_do_and_one_that_did_all_say_so() {
    let mut run = run();
    run.hosts.retain(|host| host.host == "db1");
    run.members.clear();
    run.kind = None;
    assert_eq!(run.text(&text()), "db1  done  9 fixed\nApplied: 9 fixed, in 14.3 s.\n");
    run.hosts[0].fixed = 0;
    assert_eq!(run.text(&text()), "db1  done  0 fixed\nApplied: 0 fixed, in 14.3 s.\n");
}

#[test]
fn a_long_diff_is_cut_unless_more_was_asked_for() {
    let long: String = (0..100).map(|number| format!("line {number}\n")).collect();
    let new = finding("host", "file:/a", differs(Action::Change, &[change("content", Some(""), Some(&long))]));
    let plan = view(vec![checked("app1", vec![new], Vec::new(), 0)]);
    let short = plan.text(&text());
    assert!(short.contains("... 61 more lines (-v shows them)"), "{short}");
    assert!(!short.contains("line 99"), "{short}");
    assert!(plan.text(&verbose()).contains("+line 99"));
}

#[test]
fn a_diff_shows_what_cannot_be_seen() {
    for (before, after, shown) in [
        ("a\r\nb\n", "a\nb\n", "-a\\r\n"),
        ("a\n", "a \n", "+a \n"),
        ("a\nb\n", "a\nb", "\\ No newline at end of file"),
        ("a\n", "\x1b[2Ja\n", "+\\u{1b}[2Ja"),
        ("a\n", "\u{202e}a\n", "+\\u{202e}a"),
    ] {
        let new = finding("host", "file:/a", differs(Action::Change, &[change("content", Some(before), Some(after))]));
        let said = view(vec![checked("app1", vec![new], Vec::new(), 0)]).text(&text());
        assert!(said.contains(shown), "{said}");
        assert!(!said.contains(['\x1b', '\r', '\u{202e}']), "{said:?}");
    }
}

fn steps() -> Vec<Step> {
    let (id, owner) = ("file:/etc/x".to_string(), "c_e707".to_string());
    vec![
        Step::Doing("connecting".into()),
        Step::Fixed { id: id.clone(), owner: owner.clone(), action: Action::Create, milliseconds: 41 },
        Step::Failed { id: id.clone(), owner: owner.clone(), message: "cp ended with 1\ncp: no space\n".into() },
        Step::Skipped { id, owner },
        Step::Notified("reload nginx.service".into()),
        Step::Lost("no sign of life for 8 s".into()),
        Step::Done,
    ]
}

#[test]
fn without_a_terminal_a_finished_step_is_a_line() {
    let out = text();
    let said = |quiet: bool| -> String {
        let progress = Progress::new(out.clone(), "apply", quiet);
        // The time before the host is another one in each run.
        let line =
            |step: &Step| progress.line("app1", step).map(|line| line.split_once("s ").unwrap().1.to_string() + "\n");
        steps().iter().filter_map(line).collect()
    };
    let failures = "app1  c_e707  FAILED file:/etc/x: cp ended with 1\n          cp: no space\n";
    let lost = "app1  LOST: no sign of life for 8 s\n";
    let whole = format!("app1  c_e707  created file:/etc/x (41 ms)\n{failures}app1  reload nginx.service\n{lost}");
    assert_eq!(said(false), whole);
    assert_eq!(said(true), format!("{failures}{lost}"), "quiet keeps what went wrong");
}

#[test]
fn every_step_is_an_object() {
    golden(
        "tests/golden/report/steps.jsonl",
        &lines(&steps().iter().map(|step| object("app1", step)).collect::<Vec<_>>()),
    );
}

#[test]
fn members_stand_in_the_order_of_their_names_whatever_their_codes() {
    let owners = ["c_a001", "c_a002", "host", "c_a003"];
    let findings = owners.map(|owner| finding(owner, "file:/a", differs(Action::Create, &[]))).to_vec();
    let names = [("c_a001", "Viggiù"), ("c_a002", "Arsago"), ("c_a003", "Besozzo")];
    let members: BTreeMap<_, _> = names.map(|(code, name)| (code.into(), name.into())).into_iter().collect();
    let said = PlanView { hosts: vec![checked("app1", findings, Vec::new(), 0)], members }.text(&text());
    let headings: Vec<&str> = said.lines().filter(|line| line.starts_with(char::is_alphabetic)).collect();
    assert_eq!(headings[..4], ["The machines", "Arsago (c_a002)", "Besozzo (c_a003)", "Viggiù (c_a001)"]);
}

#[test]
fn what_could_not_be_told_asks_for_consent_because_its_stage_may_change_it() {
    use super::plan::Counts;
    assert!(!Counts { correct: 7, keep: 1, foreign: 1, not_checked: 1, ..Counts::default() }.may_change());
    for counts in [Counts { failed: 1, ..Counts::default() }, Counts { owed: 1, ..Counts::default() }] {
        assert!(counts.may_change(), "{counts:?}");
    }
}

#[test]
fn a_move_in_two_steps_is_told_with_what_comes_and_when() {
    let step = |step| Change { step: Some(step), ..change("b.it/A", Some("3600 192.0.2.7"), Some("60 192.0.2.7")) };
    let told = |action, step| {
        let outcome = Outcome::Differs { action, changes: vec![step] };
        let findings = vec![finding("c_e863", "zone:b.it", outcome)];
        let state = HostState::Checked { findings, debts: Vec::new(), correct: 3 };
        let plan = PlanView {
            hosts: vec![HostPlan { host: "mon1".into(), state }],
            members: std::collections::BTreeMap::new(),
        };
        (plan.text(&text()), plan.counts().pending(), serde_json::to_string(&Object::plan(&plan)).unwrap())
    };
    let (first, pending, object) =
        told(Action::Change, step(resources::Step::First { then: Some("3600 192.0.2.8".into()), after: 3600 }));
    assert!(
        pending && first.contains("step 1 of 2: 3600 192.0.2.8 comes with an apply 3600 s after this one"),
        "{first}"
    );
    assert!(object.contains(r#""step":"first","seconds":3600,"then":"3600 192.0.2.8""#), "{object}");
    let (second, pending, object) = told(Action::Wait, step(resources::Step::Second { not_before: 1_764_291_600 }));
    assert!(!pending && second.contains("step 2 of 2, not before 2025-11-28T02:00:00+01:00"), "{second}");
    assert!(second.contains("no changes now, 1 waiting for their time"), "{second}");
    assert!(object.contains(r#""outcome":"wait""#) && object.contains("2025-11-28T02:00:00+01:00"), "{object}");
    let (whole, ..) = told(Action::Change, step(resources::Step::Whole { remembered: 3600 }));
    assert!(whole.contains("others may go on with the former for 3600 s"), "{whole}");
    let mut run = run();
    run.kind = Some(Kind::Pending);
    run.hosts = vec![HostSummary {
        host: "mon1".into(),
        waiting: vec![("c_e863".into(), "zone:b.it".into(), 1_764_291_600)],
        ..HostSummary::default()
    }];
    let said = run.text(&text());
    assert!(said.contains("zone:b.it (c_e863) waits: apply again after 2025-11-28T02:00:00+01:00"), "{said}");
    assert!(said.contains("Applied so far:"), "{said}");
}
