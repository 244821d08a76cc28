//! The second half of the one loop: brings one stage of a catalog to what it says.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::json;

use super::check::Found;
use super::groups::{self, Groups};
use super::owed;
use super::removal;
use super::session::{Session, words};
use crate::backup::metrics;
use crate::catalog::{Entry, Stage};
use crate::failure::Result;
use crate::protocol::{FromHost, Outcome};
use crate::resources::{Action, Notification, Resource, Service};

/// Applies one stage and says that it is over, unless control wants to end in the middle of it: then the resource
/// at work is finished, and what is owed stays owed.
///
/// An owner's first failure leaves out the rest of that owner on this host; a failure of the host itself leaves out
/// everything after it. What was done is remembered even when the conversation breaks off.
///
/// # Errors
/// When the other side is gone or our own folder cannot be written. Failed resources are told, not returned.
pub fn stage(session: &mut Session, stage: Stage, without: &BTreeSet<String>) -> Result<()> {
    let done = converge(session, stage, without);
    let saved = session.save();
    if !done? {
        return saved;
    }
    saved?;
    tell_of_backups(session, stage)?;
    session.wire.send(FromHost::StageDone { stage })
}

/// A tenant that was never backed up is in the metrics from the beginning, and one that is no more is not. The exporter
/// that reads them comes with the monitoring. That they cannot be written fails nothing.
fn tell_of_backups(session: &mut Session, stage: Stage) -> Result<()> {
    if !matches!(stage, Stage::Backup | Stage::Monitoring) {
        return Ok(());
    }
    match metrics::write(session.machine) {
        Ok(()) => Ok(()),
        Err(failure) => {
            session.journal.write(session.machine, "metrics not written", json!({ "message": failure.message }))
        }
    }
}

/// Says whether the stage came to its end.
fn converge(session: &mut Session, stage: Stage, without: &BTreeSet<String>) -> Result<bool> {
    session.refused.clear();
    lock_tenants(session, stage, without)?;
    if !removal::remove(session, stage, without)? {
        return Ok(false);
    }
    let mut groups = Groups::default();
    let request = session.request;
    // Zones are looked at when the name server has the configuration of all, and their catalog when it has them all.
    let (zones, others): (Vec<_>, Vec<_>) =
        request.catalog.entries.iter().filter(|entry| entry.stage == stage).partition(|entry| turn(entry) > 0);
    for entry in others {
        session.wire.check()?;
        if session.wire.is_ending() {
            return Ok(false);
        }
        if let Resource::Service(service) = &entry.resource {
            groups::settle_before(session, &mut groups, service, without)?;
            tell_before(session, service, without)?;
        }
        bring_about(session, entry, &mut groups, without)?;
    }
    if session.wire.is_ending() {
        return Ok(false);
    }
    groups::settle_all(session, &mut groups, without)?;
    if !converge_zones(session, zones, without)? {
        return Ok(false);
    }
    let pending_owners = owners_with_more_to_do(session);
    for unpaid in owed::pay(session, |_| true)? {
        for owner in &unpaid.owners {
            // The cause of an old debt may be mended by a later stage; only then is it worth failing for.
            if !(unpaid.inherited && pending_owners.contains(owner)) {
                session.fail(&unpaid.notification.to_string(), owner, &unpaid.message)?;
            }
        }
    }
    removal::remove_releases(session, stage, without)
}

/// Whether an entry waits for the rest of its stage, and for whom among those that wait.
fn turn(entry: &Entry) -> u8 {
    match entry.resource {
        Resource::Zone(_) => 1,
        Resource::ZoneCatalog(_) => 2,
        _ => 0,
    }
}

/// Compares an entry and fixes it, or lets it wait for its group.
fn bring_about<'a>(
    session: &mut Session<'a>,
    entry: &'a Entry,
    groups: &mut Groups<'a>,
    without: &BTreeSet<String>,
) -> Result<()> {
    if session.is_left_out(&entry.owner, without) {
        return session.skip(&entry.id, &entry.owner);
    }
    match session.compare(entry) {
        Found::Correct => session.correct(entry),
        Found::Not(Outcome::Differs { action: Action::Wait, changes }) => session.waits(entry, &changes),
        Found::Not(Outcome::Differs { action, .. }) => match &entry.resource {
            Resource::File(file) if file.validate.is_some() || file.confirm.is_some() => {
                groups.defer(entry, file, action);
                Ok(())
            }
            _ => fix(session, entry, action),
        },
        Found::Not(outcome) => session.fail(&entry.id, &entry.owner, &words(&outcome)),
    }
}

