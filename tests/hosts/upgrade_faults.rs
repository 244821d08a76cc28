//! What befalls an upgrade from outside: its migration is killed, its host loses power, the link, or room on its disk. The
//! tenant comes back by itself or with the next run, with its data.

use std::process::{Child, Command, Stdio};

use crate::backup::seeded;
use crate::cut_off::{is_step, killed_at, steps};
use crate::harness::{broken, https, lab_does, on, root};
use crate::upgrade::{SITE, UPGRADE, content, is_brought_to_an_end, policy, record, release, to_the_first, upgrade};

fn one(seed: usize) -> [usize; 1] {
    [3 + seed % 14]
}

/// Kills the migration to 1.1.0 whenever it runs, until told to stop; says how often it did.
struct Killer {
    host: &'static str,
    child: Child,
}

const KILLER: &str = "killed=0; until [ -e /run/comuni-test-stop ]; do \
    for pid in $(pgrep -u c_e707_albo -f 'albo/1.1.0/albo.py migrate'); do kill -9 $pid && killed=$((killed + 1)); done; \
    done; rm /run/comuni-test-stop; echo $killed";

impl Killer {
    fn begin(host: &'static str) -> Killer {
        let mut command = Command::new(root().join("tests/lab/lab"));
        command.args(["exec", host, "--", "sh", "-c", KILLER]).stdin(Stdio::null()).stdout(Stdio::piped());
        Killer { host, child: command.spawn().unwrap() }
    }

    fn ends(self) -> u32 {
        on(self.host, ": > /run/comuni-test-stop");
        let output = self.child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }
}

#[test]
fn a_migration_that_is_killed_brings_the_tenant_back_by_itself_with_its_data() {
    let (lab, host) = seeded();
    to_the_first(lab, host);
    let policy = policy(lab, "healthy_seconds: 1, soak_seconds: 1");
    let before = content(host);
    let killer = Killer::begin(host);
    let run = upgrade(lab, "1.1.0");
    let killed = killer.ends();
    let run = run.ends_with(1).says("healthy on 1.0.0 again, with its data as they were");
    assert!(killed > 0, "the migration was killed");
    assert_eq!(record(&run)["ending"], "went_back");
    assert_eq!(content(host), before);
    assert_eq!(https(lab, host, SITE, "/health").0, "200");
    assert!(release(host).contains("1.0.0"));
    drop(policy);
    lab.is_converged();
}

/// `strike` comes at a step of the upgrade, and what it gives is mended when the run has ended, whichever way.
fn struck<Mend>(what: &str, strike: impl Fn(&'static str) -> Mend) {
    let (lab, host) = seeded();
    for step in steps(one) {
        to_the_first(lab, host);
        let policy = policy(lab, "healthy_seconds: 1, soak_seconds: 1");
        let before = content(host);
        let mut mend = None;
        let was_struck = killed_at(lab, &UPGRADE, step, is_step, |_| mend = Some(strike(host)));
        drop(mend);
        is_brought_to_an_end(lab, host, &before, &format!("{what} at step {step}"), step % 2 == 0);
        drop(policy);
        lab.is_converged();
        if !was_struck {
            break;
        }
    }
    to_the_first(lab, host);
}

#[test]
#[ignore = "with ./check --all"]
fn a_host_loses_power_at_a_step_of_an_upgrade() {
    struck("power lost", |host| {
        lab_does(&["kill", host]);
        lab_does(&["boot", host]);
    });
}

#[test]
#[ignore = "with ./check --all"]
fn the_link_to_a_host_is_cut_at_a_step_of_an_upgrade() {
    struck("link cut", |host| broken("cut", "join", host, &[]));
}

/// A folder of our own that has no room left, until it is dropped.
struct Full {
    host: &'static str,
    folder: &'static str,
}

impl Drop for Full {
    fn drop(&mut self) {
        on(self.host, &format!("rm -f {}/zeros", self.folder));
    }
}

#[test]
#[ignore = "with ./check --all"]
fn a_disk_is_full_from_a_step_of_an_upgrade_on() {
    let (_, host) = seeded();
    let folder = "/var/lib/comuni";
    let filled = broken("fill", "unfill", host, &[folder, "200"]);
    struck("disk full", |host| {
        on(host, &format!("head -c 2G /dev/zero > {folder}/zeros 2>/dev/null || true"));
        Full { host, folder }
    });
    drop(filled);
}
