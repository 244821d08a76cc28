//! The private keys at hand that may open secret files.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use age::ssh;
use zeroize::Zeroizing;

use crate::failure::{Failure, Result};

/// Where identities are: see [`Identities::search`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identities {
    /// Files with an age or an ssh-ed25519 identity that somebody named: they must be there and usable.
    pub files: Vec<PathBuf>,
    /// Files that are used when they are there and can be.
    pub usual: Vec<PathBuf>,
}

impl Identities {
    /// The files named on the command line (`--identity`) and in `COMUNI_IDENTITY` (separated by colons); beside them
    /// the usual `~/.config/comuni/identity` and `~/.ssh/id_ed25519`, when they are there.
    pub fn search(named: &[PathBuf], environment: impl Fn(&str) -> Option<OsString>) -> Identities {
        let mut files = named.to_vec();
        if let Some(listed) = environment("COMUNI_IDENTITY") {
            // The command line reads the variable too.
            let further = std::env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty());
            files.extend(further.filter(|path| !named.contains(path)));
        }
        let home = environment("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let usual = match home {
            Some(home) => [".config/comuni/identity", ".ssh/id_ed25519"].map(|name| home.join(name)).to_vec(),
            None => Vec::new(),
        };
        Identities { files, usual }
    }
}

/// Identities that have been read.
#[derive(Default)]
pub(super) struct Keys {
    opened: Vec<Box<dyn age::Identity + Send + Sync>>,
    /// Files whose keys are among them.
    files: Vec<PathBuf>,
    /// Usual files that could not be used, with why.
    unusable: Vec<String>,
}

impl Keys {
    /// Reads identity files.
    ///
    /// # Errors
    /// When a named file is missing or cannot be used.
    pub(super) fn read(identities: &Identities) -> Result<Keys> {
        let mut keys = Keys::default();
        for path in &identities.files {
            keys.add(path)?;
        }
        for path in &identities.usual {
            match fs::symlink_metadata(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                _ => {
                    if let Err(failure) = keys.add(path) {
                        keys.unusable.push(failure.message);
                    }
                }
            }
        }
        Ok(keys)
    }

    /// Those that age can try.
    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.opened.iter().map(|identity| &**identity as &dyn age::Identity)
    }

    /// Which keys were tried, for a person.
    pub(super) fn describe(&self) -> String {
        let tried = match self.files.as_slice() {
            [] => "no identity at hand".to_string(),
            files => {
                let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
                format!("tried with {}", names.join(", "))
            }
        };
        [&[tried], self.unusable.as_slice()].concat().join("; ")
    }

    fn add(&mut self, path: &Path) -> Result<()> {
        let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            Failure::usage(format!("{}: the identity cannot be read: {error}", path.display()))
                .hint("name a file with an age identity (AGE-SECRET-KEY-1...) or an ssh-ed25519 private key")
        })?;
        if text.contains("-----BEGIN ") {
            self.opened.push(Box::new(ssh_key(path, text.as_bytes())?));
        } else {
            let file = age::IdentityFile::from_buffer(text.as_bytes()).map_err(|_| not_an_identity(path))?;
            let found = file.into_identities().map_err(|_| not_an_identity(path))?;
            if found.is_empty() {
                return Err(not_an_identity(path));
            }
            self.opened.extend(found);
        }
        self.files.push(path.to_path_buf());
        Ok(())
    }
}

fn ssh_key(path: &Path, text: &[u8]) -> Result<ssh::Identity> {
    let place = path.display();
    let identity = ssh::Identity::from_buffer(text, None).map_err(|_| not_an_identity(path))?;
    if matches!(identity, ssh::Identity::Encrypted(_)) {
        return Err(Failure::usage(format!("{place}: this key is protected by a passphrase"))
            .hint(
                "make a key for secrets only, without a passphrase, on an encrypted disk: \
                 ssh-keygen -t ed25519 -N '' -f ~/.config/comuni/identity",
            )
            .hint("then let a technician add its public half under `technicians:` and run `comuni secrets rekey`"));
    }
    match ssh::Recipient::try_from(identity.clone()) {
        Ok(ssh::Recipient::SshEd25519(..)) => Ok(identity),
        _ => Err(Failure::usage(format!("{place}: this kind of key cannot open secrets"))
            .hint("use an ssh-ed25519 key or an age identity")),
    }
}

fn not_an_identity(path: &Path) -> Failure {
    Failure::usage(format!("{}: neither an age identity nor an ssh private key", path.display()))
        .hint("age-keygen -o FILE makes an age identity, ssh-keygen -t ed25519 -f FILE an ssh key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_identities_come_first_and_must_be_there_and_the_usual_ones_may_be_missing() {
        let environment = |name: &str| match name {
            "COMUNI_IDENTITY" => Some(OsString::from("/run/one:/run/two")),
            "HOME" => Some(OsString::from("/home/anna")),
            _ => None,
        };
        let found = Identities::search(&[PathBuf::from("/named")], environment);
        assert_eq!(found.files, ["/named", "/run/one", "/run/two"].map(PathBuf::from));
        assert_eq!(
            found.usual,
            ["/home/anna/.config/comuni/identity", "/home/anna/.ssh/id_ed25519"].map(PathBuf::from)
        );
        assert!(Keys::read(&found).is_err(), "a named file that is missing is told");

        let usual_only = Identities { files: Vec::new(), ..found };
        assert_eq!(Keys::read(&usual_only).unwrap().describe(), "no identity at hand");
    }

    #[test]
    fn a_file_that_is_no_identity_is_told_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        for content in ["", "poison\n", "-----BEGIN poison-----\n", "# only a comment\n"] {
            let path = folder.path().join("identity");
            fs::write(&path, content).unwrap();
            let failure = Keys::read(&Identities { files: vec![path], usual: vec![] }).map(|_| ()).unwrap_err();
            assert!(failure.message.contains("neither an age identity nor an ssh private key"), "{failure}");
            assert!(!format!("{failure:?}").contains("poison"));
        }
    }
}