/// The zones of a stage, then their catalog. Says whether it came to its end.
fn converge_zones<'a>(
    session: &mut Session<'a>,
    mut zones: Vec<&'a Entry>,
    without: &BTreeSet<String>,
) -> Result<bool> {
    zones.sort_by_key(|entry| turn(entry));
    let mut groups = Groups::default();
    for entry in zones {
        session.wire.check()?;
        if session.wire.is_ending() {
            return Ok(false);
        }
        bring_about(session, entry, &mut groups, without)?;
    }
    Ok(true)
}

fn owners_with_more_to_do(session: &Session) -> BTreeSet<String> {
    let entries = session.request.catalog.entries.iter().filter(|entry| session.pending.contains(&entry.id));
    entries.map(|entry| entry.owner.clone()).filter(|owner| !session.failed.contains(owner)).collect()
}

/// Takes the locks of the tenants that this stage changes. A tenant whose lock somebody holds fails.
fn lock_tenants(session: &mut Session, stage: Stage, without: &BTreeSet<String>) -> Result<()> {
    let request = session.request;
    let entries = request.catalog.entries.iter().filter(|entry| entry.stage == stage);
    let wanted = entries.map(|entry| (&entry.id, &entry.owner, &entry.tenant));
    let removals = session.manifest.removals(request).into_iter().filter(|record| record.stage == stage);
    let unwanted = removals.map(|record| (&record.id, &record.owner, &record.tenant));
    let touched: Vec<(String, String, String)> = wanted
        .chain(unwanted)
        .filter(|(id, _, _)| session.pending.contains(*id))
        .filter_map(|(id, owner, tenant)| Some((id.clone(), owner.clone(), tenant.clone()?)))
        .collect();
    for (id, owner, tenant) in touched {
        if session.is_left_out(&owner, without) {
            continue;
        }
        if let Err(message) = session.lock_tenant(&tenant)? {
            session.fail(&id, &owner, &message)?;
        }
    }
    Ok(())
}

/// Before a unit is looked at, what it was to be told is told, if it runs. If not, its start will do.
fn tell_before(session: &mut Session, service: &Service, without: &BTreeSet<String>) -> Result<()> {
    tell_first(session, without, |notification| owed::unit_of(notification).is_none_or(|unit| unit == service.unit))
}

/// Tells what must be told before something else is done. What cannot be told fails its owners.
///
/// # Errors
/// As [`owed::pay`].
pub fn tell_first(
    session: &mut Session,
    without: &BTreeSet<String>,
    concerns: impl Fn(&Notification) -> bool,
) -> Result<()> {
    if session.failed.contains(crate::catalog::HOST_OWNER) {
        return Ok(());
    }
    for unpaid in owed::pay(session, concerns)? {
        if unpaid.inherited {
            // The cause of an old debt may be mended further on: the end of the stage tries again.
            session.refused.remove(&unpaid.notification);
            continue;
        }
        for owner in unpaid.owners.iter().filter(|owner| !without.contains(*owner)) {
            session.fail(&unpaid.notification.to_string(), owner, &unpaid.message)?;
        }
    }
    Ok(())
}

fn fix(session: &mut Session, entry: &Entry, action: Action) -> Result<()> {
    let begin = Instant::now();
    session.started(&entry.id)?;
    if let Some(notification) = entry.resource.kind().notification() {
        session.owed.owe(session.machine, notification, &entry.owner)?;
    }
    let starts = match &entry.resource {
        Resource::Service(service) if service.running => !owed::is_active(session.machine, &service.unit)?,
        _ => false,
    };
    match session.fix_and_check(entry) {
        Ok(left) => {
            if let (true, Resource::Service(service)) = (starts, &entry.resource) {
                owed::settle_started(session, &service.unit)?;
            }
            session.fixed(entry, action, begin)?;
            if left.is_empty() { Ok(()) } else { session.waits(entry, &left) }
        }
        Err(failure) => session.fail(&entry.id, &entry.owner, &failure.told()),
    }
}
