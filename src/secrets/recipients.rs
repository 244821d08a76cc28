//! The public keys that secrets are encrypted to, and the names of those behind them.

use std::collections::BTreeMap;
use std::str::FromStr;

use age::{ssh, x25519};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

use crate::failure::{Failure, Result};
use crate::inventory::types::Consortium;

const SSH: &str = "ssh-ed25519";

/// How a technician or the recovery key is called in messages.
type Name = String;

/// All that a secret file is encrypted to: every technician and the offline recovery key.
pub(super) struct Recipients {
    keys: Vec<Box<dyn age::Recipient + Send + Sync>>,
    names: BTreeMap<Name, String>,
}

/// How the recovery key is called among the technicians. No technician can be: names have no space.
const RECOVERY: &str = "the recovery key";

/// How the key of the control host is called, in the part that it may read.
const CONTROL: &str = "the control host";

impl Recipients {
    /// Reads the keys of a consortium.
    ///
    /// # Errors
    /// Exit 65 when there is no recovery key or no technician, or a key is of another kind.
    pub(super) fn of(consortium: &Consortium) -> Result<Recipients> {
        let Some(recovery) = consortium.recovery.as_deref() else {
            return Err(Failure::inventory(
                "consortium.yml has no `recovery:` key, so no secret is made: \
                 when every technician is gone nobody could open it",
            )
            .hint("on a machine that stays offline: age-keygen -o recovery.key; keep that file in a safe")
            .hint("then write its public key into consortium.yml as `recovery: age1...`"));
        };
        if consortium.technicians.is_empty() {
            return Err(Failure::inventory("consortium.yml has no `technicians:`, so no secret is made")
                .hint("add your public key: `technicians: { anna: \"ssh-ed25519 AAAA...\" }`"));
        }
        let offline = x25519::Recipient::from_str(recovery.trim()).map_err(|_| {
            Failure::inventory("consortium.yml: `recovery:` is not an age public key (age1...)")
                .hint("age-keygen -y recovery.key prints the public key of the recovery key")
        })?;
        let mut keys: Vec<Box<dyn age::Recipient + Send + Sync>> = vec![Box::new(offline)];
        let mut names = BTreeMap::from([(RECOVERY.to_string(), recovery.trim().to_string())]);
        for (name, key) in &consortium.technicians {
            if key.trim() == recovery.trim() {
                return Err(Failure::inventory(format!(
                    "consortium.yml: the recovery key is also the key of technician {name}, so it is not offline"
                ))
                .hint("make another key for one of them"));
            }
            keys.push(public(&format!("technician {name}"), key.trim())?);
            names.insert(name.clone(), bare(key));
        }
        Ok(Recipients { keys, names })
    }

    /// Those of the part for the control host: the same, and that host. `None` when it has no key.
    ///
    /// # Errors
    /// As [`Recipients::of`]; also when a technician has the same key.
    pub(super) fn of_control(consortium: &Consortium) -> Result<Option<Recipients>> {
        let Some(key) = consortium.control.as_deref().map(str::trim) else { return Ok(None) };
        let mut all = Recipients::of(consortium)?;
        if let Some((name, _)) = all.names.iter().find(|(_, known)| **known == bare(key)) {
            return Err(Failure::inventory(format!(
                "consortium.yml: the key of the control host is also that of {name}"
            ))
            .hint("make a key on the control host that nobody else has: `ssh-keygen -t ed25519`"));
        }
        all.keys.push(public(CONTROL, key)?);
        all.names.insert(CONTROL.to_string(), bare(key));
        Ok(Some(all))
    }

    /// Their public keys by name.
    pub(super) fn names(&self) -> &BTreeMap<Name, String> {
        &self.names
    }

    /// Those that age encrypts to.
    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn age::Recipient> {
        self.keys.iter().map(|key| key.as_ref() as &dyn age::Recipient)
    }
}

