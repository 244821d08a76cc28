//! A night of backups in one minute, and what outlives the loss of a host: timers, proof, second copy, report.

use serde_json::Value;

use crate::backup::{REPOSITORY, TENANT, seeded, snapshots};
use crate::harness::{Lab, Run, Undo, on};

/// A tenant that nobody has ever written to.
const MONVALLE: &str = "c_f703-albo";

/// How far each tenant was proven, by `backup verify --format json`.
pub fn verifications(run: &Run) -> Vec<Value> {
    run.objects().into_iter().filter(|object| object["type"] == "backup_verification").collect()
}

/// What is found when Lozza is to be proven to L7.
fn survives(lab: &Lab, more: &[&str]) -> Run {
    let words = ["--format", "json", "backup", "verify", "--member", "lozza", "--level", "L7"];
    lab.comuni(&[&words[..], more].concat())
}

/// Words of the checks of the highest level, with what came of them.
fn checks(run: &Run) -> String {
    let found = verifications(run).pop().expect(&run.stdout);
    let rung = found["rungs"].as_array().unwrap().iter().find(|rung| rung["level"] == "L7").expect("no L7").clone();
    rung["checks"].to_string()
}

/// Half a pack that a repository still has of an upload that was killed does no harm.
fn fetch_second_copy() {
    on("mon1", "/usr/local/lib/comuni/comuni-host copy-backups");
}

