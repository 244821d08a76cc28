use std::io::Write;
use std::time::{Duration, Instant};

use super::harness::{Host, failed, file, findings, fixed, owned_by, skipped, wants};
use crate::catalog::Stage;
use crate::executor::lock::{self, Taken};
use crate::failure::Kind;
use crate::machine::{Command, World};
use crate::protocol::{FromHost, Holder, Mode, Operator, Request, ToHost, VERSION};
use crate::resources::{Action, Resource};

fn two_files() -> Request {
    wants(vec![owned_by("host", file("/etc/comuni/one", "1\n")), owned_by("c_e863", file("/etc/comuni/two", "2\n"))])
}

fn kinds(heard: &[FromHost]) -> Vec<String> {
    let name = |event: &FromHost| {
        let text = serde_json::to_value(event).unwrap();
        text.as_str().map(str::to_string).unwrap_or_else(|| text.as_object().unwrap().keys().next().unwrap().clone())
    };
    heard.iter().map(name).collect()
}

#[test]
fn an_apply_from_hello_to_end() {
    let mut host = Host::new();
    let heard = host.apply(two_files());
    assert_eq!(
        kinds(&heard),
        [
            "hello",
            "hold",
            "finding",
            "finding",
            "checked",
            "started",
            "fixed",
            "stage_done",
            "started",
            "fixed",
            "stage_done",
            "recorded",
            "end"
        ]
    );
    let FromHost::Hello { protocol: VERSION, boot_id, .. } = &heard[0] else { panic!("{heard:?}") };
    assert_eq!(boot_id, "5c1a");
    let FromHost::Hold { revision: None, baseline: false, .. } = &heard[1] else { panic!("{heard:?}") };
    assert!(matches!(&heard[6], FromHost::Fixed { owner, action: Action::Create, .. } if owner == "host"));
    assert_eq!((host.text("/etc/comuni/one"), host.text("/etc/comuni/two")), ("1\n".to_string(), "2\n".to_string()));
}

#[test]
fn a_second_apply_has_nothing_to_do_and_writes_nothing() {
    let mut host = Host::new();
    host.apply(two_files());
    host.fake.mend();
    let heard = host.apply(two_files());
    assert_eq!(kinds(&heard), ["hello", "hold", "checked", "recorded", "end"]);
    assert_eq!(host.fake.changes(), [] as [&str; 0]);
    let FromHost::Hold { revision, baseline: true, .. } = &heard[1] else { panic!("{heard:?}") };
    assert_eq!(revision.as_deref(), Some("r1"));
}

#[test]
fn the_second_of_two_is_told_who_holds_the_host() {
    let mut host = Host::new();
    let operator = Operator { user: "bruno".to_string(), machine: "ced2".to_string(), fingerprint: None };
    let holder = Holder { operator, verb: "upgrade".to_string(), since: 1_529_488_800 };
    let Taken::Held(held) = lock::take(&host.settings.lock(), &holder).unwrap() else { panic!("busy") };
    let (ended, heard) = host.converse(|control| control.request(two_files()));
    assert_eq!(ended.unwrap_err().kind, Kind::Busy);
    assert_eq!(heard.last(), Some(&FromHost::Busy(holder)));
    assert!(!host.is_there("/etc/comuni/one"));
    // A plan needs no lock, and when the holder is gone an apply goes on.
    assert_eq!(findings(&host.plan(two_files())).len(), 2);
    drop(held);
    host.apply(two_files());
}

#[test]
fn the_lock_says_what_sshd_saw_and_not_what_control_says() {
    let mut host = Host::new();
    let line = "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n";
    host.fake.with_file("/tmp/sshauth", line, 0o600);
    host.settings.auth_info = Some("/tmp/sshauth".into());
    let path = host.settings.lock();
    let mut request = two_files();
    request.operator.fingerprint = Some("SHA256:forged".to_string());
    let (ended, heard) = host.converse(move |control| {
        control.request(request);
        let holder: Holder = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(holder.operator.user, "anna");
        assert!(holder.operator.fingerprint.unwrap().starts_with("SHA256:ZkAs"));
        control.end();
    });
    ended.unwrap();
    assert!(matches!(&heard[0], FromHost::Hello { fingerprint: Some(seen), .. } if seen.starts_with("SHA256:ZkAs")));
}

#[test]
fn silence_stops_the_host_and_frees_its_lock() {
    let mut host = Host::new();
    host.settings.silence = Duration::from_millis(250);
    let begin = Instant::now();
    let (ended, heard) = host.converse(|control| {
        control.request(two_files());
        std::thread::sleep(Duration::from_millis(800));
    });
    assert!(ended.unwrap_err().message.contains("nothing was heard"));
    assert!(begin.elapsed() < Duration::from_secs(3));
    assert!(!heard.contains(&FromHost::End));
    host.settings.silence = Duration::from_secs(5);
    host.apply(two_files());
}

