//! Takes off a host what we put there and nobody wants any more. Never what holds data.

use std::collections::BTreeSet;
use std::time::Instant;

use super::manifest::Record;
use super::session::Session;
use crate::catalog::Stage;
use crate::failure::Result;
use crate::resources::{Action, Resource};

/// Removes what belongs to a stage: services first, then the rest in reverse order of how it came. Says whether it
/// came to its end: control may want to end before.
///
/// # Errors
/// When the other side is gone or our own folder cannot be written. A failed removal is told.
pub fn remove(session: &mut Session, stage: Stage, without: &BTreeSet<String>) -> Result<bool> {
    let unwanted = session.manifest.removals(session.request).into_iter().filter(|record| record.stage == stage);
    let (services, others): (Vec<_>, Vec<_>) =
        unwanted.cloned().partition(|record| matches!(record.resource, Resource::Service(_)));
    for record in services.iter().chain(&others) {
        session.wire.check()?;
        if session.wire.is_ending() {
            session.save()?;
            return Ok(false);
        }
        if record.resource.kind().holds_data() {
            continue; // Said with the findings, and marked as kept then.
        }
        if session.is_left_out(&record.owner, without) {
            session.skip(&record.id, &record.owner)?;
        } else {
            remove_one(session, record)?;
        }
    }
    session.save()?;
    Ok(true)
}

fn remove_one(session: &mut Session, record: &Record) -> Result<()> {
    let begin = Instant::now();
    session.started(&record.id)?;
    let kind = record.resource.kind();
    let removed = if is_shared(session, record) {
        Ok(())
    } else {
        if let Some(notification) = kind.notification() {
            session.owed.owe(session.machine, notification, &record.owner)?;
        }
        kind.remove(session.machine)
    };
    match removed {
        Ok(()) => {
            session.manifest.forget(&record.id);
            session.pending.remove(&record.id);
            session.unsaved = true;
            session.save()?;
            session.finished(&record.id, &record.owner, Action::Remove, begin)
        }
        Err(failure) => session.fail(&record.id, &record.owner, &failure.message),
    }
}

/// A path that changed its kind (a file that became a link) is still needed by something else of ours.
fn is_shared(session: &Session, record: &Record) -> bool {
    let wanted = session.request.catalog.entries.iter().map(|entry| &entry.resource);
    let ours = session.manifest.records.iter().filter(|other| other.id != record.id).map(|other| &other.resource);
    let paths = record.resource.kind().paths();
    wanted.chain(ours).any(|other| other.kind().paths().iter().any(|path| paths.contains(path)))
}