#[test]
#[ignore = "with ./check --all"]
fn a_night_in_one_minute_ends_with_every_tenant_proven_to_its_application() {
    let (lab, _) = seeded();
    let mut tenants = 0;
    for host in ["app1", "app2"] {
        let units = on(host, "cd /etc/comuni/tenants && for tenant in *; do echo comuni-backup-$tenant.service; done");
        tenants += units.lines().count();
        // What the timers start, all at once.
        on(host, &format!("systemctl start {}", units.replace('\n', " ")));
    }
    assert_eq!(tenants, 14);
    fetch_second_copy();
    let began = std::time::Instant::now();
    let run = lab.comuni(&["--format", "json", "backup", "verify", "--all", "--level", "L6"]).ends_with(0);
    println!("{tenants} tenants proven to L6 in {} s", began.elapsed().as_secs());
    let found = verifications(&run);
    assert_eq!(found.len(), tenants);
    for one in &found {
        assert_eq!((one["reached"].as_str(), one["outcome"].as_str()), (Some("L6"), Some("pass")), "{one:#}");
        assert!(one["rto_milliseconds"].as_u64().unwrap() > 0 && one["age_seconds"].as_i64().unwrap() < 600, "{one:#}");
    }
    let list = lab.comuni(&["--format", "json", "backup", "list"]).ends_with(0);
    let lines: Vec<Value> = list.objects().into_iter().filter(|object| object["type"] == "backup").collect();
    assert_eq!(lines.len(), tenants);
    for line in &lines {
        assert_eq!(
            (line["verified"].as_str(), line["verified_outcome"].as_str()),
            (Some("L6"), Some("pass")),
            "{line}"
        );
        assert_eq!(
            (line["restored"].as_str(), line["restored_outcome"].as_str()),
            (Some("L6"), Some("pass")),
            "{line}"
        );
    }
    let report = lab.comuni(&["report", "restore-test"]).ends_with(0);
    assert_eq!(report.stdout.matches("Esito positivo:       1\n").count(), tenants, "{}", report.stdout);
    // Nothing is due again on the same day, and cron hears nothing.
    let quiet = lab.comuni(&["backup", "verify", "--all", "--due", "--level", "L6"]).ends_with(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn row_33_empty_tables_of_a_new_comune_are_what_they_must_be() {
    let (lab, _) = seeded();
    lab.comuni(&["backup", "run", "--member", "monvalle"]).ends_with(0);
    let run =
        lab.comuni(&["--format", "json", "backup", "verify", "--member", "monvalle", "--level", "L5"]).ends_with(0);
    let found = verifications(&run).pop().unwrap();
    assert_eq!((found["tenant"].as_str(), found["reached"].as_str()), (Some(MONVALLE), Some("L5")), "{found:#}");
    let rows = "runuser -u postgres -- psql -qtA -d c_f703_albo -c 'select count(*) from notice'";
    assert_eq!(on("db1", rows), "0", "it is no empty table");
}

#[test]
fn a_tenant_that_was_never_backed_up_is_in_the_metrics_after_an_apply() {
    let (lab, _) = seeded();
    let host = crate::harness::carrier(MONVALLE);
    let state = format!("/var/lib/comuni/backup/state/{MONVALLE}.json");
    let metrics = "/var/lib/prometheus/node-exporter/comuni_backup.prom";
    on(host, &format!("rm -f {metrics}; mkdir -p $(dirname {state}); touch {state}; mv {state} /root/state.kept"));
    let _undo =
        Undo(host, format!("test ! -s /root/state.kept || cp -p /root/state.kept {state}; rm -f /root/state.kept"));
    on(host, &format!("echo '# by hand' >> /etc/systemd/system/comuni-backup-{MONVALLE}.timer"));
    lab.comuni(&["apply", "--yes", "--member", "monvalle"]).ends_with(0);
    let page = on(host, &format!("cat {metrics}"));
    let labels = format!("{{member=\"c_f703\",application=\"albo\",tenant=\"{MONVALLE}\"}}");
    assert!(page.contains(&format!("comuni_backup_last_success_timestamp_seconds{labels} 0")), "{page}");
    assert!(page.contains(&format!("comuni_backup_last_status{labels} 1")), "{page}");
    // The others are in it as they are.
    let others = on(host, &format!("ls /etc/comuni/backup/*.json | wc -l; grep -c ^comuni_backup_rows {metrics}"));
    let counts: Vec<&str> = others.lines().collect();
    assert_eq!(counts[0], counts[1], "{page}");
}

#[test]
#[ignore = "with ./check --all"]
fn a_second_copy_and_a_key_in_escrow_outlive_a_host_and_who_writes_cannot_delete() {
    let (lab, host) = seeded();
    crate::backup::take(host).ends_with(0);
    fetch_second_copy();
    let recovery = lab.inventory().join("../../recovery");
    let before = snapshots(lab).len();
    let run = survives(lab, &["--escrow", recovery.to_str().unwrap()]).ends_with(0);
    let found = verifications(&run).pop().unwrap();
    assert_eq!((found["reached"].as_str(), found["outcome"].as_str()), (Some("L7"), Some("pass")), "{found:#}");
    let seen = checks(&run);
    for what in ["deleting with the application host's key", "second copy on mon1, readable", "key from escrow"] {
        assert!(seen.contains(what), "{seen}");
    }
    assert!(seen.contains("refused") && !seen.contains("not_due"), "{seen}");
    assert_eq!(snapshots(lab).len(), before, "the snapshot that was made to be deleted counts as none of the tenant's");

    // A timer has no recovery identity: it is said that this was not looked at, and the rest counts.
    let unattended = survives(lab, &[]).ends_with(0);
    assert!(checks(&unattended).contains("not_due"), "{}", unattended.stdout);

    // An identity that opens nothing is no escrow.
    let folder = tempfile::tempdir().unwrap();
    let stranger = folder.path().join("stranger");
    let identity = age::x25519::Identity::generate().to_string();
    std::fs::write(&stranger, age::secrecy::ExposeSecret::expose_secret(&identity)).unwrap();
    let run = survives(lab, &["--escrow", stranger.to_str().unwrap()]).ends_with(4);
    assert!(run.stdout.contains("key from escrow"), "{}", run.stdout);
}

#[test]
#[ignore = "with ./check --all"]
fn a_key_that_can_delete_and_a_second_copy_that_is_damaged_are_red_at_the_last_level() {
    let (lab, host) = seeded();
    crate::backup::take(host).ends_with(0);
    fetch_second_copy();
    {
        // The guard taken away: what the application host has can delete now.
        let keys = "/srv/backup/c_e707/.ssh/authorized_keys";
        on("ops1", &format!("cp -p {keys} /root/keys.kept && sed -i 's/ --append-only//' {keys}"));
        let _undo = Undo("ops1", format!("mv /root/keys.kept {keys}"));
        let run = survives(lab, &[]).ends_with(4);
        assert!(checks(&run).contains("a snapshot could be deleted"), "{}", run.stdout);
    }
    {
        let pack = on("mon1", &format!("ls -S {REPOSITORY}/data/*/* | head -n 1"));
        on("mon1", &format!("cp -p {pack} /root/pack.kept && truncate -s -100 {pack}"));
        let _undo = Undo("mon1", format!("mv /root/pack.kept {pack}"));
        let run = survives(lab, &[]).ends_with(4);
        assert!(checks(&run).contains("restic found damage"), "{}", run.stdout);
        assert_eq!(verifications(&run).pop().unwrap()["reached"], "L6", "the first one is whole");
    }
    survives(lab, &[]).ends_with(0);
    let list = lab.comuni(&["--format", "json", "backup", "list", "--member", "lozza"]).ends_with(0);
    let line = list.objects().into_iter().find(|object| object["tenant"] == TENANT).unwrap();
    assert_eq!((line["verified"].as_str(), line["verified_outcome"].as_str()), (Some("L7"), Some("pass")), "{line}");
}
