//! What procedures share: acts on hosts one after the other, told as they happen, and one record of it all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::records::deliver;
use super::survey::{connect, control_host, operator};
use crate::backup::ladder::{Outcome, Verification};
use crate::catalog::Catalog;
use crate::cli::Way;
use crate::evidence::{
    ChangeRecord, Ending, FailureRecord, HostRecord, InventoryRecord, MemberRecord, NoticeRecord, Outbox, Record,
    Running, UpgradeRecord, Who, clock, current,
};
use crate::failure::{Failure, Kind, Result};
use crate::fleet::{BackupRuns, Evidence, Fleet, Monitored};
use crate::inventory::{Body, Inventory};
use crate::prometheus::Question;
use crate::protocol::{Act, Acted, Operator, Order};
use crate::report::{Out, Progress, Step, held};
use crate::resources::{Action, SecretTable};

/// A tenant, as the hosts know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject {
    /// `c_e863-albo`.
    pub(super) tenant: String,
    /// `c_e863`.
    pub(super) owner: String,
}

/// A procedure that is under way.
pub(super) struct Procedure {
    verb: &'static str,
    fleet: Fleet,
    progress: Arc<Progress>,
    operator: Operator,
    outbox: Outbox,
    record: Record,
    /// `None` beside another procedure, in whose record all will stand.
    running: Option<Running>,
    began: Instant,
    /// How many resources were changed on each.
    hosts: BTreeMap<String, u32>,
    /// The worst that happened to each.
    members: BTreeMap<String, Option<Kind>>,
    /// The host of the last act that was not done.
    refusing: String,
}

