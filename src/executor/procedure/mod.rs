//! Acts of procedures on this host: each under the lock of its tenant, which stays held from the first act to the last.

mod ask;
mod bring;
mod export;
mod forget;
mod raise;
mod verify;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::archives;
use super::backup;
use super::journal::Journal;
use super::lock::{self, Lock, Taken};
use super::store::Settings;
use super::wire::Wire;
use crate::backup::export::Step as ExportStep;
use crate::backup::ladder::try_to_delete;
use crate::backup::prune::note_verified;
use crate::backup::run::Remembered;
use crate::backup::take::Step;
use crate::failure::{Failure, Result};
use crate::machine::Machine;
use crate::prometheus::{self, Silence};
use crate::protocol::{Act, Acted, FromHost, Holder, Operator, Order};
use crate::resources;
use crate::upgrade;

/// How long the host's lock is waited for: an apply may be at work on other tenants.
const PATIENCE: Duration = Duration::from_secs(60);

/// And when the tenant may stand still until it is free: somebody may be reading the plan of that apply.
const LONG_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Between two looks at whether somebody still waits.
const LOOK: Duration = Duration::from_secs(1);

/// The acts of one conversation.
pub struct Procedure<'a> {
    wire: &'a Wire,
    settings: &'a Settings,
    fingerprint: Option<String>,
    tenants: BTreeMap<String, Lock>,
}

/// Why an act was not done, when that is an answer and no end of the conversation.
enum Refusal {
    Busy(Holder),
    Failed(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        Refusal::Failed(failure)
    }
}

