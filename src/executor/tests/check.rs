use super::harness::{
    Host, directory, file, findings, fragment, outcome, owned_by, package, secret, secrets, service, user, wants,
};
use crate::protocol::{FromHost, Outcome, Request};
use crate::resources::{Action, Directory, File, Resource, SecretValue};

const SECRET: &str = "secret://c_e863/albo/database_password";

fn of_user(path: &str, owner: &str) -> File {
    File { owner: owner.to_string(), ..file(path, "hello\n") }
}

fn waits_for(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::KnownAfter { needs } => Some(needs),
        _ => None,
    }
}

#[test]
fn correct_resources_are_only_counted() {
    let mut host = Host::new();
    host.apply(wants(vec![owned_by("host", file("/etc/comuni/there", "hello\n"))]));
    let heard = host.plan(wants(vec![
        owned_by("host", file("/etc/comuni/there", "hello\n")),
        owned_by("host", file("/etc/comuni/missing", "hello\n")),
    ]));
    assert_eq!(findings(&heard).len(), 1);
    assert!(matches!(outcome(&heard, "file:/etc/comuni/missing"), Outcome::Differs { action: Action::Create, .. }));
    assert!(heard.contains(&FromHost::Checked { correct: 1, archives: Vec::new() }), "{heard:?}");
}

#[test]
fn a_plan_changes_nothing_not_even_our_own_folder() {
    let mut host = Host::new();
    host.plan(wants(vec![owned_by("host", file("/etc/comuni/new", "hello\n"))]));
    assert_eq!(host.fake.changes(), [] as [&str; 0]);
    assert!(!host.settings.run.exists(), "a plan takes no lock");
}

#[test]
fn what_waits_for_an_earlier_pending_entry_is_known_after_it() {
    let mut host = Host::new();
    let heard = host.plan(wants(vec![
        owned_by("c_e863", user("c_e863_albo")),
        owned_by("c_e863", of_user("/etc/comuni/malnate", "c_e863_albo")),
    ]));
    assert_eq!(waits_for(outcome(&heard, "file:/etc/comuni/malnate")).as_deref(), Some("user:c_e863_albo"));
}

#[test]
fn what_waits_for_something_that_itself_waits_is_known_after_that() {
    let mut host = Host::new();
    let sub = Directory { owner: "c_e863_albo".to_string(), ..directory("/etc/comuni/sub") };
    let heard = host.plan(wants(vec![
        owned_by("c_e863", user("c_e863_albo")),
        owned_by("c_e863", sub),
        owned_by("c_e863", file("/etc/comuni/sub/file", "x")),
    ]));
    assert_eq!(waits_for(outcome(&heard, "file:/etc/comuni/sub/file")).as_deref(), Some("directory:/etc/comuni/sub"));
}

#[test]
fn a_pending_package_may_bring_any_account_or_folder() {
    let mut host = Host::new();
    let heard = host.plan(wants(vec![
        owned_by("host", package("postgresql")),
        owned_by("host", of_user("/etc/comuni/pg", "postgres")),
    ]));
    assert_eq!(waits_for(outcome(&heard, "file:/etc/comuni/pg")).as_deref(), Some("package:postgresql"));
}

#[test]
fn a_need_that_nothing_brings_or_that_comes_later_is_a_failure_of_the_plan() {
    let mut host = Host::new();
    let heard = host.plan(wants(vec![
        owned_by("c_e863", of_user("/etc/comuni/early", "c_e863_albo")),
        owned_by("c_e863", user("c_e863_albo")),
    ]));
    let Outcome::Failed { message } = outcome(&heard, "file:/etc/comuni/early") else { panic!("{heard:?}") };
    assert!(message.contains("user:c_e863_albo"), "{message}");
}

/// The path is taken by a directory, which the kind reports as an error: nobody could look.
fn with_an_error(host: &mut Host) -> File {
    host.fake.with_directory("/etc/comuni/wrong", 0o755);
    file("/etc/comuni/wrong", "x")
}

