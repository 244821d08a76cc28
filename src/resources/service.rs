//! A systemd unit: service, timer or socket.

use serde::{Deserialize, Serialize};

/// A unit that is or is not enabled and running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Name with its suffix (`nginx.service`).
    pub unit: String,
    /// Started at boot.
    #[serde(deserialize_with = "super::fields::boolean")]
    pub enabled: bool,
    /// Running now.
    #[serde(deserialize_with = "super::fields::boolean")]
    pub running: bool,
}

impl super::Kind for Service {
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
