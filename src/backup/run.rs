//! What is recorded of a run, and what a host remembers between runs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};
use crate::machine::{Machine, PRIVATE_FILE, make_folder};

/// All that a host has of backups: `<tenant>/` while one is taken, `state/`, `cache/`, `runs.jsonl`.
pub const FOLDER: &str = "/var/lib/comuni/backup";

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// All is stored.
    Complete,
    /// Something is stored, and something is missing.
    Partial,
    /// Nothing is stored.
    Failed,
    /// Somebody else held the tenant for too long; nothing was done.
    Busy,
    /// A signal ended it; nothing is stored.
    Interrupted,
}

impl Ended {
    /// As it is read.
    pub fn word(self) -> &'static str {
        match self {
            Ended::Complete => "complete",
            Ended::Partial => "partial",
            Ended::Failed => "failed",
            Ended::Busy => "busy",
            Ended::Interrupted => "interrupted",
        }
    }
}

/// What is recorded of a run: a line of the host's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Run {
    /// `backup`: other records may come to stand beside it.
    pub kind: String,
    /// Its id, also a tag of the snapshot.
    pub run: String,
    /// `c_e863-albo`.
    pub tenant: String,
    /// The member's code.
    pub member: String,
    /// The application.
    pub application: String,
    /// The host that took it.
    pub host: String,
    /// `timer`, or who asked for it.
    pub by: String,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub began: i64,
    /// The same.
    pub ended: i64,
    /// How it ended.
    pub state: Ended,
    /// Full id of the snapshot.
    #[serde(default)]
    pub snapshot: Option<String>,
    /// Bytes of dump and files.
    #[serde(default)]
    pub bytes: u64,
    /// Bytes that the repository did not have before.
    #[serde(default)]
    pub added: u64,
    /// Rows of all tables.
    #[serde(default)]
    pub rows: u64,
    /// Files of the tenant.
    #[serde(default)]
    pub files: u64,
    /// Snapshots of this tenant that the repository has.
    #[serde(default)]
    pub snapshots: u64,
    /// Files that changed while they were read; what is missing; what was tried again.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Much less than the backup before: nothing is pruned until somebody has looked.
    #[serde(default)]
    pub shrunk: Option<String>,
    /// Why it is not complete.
    #[serde(default)]
    pub error: Option<String>,
    /// Exit code that goes with it.
    pub exit: u8,
    /// Version of restic.
    #[serde(default)]
    pub restic: String,
    /// The newest backup may be this old, in hours.
    pub rpo_hours: u32,
}

impl Run {
    /// Something was stored that can be relied on.
    pub fn is_good(&self) -> bool {
        self.state == Ended::Complete
    }
}

/// What a host remembers of a tenant's backups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The newest run.
    pub last: Option<Run>,
    /// The newest that was complete.
    pub good: Option<Run>,
    /// What later ones are compared with: the newest complete one that was not much smaller than the one before, or that
    /// somebody has accepted.
    #[serde(default)]
    pub measure: Option<Run>,
}

impl Remembered {
    fn path(tenant: &str) -> PathBuf {
        Path::new(FOLDER).join("state").join(format!("{tenant}.json"))
    }

    /// What is remembered; nothing when nothing is. A damaged file is as none: it can be told anew.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(machine: &dyn Machine, tenant: &str) -> Result<Remembered> {
        let content = machine.read(&Remembered::path(tenant))?.unwrap_or_default();
        Ok(serde_json::from_slice(&content).unwrap_or_default())
    }

    /// Remembers a run.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn note(mut self, machine: &mut dyn Machine, run: &Run) -> Result<Remembered> {
        if run.is_good() {
            self.good = Some(run.clone());
            if run.shrunk.is_none() {
                self.measure = Some(run.clone());
            }
        }
        self.last = Some(run.clone());
        write(machine, &Remembered::path(&run.tenant), &self)?;
        Ok(self)
    }
}

impl Remembered {
    /// Later backups are compared with the newest complete one from now on.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn accept(mut self, machine: &mut dyn Machine, tenant: &str) -> Result<()> {
        self.measure.clone_from(&self.good);
        write(machine, &Remembered::path(tenant), &self)
    }
}

/// Where it is remembered which repository a member's is: never made anew once it was there.
pub(super) fn repository_id(member: &str) -> PathBuf {
    Path::new(FOLDER).join("state").join(format!("{member}.repository"))
}

/// Replaces a file of ours.
pub(super) fn write(machine: &mut dyn Machine, path: &Path, value: &impl Serialize) -> Result<()> {
    let content = serde_json::to_vec(value).map_err(|error| Failure::operation(format!("cannot encode: {error}")))?;
    if let Some(folder) = path.parent() {
        make_folder(machine, folder)?;
    }
    machine.write(path, &content, &PRIVATE_FILE)
}
