//! The folder in which a host remembers: private files, replaced whole.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::{Failure, Result};
use crate::machine::Machine;

pub use crate::machine::{PRIVATE_FILE, make_folder};

/// Reads a remembered value; `None` when nothing was remembered yet.
///
/// # Errors
/// When the file is damaged, with its path and what to do.
pub fn load<T: DeserializeOwned>(machine: &dyn Machine, path: &Path) -> Result<Option<T>> {
    let Some(content) = machine.read(path)? else { return Ok(None) };
    serde_json::from_slice(&content).map(Some).map_err(|error| {
        Failure::operation(format!("{} is damaged: {error}", path.display())).hint(format!(
            "use the newest comuni; else restore {} from the host's backup, or move it aside: \
             what is on the host is then taken over by the next apply",
            path.display()
        ))
    })
}

/// Remembers a value: the file is replaced whole, with its folder made when missing.
///
/// # Errors
/// When the system refuses.
pub fn save(machine: &mut dyn Machine, path: &Path, value: &impl Serialize) -> Result<()> {
    let mut content = serde_json::to_vec_pretty(value)
        .map_err(|error| Failure::operation(format!("cannot encode {}: {error}", path.display())))?;
    content.push(b'\n');
    if let Some(folder) = path.parent() {
        make_folder(machine, folder)?;
    }
    machine.write(path, &content, &PRIVATE_FILE)
}

/// Where each thing lies that a host remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `/var/lib/comuni`: manifest, journal, debts, key, evidence, archives.
    pub state: PathBuf,
    /// `/run/comuni`: locks and staged trees.
    pub run: PathBuf,
    /// This program, for the timer that reverts an unconfirmed change.
    pub executable: PathBuf,
    /// File in which sshd says which key it accepted (`SSH_USER_AUTH`).
    pub auth_info: Option<PathBuf>,
    /// How long control may be silent.
    pub silence: std::time::Duration,
    /// How long a change that can lock us out waits for its confirmation.
    pub confirm_within: std::time::Duration,
}

impl Settings {
    /// The places of a real host.
    pub fn of_a_host(executable: PathBuf) -> Settings {
        Settings {
            state: PathBuf::from("/var/lib/comuni"),
            run: PathBuf::from("/run/comuni"),
            executable,
            auth_info: None,
            silence: crate::protocol::SILENCE,
            confirm_within: std::time::Duration::from_secs(60),
        }
    }

    pub(super) fn manifest(&self) -> PathBuf {
        self.state.join("manifest.json")
    }

    pub(super) fn owed(&self) -> PathBuf {
        self.state.join("owed.json")
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.state.join("journal.jsonl")
    }

    pub(super) fn host_key(&self) -> PathBuf {
        self.state.join("host.key")
    }

    pub(super) fn evidence(&self) -> PathBuf {
        self.state.join("evidence")
    }

    pub(super) fn reverts(&self) -> PathBuf {
        self.state.join("revert")
    }

    pub(super) fn archives(&self) -> PathBuf {
        self.state.join("archives")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.run.join("lock")
    }

    pub(super) fn tenant_lock(&self, tenant: &str) -> PathBuf {
        self.run.join("tenants").join(format!("{tenant}.lock"))
    }

    pub(super) fn stage(&self) -> PathBuf {
        self.run.join("stage")
    }
}
