//! Signing requests of hosts. From a request only the public key is taken: all else is what the catalog says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData, SanType, SubjectPublicKeyInfo, date_time_ymd,
};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{LONGEST_NAME, names};
use crate::failure::{Failure, Result};
use crate::resources::{Certificate, Signed};

/// Certificates begin this many seconds ago, for hosts whose clock is a little behind.
pub(super) const BACKDATED: i64 = 300;

/// How the DER of every P-256 public key begins: 89 bytes, of which 19 say `id-ecPublicKey`, `prime256v1`.
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07,
];

/// An authority that can sign.
pub struct Signer {
    issuer: Issuer<'static, KeyPair>,
    /// What the certificate itself permits.
    permitted: Vec<String>,
    fingerprint: String,
    /// Name of the authority.
    name: String,
    /// End of the authority, seconds since 1970-01-01T00:00:00Z.
    not_after: i64,
}

impl Signer {
    /// Reads the authority's certificate and key (PEM). Of several certificates the first one signs.
    ///
    /// # Errors
    /// When they do not belong together, or the certificate is not that of an authority limited to some domains.
    pub fn new(certificate: &str, key: &str) -> Result<Signer> {
        let key = super::read_key(key)?;
        let der = super::first_certificate(certificate)?;
        let unfit = |why: &str| {
            Failure::inventory(format!("the authority's certificate {why}"))
                .hint("authority.pem and secrets/consortium.age belong together: bring both back from one commit")
        };
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| unfit("is damaged"))?;
        if parsed.public_key().subject_public_key.data.as_ref() != key.der_bytes() {
            return Err(unfit("does not belong to the authority's key"));
        }
        if !parsed.is_ca() {
            return Err(unfit("is not that of an authority"));
        }
        let permitted = permitted_domains(&parsed).ok_or_else(|| unfit("is not limited to any domain"))?;
        let mut common_names = parsed.subject().iter_common_name();
        let name = common_names.next().and_then(|name| name.as_str().ok()).unwrap_or_default().to_string();
        let not_after = parsed.validity().not_after.timestamp();
        let issuer = Issuer::from_ca_cert_der(&der.as_slice().into(), key)
            .map_err(|error| unfit(&format!("cannot be used: {error}")))?;
        Ok(Signer { issuer, permitted, fingerprint: super::fingerprint(certificate)?, name, not_after })
    }

    /// Signs a request, with exactly the names that the catalog says.
    ///
    /// # Errors
    /// When the request is damaged, not self-signed, or the names are outside what the authority may sign.
    pub fn sign(&self, certificate: &Certificate, request: &str) -> Result<Signed> {
        self.sign_at(certificate, request, now()?)
    }

    /// Signs at a time in seconds since 1970-01-01T00:00:00Z.
    pub(super) fn sign_at(&self, certificate: &Certificate, request: &str, now: i64) -> Result<Signed> {
        self.check(certificate, now)?;
        let public_key = public_key(request)?;
        let mut params = CertificateParams::default();
        // Not past the authority's own end: such a certificate would be refused before its time.
        let not_after = self.not_after.min(now + i64::from(certificate.lifetime_days) * 86_400);
        set_validity(&mut params, now - BACKDATED, not_after);
        params.serial_number = Some(super::new_serial()?);
        params.distinguished_name = self.subject(certificate);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.subject_alt_names = certificate
            .names
            .iter()
            .map(|name| name.as_str().try_into().map(SanType::DnsName).map_err(|error| not_signed(certificate, error)))
            .collect::<Result<_>>()?;
        let signed = params.signed_by(&public_key, &self.issuer).map_err(|error| not_signed(certificate, error))?;
        Ok(Signed { certificate: signed.pem(), not_after })
    }

    fn check(&self, certificate: &Certificate, now: i64) -> Result<()> {
        if certificate.authority != self.fingerprint {
            return Err(not_signed(certificate, "the catalog wants another authority than the one that signs")
                .hint("the inventory changed while it was being applied: run apply again"));
        }
        if certificate.names.is_empty() {
            return Err(not_signed(certificate, "it has no name"));
        }
        if certificate.lifetime_days == 0 {
            return Err(not_signed(certificate, "it is to live no day"));
        }
        if now >= self.not_after {
            return Err(not_signed(certificate, "the authority itself has expired").hint(
                "move authority.pem away, take its key out of secrets/consortium.age, and make a new authority",
            ));
        }
        for name in &certificate.names {
            names::check(name).map_err(|why| not_signed(certificate, format!("`{name}`: {why}")))?;
            if !self.permitted.iter().any(|domain| names::within(name, domain)) {
                let limits = self.permitted.join(", ");
                return Err(not_signed(certificate, format!("`{name}` is outside of what the authority may sign"))
                    .hint(format!("it may sign below: {limits}"))
                    .hint("a new domain needs a new authority: change `authority.permitted` before it is made"));
            }
        }
        Ok(())
    }

    fn subject(&self, certificate: &Certificate) -> DistinguishedName {
        let mut subject = DistinguishedName::new();
        match certificate.names.first().filter(|name| name.len() <= LONGEST_NAME) {
            Some(name) => subject.push(DnType::CommonName, name.as_str()),
            // Too long for a common name: clients look at the alternative names, but a subject may not be empty.
            None => subject.push(DnType::OrganizationName, self.name.as_str()),
        }
        subject
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Signer").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// Seconds since 1970-01-01T00:00:00Z.
pub(super) fn now() -> Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    since.and_then(|since| i64::try_from(since.as_secs()).ok()).ok_or_else(|| {
        Failure::operation("the clock of this machine is before 1970").hint("set the clock, then try again")
    })
}

/// Sets the validity, in seconds since 1970-01-01T00:00:00Z; neither may lie before that.
pub(super) fn set_validity(params: &mut CertificateParams, from: i64, to: i64) {
    let moment = |seconds: i64| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds.max(0).unsigned_abs());
    params.not_before = moment(from);
    params.not_after = moment(to);
}

/// The public key of a request, after its signature has shown that whoever asks has the private key.
fn public_key(request: &str) -> Result<SubjectPublicKeyInfo> {
    let refused = |why: &str| Failure::operation(format!("the certificate request of the host {why}"));
    let encoded: String = request.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = BASE64_STANDARD.decode(encoded).map_err(|_| refused("is not PEM"))?;
    let (rest, parsed) = X509CertificationRequest::from_der(&der).map_err(|_| refused("is damaged"))?;
    let key = &parsed.certification_request_info.subject_pki;
    if !rest.is_empty() {
        return Err(refused("has something after its end"));
    }
    if !key.raw.starts_with(P256) {
        return Err(refused("is not for a P-256 key"));
    }
    parsed.verify_signature().map_err(|_| refused("is not signed with its own key"))?;
    SubjectPublicKeyInfo::from_der(key.raw).map_err(|error| refused(&format!("has an unusable key: {error}")))
}

fn permitted_domains(certificate: &X509Certificate<'_>) -> Option<Vec<String>> {
    let constraints = certificate.name_constraints().ok()??.value;
    let permitted = constraints.permitted_subtrees.as_ref()?;
    let domains: Vec<String> = permitted
        .iter()
        .filter_map(|subtree| match subtree.base {
            GeneralName::DNSName(domain) => Some(domain.to_string()),
            _ => None,
        })
        .collect();
    (!domains.is_empty()).then_some(domains)
}

fn not_signed(certificate: &Certificate, why: impl std::fmt::Display) -> Failure {
    Failure::operation(format!("{}: not signed: {why}", certificate.path))
}
