//! L0 and L1: a backup is possible, and a recent, whole, plausible one is there.

use std::path::Path;

use super::climb::{Climb, refused};
use super::{Check, Known, Outcome};
use crate::backup::restic::{self, Snapshot};
use crate::backup::run::FOLDER;
use crate::failure::Result;
use crate::machine::moment;

/// Clocks may differ by so many seconds.
const SKEW: i64 = 300;

/// With less than this many bytes a share says nothing.
const SMALL: u64 = 100_000;

impl Climb<'_, '_> {
    /// L0.
    pub(super) fn configured(&mut self) -> Result<Vec<Check>> {
        let mut checks = Vec::new();
        match restic::version(self.machine) {
            Ok(version) => {
                self.out.versions.push(("restic".to_string(), version.to_string()));
                if version.capabilities().unknown {
                    self.out.notes.push(format!("restic {version} is newer than any that was tried"));
                }
                checks.push(Check::pass("restic", version.to_string()));
            }
            Err(failure) => {
                checks
                    .push(Check::new("restic", Outcome::Inconclusive, failure.message).said(failure.hints.join("; ")));
                return Ok(checks);
            }
        }
        let skew = self.machine.now() - self.task.now;
        let clock = if skew.abs() <= SKEW { Outcome::Pass } else { Outcome::Inconclusive };
        checks.push(
            Check::new("clock", clock, format!("{skew} s apart from who asks")).expected(format!("at most {SKEW} s")),
        );
        let lost = restic::has_no_keys(self.machine, &self.task.repository)?;
        checks.push(match self.repository.id(self.machine) {
            Ok(id) => Check::pass("repository", format!("its key opens it: {}", id.get(..12).unwrap_or(&id))),
            Err(_) if lost => {
                Check::new("repository", Outcome::Fail, "the repository has lost its keys: nothing in it can be read")
                    .said("docs/backup.md, \"Keys\": a copy of its folder keys/ is in the second copy")
            }
            Err(_) if self.machine.stat(&Path::new(&self.task.repository).join("config"))?.is_none() => {
                Check::new("repository", Outcome::Stale, format!("there is no repository at {}", self.task.repository))
                    .said(if self.task.copy {
                        "it is fetched by this host: systemctl start comuni-backup-copy.service"
                    } else {
                        "it is made by the first backup: comuni backup run; if there was one, it is lost"
                    })
            }
            Err(refusal) => refused("repository", refusal)?,
        });
        if self.task.clear && checks.iter().all(|check| check.outcome == Outcome::Pass) {
            match super::survivable::clear(self.machine, &self.repository) {
                Ok(()) => {}
                Err(refusal) => self.out.notes.push(refusal.failure.message),
            }
        }
        Ok(checks)
    }

    /// L1. `latest` of restic is never used to choose: a future date or another tenant would win.
    pub(super) fn fresh(&mut self) -> Result<Vec<Check>> {
        let mut checks = Vec::new();
        let tag = format!("tenant={}", self.task.tenant);
        let (all, words) = match self.repository.snapshots(self.machine, &[]) {
            Ok(found) => found,
            Err(refusal) => return Ok(vec![refused("snapshots", refusal)?]),
        };
        // A snapshot that cannot be read is left out by restic with exit 0, and a word about it.
        if let Some(words) = words {
            checks.push(
                Check::new("snapshot files", Outcome::Fail, "not every snapshot of the repository can be read")
                    .said(words),
            );
        }
        let now = self.machine.now();
        let own: Vec<(Snapshot, i64)> = all
            .into_iter()
            .filter(|snapshot| snapshot.hostname == self.task.member && snapshot.tags.contains(&tag))
            .filter_map(|snapshot| moment(&snapshot.time).map(|time| (snapshot, time)))
            .collect();
        let known = |(snapshot, time): &(Snapshot, i64)| Known { id: short(&snapshot.id), time: *time };
        self.out.snapshots = own.iter().map(known).collect();
        checks.extend(self.still_there(now));
        let (future, mut past): (Vec<_>, Vec<_>) = own.into_iter().partition(|(_, time)| *time > now + SKEW);
        if let Some((snapshot, _)) = future.first() {
            let found = format!("{} says that it was taken at {}", short(&snapshot.id), snapshot.time);
            checks.push(Check::new("dates", Outcome::Fail, found).expected("no backup of the future").said(
                "set the clock of the application host, then take a new backup; what has such a date never counts",
            ));
        }
        past.sort_by_key(|(_, time)| *time);
        let Some((newest, time)) = past.iter().rev().find(|(snapshot, _)| snapshot.tag("state") == Some("complete"))
        else {
            let found = match (past.len(), self.task.known.len()) {
                (0, 0) => "never backed up".to_string(),
                (0, before) => format!("all backups are gone: there were {before}"),
                (partial, _) => format!("none of {partial} backups is complete"),
            };
            checks.push(Check::new("newest backup", Outcome::Stale, found).said(format!(
                "comuni backup run takes one now; journalctl -u comuni-backup-{} on its host says why none came",
                self.task.tenant
            )));
            return Ok(checks);
        };
        let age = now - time;
        self.out.snapshot = Some(newest.id.clone());
        self.out.taken = Some(*time);
        self.out.age_seconds = Some(age);
        let limit = i64::from(self.task.rpo_hours) * 3600;
        let outcome = if age <= limit { Outcome::Pass } else { Outcome::Stale };
        checks.push(Check::new("age", outcome, format!("{age} s")).expected(format!("at most {limit} s")).said(
            if outcome == Outcome::Pass { "" } else { "the newest complete backup is older than its RPO allows" },
        ));
        if let Some((last, _)) = past.last().filter(|(last, _)| last.id != newest.id) {
            self.out.notes.push(format!("a later backup, {}, is partial", short(&last.id)));
        }
        let newest = newest.clone();
        checks.extend(self.contents(&newest)?);
        self.snapshot = Some(newest);
        Ok(checks)
    }

