//! Plan and apply over several hosts.

use super::scripted::{Script, World, create, holder};
use crate::catalog::Stage;
use crate::failure::Kind;
use crate::fleet::{Checked, Event, HostState, Outcome, Settings, Work};
use crate::protocol::{Mode, Outcome as Found};

fn host_with(findings: Vec<crate::protocol::Finding>) -> Script {
    Script { findings, ..Script::default() }
}

/// Compares, applies, ends.
fn apply(world: &std::sync::Arc<World>, work: &Work) -> Outcome {
    let mut fleet = world.fleet(Settings::default());
    fleet.check(world.requests(Mode::Apply));
    let mut outcome = fleet.apply(work);
    outcome.ended(fleet.end());
    outcome
}

fn ids(list: &[(String, String)]) -> Vec<&str> {
    list.iter().map(|(id, _)| id.as_str()).collect()
}

#[test]
fn a_plan_is_one_request_and_an_end() {
    let world = World::new([("app1", host_with(vec![create(Stage::Application, "c_e863", "a")]))]);
    let mut fleet = world.fleet(Settings::default());
    let checked = fleet.check(world.requests(Mode::Plan));
    let Checked::Checked { findings, correct: 1, .. } = &checked["app1"] else { panic!("{checked:?}") };
    assert_eq!(findings[0].id, "file:a");
    let ended = fleet.end();
    assert!(ended.failures.is_empty());
    assert_eq!(ended.traffic["app1"].execs, 1);
    assert_eq!(world.told("app1"), ["request plan", "end"]);
}

#[test]
fn an_apply_without_changes_says_no_more_than_a_plan() {
    let world = World::new([("app1", Script { revision: Some("r2".to_string()), ..Script::default() })]);
    let outcome = apply(&world, &world.work(&[]));
    assert_eq!(outcome.kind(), None);
    assert_eq!(world.told("app1"), ["request apply", "end"]);
}

#[test]
fn a_newer_revision_is_recorded_even_when_nothing_changes() {
    let world = World::new([("app1", Script { revision: Some("r1".to_string()), ..Script::default() })]);
    let outcome = apply(&world, &world.work(&[]));
    assert!(outcome.hosts["app1"].recorded);
    assert_eq!(world.told("app1"), ["request apply", "record r2", "end"]);
}

#[test]
fn a_stage_begins_everywhere_when_the_one_before_has_ended_everywhere_and_only_where_there_is_work() {
    let slow = std::time::Duration::from_millis(100);
    let db1 = host_with(vec![create(Stage::Host, "host", "conf"), create(Stage::Database, "c_e863", "role")]);
    let app1 = host_with(vec![create(Stage::Host, "host", "conf"), create(Stage::Application, "c_e863", "unit")]);
    let world = World::new([("app1", app1), ("db1", Script { pace: slow, ..db1 }), ("ops1", Script::default())]);
    let outcome = apply(&world, &world.work(&[]));
    assert_eq!(outcome.kind(), None);
    let stages = world.stages();
    let text: Vec<String> = stages.iter().map(|(host, what)| format!("{host} {what}")).collect();
    assert_eq!(text.len(), 4);
    assert!(text[..2].iter().all(|line| line.contains("stage host")), "{text:?}");
    assert_eq!(text[2..], ["db1 stage database without []", "app1 stage application without []"]);
    assert_eq!(world.told("ops1"), ["request apply", "record r2", "end"]);
}

#[test]
fn a_member_that_fails_on_one_host_is_left_out_of_later_stages_on_all_and_the_others_go_on() {
    let db1 = Script {
        fail: ["file:role1".to_string()].into(),
        ..host_with(vec![create(Stage::Database, "c_e863", "role1"), create(Stage::Database, "c_l682", "role2")])
    };
    let app1 =
        host_with(vec![create(Stage::Application, "c_e863", "unit1"), create(Stage::Application, "c_l682", "unit2")]);
    let world = World::new([("db1", db1), ("app1", app1)]);
    let outcome = apply(&world, &world.work(&[]));
    assert_eq!(world.told("app1")[2], "stage application without [c_e863]");
    assert_eq!(outcome.kind(), Some(Kind::Partial));
    assert_eq!(outcome.hosts["db1"].failed[0].message, "no room left");
    assert_eq!(ids(&outcome.hosts["app1"].skipped), ["file:unit1"]);
    assert_eq!(outcome.owners["c_e863"].left_out.as_deref(), Some("file:role1 failed on host `db1`"));
    assert_eq!((outcome.owners["c_l682"].fixed, outcome.owners["c_l682"].undone), (2, 0));
    assert!(!outcome.hosts["app1"].recorded && !outcome.hosts["db1"].recorded);
    assert!(world.events().iter().any(|event| matches!(event, Event::LeftOut { owner, .. } if owner == "c_e863")));
}

