//! What was done and found so far, by the chains of the control host and by what waits in the outbox.

use std::sync::Arc;

use super::records;
use super::survey::{connect, control_host};
use crate::cli::Way;
use crate::evidence::Outbox;
use crate::evidence::history::{Chains, History, merge};
use crate::failure::{Failure, Result};
use crate::fleet::{Evidence, Fleet};
use crate::inventory::Inventory;
use crate::report::{Out, Progress};

/// The chains of the control host, at most so many of the newest records of each.
///
/// # Errors
/// Exit 65 when no host keeps them; 1 when it cannot be reached.
pub(super) fn evidence(
    inventory: &Inventory,
    verb: &'static str,
    newest: u32,
    way: &Way,
    out: &Out,
) -> Result<Evidence> {
    let control = control_host(inventory).ok_or_else(|| Failure::inventory("no host has the role `control`"))?;
    let (fleet, progress) = to_control(inventory, verb, way, out)?;
    let evidence = fleet.read_evidence(control, newest);
    fleet.end();
    progress.finish();
    evidence
}

/// Brings all that waits in the outbox to the control host.
///
/// # Errors
/// When it cannot be reached or there is none; the records stay in the outbox.
pub(super) fn deliver(inventory: &Inventory, outbox: &Outbox, verb: &'static str, way: &Way, out: &Out) -> Result<()> {
    let (fleet, progress) = to_control(inventory, verb, way, out)?;
    let delivered = records::deliver(outbox, &fleet, control_host(inventory));
    fleet.end();
    progress.finish();
    delivered
}

fn to_control(inventory: &Inventory, verb: &'static str, way: &Way, out: &Out) -> Result<(Fleet, Arc<Progress>)> {
    let progress = Arc::new(Progress::new(out.clone(), verb, true));
    let sign = Arc::new(|_: &str, _| Err("nothing is signed here".to_string()));
    let asked: Vec<&str> = control_host(inventory).into_iter().collect();
    Ok((connect(inventory, &asked, way, &progress, sign, out)?, progress))
}

/// All of it in the order of time, with the outbox of this machine.
///
/// # Errors
/// When the outbox cannot be read.
pub(super) fn history(inventory: &Inventory, evidence: Evidence) -> Result<History> {
    let chains = Chains { lines: evidence.chains, broken: evidence.broken };
    let outbox = Outbox::of(inventory, |name| std::env::var_os(name))?.undelivered()?;
    Ok(merge(&chains, &outbox))
}
