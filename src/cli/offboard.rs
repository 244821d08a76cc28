//! `comuni offboard`: a member leaves.

use std::path::PathBuf;

use clap::Args;

use super::Way;

/// Who leaves, and where its data go.
#[derive(Debug, Clone, Args)]
pub struct Offboard {
    /// Name, slug or code of the member
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Folder for what is handed over; a folder with the member's code is made in it
    #[arg(long, value_name = "DIR", required_unless_present = "purge", requires = "recipient")]
    pub export: Option<PathBuf>,
    /// File with the member's own public key, to which all is encrypted: a line `age1...` or `ssh-ed25519 ...`
    #[arg(long, value_name = "FILE", requires = "export")]
    pub recipient: Option<PathBuf>,
    /// Delete all that hosts and backups have of it, when the days for which it is kept are over
    #[arg(long, conflicts_with = "export")]
    pub purge: bool,
    /// Its code, which is asked for on a terminal: so that nobody deletes another
    #[arg(long, value_name = "CODE", requires = "purge")]
    pub code: Option<String>,
    /// Delete before that day, for this reason, which is recorded
    #[arg(long, value_name = "REASON", requires = "purge")]
    pub before_time: Option<String>,
    /// Do not ask; compulsory without a terminal
    #[arg(short, long)]
    pub yes: bool,
    /// How to reach the hosts.
    #[command(flatten)]
    pub way: Way,
}
