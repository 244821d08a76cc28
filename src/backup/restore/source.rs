//! Fetching a backup and proving that it is what its manifest says, before anything live is touched.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::listing::bytes_below;
use super::{Chosen, Part, Tell};
use crate::backup::compare;
use crate::backup::fingerprint::{self, Kind as Sort, Tree};
use crate::backup::manifest::{self, Manifest};
use crate::backup::postgres::{newest, versions};
use crate::backup::restic::{Refusal, Repository};
use crate::backup::run::FOLDER;
use crate::backup::words::last_words;
use crate::failure::{Failure, Kind, Result};
use crate::machine::{Command, Machine};

/// How long bringing may take.
const LONG: Duration = Duration::from_secs(12 * 3600);

/// How many differences are named.
const SOME: usize = 5;

/// What was brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Report {
    /// Release of the application that it was taken of.
    pub release: String,
    /// Bytes of what was brought.
    pub bytes: u64,
    /// Rows of the database in it.
    pub rows: u64,
    /// Files that were brought.
    pub files: u64,
    /// Milliseconds that fetching took.
    pub milliseconds: u64,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// What is fetched.
pub struct Source<'a> {
    /// Where from.
    pub repository: &'a Repository,
    /// Which.
    pub chosen: &'a Chosen,
    /// Whose it must be.
    pub tenant: &'a str,
    /// The member's code.
    pub member: &'a str,
    /// The tenant's data folder, in the snapshot.
    pub data: &'a str,
    /// What of it.
    pub part: &'a Part,
}

/// A backup in a folder, proven.
pub struct Fetched {
    /// What it says about itself.
    pub manifest: Manifest,
    /// Where the dump is now.
    pub dump: Option<PathBuf>,
    /// Where the data folder is now.
    pub files: Option<PathBuf>,
    /// For a person.
    pub report: Report,
}

impl Source<'_> {
    /// Brings it into `folder`, which is ours and empty.
    ///
    /// # Errors
    /// Exit 4 when it is not what its manifest says, or is not of this tenant; 1 when it cannot be brought.
    pub fn fetch(&self, machine: &mut dyn Machine, folder: &Path, tell: &mut Tell<'_>) -> Result<Fetched> {
        let began = Instant::now();
        let work = format!("{FOLDER}/{}", self.tenant);
        let roots = [work.clone(), self.data.to_string()];
        tell("looks at the backup", 0, 0)?;
        let bytes = bytes_below(machine, self.repository, &self.chosen.id, &roots)?;
        must_have_room(machine, folder, bytes.saturating_mul(5) / 2)?;
        tell(&format!("fetches {bytes} bytes"), 0, 0)?;
        self.restore(machine, folder, &work)?;
        let inside = |path: &str| folder.join(path.trim_start_matches('/'));
        let path = inside(&format!("{work}/manifest.json"));
        let manifest = Manifest::read(machine, &path)?
            .ok_or_else(|| damage(format!("the snapshot {} has no manifest", self.chosen.id)))?;
        self.must_be_of_this_tenant(&manifest)?;
        let mut report = Report {
            release: manifest.release.clone(),
            bytes: 0,
            rows: 0,
            files: 0,
            milliseconds: 0,
            notes: manifest.missing.iter().map(|missing| format!("the backup itself is partial: {missing}")).collect(),
        };
        tell("proves what was fetched", 0, 0)?;
        let mut dump = None;
        if let Some(of) = manifest.database.as_ref().filter(|_| self.part.database) {
            let path = inside(&format!("{work}/database.dump"));
            prove_dump(machine, &path, of, &mut report)?;
            (report.bytes, report.rows) = (report.bytes + of.bytes, of.fingerprint.rows());
            dump = Some(path);
        }
        let mut files = None;
        if let Some(tree) = manifest.files.as_ref().filter(|_| self.part.files) {
            let path = inside(self.data);
            self.prove_files(machine, &path, tree, &mut report)?;
            files = Some(path);
        }
        report.milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Fetched { manifest, dump, files, report })
    }

    fn restore(&self, machine: &mut dyn Machine, folder: &Path, work: &str) -> Result<()> {
        let target = folder.to_string_lossy().into_owned();
        let mut words = vec!["restore".to_string(), "--no-lock".to_string(), "--target".to_string(), target];
        let mut include = |path: String| words.extend(["--include".to_string(), path]);
        include(format!("{work}/manifest.json"));
        if self.part.database {
            include(format!("{work}/database.dump"));
        }
        match (&self.part.path, self.part.files) {
            (Some(path), true) => include(format!("{}/{}", pattern(self.data), pattern(path))),
            (None, true) => include(pattern(self.data)),
            (_, false) => {}
        }
        words.push(self.chosen.id.clone());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.repository.command(&words).within(LONG);
        // As root, also where the repository is another account's: owners and modes come back as they were.
        command.user = None;
        let output = machine.run(&command)?;
        if output.status == 0 { Ok(()) } else { Err(Refusal::read(&output).into()) }
    }

    fn must_be_of_this_tenant(&self, manifest: &Manifest) -> Result<()> {
        let said = (manifest.tenant.as_str(), manifest.member.as_str(), manifest.run.as_str());
        if said == (self.tenant, self.member, self.chosen.run.as_str()) {
            return Ok(());
        }
        Err(damage(format!(
            "refused: the manifest in the snapshot is of {} (member {}, run {}), not of {}",
            said.0, said.1, said.2, self.tenant
        )))
    }

    fn prove_files(&self, machine: &mut dyn Machine, path: &Path, tree: &Tree, report: &mut Report) -> Result<()> {
        let Some(one) = &self.part.path else {
            let found = fingerprint::tree(machine, path, &[])
                .map_err(|failure| Failure { kind: Kind::Damage, ..failure.context("the files did not come back") })?;
            let compared = compare::trees(tree, &found);
            differ("files", &compared.differences)?;
            if !compared.changed.is_empty() {
                report.notes.push(format!("{} files changed while the backup was taken", compared.changed.len()));
            }
            (report.bytes, report.files) = (report.bytes + found.bytes(), found.files());
            return Ok(());
        };
        let one = one.trim_matches('/');
        let below = |name: &&String| *name == one || name.strip_prefix(one).is_some_and(|rest| rest.starts_with('/'));
        let wanted: Vec<&String> = tree.entries.keys().filter(below).collect();
        if wanted.is_empty() {
            let last = one.rsplit('/').next().unwrap_or(one);
            let near: Vec<&str> =
                tree.entries.keys().map(String::as_str).filter(|name| name.contains(last)).take(SOME).collect();
            let failure =
                Failure::usage(format!("there is no {one:?} among the {} files of this backup", tree.files()));
            return Err(if near.is_empty() { failure } else { failure.hint(format!("near: {}", near.join(", "))) });
        }
        let found = fingerprint::tree(machine, path, &[])?;
        let only = |from: &Tree| Tree {
            root: from.root.clone(),
            entries: from
                .entries
                .iter()
                .filter(|(name, _)| below(name))
                .map(|(name, entry)| (name.clone(), entry.clone()))
                .collect(),
        };
        let (expected, found) = (only(tree), only(&found));
        differ("files", &compare::trees(&expected, &found).differences)?;
        (report.bytes, report.files) = (report.bytes + found.bytes(), found.files());
        if found.entries.values().all(|entry| entry.kind == Sort::Other) {
            report.notes.push("it is a pipe or a socket, which has no content".to_string());
        }
        Ok(())
    }
}

