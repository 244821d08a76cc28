//! A PostgreSQL database.

use serde::{Deserialize, Serialize};

/// A database with its owner; UTF-8, locale `C.UTF-8`, made from `template0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PostgresDatabase {
    /// Name.
    pub name: String,
    /// The role that owns it.
    pub owner: String,
    /// Connections at a time; no limit when not said.
    #[serde(default = "unlimited", deserialize_with = "super::fields::number")]
    pub connection_limit: u32,
}

fn unlimited() -> u32 {
    u32::MAX
}

impl super::Kind for PostgresDatabase {
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