#[test]
fn the_revision_is_on_a_host_before_its_first_change_so_that_a_run_cut_off_there_keeps_older_checkouts_out() {
    let app1 = Script {
        revision: Some("r1".to_string()),
        die_at: Some("file:b".to_string()),
        ..host_with(vec![create(Stage::Application, "c_e863", "a"), create(Stage::Application, "c_e863", "b")])
    };
    let again = Script { revision: Some("r2".to_string()), ..app1.clone() };
    let world = World::new([("app1", app1), ("app2", again)]);
    let outcome = apply(&world, &world.work(&[]));
    assert_eq!(world.told("app1"), ["request apply", "record r2", "stage application without []", "gone"]);
    assert_eq!(world.told("app2"), ["request apply", "stage application without []", "gone"], "it has it already");
    assert!(!outcome.hosts["app1"].recorded, "what is left undone is not called recorded");
}

#[test]
fn a_host_on_which_only_left_out_members_have_work_is_not_asked() {
    let db1 =
        Script { fail: ["file:role".to_string()].into(), ..host_with(vec![create(Stage::Database, "c_e863", "role")]) };
    let app1 = host_with(vec![create(Stage::Application, "c_e863", "unit")]);
    let world = World::new([("db1", db1), ("app1", app1)]);
    let outcome = apply(&world, &world.work(&[]));
    assert_eq!(world.told("app1"), ["request apply", "end"]);
    assert_eq!(ids(&outcome.hosts["app1"].remaining), ["file:unit"]);
    assert_eq!(outcome.kind(), Some(Kind::Operation));
}

#[test]
fn a_failed_baseline_leaves_out_the_members_placed_there_but_no_others() {
    let app1 = Script {
        fail: ["file:nginx".to_string()].into(),
        ..host_with(vec![create(Stage::Host, "host", "nginx"), create(Stage::Application, "c_e863", "unit1")])
    };
    let app2 = host_with(vec![create(Stage::Host, "host", "nginx2"), create(Stage::Application, "c_l682", "unit2")]);
    let db1 = host_with(vec![create(Stage::Database, "c_e863", "role1"), create(Stage::Database, "c_l682", "role2")]);
    let world = World::new([("app1", app1), ("app2", app2), ("db1", db1)]);
    let work = world.work(&[("c_e863", &["app1", "db1"]), ("c_l682", &["app2", "db1"])]);
    let outcome = apply(&world, &work);
    assert_eq!(world.told("db1")[2], "stage database without [c_e863]");
    assert_eq!(ids(&outcome.hosts["db1"].skipped), ["file:role1"]);
    assert_eq!(outcome.hosts["app2"].state, HostState::Done);
    assert_eq!(ids(&outcome.hosts["app1"].remaining), ["file:unit1"]);
}

#[test]
fn a_host_cut_off_in_mid_apply_is_named_with_the_step_and_the_others_end_well() {
    let app1 = Script {
        die_at: Some("file:b".to_string()),
        ..host_with(vec![
            create(Stage::Host, "host", "a"),
            create(Stage::Host, "host", "b"),
            create(Stage::Application, "c_e863", "unit1"),
        ])
    };
    let app2 = host_with(vec![create(Stage::Application, "c_l682", "unit2")]);
    let db1 = host_with(vec![create(Stage::Database, "c_e863", "role1"), create(Stage::Database, "c_l682", "role2")]);
    let world = World::new([("app1", app1), ("app2", app2), ("db1", db1)]);
    let work = world.work(&[("c_e863", &["app1", "db1"]), ("c_l682", &["app2", "db1"])]);
    let outcome = apply(&world, &work);
    let app1 = &outcome.hosts["app1"];
    let HostState::Lost { failure, during } = &app1.state else { panic!("{app1:?}") };
    assert!(failure.message.contains("`app1`") && failure.message.contains("file:b"), "{failure}");
    assert_eq!(during.as_deref(), Some("file:b"));
    assert_eq!(ids(&app1.remaining), ["file:b", "file:unit1"]);
    assert_eq!(app1.fixed, 1);
    assert_eq!(outcome.hosts["app2"].state, HostState::Done);
    assert!(outcome.hosts["app2"].recorded);
    assert_eq!(world.told("db1")[2], "stage database without [c_e863]");
    assert_eq!(outcome.owners["c_e863"].left_out.as_deref(), Some("host `app1` was lost"));
    assert_eq!(outcome.kind(), Some(Kind::Partial));
}

