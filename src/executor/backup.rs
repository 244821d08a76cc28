//! Backups on this host, by its timer or by control: the tenant's lock, the run, its record in the host's own chain, and
//! what is remembered and measured of it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::chain;
use super::lock::{self, Taken};
use super::store::Settings;
use crate::backup::configuration::Configuration;
use crate::backup::prune::{self, Keep, Pruned};
use crate::backup::restic::Repository;
use crate::backup::run::{FOLDER, Remembered, Run};
use crate::backup::take::{self, Step, Tell};
use crate::backup::{copy, metrics, restore};
use crate::failure::{Failure, Kind, Result};
use crate::machine::Machine;
use crate::protocol::{Holder, Operator, Order, Place};
use crate::upgrade;

/// How long another run's record is waited for: an append takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes a backup by itself, as the timer of a tenant does, and waits at most this long for whoever holds the tenant.
///
/// # Errors
/// When the backup is not complete, with the kind that its exit code stands for; its record is written all the same.
pub fn backup(machine: &mut dyn Machine, settings: &Settings, tenant: &str, patience: Duration) -> Result<()> {
    let configuration = Configuration::read(machine, tenant)?;
    let operator = Operator { user: "timer".to_string(), machine: configuration.host.clone(), fingerprint: None };
    let holder = Holder { operator, verb: "backup".to_string(), since: machine.now() };
    let run = match lock::wait_or_say(&settings.tenant_lock(tenant), &holder, patience)? {
        Taken::Held(_lock) => {
            // A database that is half migrated is no backup of anything.
            if let Some(note) = upgrade::under_way(machine, tenant)? {
                let run = take::busy(machine, &configuration, "timer", note.words(tenant));
                return verdict(&recorded(machine, settings, &holder, run)?);
            }
            let run = take::take(machine, &configuration, "timer", &mut |_: Step| Ok(()));
            recorded(machine, settings, &holder, run)?
        }
        Taken::Busy(other) => {
            let who = format!("{tenant} is held by {}", lock::words(&other));
            let run = take::busy(machine, &configuration, "timer", who);
            recorded(machine, settings, &holder, run)?
        }
    };
    verdict(&run)
}

/// The same for control, which holds the tenant already.
///
/// # Errors
/// When the record cannot be written. How the run ended is in it.
pub fn backup_for(
    machine: &mut dyn Machine,
    settings: &Settings,
    holder: &Holder,
    tenant: &str,
    tell: &mut Tell<'_>,
) -> Result<Run> {
    let configuration = Configuration::read(machine, tenant)?;
    let by = holder.operator.fingerprint.clone().unwrap_or_else(|| holder.operator.user.clone());
    let run = take::take(machine, &configuration, &by, tell);
    recorded(machine, settings, holder, run)
}

/// Fetches the second copy, as its timer does; what is worth a line although nothing is wrong.
///
/// # Errors
/// Exit 6 while another fetch is going on, 4 when a file was changed after it was written, 1 when the other host is away.
pub fn copy_backups(machine: &mut dyn Machine, settings: &Settings) -> Result<Option<String>> {
    let operator = Operator { user: "timer".to_string(), machine: String::new(), fingerprint: None };
    let holder = Holder { operator, verb: "copy-backups".to_string(), since: machine.now() };
    let _copying = lock::wait(&settings.run.join("backup-copy.lock"), &holder, PATIENCE)?;
    let began = machine.now();
    let fetched = copy::fetch(machine);
    let mut record = json!({ "kind": "copy", "began": began, "ended": machine.now() });
    match &fetched {
        Ok(copied) => {
            record["copied"] = json!(copied);
            record["exit"] = json!(copy::verdict(copied).err().map_or(0, |failure| failure.kind.exit_code()));
        }
        Err(failure) => {
            record["error"] = json!(failure.message);
            record["exit"] = json!(failure.kind.exit_code());
        }
    }
    {
        let _lock = lock::wait(&settings.run.join("backup.lock"), &holder, PATIENCE)?;
        chain::append(machine, &runs(), vec![record])?;
    }
    let copied = fetched?;
    copy::verdict(&copied).map(|()| copied.remark())
}

/// Takes away what is older than its limit. The record of it is in the host's own chain.
///
/// # Errors
/// As restic says.
pub fn prune(
    machine: &mut dyn Machine,
    settings: &Settings,
    holder: &Holder,
    place: &Place,
    keeps: &[Keep],
    password: String,
) -> Result<Pruned> {
    let repository = Repository::here(&place.repository, place.account.as_deref(), password);
    let began = machine.now();
    let pruned = prune::prune(machine, &repository, &place.home, keeps, place.account.is_none());
    let mut record = json!({ "kind": "prune", "repository": place.repository, "by": lock::words(holder) });
    (record["began"], record["ended"]) = (json!(began), json!(machine.now()));
    match &pruned {
        Ok(pruned) => record["pruned"] = json!(pruned),
        Err(failure) => record["error"] = json!(failure.message),
    }
    let _lock = lock::wait(&settings.run.join("backup.lock"), holder, PATIENCE)?;
    chain::append(machine, &runs(), vec![record])?;
    pruned
}

