//! Sessions over the system's `ssh`: jump hosts, certificates, hardware keys, and whatever the operator's own
//! configuration says of the way to a host. It never asks anybody anything, and who a host is is proven by the inventory
//! alone.

mod channel;
mod configuration;
mod passphrase;
mod refusal;
mod session;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use channel::SystemChannel;
use passphrase::Passphrase;
pub(super) use session::SystemSession;

use super::shown::{self, ShownKey};
use super::{Credentials, Limits, Target};
use crate::failure::{Failure, Result};

/// A configuration for the system's ssh, in a folder of its own that lives as long as this.
pub(super) struct System {
    folder: TempDir,
    targets: BTreeMap<String, Target>,
    limits: Limits,
    passphrase: Option<Passphrase>,
}

impl System {
    /// Writes what ssh has to know of these hosts.
    ///
    /// # Errors
    /// When a value cannot be written so that ssh reads the same, or the folder cannot be made.
    pub(super) fn new(
        targets: &BTreeMap<String, Target>,
        credentials: &Credentials,
        limits: &Limits,
    ) -> Result<System> {
        let unwritten =
            |error: std::io::Error| Failure::operation(format!("cannot write a configuration for ssh: {error}"));
        let folder = tempfile::Builder::new().prefix("comuni-ssh-").tempdir().map_err(unwritten)?;
        let passphrase = Passphrase::of(credentials, folder.path()).map_err(unwritten)?;
        let system = System { folder, targets: targets.clone(), limits: limits.clone(), passphrase };
        let configuration = configuration::text(targets, credentials, limits, &system.known_hosts())?;
        configuration::write(&system.configuration(), &configuration).map_err(unwritten)?;
        configuration::write(&system.known_hosts(), &configuration::known_hosts(targets)).map_err(unwritten)?;
        Ok(system)
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// The program with our configuration, not started yet.
    #[allow(clippy::disallowed_methods, reason = "the one program that this room starts: argv only")]
    fn ssh(&self) -> Command {
        let mut ssh = Command::new("ssh");
        // With it ssh starts the commands of its configuration, which are written for a Bourne shell.
        ssh.env("SHELL", "/bin/sh").arg("-F").arg(self.configuration()).arg("-T");
        // A key at the terminal is for us: we let hosts finish what they do.
        std::os::unix::process::CommandExt::process_group(&mut ssh, 0);
        ssh
    }

    /// As [`super::Logins::shown_key`], over the same way that a login takes.
    ///
    /// # Errors
    /// When the host cannot be reached that way, or shows no ed25519 key.
    pub(super) fn shown_key(self: &Arc<Self>, target: &Target) -> Result<ShownKey> {
        let seen = self.folder.path().join(format!("shown-{}", target.name));
        let _ = std::fs::remove_file(&seen);
        let option = |name: &str, value: &str| format!("-o{name}={value}");
        let mut ssh = self.ssh();
        ssh.arg(option("UserKnownHostsFile", &format!("\"{}\"", seen.display())))
            .args([option("StrictHostKeyChecking", "accept-new"), option("HostKeyAlgorithms", shown::PINNED)])
            .args([option("PreferredAuthentications", "none"), option("HashKnownHosts", "no")])
            .args(["--", &target.name, "exit"]);
        let words = SystemChannel::start(ssh, self, target)?.words_at_its_end(Instant::now() + self.patience())?;
        let line = std::fs::read_to_string(&seen).unwrap_or_default();
        let key = line.split_once(' ').and_then(|(_, key)| ShownKey::of_line(key));
        key.ok_or_else(|| refusal::refusal(target, &self.targets, &words).failure.hint(shown::no_such_key(target)))
    }

    /// How long a whole way to a host may take: a key may have to be touched.
    fn patience(&self) -> Duration {
        (self.limits.connect * 3).max(Duration::from_secs(60))
    }
}
