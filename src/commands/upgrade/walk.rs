//! One tenant's upgrade: acts on its hosts in a fixed order, each noted on the host before it is done.

use std::collections::BTreeSet;
use std::time::Instant;

use super::gate::Gate;
use super::target::{Target, View};
use crate::backup::run::Ended;
use crate::catalog::Catalog;
use crate::commands::backup::past::Past;
use crate::commands::backup::verify::Prover;
use crate::commands::procedure::{Answer as Acting, Procedure, Refused, unexpected};
use crate::evidence::{UpgradeEnding, UpgradeRecord, clock};
use crate::failure::{Failure, Result};
use crate::inventory::Inventory;
use crate::inventory::types::Rollout;
use crate::protocol::{Act, Acted};
use crate::report::{Out, bytes};
use crate::resources::SecretTable;
use crate::secrets::Store;
use crate::upgrade::{Answer, Begin, Note, Phase, Step};

/// Alerts of the tenant are not told for so long; the silence is lifted before when all goes as it should.
pub(super) const SILENCE: u32 = 3600;

/// What all tenants of a run share.
pub(super) struct Run<'a> {
    pub(super) procedure: Procedure,
    pub(super) inventory: &'a Inventory,
    pub(super) store: &'a Store,
    pub(super) policy: Rollout,
    pub(super) gate: Gate,
    pub(super) past: Past,
    pub(super) prover: Prover<'a>,
    pub(super) out: &'a Out,
    /// Tenants that a monitoring host still asks as the release before is asked: what it sees of them says nothing.
    pub(super) unwatched: BTreeSet<String>,
    /// So many tenants at the same time, at most.
    pub(super) parallel: usize,
}

/// The record of a tenant with which nothing was begun yet.
fn blank(target: &Target) -> UpgradeRecord {
    let now = clock::now().as_second();
    UpgradeRecord {
        tenant: target.name().to_string(),
        member: target.tenant.subject.owner.clone(),
        application: target.tenant.application.clone(),
        from: target.from.clone(),
        to: target.to.clone(),
        path: target.path.releases.clone(),
        ending: UpgradeEnding::NotBegun,
        began: now,
        ended: now,
        closed: None,
        opened: None,
        snapshot: None,
        reason: None,
        words: None,
        kept: Vec::new(),
        unannounced: None,
    }
}

/// The record of a tenant with which nothing could be begun.
pub(super) fn nothing(target: &Target, why: &Failure) -> UpgradeRecord {
    UpgradeRecord { reason: Some(why.message.clone()), ..blank(target) }
}

/// One tenant on its way.
pub(super) struct Walk<'r, 'a> {
    pub(super) run: &'r mut Run<'a>,
    pub(super) target: &'r Target,
    pub(super) old: View,
    pub(super) new: Vec<View>,
    pub(super) record: UpgradeRecord,
    /// What is on the host may be of the new release.
    pub(super) switched: bool,
    pub(super) silences: Vec<(String, String)>,
    /// A fresh backup is taken and proven before anything is touched.
    proven_first: bool,
    /// The snapshot that the data become, on a way back that throws away what was written since.
    data: Option<String>,
}

impl<'r, 'a> Walk<'r, 'a> {
    /// # Errors
    /// Exit 65 when the inventory does not compile with one of the releases, or an archive here is not what it must be.
    pub(super) fn new(run: &'r mut Run<'a>, target: &'r Target) -> Result<Walk<'r, 'a>> {
        let old = View::of(run.inventory, target, &target.from)?;
        let new = target.path.releases.iter().map(|release| View::of(run.inventory, target, release));
        let new = new.collect::<Result<Vec<View>>>()?;
        let unannounced = run.gate.untold(target, clock::in_italy(clock::now()));
        let record = UpgradeRecord { unannounced, ..blank(target) };
        Ok(Walk {
            run,
            target,
            old,
            new,
            record,
            switched: false,
            silences: Vec::new(),
            proven_first: true,
            data: None,
        })
    }

    /// Without a backup that is proven first: for a way back of code, which is urgent and has its safety snapshot.
    pub(super) fn urgent(mut self) -> Self {
        self.proven_first = false;
        self
    }

    /// With its data as they were in this snapshot.
    pub(super) fn with_data(mut self, snapshot: String) -> Self {
        self.data = Some(snapshot);
        self
    }

    /// From the beginning to its end, whichever.
    pub(super) fn whole(mut self) -> (UpgradeRecord, Result<()>) {
        if let Err(refused) = self.begin() {
            return self.ended(UpgradeEnding::NotBegun, Err(refused.into()));
        }
        if let Err(refused) = self.prepare() {
            return self.never_mind(refused);
        }
        if let Err(refused) = self.exchange() {
            return self.way_back(refused);
        }
        self.finish()
    }

