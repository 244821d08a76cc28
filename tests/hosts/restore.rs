//! Restores: beside what is live, and in its place with a way back.

use serde_json::Value;

use crate::backup::{DATA, REPOSITORY, TENANT, seeded, snapshots};
use crate::harness::{Lab, Run, https, on, tries_on};

pub const SITE: &str = "albo.comune.lozza.va.it";
pub const IN_PLACE: [&str; 6] = ["backup", "restore", TENANT, "--in-place", "--confirm", TENANT];

/// Something of each sort that a restore must bring back: rows and files, as a checksum.
pub fn content(host: &str) -> String {
    let rows = on(
        "db1",
        "runuser -u postgres -- psql -qtA -d c_e707_albo -c \
         \"select count(*), md5(string_agg(n::text, '|' order by n::text)) from notice n\"",
    );
    let files = on(host, &format!("cd {DATA} && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum"));
    format!("{rows} {files}")
}

/// What somebody did after the backup and wishes undone.
pub fn spoil(host: &str) {
    on(
        "db1",
        "runuser -u postgres -- psql -q -d c_e707_albo -c \"update notice set subject = 'spoilt' where id % 3 = 0\"",
    );
    on(host, &format!("touch {DATA}/intruder && find {DATA} -type f -name '*1*' -print -quit | xargs -d '\\n' rm -f"));
}

pub fn restore(lab: &Lab, more: &[&str]) -> Run {
    lab.comuni(&[&["backup", "restore", TENANT], more].concat())
}

pub fn is_well(lab: &Lab, host: &str) {
    assert_eq!(https(lab, host, SITE, "/health").0, "200");
}

pub fn newest(lab: &Lab) -> String {
    snapshots(lab).pop().unwrap()["id"].as_str().unwrap().to_string()
}

#[test]
#[ignore = "with ./check --all"]
fn a_backup_comes_into_a_folder_for_root_with_an_end_and_goes_when_it_is_dropped() {
    let (lab, host) = seeded();
    let run = restore(lab, &["--format", "json"]).ends_with(0);
    let line = run.objects().into_iter().find(|object| object["type"] == "backup_restore").unwrap();
    let folder = line["folder"].as_str().unwrap();
    assert!(folder.starts_with(&format!("/var/lib/comuni-restored/{TENANT}-")), "{line}");
    assert_eq!(on("ops1", &format!("stat -c '%a %U' {folder}")), "700 root");
    let manifest: Value = serde_json::from_str(&on("ops1", &format!("cat {folder}/manifest.json"))).unwrap();
    let sum = on("ops1", &format!("sha256sum < {folder}/database.dump"));
    assert_eq!(sum.split_whitespace().next(), manifest["database"]["sha256"].as_str());
    let count = |host: &str, folder: &str| on(host, &format!("find {folder} -type f -printf x | wc -c"));
    assert_eq!(count("ops1", &format!("{folder}/files")), count(host, DATA));
    // A second one of the same backup would mix with it.
    restore(lab, &[]).ends_with(64).says("is not empty");
    restore(lab, &["--drop"]).ends_with(0).says("is gone");
    assert_ne!(tries_on("ops1", &format!("test -e {folder}")).0, 0);
    lab.comuni(&["history", "--member", "lozza", "--last", "1"]).ends_with(0).says("backup restore");
}

#[test]
fn one_file_comes_back_by_its_name_and_a_name_that_is_not_there_is_told() {
    let (lab, host) = seeded();
    let one = on(host, &format!("cd {DATA} && find . -type f -name '*.*' -printf '%P\\n' -quit"));
    restore(lab, &["--path", &one, "--to", "/var/tmp/one"]).ends_with(0);
    let sum = |host: &str, path: &str| on(host, &format!("sha256sum < '{path}'"));
    assert_eq!(sum("ops1", &format!("/var/tmp/one/files/{one}")), sum(host, &format!("{DATA}/{one}")));
    assert_eq!(on("ops1", "find /var/tmp/one/files -type f | wc -l"), "1");
    restore(lab, &["--drop"]).ends_with(0);
    restore(lab, &["--path", "../../../etc/shadow", "--to", "/var/tmp/one"]).ends_with(64).says("there is no");
    assert_ne!(tries_on("ops1", "test -e /var/tmp/one").0, 0, "nothing is left of a restore that was refused");
}

