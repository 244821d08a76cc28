//! A Unix account.

use serde::{Deserialize, Serialize};

/// A system account without password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Name, at most 32 characters (useradd(8)).
    pub name: String,
    /// Home directory; not made by this kind.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// Primary group; one of the same name when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Further groups. Others that it is in are left alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Full name (GECOS).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

impl super::Kind for User {
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
