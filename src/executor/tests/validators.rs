//! The staged trees against the real validators. Nothing outside a temporary folder is written.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::harness::{file, wants};
use crate::executor::journal::Journal;
use crate::executor::manifest::Manifest;
use crate::executor::owed::Owed;
use crate::executor::session::Session;
use crate::executor::staging::validate;
use crate::executor::store::Settings;
use crate::executor::wire::Wire;
use crate::machine::Local;
use crate::protocol::{Holder, Operator};
use crate::resources::{File, Validator};

/// What the validator says of this host with these files on it.
fn verdict(validator: Validator, files: &[File]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        state: folder.path().join("state"),
        run: folder.path().join("run"),
        ..Settings::of_a_host("/nowhere".into())
    };
    let (ours, theirs) = UnixStream::pair().unwrap();
    let wire = Wire::open(theirs.try_clone().unwrap(), theirs, Duration::from_secs(60));
    let holder = Holder { operator: Operator::default(), verb: "test".to_string(), since: 0 };
    let request = wants(Vec::new());
    let mut machine = Local::new();
    let mut session = Session {
        owed: Owed::load(&machine, settings.owed()).unwrap(),
        journal: Journal::new(settings.journal(), &holder),
        machine: &mut machine,
        wire: &wire,
        settings: &settings,
        request: &request,
        holder,
        host_key: Vec::new(),
        manifest: Manifest::default(),
        pending: BTreeSet::new(),
        strange: BTreeSet::new(),
        failed: BTreeSet::new(),
        tenants: BTreeMap::new(),
        refused: BTreeSet::new(),
        unsaved: false,
        unjudged: Default::default(),
    };
    let files: Vec<&File> = files.iter().collect();
    let verdict = validate(&mut session, validator, &files).unwrap();
    drop(ours);
    let words = verdict.clone().err().unwrap_or_default();
    assert!(!words.contains("/run/stage"), "a path that a person does not know: {words}");
    verdict
}

/// The good one passes, the bad one is refused with these words.
fn tells_apart(validator: Validator, good: &File, bad: &File, words: &str) {
    assert_eq!(verdict(validator, std::slice::from_ref(good)), Ok(()));
    let said = verdict(validator, std::slice::from_ref(bad)).unwrap_err();
    assert!(said.contains(words), "{said}");
}

#[test]
#[ignore = "needs root and nginx"]
fn nginx_reads_the_fragment_from_the_stage() {
    let at = |content: &str| file("/etc/nginx/conf.d/comuni-test.conf", content);
    let bad = at("server { listen 127.0.0.1:65001; nonsense; }\n");
    tells_apart(
        Validator::Nginx,
        &at("server { listen 127.0.0.1:65001; include /etc/nginx/mime.types; }\n"),
        &bad,
        "unknown directive \"nonsense\" in /etc/nginx/conf.d/comuni-test.conf:1",
    );
}

#[test]
#[ignore = "needs root and sshd"]
fn sshd_reads_the_fragment_from_the_stage() {
    let at = |content: &str| file("/etc/ssh/sshd_config.d/comuni-test.conf", content);
    let (good, bad) = (at("PasswordAuthentication no\n"), at("PasswordAuthentication perhaps\n"));
    tells_apart(Validator::Sshd, &good, &bad, "/etc/ssh/sshd_config.d/comuni-test.conf");
}

#[test]
#[ignore = "needs root and nft"]
fn nft_reads_the_rules_from_the_stage() {
    let at = |content: &str| file("/etc/nftables.conf", content);
    let good = at("table inet comuni_test {\n chain c {\n type filter hook input priority 0;\n }\n}\n");
    tells_apart(Validator::Nftables, &good, &at("tible inet x {}\n"), "/etc/nftables.conf");
}

#[test]
#[ignore = "needs root and visudo"]
fn visudo_reads_the_file_from_the_stage() {
    let at = |content: &str| File { mode: 0o440, ..file("/etc/sudoers.d/comuni-test", content) };
    let (good, bad) = (at("nobody ALL=(root) /bin/true\n"), at("nobody ALL\n"));
    tells_apart(Validator::Sudoers, &good, &bad, "/etc/sudoers.d/comuni-test");
}

#[test]
#[ignore = "needs root and systemd-analyze"]
fn systemd_reads_units_from_the_stage_and_lets_them_find_each_other() {
    let at = |name: &str, content: &str| file(&format!("/etc/systemd/system/{name}"), content);
    let good = at("comuni-test.service", "[Service]\nUser=made-later\nExecStart=/bin/true\n");
    let bad = at("comuni-test.service", "[Service]\nExecStart=relative\n");
    tells_apart(Validator::Systemd, &good, &bad, "comuni-test.service");
    let timer = at("comuni-test.timer", "[Timer]\nOnCalendar=daily\n");
    assert_eq!(verdict(Validator::Systemd, &[timer, good]), Ok(()));
}
