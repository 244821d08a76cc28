//! Options that several verbs share.

use std::path::PathBuf;

use clap::Args;

use super::Identity;
use crate::catalog::Area;

/// What to look at. Names and globs; a selector that matches nothing is an error.
#[derive(Debug, Clone, Default, Args)]
pub struct Selectors {
    /// Only this member (name, slug, code or glob); can be repeated
    #[arg(long = "member", value_name = "MEMBER")]
    pub members: Vec<String>,
    /// Only this host (name or glob); can be repeated
    #[arg(long = "host", value_name = "HOST")]
    pub hosts: Vec<String>,
    /// Only this area; can be repeated
    #[arg(long = "area", value_name = "AREA", value_enum)]
    pub areas: Vec<Area>,
    /// Go on although the hosts have seen a newer inventory than this one
    #[arg(long)]
    pub older_inventory: bool,
}

/// How to reach the hosts.
#[derive(Debug, Clone, Args)]
pub struct Way {
    /// File with an ssh key; the agent is asked first when there is one; several with `:` between them
    #[arg(long = "key", value_name = "FILE", env = "COMUNI_SSH_KEY", value_delimiter = ':')]
    pub keys: Vec<PathBuf>,
    /// File whose first line is the passphrase of the ssh key; asked for on a terminal when not said
    #[arg(long, value_name = "FILE", env = "COMUNI_SSH_PASSPHRASE_FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// File whose first line is the password for hosts with `sudo: password`; asked for on a terminal when not said
    #[arg(long, value_name = "FILE", env = "COMUNI_SUDO_PASSWORD_FILE")]
    pub sudo_password_file: Option<PathBuf>,
    /// Keys that open the secrets.
    #[command(flatten)]
    pub identity: Identity,
    /// Hosts at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub parallel: u16,
}
