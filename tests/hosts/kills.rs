//! kill -9 of either half at every step: the next apply converges to the same state, and no lock stays.
//!
//! `./check` kills at a sample of steps drawn by a printed seed (`COMUNI_SEED` repeats it); `./check --all` at every step.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::harness::{Lab, carrier, eventually, lab, on, tries_on};

/// Takes enough of a tenant away that an apply has a step of nearly every kind to do.
fn damage(host: &str) {
    on(
        host,
        "systemctl disable --now comuni-c_e707-albo.service; \
              rm -r /etc/systemd/system/comuni-c_e707-albo.service /etc/nginx/comuni.d/c_e707-albo.conf /etc/comuni/tenants/c_e707-albo /etc/logrotate.d/*c_e707* 2>/dev/null; \
              chmod 0700 /srv/comuni/c_e707/albo/data; rm -rf /opt/comuni/releases; systemctl daemon-reload; nginx -s reload",
    );
    on(
        "db1",
        "runuser -u postgres -- psql -q -c 'grant connect on database c_e707_albo to public' -c 'alter role c_e707_albo_b nologin'",
    );
}

/// What the hosts have, as far as an apply decides it: contents, owners, modes, units, roles. Certificates are made anew.
fn state(host: &str) -> String {
    let files = on(
        host,
        "find /etc/comuni /etc/nginx/comuni.d /etc/systemd/system /etc/logrotate.d /srv/comuni/c_e707 /opt/comuni \
                          -not -name '*.pem' -not -name '*.pem.json' -printf '%p %M %u %g %l\\n' | sort",
    );
    let contents = on(
        host,
        "find /etc/comuni /etc/nginx/comuni.d /etc/systemd/system -type f -not -name '*.pem' -not -name '*.pem.json' -not -name '*.key' -exec sha256sum {} + | sort",
    );
    let units = on(host, "systemctl list-units --plain --no-legend 'comuni-*' | awk '{print $1, $3, $4}' | sort");
    let roles = on(
        "db1",
        "runuser -u postgres -- psql -Atc \"select rolname, rolcanlogin from pg_roles order by 1\" -c 'select datname, x.grantee::regrole, x.privilege_type from pg_database, aclexplode(datacl) x'",
    );
    format!("{files}\n{contents}\n{units}\n{roles}")
}

/// The lines that stand in one only.
fn difference(wanted: &str, found: &str) -> String {
    let lines = |text: &str| text.lines().map(str::to_string).collect::<BTreeSet<_>>();
    let (wanted, found) = (lines(wanted), lines(found));
    let missing = wanted.difference(&found).map(|line| format!("missing: {line}\n"));
    missing.chain(found.difference(&wanted).map(|line| format!("surplus: {line}\n"))).collect()
}

/// Starts an apply and calls `kill` when its `step`-th resource begins; `false` when there were fewer.
fn killed_at(lab: &Lab, step: usize, kill: impl FnOnce(u32)) -> bool {
    let mut child = lab
        .command(&["apply", "--yes", "--allow", "changes", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut kill = Some(kill);
    let mut begun = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let Ok(line) = line else { break };
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        if object["type"] == "step"
            && object["event"] == "started"
            && object["id"].as_str().is_some_and(|id| id.contains(':'))
        {
            begun += 1;
            if begun == step
                && let Some(kill) = kill.take()
            {
                kill(child.id());
            }
        }
    }
    child.wait().unwrap();
    kill.is_none()
}

fn converges_as_undisturbed(lab: &Lab, host: &str, wanted: &str, what: &str) {
    lab.apply_when_free().ends_with(0);
    lab.is_converged();
    assert_eq!(difference(wanted, &state(host)), "", "{what}");
    eventually("no lock stays", Duration::from_secs(15), || tries_on(host, "flock -n /run/comuni/lock true").0 == 0);
}

/// All steps, or some of them by a seed that is printed.
#[allow(clippy::print_stderr, reason = "shown when the test fails: how to see it again")]
fn steps() -> Box<dyn Iterator<Item = usize>> {
    if std::env::var_os("COMUNI_CHECK_ALL").is_some() {
        return Box::new(1..);
    }
    let seed = std::env::var("COMUNI_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |age| age.as_secs()));
    eprintln!("COMUNI_SEED={seed} repeats this choice of steps");
    let seed = usize::try_from(seed % 1_000_000).unwrap_or(1);
    Box::new([1 + seed % 4, 5 + seed / 4 % 4, 9 + seed / 16 % 4].into_iter())
}

#[test]
fn control_killed_at_a_step() {
    let lab = lab();
    let host = carrier("c_e707-albo");
    let wanted = state(host);
    for step in steps() {
        damage(host);
        let killed = killed_at(lab, step, |pid| {
            let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        });
        converges_as_undisturbed(lab, host, &wanted, &format!("control killed at step {step}"));
        if !killed {
            assert!(step > 8, "there are at least eight steps to kill at, not {step}");
            break;
        }
    }
}

#[test]
fn host_half_killed_at_a_step() {
    let lab = lab();
    let host = carrier("c_e707-albo");
    let wanted = state(host);
    for step in steps() {
        damage(host);
        let killed = killed_at(lab, step, |_| {
            on(
                host,
                "for pid in $(pgrep -f '^/usr/local/lib/comuni/comuni-host-[0-9a-f]* serve'); do kill -9 $pid; done",
            );
        });
        converges_as_undisturbed(lab, host, &wanted, &format!("host half killed at step {step}"));
        if !killed {
            break;
        }
    }
}
