//! `comuni hosts`.

use clap::Subcommand;

use super::Way;

/// Work with hosts themselves.
#[derive(Debug, Subcommand)]
pub enum Hosts {
    /// Show the key that a host shows, and pin it in hosts.yml when you agree
    ///
    /// Compare the fingerprint with the one on the machine's console (`ssh-keygen -lf
    /// /etc/ssh/ssh_host_ed25519_key.pub`). Nothing is ever pinned unseen: without a terminal the expected fingerprint
    /// must be named.
    #[command(
        after_help = "Examples:\n  comuni hosts trust app3\n  comuni hosts trust app3 --yes --fingerprint SHA256:4mVJ..."
    )]
    Trust {
        /// Name of the host
        name: String,
        /// The fingerprint that the machine's console shows; another one is refused
        #[arg(long, value_name = "SHA256:...")]
        fingerprint: Option<String>,
        /// Do not ask; takes the fingerprint that is expected
        #[arg(short, long, requires = "fingerprint")]
        yes: bool,
        /// How to reach the host.
        #[command(flatten)]
        way: Way,
    },
    /// Look whether hosts answer, are who they should be, let us in and can be worked on; change nothing
    Check {
        /// Names or globs; all hosts when not said
        #[arg(value_name = "HOST")]
        names: Vec<String>,
        /// How to reach the hosts.
        #[command(flatten)]
        way: Way,
    },
}