#[test]
fn a_host_that_owes_only_a_reload_is_asked_in_the_first_stage() {
    let world = World::new([("app1", Script { debts: true, ..Script::default() })]);
    let outcome = apply(&world, &world.work(&[]));
    assert_eq!(world.stages(), [("app1".to_string(), "stage host without []".to_string())]);
    assert_eq!(outcome.hosts["app1"].notified, ["reload nginx"]);
    assert_eq!(outcome.kind(), None);
}

#[test]
fn what_could_not_be_told_is_tried_again_in_its_stage_and_may_be_correct_by_then() {
    let mut grant = create(Stage::Application, "c_e863", "grant");
    grant.outcome = Found::Failed { message: "the database host is new".to_string() };
    let mut unit = create(Stage::Application, "c_e863", "unit");
    unit.outcome = Found::KnownAfter { needs: "file:grant".to_string() };
    let app1 = Script { correct_after_all: ["file:grant".to_string()].into(), ..host_with(vec![grant, unit]) };
    let world = World::new([("app1", app1)]);
    let outcome = apply(&world, &world.work(&[]));
    assert_eq!(outcome.kind(), None);
    assert_eq!(outcome.hosts["app1"].fixed, 1);
    assert!(outcome.hosts["app1"].recorded);
}

#[test]
fn what_is_kept_or_foreign_is_no_work_and_what_was_not_checked_is_not_recorded() {
    let mut kept = create(Stage::Database, "c_e863", "kept");
    kept.outcome = Found::Differs { action: crate::resources::Action::Keep, changes: Vec::new() };
    let mut foreign = create(Stage::Application, "host", "foreign");
    foreign.outcome = Found::Foreign;
    let mut secret = create(Stage::Application, "c_e863", "secret");
    secret.outcome = Found::NotChecked { why: "no identity".to_string() };
    let world = World::new([("app1", host_with(vec![kept.clone(), foreign])), ("app2", host_with(vec![secret]))]);
    let outcome = apply(&world, &world.work(&[]));
    assert_eq!(world.told("app1"), ["request apply", "record r2", "end"]);
    assert_eq!(world.told("app2"), ["request apply", "end"]);
    assert_eq!(outcome.hosts["app2"].state, HostState::Inconclusive);
    assert_eq!(outcome.kind(), Some(Kind::Inconclusive));
}

#[test]
fn hosts_that_were_not_selected_are_left_as_they_are() {
    let findings = || vec![create(Stage::Host, "host", "a")];
    let world = World::new([("app1", host_with(findings())), ("app2", host_with(findings()))]);
    let mut work = world.work(&[]);
    work.hosts.remove("app2");
    let outcome = apply(&world, &work);
    assert_eq!(world.told("app2"), ["request apply", "end"]);
    assert_eq!(outcome.hosts["app2"].state, HostState::Untouched);
    assert_eq!(outcome.kind(), None);
}

#[test]
fn a_busy_host_says_who_and_the_members_placed_there_are_left_out() {
    let busy = Script { busy: Some(holder()), ..Script::default() };
    let app2 = host_with(vec![create(Stage::Application, "c_l682", "unit"), create(Stage::Application, "c_e863", "x")]);
    let world = World::new([("app1", busy), ("app2", app2)]);
    let outcome = apply(&world, &world.work(&[("c_e863", &["app1"])]));
    assert_eq!(outcome.hosts["app1"].state, HostState::Busy(holder()));
    assert_eq!(world.told("app2")[2], "stage application without [c_e863]");
    assert_eq!(outcome.kind(), Some(Kind::Partial));
    assert!(!world.events().iter().any(|event| matches!(event, Event::Lost { .. })), "busy is not lost");
}

#[test]
fn busy_everywhere_is_six() {
    let world = World::new([("app1", Script { busy: Some(holder()), ..Script::default() })]);
    assert_eq!(apply(&world, &world.work(&[])).kind(), Some(Kind::Busy));
}

#[test]
fn a_host_half_of_another_version_is_not_spoken_to() {
    let world = World::new([("app1", Script { protocol: 999, ..Script::default() })]);
    let mut fleet = world.fleet(Settings::default());
    let checked = fleet.check(world.requests(Mode::Plan));
    let Checked::Refused(failure) = &checked["app1"] else { panic!("{checked:?}") };
    assert!(failure.message.contains("999"), "{failure}");
    assert!(world.told("app1").iter().all(|what| what == "gone"));
}

#[test]
fn a_host_that_refuses_the_request_says_why() {
    let refuse = Some("no baseline here".to_string());
    let world = World::new([("app1", Script { refuse, ..Script::default() })]);
    let mut fleet = world.fleet(Settings::default());
    let checked = fleet.check(world.requests(Mode::Apply));
    let Checked::Refused(failure) = &checked["app1"] else { panic!("{checked:?}") };
    assert!(failure.message.contains("`app1` refuses: no baseline here"), "{failure}");
}

