//! ssh keys that follow from a seed: one secret of one line stands for both halves of a key.
//!
//! Hosts get `<seed>_private` (the file that `ssh -i` reads) and `<seed>_public` (a line of `authorized_keys`): a host
//! that only has to let somebody in never sees the private half.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{KeyPair, PKCS_ED25519};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::document::Document;
use super::token::Token;
use crate::inventory::names::BACKUP;
use crate::resources::SecretValue;

const PRIVATE: &str = "_private";
const PUBLIC: &str = "_public";

/// An Ed25519 private key in PKCS #8 (RFC 8410) up to its 32 bytes.
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Whether a token stands for a half of a key, and nobody sets it.
pub(super) fn is_derived(token: &Token) -> bool {
    token.application == BACKUP && (token.name.ends_with(PRIVATE) || token.name.ends_with(PUBLIC))
}

/// What such a token stands for; `None` without the seed.
pub(super) fn derived(document: &Document, token: &Token) -> Option<SecretValue> {
    let (seed, private) = match token.name.strip_suffix(PRIVATE) {
        Some(seed) => (seed, true),
        None => (token.name.strip_suffix(PUBLIC)?, false),
    };
    let entry = document.secrets.get(&format!("{BACKUP}/{seed}"))?;
    let (id, replaces) = (entry.id.clone(), entry.replaces.clone());
    if entry.withheld {
        return Some(SecretValue { id, replaces, value: String::new(), withheld: true });
    }
    let comment = format!("comuni-{}-{seed}", token.owner);
    let pair = Pair::of(entry.value.expose())?;
    let value = if private { pair.private(&comment) } else { pair.public(&comment) };
    Some(SecretValue { id, replaces, value, withheld: false })
}

/// Both halves of an Ed25519 key.
struct Pair {
    seed: Zeroizing<[u8; 32]>,
    public: Vec<u8>,
}

impl Pair {
    fn of(secret: &str) -> Option<Pair> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        seed.copy_from_slice(&Sha256::new().chain_update(b"comuni ssh key\0").chain_update(secret).finalize());
        let mut der = Zeroizing::new(PKCS8.to_vec());
        der.extend_from_slice(seed.as_slice());
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&der.as_slice().into(), &PKCS_ED25519).ok()?;
        Some(Pair { seed, public: key.public_key_raw().to_vec() })
    }

    /// The public key as the protocol writes it (RFC 8709).
    fn blob(&self) -> Vec<u8> {
        [field(b"ssh-ed25519"), field(&self.public)].concat()
    }

    fn public(&self, comment: &str) -> String {
        format!("ssh-ed25519 {} {comment}", BASE64_STANDARD.encode(self.blob()))
    }

    /// As OpenSSH writes it (PROTOCOL.key), without a passphrase. Ends without a line end.
    fn private(&self, comment: &str) -> String {
        // Two equal numbers tell ssh that the passphrase was right; without one any will do.
        let mut inner = Zeroizing::new(vec![0x63, 0x6f, 0x6d, 0x75, 0x63, 0x6f, 0x6d, 0x75]);
        inner.extend(self.blob());
        inner.extend(field(&[self.seed.as_slice(), &self.public].concat()));
        inner.extend(field(comment.as_bytes()));
        let missing = (8 - inner.len() % 8) % 8;
        inner.extend((1_u8..).take(missing));
        let parts = [
            b"openssh-key-v1\0".to_vec(),
            field(b"none"),
            field(b"none"),
            field(b""),
            1_u32.to_be_bytes().to_vec(),
            field(&self.blob()),
            field(&inner),
        ];
        let text = Zeroizing::new(BASE64_STANDARD.encode(Zeroizing::new(parts.concat())));
        let lines: Vec<&str> =
            text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----", lines.join("\n"))
    }
}

fn field(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::super::Secret;
    use super::*;

    fn half(name: &str) -> String {
        let mut document = Document::default();
        document.put("backup/ssh_app1", Secret::new("any word will do".to_string())).unwrap();
        derived(&document, &Token::new("c_e863", BACKUP, name)).unwrap().value
    }

    #[test]
    fn ssh_keygen_finds_the_public_half_in_the_private_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, format!("{}\n", half("ssh_app1_private"))).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let said = Command::new("ssh-keygen").arg("-y").arg("-f").arg(&path).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), half("ssh_app1_public"));
    }

    #[test]
    fn another_seed_makes_another_key_and_no_seed_makes_none() {
        let mut document = Document::default();
        document.put("backup/ssh_app1", Secret::new("another".to_string())).unwrap();
        let token = Token::new("c_e863", BACKUP, "ssh_app1_public");
        assert_ne!(derived(&document, &token).unwrap().value, half("ssh_app1_public"));
        assert!(derived(&Document::default(), &token).is_none());
        assert!(is_derived(&token) && !is_derived(&Token::new("c_e863", BACKUP, "ssh_app1")));
    }
}
