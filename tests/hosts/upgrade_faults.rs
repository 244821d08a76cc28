//! What befalls an upgrade: either half of comuni is killed, its migration is, its host loses power, the link, or room on its
//! disk. Whenever that is, the next run brings the tenant wholly to the one release or the other, with its data.

use std::any::Any;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::backup::{TENANT, seeded};
use crate::cut_off::{drawn, is_step, kill_here, kill_host_halves, killed_at, steps, takes_all, watched};
use crate::harness::{Lab, Undo, broken, eventually, https, lab_does, on, root, tries_on};
use crate::upgrade::{SITE, content, policy, publish, record, release, to_the_first, upgrade, when_free};

/// An upgrade that nothing befalls has at least so many moments at which something can.
pub const STEPS: usize = 20;

pub const UPGRADE: [&str; 7] = ["upgrade", "albo", "--to", "1.1.0", "--member", "lozza", "--yes"];

/// The folder in which a host keeps what it knows of upgrades.
const KEPT: &str = "/var/lib/comuni";

/// A step that each run has: something begins, or is over. Nothing is begun yet while hosts are connected to, and how often
/// one tells how far it is says nothing.
pub fn is_moment(line: &Value) -> bool {
    let what = line["id"].as_str().unwrap_or_default();
    let passing = ["connecting", "comparing", "archive ", "installing "].iter().any(|word| what.starts_with(word));
    is_step(line)
        && matches!(line["event"].as_str(), Some("started" | "acted"))
        && !passing
        && !what.contains(" stores ")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    ControlKilled,
    HostHalfKilled,
    PowerLost,
    LinkCut,
    DiskFull,
}

impl Fault {
    /// So many moments before the end next to nothing is left to do on the tenant's host; and what the last backup frees there,
    /// once its dump is stored, is room enough for the rest.
    fn unfelt(self) -> usize {
        if self == Fault::DiskFull { 3 } else { 1 }
    }

    /// It comes; what it gives mends it when it is dropped.
    fn strikes(self, host: &'static str, control: u32) -> Box<dyn Any> {
        match self {
            Fault::ControlKilled => kill_here(control),
            Fault::HostHalfKilled => kill_host_halves(&[host, "db1"]),
            Fault::PowerLost => {
                lab_does(&["kill", host]);
                lab_does(&["boot", host]);
            }
            Fault::LinkCut => return Box::new(broken("cut", "join", host, &[])),
            Fault::DiskFull => {
                on(host, &format!("head -c 2G /dev/zero > {KEPT}/zeros 2>/dev/null || true"));
                return Box::new(Undo(host, format!("rm -f {KEPT}/zeros")));
            }
        }
        Box::new(())
    }
}

/// The database as the migration to 1.1.0 finds it; code that went back left it migrated.
fn unmigrated() {
    let words = "drop trigger if exists notice_kind on notice; drop function if exists notice_kind; \
                 alter table notice drop column if exists kind; delete from schema_version where version = 3";
    on("db1", &format!("runuser -u postgres -- psql -q -v ON_ERROR_STOP=1 -d c_e707_albo -c '{words}'"));
}

/// A run that something befell.
struct Befallen {
    /// So many moments came before it and at it; fewer than asked for when the run had fewer, and nothing befell it.
    before: usize,
    after: usize,
    status: Option<i32>,
    said: String,
}

fn befallen(lab: &Lab, host: &'static str, fault: Fault, step: usize) -> Befallen {
    let mut run = Befallen { before: 0, after: 0, status: None, said: String::new() };
    let mut mend = None;
    run.status = watched(lab, &UPGRADE, |line: &Value, control| {
        run.said.push_str(&format!("{line}\n"));
        match (is_moment(line), run.before == step) {
            (false, _) => {}
            (true, true) => run.after += 1,
            (true, false) => {
                run.before += 1;
                if run.before == step {
                    mend = Some(fault.strikes(host, control));
                }
            }
        }
    });
    drop(mend);
    run
}

