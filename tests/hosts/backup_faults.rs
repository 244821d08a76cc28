//! What can go wrong while a backup is taken (docs/backup-faults.md), on the real parts.

use std::time::{Duration, Instant};

use crate::backup::{DATA, REPOSITORY, TENANT, record, restic, seeded, snapshots, take};
use crate::harness::{LOZZA, Undo, broken, eventually, on, tries_on};

const CONFIGURATION: &str = "/etc/comuni/backup/c_e707-albo.json";
const UNIT: &str = "comuni-backup-c_e707-albo.service";

/// Another configuration for the length of a test.
fn with_configuration(host: &'static str, sed: &str) -> Undo {
    on(host, &format!("cp -p {CONFIGURATION} /root/kept.json && sed -i '{sed}' {CONFIGURATION}"));
    Undo(host, format!("mv /root/kept.json {CONFIGURATION}"))
}

/// A script in the place of a program, for the length of a test. `real` in it is the program itself.
fn in_the_place_of(host: &'static str, program: &str, script: &str) -> Undo {
    on(
        host,
        &format!(
            "cp -p {program} /root/real && printf '%s\\n' '#!/bin/sh' {} > /root/stand-in && chmod 755 /root/stand-in && mount --bind /root/stand-in {program}",
            quoted(script)
        ),
    );
    Undo(host, format!("umount {program}; rm -f /root/real /root/stand-in"))
}

fn quoted(line: &str) -> String {
    format!("'{}'", line.replace('\'', "'\\''"))
}

/// Nothing was stored, the former ones are there, and the work folder with the plain dump is gone.
#[track_caller]
fn nothing_came(host: &str, before: usize, lab: &crate::harness::Lab, state: &str) {
    assert_eq!(record(host)["state"], state);
    assert_eq!(snapshots(lab).len(), before);
    assert_eq!(
        tries_on(host, &format!("ls -d /var/lib/comuni/backup/{TENANT}")).0,
        2,
        "the work folder is still there"
    );
}

#[test]
fn row_01_a_database_that_is_away_fails_the_run_and_nothing_else() {
    let (lab, host) = seeded();
    let before = snapshots(lab).len();
    let _undo = with_configuration(host, "s/5432/5433/");
    take(host).ends_with(1).says("port 5433 failed");
    nothing_came(host, before, lab, "failed");
    lab.comuni(&["backup", "list", "--member", "lozza"]).ends_with(0).says("last failed");
}

#[test]
fn row_02_half_a_dump_is_never_stored() {
    let (lab, host) = seeded();
    let before = snapshots(lab).len();
    let script = "case \"$*\" in *--version*) exec /root/real \"$@\";; esac\nfor word; do case $word in --file=*) head -c 100000 /dev/urandom > \"${word#--file=}\";; esac; done\nkill -9 $$";
    let _undo = in_the_place_of(host, "/usr/lib/postgresql/15/bin/pg_dump", script);
    take(host).ends_with(1).says("137");
    nothing_came(host, before, lab, "failed");
}

#[test]
fn row_03_a_pg_dump_that_is_older_than_the_server_is_refused_before_it_dumps() {
    let (lab, host) = seeded();
    let before = snapshots(lab).len();
    let script = "echo 'pg_dump (PostgreSQL) 14.9 (Debian 14.9-1)'; echo \"$*\" >> /root/called";
    let _undo = in_the_place_of(host, "/usr/lib/postgresql/15/bin/pg_dump", script);
    take(host).ends_with(1).says("14.9").says("15.");
    assert_eq!(on(host, "cat /root/called; rm /root/called"), "--version");
    nothing_came(host, before, lab, "failed");
}

#[test]
fn row_04_no_room_for_the_dump_names_the_folder_and_the_bytes() {
    let (lab, host) = seeded();
    let before = snapshots(lab).len();
    {
        let _full = broken("fill", "unfill", host, &["/var/lib/comuni/backup", "2"]);
        take(host).ends_with(1).says("there is no room for the dump in /var/lib/comuni/backup").says("bytes are free");
    }
    nothing_came(host, before, lab, "failed");
}

#[test]
fn row_05_a_data_folder_that_is_not_there_makes_it_partial() {
    let (lab, host) = seeded();
    let before = snapshots(lab).len();
    {
        on(host, &format!("mv {DATA} {DATA}.away"));
        let _undo = Undo(host, format!("mv {DATA}.away {DATA}"));
        take(host).ends_with(3).says("is not there");
    }
    assert_eq!(record(host)["state"], "partial");
    let all = snapshots(lab);
    assert_eq!(all.len(), before + 1);
    assert!(all.last().unwrap()["tags"].to_string().contains("state=partial"));
    take(host).ends_with(0);
}

