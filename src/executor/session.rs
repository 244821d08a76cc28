//! What one conversation about one catalog needs to remember.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::json;

use super::check::{Found, compare};
use super::journal::Journal;
use super::key;
use super::lock::{self, Lock, Taken};
use super::manifest::Manifest;
use super::owed::Owed;
use super::store::{self, Settings};
use super::wire::{Wire, WiredAuthority};
use crate::backup::restore;
use crate::catalog::{Entry, HOST_OWNER};
use crate::failure::{Failure, Result};
use crate::machine::Machine;
use crate::protocol::{FromHost, Holder, Mode, Outcome, Request};
use crate::resources::{Action, Change, Context, Means, Notification, Resource, Step};
use crate::upgrade;

/// One conversation about one catalog.
pub struct Session<'a> {
    pub(super) machine: &'a mut dyn Machine,
    pub(super) wire: &'a Wire,
    pub(super) settings: &'a Settings,
    pub(super) request: &'a Request,
    pub(super) holder: Holder,
    pub(super) host_key: Vec<u8>,
    pub(super) manifest: Manifest,
    pub(super) owed: Owed,
    pub(super) journal: Journal,
    /// Ids that were not correct when the catalog was compared, and are not yet.
    pub(super) pending: BTreeSet<String>,
    /// Ids of what was there and is not ours: it is taken over.
    pub(super) strange: BTreeSet<String>,
    /// Owners that failed on this host.
    pub(super) failed: BTreeSet<String>,
    pub(super) tenants: BTreeMap<String, Lock>,
    /// Notifications that failed in this stage: they are not tried twice.
    pub(super) refused: BTreeSet<Notification>,
    /// The manifest differs from its file.
    pub(super) unsaved: bool,
    /// What the comparison found correct, and the ids of what stays: not ours before control has judged the findings.
    pub(super) unjudged: (Vec<&'a Entry>, Vec<String>),
}