#[test]
fn row_35_a_target_that_is_not_empty_is_the_root_or_a_link_is_refused() {
    let (lab, _) = seeded();
    on("ops1", "mkdir -p /var/tmp/full && touch /var/tmp/full/x && ln -sfn /etc /var/tmp/link");
    for (target, why) in [
        ("/", "is the root of all"),
        ("/var/tmp/full", "is not empty"),
        ("/var/tmp/link", "is a symbolic link"),
        ("/var/tmp/link/new", "lies behind the symbolic link"),
        ("/srv/backup/c_e707/repository", "is in use"),
    ] {
        restore(lab, &["--to", target]).ends_with(64).says(why);
    }
    on("ops1", "rm -r /var/tmp/full /var/tmp/link");
}

/// A backup by hand that belongs to the account of the repository, as what its hosts bring there.
fn written(lab: &Lab, words: &str) {
    crate::backup::restic(lab, words);
    on("ops1", &format!("chown -R --reference {REPOSITORY} {REPOSITORY}"));
}

#[test]
fn row_37_a_snapshot_of_another_member_or_tenant_is_refused_by_its_id() {
    let (lab, _) = seeded();
    lab.comuni(&["backup", "run", "--member", "malnate"]).ends_with(0);
    let list = lab.comuni(&["--format", "json", "backup", "list", "--member", "malnate"]);
    let other = list.objects().into_iter().find(|object| object["type"] == "backup").unwrap();
    let id = other["snapshot"].as_str().unwrap();
    restore(lab, &["--snapshot", id]).ends_with(64).says("there is no snapshot").says("never restored to this one");
    lab.comuni(&[&IN_PLACE[..], &["--snapshot", id]].concat()).ends_with(64).says("there is no snapshot");
    // One that lies in the right repository and says that it is another's.
    let theirs = "backup --host c_e863 --tag tenant=c_e863-albo --tag run=1 --tag state=complete /etc/hostname";
    written(lab, theirs);
    let all: Vec<Value> = serde_json::from_str(&crate::backup::restic(lab, "snapshots --no-lock --json")).unwrap();
    let false_one = all.iter().find(|one| one["hostname"] == "c_e863").unwrap()["id"].as_str().unwrap().to_string();
    restore(lab, &["--snapshot", &false_one]).ends_with(64).says("refused: the snapshot").says("is of c_e863-albo");
    crate::backup::restic(lab, &format!("forget {false_one}"));
}

#[test]
fn row_36_a_backup_with_strange_paths_is_refused_and_odd_names_come_back_and_are_told_escaped() {
    let (lab, host) = seeded();
    // Links and names are data: they come back as they were and lead nowhere.
    on(
        host,
        &format!(
            "cd {DATA} && mkdir -p odd && printf x > \"odd/due$(printf '\\nrighe')\" && printf y > \"odd/$(printf 'b\\377d')\" \
             && ln -sfn /etc/passwd odd/away && chown -hR c_e707_albo:c_e707_albo odd"
        ),
    );
    crate::backup::take(host).ends_with(0);
    let run = restore(lab, &["--path", "odd", "--to", "/var/tmp/odd"]).ends_with(0);
    assert_eq!(on("ops1", "readlink /var/tmp/odd/files/odd/away"), "/etc/passwd");
    assert_eq!(on("ops1", "cat /var/tmp/odd/files/odd/b* /var/tmp/odd/files/odd/due*"), "yx");
    drop(run);
    restore(lab, &["--drop"]).ends_with(0);
    restore(lab, &["--path", r"odd/due\u{a}righe", "--to", "/var/tmp/odd"]).ends_with(0);
    assert_eq!(on("ops1", "cat /var/tmp/odd/files/odd/due*"), "x");
    restore(lab, &["--drop"]).ends_with(0);
    // Who can write into the repository makes a snapshot that would put a file elsewhere.
    let strange = format!("backup --host c_e707 --tag tenant={TENANT} --tag run=1 --tag state=complete");
    on("ops1", "mkdir -p /tmp/esc && touch \"/tmp/esc/$(printf 'x\\033[2Jy')\"");
    written(lab, &format!("{strange} /tmp/esc /dev/null"));
    let id = newest(lab);
    for words in [&["--to", "/var/tmp/odd"][..], &["--in-place", "--confirm", TENANT]] {
        let run = restore(lab, &[words, &["--snapshot", &id]].concat()).ends_with(4).says("lies elsewhere");
        assert!(run.text().contains(r"x\u{1b}[2Jy") && !run.text().contains("\u{1b}[2Jy"), "{}", run.text());
    }
    assert_ne!(tries_on("ops1", "test -e /var/tmp/odd").0, 0);
    crate::backup::restic(lab, &format!("forget {id}"));
    on("ops1", "rm -r /tmp/esc");
    on(host, &format!("rm -r {DATA}/odd"));
    is_well(lab, host);
}

