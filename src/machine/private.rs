//! Files and folders that are ours alone.

use std::path::Path;

use super::{FileKind, Machine, Ownership};
use crate::failure::{Failure, Result};

/// Ours alone to read and write.
pub const PRIVATE_FILE: Ownership = Ownership { uid: 0, gid: 0, mode: 0o600 };
/// Ours alone to enter.
pub const PRIVATE_FOLDER: Ownership = Ownership { uid: 0, gid: 0, mode: 0o700 };

/// Makes a folder and what is missing above it, private to root.
///
/// # Errors
/// When something else is in its place, or the system refuses.
pub fn make_folder(machine: &mut dyn Machine, path: &Path) -> Result<()> {
    match machine.stat(path)? {
        // A link to a folder is an administrator's choice (a state folder on another disk).
        Some(stat) if matches!(stat.kind, FileKind::Directory | FileKind::Symlink) => Ok(()),
        Some(_) => Err(Failure::operation(format!("{} is in the way: it is not a folder", path.display()))
            .hint(format!("move {} aside and apply again", path.display()))),
        None => {
            if let Some(parent) = path.parent() {
                make_folder(machine, parent)?;
            }
            machine.make_directory(path, &PRIVATE_FOLDER)
        }
    }
}
