//! To the repository: one snapshot with dump, manifest and files.

use std::path::Path;

use super::{Step, Taking};
use crate::backup::fingerprint::shown;
use crate::backup::manifest::{Manifest, State};
use crate::backup::restic::{Order, Refusal, Repository, Stored, Trouble};
use crate::backup::run::{Ended, FOLDER, repository_id, write};
use crate::failure::{Failure, Kind, Result};
use crate::machine::Command;

impl Taking<'_, '_> {
    /// Stores all of it. What turns out to be missing is told by a second snapshot that says so: the first one cannot be
    /// changed any more, and the newest one counts.
    pub(super) fn store(&mut self, manifest: &mut Manifest, hashed_from: i64) -> Result<()> {
        let repository = self.configuration.repository(self.machine)?.cached(&format!("{FOLDER}/cache"));
        self.there(&repository)?;
        if self.killed {
            repository.unlock(self.machine)?;
            self.run.notes.push("the run before was killed: its lock is gone, if it left one".to_string());
        }
        manifest.state = if manifest.missing.is_empty() { State::Complete } else { State::Partial };
        let mut stored = self.once(&repository, manifest)?;
        let found = self.after(&stored, hashed_from)?;
        if !found.is_empty() {
            manifest.missing.extend(found);
            manifest.state = State::Partial;
            let added = stored.summary.added;
            stored = self.once(&repository, manifest)?;
            stored.summary.added += added;
        }
        self.run.bytes = manifest.bytes();
        self.run.files = manifest.files.as_ref().map_or(0, |tree| tree.files());
        self.run.added = stored.summary.added;
        if stored.strange > 0 {
            self.run.notes.push(format!("{} lines of restic could not be understood", stored.strange));
        }
        self.run.snapshot = Some(self.find(&repository)?);
        (self.run.state, self.run.exit) = match manifest.state {
            State::Complete => (Ended::Complete, 0),
            State::Partial => (Ended::Partial, Kind::Partial.exit_code()),
        };
        if manifest.state == State::Partial {
            self.run.error = Some(manifest.missing.join("\n"));
        }
        self.judge()
    }

    /// Whether it is the repository that it was. It is made when there never was one, and never again.
    fn there(&mut self, repository: &Repository) -> Result<()> {
        let place = repository_id(&self.configuration.member);
        if self.machine.stat(&place)?.is_some() {
            return Ok(());
        }
        let id = match repository.id(self.machine) {
            Ok(id) => id,
            Err(Refusal { trouble: Trouble::Missing, .. }) => {
                repository.init(self.machine)?;
                self.run.notes.push("the repository was made".to_string());
                repository.id(self.machine)?
            }
            Err(refusal) => return Err(refusal.into()),
        };
        write(self.machine, &place, &id)
    }

    fn once(&mut self, repository: &Repository, manifest: &mut Manifest) -> Result<Stored> {
        self.write_manifest(manifest)?;
        let of = self.configuration;
        let path = |name: &str| self.folder.join(name).to_string_lossy().into_owned();
        let mut paths = vec![path("manifest.json")];
        if manifest.database.is_some() {
            paths.push(path("database.dump"));
        }
        if manifest.files.is_some() {
            paths.push(of.data.clone());
        }
        for path in &paths {
            if self.machine.stat(Path::new(path))?.is_none() {
                return Err(Failure::operation(format!("{path} went away before it was stored")));
            }
        }
        let tags = [
            format!("tenant={}", of.tenant),
            format!("run={}", self.run.run),
            format!("state={}", manifest.state.word()),
        ];
        let order = Order { host: of.member.clone(), tags: tags.to_vec(), paths, deadline: self.left()? };
        let tell = &mut *self.tell;
        Ok(repository.store(self.machine, &order, &mut |far| tell(Step::Storing(far)))?)
    }

    /// What is missing although restic has ended: what it could not read, and more changes than are borne with.
    fn after(&mut self, stored: &Stored, hashed_from: i64) -> Result<Vec<String>> {
        let mut missing = Vec::new();
        let mut changed = self.changed_since(hashed_from)?;
        for line in &stored.unread {
            // What was removed meanwhile is a change as any other.
            let gone = line.contains("no such file or directory");
            if gone {
                changed.push(line.clone());
            } else {
                missing.push(format!("not read: {line}"));
            }
        }
        let limit = self.configuration.policy.changing_files as usize;
        if changed.is_empty() {
            return Ok(missing);
        }
        let some = changed.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let words = format!("{} files changed while they were read: {some}", changed.len());
        if changed.len() > limit {
            missing.push(format!("{words}; at most {limit} may"));
        } else {
            self.run.notes.push(words);
        }
        Ok(missing)
    }

    /// What was written to or removed since it was hashed.
    fn changed_since(&mut self, moment: i64) -> Result<Vec<String>> {
        let data = &self.configuration.data;
        if self.machine.stat(Path::new(data))?.is_none() {
            return Ok(Vec::new());
        }
        // The seconds of the clock end before those of files may begin.
        let since = format!("@{moment}.999999999");
        let command = Command::new(["find", data, "-newerct", &since, "-printf", "%P\\0"]);
        let output = self.machine.run(&command)?;
        let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Ok(names.map(|name| shown(std::os::unix::ffi::OsStrExt::from_bytes(name))).collect())
    }

    /// The full id of what was just stored, and how many there are.
    fn find(&mut self, repository: &Repository) -> Result<String> {
        let tag = format!("tenant={}", self.configuration.tenant);
        let (snapshots, words) = repository.snapshots(self.machine, &[&tag])?;
        self.run.snapshots = snapshots.len() as u64;
        if let Some(words) = words {
            self.run.notes.push(format!("restic said: {words}"));
        }
        let own = snapshots.iter().rev().find(|snapshot| snapshot.tag("run") == Some(self.run.run.as_str()));
        own.map(|snapshot| snapshot.id.clone()).ok_or_else(|| {
            Failure::operation("what was stored is not among the snapshots of the repository")
                .hint("look at the repository with `restic snapshots`: docs/backup.md, \"By hand\"")
        })
    }
}