#[test]
fn row_06_a_file_that_cannot_be_read_is_named_and_the_rest_is_kept() {
    let (lab, host) = seeded();
    {
        // Reading another process's memory from its beginning is an I/O error, for root too.
        on(host, &format!("touch {DATA}/unreadable && mount --bind /proc/1/mem {DATA}/unreadable"));
        let _undo = Undo(host, format!("umount {DATA}/unreadable; rm {DATA}/unreadable"));
        take(host).ends_with(3).says("unreadable");
    }
    let newest = snapshots(lab).pop().unwrap();
    assert!(newest["tags"].to_string().contains("state=partial"), "{newest}");
    let id = newest["id"].as_str().unwrap();
    assert!(restic(lab, &format!("ls --no-lock {id}")).contains("database.dump"));
    take(host).ends_with(0);
}

#[test]
fn row_07_files_that_change_while_they_are_read_are_counted_and_borne_with_up_to_a_limit() {
    let (_, host) = seeded();
    let writing = |count: u32| {
        on(
            host,
            &format!(
                "mkdir -p {DATA}/busy; systemd-run -q --collect --unit=writing sh -c 'while :; do for n in $(seq {count}); do echo x >> {DATA}/busy/$n; done; sleep 0.05; done'"
            ),
        );
        Undo(host, format!("systemctl stop writing; rm -rf {DATA}/busy"))
    };
    {
        let _undo = writing(3);
        take(host).ends_with(0);
        assert!(record(host)["notes"].to_string().contains("changed while they were read"), "{}", record(host));
    }
    {
        let _undo = writing(60);
        take(host).ends_with(3).says("changed while they were read").says("at most 20");
        assert_eq!(record(host)["state"], "partial");
    }
    take(host).ends_with(0);
}

#[test]
fn row_08_a_full_disk_under_the_repository_is_no_success_and_the_next_run_works() {
    let (lab, host) = seeded();
    let before = snapshots(lab).len();
    on(host, &format!("head -c 12000000 /dev/urandom > {DATA}/large"));
    let _undo = Undo(host, format!("rm -f {DATA}/large"));
    {
        let _full = broken("fill", "unfill", "ops1", &[&format!("/srv/backup/{LOZZA}"), "3"]);
        take(host).ends_with(1);
        assert_eq!(record(host)["state"], "failed");
    }
    assert_eq!(snapshots(lab).len(), before);
    take(host).ends_with(0);
}

#[test]
fn row_09_a_lost_repository_a_wrong_key_and_lost_keys_are_told_and_nothing_is_made_anew() {
    let (lab, host) = seeded();
    let before = snapshots(lab).len();
    {
        on("ops1", &format!("mkdir /srv/away && mv {REPOSITORY}/* /srv/away/"));
        let _undo = Undo("ops1", format!("rm -rf {REPOSITORY}/* && mv /srv/away/* {REPOSITORY}/ && rmdir /srv/away"));
        take(host).ends_with(1).says("there is no repository");
        assert_eq!(tries_on("ops1", &format!("test -e {REPOSITORY}/config")).0, 1, "it was made anew");
    }
    {
        let key = format!("/etc/comuni/backup/{LOZZA}/repository.key");
        on(host, &format!("cp -p {key} /root/kept.key && echo wrong > {key}"));
        let _undo = Undo(host, format!("mv /root/kept.key {key}"));
        take(host).ends_with(1).says("the key does not open the repository");
    }
    {
        on(
            "ops1",
            &format!(
                "mv {REPOSITORY}/keys /srv/keys && install -d -o backup-{LOZZA} -g backup-copy -m 2755 {REPOSITORY}/keys"
            ),
        );
        let _undo = Undo("ops1", format!("rmdir {REPOSITORY}/keys; mv /srv/keys {REPOSITORY}/keys"));
        take(host).ends_with(1).says("or the repository has lost its keys");
    }
    nothing_came(host, before, lab, "failed");
    take(host).ends_with(0);
}

/// Starts the unit with so much to send that it can be disturbed, at so many MB/s.
fn sending(host: &'static str) -> Undo {
    on(host, &format!("head -c 17000000 /dev/urandom > {DATA}/large; systemctl start --no-block {UNIT}"));
    eventually("restic sends", Duration::from_secs(60), || tries_on(host, "pgrep -f 'restic .*backup --json'").0 == 0);
    Undo(host, format!("systemctl stop {UNIT}; systemctl reset-failed {UNIT}; rm -f {DATA}/large"))
}

/// Sends a signal to what takes in what is sent, as soon as it is there.
fn at_the_repository(signal: &str) {
    eventually("rclone takes it in", Duration::from_secs(20), || {
        tries_on("ops1", &format!("pkill {signal} -u backup-{LOZZA} rclone")).0 == 0
    });
}

