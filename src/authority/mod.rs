//! The consortium's own certificate authority: makes it, signs with it. The key comes from `secrets`.

mod issue;
mod names;

#[cfg(test)]
mod tests;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose,
    NameConstraints, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use zeroize::Zeroizing;

pub use issue::Signer;

use crate::digest::sha256;
use crate::failure::{Failure, Result};
use crate::inventory::types::Consortium;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// How long an authority lives: 10 years, in days.
const LIFETIME: i64 = 3653;

/// X.520 allows no longer common name.
const LONGEST_NAME: usize = 64;

/// Makes an authority: its certificate and its key (both PEM). P-256, ten years, no authorities below it, and only for
/// names below the consortium's permitted domains.
///
/// # Errors
/// Exit 65 when the permitted domains are no domains.
pub fn make(consortium: &Consortium) -> Result<(String, Zeroizing<String>)> {
    let key = Zeroizing::new(new_key()?);
    Ok((certify(consortium, &key)?, key))
}

/// A new key for an authority (PKCS #8, PEM, P-256).
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn new_key() -> Result<String> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
    Ok(key
        .map_err(|error| Failure::operation(format!("the authority's key could not be made: {error}")))?
        .serialize_pem())
}

/// Whether this is a key that an authority can have.
///
/// # Errors
/// Exit 64 when it is not; the message does not repeat it.
pub fn check_key(key: &str) -> Result<()> {
    read_key(key).map(|_| ())
}

/// Makes the certificate of an authority that has a key.
///
/// # Errors
/// Exit 65 when the permitted domains are no domains, 64 when the key is not one.
pub fn certify(consortium: &Consortium, key: &str) -> Result<String> {
    let permitted = &consortium.authority.permitted;
    if permitted.is_empty() {
        return Err(Failure::inventory("consortium.yml: `authority.permitted` names no domain").hint(
            "list the domains of the members: an authority without limits could sign for any name in the world",
        ));
    }
    for domain in permitted {
        names::check(domain).map_err(|why| {
            Failure::inventory(format!("consortium.yml: `authority.permitted` has `{domain}`: {why}"))
                .hint("write plain domains, e.g. comune.malnate.va.it; all names below them are included")
        })?;
    }
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, shortened(&consortium.name));
    subject.push(DnType::OrganizationName, shortened(&consortium.body.name));
    let mut params = CertificateParams::default();
    let now = issue::now()?;
    params.distinguished_name = subject;
    params.serial_number = Some(new_serial()?);
    issue::set_validity(&mut params, now - issue::BACKDATED, now + LIFETIME * 86_400);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: permitted.iter().cloned().map(GeneralSubtree::DnsName).collect(),
        excluded_subtrees: Vec::new(),
    });
    let certificate = params.self_signed(&read_key(key)?);
    Ok(certificate.map_err(|error| Failure::operation(format!("the authority could not be made: {error}")))?.pem())
}

/// SHA-256 (hex) of the first certificate of a PEM file in DER: the one that signs. A pure function.
///
/// # Errors
/// Exit 65 when there is no certificate in it.
pub fn fingerprint(pem: &str) -> Result<String> {
    let first = first_certificate(pem)?;
    Ok(sha256(first))
}

/// The first certificate of a PEM file in DER.
fn first_certificate(pem: &str) -> Result<Vec<u8>> {
    let no_certificate = || {
        Failure::inventory("authority.pem holds no certificate (PEM)")
            .hint("bring it back from the repository's history; `comuni secrets set --missing` makes a new one")
    };
    let (_, rest) = pem.split_once(BEGIN).ok_or_else(no_certificate)?;
    let (body, _) = rest.split_once(END).ok_or_else(no_certificate)?;
    let encoded: String = body.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    BASE64_STANDARD.decode(encoded).ok().filter(|der| !der.is_empty()).ok_or_else(no_certificate)
}

fn read_key(key: &str) -> Result<KeyPair> {
    // The library's words are left out: they may quote the key.
    KeyPair::from_pkcs8_pem_and_sign_algo(key, &PKCS_ECDSA_P256_SHA256).map_err(|_| {
        Failure::usage("the authority's key is not a P-256 private key (PKCS #8, PEM)")
            .hint("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 makes one")
    })
}

/// A random serial number of 127 bits, as the CA/Browser forum asks for at least 64.
fn new_serial() -> Result<SerialNumber> {
    use rand::TryRngCore;
    let mut bytes = [0_u8; 16];
    rand::rngs::OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| Failure::operation(format!("the operating system gives no random bytes: {error}")))?;
    // Positive, and never shorter than sixteen bytes.
    bytes[0] = bytes[0] & 0x3f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn shortened(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}