/// An upgrade that this befalls at a step, and the next run. Whether it had so many steps.
fn befalls(fault: Fault, step: usize) -> bool {
    let (lab, host) = seeded();
    to_the_first(lab, host);
    unmigrated();
    let policy = policy(lab, "healthy_seconds: 1, soak_seconds: 1");
    let before = content(host);
    let began = Instant::now();
    let run = befallen(lab, host, fault, step);
    let what = format!("{fault:?} at step {step}");
    println!("{what}: {} steps after it, ended with {:?} after {} s", run.after, run.status, began.elapsed().as_secs());
    let was_struck = run.before == step;
    if was_struck {
        let felt = run.status != Some(0) || run.after <= fault.unfelt();
        assert!(felt, "{what}: it was not felt\n{}", run.said);
    }
    // Killed, it could not say anything; and a host that boots starts its tenants by itself.
    if fault != Fault::ControlKilled && !run.said.contains("--resume") {
        eventually(&format!("{what}: it works, or was said to be down\n{}", run.said), Duration::from_secs(60), || {
            https(lab, host, SITE, "/health").0 == "200"
        });
    }
    is_brought_to_an_end(lab, host, &before, &what, step % 2 == 0);
    drop(policy);
    lab.is_converged();
    was_struck
}

/// However it was cut off: a backup keeps away from it, and the next run brings it wholly to the one or the other, with no
/// row lost.
fn is_brought_to_an_end(lab: &Lab, host: &str, before: &str, what: &str, resume: bool) {
    let is_noted = || tries_on(host, &format!("test -e {KEPT}/upgrade/{TENANT}.json")).0 == 0;
    if is_noted() {
        let busy = when_free(lab, &["backup", "run", "--member", "lozza"]);
        assert!(busy.text().contains("comuni upgrade albo --resume"), "{what}: {}", busy.text());
    }
    let words: &[&str] = if resume { &["upgrade", "albo", "--resume", "--yes"] } else { &UPGRADE };
    let mut run = when_free(lab, words);
    // Cut off before it remembered anything, or come to its end: it has nothing to go on with.
    if resume && run.status == 64 {
        run = when_free(lab, &UPGRADE);
    }
    assert_eq!(run.status, 0, "{what}: {}", run.text());
    assert!(!is_noted(), "{what}: a note is left");
    assert_eq!(content(host), before, "{what}");
    assert_eq!(https(lab, host, SITE, "/health").0, "200", "{what}");
    assert!(release(host).contains("1.1.0"), "{what}: {}", run.text());
}

/// At each step, or at a drawn one.
fn befalls_at_steps(fault: Fault) {
    let began = Instant::now();
    for step in steps(|drawn| [1 + drawn % STEPS]) {
        if !befalls(fault, step) {
            assert!(step > STEPS, "there are at least {STEPS} steps, not {step}");
            println!("{fault:?} at each of {} steps: {} s", step - 1, began.elapsed().as_secs());
            break;
        }
    }
    let (lab, host) = seeded();
    to_the_first(lab, host);
}

/// With little room where the host keeps what it knows, until the returned value is dropped.
fn nearly_full(host: &'static str) -> impl Drop {
    broken("fill", "unfill", host, &[KEPT, "200"])
}

#[test]
fn control_is_killed_at_a_step_of_an_upgrade() {
    befalls_at_steps(Fault::ControlKilled);
}

#[test]
fn the_host_half_is_killed_at_a_step_of_an_upgrade() {
    befalls_at_steps(Fault::HostHalfKilled);
}

#[test]
fn what_is_drawn_of_power_link_and_disk_fails_at_a_drawn_step_of_an_upgrade() {
    let (lab, host) = seeded();
    let drawn = drawn();
    let fault = [Fault::PowerLost, Fault::LinkCut, Fault::DiskFull][drawn / STEPS % 3];
    let room = (fault == Fault::DiskFull).then(|| nearly_full(host));
    assert!(befalls(fault, 1 + drawn % STEPS), "there are at least {STEPS} steps");
    drop(room);
    to_the_first(lab, host);
}

