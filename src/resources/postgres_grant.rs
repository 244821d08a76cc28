//! Who may connect to a PostgreSQL database.

use serde::{Deserialize, Serialize};

/// Exactly these roles hold these privileges on the database; PUBLIC holds none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PostgresGrant {
    /// The database.
    pub database: String,
    /// The roles.
    pub roles: Vec<String>,
    /// `connect`, `temporary`, `create`.
    pub privileges: Vec<String>,
}

impl super::Kind for PostgresGrant {
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
