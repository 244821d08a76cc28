//! A path that must not be there: a file, a link or an empty directory that a package brought along.

use serde::{Deserialize, Serialize};

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

impl super::Kind for Absent {
    fn id(&self) -> String {
        todo!()
    }
    fn check(
        &self,
        _host: &dyn crate::machine::Machine,
        _context: &super::Context,
    ) -> crate::failure::Result<super::Check> {
        todo!()
    }
    fn fix(&self, _host: &mut dyn crate::machine::Machine, _means: &mut super::Means) -> crate::failure::Result<()> {
        todo!()
    }
    fn remove(&self, _host: &mut dyn crate::machine::Machine) -> crate::failure::Result<()> {
        todo!()
    }
}
