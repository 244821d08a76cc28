//! A release of an application: an archive checked by its hash, unpacked once per host, shared read-only by its tenants.

use serde::{Deserialize, Serialize};

/// Where archives lie on a host, named by their hash.
pub const ARCHIVES: &str = "/var/lib/comuni/archives";
/// Where releases are unpacked on a host.
pub const RELEASES: &str = "/opt/comuni/releases";

/// An unpacked release at `/opt/comuni/releases/<application>/<release>`, a link to a folder named by the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Name in the catalogue.
    pub application: String,
    /// The release.
    pub release: String,
    /// Lower-case hex SHA-256 of the archive (`.tar.gz` with one folder at its top).
    pub sha256: String,
}

impl super::Kind for Release {
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
