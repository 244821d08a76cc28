//! The pinned key of a host: read, compared as raw bytes, shown as a fingerprint.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

use super::{Proof, Target};
use crate::failure::{Failure, Result};

/// A host key as the inventory pins it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostKey {
    algorithm: String,
    blob: Vec<u8>,
}

impl HostKey {
    /// The pin of a target.
    ///
    /// # Errors
    /// Exit 65 when there is none, or when it is no key of a type that can be negotiated.
    pub(super) fn pinned(target: &Target) -> Result<HostKey> {
        let missing = || {
            Failure::inventory(format!("host `{}` has no pinned host key: nothing was sent", target.name))
                .hint(remedy(target))
        };
        let text = match &target.proof {
            Proof::Key(text) if !text.trim().is_empty() => text.trim(),
            Proof::Key(_) | Proof::Missing => return Err(missing()),
            Proof::Authority { .. } => {
                return Err(Failure::inventory(format!(
                    "host `{}` is proven by an authority: only the system's ssh knows certificates",
                    target.name
                ))
                .hint(format!("add `transport: openssh` to `{}` in hosts.yml", target.name)));
            }
        };
        Self::parse(text).map_err(|why| {
            Failure::inventory(format!("host `{}`: its `host_key` cannot be used: {why}", target.name))
                .hint(remedy(target))
        })
    }

    fn parse(text: &str) -> std::result::Result<HostKey, String> {
        let mut words = text.split_ascii_whitespace();
        let (Some(algorithm), Some(encoded)) = (words.next(), words.next()) else {
            return Err("it is not `type base64`".to_string());
        };
        let blob = BASE64_STANDARD.decode(encoded).map_err(|error| format!("its second word is no base64: {error}"))?;
        // RFC 4253 §6.6: a key begins with its own type, as a counted string.
        let inside =
            blob.split_first_chunk::<4>().and_then(|(length, rest)| rest.get(..u32::from_be_bytes(*length) as usize));
        if inside != Some(algorithm.as_bytes()) {
            return Err(format!("its first word says {algorithm}, the key itself something else"));
        }
        let key = HostKey { algorithm: algorithm.to_string(), blob };
        key.methods().ok_or_else(|| format!("{algorithm} is not a type that can be pinned"))?;
        Ok(key)
    }

    /// What to negotiate so that the host shows a key of exactly this type, never a certificate.
    fn methods(&self) -> Option<&'static str> {
        match self.algorithm.as_str() {
            "ssh-ed25519" => Some("ssh-ed25519"),
            "ecdsa-sha2-nistp256" => Some("ecdsa-sha2-nistp256"),
            "ecdsa-sha2-nistp384" => Some("ecdsa-sha2-nistp384"),
            "ecdsa-sha2-nistp521" => Some("ecdsa-sha2-nistp521"),
            "ssh-rsa" => Some("rsa-sha2-512,rsa-sha2-256"),
            _ => None,
        }
    }

    /// The preference for the handshake.
    pub(super) fn preference(&self) -> &'static str {
        self.methods().unwrap_or("ssh-ed25519")
    }

    /// The type as written in the pin.
    pub(super) fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// Compares with what the host showed.
    ///
    /// # Errors
    /// With both fingerprints when they differ.
    pub(super) fn verify(&self, shown: &[u8], target: &Target) -> Result<()> {
        if shown == self.blob {
            return Ok(());
        }
        Err(changed(target, &self.fingerprint(), &fingerprint(shown)))
    }

    /// `SHA256:...` of the pin.
    pub(super) fn fingerprint(&self) -> String {
        fingerprint(&self.blob)
    }
}

/// A host that shows another key than the pinned one: both fingerprints, and what to do.
pub(super) fn changed(target: &Target, pinned: &str, shown: &str) -> Failure {
    Failure::operation(format!(
        "host `{}` ({} port {}) shows another host key than the pinned one; nothing was sent\n  pinned {pinned}\n  \
         shown  {shown}",
        target.name, target.address, target.port,
    ))
    .hint(format!(
        "ask whoever reinstalled the machine for the fingerprint on its console (`ssh-keygen -lf \
         /etc/ssh/ssh_host_ed25519_key.pub`); when it is the one shown here, `comuni hosts trust {}` writes the new key \
         into hosts.yml",
        target.name
    ))
    .hint(
        "if nobody reinstalled it, somebody may be between us and the machine: do not go on, tell who runs the network",
    )
}

/// `SHA256:...` of a key, as `ssh-keygen -l` prints it.
pub(super) fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}

fn remedy(target: &Target) -> String {
    format!(
        "`comuni hosts trust {}` shows the key of {} port {}: compare it with `ssh-keygen -lf \
         /etc/ssh/ssh_host_ed25519_key.pub` on the machine's console; it is written into hosts.yml when you agree",
        target.name, target.address, target.port
    )
}

#[cfg(test)]
mod tests {
    use super::super::{Sudo, Transport};
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBF5NTWKv8P8YY7Hv0Tzc5gkWDH3nsvK1WqXZ4pXTyjP";

    fn target(host_key: Option<&str>) -> Target {
        Target {
            name: "app1".to_string(),
            address: "192.0.2.1".to_string(),
            port: 22,
            user: "root".to_string(),
            sudo: Sudo::No,
            proof: host_key.map_or(Proof::Missing, |key| Proof::Key(key.to_string())),
            transport: Transport::Direct,
            via: None,
        }
    }

    #[test]
    fn a_pin_is_read_with_and_without_a_comment() {
        let plain = HostKey::pinned(&target(Some(KEY))).unwrap();
        let commented = HostKey::pinned(&target(Some(&format!("  {KEY} root@app1\n")))).unwrap();
        assert_eq!(plain, commented);
        assert_eq!(plain.preference(), "ssh-ed25519");
        assert!(plain.verify(&plain.blob.clone(), &target(None)).is_ok());
    }

    #[test]
    fn a_host_without_pin_is_refused_with_the_way_to_get_one() {
        for missing in [None, Some(""), Some("  ")] {
            let failure = HostKey::pinned(&target(missing)).unwrap_err();
            assert_eq!(failure.kind.exit_code(), 65);
            assert!(
                failure.hints[0].contains("`comuni hosts trust app1` shows the key of 192.0.2.1 port 22"),
                "{failure:?}"
            );
        }
    }

    #[test]
    fn a_pin_that_is_no_key_is_refused() {
        let other_type = KEY.replace("ssh-ed25519", "ssh-rsa");
        let certificate = "ssh-ed25519-cert-v01@openssh.com \
                           AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAA";
        for (pin, why) in [
            ("ssh-ed25519", "not `type base64`"),
            ("ssh-ed25519 AAAA*", "no base64"),
            ("ssh-ed25519 AAAA", "something else"),
            (other_type.as_str(), "something else"),
            (certificate, "not a type that can be pinned"),
        ] {
            let failure = HostKey::pinned(&target(Some(pin))).unwrap_err();
            assert!(failure.message.contains(why), "{pin}: {failure}");
        }
    }

    #[test]
    fn a_changed_key_shows_both_fingerprints() {
        let pinned = HostKey::pinned(&target(Some(KEY))).unwrap();
        let failure = pinned.verify(b"another key", &target(None)).unwrap_err();
        assert!(failure.message.contains(&fingerprint(&pinned.blob)));
        assert!(failure.message.contains(&fingerprint(b"another key")));
        assert!(failure.message.contains("nothing was sent"));
    }
}
