//! A directory with its owner and mode. Its parent must be there; what is in it is no concern of it.

use serde::{Deserialize, Serialize};

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

impl super::Kind for Directory {
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
