//! A part of L7: who writes backups cannot delete them. It is tried for real, with what an application host has, on a
//! snapshot that was made for it.

use std::path::Path;
use std::time::Duration;

use super::{Check, Outcome};
use crate::backup::configuration::Configuration;
use crate::backup::restic::{Order, Refusal, Repository, Trouble};
use crate::failure::Result;
use crate::machine::{Machine, PRIVATE_FILE, make_folder};

/// Tag of what is made for this: it belongs to no tenant, and is not counted among the backups of one.
pub const PURPOSE: &str = "purpose=delete-test";

/// How long each step may take.
const LONG: Duration = Duration::from_secs(120);

/// Where it lies for the moment.
const FILE: &str = "/var/lib/comuni/backup/delete-test";

/// Tries to delete from the repository of a tenant with what this host has.
///
/// # Errors
/// When a signal came, or the file for it cannot be written.
pub fn try_to_delete(machine: &mut dyn Machine, tenant: &str) -> Result<Check> {
    const WHAT: &str = "deleting with the application host's key";
    let configuration = Configuration::read(machine, tenant)?;
    let repository = configuration.repository(machine)?;
    let path = Path::new(FILE);
    if let Some(folder) = path.parent() {
        make_folder(machine, folder)?;
    }
    machine.write(path, b"This was stored to see that it cannot be deleted.\n", &PRIVATE_FILE)?;
    let order = Order {
        host: configuration.member.clone(),
        tags: vec![PURPOSE.to_string()],
        paths: vec![FILE.to_string()],
        deadline: LONG,
    };
    let stored = repository.store(machine, &order, &mut |_| Ok(()));
    machine.remove(path)?;
    let stored = match stored {
        Ok(stored) => stored.summary.snapshot_id,
        Err(refusal) => return super::climb::refused(WHAT, refusal).map(inconclusive),
    };
    let asked = repository.forget(machine, std::slice::from_ref(&stored), LONG);
    let left = match repository.snapshots(machine, &[PURPOSE]) {
        Ok((left, _)) => left.iter().any(|snapshot| snapshot.id.starts_with(&stored)),
        Err(refusal) => return super::climb::refused(WHAT, refusal).map(inconclusive),
    };
    // Only that it is still there counts: restic may say what it wants.
    Ok(match (left, asked) {
        (true, Err(refusal)) if refusal.trouble != Trouble::Stopped => {
            Check::pass(WHAT, "refused").said(refusal.failure.message)
        }
        (true, _) => Check::pass(WHAT, "it is still there although restic said that it was forgotten"),
        (false, _) => Check::new(WHAT, Outcome::Fail, "a snapshot could be deleted")
            .expected("refused")
            .said("who gets into the application host can delete the backups: look at authorized_keys of the repository's account"),
    })
}

fn inconclusive(check: Check) -> Check {
    Check { outcome: Outcome::Inconclusive, ..check }
}

/// Takes away what was made to see that it cannot be deleted, where it can be: on the host that keeps the repository.
///
/// # Errors
/// As restic says.
pub(super) fn clear(machine: &mut dyn Machine, repository: &Repository) -> std::result::Result<(), Refusal> {
    let (made, _) = repository.snapshots(machine, &[PURPOSE])?;
    let ids: Vec<String> = made.into_iter().map(|snapshot| snapshot.id).collect();
    if ids.is_empty() { Ok(()) } else { repository.forget(machine, &ids, LONG) }
}