fn prove_dump(machine: &mut dyn Machine, path: &Path, of: &manifest::Database, report: &mut Report) -> Result<()> {
    let sha256 = machine.sha256(path)?;
    if sha256.as_deref() != Some(of.sha256.as_str()) {
        let found = sha256.map_or("nothing".to_string(), |sha256| format!("SHA-256 {sha256}"));
        return Err(damage(format!("the dump is not the one that was stored: {found} in place of {}", of.sha256)));
    }
    if versions(machine)?.is_empty() {
        report.notes.push("the dump was not read by pg_restore: it is not installed on this host".to_string());
        return Ok(());
    }
    let place = path.to_string_lossy().into_owned();
    let program = newest(machine, "pg_restore")?;
    let output = machine.run(&Command::new([program.as_str(), "--file=/dev/null", &place]).within(LONG))?;
    if output.status != 0 {
        return Err(damage(format!("pg_restore cannot read the dump: {}", last_words(&output))));
    }
    Ok(())
}

/// Fails with the first few differences.
pub(in crate::backup) fn differ(what: &str, differences: &[compare::Difference]) -> Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    let some = differences.iter().take(SOME).map(compare::Difference::words).collect::<Vec<_>>().join("; ");
    Err(damage(format!(
        "the {what} that came back are not those of the manifest: {some}; {} in all",
        differences.len()
    )))
}

fn damage(message: String) -> Failure {
    Failure::new(Kind::Damage, message).hint("comuni backup verify tells how far the backups of this tenant are sound")
}

/// Whether so many bytes fit beside `folder`.
pub(super) fn must_have_room(machine: &mut dyn Machine, folder: &Path, needed: u64) -> Result<()> {
    let place = folder.to_string_lossy().into_owned();
    let command = Command::new(["df", "--output=avail", "--block-size=1", &place]);
    let output = machine.run(&command)?.succeeded(&command)?.text();
    let free: u64 = output
        .lines()
        .last()
        .and_then(|line| line.trim().parse().ok())
        .ok_or_else(|| Failure::operation(format!("df answered what cannot be understood: {}", output.trim())))?;
    if free >= needed {
        return Ok(());
    }
    Err(Failure::operation(format!(
        "there is not enough room in {place}: {free} bytes are free and {needed} are asked for, 2.5 times what is restored"
    ))
    .hint("make room there first; nothing was changed"))
}

/// A path as a pattern of restic that fits it alone: its own signs are escaped. What a listing shows in escaped form
/// stands for one sign each.
fn pattern(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => match rest.next() {
                Some('x') => {
                    rest.next();
                    rest.next();
                    out.push('?');
                }
                Some('u') => {
                    for letter in rest.by_ref() {
                        if letter == '}' {
                            break;
                        }
                    }
                    out.push('?');
                }
                _ => out.push_str("\\\\"),
            },
            '*' | '?' | '[' => {
                out.push('\\');
                out.push(letter);
            }
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_pattern_of_itself_alone() {
        assert_eq!(pattern("a b/è.pdf"), "a b/è.pdf");
        assert_eq!(pattern("a*[1]?"), r"a\*\[1]\?");
        assert_eq!(pattern(r"due\u{a}righe\xff\\"), r"due?righe?\\");
    }

    #[test]
    fn too_little_room_is_told_before_anything_is_written() {
        let mut host = crate::machine::Fake::new();
        host.answer(&["df"], 0, "Avail\n1000\n", "");
        assert!(must_have_room(&mut host, Path::new("/srv"), 1000).is_ok());
        let failure = must_have_room(&mut host, Path::new("/srv"), 1001).unwrap_err();
        assert!(failure.message.contains("1000 bytes are free and 1001"), "{failure}");
    }
}
