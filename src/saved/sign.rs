//! Sign-offs: somebody says, with their ssh key, that a saved plan may be applied.
//!
//! `ssh-keygen -Y sign` does it (OpenSSH 8.0, PROTOCOL.sshsig), and so every key works with which one can log in: in a
//! file, in an agent, in hardware. What is signed is the digest of the plan with who says so and when.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::form::Document;
use crate::digest::canonical;
use crate::evidence::Who;
use crate::failure::{Failure, Kind, Result};

/// Keeps a signature made for something else from being taken for one of ours.
const NAMESPACE: &str = "comuni-plan";

/// Somebody said that the plan may be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignOff {
    /// Who: the account and machine as they said it, the key as the signature proves it.
    pub who: Who,
    /// When, as they said it: ISO 8601 with the offset of Italy.
    pub at: String,
    /// Signature of `ssh-keygen -Y sign -n comuni-plan` over `at`, the plan's `digest`, `machine` and `user`, written as
    /// JSON with sorted keys and no spaces.
    pub signature: String,
}

impl SignOff {
    /// Signs a plan with a key: a private key's file, or a public key's whose private half an agent has.
    ///
    /// # Errors
    /// With the words of ssh-keygen: no such key, wrong passphrase, nobody to ask for it.
    pub fn new(document: &Document, who: Who, at: String, key: &Path) -> Result<SignOff> {
        let message = message(&document.digest, &who, &at);
        let mut command = ssh_keygen("sign");
        command.arg("-q").arg("-f").arg(key);
        let output = run(command, message.as_bytes())?;
        if !output.status.success() {
            let failure = Failure::operation(format!("{}: this key did not sign: {}", key.display(), words(&output)));
            return Err(
                failure.hint("name the file of your ssh key with --key; its passphrase is asked for on a terminal")
            );
        }
        let signature = String::from_utf8_lossy(&output.stdout).into_owned();
        let fingerprint = fingerprint(&message, &signature)?.ok_or_else(|| {
            Failure::operation(format!(
                "{}: ssh-keygen does not take the signature that it has just made",
                key.display()
            ))
        })?;
        Ok(SignOff { who: Who { fingerprint: Some(fingerprint), ..who }, at, signature })
    }

    /// Checks that the key that is named has signed exactly this.
    ///
    /// # Errors
    /// Exit 4 when it has not; exit 1 when ssh-keygen cannot be run.
    pub fn verify(&self, document: &Document) -> Result<()> {
        let found = fingerprint(&message(&document.digest, &self.who, &self.at), &self.signature)?;
        if found.is_some() && found == self.who.fingerprint {
            return Ok(());
        }
        let who = format!("{}@{}", self.who.user, self.who.machine);
        Err(Failure::new(Kind::Damage, format!("the sign-off of {who} does not hold: {who} did not sign this plan"))
            .hint("ask them; a plan that is saved anew is signed off anew"))
    }
}

impl SignOff {
    /// The technician of an inventory (`technicians:` in consortium.yml) whose key has signed.
    pub fn technician<'a>(&self, technicians: &'a BTreeMap<String, String>) -> Option<&'a str> {
        let signed = self.who.fingerprint.as_deref()?;
        technicians
            .iter()
            .find(|(_, key)| public_fingerprint(key).as_deref() == Some(signed))
            .map(|(name, _)| name.as_str())
    }
}

/// The fingerprint of a public key as it stands in a `.pub` file.
fn public_fingerprint(line: &str) -> Option<String> {
    let blob = STANDARD.decode(line.split_whitespace().nth(1)?).ok()?;
    Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob))))
}

fn message(digest: &str, who: &Who, at: &str) -> String {
    canonical(&json!({ "at": at, "digest": digest, "machine": who.machine, "user": who.user }))
}

/// `SHA256:...` of the key that made a signature over a message; `None` when it does not hold.
fn fingerprint(message: &str, signature: &str) -> Result<Option<String>> {
    // ssh-keygen reads signatures from files only: one that is nowhere but in our memory.
    let failed = |error: std::io::Error| Failure::operation(format!("cannot hand a signature over: {error}"));
    let held = rustix::fs::memfd_create("signature", rustix::fs::MemfdFlags::CLOEXEC);
    let mut held = std::fs::File::from(held.map_err(|error| failed(error.into()))?);
    held.write_all(signature.as_bytes()).map_err(failed)?;
    let path = format!("/proc/{}/fd/{}", std::process::id(), held.as_raw_fd());
    let mut command = ssh_keygen("check-novalidate");
    command.arg("-s").arg(path);
    let output = run(command, message.as_bytes())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let key = said.split_whitespace().find(|word| word.starts_with("SHA256:")).map(str::to_string);
    Ok(key.filter(|_| output.status.success()))
}