#[test]
#[ignore = "with ./check --all"]
fn a_host_loses_power_at_a_step_of_an_upgrade() {
    befalls_at_steps(Fault::PowerLost);
}

#[test]
#[ignore = "with ./check --all"]
fn the_link_to_a_host_is_cut_at_a_step_of_an_upgrade() {
    befalls_at_steps(Fault::LinkCut);
}

#[test]
#[ignore = "with ./check --all"]
fn a_disk_is_full_from_a_step_of_an_upgrade_on() {
    let (_, host) = seeded();
    let room = nearly_full(host);
    befalls_at_steps(Fault::DiskFull);
    drop(room);
}

/// When a migration to 1.1.0 is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// As soon as it runs.
    Begin,
    /// It has done its work, and has not committed it.
    Middle,
    /// It is over, and the application has not started.
    End,
}

const MIGRATION: &str = "-u c_e707_albo -f albo/1.1.0/albo.py.migrate";
const UNIT: &str = "/run/systemd/system/comuni-c_e707-albo.service.d";
const HOLDS: &str = "begin; lock table schema_version in share mode; select pg_sleep(600)";

impl Moment {
    /// What the host looks for the processes to kill with.
    fn victims(self) -> String {
        match self {
            Moment::Begin => format!("pgrep {MIGRATION}"),
            Moment::Middle => format!("pgrep --older 2 {MIGRATION}"),
            Moment::End => "grep -q albo/1.1.0 /etc/systemd/system/comuni-c_e707-albo.service && \
                            pgrep -u c_e707_albo -f '^/bin/sleep 3$'"
                .to_string(),
        }
    }

    /// Makes it last, until the returned value is dropped.
    fn lasts(self, host: &'static str) -> Box<dyn Any> {
        match self {
            Moment::Begin => Box::new(()),
            Moment::Middle => {
                let mut held = Command::new(root().join("tests/lab/lab"));
                held.args(["exec", "db1", "--", "runuser", "-u", "postgres", "--"]);
                held.args(["psql", "-qtA", "-d", "c_e707_albo", "-c", HOLDS]);
                held.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
                let ended = Undo(
                    "db1",
                    "runuser -u postgres -- psql -qtA -c \"select pg_terminate_backend(pid) from pg_stat_activity \
                     where query like 'begin; lock table schema_version%'\""
                        .to_string(),
                );
                Box::new((ended, Reaped(held.spawn().unwrap())))
            }
            Moment::End => {
                on(
                    host,
                    &format!(
                        "mkdir -p {UNIT}; printf '[Service]\\nExecStartPre=/bin/sleep 3\\n' > {UNIT}/slow.conf; \
                         systemctl daemon-reload"
                    ),
                );
                Box::new(Undo(host, format!("rm -r {UNIT}; systemctl daemon-reload")))
            }
        }
    }
}

/// A process of ours that ends by itself.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.wait();
    }
}

/// Kills the migration whenever it is at its moment, until told to stop; says how often it did.
struct Killer {
    host: &'static str,
    child: Child,
}

impl Killer {
    fn begins(host: &'static str, victims: &str) -> Killer {
        let line = format!(
            "killed=0; until [ -e /run/comuni-test-stop ]; do for pid in $({victims}); do \
             kill -9 $pid && killed=$((killed + 1)); done; done; rm /run/comuni-test-stop; echo $killed"
        );
        let mut command = Command::new(root().join("tests/lab/lab"));
        command.args(["exec", host, "--", "sh", "-c", &line]).stdin(Stdio::null()).stdout(Stdio::piped());
        Killer { host, child: command.spawn().unwrap() }
    }

    fn ends(self) -> u32 {
        on(self.host, ": > /run/comuni-test-stop");
        let output = self.child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }
}

