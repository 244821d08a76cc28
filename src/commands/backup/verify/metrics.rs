//! What Prometheus gets to know of verifications, for the textfile collector of the node exporter: every tenant is in it,
//! also one that was never backed up.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::backup::ladder::{Level, Verification};
use crate::cli::Tenants;
use crate::commands::backup::past::{Past, Proven};
use crate::commands::backup::tenants::{Tenant, chosen};
use crate::disk;
use crate::failure::{Failure, Result};
use crate::inventory::Inventory;

/// Our file in the folder.
const FILE: &str = "comuni_verify.prom";

/// Replaces the file: with what was found now, and with what is known of the tenants that were left out.
///
/// # Errors
/// When the folder does not take it.
pub(super) fn write(
    folder: &Path,
    inventory: &Inventory,
    asked: &[Tenant],
    past: &Past,
    found: &BTreeMap<String, Verification>,
) -> Result<()> {
    let all = chosen(inventory, &Tenants::default())?;
    let known: Vec<(&Tenant, Proven)> = all
        .iter()
        .map(|tenant| {
            let mut proven = past.of(&tenant.subject.tenant).clone();
            if let Some(now) = found.get(&tenant.subject.tenant) {
                proven.add(now);
            }
            (tenant, proven)
        })
        .collect();
    let page = page(&known, asked.len(), found);
    let path = folder.join(FILE);
    disk::replace(&path, page.as_bytes(), 0o644)
        .map_err(|error| Failure::operation(format!("{} cannot be written: {error}", path.display())))
}

fn page(known: &[(&Tenant, Proven)], asked: usize, found: &BTreeMap<String, Verification>) -> String {
    let mut page = String::new();
    let mut metric = |name: &str, help: &str, lines: Vec<(String, i64)>| {
        // Writing to a String cannot fail.
        let _ = write!(page, "# HELP {name} {help}\n# TYPE {name} gauge\n");
        for (labels, value) in lines {
            let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
            let _ = writeln!(page, "{name}{labels} {value}");
        }
    };
    let each = |value: &dyn Fn(&Proven) -> i64| {
        known.iter().map(|(tenant, proven)| (labels(tenant), value(proven))).collect::<Vec<_>>()
    };
    metric(
        "comuni_backup_verified_timestamp_seconds",
        "When the newest backup was taken that passed this level; 0 when none did.",
        known
            .iter()
            .flat_map(|(tenant, proven)| {
                Level::ALL.map(|level| {
                    let labels = format!("{},level=\"{level}\"", labels(tenant));
                    (labels, proven.taken.get(&level).copied().unwrap_or(0))
                })
            })
            .collect(),
    );
    metric(
        "comuni_restore_test_success",
        "1 when the last restore passed all that was asked of it; 0 when not, or when there was none.",
        each(&|proven| i64::from(proven.restore.as_ref().is_some_and(|last| last.outcome.kind().is_none()))),
    );
    metric(
        "comuni_restore_test_timestamp_seconds",
        "When the last restore ended; 0 when there was none.",
        each(&|proven| proven.restore.as_ref().map_or(0, |last| last.ended)),
    );
    metric(
        "comuni_backup_rto_seconds",
        "How long the last restore took: fetching, restoring, starting; 0 when there was none.",
        each(&|proven| {
            let took = proven.restore.as_ref().and_then(|last| last.rto_milliseconds).unwrap_or(0);
            i64::try_from(took.div_ceil(1000)).unwrap_or(i64::MAX)
        }),
    );
    let worst = found.values().filter_map(|found| found.outcome.kind());
    let worst = crate::failure::Kind::worst(worst).map_or(0, crate::failure::Kind::exit_code);
    let ended = found.values().map(|found| found.ended).max().unwrap_or(0);
    metric(
        "comuni_verify_last_run_timestamp_seconds",
        "When the last verification ended.",
        vec![(String::new(), ended)],
    );
    metric("comuni_verify_last_exit", "What it ended with, of all tenants.", vec![(String::new(), worst.into())]);
    metric(
        "comuni_verify_last_tenants",
        "How many tenants it was for.",
        vec![(String::new(), i64::try_from(asked).unwrap_or(0))],
    );
    page
}

fn labels(tenant: &Tenant) -> String {
    let (member, application) = (&tenant.subject.owner, &tenant.application);
    format!("member=\"{member}\",application=\"{application}\",tenant=\"{}\"", tenant.subject.tenant)
}
