//! Takes off a host what we put there and nobody wants any more. Never what holds data.

use std::collections::BTreeSet;
use std::time::Instant;

use super::manifest::Record;
use super::paths;
use super::session::Session;
use crate::catalog::Stage;
use crate::failure::Result;
use crate::resources::{Action, Resource};

/// Removes what belongs to a stage: services first, then the rest in reverse order of how it came.
///
/// # Errors
/// When the other side is gone or our own folder cannot be written. A failed removal is told.
pub fn remove(session: &mut Session, stage: Stage, without: &BTreeSet<String>) -> Result<()> {
    let unwanted = session.manifest.removals(session.request).into_iter().filter(|record| record.stage == stage);
    let (services, others): (Vec<_>, Vec<_>) =
        unwanted.cloned().partition(|record| matches!(record.resource, Resource::Service(_)));
    for record in services.iter().chain(&others) {
        session.wire.check()?;
        if record.resource.kind().holds_data() {
            continue; // Said with the findings, and marked as kept then.
        }
        if session.is_left_out(&record.owner, without) {
            session.skip(&record.id, &record.owner)?;
        } else {
            remove_one(session, record)?;
        }
    }
    session.save()
}

fn remove_one(session: &mut Session, record: &Record) -> Result<()> {
    let begin = Instant::now();
    session.started(&record.id)?;
    let removed = match what_is_left(session, record) {
        None => Ok(()),
        Some(resource) => {
            if let Some(notification) = resource.kind().notification() {
                session.owed.owe(session.machine, notification, &record.owner)?;
            }
            resource.kind().remove(session.machine)
        }
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

/// The part of an unwanted resource that nothing else of ours needs: a path that changed its kind (a file that
/// became a link) and a package that moved to another list stay.
fn what_is_left(session: &Session, record: &Record) -> Option<Resource> {
    let wanted = session.request.catalog.entries.iter().map(|entry| &entry.resource);
    let ours = session.manifest.records.iter().filter(|other| other.id != record.id).map(|other| &other.resource);
    let mut others = wanted.chain(ours);
    match &record.resource {
        Resource::Package(package) => {
            let needed: BTreeSet<&String> = others
                .filter_map(|other| match other {
                    Resource::Package(other) => Some(&other.names),
                    _ => None,
                })
                .flatten()
                .collect();
            let mut package = package.clone();
            package.names.retain(|name| !needed.contains(name));
            (!package.names.is_empty()).then_some(Resource::Package(package))
        }
        resource => {
            let gone = paths::of(resource);
            let shared = others.any(|other| paths::of(other).iter().any(|path| gone.contains(path)));
            (!shared).then(|| resource.clone())
        }
    }
}