#[test]
fn row_34_in_place_without_its_name_typed_is_refused_and_nothing_is_touched() {
    let (lab, host) = seeded();
    let before = content(host);
    restore(lab, &["--in-place"]).ends_with(64).says("nobody can be asked").says(&format!("--confirm {TENANT}"));
    restore(lab, &["--in-place", "--confirm", "c_e863-albo"]).ends_with(64).says("not restored");
    lab.comuni(&["backup", "restore", "c_e863-albo", TENANT, "--in-place"]).ends_with(64);
    assert_eq!(content(host), before);
    assert_eq!(tries_on("db1", "runuser -u postgres -- psql -qtA -c '\\l' | grep -c -e __restoring -e __kept").1, "0");
}

#[test]
#[ignore = "with ./check --all"]
fn row_34_in_place_the_tenant_has_all_of_its_data_again_and_what_it_had_is_kept() {
    let (lab, host) = seeded();
    crate::backup::take(host).ends_with(0);
    let (before, id) = (content(host), newest(lab));
    on("db1", "runuser -u postgres -- psql -qc \"alter database c_e707_albo set work_mem = '6MB'\"");
    spoil(host);
    let spoilt = content(host);
    assert_ne!(spoilt, before);
    let run = lab.comuni(&[&IN_PLACE[..], &["--snapshot", &id]].concat()).ends_with(0).says("kept until");
    assert!(run.stderr.contains("what is there was backed up") && run.stderr.contains("/s)"), "{}", run.stderr);
    assert_eq!(content(host), before);
    is_well(lab, host);
    lab.is_converged();
    let settings = "runuser -u postgres -- psql -qtA -c \"select setconfig from pg_db_role_setting s join pg_database d \
                    on d.oid = setdatabase where datname = 'c_e707_albo'\"";
    assert_eq!(on("db1", settings), "{work_mem=6MB}");
    on("db1", "runuser -u postgres -- psql -qc 'alter database c_e707_albo reset work_mem'");
    // What it had before is all there, and nobody gets in.
    let kept = on(
        "db1",
        "runuser -u postgres -- psql -qtA -c \"select datname, datallowconn from pg_database where datname like '%kept%'\"",
    );
    assert!(kept.ends_with("|f") && kept.lines().count() == 1, "{kept}");
    assert_eq!(on(host, &format!("ls -d {DATA}.kept-*/intruder | wc -l")), "1");
    restore(lab, &["--drop"]).ends_with(0).says("database c_e707_albo__kept").says(".kept-");
    assert_eq!(tries_on(host, "ls -d /srv/comuni/c_e707/albo/data.* /srv/comuni/c_e707/albo/.comuni-restoring").0, 2);
}

#[test]
#[ignore = "with ./check --all"]
fn an_application_that_is_not_healthy_with_the_restored_data_gets_its_own_back() {
    let (lab, host) = seeded();
    crate::backup::take(host).ends_with(0);
    let id = newest(lab);
    spoil(host);
    let before = content(host);
    // What the application asks of its data, the backup does not have; what is live does.
    let file = lab.varese().join("applications/albo.yml");
    let _edited = lab.edit(&file, |text| {
        text.replace("path: /health", "path: /intruder")
            .replace("  notifies: true", "  notifies: true\n  start_seconds: 20")
    });
    let run = lab.comuni(&[&IN_PLACE[..], &["--snapshot", &id]].concat());
    drop(_edited);
    run.ends_with(1).says("not healthy with the restored data").says("it has the data that it had before the restore");
    assert_eq!(content(host), before);
    is_well(lab, host);
    // Back to what is seeded.
    lab.comuni(&[&IN_PLACE[..], &["--snapshot", &id, "--without-safety-backup"]].concat()).ends_with(0);
    restore(lab, &["--drop"]).ends_with(0);
}
