//! Proving backups (docs/verification.md): what is whole is green, and every damage is red at the level that sees it
//! first. Repositories are damaged for real, on the host that keeps them, and put back.

use serde_json::Value;

use crate::backup::{REPOSITORY, TENANT, key, restic, seeded, snapshots, take};
use crate::harness::{Lab, Run, broken, lab, on, tries_on};

const HOME: &str = "/srv/backup/c_e707";
const ACCOUNT: &str = "backup-c_e707";
const OWN: &str = "/var/lib/comuni/backup/c_e707-albo";

fn verify(lab: &Lab, level: &str, more: &[&str]) -> Run {
    let words = ["--format", "json", "backup", "verify", "--member", "lozza", "--level", level];
    lab.comuni(&[&words[..], more].concat())
}

/// What was found of the tenant.
fn found(run: &Run) -> Value {
    run.objects().into_iter().find(|object| object["type"] == "backup_verification").expect(&run.stdout)
}

/// What came of a level.
fn rung(found: &Value, level: &str) -> String {
    let rungs = found["rungs"].as_array().unwrap();
    let rung = rungs.iter().find(|rung| rung["level"] == level);
    rung.map_or("none".to_string(), |rung| rung["outcome"].as_str().unwrap().to_string())
}

/// Red at this level and green below, with this exit code, and nothing is left of the copy.
#[track_caller]
fn red(run: Run, exit: i32, level: &str, outcome: &str, words: &str) {
    let run = run.ends_with(exit);
    let found = found(&run);
    assert_eq!(rung(&found, level), outcome, "{found:#}");
    for below in ["L0", "L1", "L2", "L3", "L4", "L5"].iter().filter(|below| **below < level) {
        assert!(["pass", "stale"].contains(&rung(&found, below).as_str()), "{below}: {found:#}");
    }
    assert!(found.to_string().contains(words), "does not say {words:?}: {found:#}");
    nothing_is_left();
}

#[track_caller]
fn nothing_is_left() {
    assert_eq!(
        on("ops1", "ls /var/lib/comuni-scratch 2>/dev/null; systemctl list-units --all --no-legend 'comuni-scratch*'"),
        ""
    );
}

/// The repository as it was, whatever was done to it.
#[must_use]
struct Kept;

impl Kept {
    fn repository() -> Kept {
        on("ops1", &format!("rm -rf {HOME}/kept && cp -a {REPOSITORY} {HOME}/kept"));
        Kept
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        tries_on("ops1", &format!("rm -rf {REPOSITORY} && mv {HOME}/kept {REPOSITORY}; rm -rf {OWN} /srv/comuni"));
        // What was seen meanwhile is missed once.
        lab().comuni(&["backup", "verify", "--member", "lozza", "--level", "L1"]);
    }
}

