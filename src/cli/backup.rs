//! `comuni backup`: backups of the tenants.

use clap::{Args, Subcommand};

use super::Way;

/// Work with backups.
#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Take backups now
    ///
    /// Each application host takes those of its tenants, one after the other, as their timers do every night: the database
    /// in one snapshot, the files, and a manifest of what they must be, all in the repository of the member.
    #[command(after_help = "\
Examples:
  comuni backup run
  comuni backup run --member malnate --application albo

Exit codes: 0 all complete; 3 some not, or partial, or much smaller than before; 1 none; 6 somebody holds a tenant")]
    Run {
        /// Whose.
        #[command(flatten)]
        tenants: Tenants,
        /// How to reach the hosts.
        #[command(flatten)]
        way: Way,
    },
    /// Take away backups that are older than their limits, on the hosts that keep them
    ///
    /// The newest complete one and the newest verified one of a tenant stay, however old they are. Nothing of a tenant goes
    /// while its newest backup is missing, or much smaller than the one before.
    #[command(after_help = "\
Examples:
  comuni backup prune
  comuni backup prune --member malnate

Exit codes: 0 done; 3 some repositories not; 1 none; 6 somebody holds a tenant; 65 the keys of the repositories are not for us")]
    Prune {
        /// Whose.
        #[arg(long = "member", value_name = "MEMBER")]
        members: Vec<String>,
        /// How to reach the hosts.
        #[command(flatten)]
        way: Way,
    },
    /// Say that a backup which is much smaller than the one before is right
    ///
    /// Later ones are compared with it, and what is old may go again.
    #[command(after_help = "Example:\n  comuni backup accept --member malnate --application albo")]
    Accept {
        /// Whose.
        #[command(flatten)]
        tenants: Tenants,
        /// How to reach the hosts.
        #[command(flatten)]
        way: Way,
    },
    /// Show the newest backup of every tenant: its age, size and trend, and how far it was verified
    #[command(after_help = "\
Examples:
  comuni backup list
  comuni backup list --member malnate --format json

Exit codes: 0 every tenant has a backup within its RPO; 5 one has not; 4 a chain of records is broken; 7 a host cannot be asked")]
    List {
        /// Whose.
        #[command(flatten)]
        tenants: Tenants,
        /// How to reach the hosts.
        #[command(flatten)]
        way: Way,
    },
}

/// Which tenants.
#[derive(Debug, Clone, Default, Args)]
pub struct Tenants {
    /// Only tenants of this member (name, slug, code or glob); can be repeated
    #[arg(long = "member", value_name = "MEMBER")]
    pub members: Vec<String>,
    /// Only tenants of this application (name or glob); can be repeated
    #[arg(long = "application", value_name = "APPLICATION")]
    pub applications: Vec<String>,
}