/// A key without the comment behind it, which anybody may change.
fn bare(key: &str) -> String {
    key.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn public(whose: &str, key: &str) -> Result<Box<dyn age::Recipient + Send + Sync>> {
    let refused = || {
        Failure::inventory(format!("consortium.yml: the key of {whose} is neither ssh-ed25519 nor age1..."))
            .hint("ssh-keygen -t ed25519 makes a key; its file `.pub` has the line to write here")
    };
    if key.starts_with(SSH) {
        let key = ssh::Recipient::from_str(key).map_err(|_| refused())?;
        return match key {
            ssh::Recipient::SshEd25519(..) => Ok(Box::new(key)),
            ssh::Recipient::SshRsa(..) => Err(refused()),
        };
    }
    Ok(Box::new(x25519::Recipient::from_str(key).map_err(|_| refused())?))
}

/// Who can open an encrypted file, as far as its header says it: ssh keys leave a mark, age keys do not.
pub(super) fn named(header: &Header, consortium: &Consortium) -> String {
    let mut names: Vec<Name> = Vec::new();
    let mut strangers = 0;
    for mark in &header.ssh {
        match consortium.technicians.iter().find(|(_, key)| ssh_mark(key).as_deref() == Some(mark)) {
            Some((name, _)) => names.push(name.clone()),
            None => strangers += 1,
        }
    }
    names.sort();
    match strangers {
        0 => {}
        1 => names.push("an ssh key that consortium.yml does not have".to_string()),
        many => names.push(format!("{many} ssh keys that consortium.yml does not have")),
    }
    if header.age > 0 {
        let with_age: Vec<&str> = consortium
            .technicians
            .iter()
            .filter(|(_, key)| key.trim().starts_with("age1"))
            .map(|(name, _)| name.as_str())
            .chain(consortium.recovery.as_ref().map(|_| RECOVERY))
            .collect();
        let keys = if header.age == 1 { "1 age key".to_string() } else { format!("{} age keys", header.age) };
        names.push(match with_age.as_slice() {
            [] => format!("{keys} (unnamed)"),
            [one] => format!("{keys} ({one}, by consortium.yml)"),
            several => format!("{keys} (by consortium.yml those of {})", several.join(", ")),
        });
    }
    if names.is_empty() { "nobody that comuni knows".to_string() } else { names.join(", ") }
}

/// The recipients as an age header shows them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// The mark of each ssh-ed25519 key.
    ssh: Vec<String>,
    /// How many age keys.
    age: usize,
}

impl Header {
    /// Reads the recipients from the clear head of an age file without armor.
    pub(super) fn read(file: &[u8]) -> Header {
        let mut header = Header::default();
        let lines = file.split(|&byte| byte == b'\n').take_while(|line| !line.starts_with(b"---"));
        for line in lines.filter_map(|line| std::str::from_utf8(line).ok()) {
            let mut words = line.split(' ');
            match (words.next(), words.next(), words.next()) {
                (Some("->"), Some("X25519"), _) => header.age += 1,
                (Some("->"), Some(SSH), Some(mark)) => header.ssh.push(mark.to_string()),
                _ => {}
            }
        }
        header
    }
}

impl Header {
    /// How these recipients differ from those of a consortium, as far as a header shows it.
    pub(super) fn difference(&self, consortium: &Consortium) -> Option<String> {
        let technicians = || consortium.technicians.iter().map(|(name, key)| (name, ssh_mark(key)));
        let without: Vec<&str> = technicians()
            .filter(|(_, mark)| mark.as_ref().is_some_and(|mark| !self.ssh.contains(mark)))
            .map(|(name, _)| name.as_str())
            .collect();
        let strange = self.ssh.iter().filter(|mark| technicians().all(|(_, own)| own.as_ref() != Some(mark))).count();
        let wanted =
            technicians().filter(|(_, mark)| mark.is_none()).count() + usize::from(consortium.recovery.is_some());
        let mut words = Vec::new();
        if !without.is_empty() {
            words.push(format!("{} cannot open it", without.join(", ")));
        }
        match strange {
            0 => {}
            1 => words.push("an ssh key that consortium.yml does not have can open it".to_string()),
            many => words.push(format!("{many} ssh keys that consortium.yml does not have can open it")),
        }
        if self.age != wanted {
            words.push(format!("it is encrypted to {} age keys, and consortium.yml has {wanted}", self.age));
        }
        (!words.is_empty()).then(|| words.join("; "))
    }
}

/// The mark that age leaves for an ssh key: the first four bytes of the hash of the key.
fn ssh_mark(key: &str) -> Option<String> {
    let blob = BASE64_STANDARD.decode(key.trim().strip_prefix(SSH)?.split_whitespace().next()?).ok()?;
    Some(BASE64_STANDARD_NO_PAD.encode(Sha256::digest(blob).get(..4)?))
}
