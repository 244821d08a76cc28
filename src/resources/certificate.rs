//! An X.509 certificate from the consortium's own authority: the host makes the key and the request, control signs.

use serde::{Deserialize, Serialize};

use crate::failure::Result;

/// A key and a certificate for some names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Absolute path of the certificate with its chain (PEM). Beside it lies `<path>.json` with what was asked and given.
    pub path: String,
    /// Absolute path of the private key (PEM, P-256). Never leaves the host.
    pub key: String,
    /// DNS names; the first is the subject's common name.
    pub names: Vec<String>,
    /// Owner of both files.
    pub owner: String,
    /// Group of both files.
    pub group: String,
    /// Mode of the key.
    #[serde(deserialize_with = "super::fields::mode", serialize_with = "super::fields::write_mode")]
    #[cfg_attr(feature = "control", schemars(with = "String"))]
    pub key_mode: u32,
    /// How many days a new certificate is valid.
    #[serde(deserialize_with = "super::fields::number")]
    pub lifetime_days: u32,
    /// It is renewed when fewer days than this are left.
    #[serde(deserialize_with = "super::fields::number")]
    pub renew_days: u32,
    /// SHA-256 (hex) of the authority's certificate in DER: another authority means a new certificate.
    pub authority: String,
    /// What to tell a daemon after a new certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<super::Notification>,
}

/// What a host asks the authority for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningRequest {
    /// The id of the certificate resource. Control signs only what the catalog it sent has under this id.
    pub id: String,
    /// Certificate signing request (PKCS #10, PEM).
    pub request: String,
}

/// What the authority gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// Certificate with its chain (PEM).
    pub certificate: String,
    /// End of validity, seconds since 1970-01-01T00:00:00Z.
    pub not_after: i64,
}

/// Whoever signs.
pub trait Authority {
    /// Has a request signed.
    ///
    /// # Errors
    /// When the authority refuses or cannot be reached.
    fn sign(&mut self, request: SigningRequest) -> Result<Signed>;
}

impl super::Kind for Certificate {
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
