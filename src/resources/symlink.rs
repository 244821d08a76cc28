//! A symbolic link.

use serde::{Deserialize, Serialize};

use super::differences::{Differences, Known};
use super::places::{in_the_way, placed, straight};
use super::{Action, Check, Context, Kind, Means, Notification};
use crate::failure::Result;
use crate::machine::{FileKind, Machine};

/// A symbolic link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Symlink {
    /// Absolute path of the link.
    pub path: String,
    /// What it points to.
    pub target: String,
    /// What to tell a daemon afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<super::Notification>,
}

impl Kind for Symlink {
    fn id(&self) -> String {
        format!("symlink:{}", self.path)
    }

    fn check(&self, host: &dyn Machine, _context: &Context) -> Result<Check> {
        let path = match placed(host, &self.path)? {
            Known::Now(path) => path,
            Known::After(check) => return Ok(check),
        };
        let mut differences = Differences::new();
        match host.stat(path)? {
            None => {
                differences.add("target", &self.target);
                Ok(differences.into_check(Action::Create))
            }
            Some(found) if found.kind == FileKind::Symlink => {
                differences.compare("target", host.link_target(path)?.unwrap_or_default(), &self.target);
                Ok(differences.into_check(Action::Change))
            }
            Some(found) => Err(in_the_way(path, found.kind, "a symbolic link")),
        }
    }

    fn fix(&self, host: &mut dyn Machine, _means: &mut Means) -> Result<()> {
        let path = straight(&self.path)?;
        match host.stat(path)? {
            Some(found) if found.kind != FileKind::Symlink => Err(in_the_way(path, found.kind, "a symbolic link")),
            _ => host.make_symlink(path, &self.target),
        }
    }

    fn remove(&self, host: &mut dyn Machine) -> Result<()> {
        let path = straight(&self.path)?;
        match host.stat(path)? {
            Some(found) if found.kind != FileKind::Symlink => Err(in_the_way(path, found.kind, "a symbolic link")),
            _ => host.remove(path),
        }
    }

    fn notification(&self) -> Option<&Notification> {
        self.notify.as_ref()
    }

    fn paths(&self) -> Vec<String> {
        vec![self.path.clone()]
    }
}