#[test]
fn a_migration_that_is_killed_at_its_begin_in_its_middle_or_at_its_end_brings_the_tenant_back_with_its_data() {
    let (lab, host) = seeded();
    let all = [Moment::Begin, Moment::Middle, Moment::End];
    let moments = if takes_all() { all.to_vec() } else { vec![all[drawn() % all.len()]] };
    for moment in moments {
        to_the_first(lab, host);
        unmigrated();
        let policy = policy(lab, "healthy_seconds: 1, soak_seconds: 1");
        let before = content(host);
        let lasting = moment.lasts(host);
        let killer = Killer::begins(host, &moment.victims());
        let began = Instant::now();
        let run = upgrade(lab, "1.1.0");
        let killed = killer.ends();
        drop(lasting);
        println!("{moment:?}: killed {killed} times, {} s", began.elapsed().as_secs());
        let run = run.ends_with(1).says("healthy on 1.0.0 again, with its data as they were");
        assert!(killed > 0, "{moment:?}: the migration was killed");
        assert_eq!(record(&run)["ending"], "went_back", "{moment:?}");
        assert_eq!(content(host), before, "{moment:?}");
        assert_eq!(https(lab, host, SITE, "/health").0, "200", "{moment:?}");
        assert!(release(host).contains("1.0.0"), "{moment:?}");
        drop(policy);
        lab.is_converged();
    }
}

/// A way back that takes its data back too has at least so many moments.
const BACK: usize = 12;

#[test]
fn a_way_back_with_its_data_that_is_cut_off_ends_on_the_one_release_or_the_other_with_what_belongs_to_it() {
    let (lab, host) = seeded();
    let back = ["rollback", "albo", "--member", "lozza", "--yes"];
    for step in steps(|drawn| [1 + drawn % BACK]) {
        to_the_first(lab, host);
        let policy = policy(lab, "healthy_seconds: 1, soak_seconds: 1");
        let old = content(host);
        upgrade(lab, "2.0.0").ends_with(0);
        publish(host, "scritto sulla 2");
        let new = content(host);
        assert_ne!(old, new);
        let was_killed = killed_at(lab, &back, step, is_moment, kill_here);
        if was_killed {
            let run = when_free(lab, &back);
            println!("killed at step {step}: the next run ended with {}", run.status);
            if run.status != 0 {
                let run = run.says("runs 2.0.0 as before").ends_with(1);
                assert!(release(host).contains("2.0.0"), "{}", run.text());
                assert_eq!(content(host), new, "{}", run.text());
                when_free(lab, &back).ends_with(0);
            }
        }
        assert!(release(host).contains("1.0.0"));
        assert_eq!(content(host), old);
        assert_eq!(https(lab, host, SITE, "/health").0, "200");
        drop(policy);
        lab.is_converged();
        if !was_killed {
            assert!(step > BACK, "there are at least {BACK} steps, not {step}");
            break;
        }
    }
}

#[test]
fn what_an_application_answers_that_is_not_well_yet_is_told_while_it_is_waited_for() {
    let (lab, host) = seeded();
    to_the_first(lab, host);
    let policy = policy(lab, "healthy_seconds: 1, soak_seconds: 1");
    let marker = format!("{}/attachments/.marker", crate::backup::DATA);
    let mut told = 0;
    let mut away = None;
    let status = watched(lab, &UPGRADE, |line, _| {
        let words = line["id"].as_str().unwrap_or_default();
        if words.contains("is switched to 1.1.0") {
            on(host, &format!("mv {marker} {marker}.away"));
            away = Some(Undo(host, format!("mv {marker}.away {marker}")));
        }
        if words.contains("is not healthy yet, and is asked for up to") {
            assert!(words.contains("/health says 503, not 200"), "{words}");
            told += 1;
            away = None;
        }
    });
    drop(away);
    assert_eq!((status, told), (Some(0), 1));
    drop(policy);
    to_the_first(lab, host);
}