impl<'a> Procedure<'a> {
    /// A conversation that holds no tenant yet.
    pub fn new(wire: &'a Wire, settings: &'a Settings, fingerprint: Option<String>) -> Procedure<'a> {
        Procedure { wire, settings, fingerprint, tenants: BTreeMap::new() }
    }

    /// Does one act. That it could not be done is an answer too.
    ///
    /// # Errors
    /// When the other side is gone.
    pub fn act(&mut self, machine: &mut dyn Machine, order: &Order) -> Result<Acted> {
        let done = self.lock(machine, order).and_then(|holder| self.do_it(machine, order, &holder));
        self.wire.check()?;
        Ok(match done {
            Ok(acted) => acted,
            Err(Refusal::Busy(holder)) => Acted::Busy(holder),
            // The words of a program may repeat what it read.
            Err(Refusal::Failed(failure)) => Acted::Failed(order.secrets.mask(&failure.message)),
        })
    }

    fn lock(&mut self, machine: &dyn Machine, order: &Order) -> std::result::Result<Holder, Refusal> {
        if order.tenant.contains('/') {
            return Err(Failure::operation(format!("{} is no tenant", order.tenant)).into());
        }
        let mut operator = order.operator.clone();
        operator.fingerprint.clone_from(&self.fingerprint);
        let holder = Holder { operator, verb: order.verb.clone(), since: machine.now() };
        if !self.tenants.contains_key(&order.tenant) {
            match lock::take(&self.settings.tenant_lock(&order.tenant), &holder)? {
                Taken::Held(lock) => {
                    raise::must_be_at_rest(machine, order)?;
                    self.tenants.insert(order.tenant.clone(), lock)
                }
                Taken::Busy(other) => return Err(Refusal::Busy(other)),
            };
        }
        Ok(holder)
    }

    /// The lock of the host, for what an apply may be at work on too.
    fn host(&self, holder: &Holder) -> std::result::Result<Lock, Refusal> {
        let stands_still = upgrade::VERBS.contains(&holder.verb.as_str());
        let patience = if stands_still { LONG_PATIENCE } else { PATIENCE };
        let begin = Instant::now();
        let mut told = false;
        loop {
            match lock::wait_or_say(&self.settings.lock(), holder, LOOK)? {
                Taken::Held(lock) => return Ok(lock),
                Taken::Busy(other) if begin.elapsed() >= patience => return Err(Refusal::Busy(other)),
                Taken::Busy(other) => {
                    if !told {
                        let id = format!("waiting for {} to be done with this host", lock::words(&other));
                        self.wire.send(FromHost::Started { id })?;
                        told = true;
                    }
                    // Whoever asked for it may be gone.
                    self.wire.check()?;
                }
            }
        }
    }

    fn do_it(
        &mut self,
        machine: &mut dyn Machine,
        order: &Order,
        holder: &Holder,
    ) -> std::result::Result<Acted, Refusal> {
        let mut journal = Journal::new(self.settings.journal(), holder);
        let mut note = |machine: &mut dyn Machine, act: &str| {
            journal.write(machine, "act", json!({ "tenant": order.tenant, "act": act }))
        };
        match &order.act {
            Act::Compare(catalog) => Ok(Acted::Differ(bring::compare(machine, self.settings, order, catalog)?)),
            Act::Bring(catalog) => {
                note(machine, "bring")?;
                let _host = self.host(holder)?;
                bring::bring(machine, self.wire, self.settings, order, catalog, holder.clone())?;
                Ok(Acted::Done)
            }
            Act::Place(catalog) => {
                note(machine, "place")?;
                let _host = self.host(holder)?;
                bring::place(machine, self.wire, self.settings, order, catalog, holder.clone())?;
                Ok(Acted::Done)
            }
            Act::Missing(catalog) => {
                let all = catalog.entries.iter().map(|entry| entry.id.clone()).collect();
                Ok(Acted::Missing(archives::missing(machine, &self.settings.archives(), catalog, &all)?))
            }
            Act::Retire(ids) => {
                note(machine, "retire")?;
                let _host = self.host(holder)?;
                bring::retire(machine, self.wire, self.settings, order, ids, holder.clone())?;
                Ok(Acted::Done)
            }
            Act::Upgrade(step) => {
                if let Some(word) = step.word() {
                    note(machine, word)?;
                }
                let release = raise::release(machine, &order.tenant)?;
                let answer = upgrade::step(machine, &order.tenant, &author(holder), release, step)?;
                Ok(Acted::Upgraded(Box::new(raise::masked(answer, &order.secrets))))
            }
            Act::Ask(health) => {
                ask::until_healthy(machine, self.wire, health)?;
                Ok(Acted::Done)
            }
            Act::EndSessions { role } => {
                note(machine, "end sessions")?;
                Ok(Acted::Sessions(resources::end_sessions(machine, role)?))
            }
            Act::Hold => Ok(Acted::Done),
            Act::AcceptShrunk => {
                note(machine, "accept")?;
                Remembered::read(machine, &order.tenant)?.accept(machine, &order.tenant)?;
                Ok(Acted::Done)
            }
            Act::Prune { place, keeps, key } => {
                note(machine, "prune")?;
                let password = order
                    .secrets
                    .value(key)
                    .map(str::to_string)
                    .ok_or_else(|| Failure::operation("the key of the repository was not given"))?;
                Ok(Acted::Pruned(backup::prune(machine, self.settings, holder, place, keeps, password)?))
            }
            Act::NoteVerified { place, verified } => {
                note(machine, "note verified")?;
                note_verified(machine, &place.home, &order.tenant, verified.clone())?;
                Ok(Acted::Done)
            }
            Act::Backup => {
                note(machine, "backup")?;
                let mut began = None;
                let run = backup::backup_for(machine, self.settings, holder, &order.tenant, &mut |step| {
                    self.wire.check()?;
                    let storing = matches!(step, Step::Storing(_));
                    let since = if storing { *began.get_or_insert_with(Instant::now) } else { Instant::now() };
                    self.wire.send(doing(&order.tenant, step, since.elapsed()))
                })?;
                Ok(Acted::BackedUp(Box::new(run)))
            }
            Act::Restore(step) => {
                note(machine, "restore")?;
                let began = Instant::now();
                let mut tell = |what: &str, done, total| {
                    self.wire.check()?;
                    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                    let (tenant, what) = (order.tenant.clone(), what.to_string());
                    self.wire.send(FromHost::Doing { tenant, what, done, total, milliseconds })
                };
                let answer = backup::restore(machine, self.settings, holder, order, step, &mut tell)?;
                Ok(Acted::Restored(Box::new(answer)))
            }
            Act::Export(step) => {
                if !matches!(**step, ExportStep::Read { .. }) {
                    note(machine, "export")?;
                }
                Ok(Acted::Exported(Box::new(export::step(machine, self.wire, order, step)?)))
            }
            Act::Verify(task) => {
                note(machine, "verify")?;
                Ok(Acted::Verified(Box::new(verify::verify(machine, self.wire, order, task)?)))
            }
            Act::TryToDelete => {
                note(machine, "try to delete")?;
                Ok(Acted::Tried(Box::new(try_to_delete(machine, &order.tenant)?)))
            }
            Act::Silence { application, seconds, reason } => {
                note(machine, "silence")?;
                let wanted = Silence {
                    member: order.owner.clone(),
                    application: application.clone(),
                    seconds: *seconds,
                    author: author(holder),
                    reason: format!("comuni {}: {reason}", order.verb),
                };
                let (id, until) = prometheus::silence(machine, &wanted)?;
                Ok(Acted::Silenced { id, until })
            }
            Act::Unsilence { application, id } => {
                note(machine, "unsilence")?;
                Ok(Acted::Lifted(prometheus::lift(machine, &order.owner, application, id.as_deref())?))
            }
            Act::Forget(task) => {
                note(machine, "forget")?;
                let _host = self.host(holder)?;
                let (gone, left) = forget::forget(machine, self.settings, task)?;
                Ok(Acted::Forgotten { gone, left })
            }
            Act::Release => {
                self.tenants.remove(&order.tenant);
                Ok(Acted::Done)
            }
        }
    }
}

/// The key that sshd saw, and what control says of who has it.
fn author(holder: &Holder) -> String {
    let Operator { user, machine, fingerprint } = &holder.operator;
    fingerprint.as_ref().map_or(format!("{user}@{machine}"), |key| format!("{key} ({user}@{machine})"))
}

fn doing(tenant: &str, step: Step, lasting: Duration) -> FromHost {
    let (what, done, total) = match step {
        Step::Dumping => ("dumps the database", 0, 0),
        Step::Hashing => ("reads the files", 0, 0),
        Step::Storing(far) => ("stores", far.done, far.bytes),
    };
    let milliseconds = u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX);
    FromHost::Doing { tenant: tenant.to_string(), what: what.to_string(), done, total, milliseconds }
}
