//! One session to one host over libssh2: pinned host keys, login without prompts, one command at a time as a byte
//! channel. Knows bytes only, neither catalogs nor the protocol.

mod channel;
mod connect;
mod host_key;
mod link;
mod login;
#[cfg(test)]
pub(crate) mod sshd;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

pub use channel::{Channel, Exit, Read, Session};

/// Where and how to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name in the inventory, for messages.
    pub name: String,
    /// IP address.
    pub address: String,
    /// TCP port of sshd.
    pub port: u16,
    /// Unix account.
    pub user: String,
    /// Commands of ours become root by `sudo -n`.
    pub sudo: bool,
    /// The pinned host key, `type base64` as in a `.pub` file. Without it nothing connects.
    pub host_key: Option<String>,
}

/// What proves who we are. Nothing here ever prompts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Private keys without passphrase, tried in this order after the agent.
    pub key_files: Vec<PathBuf>,
    /// Socket of a running ssh-agent, whose keys are tried first.
    pub agent: Option<PathBuf>,
}

impl Credentials {
    /// These key files, and the agent that `SSH_AUTH_SOCK` names.
    pub fn with_agent(key_files: Vec<PathBuf>) -> Credentials {
        let agent = std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from);
        Credentials { key_files, agent }
    }
}

/// How long to wait for a host, and how often to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// For one attempt to connect, one handshake, one login, and for the start of a command.
    pub connect: Duration,
    /// A link from which nothing came for this long, though it was asked, is lost. Six seconds at least.
    pub silence: Duration,
    /// How often a connection that sshd dropped before its banner (MaxStartups) is tried, in all.
    pub attempts: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { connect: Duration::from_secs(15), silence: Duration::from_secs(15), attempts: 10 }
    }
}

/// What went over one session, without the encryption's share: the same every time for the same work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Commands started.
    pub execs: u32,
    /// Bytes written to commands.
    pub sent: u64,
    /// Bytes read from commands, both streams.
    pub received: u64,
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Traffic) {
        self.execs += other.execs;
        self.sent += other.sent;
        self.received += other.received;
    }
}