/// Takes a step of a restore. What came of the ones that leave something is in the host's own chain.
///
/// # Errors
/// When the record cannot be written, or the conversation has to end. How the step ended is in the answer.
pub fn restore(
    machine: &mut dyn Machine,
    settings: &Settings,
    holder: &Holder,
    order: &Order,
    step: &restore::Step,
    tell: &mut restore::Tell<'_>,
) -> Result<restore::Answer> {
    let key = match step {
        restore::Step::Choose { from: restore::From::Here { key, .. }, .. }
        | restore::Step::Unpack { from: restore::From::Here { key, .. }, .. } => order.secrets.value(key),
        _ => None,
    };
    let began = machine.now();
    let answer = match restore::step(machine, &order.tenant, step, key, tell)? {
        // The words of a program may repeat what it was given.
        restore::Answer::Refused { exit, message, hints } => {
            restore::Answer::Refused { exit, message: order.secrets.mask(&message), hints }
        }
        answer => answer,
    };
    if let Some(what) = restore::remarkable(step) {
        let mut record =
            json!({ "kind": "restore", "tenant": order.tenant, "member": order.owner, "by": lock::words(holder) });
        record["step"] = json!(what);
        record["answer"] = json!(answer);
        (record["began"], record["ended"]) = (json!(began), json!(machine.now()));
        let _lock = lock::wait(&settings.run.join("backup.lock"), holder, PATIENCE)?;
        chain::append(machine, &runs(), vec![record])?;
    }
    Ok(answer)
}

fn recorded(machine: &mut dyn Machine, settings: &Settings, holder: &Holder, run: Run) -> Result<Run> {
    let _lock = lock::wait(&settings.run.join("backup.lock"), holder, PATIENCE)?;
    let line =
        serde_json::to_value(&run).map_err(|error| Failure::operation(format!("cannot encode a record: {error}")))?;
    chain::append(machine, &runs(), vec![line])?;
    Remembered::read(machine, &run.tenant)?.note(machine, &run)?;
    // An exporter that is not well changes no verdict.
    let mut run = run;
    if let Err(failure) = metrics::write(machine) {
        run.notes.push(format!("metrics not written: {failure}"));
    }
    Ok(run)
}

fn runs() -> PathBuf {
    PathBuf::from(FOLDER).join("runs.jsonl")
}

fn verdict(run: &Run) -> Result<()> {
    let kind = match run.exit {
        0 => return Ok(()),
        3 => Kind::Partial,
        6 => Kind::Busy,
        64 => Kind::Usage,
        130 => Kind::Interrupted,
        143 => Kind::Terminated,
        _ => Kind::Operation,
    };
    let words = run.error.iter().chain(&run.shrunk).cloned().collect::<Vec<_>>().join("\n");
    Err(Failure::new(kind, format!("{}: backup {}: {words}", run.tenant, run.state.word())))
}

/// Whether the end of a chain is missing: cut off exactly behind a line it holds together. What is remembered beside it of
/// each tenant's newest run, which is written after its line, must be in it.
fn cut_off(machine: &dyn Machine, lines: &[chain::Line]) -> Result<Option<String>> {
    let recorded: BTreeSet<&str> = lines.iter().filter_map(|line| line.record["run"].as_str()).collect();
    for tenant in Configuration::tenants(machine)? {
        let last = Remembered::read(machine, &tenant)?.last;
        if let Some(last) = last.filter(|last| !recorded.contains(last.run.as_str())) {
            let end = lines.len() + 1;
            return Ok(Some(format!("line {end}: the end is missing: run {} of {tenant} is not in it", last.run)));
        }
    }
    Ok(None)
}

/// The newest runs of this host's chain, the oldest first, and where the chain is broken.
///
/// # Errors
/// When it cannot be read.
pub fn newest(machine: &dyn Machine, newest: u32) -> Result<(Vec<Value>, Option<String>)> {
    let content = machine.read(&runs())?.unwrap_or_default();
    let (lines, broken) = match chain::verify(&content) {
        Ok(lines) => {
            let cut = cut_off(machine, &lines)?;
            (lines, cut)
        }
        Err(found) => {
            let good = content.split_inclusive(|byte| *byte == b'\n').take(found.line - 1).flatten().copied();
            let good = chain::verify(&good.collect::<Vec<u8>>()).unwrap_or_default();
            (good, Some(format!("line {}: {}", found.line, found.why)))
        }
    };
    let first = lines.len().saturating_sub(newest as usize);
    Ok((lines.into_iter().skip(first).map(|line| line.record).collect(), broken))
}
