//! The consortium's own certificate authority: makes it, signs with it. The key comes from `secrets`.

use crate::failure::Result;
use crate::resources::{Certificate, Signed};

/// An authority that can sign.
pub struct Signer;

impl Signer {
    /// Reads the authority's certificate and key (PEM).
    ///
    /// # Errors
    /// When they do not belong together.
    pub fn new(_certificate: &str, _key: &str) -> Result<Signer> {
        todo!()
    }

    /// Signs a request, with exactly the names that the catalog says.
    ///
    /// # Errors
    /// When the request is damaged, not self-signed, or the names are outside what the authority may sign.
    pub fn sign(&self, _certificate: &Certificate, _request: &str) -> Result<Signed> {
        todo!()
    }
}
