//! Given this host and that resource, this is expected: what the laws cannot say of all kinds at once.

use super::super::{Change, Resource};
use super::samples::{ARCHIVE, archive_hash, with_server, with_unit};
use super::server;
use super::{Action, Check, POISON, check, check_with, fix, secrets};
use crate::machine::{Fake, Machine, Node, Ownership};

fn from(text: &str) -> Resource {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(resource: &Resource, host: &Fake) -> String {
    let failure = check_with(resource, host, &secrets()).unwrap_err();
    assert!(!failure.hints.is_empty(), "{failure} says not what to do next");
    failure.message
}

fn needs(resource: &Resource, host: &Fake) -> String {
    match check(resource, host) {
        Check::Unknown { needs: Some(id), .. } => id,
        found => panic!("{}: {found:?}", resource.id()),
    }
}

fn changes(resource: &Resource, host: &Fake) -> Vec<Change> {
    match check(resource, host) {
        Check::Differs { changes, .. } => changes,
        found => panic!("{}: {found:?}", resource.id()),
    }
}

fn fields(resource: &Resource, host: &Fake) -> Vec<String> {
    changes(resource, host).into_iter().map(|change| change.field).collect()
}

const CONF: &str = r#"{"file": {"path": "/etc/a/x.conf", "content": "new\n"}}"#;

#[test]
fn what_is_in_the_way_is_never_overwritten() {
    let mut host = Fake::new();
    host.with_directory("/etc/a/x.conf", 0o755);
    host.with_file("/etc/a/link", "precious", 0o644);
    host.with_file("/etc/a/full/of", "something", 0o644);
    let before = host.world.clone();
    for (text, words) in [
        (CONF, "must be a file, but a directory is there"),
        (r#"{"symlink": {"path": "/etc/a/link", "target": "x"}}"#, "must be a symbolic link, but a file is there"),
        (r#"{"directory": {"path": "/etc/a/link", "mode": "0755"}}"#, "must be a directory, but a file is there"),
        (r#"{"absent": {"path": "/etc/a/full"}}"#, "a directory with something in it"),
        (r#"{"file": {"path": "/etc/a/link/x", "content": ""}}"#, "must be a directory, but a file is there"),
    ] {
        assert!(refusal(&from(text), &host).contains(words), "{text}");
        assert!(fix(&from(text), &mut host).is_err(), "{text}");
        assert!(host.world == before, "{text}");
    }
}

#[test]
fn a_path_that_does_not_go_straight_to_its_place_is_refused() {
    for path in ["relative", "/", "/etc/../root/x", "/etc/a\\nb", ""] {
        let text = format!(r#"{{"file": {{"path": "{path}", "content": "x"}}}}"#);
        assert!(refusal(&from(&text), &Fake::new()).contains("no path"), "{path}");
    }
}

#[test]
fn what_must_come_first_is_named() {
    let mut host = Fake::new();
    for (text, id) in [
        (CONF, "directory:/etc/a"),
        (r#"{"file": {"path": "/etc/x", "content": "", "owner": "nginx"}}"#, "user:nginx"),
        (r#"{"directory": {"path": "/etc/x", "group": "ssl", "mode": "0755"}}"#, "group:ssl"),
        (r#"{"user": {"name": "a", "home": "/", "shell": "/bin/sh", "groups": ["adm"]}}"#, "group:adm"),
        (
            r#"{"service": {"unit": "a.service", "enabled": true, "running": true}}"#,
            "file:/etc/systemd/system/a.service",
        ),
        (
            r#"{"service": {"unit": "a@b.timer", "enabled": true, "running": true}}"#,
            "file:/etc/systemd/system/a@.timer",
        ),
        (r#"{"postgres_role": {"name": "a", "login": false}}"#, "service:postgresql.service"),
    ] {
        assert_eq!(needs(&from(text), &host), id);
    }
    with_server(&mut host);
    for (text, id) in [
        (r#"{"postgres_role": {"name": "a", "login": true, "acts_as": "b"}}"#, "postgres_role:b"),
        (r#"{"postgres_database": {"name": "a", "owner": "b"}}"#, "postgres_role:b"),
        (r#"{"postgres_grant": {"database": "a", "roles": [], "privileges": []}}"#, "postgres_database:a"),
        (r#"{"postgres_grant": {"database": "other", "roles": ["b"], "privileges": ["connect"]}}"#, "postgres_role:b"),
    ] {
        assert_eq!(needs(&from(text), &host), id);
    }
    host.answer(&["psql"], 2, "", "psql: error: connection to server on socket failed");
    assert_eq!(
        needs(&from(r#"{"postgres_role": {"name": "a", "login": false}}"#), &host),
        "service:postgresql.service"
    );
}

#[test]
fn a_file_shows_both_texts_and_its_mode() {
    let mut host = Fake::new();
    host.with_file("/etc/a/x.conf", "old\n", 0o664);
    let expected = [("content", "old\n", "new\n"), ("mode", "0664", "0644")].map(|(field, before, after)| Change {
        field: field.to_string(),
        before: Some(before.to_string()),
        after: Some(after.to_string()),
        secret: false,
        step: None,
    });
    assert_eq!(changes(&from(CONF), &host), expected);
    host.with_file("/etc/a/x.conf", [0xff, 0xfe], 0o644);
    let found = changes(&from(CONF), &host).remove(0);
    assert!(found.before.unwrap().starts_with("2 bytes, sha256 "));
    assert!(found.after.unwrap().starts_with("4 bytes, sha256 "));
}

#[test]
fn the_old_content_of_a_file_that_others_could_not_read_is_not_shown() {
    for (content, mode) in [("an old password\n", 0o640), (POISON, 0o644)] {
        let mut host = Fake::new();
        host.with_file("/etc/a/x.conf", content, mode);
        let content = changes(&from(CONF), &host).remove(0);
        let fingerprint = content.before.unwrap();
        assert!(fingerprint.starts_with("hmac-sha256:"), "{fingerprint}");
        assert_eq!((content.after, content.secret), (None, true));
    }
}

#[test]
fn a_secret_in_a_file_that_all_may_read_is_refused() {
    let text = r#"{"file": {"path": "/etc/x", "content": "secret://c_e863/albo/database_password_a"}}"#;
    assert!(refusal(&from(text), &Fake::new()).contains("readable by all"));
    assert!(fix(&from(text), &mut Fake::new()).is_err());
}

#[test]
fn a_file_that_only_has_another_mode_is_not_written_again() {
    let mut host = Fake::new();
    host.with_file("/etc/a/x.conf", "new\n", 0o666);
    fix(&from(CONF), &mut host).unwrap();
    assert_eq!(host.changes(), ["set ownership /etc/a/x.conf"]);
}

#[test]
fn a_directory_with_something_in_it_is_left_alone_and_said_so() {
    let mut host = Fake::new();
    host.with_file("/etc/a/foreign", "", 0o644);
    let directory = from(r#"{"directory": {"path": "/etc/a", "mode": "0755"}}"#);
    let failure = directory.kind().remove(&mut host).unwrap_err();
    assert!(failure.message.contains("foreign") && !failure.hints.is_empty(), "{failure}");
}

const SERVICE: &str = r#"{"service": {"unit": "comuni-c_e863-albo.service", "enabled": true, "running": true}}"#;

#[test]
fn a_unit_that_does_not_start_explains_itself_with_its_secrets_hidden() {
    let mut host = Fake::new();
    let broken = "[Service]\nExecStart=/bin/false\n[Install]\n";
    host.with_file("/etc/systemd/system/comuni-c_e863-albo.service", broken, 0o644);
    let journal = format!("cannot log in with {POISON}\n");
    host.world.notes.insert("journal comuni-c_e863-albo.service".to_string(), journal);
    let failure = fix(&from(SERVICE), &mut host).unwrap_err();
    assert!(failure.message.contains("control process exited"), "{failure}");
    assert!(failure.message.contains("cannot log in with [secret]"), "{failure}");
    let running = changes(&from(SERVICE), &host).remove(0);
    assert_eq!((running.field.as_str(), running.before.as_deref()), ("running", Some("no (failed)")));
}

#[test]
fn a_unit_whose_file_changed_is_loaded_again_before_it_is_started() {
    let mut host = Fake::new();
    with_unit(&mut host);
    fix(&from(SERVICE), &mut host).unwrap();
    host.world.units.get_mut("comuni-c_e863-albo.service").unwrap().active = "inactive".to_string();
    host.world.content_mut("/etc/systemd/system/comuni-c_e863-albo.service").unwrap().extend(b"# new\n");
    host.mend();
    fix(&from(SERVICE), &mut host).unwrap();
    assert_eq!(host.changes()[0], "run systemctl daemon-reload");
    assert_eq!(check(&from(SERVICE), &host), Check::Correct);
}

#[test]
fn a_unit_that_restarts_again_and_again_is_not_running() {
    let mut host = Fake::new();
    with_unit(&mut host);
    fix(&from(SERVICE), &mut host).unwrap();
    host.world.units.get_mut("comuni-c_e863-albo.service").unwrap().active = "activating".to_string();
    assert_eq!(fields(&from(SERVICE), &host), ["running"]);
}

#[test]
fn a_unit_without_install_section_cannot_be_enabled_and_says_so() {
    let mut host = Fake::new();
    host.with_file("/etc/systemd/system/comuni-c_e863-albo.service", "[Service]\n", 0o644);
    let Check::Unknown { why, .. } = check(&from(SERVICE), &host) else { panic!() };
    assert!(why.contains("[Install]"), "{why}");
    let off = r#"{"service": {"unit": "no-such.service", "enabled": "false", "running": "false"}}"#;
    assert_eq!(check(&from(off), &host), Check::Correct);
    assert!(refusal(&from(&off.replace("no-such.service", "nginx")), &host).contains("no name of a systemd unit"));
}

#[test]
fn a_package_counts_as_installed_only_when_it_is_configured_or_provided() {
    let mut host = Fake::new();
    let status = "Package: aa\nStatus: hold ok installed\n\nPackage: bb\nStatus: install ok half-configured\n\n\
        Package: cc\nStatus: deinstall ok config-files\n\n\
        Package: mta\nStatus: install ok installed\nProvides: dd (= 1), ee\nDescription: ff\n Package: ff\n";
    host.with_file("/var/lib/dpkg/status", status, 0o644);
    let package = from(r#"{"package": {"names": ["aa", "bb", "cc", "dd", "ee", "ff"]}}"#);
    assert_eq!(fields(&package, &host), ["bb", "cc", "ff"]);
    assert_eq!(changes(&package, &host)[0].before.as_deref(), Some("half-configured"));
    for names in [r#"["-o"]"#, r#"["a b"]"#, "[]"] {
        let package = from(&format!(r#"{{"package": {{"names": {names}}}}}"#));
        assert!(check_with(&package, &host, &secrets()).is_err(), "{names}");
    }
}

#[test]
fn the_lists_of_packages_are_fetched_only_when_they_are_needed() {
    let mut host = Fake::new();
    host.world.offered.insert("nginx".to_string());
    fix(&from(r#"{"package": {"names": ["nginx"]}}"#), &mut host).unwrap();
    assert!(host.changes().iter().all(|change| !change.ends_with("update")), "{:?}", host.changes());
    host.world.unheard.insert("restic".to_string());
    fix(&from(r#"{"package": {"names": ["restic", "nginx"]}}"#), &mut host).unwrap();
    assert!(host.changes().iter().any(|change| change.ends_with("update")), "{:?}", host.changes());
    let failure = fix(&from(r#"{"package": {"names": ["nonsense"]}}"#), &mut host).unwrap_err();
    assert!(failure.message.contains("Unable to locate package nonsense"), "{failure}");
}

#[test]
fn an_account_keeps_its_number_and_takes_the_group_of_its_name() {
    let mut host = Fake::new();
    host.with_file("/etc/group", "root:x:0:\nalbo:x:77:\n", 0o644);
    let user = from(r#"{"user": {"name": "albo", "home": "/srv/albo", "shell": "/bin/false"}}"#);
    fix(&user, &mut host).unwrap();
    let before = host.world.line_of("/etc/passwd", "albo").unwrap();
    assert_eq!(before[3], "77");
    let other = from(r#"{"user": {"name": "albo", "home": "/srv/other", "shell": "/bin/false", "group": "root"}}"#);
    assert_eq!(fields(&other, &host), ["home", "group"]);
    fix(&other, &mut host).unwrap();
    assert_eq!(check(&other, &host), Check::Correct);
    assert_eq!(host.world.line_of("/etc/passwd", "albo").unwrap()[2], before[2]);
    for name in ["-r", "Ålbo", "a:b", "", "a23456789012345678901234567890123"] {
        let text = format!(r#"{{"user": {{"name": "{name}", "home": "/", "shell": "/bin/sh"}}}}"#);
        assert!(refusal(&from(&text), &host).contains("no name for a Unix account"), "{name}");
    }
}

#[test]
fn a_certificate_is_renewed_in_time_with_its_key_kept() {
    let mut host = Fake::new();
    let text = r#"{"certificate": {"path": "/etc/a.crt", "key": "/etc/a.key", "names": ["a.it"], "owner": "root", "group":
        "root", "key_mode": "0600", "lifetime_days": 90, "renew_days": 30, "authority": "ab"}}"#;
    fix(&from(text), &mut host).unwrap();
    let key = host.world.text("/etc/a.key");
    host.world.now += 60 * 86_400;
    assert_eq!(check(&from(text), &host), Check::Correct);
    host.world.now += 1;
    assert_eq!(fields(&from(text), &host), ["valid"]);
    fix(&from(text), &mut host).unwrap();
    assert_eq!(host.world.text("/etc/a.key"), key);
    host.world.now -= 86_400;
    assert_eq!(fields(&from(&text.replace(r#"["a.it"]"#, r#"["a.it", "b.it"]"#)), &host), ["names"]);
    assert_eq!(fields(&from(&text.replace("\"ab\"", "\"cd\"")), &host), ["authority"]);
    host.set_ownership("/etc/a.key".as_ref(), &Ownership { uid: 0, gid: 0, mode: 0o644 }).unwrap();
    assert_eq!(fields(&from(text), &host), ["key ownership"]);
    let odd = from(&text.replace("a.it", "a.it,DNS:bank.it"));
    assert!(fix(&odd, &mut host).unwrap_err().message.contains("no DNS name"));
}

fn release(hash: &str) -> Resource {
    from(&format!(r#"{{"release": {{"application": "albo", "release": "1.0.0", "sha256": "{hash}"}}}}"#))
}

#[test]
fn an_archive_that_is_not_what_was_promised_is_not_unpacked() {
    let mut host = Fake::new();
    let hash = archive_hash();
    host.with_file(&format!("/var/lib/comuni/archives/{hash}"), "-rw-r--r-- 0/0 0 d t x/y", 0o600);
    let failure = fix(&release(&hash), &mut host).unwrap_err();
    assert!(failure.message.contains(&hash), "{failure}");
    assert!(matches!(check(&release(&hash), &host), Check::Differs { action: Action::Create, .. }));
    let climbing = from(&serde_json::to_string(&release(&hash)).unwrap().replace("1.0.0", "../../etc"));
    assert!(refusal(&climbing, &host).contains("malformed"));
}

#[test]
fn an_archive_is_asked_for_only_as_long_as_it_is_needed() {
    let (mut host, hash) = (Fake::new(), archive_hash());
    let Resource::Release(release) = release(&hash) else { unreachable!() };
    assert_eq!(release.archive_needed(&host).unwrap(), Some(hash.as_str()));
    host.with_file(&format!("/var/lib/comuni/archives/{hash}"), ARCHIVE, 0o600);
    assert_eq!(release.archive_needed(&host).unwrap(), None);
    fix(&Resource::Release(release.clone()), &mut host).unwrap();
    host.world.take(format!("/var/lib/comuni/archives/{hash}"));
    assert_eq!(release.archive_needed(&host).unwrap(), None);
    let node = host.world.node(format!("/opt/comuni/releases/albo/{hash}/albo.py")).map(Node::stat).unwrap();
    assert_eq!(node.mode & 0o222, 0, "shared read-only");
}

#[test]
fn two_releases_with_one_archive_share_its_folder_until_the_last_goes() {
    let (mut host, hash) = (Fake::new(), archive_hash());
    host.with_file(&format!("/var/lib/comuni/archives/{hash}"), ARCHIVE, 0o600);
    let first = release(&hash);
    let second = from(&serde_json::to_string(&first).unwrap().replace("1.0.0", "1.0.1"));
    for resource in [&first, &second] {
        fix(resource, &mut host).unwrap();
    }
    first.kind().remove(&mut host).unwrap();
    assert_eq!(check(&second, &host), Check::Correct);
    second.kind().remove(&mut host).unwrap();
    assert_eq!(host.list("/opt/comuni/releases/albo".as_ref()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_role_is_held_to_exactly_what_it_may() {
    let mut host = Fake::new();
    with_server(&mut host);
    let role = from(r#"{"postgres_role": {"name": "c_e863_albo", "login": "false"}}"#);
    assert_eq!(check(&role, &host), Check::Correct);
    server::disturb(&mut host, "roles", "c_e863_albo", "member_of", serde_json::json!(["c_e863_albo_b"]));
    server::disturb(&mut host, "roles", "c_e863_albo", "login", true.into());
    server::disturb(&mut host, "roles", "c_e863_albo", "verifier", "set by hand".into());
    server::disturb(&mut host, "roles", "c_e863_albo", "acts_as", "postgres".into());
    assert_eq!(fields(&role, &host), ["login", "member_of", "acts_as", "password"]);
    fix(&role, &mut host).unwrap();
    assert_eq!(check(&role, &host), Check::Correct);
}

#[test]
fn a_database_in_another_encoding_is_never_touched() {
    let mut host = Fake::new();
    with_server(&mut host);
    server::disturb(&mut host, "databases", "other", "encoding", "LATIN1".into());
    let database = from(r#"{"postgres_database": {"name": "other", "owner": "postgres"}}"#);
    assert!(refusal(&database, &host).contains("LATIN1"));
    let grant = from(r#"{"postgres_grant": {"database": "other", "roles": [], "privileges": ["superuser"]}}"#);
    assert!(refusal(&grant, &host).contains("no privilege"));
}
