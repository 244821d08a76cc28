//! Takes off a host what we put there and nobody wants any more. Never what holds data, but for a member that left.

use std::collections::BTreeSet;
use std::time::Instant;

use super::manifest::{Manifest, Record};
use super::session::Session;
use crate::catalog::Stage;
use crate::failure::Result;
use crate::machine::Machine;
use crate::protocol::Request;
use crate::resources::{Action, Resource};

/// The ids of what is no longer wanted and stays all the same: what holds data, and folders in which something would be
/// left behind, such as data or logs.
///
/// # Errors
/// When a folder cannot be read.
pub fn staying(machine: &dyn Machine, manifest: &Manifest, request: &Request) -> Result<BTreeSet<String>> {
    let unwanted: Vec<&Record> =
        manifest.removals(request).into_iter().filter(|record| !request.purge.contains(&record.owner)).collect();
    let mut staying = BTreeSet::new();
    let mut going: BTreeSet<String> = BTreeSet::new();
    for record in &unwanted {
        match &record.resource {
            resource if resource.kind().holds_data() => {
                staying.insert(record.id.clone());
            }
            Resource::Directory(_) => {}
            resource => going.extend(resource.kind().paths()),
        }
    }
    // What came later lies deeper, and stands first here.
    for record in &unwanted {
        let Resource::Directory(directory) = &record.resource else { continue };
        let is_left = |name: &String| !going.contains(&format!("{}/{name}", directory.path));
        if directory.data || directory.names(machine)?.iter().any(is_left) {
            staying.insert(record.id.clone());
        } else {
            going.insert(directory.path.clone());
        }
    }
    Ok(staying)
}

/// Removes what belongs to a stage: services first, then the rest in reverse order of how it came. Says whether it
/// came to its end: control may want to end before. Releases are left for [`remove_releases`].
///
/// # Errors
/// When the other side is gone or our own folder cannot be written. A failed removal is told.
pub fn remove(session: &mut Session, stage: Stage, without: &BTreeSet<String>) -> Result<bool> {
    let unwanted = session.manifest.removals(session.request).into_iter().filter(|record| record.stage == stage);
    let unwanted = unwanted.filter(|record| !matches!(record.resource, Resource::Release(_)));
    let (services, others): (Vec<_>, Vec<_>) =
        unwanted.cloned().partition(|record| matches!(record.resource, Resource::Service(_)));
    remove_all(session, services.iter().chain(&others), without)
}

/// Removes the releases of a stage, when all else in it is done and told: until then somebody may run from them, and
/// an owner that failed on the way to the next release still does.
///
/// # Errors
/// As [`remove`].
pub fn remove_releases(session: &mut Session, stage: Stage, without: &BTreeSet<String>) -> Result<bool> {
    let unwanted = session.manifest.removals(session.request).into_iter().filter(|record| record.stage == stage);
    let releases: Vec<_> = unwanted.filter(|record| matches!(record.resource, Resource::Release(_))).cloned().collect();
    remove_all(session, releases.iter(), without)
}

fn remove_all<'r>(
    session: &mut Session,
    records: impl Iterator<Item = &'r Record>,
    without: &BTreeSet<String>,
) -> Result<bool> {
    let staying = staying(session.machine, &session.manifest, session.request)?;
    for record in records {
        session.wire.check()?;
        if session.wire.is_ending() {
            session.save()?;
            return Ok(false);
        }
        if staying.contains(&record.id) {
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

/// Removes one, or forgets it when others need the same thing. That it could not be removed is told.
///
/// # Errors
/// As [`remove`].
pub fn remove_one(session: &mut Session, record: &Record) -> Result<()> {
    let begin = Instant::now();
    session.started(&record.id)?;
    let kind = record.resource.kind();
    let removed = if is_shared(session, record) {
        Ok(())
    } else {
        if let Some(notification) = kind.notification() {
            session.owed.owe(session.machine, notification, &record.owner)?;
        }
        match session.request.purge.contains(&record.owner) {
            true => kind.purge(session.machine),
            false => kind.remove(session.machine),
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
        Err(failure) => session.fail(&record.id, &record.owner, &failure.told()),
    }
}

/// A path that changed its kind (a file that became a link) is still needed by something else of ours.
fn is_shared(session: &Session, record: &Record) -> bool {
    let wanted = session.request.catalog.entries.iter().map(|entry| &entry.resource);
    let ours = session.manifest.records.iter().filter(|other| other.id != record.id).map(|other| &other.resource);
    let paths = record.resource.kind().paths();
    wanted.chain(ours).any(|other| other.kind().paths().iter().any(|path| paths.contains(path)))
}