/// Fixing takes longer than the host bears silence.
fn slow_useradd(world: &mut World, command: &Command) -> crate::machine::Output {
    std::thread::sleep(Duration::from_millis(600));
    let name = command.argv.last().cloned().unwrap_or_default();
    let passwd = format!("{}{name}:x:900:900::/srv/{name}:/usr/sbin/nologin\n", world.text("/etc/passwd"));
    *world.content_mut("/etc/passwd").unwrap() = passwd.into_bytes();
    let group = format!("{}{name}:x:900:\n", world.text("/etc/group"));
    *world.content_mut("/etc/group").unwrap() = group.into_bytes();
    super::harness::said(0, "")
}

#[test]
fn a_lost_control_lets_the_resource_at_work_end_and_no_other_begin() {
    for stays_silent in [true, false] {
        let mut host = Host::new();
        host.settings.silence = Duration::from_millis(250);
        host.fake.program("useradd", slow_useradd);
        let request = wants(vec![
            owned_by("c_e863", super::harness::user("c_e863_albo")),
            owned_by("c_e863", file("/etc/comuni/later", "x")),
        ]);
        let (ended, _) = host.converse(move |control| {
            control.request(request);
            control.send(ToHost::Stage { stage: Stage::Application, without: Default::default() });
            control.until(|event| matches!(event, FromHost::Started { .. }));
            if stays_silent {
                std::thread::sleep(Duration::from_millis(1200));
            } else {
                control.output.shutdown(std::net::Shutdown::Both).unwrap();
            }
        });
        ended.unwrap_err();
        assert!(host.text("/etc/passwd").contains("c_e863_albo"), "the resource at work was finished");
        assert!(!host.is_there("/etc/comuni/later"), "another one was begun");
        assert_eq!(host.manifest().records.len(), 1, "what was done is remembered");
        assert!(host.text("/var/lib/comuni/journal.jsonl").contains("\"finished\""));
        host.settings.silence = Duration::from_secs(5);
        let rest = wants(vec![owned_by("c_e863", file("/etc/comuni/later", "x"))]);
        host.apply(Request { owners: ["host".to_string()].into(), ..rest });
    }
}

#[test]
fn an_end_in_the_middle_of_a_stage_finishes_the_resource_at_work_and_ends_well() {
    let mut host = Host::new();
    host.fake.program("useradd", slow_useradd);
    let request = || {
        wants(vec![
            owned_by("c_e863", super::harness::user("c_e863_albo")),
            owned_by("c_e863", file("/etc/comuni/later", "x")),
        ])
    };
    let (ended, heard) = host.converse(move |control| {
        control.request(request());
        control.send(ToHost::Stage { stage: Stage::Application, without: Default::default() });
        control.until(|event| matches!(event, FromHost::Started { .. }));
        control.end();
    });
    ended.unwrap();
    assert_eq!(fixed(&heard), ["user:c_e863_albo"]);
    assert_eq!(heard.last(), Some(&FromHost::End));
    assert!(!kinds(&heard).contains(&"stage_done".to_string()), "the stage is not over");
    assert_eq!(host.manifest().records.len(), 1);
    assert_eq!(fixed(&host.apply(request())), ["file:/etc/comuni/later"]);
}

fn certificate() -> Resource {
    Resource::Certificate(crate::resources::Certificate {
        path: "/etc/comuni/malnate.pem".to_string(),
        key: "/etc/comuni/malnate.key".to_string(),
        names: vec!["albo.comune.malnate.va.it".to_string()],
        owner: "root".to_string(),
        group: "root".to_string(),
        key_mode: 0o600,
        lifetime_days: 90,
        renew_days: 30,
        authority: "ab".repeat(32),
        notify: None,
    })
}

#[test]
fn an_end_instead_of_a_signature_fails_that_certificate_and_ends_well() {
    let mut host = Host::new();
    let (ended, heard) = host.converse(|control| {
        control.request(wants(vec![
            owned_by("c_e863", certificate()),
            owned_by("c_e707", file("/etc/comuni/later", "x")),
        ]));
        control.send(ToHost::Stage { stage: Stage::Application, without: Default::default() });
        control.until(|event| matches!(event, FromHost::Sign(_)));
        control.send(ToHost::Alive);
        control.end();
    });
    ended.unwrap();
    assert_eq!(failed(&heard), [("c_e863".to_string(), "interrupted".to_string())].into());
    assert_eq!(heard.last(), Some(&FromHost::End));
    assert!(!host.is_there("/etc/comuni/later"));
}

#[test]
fn a_refused_signature_fails_that_owner_alone_with_the_reason() {
    let mut host = Host::new();
    let (ended, heard) = host.converse(|control| {
        control.request(wants(vec![
            owned_by("c_e863", certificate()),
            owned_by("c_e707", file("/etc/comuni/later", "x")),
        ]));
        control.send(ToHost::Stage { stage: Stage::Application, without: Default::default() });
        control.until(|event| matches!(event, FromHost::Sign(_)));
        control.send(ToHost::Signed(Err("this name is not in the catalog".to_string())));
        control.until(|event| matches!(event, FromHost::StageDone { .. }));
        control.end();
    });
    ended.unwrap();
    assert!(failed(&heard)["c_e863"].contains("this name is not in the catalog"));
    assert_eq!(fixed(&heard), ["file:/etc/comuni/later"]);
}

