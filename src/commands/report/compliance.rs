//! `comuni report compliance`: which controls a body's services keep, with the evidence behind each, in Italian.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::inventory::read;
use super::super::monitoring::{asked, watchers};
use super::super::survey::connect;
use super::{handed_out, maker, testimony};
use crate::backup::run::Run;
use crate::cli::{ComplianceReport, Global, Way};
use crate::evidence::clock;
use crate::evidence::documents::Document;
use crate::evidence::documents::compliance::{Known, Period, document};
use crate::failure::Result;
use crate::inventory::{Inventory, select};
use crate::monitoring::{measured, of_the_fleet};
use crate::report::{Out, Progress};

/// Records of backups that are read of a host: more than three months of all its tenants.
const RUNS: u32 = 10_000;

/// Days that Prometheus is asked for.
const DAYS: u32 = 31;

/// # Errors
/// Exit 64 for what is no month; 4 when the evidence is broken, which the document says too; 1 when the control host cannot
/// be reached. What cannot be asked of others is `nessun dato`.
pub(super) fn run(global: &Global, what: &ComplianceReport, out: &Out) -> Result<()> {
    let now = clock::now().as_second();
    let period = match &what.month {
        Some(month) => {
            let (first, end) = clock::month(month, now)?;
            Period { first, end, words: format!("mese {month}") }
        }
        // What was written down in this very second belongs to it.
        None => Period { first: now - 30 * 86_400, end: now + 1, words: "gli ultimi 30 giorni".to_string() },
    };
    let inventory = read(global, out)?.inventory;
    let chosen = select::members(&inventory, &what.members)?;
    let testimony = testimony(&inventory, &what.way, out)?;
    let mut problems = testimony.problems.clone();
    let hosts: BTreeSet<&str> = chosen
        .iter()
        .flat_map(|slug| inventory.members[slug].tenants.values().map(|plan| plan.application_host.as_str()))
        .collect();
    let (runs, broken) = backups(&inventory, &hosts, &what.way, &mut problems, out)?;
    let days = days(&inventory, &what.way, &mut problems, out)?;
    let known = Known {
        period,
        runs,
        verifications: testimony.lines.iter().filter_map(|line| line.record.verification.as_deref().cloned()).collect(),
        days,
        problems,
        maker: maker(&inventory),
    };
    let documents: Vec<Document> =
        chosen.iter().map(|slug| document(&inventory, &inventory.members[slug], &known)).collect();
    handed_out(documents, testimony.broken || broken, what.html.as_deref(), out)
}

/// What hosts have recorded of backups, and whether somebody changed such a record.
fn backups(
    inventory: &Inventory,
    hosts: &BTreeSet<&str>,
    way: &Way,
    problems: &mut Vec<String>,
    out: &Out,
) -> Result<(BTreeMap<String, Vec<Run>>, bool)> {
    let progress = Arc::new(Progress::new(out.clone(), "report", true));
    let sign = Arc::new(|_: &str, _| Err("nothing is signed here".to_string()));
    let names: Vec<&str> = hosts.iter().copied().collect();
    let fleet = connect(inventory, &names, way, &progress, sign, out)?;
    let read: Vec<_> = names.iter().map(|host| (*host, fleet.read_backup_runs(host, RUNS))).collect();
    fleet.end();
    progress.finish();
    let (mut all, mut broken) = (BTreeMap::new(), false);
    for (host, answer) in read {
        match answer {
            Ok(known) => {
                if let Some(at) = known.broken {
                    broken = true;
                    problems.push(format!("il registro delle copie di {host} è stato alterato o interrotto: {at}"));
                }
                let runs = known.runs.into_iter().filter_map(|value| serde_json::from_value(value).ok());
                all.insert(host.to_string(), runs.collect());
            }
            Err(failure) => {
                problems.push(format!("{host} non si è potuto interrogare: {}", failure.message));
            }
        }
    }
    Ok((all, broken))
}

/// The part of the probes of each tenant that were well, by the end of each day.
fn days(
    inventory: &Inventory,
    way: &Way,
    problems: &mut Vec<String>,
    out: &Out,
) -> Result<BTreeMap<String, BTreeMap<i64, f64>>> {
    let mut all = BTreeMap::new();
    if inventory.consortium.monitoring.is_none() {
        return Ok(all);
    }
    let (_, hosts) = watchers(inventory)?;
    let (said, _) = asked(inventory, &hosts, &of_the_fleet(DAYS), None, ("report", way), out)?;
    for (host, answer) in said {
        match answer {
            Ok(monitored) => all.extend(measured(&monitored.answers).days),
            Err(failure) => problems.push(format!("{host} non si è potuto interrogare: {}", failure.message)),
        }
    }
    Ok(all)
}