fn over(host: &str) {
    eventually("the unit ends", Duration::from_secs(180), || {
        !matches!(
            tries_on(host, &format!("systemctl is-active {UNIT}")).1.as_str(),
            "active" | "activating" | "deactivating"
        )
    });
}

#[test]
#[ignore = "with ./check --all"]
fn row_10_a_line_that_is_cut_is_taken_up_again_and_there_is_one_success() {
    let (lab, host) = seeded();
    let before = snapshots(lab).len();
    let _undo = sending(host);
    at_the_repository("-9");
    over(host);
    let record = record(host);
    assert_eq!(record["state"], "complete", "{record}");
    assert_eq!(snapshots(lab).len(), before + 1);
    // What it leaves half in the repository is no damage of the second copy.
    on("mon1", "/usr/local/lib/comuni/comuni-host copy-backups");
    // A host that is away stays away: bounded, then exit 1.
    if std::env::var_os("COMUNI_CHECK_ALL").is_some() {
        let _cut = broken("cut", "join", "ops1", &[]);
        take(host).ends_with(1).says("cannot be reached");
    }
}

#[test]
#[ignore = "with ./check --all"]
fn row_11_who_takes_everything_and_says_nothing_is_ended_by_the_clock() {
    let (lab, host) = seeded();
    let before = snapshots(lab).len();
    let _limit = with_configuration(host, "s/\"within_minutes\": .*,/\"within_minutes\": 1,/");
    let began = Instant::now();
    let _undo = sending(host);
    at_the_repository("-STOP");
    over(host);
    on("ops1", &format!("pkill -KILL -u backup-{LOZZA} rclone; true"));
    assert!(began.elapsed() < Duration::from_secs(100), "{:?}", began.elapsed());
    nothing_came(host, before, lab, "failed");
    assert!(record(host)["error"].as_str().unwrap().contains("did not end within"), "{}", record(host));
    assert_eq!(tries_on(host, "pgrep restic").0, 1, "restic lives on");
}

#[test]
fn row_12_a_stop_ends_restic_well_and_leaves_no_lock() {
    let (lab, host) = seeded();
    let before = snapshots(lab).len();
    let _undo = sending(host);
    on(host, &format!("systemctl stop {UNIT}"));
    over(host);
    let record = record(host);
    assert_eq!((record["state"].as_str(), record["exit"].as_u64()), (Some("interrupted"), Some(143)), "{record}");
    nothing_came(host, before, lab, "interrupted");
    assert_eq!(on("ops1", &format!("ls {REPOSITORY}/locks | wc -l")), "0");
}

#[test]
fn row_13_and_14_a_kill_anywhere_is_made_good_by_the_next_run() {
    let (lab, host) = seeded();
    let before = snapshots(lab).len();
    let seed = std::process::id() % 7;
    let moments = if std::env::var_os("COMUNI_CHECK_ALL").is_some() { (0..12).collect() } else { vec![seed] };
    println!("killed after {moments:?} quarters of a second");
    for moment in moments {
        let _undo = sending(host);
        std::thread::sleep(Duration::from_millis(u64::from(moment) * 250));
        on(host, &format!("systemctl kill -s KILL {UNIT}"));
        over(host);
        let known = snapshots(lab).len();
        take(host).ends_with(0);
        let record = record(host);
        assert!(snapshots(lab).len() <= known + 1, "two successes for one run");
        assert_eq!(record["state"], "complete", "{record}");
        assert_eq!(on("ops1", &format!("ls {REPOSITORY}/locks | wc -l")), "0", "a lock was left");
    }
    assert!(snapshots(lab).len() > before);
}

#[test]
#[ignore = "with ./check --all"]
fn row_15_a_living_lock_of_somebody_else_is_respected() {
    let (lab, host) = seeded();
    let key = crate::backup::key(lab);
    // An exclusive lock, held by a check that has stopped in the middle.
    on(
        "ops1",
        &format!(
            "systemd-run -q --collect --unit=checking --uid=backup-{LOZZA} -E RESTIC_PASSWORD={key} restic --no-cache -r {REPOSITORY} check --read-data"
        ),
    );
    eventually("a lock", Duration::from_secs(20), || on("ops1", &format!("ls {REPOSITORY}/locks | wc -l")) != "0");
    on("ops1", "systemctl kill -s STOP checking");
    let ended = take(host);
    on("ops1", "systemctl kill -s CONT checking");
    eventually("the check ends", Duration::from_secs(60), || tries_on("ops1", "systemctl is-active checking").0 != 0);
    let ended = ended.ends_with(6).says("locked");
    drop(ended);
    assert_eq!(record(host)["state"], "busy");
    take(host).ends_with(0);
}