#[test]
fn a_closed_connection_is_no_success_even_when_all_is_done() {
    let mut host = Host::new();
    let (ended, heard) = host.converse(|control| {
        control.request(two_files());
        control.stage(Stage::Host);
    });
    ended.unwrap_err();
    assert!(!heard.contains(&FromHost::End));
}

fn refusal(host: &mut Host, talk: impl FnOnce(&mut super::harness::Control) + Send + 'static) -> String {
    let (ended, heard) = host.converse(talk);
    let failure = ended.unwrap_err();
    assert!(!heard.contains(&FromHost::End));
    match heard.last() {
        Some(FromHost::Refused { message }) => assert_eq!(*message, failure.told()),
        other => panic!("{other:?}"),
    }
    failure.message
}

#[test]
fn a_catalog_that_cannot_be_right_is_refused_before_anything_is_touched() {
    let one = || owned_by("host", file("/etc/comuni/one", "1\n"));
    let two = || owned_by("c_e863", file("/etc/comuni/two", "2\n"));
    let renamed = crate::catalog::Entry { id: "file:/elsewhere".to_string(), ..one() };
    let slashed = crate::catalog::Entry { tenant: Some("../x".to_string()), ..one() };
    for (entries, words) in [
        (vec![two(), one()], "out of order"),
        (vec![one(), one()], "twice"),
        (vec![renamed], "calls file:/etc/comuni/one file:/elsewhere"),
        (vec![slashed], "slash"),
    ] {
        let mut host = Host::new();
        let message = refusal(&mut host, move |control| control.request(wants(entries)));
        assert!(message.contains(words), "{message}");
        assert_eq!(host.fake.changes(), [] as [&str; 0]);
    }
}

#[test]
fn a_plan_cannot_be_talked_into_a_change() {
    for message in [
        ToHost::Stage { stage: Stage::Host, without: Default::default() },
        ToHost::Record { revision: "r1".to_string() },
        ToHost::Archive { sha256: "ab".repeat(32), offset: 0, data: String::new(), last: true },
    ] {
        let mut host = Host::new();
        let message = refusal(&mut host, move |control| {
            control.request(Request { mode: Mode::Plan, ..two_files() });
            control.send(message);
            control.until(|_| false);
        });
        assert!(message.contains("where none was expected"), "{message}");
        assert_eq!(host.fake.changes(), [] as [&str; 0]);
    }
}

#[test]
fn a_stage_before_a_catalog_and_a_second_catalog_are_refused() {
    let mut host = Host::new();
    refusal(&mut host, |control| control.stage(Stage::Host));
    refusal(&mut host, |control| {
        control.request(two_files());
        control.request(two_files());
    });
}

#[test]
fn what_is_no_message_is_refused_with_its_beginning() {
    let message = refusal(&mut Host::new(), |control| {
        control.output.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        control.until(|_| false);
    });
    assert!(message.contains("GET / HTTP"), "{message}");
}

#[test]
fn a_damaged_manifest_is_refused_with_its_path_and_nothing_is_touched() {
    let mut host = Host::new();
    host.fake.with_file("/var/lib/comuni/manifest.json", "{ half", 0o600);
    let message = refusal(&mut host, |control| control.request(two_files()));
    assert!(message.contains("/var/lib/comuni/manifest.json"), "{message}");
    assert!(!host.is_there("/etc/comuni/one"));
}

#[test]
fn an_archive_sent_on_the_stream_serves_the_stage_after_it() {
    use base64::Engine;
    let mut host = Host::new();
    let content = "drwxr-xr-x 0/0 0 2018-06-20 00:00 albo/\n-rw-r--r-- 0/0 1 2018-06-20 00:00 albo/app.py\tprint()\n";
    let sha256 = crate::executor::key::sha256(content.as_bytes());
    let release = crate::resources::Release {
        application: "albo".to_string(),
        release: "1.0.0".to_string(),
        sha256: sha256.clone(),
    };
    let entry = owned_by("host", Resource::Release(release));
    let (ended, heard) = host.converse(move |control| {
        control.request(wants(vec![entry]));
        let data = base64::engine::general_purpose::STANDARD.encode(content);
        control.send(ToHost::Archive { sha256, offset: 0, data, last: true });
        control.until(|event| matches!(event, FromHost::ArchiveStored { .. }));
        control.stage(Stage::Host);
        control.end();
    });
    ended.unwrap();
    assert_eq!(failed(&heard).len() + skipped(&heard).len(), 0, "{heard:?}");
    assert_eq!(fixed(&heard), ["release:albo/1.0.0"]);
}