#[test]
fn an_archive_is_sent_from_where_it_stopped_and_only_where_it_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..1_300_000u32).map(|number| number as u8).collect();
    std::fs::write(folder.path().join("archive"), &content).unwrap();
    let missing = Script {
        archives: vec![("abc".to_string(), 100_000)],
        ..host_with(vec![create(Stage::Application, "host", "release")])
    };
    let world = World::new([("app1", missing), ("app2", Script::default())]);
    let mut work = world.work(&[]);
    work.archives.insert("abc".to_string(), folder.path().join("archive"));
    let outcome = apply(&world, &work);
    assert_eq!(outcome.kind(), None);
    assert_eq!(world.told("app1")[1..4], ["archive 100000+524288", "archive 624288+524288", "archive 1148576+151424"]);
    assert!(world.stored("abc") == content[100_000..]);
    assert_eq!(world.told("app1")[5], "stage application without []");
    assert_eq!(world.told("app2"), ["request apply", "record r2", "end"]);
}

#[test]
fn an_archive_that_is_not_here_is_told_and_costs_no_more_than_its_releases() {
    let app1 = Script {
        archives: vec![("abc".to_string(), 0)],
        fail: ["file:release".to_string()].into(),
        ..host_with(vec![create(Stage::Application, "host", "release"), create(Stage::Application, "c_e863", "unit")])
    };
    let world = World::new([("app1", app1)]);
    let outcome = apply(&world, &world.work(&[]));
    assert!(outcome.hosts["app1"].archives[0].message.contains("abc"));
    assert_eq!(outcome.hosts["app1"].fixed, 1);
}

#[test]
fn a_certificate_that_is_refused_fails_its_resource_with_the_reason() {
    let app1 = Script {
        sign_at: Some("file:cert".to_string()),
        ..host_with(vec![create(Stage::Application, "c_e863", "cert")])
    };
    let world = World::new([("app1", app1)]);
    let outcome = apply(&world, &world.work(&[]));
    assert_eq!(outcome.hosts["app1"].failed[0].message, "app1 may not have file:cert");
}

#[test]
fn a_change_that_could_lock_us_out_is_confirmed_over_a_new_connection_until_one_comes_through() {
    let app1 = Script {
        confirm_at: Some("file:nft".to_string()),
        deaf: 2,
        ..host_with(vec![create(Stage::Host, "host", "nft")])
    };
    let world = World::new([("app1", app1)]);
    let outcome = apply(&world, &world.work(&[]));
    assert_eq!(outcome.kind(), None);
    assert_eq!(world.confirmations(), 3);
}

#[test]
fn a_clean_end_needs_the_marker_and_the_exit_status() {
    let world = World::new([("app1", Script { status: 1, ..host_with(vec![create(Stage::Host, "host", "a")]) })]);
    let outcome = apply(&world, &world.work(&[]));
    let HostState::Lost { failure, .. } = &outcome.hosts["app1"].state else { panic!("{outcome:?}") };
    assert!(failure.message.contains("ended badly: exit status 1"), "{failure}");
}

#[test]
fn evidence_goes_over_the_open_stream_or_over_one_of_its_own() {
    let world = World::new([("app1", Script::default()), ("ops1", Script::default())]);
    let mut fleet = world.fleet(Settings::default());
    let requests = world.requests(Mode::Apply).into_iter().filter(|request| request.catalog.host == "app1").collect();
    fleet.check(requests);
    assert_eq!(fleet.append("app1", vec![serde_json::json!({})]).unwrap(), "head");
    assert_eq!(fleet.append("ops1", vec![serde_json::json!({})]).unwrap(), "head");
    assert_eq!(fleet.read_evidence("ops1", 5).unwrap().broken, ["w"]);
    assert_eq!(fleet.read_previous_zone("ops1", "b.it").unwrap(), Some(vec!["b.it".to_string()]));
    fleet.end();
    assert_eq!(world.told("app1"), ["request apply", "append 1", "end"]);
    assert_eq!(world.told("ops1"), ["append 1", "end", "read 5", "end", "previous b.it", "end"]);
}

#[test]
fn evidence_for_a_host_that_cannot_be_reached_is_told_to_the_caller() {
    let world = World::new([("ops1", Script { unreachable: true, ..Script::default() })]);
    let fleet = world.fleet(Settings::default());
    assert!(fleet.append("ops1", vec![]).unwrap_err().message.contains("cannot reach host `ops1`"));
}

#[test]
fn a_busy_control_host_still_takes_the_evidence() {
    let world = World::new([("ops1", Script { busy: Some(holder()), ..Script::default() })]);
    let mut fleet = world.fleet(Settings::default());
    fleet.check(world.requests(Mode::Apply));
    assert_eq!(fleet.append("ops1", vec![]).unwrap(), "head");
}
