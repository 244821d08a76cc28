//! One session to one host: pinned host keys, login without prompts, one command at a time as a byte channel. Over
//! libssh2 (`direct`), or over the system's `ssh` (`system`) where the way to a host takes more than that knows.
//! Knows bytes only, neither catalogs nor the protocol.

mod channel;
mod concealed;
mod connect;
mod direct;
mod host_key;
mod key_file;
mod link;
mod login;
mod logins;
mod shown;
#[cfg(test)]
pub(crate) mod sshd;
mod system;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

pub use channel::{Channel, Exit, Read, Session};
pub use concealed::Concealed;
pub use key_file::{passphrase_fits, wants_passphrase};
pub use logins::Logins;
pub use shown::ShownKey;

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
    /// How commands of ours become root.
    pub sudo: Sudo,
    /// What proves who the host is. Without it nothing connects.
    pub proof: Proof,
    /// What connects.
    pub transport: Transport,
    /// The name of the host through which this one is reached; only the system's ssh goes such ways.
    pub via: Option<String>,
}

/// How an account becomes root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sudo {
    /// It is root.
    No,
    /// By `sudo -n`.
    Free,
    /// By sudo with [`Credentials::sudo_password`].
    Password,
}

/// What proves who a host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Nothing yet.
    Missing,
    /// This key and no other, `type base64` as in a `.pub` file.
    Key(String),
    /// A certificate for this name by the authority with this key (`type base64`).
    Authority {
        /// The authority's public key.
        key: String,
        /// The name that the certificate must be for.
        principal: String,
    },
}

/// What connects to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// libssh2, inside this process.
    Direct,
    /// The system's `ssh`.
    System,
}

/// What proves who we are. Nothing here ever prompts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Private keys, tried in this order after the agent.
    pub key_files: Vec<PathBuf>,
    /// Opens those of the key files that have a passphrase.
    pub passphrase: Option<Concealed>,
    /// Socket of a running ssh-agent, whose keys are tried first.
    pub agent: Option<PathBuf>,
    /// What accounts answer when sudo asks. Goes to the host over the command's stdin alone.
    pub sudo_password: Option<Concealed>,
}

impl Credentials {
    /// These key files, and the agent that `SSH_AUTH_SOCK` names.
    pub fn with_agent(key_files: Vec<PathBuf>) -> Credentials {
        let agent = std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from);
        Credentials { key_files, agent, ..Credentials::default() }
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
