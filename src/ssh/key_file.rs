//! Private key files: which have a passphrase, what their public half is, and whether a passphrase opens them.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{Concealed, Credentials};

/// The key file whose passphrase is worth asking for: the first one, when it has a passphrase and the agent does not
/// hold it. A first key without passphrase is tried first, and nobody is asked.
pub fn wants_passphrase(credentials: &Credentials) -> Option<PathBuf> {
    let path = credentials.key_files.first()?;
    if !is_encrypted(&std::fs::read_to_string(path).ok()?) {
        return None;
    }
    let held = credentials.agent.as_deref().map(held_by_agent).unwrap_or_default();
    let known = public_half(path).is_some_and(|blob| held.contains(&blob));
    (!known).then(|| path.clone())
}

/// Whether a passphrase opens a key file; `None` when only a login can tell (PEM, ECDSA).
pub fn passphrase_fits(path: &Path, passphrase: &Concealed) -> Option<bool> {
    let text = std::fs::read_to_string(path).ok()?;
    // Of other types it says that no passphrase fits.
    let known =
        |blob: &Vec<u8>| counted(blob).is_some_and(|(kind, _)| [b"ssh-ed25519".as_slice(), b"ssh-rsa"].contains(&kind));
    public_half(path).filter(known)?;
    match age::ssh::Identity::from_buffer(text.as_bytes(), None).ok()? {
        age::ssh::Identity::Encrypted(key) => {
            Some(key.decrypt(age::secrecy::SecretString::from(passphrase.expose().to_string())).is_ok())
        }
        _ => None,
    }
}

/// Whether a private key has a passphrase, in OpenSSH's own format or in PEM.
pub(super) fn is_encrypted(text: &str) -> bool {
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return true;
    }
    openssh(text).is_some_and(|raw| counted(&raw).is_some_and(|(cipher, _)| cipher != b"none"))
}

/// The public key that belongs to a private one: in `<path>.pub`, else in the open part of OpenSSH's own format.
pub(super) fn public_half(path: &Path) -> Option<Vec<u8>> {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    if let Ok(text) = std::fs::read_to_string(name) {
        return BASE64_STANDARD.decode(text.split_ascii_whitespace().nth(1)?).ok();
    }
    let raw = openssh(&std::fs::read_to_string(path).ok()?)?;
    let (_cipher, rest) = counted(&raw)?;
    let (_derivation, rest) = counted(rest)?;
    let (_options, rest) = counted(rest)?;
    let (public, _) = counted(rest.get(4..)?)?;
    Some(public.to_vec())
}

/// PROTOCOL.key: what follows the magic.
fn openssh(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN OPENSSH PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END OPENSSH PRIVATE KEY-----")?;
    let encoded: String = body.split_ascii_whitespace().collect();
    Some(BASE64_STANDARD.decode(encoded).ok()?.strip_prefix(b"openssh-key-v1\0")?.to_vec())
}

/// A counted string, and what follows it.
fn counted(raw: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = raw.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// An agent that does not answer holds nothing; the login says why.
fn held_by_agent(socket: &Path) -> Vec<Vec<u8>> {
    let listed = || {
        let mut agent = ssh2::Session::new()?.agent()?;
        agent.set_identity_path(socket)?;
        agent.connect()?;
        agent.list_identities()?;
        agent.identities()
    };
    listed().unwrap_or_default().iter().map(|key| key.blob().to_vec()).collect()
}
