//! Which key logged in, as sshd tells it (`ExposeAuthInfo`).

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::Digest;

use crate::machine::Machine;

/// How the type of a certificate ends, and how that of its key does in a few cases (PROTOCOL.certkeys).
const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// The fingerprint of the key that logged in, `SHA256:...` as `ssh-keygen -l` prints it; of a certificate that of its
/// key, which stays the same when the certificate is renewed.
pub fn fingerprint(machine: &dyn Machine, auth_info: Option<&Path>) -> Option<String> {
    let content = machine.read(auth_info?).ok()??;
    String::from_utf8_lossy(&content).lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let ("publickey", Some(_), Some(blob)) = (words.next()?, words.next(), words.next()) else { return None };
        let blob = STANDARD.decode(blob).ok()?;
        let key = certified(&blob).unwrap_or(blob);
        Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(sha2::Sha256::digest(key))))
    })
}

/// The key in a certificate: its type, then after the nonce as many fields as that type of key has.
fn certified(blob: &[u8]) -> Option<Vec<u8>> {
    let (kind, rest) = counted(blob)?;
    let plain = std::str::from_utf8(kind).ok()?.strip_suffix(CERTIFICATE)?;
    let fields = match plain {
        "ssh-ed25519" => 1,
        "sk-ecdsa-sha2-nistp256" => 3,
        _ => 2,
    };
    let kind = if plain.starts_with("sk-") { format!("{plain}@openssh.com") } else { plain.to_string() };
    let mut key = u32::try_from(kind.len()).ok()?.to_be_bytes().to_vec();
    key.extend_from_slice(kind.as_bytes());
    let (_nonce, mut rest) = counted(rest)?;
    for _ in 0..fields {
        let (field, after) = counted(rest)?;
        key.extend_from_slice(&u32::try_from(field.len()).ok()?.to_be_bytes());
        key.extend_from_slice(field);
        rest = after;
    }
    Some(key)
}

/// A counted string (RFC 4251 §5), and what follows it.
fn counted(raw: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = raw.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Fake;

    fn seen(line: &str) -> Option<String> {
        let mut host = Fake::new();
        host.with_file("/tmp/sshauth.1", line, 0o600);
        fingerprint(&host, Some(Path::new("/tmp/sshauth.1")))
    }

    #[test]
    fn it_is_written_as_openssh_prints_it() {
        let line = "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n";
        assert_eq!(seen(line).as_deref(), Some("SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"));
        assert_eq!(seen("password\n"), None);
        for nothing in [None, Some(Path::new("/tmp/gone")), Some(Path::new("/tmp"))] {
            assert_eq!(fingerprint(&Fake::new(), nothing), None);
        }
    }

    #[test]
    fn of_a_certificate_it_is_that_of_its_key() {
        for (kind, certificate, said) in [
            ("ssh-ed25519", ED25519, "SHA256:Ti/cFvwrLWpPv6XpWSjAICx2BazoA4ue56kRSArhgPo"),
            ("ecdsa-sha2-nistp256", ECDSA, "SHA256:mpe4AWKUzOKNXeTvHxSx10Brt2IF2Kj8TxCww6xSpvE"),
        ] {
            let line = format!("publickey {kind}-cert-v01@openssh.com {certificate}\n");
            assert_eq!(seen(&line).as_deref(), Some(said), "{kind}");
        }
    }

    const ED25519: &str = "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIMbIRnxoPTKCydG70g+b6qNweqLq02UqOaIQqxKBdrNKAAAAIETHkuZ0UbZjwYADJ2gJnkeYTtGSQ+6Ifc6aeki+RI1YAAAAAAAAAAAAAAABAAAABnRlc3RlcgAAAAcAAAADb3BzAAAAAAAAAAD//////////wAAAAAAAACCAAAAFXBlcm1pdC1YMTEtZm9yd2FyZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcmRpbmcAAAAAAAAAFnBlcm1pdC1wb3J0LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1wdHkAAAAAAAAADnBlcm1pdC11c2VyLXJjAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIDpdtbYscpUhUTlYAAP1UktH3fslgjEo4JfhQKd1+/S7AAAAUwAAAAtzc2gtZWQyNTUxOQAAAEDqnNsXqwh5qfppEkr+H5kBYrqBdTCUjYjPPDtqQaJPcPeCUxe1PpAVzyY62dMx3DCNg6vBHopfy6J/B9Ah7k0L";
    const ECDSA: &str = "AAAAKGVjZHNhLXNoYTItbmlzdHAyNTYtY2VydC12MDFAb3BlbnNzaC5jb20AAAAgupBfynEoihPfZP6UE94LAZa7XPREcRLay4XPIybn4GcAAAAIbmlzdHAyNTYAAABBBAW4F8iq0gJe0IxmXZZK3CcYgz/CcrRVhzwO4jD+C/yUtsTHj9+Qhbpejwk1ywFBETPvqISSdUhqQ7QMU+iEV9AAAAAAAAAAAAAAAAEAAAAGdGVzdGVyAAAABwAAAANvcHMAAAAAAAAAAP//////////AAAAAAAAAIIAAAAVcGVybWl0LVgxMS1mb3J3YXJkaW5nAAAAAAAAABdwZXJtaXQtYWdlbnQtZm9yd2FyZGluZwAAAAAAAAAWcGVybWl0LXBvcnQtZm9yd2FyZGluZwAAAAAAAAAKcGVybWl0LXB0eQAAAAAAAAAOcGVybWl0LXVzZXItcmMAAAAAAAAAAAAAADMAAAALc3NoLWVkMjU1MTkAAAAgOl21tixylSFROVgAA/VSS0fd+yWCMSjgl+FAp3X79LsAAABTAAAAC3NzaC1lZDI1NTE5AAAAQBavNgRqpTW/o5oLKFWJemXMthMF/ICkB5SW24MOGe17qI5WRMsEg0ZAV5/pSV8ifObEsLk11kiXEMFw5SjXxw0=";
}
