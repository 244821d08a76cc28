//! A path that must not be there: a file, a link or an empty directory that a package brought along.

use serde::{Deserialize, Serialize};

use super::differences::Differences;
use super::places::{described, straight};
use super::{Action, Check, Context, Kind, Means, Notification};
use crate::failure::{Failure, Result};
use crate::machine::{FileKind, Machine};

/// Removes what is at `path`; never a directory with something in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// Absolute path.
    pub path: String,
    /// What to tell a daemon afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<super::Notification>,
}

impl Kind for Absent {
    fn id(&self) -> String {
        format!("absent:{}", self.path)
    }

    fn check(&self, host: &dyn Machine, _context: &Context) -> Result<Check> {
        let path = straight(&self.path)?;
        let Some(found) = host.stat(path)? else {
            return Ok(Check::Correct);
        };
        if found.kind == FileKind::Directory && !host.list(path)?.is_empty() {
            return Err(Failure::operation(format!(
                "{} must not be there, but is a directory with something in it",
                self.path
            ))
            .hint("Look at what is in it and empty it by hand, then apply again."));
        }
        let mut differences = Differences::new();
        differences.note("presence", Some(described(found.kind).to_string()), None);
        Ok(differences.into_check(Action::Change))
    }

    fn fix(&self, host: &mut dyn Machine, _means: &mut Means) -> Result<()> {
        host.remove(straight(&self.path)?)
    }

    /// What a package brought is not brought back.
    fn remove(&self, _host: &mut dyn Machine) -> Result<()> {
        Ok(())
    }

    fn notification(&self) -> Option<&Notification> {
        self.notify.as_ref()
    }
}