#[test]
fn row_16_a_second_run_of_a_tenant_waits_and_then_says_who_holds_it() {
    let (lab, host) = seeded();
    let before = snapshots(lab).len();
    let _undo = sending(host);
    take(host).ends_with(6).says("timer@").says("(backup)");
    assert_eq!(record(host)["state"], "busy");
    lab.comuni(&["backup", "run", "--member", "lozza"]).ends_with(6).says("busy");
    over(host);
    assert_eq!(snapshots(lab).len(), before + 1);
}

#[test]
fn row_31_data_that_grows_meanwhile_is_no_fault() {
    let (_, host) = seeded();
    on(
        host,
        &format!(
            "systemd-run -q --collect --unit=growing sh -c 'while :; do curl -s -o /dev/null --unix-socket /run/comuni-{TENANT}/http.sock \
         -d \"office=Prova&subject=Prova&body=Prova\" http://localhost/notices; done'"
        ),
    );
    let _undo = Undo(host, "systemctl stop growing".to_string());
    take(host).ends_with(0);
    assert_eq!(record(host)["state"], "complete");
}

#[test]
#[ignore = "with ./check --all"]
fn row_32_a_source_that_shrank_is_kept_flagged_and_frozen_until_somebody_accepts_it() {
    let (lab, host) = seeded();
    // However many there are: two thirds of all come and go.
    on(
        host,
        &format!("mkdir -p {DATA}/many && cd {DATA}/many && seq $(($(find {DATA} -type f | wc -l) * 2)) | xargs touch"),
    );
    let _undo = Undo(host, format!("rm -rf {DATA}/many"));
    take(host).ends_with(0);
    on(host, &format!("rm -rf {DATA}/many && mkdir {DATA}/many"));
    take(host).ends_with(3).says("files where the backup before had");
    // It stays flagged the next day too.
    take(host).ends_with(3);
    lab.comuni(&["backup", "list", "--member", "lozza"]).says("shrunk");
    lab.comuni(&["backup", "prune", "--member", "lozza"]).ends_with(0).says("frozen");
    lab.comuni(&["backup", "accept"]).ends_with(64);
    lab.comuni(&["backup", "accept", "--member", "lozza"]).ends_with(0);
    take(host).ends_with(0);
    lab.comuni(&["backup", "prune", "--member", "lozza"]).ends_with(0).does_not_say("frozen");
}

#[test]
fn row_39_restic_that_is_missing_too_old_or_unknown() {
    let (_, host) = seeded();
    {
        on(host, "mv /usr/bin/restic /usr/bin/restic.away");
        let _undo = Undo(host, "mv /usr/bin/restic.away /usr/bin/restic".to_string());
        take(host).ends_with(1).says("restic is not installed here");
    }
    {
        let _undo = in_the_place_of(host, "/usr/bin/restic", "echo 'restic 0.12.1 compiled with go1.17'");
        take(host).ends_with(64).says("0.12.1 is too old");
    }
    {
        let script = "case $1 in version) echo 'restic 9.0.0 compiled with go1.99';; *) exec /root/real \"$@\";; esac";
        let _undo = in_the_place_of(host, "/usr/bin/restic", script);
        take(host).ends_with(0);
        assert!(record(host)["notes"].to_string().contains("newer than any that was tried"));
    }
}

#[test]
fn row_46_a_timer_that_was_off_for_days_makes_up_for_it_once() {
    let (_, host) = seeded();
    let timer = "comuni-backup-c_e707-albo.timer";
    let before = on(host, &format!("systemctl show -p ActiveEnterTimestampMonotonic --value {UNIT}"));
    let next = |host: &str| {
        on(host, &format!("date -d \"$(systemctl show -p NextElapseUSecRealtime --value {timer})\" +%s"))
            .parse::<i64>()
            .unwrap()
    };
    let now: i64 = on(host, "date +%s").parse().unwrap();
    let regular = next(host);
    assert!(regular > now && regular <= now + 26 * 3600);
    on(
        host,
        &format!(
            "systemctl stop {timer}; touch -d '3 days ago' /var/lib/systemd/timers/stamp-{timer}; systemctl start {timer}"
        ),
    );
    let catching_up = next(host);
    // One run, within the spread of the night, not three.
    assert!(catching_up <= now + 2 * 3600 + 60, "{catching_up} {now}");
    on(host, &format!("systemctl stop {timer}; touch /var/lib/systemd/timers/stamp-{timer}; systemctl start {timer}"));
    assert_eq!(before, on(host, &format!("systemctl show -p ActiveEnterTimestampMonotonic --value {UNIT}")));
}
