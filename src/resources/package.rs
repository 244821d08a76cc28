//! Debian packages that must be installed.

use serde::{Deserialize, Serialize};

/// Packages, installed in one transaction when any of them is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Names in Debian, at least one.
    pub names: Vec<String>,
}

impl super::Kind for Package {
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
