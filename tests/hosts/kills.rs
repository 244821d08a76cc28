//! kill -9 of either half at every step: the next apply converges to the same state, and no lock stays.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::cut_off::{kill_here, kill_host_halves, killed_at, steps};
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

const APPLY: [&str; 4] = ["apply", "--yes", "--allow", "changes"];

/// A resource begins.
fn begins(line: &Value) -> bool {
    line["type"] == "step" && line["event"] == "started" && line["id"].as_str().is_some_and(|id| id.contains(':'))
}

/// Early, in the middle and late.
fn three(seed: usize) -> [usize; 3] {
    [1 + seed % 4, 5 + seed / 4 % 4, 9 + seed / 16 % 4]
}

fn converges_as_undisturbed(lab: &Lab, host: &str, wanted: &str, what: &str) {
    lab.apply_when_free().ends_with(0);
    lab.is_converged();
    assert_eq!(difference(wanted, &state(host)), "", "{what}");
    eventually("no lock stays", Duration::from_secs(15), || tries_on(host, "flock -n /run/comuni/lock true").0 == 0);
}

#[test]
fn control_killed_at_a_step() {
    let lab = lab();
    let host = carrier("c_e707-albo");
    let wanted = state(host);
    for step in steps(three) {
        damage(host);
        let killed = killed_at(lab, &APPLY, step, begins, kill_here);
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
    for step in steps(three) {
        damage(host);
        let killed = killed_at(lab, &APPLY, step, begins, |_| kill_host_halves(&[host]));
        converges_as_undisturbed(lab, host, &wanted, &format!("host half killed at step {step}"));
        if !killed {
            break;
        }
    }
}
