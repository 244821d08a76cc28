//! `comuni backup`: backups of the tenants.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Way;
use crate::backup::ladder::Level;

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
    /// Bring a backup back: beside everything that is live, or in its place
    ///
    /// By default the backup comes into a folder on the host that keeps the backups: `database.dump`, `files`,
    /// `manifest.json`. It is proven to be what its manifest says, and nothing live is touched. The folder is for root only
    /// and is taken away after some days: it holds personal data.
    ///
    /// With --in-place the tenant itself goes back: the backup is fetched and proven, what is there is backed up, the
    /// database is loaded beside and compared row for row; only then the application is stopped, and database and folder
    /// change places with the old ones, which are kept beside. An application that is not healthy afterwards gets the old
    /// ones back. Cut off anywhere, the next `comuni apply` or the same command brings it wholly to the one or the other.
    #[command(after_help = "\
Examples:
  comuni backup restore c_e863-albo
  comuni backup restore c_e863-albo --at 2026-11-20 --database
  comuni backup restore c_e863-albo --path allegati/2026/delibera-12.pdf --to /var/tmp/delibera
  comuni backup restore c_e863-albo --in-place
  comuni backup restore c_e863-albo --in-place --confirm c_e863-albo    # without a terminal
  comuni backup restore c_e863-albo --drop

Exit codes: 0 done; 1 failed, and everything is as before; 3 some tenants; 4 the backup is damaged; 5 there is none; 6 busy; 64 refused")]
    Restore(Restore),
    /// Prove backups: restore them and compare, row for row, and start the application on the copy
    ///
    /// The host with the role `verification` does it, in a place of its own that is removed always. Every result is
    /// evidence. Levels: L0 configured, L1 fresh, L2 sound, L3 readable, L4 restorable, L5 equal, L6 usable, L7 survivable;
    /// each takes those below with it.
    #[command(after_help = "\
Examples:
  comuni backup verify --all --level L6
  comuni backup verify --all --due --textfile /var/lib/prometheus/node-exporter     (what cron runs)
  comuni backup verify --member malnate --level L7 --escrow recovery.key
  comuni backup verify --schedule

Exit codes: 0 all pass; 4 a backup is damaged; 5 a backup is missing or older than its RPO; 7 it could not be found out;
6 somebody holds the repository, or another verification runs; 1 a host could not do it; the worst of all tenants counts")]
    Verify(Box<Verify>),
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

/// What to restore, and where to.
#[derive(Debug, Clone, Args)]
pub struct Restore {
    /// Tenants: c_e863-albo
    #[arg(value_name = "TENANT", required = true)]
    pub tenants: Vec<String>,
    /// This snapshot, by all 64 digits of its id or at least the first eight; also a partial one
    ///
    /// When not said: the newest complete one of the tenant. A snapshot of another tenant is refused.
    #[arg(long, value_name = "ID", conflicts_with = "at")]
    pub snapshot: Option<String>,
    /// The newest complete one that is not later than this: a moment, a day (its beginning), or how long ago (12h, 7d)
    #[arg(long, value_name = "WHEN")]
    pub at: Option<String>,
    /// Only the database
    #[arg(long, conflicts_with_all = ["files", "path"])]
    pub database: bool,
    /// Only the files
    #[arg(long)]
    pub files: bool,
    /// Only this file or folder below the data folder
    #[arg(long, value_name = "PATH", conflicts_with = "in_place")]
    pub path: Option<String>,
    /// Folder on the host of the backups: empty or not there yet; /var/lib/comuni-restored/... when not said
    #[arg(long, value_name = "FOLDER", conflicts_with = "in_place")]
    pub to: Option<String>,
    /// From the second copy, on the host that keeps it
    #[arg(long, conflicts_with = "in_place")]
    pub copy: bool,
    /// How many days the folder, or what was kept of before, stays
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=365))]
    pub days: u16,
    /// In the place of what is there: the application is stopped, and what it has now is kept beside
    #[arg(long)]
    pub in_place: bool,
    /// The tenant's name once more; compulsory without a terminal
    #[arg(long, value_name = "TENANT", requires = "in_place")]
    pub confirm: Option<String>,
    /// Do not back up first what is there: when it is so damaged that this cannot be done
    #[arg(long, requires = "in_place")]
    pub without_safety_backup: bool,
    /// Take away the folders of these tenants, and what restores in place have kept of them
    #[arg(long = "drop", conflicts_with_all = ["snapshot", "at", "database", "files", "path", "to", "copy", "in_place"])]
    pub drop_all: bool,
    /// How to reach the hosts.
    #[command(flatten)]
    pub way: Way,
}

/// Options of `backup verify`.
#[derive(Debug, Clone, Args)]
pub struct Verify {
    /// All tenants
    #[arg(long, conflicts_with_all = ["members", "applications"])]
    pub all: bool,
    /// Whose.
    #[command(flatten)]
    pub tenants: Tenants,
    /// How far up, at most: L0 to L7; L6 when not said
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<Level>,
    /// Only as far as is due today: what was proven lately is not proven again, and what is costly is spread over the days
    #[arg(long)]
    pub due: bool,
    /// Write metrics for the node exporter's textfile collector into this folder
    #[arg(long, value_name = "FOLDER")]
    pub textfile: Option<PathBuf>,
    /// Tell this address of start and end (as healthchecks.io takes it); whether it hears is no matter of the result
    #[arg(long, value_name = "URL", env = "COMUNI_PING", hide_env_values = true)]
    pub ping: Option<String>,
    /// Say nothing when all is well; so it is with --due without a terminal
    #[arg(long)]
    pub quiet: bool,
    /// With L7: open the repository with its key as this recovery identity alone reads it from the secrets
    #[arg(long, value_name = "FILE")]
    pub escrow: Option<PathBuf>,
    /// A backup that is much smaller than the one before is right
    #[arg(long)]
    pub accept_shrunk: bool,
    /// Seconds to wait for whoever holds a repository
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub wait: u32,
    /// Print units for a timer and a line for crontab that run this every night, and do nothing else
    #[arg(long)]
    pub schedule: bool,
    /// How to reach the hosts.
    #[command(flatten)]
    pub way: Way,
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