#[test]
fn an_error_is_a_failure_unless_something_pending_could_explain_it() {
    let mut host = Host::new();
    let wrong = with_an_error(&mut host);
    let heard = host.plan(wants(vec![owned_by("c_e863", wrong)]));
    assert!(matches!(outcome(&heard, "file:/etc/comuni/wrong"), Outcome::Failed { .. }));
}

#[test]
fn an_error_is_explained_by_the_same_owner_and_stage_or_by_packages_and_services_of_the_host() {
    for (earlier, explains) in [
        (owned_by("c_e863", file("/etc/comuni/a", "x")), true),
        (owned_by("c_e707", file("/etc/comuni/a", "x")), false),
        (owned_by("host", file("/etc/comuni/a", "x")), false),
        (owned_by("host", package("nginx")), true),
        (owned_by("host", service("nginx.service")), true),
    ] {
        let mut host = Host::new();
        let wrong = with_an_error(&mut host);
        let id = earlier.id.clone();
        let heard = host.plan(wants(vec![earlier, owned_by("c_e863", wrong)]));
        let found = outcome(&heard, "file:/etc/comuni/wrong");
        assert_eq!(waits_for(found), explains.then_some(id.clone()), "after {id}");
    }
}

#[test]
fn without_its_secret_a_file_is_not_checked_and_never_called_correct() {
    let mut host = Host::new();
    let private = File { mode: 0o600, ..file("/etc/comuni/env", &format!("PASSWORD={SECRET}\n")) };
    host.fake.with_file("/etc/comuni/env", "PASSWORD=rosso\n", 0o600);
    let request = wants(vec![owned_by("c_e863", private)]);
    let heard = host.plan(request.clone());
    assert!(matches!(outcome(&heard, "file:/etc/comuni/env"), Outcome::NotChecked { .. }));
    let known = Request { secrets: secrets(SECRET, secret("1", &[], "rosso")), ..request };
    host.apply(known.clone());
    assert_eq!(findings(&host.plan(known)), []);
}

