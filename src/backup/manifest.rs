//! What a backup says about itself: it lies in the same restic snapshot as what it speaks of.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::fingerprint::{DatabaseFingerprint, Tree};
use crate::failure::{Failure, Result};
use crate::machine::{Machine, Ownership};

/// Version of this form. A reader of version 1 passes over fields it does not know.
pub const VERSION: u32 = 1;

/// What a backup says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this form: 1.
    pub version: u32,
    /// The run that took it; also a tag of the snapshot.
    pub run: String,
    /// The tenant: `c_e863-albo`.
    pub tenant: String,
    /// Whose it is: `c_e863`.
    pub member: String,
    /// The application: `albo`.
    pub application: String,
    /// Its release.
    pub release: String,
    /// The host that it ran on.
    pub host: String,
    /// When the backup began, in seconds since 1970. What was written later is not in it.
    pub started: i64,
    /// When all but the upload was done.
    pub ended: i64,
    /// Version of comuni.
    pub tool: String,
    /// Whether all is in it.
    pub state: State,
    /// Why it is partial, one sentence each.
    #[serde(default)]
    pub missing: Vec<String>,
    /// The database; none when the application has none.
    pub database: Option<Database>,
    /// The data folder; none when the application has none.
    pub files: Option<Tree>,
}

/// Whether all that must be in a backup is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All of it.
    Complete,
    /// A part is missing: better than nothing, and no backup to rely on.
    Partial,
}

impl State {
    /// As it stands in the snapshot's tag.
    pub fn word(self) -> &'static str {
        match self {
            State::Complete => "complete",
            State::Partial => "partial",
        }
    }
}

/// The database in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Path of the dump in the snapshot.
    pub dump: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 (hex) of it.
    pub sha256: String,
    /// What `pg_dump --version` says.
    pub pg_dump: String,
    /// What the database held in the snapshot that was dumped.
    pub fingerprint: DatabaseFingerprint,
}

impl Manifest {
    /// Reads one; nothing is an answer.
    ///
    /// # Errors
    /// When it cannot be read, is no manifest, or of a later form.
    pub fn read(machine: &dyn Machine, path: &Path) -> Result<Option<Manifest>> {
        machine.read(path)?.map(|content| Manifest::parse(&content)).transpose()
    }

    /// Reads one that was fetched.
    ///
    /// # Errors
    /// When it is no manifest, or of a later form.
    pub fn parse(content: &[u8]) -> Result<Manifest> {
        #[derive(Deserialize)]
        struct Form {
            version: u32,
        }
        let wrong = |error: serde_json::Error| Failure::operation(format!("the backup's manifest is none: {error}"));
        let form: Form = serde_json::from_slice(content).map_err(wrong)?;
        if form.version > VERSION {
            return Err(Failure::operation(format!(
                "the backup's manifest has form {}, and this comuni knows {VERSION}",
                form.version
            ))
            .hint("use the comuni that took the backup, or a later one"));
        }
        serde_json::from_slice(content).map_err(wrong)
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, machine: &mut dyn Machine, path: &Path, ownership: &Ownership) -> Result<()> {
        let content = serde_json::to_vec(self)
            .map_err(|error| Failure::operation(format!("cannot encode the manifest: {error}")))?;
        machine.write(path, &content, ownership)
    }

    /// Bytes of all that it speaks of.
    pub fn bytes(&self) -> u64 {
        let database = self.database.as_ref().map_or(0, |database| database.bytes);
        database + self.files.as_ref().map_or(0, Tree::bytes)
    }

    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.database.as_ref().map_or(0, |database| database.fingerprint.rows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Fake;

    fn example() -> Manifest {
        Manifest {
            version: VERSION,
            run: "20260101T020000Z-1a2b".to_string(),
            tenant: "c_e863-albo".to_string(),
            member: "c_e863".to_string(),
            application: "albo".to_string(),
            release: "1.0.0".to_string(),
            host: "app1".to_string(),
            started: 1,
            ended: 2,
            tool: "0.1.0".to_string(),
            state: State::Complete,
            missing: Vec::new(),
            database: None,
            files: Some(Tree::default()),
        }
    }

    #[test]
    fn it_reads_back_as_it_was_written() {
        let mut host = Fake::new();
        let path = Path::new("/var/lib/comuni/manifest.json");
        assert_eq!(Manifest::read(&host, path).unwrap(), None);
        example().write(&mut host, path, &Ownership { uid: 0, gid: 0, mode: 0o600 }).unwrap();
        assert_eq!(Manifest::read(&host, path).unwrap(), Some(example()));
    }

    #[test]
    fn a_later_form_is_refused_by_its_number() {
        let failure = Manifest::parse(br#"{"version": 2, "more": true}"#).unwrap_err();
        assert!(failure.message.contains("form 2"), "{failure}");
        assert!(Manifest::parse(b"{").is_err());
    }
}
