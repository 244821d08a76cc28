//! restic as 0.14 speaks, and as nobody expects it to.

use std::time::Duration;

use super::*;
use crate::failure::Kind;
use crate::machine::Fake;

const SUMMARY: &str = r#"{"message_type":"summary","files_new":2,"data_added":1000,"total_files_processed":2,"total_bytes_processed":4000,"total_duration":0.5,"snapshot_id":"1f2e3d4c"}"#;

fn repository() -> Repository {
    Repository::served("/etc/comuni/backup/c_e863/ssh.conf", "poison".to_string())
}

fn order() -> Order {
    Order {
        host: "c_e863".to_string(),
        tags: vec!["tenant=c_e863-albo".to_string()],
        paths: vec!["/srv/data".to_string()],
        deadline: Duration::from_secs(60),
    }
}

/// What comes of a restic that ends so.
fn stored(status: i32, stdout: &str, stderr: &str) -> (std::result::Result<Stored, Refusal>, Vec<Progress>) {
    let mut host = Fake::new();
    host.answer(&["restic"], status, stdout, stderr);
    let mut seen = Vec::new();
    let result = repository().store(&mut host, &order(), &mut |far| {
        seen.push(far);
        Ok(())
    });
    (result, seen)
}

#[test]
fn the_key_is_in_no_argument() {
    let command = repository().command(&["snapshots"]);
    assert!(!command.argv.join(" ").contains("poison"));
    assert!(command.environment.iter().any(|(name, value)| name == "RESTIC_PASSWORD" && value == "poison"));
    assert!(!format!("{:?}", repository()).contains("poison"));
}

#[test]
fn row_40_strange_lines_are_passed_over_and_counted() {
    let status = r#"{"message_type":"status","percent_done":0.5,"total_bytes":4000,"bytes_done":2000,"files_done":1}"#;
    let lines = format!(
        "created new cache\n{status}\n{{\"message_type\":\"verbose_status\",\"x\":[1]}}\n{{\"message_ty\n{SUMMARY}\n"
    );
    let (result, seen) = stored(0, &lines, "");
    let result = result.unwrap();
    assert_eq!((result.summary.added, result.strange, result.unread.len()), (1000, 2, 0));
    assert_eq!(seen, [Progress { bytes: 4000, done: 2000, files: 1 }]);
}

#[test]
fn row_40_without_a_summary_it_is_a_failure_whatever_the_exit_code_says() {
    for lines in
        ["", "{\"message_type\":\"status\"}\n", &SUMMARY[..SUMMARY.len() - 3], &SUMMARY.replace("1f2e3d4c", "")]
    {
        let (result, _) = stored(0, lines, "");
        assert!(result.unwrap_err().failure.message.contains("did not say what it stored"), "{lines}");
    }
}

#[test]
fn row_06_what_was_not_read_is_named_in_both_forms() {
    let json = r#"{"message_type":"error","error":{"Op":"open","Path":"/srv/data/a","Err":13},"during":"archival","item":"/srv/data/a"}"#;
    let (result, _) = stored(3, SUMMARY, &format!("{json}\nWarning: at least one source file could not be read\n"));
    assert!(result.unwrap().unread[0].starts_with("/srv/data/a"));
    let (result, _) = stored(0, SUMMARY, "/srv/data does not exist, skipping\n");
    assert_eq!(result.unwrap().unread, ["/srv/data does not exist, skipping"]);
    let (result, _) = stored(3, SUMMARY, "");
    assert_eq!(result.unwrap().unread.len(), 1, "exit 3 is never nothing");
}

#[test]
fn refusals_are_told_apart_by_words_as_by_codes() {
    let cases = [
        (
            1,
            "Fatal: unable to open config file: <config/> does not exist\nIs there a repository at the following location?",
            Trouble::Missing,
            Kind::Operation,
        ),
        (10, "Fatal: repository does not exist", Trouble::Missing, Kind::Operation),
        (1, "Fatal: wrong password or no key found", Trouble::Key, Kind::Operation),
        (12, "", Trouble::Key, Kind::Operation),
        (
            1,
            "unable to create lock in backend: repository is already locked exclusively by PID 12 on ops1",
            Trouble::Locked,
            Kind::Busy,
        ),
        (11, "", Trouble::Locked, Kind::Busy),
        (1, "Fatal: unable to save snapshot: write: no space left on device", Trouble::Full, Kind::Operation),
        (
            1,
            "ssh: connect to host 10.0.0.1 port 22: Connection refused\nFatal: unable to open repository",
            Trouble::Away,
            Kind::Operation,
        ),
        (
            1,
            "rclone: Killed\nFatal: config cannot be loaded: rclone stdio connection already closed",
            Trouble::Away,
            Kind::Operation,
        ),
        (1, "DELETE: unexpected HTTP response (403): 403 Forbidden", Trouble::Denied, Kind::Operation),
        (77, "something new", Trouble::Other, Kind::Operation),
    ];
    for (status, words, trouble, kind) in cases {
        let refusal = Refusal::read(&Output { status, stdout: Vec::new(), stderr: words.into() });
        assert_eq!((refusal.trouble, refusal.failure.kind), (trouble, kind), "{status} {words}");
        assert!(
            refusal.failure.message.contains(words.lines().next().unwrap_or("said nothing")),
            "{}",
            refusal.failure
        );
    }
}