#[test]
fn who_knows_only_the_id_of_a_secret_hears_of_every_change_and_never_of_the_value() {
    let mut host = Host::new();
    let private = |more: &str| File { mode: 0o600, ..file("/etc/comuni/env", &format!("PASSWORD={SECRET}\n{more}")) };
    let request = |value: SecretValue, more: &str| Request {
        secrets: secrets(SECRET, value),
        ..wants(vec![owned_by("c_e863", private(more))])
    };
    let unread = |id: &str| SecretValue { withheld: true, ..secret(id, &["1"], "") };
    let told = |host: &mut Host, request: Request| -> Option<(Action, bool)> {
        let heard = host.plan(request);
        let found = findings(&heard);
        match found.first().map(|first| (&first.outcome, first.drifted)) {
            None => None,
            Some((Outcome::Differs { action, .. }, drifted)) => Some((*action, drifted)),
            Some(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(told(&mut host, request(unread("1"), "")), Some((Action::Create, false)), "it was never applied");
    host.apply(request(secret("1", &[], "rosso"), ""));
    assert_eq!(told(&mut host, request(unread("1"), "")), None);
    assert_eq!(told(&mut host, request(unread("2"), "")), Some((Action::Change, false)), "a new value is to come");
    assert_eq!(told(&mut host, request(unread("1"), "x=1\n")), Some((Action::Change, false)), "the inventory changed");
    host.fake.world.content_mut("/etc/comuni/env").unwrap().extend_from_slice(b"# by hand\n");
    assert_eq!(told(&mut host, request(unread("1"), "")), Some((Action::Change, true)), "the host changed");
    // Whoever has no value cannot mend it.
    let heard = host.apply(request(unread("1"), ""));
    assert!(matches!(outcome(&heard, "file:/etc/comuni/env"), Outcome::Differs { .. }));
    assert!(String::from_utf8_lossy(host.fake.world.content_mut("/etc/comuni/env").unwrap()).contains("by hand"));
    host.apply(request(secret("1", &[], "rosso"), ""));
    host.fake.with_file("/etc/comuni/env", "PASSWORD=rosso\n", 0o644);
    assert_eq!(told(&mut host, request(unread("1"), "")), Some((Action::Change, true)), "others may read it now");
}

#[test]
fn a_hand_edit_is_told_from_a_change_of_the_inventory() {
    let mut host = Host::new();
    let request = |content: &str| wants(vec![owned_by("host", file("/etc/comuni/motd", content))]);
    host.apply(request("hello\n"));
    let drifted = |heard: &[FromHost]| findings(heard)[0].drifted;
    assert!(!drifted(&host.plan(request("goodbye\n"))), "the inventory changed");
    *host.fake.world.content_mut("/etc/comuni/motd").unwrap() = b"hacked\n".to_vec();
    assert!(drifted(&host.plan(request("hello\n"))), "the host changed");
}

#[test]
fn files_of_others_in_our_folders_are_told_and_left_alone() {
    let mut host = Host::new();
    host.fake.with_file("/etc/comuni/theirs", "x", 0o644);
    host.fake.with_directory("/etc/comuni/sub", 0o755);
    host.fake.with_file("/etc/comuni/.comuni-1234.5", "half", 0o600);
    let exclusive = Directory { exclusive: true, ..directory("/etc/comuni") };
    let entries = vec![
        owned_by("host", exclusive),
        owned_by("host", file("/etc/comuni/ours", "x")),
        owned_by("host", file("/etc/comuni/sub/ours", "x")),
    ];
    let heard = host.apply(wants(entries.clone()));
    assert_eq!(outcome(&heard, "file:/etc/comuni/theirs"), Outcome::Foreign);
    let foreign: Vec<_> = findings(&heard).into_iter().filter(|finding| finding.outcome == Outcome::Foreign).collect();
    assert_eq!(foreign.len(), 1);
    assert!(host.is_there("/etc/comuni/theirs"));
    // Compiled for one member alone, the others' files are known from the manifest.
    let heard = host.plan(wants(entries[..1].to_vec()));
    let foreign: Vec<_> = findings(&heard).into_iter().filter(|finding| finding.outcome == Outcome::Foreign).collect();
    assert_eq!(foreign.len(), 1);
}

#[test]
fn a_missing_archive_is_asked_for_once_with_what_is_there_of_it() {
    let mut host = Host::new();
    let sha256 = "ab".repeat(32);
    host.fake.with_file(&format!("/var/lib/comuni/archives/{sha256}.part"), "12345", 0o600);
    let release = crate::resources::Release {
        application: "albo".to_string(),
        release: "1.0.0".to_string(),
        sha256: sha256.clone(),
    };
    let heard = host.plan(wants(vec![owned_by("host", Resource::Release(release))]));
    assert!(heard.contains(&FromHost::Checked { correct: 0, archives: vec![(sha256, 5)] }), "{heard:?}");
}

#[test]
fn a_plan_says_what_is_still_owed() {
    let mut host = Host::new();
    let debt = r#"[{"notification":"reload nginx","owner":"c_e863","since":1529452800}]"#;
    host.fake.with_file("/var/lib/comuni/owed.json", debt, 0o600);
    let heard = host.plan(wants(vec![owned_by("host", fragment("none", ""))]));
    let FromHost::Hold { debts, .. } = &heard[1] else { panic!("{heard:?}") };
    assert_eq!((debts[0].notification.as_str(), debts[0].owner.as_str()), ("reload nginx", "c_e863"));
}

#[test]
fn what_a_program_repeats_of_a_secret_is_masked_in_a_finding() {
    let mut host = Host::new();
    host.fake.answer(&["systemctl", "show"], 1, "", "no bus for poison-rosso");
    let request = Request {
        secrets: secrets(SECRET, secret("1", &[], "poison-rosso")),
        ..wants(vec![owned_by("c_e863", service("albo.service"))])
    };
    let heard = host.plan(request);
    let Outcome::Failed { message } = outcome(&heard, "service:albo.service") else { panic!("{heard:?}") };
    assert!(message.contains("no bus for") && !message.contains("poison-rosso"), "{message}");
}
