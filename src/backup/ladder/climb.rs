//! Climbs the ladder for one tenant, and leaves nothing behind.

use std::path::PathBuf;
use std::time::Instant;

use super::{Check, Level, Outcome, Rung, Task, Verification};
use crate::backup::manifest::Manifest;
use crate::backup::restic::{Refusal, Repository, Snapshot, Trouble};
use crate::backup::scratch::{self, Cluster, Scratch};
use crate::failure::{Failure, Result};
use crate::machine::{Machine, stopped};

/// Takes notice of what goes on. When it fails the climb is broken off.
pub type Tell<'a> = dyn FnMut(&str) -> Result<()> + 'a;

/// Proves the newest backup as far up as the task says. What was found is in what it answers.
///
/// # Errors
/// When who asked is gone or a signal came. What was made for the copy is gone all the same.
pub fn climb(machine: &mut dyn Machine, task: &Task, key: &str, tell: &mut Tell<'_>) -> Result<Verification> {
    let repository = Repository::here(&task.repository, task.account.as_deref(), key.to_string());
    let began = machine.now();
    let mut climb = Climb {
        machine,
        task,
        repository,
        tell,
        out: blank(task, began),
        snapshot: None,
        unlisted: false,
        manifest: None,
        scratch: None,
        cluster: None,
        dump: None,
        restored: None,
        back: 0,
    };
    let walked = climb.walk();
    climb.clean();
    climb.out.ended = climb.machine.now();
    walked.map(|()| climb.out)
}

fn blank(task: &Task, began: i64) -> Verification {
    Verification {
        tenant: task.tenant.clone(),
        member: task.member.clone(),
        application: task.application.clone(),
        host: task.host.clone(),
        began,
        ended: began,
        snapshot: None,
        taken: None,
        release: None,
        age_seconds: None,
        rto_milliseconds: None,
        bytes: None,
        rows: None,
        files: None,
        reached: None,
        outcome: Outcome::NotDue,
        rungs: Vec::new(),
        snapshots: Vec::new(),
        slice: None,
        versions: vec![("comuni".to_string(), env!("CARGO_PKG_VERSION").to_string())],
        scratch: None,
        scratch_removed: None,
        swept: Vec::new(),
        notes: Vec::new(),
    }
}

/// A tenant's backup on its way up.
pub(super) struct Climb<'a, 't> {
    pub(super) machine: &'a mut dyn Machine,
    pub(super) task: &'a Task,
    pub(super) repository: Repository,
    pub(super) tell: &'a mut Tell<'t>,
    pub(super) out: Verification,
    /// The newest one that is complete.
    pub(super) snapshot: Option<Snapshot>,
    /// What is in it could not be listed.
    pub(super) unlisted: bool,
    pub(super) manifest: Option<Manifest>,
    pub(super) scratch: Option<Scratch>,
    pub(super) cluster: Option<Cluster>,
    /// The dump that was fetched.
    pub(super) dump: Option<PathBuf>,
    /// The folder that all was fetched into.
    pub(super) restored: Option<PathBuf>,
    /// Milliseconds that a real recovery would have taken so far.
    pub(super) back: u64,
}

impl Climb<'_, '_> {
    fn walk(&mut self) -> Result<()> {
        if self.task.up_to >= Level::L3 {
            self.out.swept = scratch::sweep(self.machine)?;
        }
        for level in Level::ALL.into_iter().filter(|level| *level <= self.task.up_to) {
            if let Some(failure) = stopped() {
                return Err(failure);
            }
            (self.tell)(&format!("{level}: {}", level.word()))?;
            let began = Instant::now();
            let checks = match level {
                Level::L0 => self.configured()?,
                Level::L1 => self.fresh()?,
                Level::L2 => self.sound()?,
                Level::L3 => self.readable()?,
                Level::L4 => self.restorable()?,
                Level::L5 => self.equal()?,
                Level::L6 => self.usable()?,
                // Other hosts have their part in it: who asked puts it together.
                Level::L7 => continue,
            };
            let outcome = checks.iter().fold(Outcome::NotDue, |worst, check| worst.worse(check.outcome));
            let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.out.add(Rung { level, outcome, milliseconds, checks });
            // An old backup is looked at all the same: damage is worse than age.
            let goes_on = outcome == Outcome::Pass || (outcome == Outcome::Stale && self.snapshot.is_some());
            // Why a backup cannot be listed is for restic's own look at the repository to say, and what it spoils.
            let goes_on = goes_on || (level == Level::L1 && self.unlisted);
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// The snapshot that is being proven. Only asked for above the level that finds it.
    pub(super) fn newest(&self) -> Result<Snapshot> {
        self.snapshot.clone().ok_or_else(|| Failure::operation("there is no snapshot to prove"))
    }

    /// The place for the copy, made at the first need.
    pub(super) fn scratch(&mut self) -> Result<PathBuf> {
        if let Some(scratch) = &self.scratch {
            return Ok(scratch.folder.clone());
        }
        let made = Scratch::make(self.machine, &self.task.tenant)?;
        let folder = made.folder.clone();
        self.out.scratch = Some(made.name.clone());
        self.scratch = Some(made);
        Ok(folder)
    }

    fn clean(&mut self) {
        let Some(scratch) = self.scratch.take() else { return };
        let removed = scratch.remove(self.machine);
        self.out.scratch_removed = Some(removed.is_ok());
        if let Err(failure) = removed {
            self.out.notes.push(failure.message);
        }
    }
}

/// What a refusal of restic means for the backup. Where the repository lies on this very host, nobody is "away".
pub(super) fn meaning(refusal: &Refusal) -> Outcome {
    match refusal.trouble {
        Trouble::Missing => Outcome::Stale,
        Trouble::Locked => Outcome::Busy,
        Trouble::Full | Trouble::Denied | Trouble::Stopped => Outcome::Inconclusive,
        Trouble::Key | Trouble::Away | Trouble::Other => Outcome::Fail,
    }
}

/// A check that restic did not let us make. A signal is no finding.
pub(super) fn refused(what: &str, refusal: Refusal) -> Result<Check> {
    if refusal.trouble == Trouble::Stopped {
        return Err(refusal.into());
    }
    let outcome = meaning(&refusal);
    let hints = refusal.failure.hints.join("; ");
    Ok(Check::new(what, outcome, refusal.failure.message).said(hints))
}
