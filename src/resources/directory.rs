//! A directory with its owner and mode. Its parent must be there; what is in it is no concern of it.

use serde::{Deserialize, Serialize};

use super::differences::{Differences, Known};
use super::places::{add_ownership, compare_ownership, in_the_way, ownership, placed, straight};
use super::{Action, Check, Context, Kind, Means};
use crate::failure::{Failure, Result};
use crate::machine::{FileKind, Machine, Ownership};

/// A directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Absolute path.
    pub path: String,
    /// Unix user; root when not said.
    #[serde(default = "super::file::root")]
    pub owner: String,
    /// Unix group; root when not said.
    #[serde(default = "super::file::root")]
    pub group: String,
    /// Four octal digits.
    #[serde(deserialize_with = "super::fields::mode", serialize_with = "super::fields::write_mode")]
    #[cfg_attr(feature = "control", schemars(with = "String"))]
    pub mode: u32,
    /// It holds data of a member: never removed by an apply. Otherwise it is removed with its last file.
    #[serde(default, deserialize_with = "super::fields::boolean", skip_serializing_if = "std::ops::Not::not")]
    pub data: bool,
    /// Files in it that we did not put there are reported: the directory is ours alone.
    #[serde(default, deserialize_with = "super::fields::boolean", skip_serializing_if = "std::ops::Not::not")]
    pub exclusive: bool,
}

impl Directory {
    /// The names of all that is in it, sorted; empty when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn names(&self, host: &dyn Machine) -> Result<Vec<String>> {
        host.list(straight(&self.path)?)
    }

    fn ownership(&self, host: &dyn Machine) -> Result<Known<Ownership>> {
        ownership(host, &self.owner, &self.group, self.mode)
    }
}

impl Kind for Directory {
    fn id(&self) -> String {
        format!("directory:{}", self.path)
    }

    fn check(&self, host: &dyn Machine, _context: &Context) -> Result<Check> {
        let path = match placed(host, &self.path)? {
            Known::Now(path) => path,
            Known::After(check) => return Ok(check),
        };
        let wanted = match self.ownership(host)? {
            Known::Now(wanted) => wanted,
            Known::After(check) => return Ok(check),
        };
        let mut differences = Differences::new();
        match host.stat(path)? {
            None => {
                add_ownership(&mut differences, &self.owner, &self.group, self.mode);
                Ok(differences.into_check(Action::Create))
            }
            Some(found) if found.kind == FileKind::Directory => {
                compare_ownership(&mut differences, host, &found, &wanted)?;
                Ok(differences.into_check(Action::Change))
            }
            Some(found) => Err(in_the_way(path, found.kind, "a directory")),
        }
    }

    fn fix(&self, host: &mut dyn Machine, _means: &mut Means) -> Result<()> {
        let path = straight(&self.path)?;
        let wanted = self.ownership(host)?.now()?;
        match host.stat(path)? {
            None => host.make_directory(path, &wanted),
            Some(found) if found.kind == FileKind::Directory => host.set_ownership(path, &wanted),
            Some(found) => Err(in_the_way(path, found.kind, "a directory")),
        }
    }

    fn remove(&self, host: &mut dyn Machine) -> Result<()> {
        let names = self.names(host)?;
        if names.is_empty() {
            return host.remove(straight(&self.path)?);
        }
        Err(Failure::operation(format!("{} is no longer wanted, but is not empty: {}", self.path, names.join(", ")))
            .hint("Move by hand what is still needed, remove the rest, then apply again."))
    }

    fn purge(&self, host: &mut dyn Machine) -> Result<()> {
        host.remove_tree(straight(&self.path)?)
    }

    fn holds_data(&self) -> bool {
        self.data
    }

    fn paths(&self) -> Vec<String> {
        vec![self.path.clone()]
    }
}
