//! What this machine remembers of a run, so that `--resume` goes on with the same release, members and batches.

use std::fs::File;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use crate::cli::Upgrade;
use crate::disk;
use crate::evidence::state;
use crate::failure::{Failure, Kind, Result};
use crate::inventory::Inventory;

/// A run, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    to: Option<String>,
    members: Vec<String>,
    canary: Vec<String>,
    batch: Option<String>,
    #[serde(default)]
    without_notice: Option<String>,
}

impl Kept {
    pub(super) fn of(options: &Upgrade, plan: &Plan) -> Kept {
        // By their files: what a glob matches may be more tomorrow.
        let members = if options.members.is_empty() { Vec::new() } else { plan.slugs.clone() };
        let batch = options.batch.map(|batch| batch.to_string());
        Kept {
            to: options.to.clone(),
            members,
            canary: options.canary.clone(),
            batch,
            without_notice: options.without_notice.clone(),
        }
    }

    /// On disk before anything is done.
    pub(super) fn write(&self, inventory: &Inventory, application: &str) -> Result<()> {
        let path = path(inventory, application, "json")?;
        let text =
            serde_json::to_vec_pretty(self).map_err(|error| Failure::operation(format!("cannot encode: {error}")))?;
        disk::replace(&path, &text, 0o600)
            .map_err(|error| Failure::operation(format!("cannot write {}: {error}", path.display())))
    }

    /// It came to its end.
    pub(super) fn forget(inventory: &Inventory, application: &str) -> Result<()> {
        let path = path(inventory, application, "json")?;
        std::fs::remove_file(&path)
            .map_err(|error| Failure::operation(format!("cannot remove {}: {error}", path.display())))
    }

    /// What is asked for now, with what was asked for then.
    pub(super) fn over(self, options: &Upgrade) -> Upgrade {
        Upgrade {
            to: self.to,
            members: self.members,
            canary: self.canary,
            batch: self.batch.and_then(|batch| batch.parse().ok()),
            without_notice: options.without_notice.clone().or(self.without_notice),
            ..options.clone()
        }
    }
}

/// The run that was cut off, or did not come to a good end.
pub(super) fn read(inventory: &Inventory, application: &str) -> Result<Kept> {
    let path = path(inventory, application, "json")?;
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::usage(format!("this machine knows of no upgrade of {application} to go on with"))
                .hint("say which: comuni upgrade APPLICATION --to RELEASE also brings to an end what was cut off elsewhere"));
        }
        Err(error) => return Err(Failure::operation(format!("{}: {error}", path.display()))),
    };
    serde_json::from_slice(&text).map_err(|error| {
        Failure::operation(format!("{} is damaged: {error}", path.display()))
            .hint("remove it, and say which: comuni upgrade APPLICATION --to RELEASE")
    })
}

/// Two runs for one application would meet at every tenant.
pub(super) fn only_one(inventory: &Inventory, application: &str) -> Result<File> {
    let path = path(inventory, application, "lock")?;
    let failed = |error: std::io::Error| Failure::operation(format!("{}: {error}", path.display()));
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(Failure::new(Kind::Busy, format!("another upgrade of {application} runs on this machine"))
                .hint(format!("wait for its end ({})", path.display())))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn path(inventory: &Inventory, application: &str, ending: &str) -> Result<PathBuf> {
    let folder = state(inventory, "upgrade", |name| std::env::var_os(name))?;
    disk::private_folder(&folder).map_err(|error| Failure::operation(format!("{}: {error}", folder.display())))?;
    Ok(folder.join(format!("{application}.{ending}")))
}