impl Procedure {
    /// Begins with these `hosts`: its record is in the outbox before any of them is given an act. They are connected to first,
    /// for they know with which key we came.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub(super) fn begin(
        inventory: &Inventory,
        way: &Way,
        verb: &'static str,
        owners: BTreeSet<String>,
        hosts: &BTreeSet<&str>,
        out: &Out,
    ) -> Result<Procedure> {
        let revision = current(inventory)?;
        let operator = operator();
        let progress = Arc::new(Progress::new(out.clone(), verb, true));
        let asked: Vec<&str> = hosts.iter().copied().chain(control_host(inventory)).collect();
        let sign = Arc::new(|_: &str, _| Err("a procedure signs nothing".to_string()));
        let mut fleet = connect(inventory, &asked, way, &progress, sign, out)?;
        let of = InventoryRecord { revision: revision.text, dirty: revision.dirty, digest: inventory.digest.clone() };
        asked.iter().for_each(|host| fleet.expect(host));
        let fingerprint = hosts.iter().find_map(|host| fleet.fingerprint(host));
        let mut record = Record::begin(verb, Who { fingerprint, ..Who::from(&operator) }, of)?;
        record.selection.owners = owners.into_iter().collect();
        let outbox = Outbox::of(inventory, |name| std::env::var_os(name))?;
        let running = Some(outbox.begin(&record)?);
        Ok(Procedure {
            verb,
            fleet,
            progress,
            operator,
            outbox,
            record,
            running,
            began: Instant::now(),
            hosts: BTreeMap::new(),
            members: BTreeMap::new(),
            refusing: String::new(),
        })
    }

    /// The same procedure over streams of its own, for tenants that come at the same time. [`Procedure::join`] ends it.
    pub(super) fn beside(&self) -> Procedure {
        Procedure {
            verb: self.verb,
            fleet: self.fleet.beside(),
            progress: Arc::clone(&self.progress),
            operator: self.operator.clone(),
            outbox: self.outbox.clone(),
            record: Record { changes: Vec::new(), failures: Vec::new(), ..self.record.clone() },
            running: None,
            began: self.began,
            hosts: BTreeMap::new(),
            members: BTreeMap::new(),
            refusing: String::new(),
        }
    }

    /// Ends one that went on beside, and takes over what it has to tell.
    pub(super) fn join(&mut self, beside: Procedure) {
        for (host, changed) in beside.hosts {
            *self.hosts.entry(host).or_default() += changed;
        }
        for (owner, kind) in beside.members {
            let worst = self.members.entry(owner).or_default();
            *worst = Kind::worst(worst.iter().copied().chain(kind));
        }
        self.record.changes.extend(beside.record.changes);
        self.record.failures.extend(beside.record.failures);
        beside.fleet.end();
    }

    /// Has one act done.
    ///
    /// # Errors
    /// When the host cannot be reached (what it did last is then not known), somebody holds the tenant (exit 6), or the
    /// host could not do it, which [`Refused`] tells apart.
    pub(super) fn act(&mut self, host: &str, subject: &Subject, act: Act, secrets: SecretTable) -> Answer<Acted> {
        let order = Order {
            operator: self.operator.clone(),
            verb: self.verb.to_string(),
            tenant: subject.tenant.clone(),
            owner: subject.owner.clone(),
            act,
            secrets,
        };
        self.hosts.entry(host.to_string()).or_default();
        let acted = self.fleet.act(host, order);
        if matches!(acted, Ok(Acted::Busy(_) | Acted::Failed(_)) | Err(_)) {
            self.refusing = host.to_string();
        }
        match acted.map_err(Refused::Lost)? {
            Acted::Busy(holder) => Err(Refused::Busy(
                Failure::new(Kind::Busy, format!("{host}: {} is busy: {}", subject.tenant, held(&holder)))
                    .hint("run the same command again when that has ended"),
            )),
            Acted::Failed(words) => Err(Refused::Failed(Failure::operation(format!("{host}: {words}")))),
            acted => Ok(acted),
        }
    }

    /// Has one act done for each of these, on many hosts at once and on each host one after the other; the tenant is let
    /// go of after it. `said` makes the line that tells of an answer. Gives the answers by tenant.
    pub(super) fn everywhere(
        &mut self,
        acts: BTreeMap<String, Vec<(Subject, Act)>>,
        said: fn(&Acted) -> Option<String>,
    ) -> BTreeMap<String, Result<Acted>> {
        let orders = acts.into_iter().map(|(host, acts)| {
            self.hosts.entry(host.clone()).or_default();
            let orders = acts.into_iter().flat_map(|(subject, act)| {
                let order = |act| Order {
                    operator: self.operator.clone(),
                    verb: self.verb.to_string(),
                    tenant: subject.tenant.clone(),
                    owner: subject.owner.clone(),
                    act,
                    secrets: SecretTable::default(),
                };
                [order(act), order(Act::Release)]
            });
            (host, orders.collect())
        });
        let orders = orders.collect();
        let answers: Arc<Mutex<BTreeMap<String, Result<Acted>>>> = Arc::default();
        let (kept, progress) = (Arc::clone(&answers), Arc::clone(&self.progress));
        let answered = move |host: &str, order: &Order, acted: Result<Acted>| {
            if order.act == Act::Release {
                return;
            }
            if let Some(words) = acted.as_ref().ok().and_then(said) {
                progress.step(host, &Step::Acted(format!("{}: {words}", order.tenant)));
            }
            kept.lock().unwrap_or_else(PoisonError::into_inner).insert(order.tenant.clone(), acted);
        };
        self.fleet.acts(orders, Arc::new(answered));
        std::mem::take(&mut *answers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The evidence of a host.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub(super) fn evidence(&self, host: &str, newest: u32) -> Result<Evidence> {
        self.fleet.read_evidence(host, newest)
    }

    /// Records what was proven of one tenant's backup, at once: a run that is cut off later goes on behind it.
    ///
    /// # Errors
    /// When the record cannot be written. That it cannot be delivered now is told, and is no error.
    pub(super) fn proven(&mut self, inventory: &Inventory, body: &Body, found: &Verification, out: &Out) -> Result<()> {
        let kind = found.outcome.kind();
        let result = match found.outcome {
            Outcome::Busy => Ending::Busy,
            _ if kind.is_some() => Ending::Failed,
            _ => Ending::Done,
        };
        let mut record = self.of_one(body, &found.host, (found.began, found.ended), result)?;
        record.verification = Some(Box::new(found.clone()));
        record.end(kind.map_or(0, Kind::exit_code));
        self.put(inventory, &found.tenant, &record, out)
    }

    /// Records what became of one tenant's upgrade, at once.
    ///
    /// # Errors
    /// As [`Procedure::proven`].
    pub(super) fn upgraded(
        &mut self,
        inventory: &Inventory,
        body: &Body,
        host: &str,
        upgrade: &UpgradeRecord,
        kind: Option<Kind>,
        out: &Out,
    ) -> Result<()> {
        let result = if kind.is_some() { Ending::Failed } else { Ending::Done };
        let mut record = self.of_one(body, host, (upgrade.began, upgrade.ended), result)?;
        record.upgrade = Some(Box::new(upgrade.clone()));
        record.end(kind.map_or(0, Kind::exit_code));
        self.put(inventory, &upgrade.tenant, &record, out)
    }

    /// Asks a monitoring host.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub(super) fn ask_monitoring(&self, host: &str, questions: Vec<Question>) -> Result<Monitored> {
        self.fleet.ask_monitoring(host, questions)
    }

    /// Records what a body was told.
    ///
    /// # Errors
    /// As [`Procedure::proven`].
    pub(super) fn told(
        &mut self,
        inventory: &Inventory,
        body: &Body,
        host: &str,
        notice: &NoticeRecord,
        out: &Out,
    ) -> Result<()> {
        let mut record = self.of_one(body, host, (notice.told, notice.told), Ending::Done)?;
        record.notice = Some(Box::new(notice.clone()));
        record.end(0);
        self.put(inventory, &notice.tenant, &record, out)
    }

    /// A record of one member on one host, which does not end with the run.
    fn of_one(&self, body: &Body, host: &str, (began, ended): (i64, i64), result: Ending) -> Result<Record> {
        let mut record = Record::begin(self.verb, self.record.operator.clone(), self.record.inventory.clone())?;
        record.started = clock::local_time(began);
        record.selection.owners = vec![body.code.clone()];
        record.hosts.push(HostRecord {
            name: host.to_string(),
            result,
            correct: 0,
            changed: 0,
            failed: u32::from(result != Ending::Done),
            milliseconds: u64::try_from(ended - began).unwrap_or_default() * 1000,
        });
        record.members.push(MemberRecord { code: body.code.clone(), name: body.member.name.clone(), result });
        Ok(record)
    }

    fn put(&self, inventory: &Inventory, tenant: &str, record: &Record, out: &Out) -> Result<()> {
        self.outbox.put(record)?;
        if let Err(failure) = deliver(&self.outbox, &self.fleet, control_host(inventory)) {
            out.remark(&format!("the record of {tenant} waits in the outbox: {}", failure.message));
        }
        Ok(())
    }

    /// Sends an archive to a host, from this byte on.
    ///
    /// # Errors
    /// When it cannot be read here, is refused there, or the host cannot be reached.
    pub(super) fn upload(&mut self, host: &str, sha256: &str, offset: u64, archive: &Path) -> Result<()> {
        let sent = self.fleet.upload(host, sha256, offset, archive);
        if sent.is_err() {
            self.refusing = host.to_string();
        }
        sent
    }

    /// What is recorded of backups on a host.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub(super) fn backup_runs(&self, host: &str, newest: u32) -> Result<BackupRuns> {
        self.fleet.read_backup_runs(host, newest)
    }

    /// Ids of what is not as it must be. Nothing is written; the tenant is ours from now on.
    ///
    /// # Errors
    /// As [`Procedure::act`].
    pub(super) fn compare(
        &mut self,
        subject: &Subject,
        catalog: &Catalog,
        secrets: SecretTable,
    ) -> Answer<Vec<String>> {
        match self.act(&catalog.host, subject, Act::Compare(catalog.clone()), secrets)? {
            Acted::Differ(ids) => Ok(ids),
            other => Err(unexpected(&catalog.host, &other)),
        }
    }

    /// Brings resources. Gives the ids of what was not as it must be.
    ///
    /// # Errors
    /// As [`Procedure::act`].
    pub(super) fn bring(&mut self, subject: &Subject, catalog: &Catalog, secrets: SecretTable) -> Answer<Vec<String>> {
        let differing = self.compare(subject, catalog, secrets.clone())?;
        self.act(&catalog.host, subject, Act::Bring(catalog.clone()), secrets)?;
        *self.hosts.entry(catalog.host.clone()).or_default() += u32::try_from(differing.len()).unwrap_or(u32::MAX);
        self.record.changes.extend(differing.iter().map(|id| ChangeRecord {
            host: catalog.host.clone(),
            id: id.clone(),
            owner: subject.owner.clone(),
            action: Action::Change,
        }));
        Ok(differing)
    }

    /// Remembers that something of a tenant was changed by an act.
    pub(super) fn changed(&mut self, host: &str, subject: &Subject, id: String) {
        *self.hosts.entry(host.to_string()).or_default() += 1;
        let (host, owner) = (host.to_string(), subject.owner.clone());
        self.record.changes.push(ChangeRecord { host, id, owner, action: Action::Change });
    }

    /// Lets go of a tenant on these hosts. What cannot be told is let go of when the connection ends.
    pub(super) fn release<'h>(&mut self, hosts: impl IntoIterator<Item = &'h str>, subject: &Subject) {
        for host in hosts {
            let _ = self.act(host, subject, Act::Release, SecretTable::default());
        }
    }

    /// Tells a step that is over.
    pub(super) fn say(&self, host: &str, subject: &Subject, words: &str) {
        self.progress.step(host, &Step::Acted(format!("{}: {words}", subject.tenant)));
    }

    /// Tells what failed, and remembers how it ended for the tenant's owner.
    pub(super) fn ended(&mut self, subject: &Subject, result: &Result<()>) {
        let worst = self.members.entry(subject.owner.clone()).or_default();
        let Err(failure) = result else { return };
        *worst = Kind::worst(worst.iter().copied().chain([failure.kind]));
        let (owner, id) = (subject.owner.clone(), subject.tenant.clone());
        let host = std::mem::take(&mut self.refusing);
        self.record.failures.push(FailureRecord {
            host: host.clone(),
            id: Some(id.clone()),
            message: failure.message.clone(),
        });
        self.progress.step(&host, &Step::Failed { id, owner, message: failure.told() });
    }

    /// Somebody wants the run to stop.
    pub(super) fn is_stopping(&self) -> Option<Failure> {
        self.fleet.stop().requested().map(|_| self.fleet.stop().failure())
    }

    /// Ends the record with this exit and brings it to the control host.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub(super) fn end(mut self, inventory: &Inventory, kind: Option<Kind>, out: &Out) -> Result<()> {
        let milliseconds = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        for (name, changed) in &self.hosts {
            let failed = self.record.failures.iter().filter(|failure| failure.host == *name).count();
            self.record.hosts.push(HostRecord {
                name: name.clone(),
                result: if failed == 0 { Ending::Done } else { Ending::Failed },
                correct: 0,
                changed: *changed,
                failed: u32::try_from(failed).unwrap_or(u32::MAX),
                milliseconds,
            });
        }
        for body in inventory.members.values() {
            let Some(worst) = self.members.get(&body.code) else { continue };
            let result = match worst {
                None => Ending::Done,
                Some(Kind::Busy) => Ending::Busy,
                Some(Kind::Interrupted | Kind::Terminated) => Ending::Interrupted,
                Some(_) => Ending::Failed,
            };
            let (code, name) = (body.code.clone(), body.member.name.clone());
            self.record.members.push(MemberRecord { code, name, result });
        }
        self.record.end(kind.map_or(0, Kind::exit_code));
        self.running.take().map_or(Ok(()), |running| running.finish(&self.record))?;
        if let Err(failure) = deliver(&self.outbox, &self.fleet, control_host(inventory)) {
            out.remark(&format!("the record of this run waits in the outbox: {}", failure.message));
        }
        self.fleet.end();
        self.progress.finish();
        Ok(())
    }
}

/// What an act came to.
pub(super) type Answer<T> = std::result::Result<T, Refused>;

/// Why an act was not done.
#[derive(Debug)]
pub(super) enum Refused {
    /// The host cannot be reached: what it did last is not known.
    Lost(Failure),
    /// Somebody holds the tenant.
    Busy(Failure),
    /// The host says that it could not.
    Failed(Failure),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        match refused {
            Refused::Lost(failure) | Refused::Busy(failure) | Refused::Failed(failure) => failure,
        }
    }
}

pub(super) fn unexpected(host: &str, acted: &Acted) -> Refused {
    Refused::Failed(Failure::operation(format!("{host}: the host answered something else: {acted:?}")))
}
