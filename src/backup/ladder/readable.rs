//! L2 and L3: the repository holds together, and its bytes are those that were stored.

use std::path::Path;
use std::time::{Duration, Instant};

use super::climb::{Climb, refused};
use super::{Check, Level, Outcome};
use crate::backup::manifest::{Database, Manifest};
use crate::backup::postgres::{newest, versions};
use crate::backup::restic::packs;
use crate::backup::run::FOLDER;
use crate::backup::scratch;
use crate::backup::words::last_words;
use crate::failure::Result;
use crate::machine::{Command, Machine, Ownership, gid_of, uid_of};

/// How long reading a dump may take.
const LONG: Duration = Duration::from_secs(12 * 3600);

/// What to do about a repository that is damaged.
const REPAIR: &str = "nothing is repaired by itself: keep a copy of the repository as it is, restore from the second copy, \
                      and see docs/verification.md, \"A damaged repository\"";

impl Climb<'_, '_> {
    /// L2. The repository is that of all tenants of a member: once in a run is enough.
    pub(super) fn sound(&mut self) -> Result<Vec<Check>> {
        if let Some(before) = &self.task.sound {
            return Ok(before.checks.clone());
        }
        self.look("repository", None)
    }

    fn look(&mut self, what: &str, read: Option<&str>) -> Result<Vec<Check>> {
        let patience = Duration::from_secs(u64::from(self.task.patience));
        let checked = match self.repository.check(self.machine, read, patience) {
            Ok(checked) => checked,
            Err(refusal) => return Ok(vec![refused(what, refusal)?]),
        };
        if checked.unlocked {
            self.out.notes.push("a lock whose holder was gone was taken away from the repository".to_string());
        }
        let Some(damage) = checked.damage else {
            return Ok(vec![Check::pass(what, "restic found no errors")]);
        };
        let mut found = "restic found damage".to_string();
        let hurt: Vec<String> =
            packs(&damage).iter().flat_map(|pack| self.repository.in_need_of(self.machine, pack)).collect();
        if !hurt.is_empty() {
            found = format!("{found}; snapshots that need it: {}", hurt.join(", "));
        }
        Ok(vec![Check::new(what, Outcome::Fail, found).expected("no errors").said(format!("{damage}\n{REPAIR}"))])
    }

    /// L3: a part of the repository is read, and the dump is fetched, hashed and read to its end.
    pub(super) fn readable(&mut self) -> Result<Vec<Check>> {
        let mut checks = self.part()?;
        let lack = self.needs_room()?;
        if let Some(lack) = lack {
            checks.push(lack);
            return Ok(checks);
        }
        checks.extend(self.fetch()?);
        Ok(checks)
    }

    fn part(&mut self) -> Result<Vec<Check>> {
        if let Some(read) = &self.task.read {
            self.out.slice = self.task.slice;
            return Ok(vec![read.clone()]);
        }
        let (what, option) = match self.task.slice {
            Some(slice) => (
                format!("part {} of {}", slice.part, slice.of),
                format!("--read-data-subset={}/{}", slice.part, slice.of),
            ),
            None => ("all data".to_string(), "--read-data".to_string()),
        };
        let checks = self.look(&what, Some(&option))?;
        self.out.slice = self.task.slice;
        Ok(checks)
    }

    /// Room for what is fetched. What a database takes is told by its manifest, which is not there yet: twice its dump.
    fn needs_room(&mut self) -> Result<Option<Check>> {
        self.scratch()?;
        let bytes = self.out.bytes.unwrap_or_default();
        Ok(match scratch::room(self.machine, bytes.saturating_mul(3))? {
            Ok(_) => None,
            Err(lack) => {
                Some(Check::new("room", Outcome::Inconclusive, lack).said("make room on this host, then run again"))
            }
        })
    }