    /// Brings to an end what was cut off: forward behind the point of no return, back before it. That it is back is a good
    /// end.
    pub(super) fn resume(mut self, note: &Note) -> (UpgradeRecord, Result<()>) {
        self.record.began = note.began;
        self.record.closed = note.closed;
        self.record.snapshot.clone_from(&note.snapshot);
        self.silences.clone_from(&note.silences);
        self.switched = note.phase >= Phase::Switched;
        if note.phase == Phase::Opened {
            self.record.opened = note.opened;
            return self.finish();
        }
        let cut_off = Refused::Failed(Failure::operation(format!("it was cut off (begun by {})", note.by)));
        if note.closed.is_none() {
            let (clear, failure) = self.cleared(cut_off);
            let (record, result) = self.ended(UpgradeEnding::NotBegun, Err(failure));
            return (record, if clear { Ok(()) } else { result });
        }
        let (record, result) = self.way_back(cut_off);
        let back = record.ending == UpgradeEnding::WentBack;
        (record, if back { Ok(()) } else { result })
    }

    fn begin(&mut self) -> Acting<()> {
        let begin = Begin {
            from: self.target.from.clone(),
            to: self.target.to.clone(),
            unit: self.old.live.unit.clone(),
            page: self.target.page(),
            back: self.target.goes_back(),
        };
        self.step(Step::Begin(begin)).map(drop)
    }

    /// All that can be done while the tenant works: the releases lie on the host, and its data can be brought back.
    fn prepare(&mut self) -> Acting<()> {
        let all: Vec<(usize, Catalog)> = self
            .new
            .iter()
            .enumerate()
            .flat_map(|(at, view)| view.release().into_iter().map(move |of| (at, of)))
            .collect();
        for (at, catalog) in &all {
            self.send_archives(*at, catalog)?;
        }
        if self.proven_first {
            self.prove()?;
        }
        // Last of all: who is at work on a host just now is met while the tenant still runs.
        for (_, catalog) in &all {
            self.place(catalog)?;
        }
        self.say(&format!("its hosts have {}", self.target.path.releases.join(" and ")));
        self.silence();
        Ok(())
    }

    fn send_archives(&mut self, at: usize, catalog: &Catalog) -> Acting<()> {
        let missing = match self.act(&catalog.host, Act::Missing(catalog.clone()), SecretTable::default())? {
            Acted::Missing(missing) => missing,
            other => return Err(unexpected(&catalog.host, &other)),
        };
        for (sha256, offset) in missing {
            let view =
                self.new.get(at).ok_or_else(|| Failure::operation("no such release")).map_err(Refused::Failed)?;
            let archive = view.archive(&sha256).cloned();
            let archive = archive
                .ok_or_else(|| {
                    Failure::operation(format!("the archive {sha256} is wanted, but it is not on this machine"))
                })
                .map_err(Refused::Failed)?;
            self.run.procedure.upload(&catalog.host, &sha256, offset, &archive).map_err(Refused::Failed)?;
        }
        Ok(())
    }

    /// A backup, and its restore test; one that is fresh enough will do.
    fn prove(&mut self) -> Acting<()> {
        let now = clock::now().as_second();
        let fresh = i64::from(self.run.policy.fresh_minutes) * 60;
        let age = self.run.past.restorable(self.target.name()).map(|taken| now - taken);
        if let Some(age) = age.filter(|age| *age < fresh) {
            self.say(&format!("has a backup of {} minutes ago that was proven to be restorable", age / 60));
            return Ok(());
        }
        self.backup("before it")?;
        let tenant = &self.target.tenant;
        let found = self.run.prover.restorable(&mut self.run.procedure, tenant, &self.run.past, self.run.out);
        self.run.past.add(&found.map_err(Refused::Failed)?);
        self.say("its backup was restored for a test (L4)");
        Ok(())
    }

    /// Takes a backup; gives the id of the snapshot.
    pub(super) fn backup(&mut self, when: &str) -> Acting<String> {
        let host = self.host();
        match self.act(&host, Act::Backup, SecretTable::default())? {
            Acted::BackedUp(run) if run.state == Ended::Complete => {
                let id = run.snapshot.clone().unwrap_or_default();
                let short = id.get(..8).unwrap_or_default();
                self.say(&format!("was backed up {when}: {} (snapshot {short})", bytes(run.bytes)));
                Ok(id)
            }
            Acted::BackedUp(run) => {
                let words: Vec<&str> = run.error.iter().chain(&run.notes).map(String::as_str).collect();
                let message = format!("{host}: the backup {when} is {}: {}", run.state.word(), words.join("; "));
                Err(Refused::Failed(Failure::operation(message)))
            }
            other => Err(unexpected(&host, &other)),
        }
    }

    /// Alerts that this causes are told to nobody. That they cannot be muted holds nothing up.
    fn silence(&mut self) {
        for host in self.run.inventory.watchers() {
            let act = Act::Silence {
                application: self.target.tenant.application.clone(),
                seconds: SILENCE,
                reason: format!("{} to {}", self.target.from, self.target.to),
            };
            match self.act(host, act, SecretTable::default()) {
                Ok(Acted::Silenced { id, .. }) => self.silences.push((host.to_string(), id)),
                Ok(other) => self.remark(host, unexpected(host, &other)),
                Err(refused) => self.remark(host, refused),
            }
        }
    }

