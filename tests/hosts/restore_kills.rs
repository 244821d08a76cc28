//! Restores that are cut off anywhere: wholly the one or wholly the other, and the same command makes it good.

use std::time::Duration;

use crate::backup::{DATA, TENANT, seeded};
use crate::cut_off::{is_step, kill_here, kill_host_halves, killed_at, steps};
use crate::harness::{Lab, eventually, https, on, tries_on};
use crate::restore::{IN_PLACE, SITE, content, is_well, newest, restore, spoil};

fn one(seed: usize) -> [usize; 1] {
    [4 + seed % 12]
}

/// However it was cut off: after an apply, or the same command, the tenant has wholly the one or wholly the other.
fn is_whole(lab: &Lab, host: &str, words: &[&str], allowed: [&str; 2], what: &str, by_apply: bool) {
    // A host half that lost its control needs some seconds to notice.
    if by_apply {
        eventually(what, Duration::from_secs(60), || {
            lab.apply_when_free().status == 0 && https(lab, host, SITE, "/health").0 == "200"
        });
        let now = content(host);
        assert!(allowed.contains(&now.as_str()), "{what}: {now}, neither of {allowed:?}");
    }
    eventually(what, Duration::from_secs(90), || lab.comuni(words).status == 0);
    assert_eq!(content(host), allowed[1], "{what}");
    is_well(lab, host);
    restore(lab, &["--drop"]).ends_with(0);
    let left = "runuser -u postgres -- psql -qtA -c \"select count(*) from pg_database where datname like 'c_e707_albo\\_\\_%'\"";
    assert_eq!(on("db1", left), "0", "{what}");
}

/// What is there when a part alone was restored: rows of the one, files of the other.
fn mixed(rows: &str, files: &str) -> String {
    let (rows, files) = (rows.split_once(' ').unwrap().0, files.split_once(' ').unwrap().1);
    format!("{rows} {files}")
}

/// In place, killed at each step; `part` is `--database`, `--files`, or nothing for all of it.
fn killed(what: &str, part: &[&str], kill: impl Fn(&str, u32)) {
    let (lab, host) = seeded();
    crate::backup::take(host).ends_with(0);
    let (stored, id) = (content(host), newest(lab));
    let words = [&IN_PLACE[..], &["--snapshot", &id, "--without-safety-backup"], part].concat();
    for step in steps(one) {
        spoil(host);
        let spoilt = content(host);
        let restored = match part {
            ["--database"] => mixed(&stored, &spoilt),
            ["--files"] => mixed(&spoilt, &stored),
            _ => stored.clone(),
        };
        let done = killed_at(lab, &words, step, is_step, |pid| kill(host, pid));
        let what = format!("{what} killed at step {step}");
        is_whole(lab, host, &words, [&spoilt, &restored], &what, step % 2 == 0);
        if !done {
            break;
        }
    }
    // Whatever a part left as it was.
    let all = [&IN_PLACE[..], &["--snapshot", &id, "--without-safety-backup"]].concat();
    lab.comuni(&all).ends_with(0);
    restore(lab, &["--drop"]).ends_with(0);
    assert_eq!(content(host), stored);
    lab.is_converged();
}

#[test]
#[ignore = "with ./check --all"]
fn control_killed_at_a_step_of_a_restore_in_place() {
    killed("control", &[], |_, pid| kill_here(pid));
}

#[test]
#[ignore = "with ./check --all"]
fn host_half_killed_at_a_step_of_a_restore_in_place() {
    killed("host half", &[], |host, _| kill_host_halves(&[host, "db1"]));
}

#[test]
#[ignore = "with ./check --all"]
fn killed_at_a_step_of_a_restore_of_the_database_alone() {
    killed("control", &["--database"], |_, pid| kill_here(pid));
    killed("host half", &["--database"], |host, _| kill_host_halves(&[host, "db1"]));
}

#[test]
#[ignore = "with ./check --all"]
fn killed_at_a_step_of_a_restore_of_the_files_alone() {
    killed("control", &["--files"], |_, pid| kill_here(pid));
    killed("host half", &["--files"], |host, _| kill_host_halves(&[host, "db1"]));
}

#[test]
#[ignore = "with ./check --all"]
fn a_restore_beside_what_is_live_that_was_killed_is_made_good_by_the_same_command() {
    let (lab, host) = seeded();
    crate::backup::take(host).ends_with(0);
    let live = content(host);
    let one_file = on(host, &format!("cd {DATA} && find . -type f -name '*.*' -printf '%P\\n' -quit"));
    let variants: [(&[&str], &str); 4] = [
        (&[], "/var/lib/comuni-restored/*"),
        (&["--database"], "/var/lib/comuni-restored/*"),
        (&["--files"], "/var/lib/comuni-restored/*"),
        (&["--path", &one_file, "--to", "/var/tmp/killed"], "/var/tmp/killed"),
    ];
    for (part, folder) in variants {
        // The host half that is killed is in the middle of its work; control, a little before or after.
        for step in steps(|seed| [2 + seed % 4]) {
            let words = [&["backup", "restore", TENANT], part].concat();
            let done = killed_at(lab, &words, step, is_step, |pid| {
                if step % 2 == 0 { kill_host_halves(&["ops1"]) } else { kill_here(pid) }
            });
            let what = format!("{part:?} killed at step {step}");
            // What was whole when it was killed is refused as not empty; what was not, is done again.
            eventually(&what, Duration::from_secs(60), || {
                let run = lab.comuni(&words);
                run.status == 0 || run.text().contains("is not empty")
            });
            let seen = on("ops1", &format!("cd {folder} && ls -A | sort | paste -sd' '; cat comuni-restored.json"));
            let names = match part.first() {
                Some(&"--database") => "comuni-restored.json database.dump manifest.json",
                Some(_) => "comuni-restored.json files manifest.json",
                None => "comuni-restored.json database.dump files manifest.json",
            };
            assert!(seen.starts_with(names) && seen.contains("\"whole\":true"), "{what}: {seen}");
            restore(lab, &["--drop"]).ends_with(0);
            assert_ne!(tries_on("ops1", &format!("ls -d {folder}")).0, 0, "{what}: something is left");
            if !done {
                break;
            }
        }
    }
    assert_eq!(content(host), live);
    is_well(lab, host);
}
