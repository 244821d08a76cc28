//! `comuni monitoring`: what watches.

mod check;
mod silence;

pub(super) use check::sees;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::survey::connect;
use crate::cli::{Global, Monitoring, Way};
use crate::failure::{Failure, Result};
use crate::fleet::{Evidence, Monitored};
use crate::inventory::Inventory;
use crate::inventory::types;
use crate::prometheus::Question;
use crate::report::{Out, Progress};

/// # Errors
/// Those of the verb.
pub(super) fn run(global: &Global, what: &Monitoring, out: &Out) -> Result<()> {
    match what {
        Monitoring::Check(options) => check::run(global, options, out),
        Monitoring::Silence(options) => silence::run(global, options, out),
    }
}

/// The policy of the consortium, and the hosts that watch.
///
/// # Errors
/// Exit 65 when nothing is watched.
pub(super) fn watchers(inventory: &Inventory) -> Result<(&types::Monitoring, BTreeSet<&str>)> {
    let policy = inventory.consortium.monitoring.as_ref().ok_or_else(|| {
        Failure::inventory("nothing is watched: consortium.yml has no `monitoring:`")
            .hint("docs/monitoring.md says what it holds; `monitoring: {}` begins with the defaults")
    })?;
    let hosts = inventory.watchers();
    if hosts.is_empty() {
        return Err(Failure::inventory("no host has the role `monitoring`").hint("give it to one in hosts.yml"));
    }
    Ok((policy, hosts))
}

/// What hosts that watch answered, by name.
pub(super) type Said = BTreeMap<String, Result<Monitored>>;

/// Asks the hosts that watch and, when so many records of its evidence are wanted, the control host: on one connection each.
///
/// # Errors
/// When nobody at all can be asked from this machine.
pub(super) fn asked(
    inventory: &Inventory,
    hosts: &BTreeSet<&str>,
    questions: &[Question],
    evidence: Option<(&str, u32)>,
    (verb, way): (&'static str, &Way),
    out: &Out,
) -> Result<(Said, Option<Result<Evidence>>)> {
    let progress = Arc::new(Progress::new(out.clone(), verb, true));
    let sign = Arc::new(|_: &str, _| Err("nothing is signed here".to_string()));
    let names: Vec<&str> = hosts.iter().copied().chain(evidence.map(|(control, _)| control)).collect();
    let mut fleet = connect(inventory, &names, way, &progress, sign, out)?;
    // All log in at the same time; each is then asked over the stream that it has.
    names.iter().for_each(|host| fleet.expect(host));
    let said = hosts.iter().map(|host| (host.to_string(), fleet.ask_monitoring(host, questions.to_vec()))).collect();
    let evidence = evidence.map(|(control, newest)| fleet.read_evidence(control, newest));
    fleet.end();
    progress.finish();
    Ok((said, evidence))
}
