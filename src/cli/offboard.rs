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
    #[arg(long, value_name = "DIR")]
    pub export: PathBuf,
    /// File with the member's own public key, to which all is encrypted: a line `age1...` or `ssh-ed25519 ...`
    #[arg(long, value_name = "FILE")]
    pub recipient: PathBuf,
    /// Do not ask; compulsory without a terminal
    #[arg(short, long)]
    pub yes: bool,
    /// How to reach the hosts.
    #[command(flatten)]
    pub way: Way,
}
