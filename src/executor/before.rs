//! What was at a path before it was swapped, so that it can be put back.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};
use crate::machine::{FileKind, Machine, Ownership};

/// What was at a path.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    path: String,
    was: Was,
}

/// Contents may hold secrets: this is never printed, and stored only in private files.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Was {
    Nothing,
    Link(String),
    File { content: String, uid: u32, gid: u32, mode: u32 },
}

impl Before {
    /// Looks at a path.
    ///
    /// # Errors
    /// When it cannot be read, or is neither a file nor a link.
    pub fn of(machine: &dyn Machine, path: &str) -> Result<Before> {
        let place = Path::new(path);
        let was = match machine.stat(place)? {
            None => Was::Nothing,
            Some(stat) => match stat.kind {
                FileKind::Symlink => Was::Link(machine.link_target(place)?.unwrap_or_default()),
                FileKind::File => Was::File {
                    content: STANDARD.encode(machine.read(place)?.unwrap_or_default()),
                    uid: stat.uid,
                    gid: stat.gid,
                    mode: stat.mode,
                },
                FileKind::Directory | FileKind::Other => {
                    return Err(Failure::operation(format!("{path} is in the way: it is no file")));
                }
            },
        };
        Ok(Before { path: path.to_string(), was })
    }

    /// Puts back what was there.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn put_back(&self, machine: &mut dyn Machine) -> Result<()> {
        let place = Path::new(&self.path);
        match &self.was {
            Was::Nothing => machine.remove(place),
            Was::Link(target) => machine.make_symlink(place, target),
            Was::File { content, uid, gid, mode } => {
                let content = STANDARD.decode(content).map_err(|error| {
                    Failure::operation(format!("what was kept of {} is damaged: {error}", self.path))
                })?;
                machine.write(place, &content, &Ownership { uid: *uid, gid: *gid, mode: *mode })
            }
        }
    }
}
