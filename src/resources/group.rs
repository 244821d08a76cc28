//! A Unix group.

use serde::{Deserialize, Serialize};

/// A system group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Name, at most 32 characters (groupadd(8)).
    pub name: String,
}

impl super::Kind for Group {
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