fn ssh_keygen(act: &str) -> Command {
    #[allow(clippy::disallowed_methods, reason = "the one program that signs with every kind of ssh key")]
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", act, "-n", NAMESPACE]).env("LC_ALL", "C");
    command
}

fn run(mut command: Command, input: &[u8]) -> Result<Output> {
    let missing = |error: std::io::Error| {
        Failure::operation(format!("ssh-keygen cannot be run: {error}")).hint("apt-get install openssh-client")
    };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(missing)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read to the end has something to say, which follows.
        let _ = stdin.write_all(input);
    }
    child.wait_with_output().map_err(missing)
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_string()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::tests::plan;
    use super::*;

    fn key(folder: &Path, name: &str, kind: &str, passphrase: &str) -> PathBuf {
        let path = folder.join(name);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-N", passphrase, "-C", "", "-f"])
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success());
        path
    }

    fn bruno() -> Who {
        Who { user: "bruno".into(), machine: "ced2".into(), fingerprint: None }
    }

    fn signed(key: &Path) -> Result<SignOff> {
        SignOff::new(&Document::new(plan()), bruno(), "2026-11-25T21:30:00.000+01:00".into(), key)
    }

    #[test]
    fn a_sign_off_holds_for_this_plan_this_person_and_this_moment_only() {
        let folder = tempfile::tempdir().unwrap();
        let document = Document::new(plan());
        let made = signed(&key(folder.path(), "bruno", "ed25519", "")).unwrap();
        made.verify(&document).unwrap();
        assert!(made.who.fingerprint.as_deref().unwrap().starts_with("SHA256:"));
        let other = Document { digest: "00".into(), ..document.clone() };
        assert_eq!(made.verify(&other).unwrap_err().kind, Kind::Damage);
        let another = signed(&key(folder.path(), "carla", "ed25519", "")).unwrap();
        let forgeries: [fn(&mut SignOff, &SignOff); 5] = [
            |forged, _| forged.who.user = "carla".into(),
            |forged, _| forged.who.machine = "ced3".into(),
            |forged, _| forged.at = "2026-11-25T21:31:00.000+01:00".into(),
            |forged, another| forged.who.fingerprint = another.who.fingerprint.clone(),
            |forged, _| forged.signature = "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n".into(),
        ];
        for (number, forge) in forgeries.iter().enumerate() {
            let mut forged = made.clone();
            forge(&mut forged, &another);
            let failure = forged.verify(&document).unwrap_err();
            assert_eq!(failure.kind, Kind::Damage, "{number}: {failure}");
        }
    }

    #[test]
    fn a_signature_for_something_else_is_none_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        let document = Document::new(plan());
        let key = key(folder.path(), "bruno", "ed25519", "");
        let made = signed(&key).unwrap();
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-Y", "sign", "-n", "file", "-f"]).arg(&key);
        let output = run(command, message(&document.digest, &made.who, &made.at).as_bytes()).unwrap();
        assert!(output.status.success());
        let foreign = SignOff { signature: String::from_utf8(output.stdout).unwrap(), ..made };
        assert_eq!(foreign.verify(&document).unwrap_err().kind, Kind::Damage);
    }

    #[test]
    fn the_technician_of_a_key_is_told_by_the_inventory() {
        let folder = tempfile::tempdir().unwrap();
        let key = key(folder.path(), "bruno", "ed25519", "");
        let made = signed(&key).unwrap();
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        let mut technicians: BTreeMap<String, String> = [("anna".to_string(), "age1qqqq".to_string())].into();
        assert_eq!(made.technician(&technicians), None);
        technicians.insert("bruno".to_string(), public);
        assert_eq!(made.technician(&technicians), Some("bruno"));
    }

    #[test]
    fn keys_of_other_kinds_sign_too() {
        let folder = tempfile::tempdir().unwrap();
        let made = signed(&key(folder.path(), "ecdsa", "ecdsa", "")).unwrap();
        made.verify(&Document::new(plan())).unwrap();
    }

    #[test]
    fn a_key_that_is_not_there_is_named() {
        let failure = signed(Path::new("/nonexistent/id_ed25519")).unwrap_err();
        assert!(failure.message.contains("/nonexistent/id_ed25519: this key did not sign"), "{failure}");
        assert!(failure.hints[0].contains("--key"), "{failure:?}");
    }
}