#[test]
fn how_far_restic_was_is_no_reason() {
    let stdout = "repository 1f2e3d4c opened\n[0:00] 0.00%  0 / 1 files deleted\r[0:05] 100.00%  1 / 1 files deleted\n\n[0:00] 2 / 2 packs\n";
    let stderr = b"Remove(<snapshot/1f2e>) returned error: 403 Forbidden\r\n".to_vec();
    let refusal = Refusal::read(&Output { status: 1, stdout: stdout.into(), stderr });
    let words = "Remove(<snapshot/1f2e>) returned error: 403 Forbidden\nrepository 1f2e3d4c opened";
    assert_eq!(refusal.failure.message, format!("the repository does not allow that (exit 1): {words}"));
}

#[test]
fn row_10_a_line_that_is_cut_is_tried_again_with_longer_pauses_and_then_no_more() {
    let (result, _) = stored(1, "", "Fatal: ssh: connect to host 10.0.0.1 port 22: Connection refused");
    assert_eq!(result.unwrap_err().trouble, Trouble::Away);
    let mut host = Fake::new();
    host.answer(&["restic"], 1, "", "client_loop: send disconnect: Broken pipe");
    let ended = repository().store(&mut host, &order(), &mut |_| Ok(()));
    assert!(ended.is_err());
    let tries = host.changes().iter().filter(|change| change.contains("backup --json")).count();
    let pauses: Vec<&str> = host.changes().iter().filter_map(|change| change.strip_prefix("run sleep ")).collect();
    assert_eq!((tries, pauses), (5, vec!["2", "5", "15", "30"]));
}

#[test]
fn row_39_versions_are_read_and_compared() {
    let mut host = Fake::new();
    for (said, version) in [
        ("restic 0.14.0 compiled with go1.19.8 on linux/amd64", Ok("0.14.0")),
        ("restic 0.18.0-dev (compiled manually) compiled with go1.24", Ok("0.18.0")),
        ("restic 0.13.1 compiled with go1.18", Err(Kind::Usage)),
        ("command not understood", Err(Kind::Operation)),
    ] {
        host.answer(&["restic", "version"], 0, said, "");
        match (super::version(&host), version) {
            (Ok(found), Ok(expected)) => assert_eq!(found.to_string(), expected),
            (Err(failure), Err(kind)) => assert_eq!(failure.kind, kind, "{said}"),
            (found, _) => panic!("{said}: {found:?}"),
        }
    }
    host.answer(&["restic", "version"], 127, "", "restic: not found");
    assert!(super::version(&host).unwrap_err().message.contains("not installed"));
    let can = |text: &str| Version::parse(text).unwrap().capabilities();
    assert!(!can("restic 0.14.0").telling_exit_codes && can("restic 0.17.1").telling_exit_codes);
    assert!(!can("restic 0.14.0").full_snapshot_id && !can("restic 0.19.5").unknown && can("restic 0.20.0").unknown);
}

#[test]
fn snapshots_come_with_their_tags_and_whatever_was_said_beside_them() {
    let mut host = Fake::new();
    let list = r#"[{"time":"2026-11-02T01:00:00.5+01:00","tree":"x","paths":["/a"],"hostname":"c_e863","tags":["tenant=c_e863-albo","run=r2"],"id":"bb","short_id":"bb"},
        {"time":"2026-11-01T01:00:00.5+01:00","hostname":"c_e863","id":"aa"}]"#;
    host.answer(&["restic"], 0, list, "Ignoring \"cc\": could not load snapshot");
    let (list, words) = repository().snapshots(&host, &["tenant=c_e863-albo"]).unwrap();
    assert_eq!(list.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["aa", "bb"]);
    assert_eq!((list[1].tag("run"), list[0].tag("run"), list[1].seconds()), (Some("r2"), None, Some(1_793_577_600)));
    assert!(words.unwrap().contains("could not load"));
    host.answer(&["restic"], 0, "null", "");
    assert_eq!(repository().snapshots(&host, &[]).unwrap(), (Vec::new(), None));
}