    fn remark(&self, host: &str, refused: Refused) {
        let failure = Failure::from(refused);
        self.run.out.remark(&format!("{}: its alerts are told all the same ({host}): {failure}", self.target.name()));
    }

    /// From the maintenance page to the gate.
    fn exchange(&mut self) -> Acting<()> {
        let silences = self.silences.clone();
        self.record.closed = Some(clock::now().as_second());
        self.record.closed = Some(self.step(Step::Close { silences })?);
        self.step(Step::Stop)?;
        self.say("shows its maintenance page and is stopped");
        let snapshot = self.backup("as it stands still")?;
        self.record.snapshot = Some(snapshot.clone());
        self.step(Step::Saved { snapshot })?;
        // Whoever finds this word does not trust what is on the host.
        self.switched = true;
        self.step(Step::Switch)?;
        for at in 0..self.new.len() {
            if at > 0 {
                self.step(Step::Stop)?;
            }
            self.go_to(at)?;
        }
        self.healthy_for(self.run.policy.healthy_seconds)?;
        let words = self.words();
        self.record.words = words;
        Ok(())
    }

    /// One release further: placed, migrated and started by systemd, healthy once.
    fn go_to(&mut self, at: usize) -> Acting<()> {
        let release = self.target.path.releases.get(at).cloned().unwrap_or_default();
        let (Some(view), before) = (self.new.get(at), at.checked_sub(1).and_then(|before| self.new.get(before))) else {
            return Ok(());
        };
        let catalogs = view.beside(before.unwrap_or(&self.old));
        let services = view.live.services.clone();
        for catalog in &catalogs {
            self.place(catalog)?;
        }
        self.say(&format!("is switched to {release}"));
        if let Some(snapshot) = self.data.clone() {
            return self.bring_data(Some(at), snapshot);
        }
        let began = Instant::now();
        for catalog in &services {
            let secrets = self.secrets(catalog);
            self.run.procedure.bring(&self.target.tenant.subject, catalog, secrets)?;
        }
        self.ask(Some(at), None)?;
        self.say(&format!("migrated, started and healthy on {release} after {} s", began.elapsed().as_secs()));
        Ok(())
    }

    pub(super) fn ended(mut self, ending: UpgradeEnding, result: Result<()>) -> (UpgradeRecord, Result<()>) {
        self.record.ending = ending;
        self.record.ended = clock::now().as_second();
        if let Err(failure) = &result {
            self.record.reason = Some(failure.message.clone());
        }
        self.let_go();
        (self.record, result)
    }

    /// Frees its locks.
    pub(super) fn let_go(&mut self) {
        let mut hosts: BTreeSet<String> = self.old.live.hosts().map(str::to_string).collect();
        hosts.extend(self.run.inventory.watchers().into_iter().map(str::to_string));
        self.run.procedure.release(hosts.iter().map(String::as_str), &self.target.tenant.subject);
    }

    /// The application's own last words.
    pub(super) fn words(&mut self) -> Option<String> {
        let host = self.host();
        match self.act(&host, Act::Upgrade(Box::new(Step::Words)), SecretTable::default()) {
            Ok(Acted::Upgraded(answer)) => match *answer {
                Answer::Words(words) => Some(words).filter(|words| !words.is_empty()),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn place(&mut self, catalog: &Catalog) -> Acting<()> {
        let secrets = self.secrets(catalog);
        self.act(&catalog.host, Act::Place(catalog.clone()), secrets).map(drop)
    }

    pub(super) fn step(&mut self, step: Step) -> Acting<i64> {
        let host = self.host();
        match self.act(&host, Act::Upgrade(Box::new(step)), SecretTable::default())? {
            Acted::Upgraded(answer) => match *answer {
                Answer::Done(at) => Ok(at),
                other => {
                    Err(Refused::Failed(Failure::operation(format!("{host}: answered something else: {other:?}"))))
                }
            },
            other => Err(unexpected(&host, &other)),
        }
    }

    pub(super) fn act(&mut self, host: &str, act: Act, secrets: SecretTable) -> Acting<Acted> {
        self.run.procedure.act(host, &self.target.tenant.subject, act, secrets)
    }

    pub(super) fn secrets(&self, catalog: &Catalog) -> SecretTable {
        let tokens = catalog.entries.iter().flat_map(|entry| entry.resource.kind().secrets()).collect();
        self.run.store.table(&tokens)
    }

    pub(super) fn host(&self) -> String {
        self.old.live.host.clone()
    }

    pub(super) fn say(&self, words: &str) {
        self.run.procedure.say(&self.old.live.host, &self.target.tenant.subject, words);
    }
}