    fn fetch(&mut self) -> Result<Vec<Check>> {
        let snapshot = self.newest()?;
        let target = self.scratch()?.join("restored");
        self.machine.make_directory(&target, &Ownership { uid: 0, gid: 0, mode: 0o711 })?;
        let own = format!("{FOLDER}/{}", self.task.tenant);
        // Whoever goes on to the next level needs the files too.
        let only = (self.task.up_to < Level::L4).then_some(own.as_str());
        let began = Instant::now();
        let output = match self.repository.restore(self.machine, &snapshot.id, &target.to_string_lossy(), only) {
            Ok(output) => output,
            Err(refusal) => return Ok(vec![refused("fetching", refusal)?]),
        };
        self.back += u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.restored = Some(target.clone());
        let mut checks = Vec::new();
        if output.status != 0 {
            let words = last_words(&output);
            let outcome = if words.contains("no space left") { Outcome::Inconclusive } else { Outcome::Fail };
            let found = format!("restic restore ended with {}", output.status);
            checks.push(Check::new("fetching", outcome, found).said(words));
            return Ok(checks);
        }
        checks.push(Check::pass("fetching", format!("{} ms", self.back)));
        let folder = target.join(own.trim_start_matches('/'));
        let manifest = match Manifest::read(self.machine, &folder.join("manifest.json")) {
            Ok(Some(manifest)) => manifest,
            Ok(None) => {
                checks.push(Check::new("manifest", Outcome::Fail, "it is not in the snapshot"));
                return Ok(checks);
            }
            Err(failure) => {
                checks.push(Check::new("manifest", Outcome::Fail, failure.message).said(failure.hints.join("; ")));
                return Ok(checks);
            }
        };
        let same = manifest.tenant == self.task.tenant && snapshot.tag("run") == Some(manifest.run.as_str());
        if !same {
            let found = format!("of {}, run {}", manifest.tenant, manifest.run);
            checks.push(Check::new("manifest", Outcome::Fail, found).expected(format!(
                "of {}, run {}",
                self.task.tenant,
                snapshot.tag("run").unwrap_or("none")
            )));
            return Ok(checks);
        }
        checks.push(Check::pass("manifest", format!("of release {}", manifest.release)));
        self.out.release = Some(manifest.release.clone());
        self.out.bytes = Some(manifest.bytes());
        self.out.rows = Some(manifest.rows());
        self.out.files = manifest.files.as_ref().map(|tree| tree.files());
        checks.extend(self.plausible("rows", self.task.rows_before, manifest.rows(), 20));
        if let Some(database) = &manifest.database {
            checks.extend(self.dump(database, &folder.join("database.dump"))?);
        }
        self.manifest = Some(manifest);
        Ok(checks)
    }

    /// The dump is the one that was stored, and can be read to its end. A dump that is not compressed has nothing in it
    /// that would show a changed letter: only its hash does.
    fn dump(&mut self, database: &Database, path: &Path) -> Result<Vec<Check>> {
        let Some(digest) = self.machine.sha256(path)? else {
            return Ok(vec![Check::new("dump", Outcome::Fail, "it is not in the snapshot").expected(&database.dump)]);
        };
        let mut checks = vec![if digest == database.sha256 {
            Check::pass("sha256 of the dump", digest)
        } else {
            Check::new("sha256 of the dump", Outcome::Fail, digest).expected(&database.sha256)
        }];
        if let Some((account, uid, gid)) = reader(self.machine)? {
            let place = self.scratch()?.join("database.dump");
            self.machine.rename(path, &place)?;
            self.machine.set_ownership(&place, &Ownership { uid, gid, mode: 0o400 })?;
            let program = newest(self.machine, "pg_restore")?;
            let words = [program.as_str(), "-f", "/dev/null", &place.to_string_lossy()];
            let command = Command::new(words).as_user(account).within(LONG);
            let output = self.machine.run(&command)?;
            checks.push(if output.status == 0 {
                Check::pass("reading the dump", "to its end")
            } else {
                Check::new("reading the dump", Outcome::Fail, format!("pg_restore ended with {}", output.status))
                    .said(last_words(&output))
            });
            self.dump = Some(place);
        } else {
            checks.push(
                Check::new("reading the dump", Outcome::Inconclusive, "PostgreSQL is not installed on this host")
                    .said("comuni apply --area backup installs it on the host with the role verification, and its clients on that of the second copy"),
            );
        }
        Ok(checks)
    }
}

/// Who reads a dump, which may have been made to do harm: the account of PostgreSQL, or nobody's where only its clients are;
/// none where not even they are.
fn reader(machine: &dyn Machine) -> Result<Option<(&'static str, u32, u32)>> {
    if versions(machine)?.is_empty() {
        return Ok(None);
    }
    for (account, group) in [("postgres", "postgres"), ("nobody", "nogroup")] {
        if let (Some(uid), Some(gid)) = (uid_of(machine, account)?, gid_of(machine, group)?) {
            return Ok(Some((account, uid, gid)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Fake;

    #[test]
    fn a_dump_is_read_by_an_account_that_can_harm_nothing_and_only_where_there_are_programs_for_it() {
        let mut host = Fake::new();
        host.with_file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n", 0o644);
        host.with_file("/etc/group", "root:x:0:\nnogroup:x:65534:\n", 0o644);
        assert_eq!(reader(&host).unwrap(), None, "nothing there reads a dump");
        host.with_directory("/usr/lib/postgresql/15", 0o755);
        assert_eq!(reader(&host).unwrap(), Some(("nobody", 65534, 65534)), "the clients alone have no account");
        host.with_file("/etc/passwd", "nobody:x:65534:65534::/:/bin/false\npostgres:x:105:110::/:/bin/sh\n", 0o644);
        host.with_file("/etc/group", "nogroup:x:65534:\npostgres:x:110:\n", 0o644);
        assert_eq!(reader(&host).unwrap(), Some(("postgres", 105, 110)));
    }
}