impl<'a> Session<'a> {
    /// What a check may know.
    pub(super) fn context(&self) -> Context<'_> {
        Context { secrets: &self.request.secrets, host_key: &self.host_key, allowed: &self.request.allowed }
    }

    /// Compares one entry as it is now, with nothing left to wait for.
    pub(super) fn compare(&self, entry: &Entry) -> Found {
        compare(self.machine, &self.context(), &self.manifest, entry, &[])
    }

    /// Fixes a resource without checking it again.
    pub(super) fn fix(&mut self, resource: &Resource) -> Result<()> {
        let mut authority = WiredAuthority(self.wire);
        let context =
            Context { secrets: &self.request.secrets, host_key: &self.host_key, allowed: &self.request.allowed };
        resource.kind().fix(self.machine, &mut Means { context, authority: &mut authority })
    }

    /// Fixes an entry and checks it again: fixed means correct now, but for what has its time: that is given back.
    pub(super) fn fix_and_check(&mut self, entry: &Entry) -> Result<Vec<Change>> {
        self.fix(&entry.resource)?;
        match self.compare(entry) {
            Found::Correct => Ok(Vec::new()),
            Found::Not(Outcome::Differs { action: Action::Wait, changes }) => Ok(changes),
            Found::Not(Outcome::Differs { changes, .. }) => {
                let what: Vec<_> = changes.iter().map(describe).collect();
                Err(still_wrong(entry, &what.join(", ")))
            }
            Found::Not(outcome) => Err(still_wrong(entry, &words(&outcome))),
        }
    }

    /// The owner is left out here: it failed, or the host itself did.
    pub(super) fn is_left_out(&self, owner: &str, without: &BTreeSet<String>) -> bool {
        self.failed.contains(HOST_OWNER) || self.failed.contains(owner) || without.contains(owner)
    }

    pub(super) fn started(&mut self, id: &str) -> Result<()> {
        self.wire.send(FromHost::Started { id: id.to_string() })?;
        self.journal.write(self.machine, "started", json!({ "id": id }))
    }

    /// An entry is as it must be: remember that it is ours.
    pub(super) fn correct(&mut self, entry: &Entry) -> Result<()> {
        self.pending.remove(&entry.id);
        let news =
            self.manifest.note(self.machine, &self.host_key, &self.request.catalog, entry, &self.request.secrets)?;
        self.unsaved |= news;
        Ok(())
    }

    /// An entry is as far as it can be now. It is ours, and not said to have been applied: what is left is no drift.
    pub(super) fn waits(&mut self, entry: &Entry, changes: &[Change]) -> Result<()> {
        self.correct(entry)?;
        self.manifest.unfinished(&entry.id);
        self.unsaved = true;
        let not_before = changes.iter().filter_map(|change| match change.step {
            Some(Step::Second { not_before }) => Some(not_before),
            _ => None,
        });
        let not_before = not_before.min().unwrap_or_else(|| self.machine.now());
        self.wire.send(FromHost::Waits { id: entry.id.clone(), owner: entry.owner.clone(), not_before })
    }

    /// Control goes on with what was compared: what is correct becomes ours, what stays is marked so. From here on
    /// this host may be written to.
    pub(super) fn begin(&mut self) -> Result<()> {
        if self.request.mode == Mode::Confirm {
            self.host_key = key::load_or_make(self.machine, &self.settings.host_key())?;
        }
        let (correct, kept) = std::mem::take(&mut self.unjudged);
        let adopted: Vec<&String> =
            correct.iter().map(|entry| &entry.id).filter(|id| self.strange.contains(*id)).collect();
        if !adopted.is_empty() {
            self.journal.write(self.machine, "adopted", json!({ "ids": adopted }))?;
        }
        for entry in correct {
            self.correct(entry)?;
        }
        for id in kept {
            self.unsaved |= self.manifest.keep(&id);
        }
        self.save()
    }

    pub(super) fn fixed(&mut self, entry: &Entry, action: Action, begin: Instant) -> Result<()> {
        self.correct(entry)?;
        let adopts = action == Action::Change && self.strange.contains(&entry.id);
        let action = if adopts { Action::AdoptAndChange } else { action };
        self.finished(&entry.id, &entry.owner, action, begin)
    }

    pub(super) fn finished(&mut self, id: &str, owner: &str, action: Action, begin: Instant) -> Result<()> {
        let milliseconds = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        let line = json!({ "id": id, "action": action, "milliseconds": milliseconds });
        self.journal.write(self.machine, "finished", line)?;
        self.wire.send(FromHost::Fixed { id: id.to_string(), owner: owner.to_string(), action, milliseconds })
    }

    /// A resource or notification failed: the rest of its owner on this host is left out.
    pub(super) fn fail(&mut self, id: &str, owner: &str, message: &str) -> Result<()> {
        self.failed.insert(owner.to_string());
        // The words of a program may repeat what it read.
        let message = self.request.secrets.mask(message);
        self.journal.write(self.machine, "failed", json!({ "id": id, "owner": owner, "message": message }))?;
        let (id, owner) = (id.to_string(), owner.to_string());
        self.wire.send(FromHost::Failed { id, owner, message })
    }

    /// Says that something pending is left out; what was correct anyway is not worth a word.
    pub(super) fn skip(&mut self, id: &str, owner: &str) -> Result<()> {
        if !self.pending.contains(id) {
            return Ok(());
        }
        self.wire.send(FromHost::Skipped { id: id.to_string(), owner: owner.to_string() })
    }

    /// Takes the lock of a tenant for the rest of the conversation; says who has it otherwise.
    pub(super) fn lock_tenant(&mut self, tenant: &str) -> Result<std::result::Result<(), String>> {
        if self.tenants.contains_key(tenant) {
            return Ok(Ok(()));
        }
        match lock::take(&self.settings.tenant_lock(tenant), &self.holder)? {
            Taken::Held(lock) => {
                self.tenants.insert(tenant.to_string(), lock);
                // A restore that was cut off is brought to its end before anything of the tenant is touched or started.
                if let Err(failure) = restore::begin(self.machine, tenant) {
                    return Ok(Err(failure.message));
                }
                Ok(match upgrade::under_way(self.machine, tenant)? {
                    None => Ok(()),
                    Some(note) => Err(note.words(tenant)),
                })
            }
            Taken::Busy(holder) => Ok(Err(format!("{tenant} is busy: {}", lock::words(&holder)))),
        }
    }

    /// Writes the manifest, if it changed.
    pub(super) fn save(&mut self) -> Result<()> {
        if self.unsaved {
            store::save(self.machine, &self.settings.manifest(), &self.manifest)?;
            self.unsaved = false;
        }
        Ok(())
    }
}

fn still_wrong(entry: &Entry, what: &str) -> Failure {
    Failure::operation(format!("{} was changed but is still not as it should be: {what}", entry.id))
}

fn describe(change: &Change) -> String {
    match (&change.before, &change.after) {
        // Whole texts say nothing in one line, and secrets may not be shown.
        (Some(before), Some(after)) if !change.secret && before.len() + after.len() < 200 => {
            format!("{} is {before:?}, not {after:?}", change.field)
        }
        _ => format!("{} differs", change.field),
    }
}

/// An outcome that is neither correct nor a difference, for a message.
pub(super) fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed { message } => message.clone(),
        Outcome::NotChecked { why } => format!("a secret was not given: {why}"),
        Outcome::KnownAfter { needs } => format!("it waits for {needs}"),
        Outcome::Foreign => "it is not ours".to_string(),
        Outcome::Differs { .. } => "it differs".to_string(),
    }
}