    /// What was there last time is still there, unless it was old enough to go.
    fn still_there(&self, now: i64) -> Option<Check> {
        let young = now - i64::from(self.task.keep_days.saturating_sub(1)) * 86_400;
        let is_there = |known: &&Known| !self.out.snapshots.iter().any(|found| found.id == known.id);
        let gone: Vec<&Known> = self
            .task
            .known
            .iter()
            .filter(|known| known.time > young && known.time <= now + SKEW)
            .filter(is_there)
            .collect();
        if self.task.known.is_empty() {
            return None;
        }
        let count = self.out.snapshots.len();
        if gone.is_empty() {
            return Some(Check::pass("snapshots", format!("{count}, with all that were there before")));
        }
        // With none left, it is told by the newest that is missing.
        let outcome = if count == 0 { Outcome::Stale } else { Outcome::Fail };
        let names: Vec<&str> = gone.iter().map(|known| known.id.as_str()).take(5).collect();
        Some(
            Check::new("snapshots", outcome, format!("{} disappeared: {}", gone.len(), names.join(", ")))
                .expected(format!("what is younger than {} days is still there", self.task.keep_days))
                .said("somebody who can delete was at the repository: look at its host, and at the second copy"),
        )
    }

    /// What must be in it is in it.
    fn contents(&mut self, snapshot: &Snapshot) -> Result<Vec<Check>> {
        let files = match self.repository.files(self.machine, &snapshot.id) {
            Ok(files) => files,
            Err(refusal) => {
                self.unlisted = true;
                return Ok(vec![refused("contents", refusal)?]);
            }
        };
        let own = format!("{FOLDER}/{}", self.task.tenant);
        let mut wanted = vec![format!("{own}/manifest.json"), self.task.data.clone()];
        if self.task.has_database {
            wanted.push(format!("{own}/database.dump"));
        }
        let missing: Vec<&str> = wanted.iter().map(String::as_str).filter(|path| !files.contains_key(*path)).collect();
        let mut checks = vec![if missing.is_empty() {
            Check::pass("contents", format!("{} paths", files.len()))
        } else {
            Check::new("contents", Outcome::Fail, format!("not in it: {}", missing.join(", ")))
                .expected(wanted.join(", "))
        }];
        let bytes: u64 = files.values().sum();
        self.out.bytes = Some(bytes);
        checks.extend(self.plausible("bytes", self.task.bytes_before, bytes, SMALL));
        Ok(checks)
    }

    /// Much less than before is no damage that a program can see: somebody must look.
    pub(super) fn plausible(&self, what: &str, before: Option<u64>, now: u64, small: u64) -> Option<Check> {
        let before = before.filter(|before| *before >= small)?;
        let limit = u64::from(self.task.shrink_percent);
        if now < before && (before - now).saturating_mul(100) >= before.saturating_mul(limit) {
            return Some(
                Check::new(
                    what,
                    Outcome::Inconclusive,
                    format!("{now}, and the backup that was verified before had {before}"),
                )
                .expected(format!("less than {limit} % less"))
                .said("when that is right, say so: comuni backup verify --accept-shrunk"),
            );
        }
        Some(Check::pass(what, now.to_string()))
    }
}

fn short(id: &str) -> String {
    id.get(..16).unwrap_or(id).to_string()
}
