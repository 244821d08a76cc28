//! What Prometheus gets to know of runs, by the textfile collector of the node exporter. Every tenant of the host is in
//! it, also one that was never backed up: its times are 0, so that a rule sees what is missing.

use std::fmt::Write as _;
use std::path::Path;

use super::configuration::Configuration;
use super::run::{Ended, Remembered};
use crate::failure::Result;
use crate::machine::{Machine, Ownership};

/// The folder that Debian's node exporter reads.
const FOLDER: &str = "/var/lib/prometheus/node-exporter";
/// Ours in it.
const FILE: &str = "comuni_backup.prom";
/// It is read by the exporter's account.
const READABLE: Ownership = Ownership { uid: 0, gid: 0, mode: 0o644 };

/// Name, what it is, and its value for a tenant.
type Metric = (&'static str, &'static str, fn(&Configuration, &Remembered) -> u64);

const METRICS: [Metric; 9] = [
    (
        "comuni_backup_last_attempt_timestamp_seconds",
        "When the newest run began; 0 when there was none.",
        |_, known| known.last.as_ref().map_or(0, |run| seconds(run.began)),
    ),
    (
        "comuni_backup_last_success_timestamp_seconds",
        "When the newest complete backup began; 0 when there is none.",
        |_, known| known.good.as_ref().map_or(0, |run| seconds(run.began)),
    ),
    (
        "comuni_backup_last_status",
        "How the newest run ended: 0 complete, 1 failed or never run, 3 partial.",
        |_, known| {
            known.last.as_ref().map_or(1, |run| match run.state {
                Ended::Complete if run.shrunk.is_none() => 0,
                Ended::Complete | Ended::Partial => 3,
                Ended::Failed | Ended::Busy | Ended::Interrupted => 1,
            })
        },
    ),
    ("comuni_backup_bytes", "Bytes of dump and files in the newest complete backup.", |_, known| {
        known.good.as_ref().map_or(0, |run| run.bytes)
    }),
    ("comuni_backup_rows", "Rows of all tables in the newest complete backup.", |_, known| {
        known.good.as_ref().map_or(0, |run| run.rows)
    }),
    ("comuni_backup_duration_seconds", "How long the newest complete backup took.", |_, known| {
        known.good.as_ref().map_or(0, |run| seconds(run.ended - run.began))
    }),
    ("comuni_backup_expected_interval_seconds", "The newest backup may be this old (RPO).", |of, _| {
        u64::from(of.policy.rpo_hours) * 3600
    }),
    (
        "comuni_backup_snapshots",
        "Snapshots of the tenant in the repository, by the newest run that saw them.",
        |_, known| known.good.as_ref().map_or(0, |run| run.snapshots),
    ),
    ("comuni_backup_shrunk", "1 when the newest run found much less than the one before.", |_, known| {
        known.last.as_ref().map_or(0, |run| u64::from(run.shrunk.is_some()))
    }),
];

fn seconds(time: i64) -> u64 {
    u64::try_from(time).unwrap_or(0)
}

/// Writes the metrics of all tenants of this host, where the exporter reads them; nothing when there is no exporter, or no
/// tenant was ever backed up from here.
///
/// # Errors
/// When a file cannot be read or written: the verdict of a run never hangs on it.
pub fn write(machine: &mut dyn Machine) -> Result<()> {
    if machine.stat(Path::new(FOLDER))?.is_none() {
        return Ok(());
    }
    let mut tenants = Vec::new();
    for tenant in Configuration::tenants(machine)? {
        tenants.push((Configuration::read(machine, &tenant)?, Remembered::read(machine, &tenant)?));
    }
    let path = Path::new(FOLDER).join(FILE);
    if tenants.is_empty() && machine.stat(&path)?.is_none() {
        return Ok(());
    }
    machine.write(&path, text(&tenants).as_bytes(), &READABLE)
}

fn text(tenants: &[(Configuration, Remembered)]) -> String {
    let mut text = String::new();
    for (name, help, value) in METRICS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (of, known) in tenants {
            let (member, application, tenant) = (&of.member, &of.application, &of.tenant);
            let labels = format!("member=\"{member}\",application=\"{application}\",tenant=\"{tenant}\"");
            let _ = writeln!(text, "{name}{{{labels}}} {}", value(of, known));
        }
    }
    text
}
