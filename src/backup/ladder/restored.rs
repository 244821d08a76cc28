//! L4 and L5: PostgreSQL and the file system take the backup back, and what came back is what was there.

use std::path::Path;
use std::time::Instant;

use super::climb::Climb;
use super::{Check, Outcome};
use crate::backup::compare::{Difference, databases, trees};
use crate::backup::fingerprint::tree;
use crate::backup::scratch::{Cluster, Obstacle, room};
use crate::backup::snapshot::Snapshot;
use crate::failure::{Failure, Result};
use crate::machine::FileKind;

/// So many differences are named.
const NAMED: usize = 20;

impl Climb<'_, '_> {
    /// L4.
    pub(super) fn restorable(&mut self) -> Result<Vec<Check>> {
        let manifest = self.manifest.clone().ok_or_else(|| Failure::operation("there is no manifest"))?;
        let mut checks = Vec::new();
        if manifest.files.is_some() {
            let there = self.data().map(|data| self.machine.stat(&data)).transpose()?.flatten();
            let is_folder = there.is_some_and(|stat| stat.kind == FileKind::Directory);
            checks.push(if is_folder {
                Check::pass("files", "the data folder came back")
            } else {
                Check::new("files", Outcome::Fail, "the data folder is not in the snapshot").expected(&self.task.data)
            });
        }
        let (Some(database), Some(dump)) = (&manifest.database, self.dump.clone()) else {
            self.out.rto_milliseconds = Some(self.back);
            return Ok(checks);
        };
        // Indexes are built, and what is dead in the live database is not in this one.
        let needed = database.fingerprint.bytes.saturating_add(database.fingerprint.bytes / 2);
        if let Err(lack) = room(self.machine, needed)? {
            checks.push(Check::new("room", Outcome::Inconclusive, lack).said("make room on this host, then run again"));
            return Ok(checks);
        }
        self.scratch()?;
        let Some(scratch) = &self.scratch else { return Ok(checks) };
        (self.tell)("starts a PostgreSQL of its own")?;
        let cluster = match Cluster::start(self.machine, scratch, &database.fingerprint) {
            Ok(cluster) => cluster,
            Err(Obstacle::Here(words)) => {
                checks.push(self.lacking("database", words)?);
                return Ok(checks);
            }
            Err(Obstacle::Damage(words)) => {
                checks.push(Check::new("database", Outcome::Fail, "PostgreSQL does not take it back").said(words));
                return Ok(checks);
            }
        };
        (self.tell)("restores the database")?;
        let began = Instant::now();
        let restored = cluster.restore(self.machine, &dump);
        self.back += u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        checks.push(match restored {
            Ok(()) => Check::pass("database", format!("restored in {} ms", began.elapsed().as_millis())),
            Err(Obstacle::Damage(words)) => {
                Check::new("database", Outcome::Fail, "PostgreSQL does not take it back").said(words)
            }
            Err(Obstacle::Here(words)) => self.lacking("database", words)?,
        });
        self.out.rto_milliseconds = Some(self.back);
        self.cluster = Some(cluster);
        Ok(checks)
    }

    /// This host lacks something: no word about the backup. When it ran out of room in spite of the reckoning, that is
    /// told too.
    fn lacking(&mut self, what: &str, words: String) -> Result<Check> {
        let mut found = "this host could not do it".to_string();
        if words.contains("No space left") {
            let free = room(self.machine, 0)?.map_or_else(|lack| lack, |free| format!("{free} bytes are free"));
            found = format!("no room was left although it was reckoned before: {free}");
        }
        Ok(Check::new(what, Outcome::Inconclusive, found).said(words))
    }

    /// The data folder as it came back.
    pub(super) fn data(&self) -> Option<std::path::PathBuf> {
        self.restored.as_ref().map(|folder| folder.join(self.task.data.trim_start_matches('/')))
    }

    /// L5.
    pub(super) fn equal(&mut self) -> Result<Vec<Check>> {
        let manifest = self.manifest.clone().ok_or_else(|| Failure::operation("there is no manifest"))?;
        let mut checks = Vec::new();
        if let (Some(database), Some(cluster)) = (&manifest.database, &self.cluster) {
            let mut snapshot = Snapshot::open(self.machine, &cluster.connection())?;
            let found = snapshot.fingerprint()?;
            drop(snapshot);
            self.out.versions.push(("postgresql".to_string(), found.server_version.clone()));
            let differences = databases(&database.fingerprint, &found);
            let then = &database.fingerprint;
            let seen = format!(
                "{} tables, {} rows, {} other things, {} large objects",
                then.tables.len(),
                then.rows(),
                then.objects.len(),
                then.large_objects.rows
            );
            checks.push(judged("database", seen, &differences));
        }
        if let (Some(files), Some(data)) = (&manifest.files, self.data()) {
            let found = tree(self.machine, Path::new(&data), &[])?;
            let compared = trees(files, &found);
            let seen = format!("{} files, {} bytes, every one hashed", files.files(), files.bytes());
            checks.push(judged("files", seen, &compared.differences));
            let moved = compared.changed.len() + compared.newer.len();
            if moved > 0 {
                let words = format!(
                    "{moved} files were changed while they were being backed up: {}",
                    some(&compared.changed, &compared.newer)
                );
                let limit = self.task.changing_files as usize;
                if moved > limit {
                    checks
                        .push(Check::new("changing files", Outcome::Fail, words).expected(format!("at most {limit}")));
                } else {
                    self.out.notes.push(words);
                }
            }
        }
        Ok(checks)
    }
}

fn some(changed: &[String], newer: &[String]) -> String {
    changed.iter().chain(newer).take(5).map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn judged(what: &str, seen: String, differences: &[Difference]) -> Check {
    if differences.is_empty() {
        return Check::pass(what, seen);
    }
    let mut words: Vec<String> = differences.iter().take(NAMED).map(Difference::words).collect();
    if differences.len() > NAMED {
        words.push(format!("and {} more", differences.len() - NAMED));
    }
    Check::new(what, Outcome::Fail, format!("{} differences", differences.len())).expected(seen).said(words.join("\n"))
}