/// Takes the newest backup apart on the host that keeps it, changes it with a shell line in the folder of dump and
/// manifest, and stores it again as the newest: with an attacker's hand, who has the key.
fn forged(lab: &Lab, line: &str, time: Option<&str>) -> Kept {
    let kept = Kept::repository();
    let newest = snapshots(lab).pop().unwrap();
    let id = newest["id"].as_str().unwrap();
    let word = |name: &str| -> String {
        let tags = newest["tags"].as_array().unwrap();
        tags.iter().find_map(|tag| tag.as_str().unwrap().strip_prefix(name)).unwrap().to_string()
    };
    let paths: Vec<&str> = newest["paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    let time = time.map_or(String::new(), |time| format!("--time '{time}'"));
    let password = key(lab);
    on(
        "ops1",
        &format!(
            "set -e; export RESTIC_PASSWORD={password} RESTIC_REPOSITORY={REPOSITORY}; restic -q --no-cache restore {id} --target /; \
             cd {OWN}; {line}\n restic -q --no-cache backup --host c_e707 {time} --tag tenant={TENANT} --tag run={} --tag state=complete {}; \
             chown -R {ACCOUNT}: {REPOSITORY}; rm -rf {OWN} /srv/comuni",
            word("run="),
            paths.join(" "),
        ),
    );
    kept
}

/// Files of the repository that hold pieces of files; the others hold trees, which are read at a lower level.
fn packs_of_data(lab: &Lab) -> Vec<String> {
    let password = key(lab);
    let indexes = on(
        "ops1",
        &format!(
            "export RESTIC_PASSWORD={password} RESTIC_REPOSITORY={REPOSITORY}; restic --no-cache --no-lock list index | \
             while read -r index; do restic --no-cache --no-lock cat index $index; done"
        ),
    );
    let mut packs = Vec::new();
    for index in serde_json::Deserializer::from_str(&indexes).into_iter::<Value>() {
        let index = index.unwrap();
        let all = index["packs"].as_array().unwrap().iter();
        packs.extend(all.filter(|pack| pack["blobs"][0]["type"] == "data").map(|pack| {
            let id = pack["id"].as_str().unwrap();
            format!("{REPOSITORY}/data/{}/{id}", &id[..2])
        }));
    }
    packs.sort();
    packs.dedup();
    assert!(!packs.is_empty(), "the repository holds no data");
    packs
}

/// Writes the hash and length of the dump as it is now into the manifest.
const AND_THE_MANIFEST: &str = r#"python3 - <<'PY'
import hashlib, json
manifest = json.load(open("manifest.json"))
dump = open("database.dump", "rb").read()
manifest["database"].update(bytes=len(dump), sha256=hashlib.sha256(dump).hexdigest())
json.dump(manifest, open("manifest.json", "w"))
PY"#;

#[test]
fn a_backup_is_proven_up_to_the_application_and_leaves_nothing_behind() {
    let (lab, _) = seeded();
    let run = verify(lab, "L6", &[]).ends_with(0);
    let found = found(&run);
    assert_eq!((found["reached"].as_str(), found["outcome"].as_str()), (Some("L6"), Some("pass")), "{found:#}");
    assert_eq!(found["snapshot"], snapshots(lab).pop().unwrap()["id"]);
    assert!(found["rows"].as_u64().unwrap() >= 10_000, "{found:#}");
    assert!(found["rto_milliseconds"].as_u64().unwrap() > 0 && found["age_seconds"].as_i64().unwrap() >= 0);
    assert_eq!(found["scratch_removed"], true);
    nothing_is_left();
    // It is evidence, and kept from being pruned.
    let evidence = on("ops1", "cat /var/lib/comuni/evidence/*.jsonl | grep '\"verification\"' | tail -n 1");
    let record: Value = serde_json::from_str(&evidence).unwrap();
    assert_eq!(record["record"]["verification"]["snapshot"], found["snapshot"]);
    assert!(on("ops1", &format!("cat {HOME}/verified.json")).contains(found["snapshot"].as_str().unwrap()));
}

#[test]
#[ignore = "with ./check --all"]
fn row_17_a_flipped_byte_passes_the_structure_and_fails_the_reading() {
    let (lab, _) = seeded();
    let _kept = Kept::repository();
    // In every pack of data, so in that of the dump too: it is fetched in every run, whichever part is read.
    let flip = "import sys\nfor path in sys.stdin.read().split():\n  f = open(path, 'r+b'); f.seek(20); b = f.read(1); f.seek(20); f.write(bytes([b[0] ^ 1]))";
    on("ops1", &format!("python3 -c \"{flip}\" <<'PACKS'\n{}\nPACKS", packs_of_data(lab).join("\n")));
    red(verify(lab, "L3", &[]), 4, "L3", "fail", "ciphertext verification failed");
}

#[test]
#[ignore = "with ./check --all"]
fn row_18_a_cut_pack_and_a_lost_index_fail_the_structure() {
    let (lab, _) = seeded();
    let _kept = Kept::repository();
    on("ops1", &format!("truncate -s -1000 {}", packs_of_data(lab)[0]));
    red(verify(lab, "L3", &[]), 4, "L2", "fail", "nothing is repaired by itself");
    on("ops1", &format!("rm {REPOSITORY}/index/*"));
    // Without an index nothing can be listed, and why is said a level above.
    let run = verify(lab, "L3", &[]).ends_with(4);
    let found = found(&run);
    assert_eq!((rung(&found, "L1"), rung(&found, "L2")), ("fail".to_string(), "fail".to_string()), "{found:#}");
    assert!(found.to_string().contains("nothing is repaired by itself") && rung(&found, "L3") == "none", "{found:#}");
    nothing_is_left();
}

#[test]
fn row_19_a_snapshot_that_cannot_be_read_is_no_snapshot_less() {
    let (lab, _) = seeded();
    let _kept = Kept::repository();
    on(
        "ops1",
        &format!(
            "file=$(ls -t {REPOSITORY}/snapshots/* | tail -n 1); printf x | dd of=$file bs=1 seek=40 conv=notrunc 2>/dev/null"
        ),
    );
    red(verify(lab, "L3", &[]), 4, "L1", "fail", "snapshot");
}

#[test]
fn row_20_all_snapshots_deleted_is_missing_although_the_repository_is_sound() {
    let (lab, _) = seeded();
    verify(lab, "L1", &[]).ends_with(0);
    let _kept = Kept::repository();
    on("ops1", &format!("rm {REPOSITORY}/snapshots/*"));
    assert!(
        tries_on("ops1", &format!("RESTIC_PASSWORD={} restic --no-cache -r {REPOSITORY} check", key(lab)))
            .1
            .contains("no errors")
    );
    red(verify(lab, "L3", &[]), 5, "L1", "stale", "all backups are gone");
}

#[test]
fn row_21_an_old_backup_is_stale_even_if_it_is_whole() {
    let (lab, _) = seeded();
    let _kept = forged(lab, "true", Some("2020-02-29 12:00:00"));
    on("ops1", &format!("cd {REPOSITORY}/snapshots; ls -t | tail -n +2 | xargs rm"));
    let run = verify(lab, "L3", &[]).ends_with(4);
    assert!(found(&run).to_string().contains("disappeared"), "what was there yesterday is missed too");
    // A host that knows of none before says what it is.
    lab.comuni(&["backup", "verify", "--member", "lozza", "--level", "L3"]).ends_with(5).says("older than its RPO");
}

#[test]
fn row_22_a_backup_of_the_future_is_never_fresh() {
    let (lab, _) = seeded();
    let _kept = forged(lab, "true", Some("2099-01-01 00:00:00"));
    red(verify(lab, "L1", &[]), 4, "L1", "fail", "2099-01-01");
}

#[test]
fn row_23_a_tenant_that_was_never_backed_up_is_told_and_measured() {
    let (lab, _) = seeded();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    on(
        "ops1",
        "mv /srv/backup/c_f703/repository /srv/backup/c_f703/away 2>/dev/null; mkdir -p /srv/backup/c_f703/repository",
    );
    let run = lab.comuni(&["backup", "verify", "--member", "monvalle", "--level", "L6", "--textfile", place]);
    on(
        "ops1",
        "rmdir /srv/backup/c_f703/repository; mv /srv/backup/c_f703/away /srv/backup/c_f703/repository 2>/dev/null || mkdir /srv/backup/c_f703/repository; chown backup-c_f703:backup-copy /srv/backup/c_f703/repository; chmod 2750 /srv/backup/c_f703/repository",
    );
    run.ends_with(5).says("there is no repository");
    let page = std::fs::read_to_string(folder.path().join("comuni_verify.prom")).unwrap();
    let labels = r#"member="c_f703",application="albo",tenant="c_f703-albo""#;
    assert!(page.contains(&format!("comuni_backup_verified_timestamp_seconds{{{labels},level=\"L6\"}} 0")), "{page}");
    assert!(page.contains(&format!("comuni_restore_test_success{{{labels}}} 0")), "{page}");
    assert!(page.contains("comuni_verify_last_exit 5"), "{page}");
}

#[test]
fn row_24_a_cut_dump_fails_its_hash_and_its_reading() {
    let (lab, _) = seeded();
    let _kept = forged(lab, "truncate -s -2000 database.dump", None);
    red(verify(lab, "L3", &[]), 4, "L3", "fail", "sha256 of the dump");
}

#[test]
#[ignore = "with ./check --all"]
fn row_25_one_changed_letter_is_seen_by_the_hash_and_behind_a_forged_hash_by_the_rows() {
    let (lab, _) = seeded();
    const CHANGE: &str = r#"python3 - <<'PY'
import re
data = bytearray(open("database.dump", "rb").read())
data[re.search(rb"\d+\t[^\n]*?([A-Za-z]{5})", data).start(1)] ^= 32
open("database.dump", "wb").write(data)
PY"#;
    let kept = forged(lab, CHANGE, None);
    red(verify(lab, "L5", &[]), 4, "L3", "fail", "sha256 of the dump");
    drop(kept);
    let _kept = forged(lab, &format!("{CHANGE}\n{AND_THE_MANIFEST}"), None);
    red(verify(lab, "L5", &[]), 4, "L5", "fail", "rows of ");
}

#[test]
#[ignore = "with ./check --all"]
fn row_26_a_dump_that_ends_with_its_rows_lacks_its_indexes() {
    let (lab, _) = seeded();
    // What PostgreSQL would restore without a word: all rows, no index, no constraint.
    let dump = std::process::Command::new(crate::harness::root().join("tests/lab/lab"))
        .args([
            "exec",
            "db1",
            "--",
            "runuser",
            "-u",
            "postgres",
            "--",
            "pg_dump",
            "-Fc",
            "-Z0",
            "--section=pre-data",
            "--section=data",
            "c_e707_albo",
        ])
        .output()
        .unwrap();
    assert!(dump.status.success());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    std::fs::write(&file, &dump.stdout).unwrap();
    let sent = std::process::Command::new(crate::harness::root().join("tests/lab/lab"))
        .args(["exec", "ops1", "--", "sh", "-c", "cat > /root/cut.dump"])
        .stdin(std::fs::File::open(&file).unwrap())
        .status()
        .unwrap();
    assert!(sent.success());
    let _kept = forged(lab, &format!("mv /root/cut.dump database.dump\n{AND_THE_MANIFEST}"), None);
    red(verify(lab, "L5", &[]), 4, "L5", "fail", "index public.");
}

#[test]
#[ignore = "with ./check --all"]
fn row_27_what_the_proving_host_lacks_is_no_verdict() {
    let (lab, _) = seeded();
    let edit = |what: &str| {
        format!(
            "python3 - <<'PY'\nimport json\nmanifest = json.load(open('manifest.json'))\nseen = manifest['database']['fingerprint']\n{what}\njson.dump(manifest, open('manifest.json', 'w'))\nPY"
        )
    };
    let kept = forged(lab, &edit("seen['extensions']['postgis'] = '3.3'"), None);
    red(verify(lab, "L5", &[]), 7, "L4", "inconclusive", "postgis");
    drop(kept);
    let _kept = forged(lab, &edit("seen['collate'] = 'it_XX.UTF-8'"), None);
    red(verify(lab, "L5", &[]), 7, "L4", "inconclusive", "it_XX.UTF-8");
}

#[test]
fn row_28_too_little_room_is_reckoned_before_anything_is_fetched() {
    let (lab, _) = seeded();
    let _full = broken("fill", "unfill", "ops1", &["/var/lib/comuni-scratch", "40"]);
    red(verify(lab, "L5", &[]), 7, "L3", "inconclusive", "too few");
}

#[test]
fn row_29_a_place_that_leads_elsewhere_is_refused() {
    let (lab, _) = seeded();
    on(
        "ops1",
        "mkdir -p /root/elsewhere && mv /var/lib/comuni-scratch /root/scratch && ln -s /root/elsewhere /var/lib/comuni-scratch",
    );
    let run = verify(lab, "L5", &[]);
    let made = on(
        "ops1",
        "ls /root/elsewhere; rm /var/lib/comuni-scratch; mv /root/scratch /var/lib/comuni-scratch; rmdir /root/elsewhere",
    );
    run.ends_with(1).says("is no folder, and copies are made nowhere else");
    assert_eq!(made, "");
}

#[test]
fn row_30_what_a_killed_run_left_is_swept_and_what_is_not_ours_is_not() {
    let (lab, _) = seeded();
    let left = "/var/lib/comuni-scratch/comuni-scratch-00000000deadbeef";
    on(
        "ops1",
        &format!(
            "mkdir -p {left} /var/lib/comuni-scratch/comuni-scratch-stranger && \
             echo '{{\"purpose\":\"\",\"name\":\"comuni-scratch-00000000deadbeef\",\"tenant\":\"c_e707-albo\",\"process\":1,\"since\":\"0\",\"boot\":\"\"}}' > {left}/marker.json && \
             systemd-run --quiet --unit=comuni-scratch-00000000deadbeef-database sleep 1000"
        ),
    );
    let run = verify(lab, "L3", &[]);
    let there = on(
        "ops1",
        "ls /var/lib/comuni-scratch; systemctl is-active comuni-scratch-00000000deadbeef-database; rmdir /var/lib/comuni-scratch/comuni-scratch-stranger",
    );
    let run = run.ends_with(0);
    assert!(found(&run)["swept"].to_string().contains("was removed"), "{}", run.stdout);
    assert!(found(&run)["swept"].to_string().contains("left alone"), "{}", run.stdout);
    assert_eq!(there, "comuni-scratch-stranger\ninactive");
}

#[test]
#[ignore = "with ./check --all"]
fn row_31_live_data_that_grew_since_changes_nothing() {
    let (lab, host) = seeded();
    on(
        host,
        &format!(
            "python3 - <<'PY'\nimport http.client, json, socket\nc = http.client.HTTPConnection('localhost')\nc.sock = socket.socket(socket.AF_UNIX)\nc.sock.connect('/run/comuni-{TENANT}/http.sock')\nc.request('POST', '/notices', json.dumps({{'office': 'a', 'subject': 'cresciuto', 'body': 'c'}}), {{'Content-Type': 'application/json'}})\nassert c.getresponse().status == 201\nPY"
        ),
    );
    let run = verify(lab, "L5", &[]).ends_with(0);
    assert_eq!(found(&run)["outcome"], "pass");
    take(host).ends_with(0);
}

#[test]
fn row_41_a_policy_that_is_none_stops_before_anything_runs() {
    let (lab, _) = seeded();
    let file = lab.varese().join("consortium.yml");
    let _edit = lab.edit(&file, |text| text.replace("  spread_minutes: 120", "  spread_minutes: 25 hours"));
    lab.comuni(&["backup", "verify", "--all"]).ends_with(65).says("consortium.yml:");
}

#[test]
#[ignore = "with ./check --all"]
fn row_42_the_key_is_nowhere_but_in_the_environment_of_restic() {
    let (lab, _) = seeded();
    let secret = key(lab);
    let run = lab.comuni(&["-v", "backup", "verify", "--member", "lozza", "--level", "L6"]).ends_with(0);
    assert!(!run.text().contains(&secret), "it is in what was printed");
    let places = "/var/lib/comuni/evidence /var/lib/comuni/journal* /var/log /var/lib/comuni-scratch";
    let (status, _) = tries_on(
        "ops1",
        &format!("grep -raqF '{secret}' {places}; test $? = 1 && ! journalctl --no-pager | grep -qF '{secret}'"),
    );
    assert_eq!(status, 0, "it is in a log of ops1");
    // The search would find it.
    on(
        "ops1",
        &format!(
            "echo '{secret}' > /var/lib/comuni-scratch.poison; grep -qF '{secret}' /var/lib/comuni-scratch.poison; rm /var/lib/comuni-scratch.poison"
        ),
    );
}

#[test]
fn row_43_a_changed_record_is_told_and_a_new_chain_begins() {
    let (lab, _) = seeded();
    verify(lab, "L1", &[]).ends_with(0);
    let chain = on("ops1", "ls -t /var/lib/comuni/evidence/*.jsonl | head -n 1");
    let edit = r#"1s/"version":1/"version":7/"#;
    on("ops1", &format!("cp -p {chain} /root/chain.kept && sed -i '{edit}' {chain}"));
    let run = lab.comuni(&["backup", "verify", "--member", "lozza", "--level", "L1"]);
    let files = on("ops1", "ls /var/lib/comuni/evidence | grep -c broken-");
    on("ops1", &format!("rm /var/lib/comuni/evidence/*.broken-*; mv /root/chain.kept {chain}"));
    run.ends_with(0).says("the chain of evidence is broken");
    assert_eq!(files, "1");
}

#[test]
fn row_44_a_watcher_and_a_folder_that_are_not_there_change_no_verdict() {
    let (lab, _) = seeded();
    let more = ["--textfile", "/nowhere/at/all", "--ping", "http://127.0.0.1:9/abc"];
    let run = verify(lab, "L1", &more).ends_with(0);
    run.says("metrics were not written").says("the watcher was not told").does_not_say("127.0.0.1:9/abc/");
}

#[test]
fn cron_is_quiet_when_all_is_well_and_goes_on_where_it_was() {
    let (lab, _) = seeded();
    verify(lab, "L6", &[]).ends_with(0);
    let run = lab.comuni(&["backup", "verify", "--member", "lozza", "--due", "--level", "L6"]).ends_with(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""), "it says something");
    let last = on("ops1", "cat /var/lib/comuni/evidence/*.jsonl | grep '\"verification\"' | tail -n 1");
    let record: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(record["record"]["verification"]["reached"], "L1", "what was proven today is not proven again");
    assert!(restic(lab, "snapshots --json --no-lock").starts_with('['), "by hand it is there too");
}

#[test]
fn an_application_on_a_copy_reaches_nobody() {
    let (lab, _) = seeded();
    // What the catalogue has run before the start goes out, and says by its exit whether it got there.
    let address = crate::harness::lab_does(&["address", "mon1"]);
    let probe = format!(
        "import socket; s = socket.socket(); s.settimeout(3); raise SystemExit(9 if s.connect_ex(('{address}', 22)) == 0 else 0)"
    );
    let (status, _) = tries_on("ops1", &format!("/usr/bin/python3 -I -c \"{probe}\""));
    assert_eq!(status, 9, "without being shut in it gets out: or this test would show nothing");
    let catalogue = lab.varese().join("applications/albo.yml");
    let migrate = r#"[/usr/bin/python3, -I, "{{ tenant.release_path }}/albo.py", migrate]"#;
    let _edited =
        lab.edit(&catalogue, |text| text.replace(migrate, &format!("[/usr/bin/python3, -I, -c, \"{probe}\"]")));
    let run = verify(lab, "L6", &[]).ends_with(0);
    assert_eq!(found(&run)["reached"], "L6", "{}", run.stdout);
    nothing_is_left();
}
