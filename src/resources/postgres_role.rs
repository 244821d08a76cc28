//! A PostgreSQL role.

use serde::{Deserialize, Serialize};

/// A role: an owner of objects without login, or a login that acts as such an owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PostgresRole {
    /// Name.
    pub name: String,
    /// It may log in.
    #[serde(deserialize_with = "super::fields::boolean")]
    pub login: bool,
    /// A secret token. Only a SCRAM verifier of it reaches the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Roles it is a member of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub member_of: Vec<String>,
    /// Each session starts as this role, so that it owns what is made (`ALTER ROLE ... SET role`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts_as: Option<String>,
    /// Connections at a time; no limit when not said.
    #[serde(default = "unlimited", deserialize_with = "super::fields::number")]
    pub connection_limit: u32,
}

fn unlimited() -> u32 {
    u32::MAX
}

impl super::Kind for PostgresRole {
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
