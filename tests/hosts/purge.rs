//! `comuni offboard --purge`: nothing of a member that left is anywhere, and everything of the others is.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::backup::seeded;
use crate::cut_off::{kill_here, killed_at, steps};
use crate::harness::{Lab, eventually, on, tries_on};
use crate::offboard::key;
use crate::software::give;
use crate::welcome::others;

const HOSTS: [&str; 5] = ["app1", "app2", "db1", "mon1", "ops1"];

/// A purge tells of no fewer things that went.
const SIGNS: usize = 30;

/// All that names Lozza on a host, by names and by content, where data of others cannot name it too.
fn named(host: &str) -> Vec<String> {
    let words = ["c_e707", "c-e707", "comune.lozza"];
    let names = words.map(|word| format!("-name '*{word}*'")).join(" -o ");
    let content = words.map(|word| format!("-e {word}")).join(" ");
    let found = on(
        host,
        &format!(
            "find / -xdev \\( -path /proc -o -path /sys \\) -prune -o \\( {names} \\) -print 2>/dev/null; \
             grep -rlsF {content} /etc /home /opt /root /srv /usr/local /var/lib/comuni /var/lib/knot/zones \
             /var/lib/prometheus/node-exporter /var/tmp || true"
        ),
    );
    found.lines().map(str::to_string).collect()
}

fn handed_over(lab: &Lab) {
    let (_, public) = key(lab);
    let export = lab.folder().join("consegna").to_string_lossy().into_owned();
    let public = public.to_string_lossy().into_owned();
    lab.comuni(&["offboard", "lozza", "--export", &export, "--recipient", &public, "--yes"]).ends_with(0);
}

#[test]
#[ignore = "with ./check --all"]
fn nothing_of_who_left_is_anywhere_but_what_the_law_keeps_and_all_of_the_others_is_there() {
    let (lab, _) = seeded();
    lab.comuni(&["offboard", "lozza", "--purge", "--code", "c_e707", "--yes"]).ends_with(64).says("is not leaving");
    // With software of others, which has a queue that is measured.
    let given = give(lab);
    lab.comuni(&["secrets", "set", "--missing"]).ends_with(0);
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    let measured = "grep -c c_e707 /var/lib/prometheus/node-exporter/comuni_queue.prom";
    assert_ne!(on("db1", &format!("systemctl start comuni-queues.service; {measured}")), "0");
    handed_over(lab);
    lab.comuni(&["offboard", "lozza", "--purge", "--code", "c_e707", "--yes"])
        .ends_with(64)
        .says("they are kept until");
    let early = ["offboard", "lozza", "--purge", "--before-time", "lettera del sindaco", "--yes"];
    lab.comuni(&[&early[..], &["--code", "c_e863"]].concat()).ends_with(64).says("that is not the code");
    lab.comuni(&early).ends_with(64).says("--code CODE");

    let before = others("c_e707", "lozza");
    let databases = || {
        on(
            "db1",
            "runuser -u postgres -- psql -XAtc 'select datname from pg_database union select rolname from pg_roles order by 1' | grep -v e707",
        )
    };
    let known = databases();
    let words = [&early[..], &["--code", "c_e707"]].concat();
    let is_sign = |line: &Value| line["type"] == "step" && matches!(line["event"].as_str(), Some("fixed" | "acted"));
    let mut cut_off = 0;
    for at in steps(|seed| [1 + seed % SIGNS]) {
        let killed = killed_at(lab, &words, at, is_sign, kill_here);
        let free = |host: &&str| tries_on(host, "flock -n /run/comuni/lock true").0 == 0;
        eventually("no lock stays", Duration::from_secs(40), || HOSTS.iter().all(|host| free(host)));
        if !killed {
            break;
        }
        cut_off += 1;
    }
    assert!(cut_off > 0, "a purge has fewer signs than {SIGNS}");
    let done =
        || !lab.inventory().join("members/lozza.yml").exists() && !lab.varese().join("members/lozza.yml").exists();
    if !done() {
        lab.comuni(&words).ends_with(0).says("is deleted");
    }
    assert!(done());
    assert!(
        fs::read_dir(lab.inventory().join("secrets"))
            .unwrap()
            .all(|entry| { !entry.unwrap().file_name().to_string_lossy().contains("c_e707") })
    );

    let kept = ["/var/lib/comuni/evidence/", "/var/lib/comuni/journal.jsonl", "/var/lib/comuni/backup/runs.jsonl"];
    for host in HOSTS {
        let strange: Vec<String> =
            named(host).into_iter().filter(|place| !kept.iter().any(|kept| place.starts_with(kept))).collect();
        assert!(strange.is_empty(), "{host}: {strange:#?}");
    }
    // Names of series stay in the index of the last hours; no value of them does.
    let asked = "curl -s --data-urlencode 'query={member=\"c_e707\"}[30d]' http://127.0.0.1:9090/api/v1/query";
    let values = on("mon1", asked);
    assert!(values.contains("\"result\":[]"), "{values}");
    assert_ne!(tries_on("mon1", "knotc zone-status comune.lozza.va.it").0, 0);
    assert_eq!(databases(), known);

    let other: Vec<String> = before.symmetric_difference(&others("c_e707", "lozza")).cloned().collect();
    assert!(before.len() > 60 && other.is_empty(), "what is of the others is not as it was: {other:#?}");
    // What the machines need now that they carry less.
    drop(given);
    lab.comuni(&["apply", "--yes", "--allow", "removals"]).ends_with(0);
    lab.is_converged();
    lab.comuni(&["report", "deletion", "c_e707"])
        .ends_with(0)
        .says("Verbale di cancellazione".to_uppercase().as_str())
        .says("tutti i dati dell'ente sono stati cancellati")
        .says("lettera del sindaco")
        .says("/var/lib/comuni/evidence/");
}
