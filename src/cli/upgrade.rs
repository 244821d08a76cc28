//! `comuni upgrade` and `comuni rollback`.

use std::path::PathBuf;

use clap::Args;

use super::Way;
use crate::rollout::Share;

/// What `upgrade` takes.
#[derive(Debug, Clone, Args)]
pub struct Upgrade {
    /// The application, by its name in the catalogue
    #[arg(value_name = "APPLICATION")]
    pub application: String,
    /// The release to come to; what the members' files say when not said
    #[arg(long, value_name = "RELEASE")]
    pub to: Option<String>,
    /// Only the tenant of this member (name, slug, code or glob); can be repeated
    #[arg(long = "member", value_name = "MEMBER")]
    pub members: Vec<String>,
    /// This member's tenant first, alone; can be repeated; `upgrade.canary` of consortium.yml when not said
    #[arg(long = "canary", value_name = "MEMBER")]
    pub canary: Vec<String>,
    /// How many of the others are a batch: a number, or a share of them (25%); `upgrade.batch_percent` when not said
    #[arg(long, value_name = "N|P%")]
    pub batch: Option<Share>,
    /// Go on with the run that was cut off on this machine: the same release, members, canaries and batches
    #[arg(long, conflicts_with_all = ["to", "members", "canary", "batch"])]
    pub resume: bool,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub plan: bool,
    /// Tell the bodies that their tenants will be upgraded, and do no more: FROM, or FROM..TO, in the time of Italy
    ///
    /// A notice is printed for each body, and recorded. It must come `upgrade.notice_days` working days before FROM, and lets the
    /// upgrade through from FROM to TO (8 hours later when not said).
    #[arg(long, value_name = "WHEN", conflicts_with_all = ["resume", "plan", "canary", "batch", "without_notice"])]
    pub announce: Option<String>,
    /// With --announce: write also one page to print, without scripts and without anything from elsewhere
    #[arg(long, value_name = "FILE", requires = "announce")]
    pub html: Option<PathBuf>,
    /// Upgrade although the bodies were not told before; why is recorded
    #[arg(long, value_name = "WHY")]
    pub without_notice: Option<String>,
    /// Do not ask; compulsory without a terminal
    #[arg(short, long)]
    pub yes: bool,
    /// How to reach the hosts.
    #[command(flatten)]
    pub way: Way,
}

/// What `rollback` takes.
#[derive(Debug, Clone, Args)]
pub struct Rollback {
    /// The application, by its name in the catalogue
    #[arg(value_name = "APPLICATION")]
    pub application: String,
    /// The member whose tenant goes back (name, slug or code)
    #[arg(long, value_name = "MEMBER")]
    pub member: String,
    /// Do not ask; compulsory without a terminal
    #[arg(short, long)]
    pub yes: bool,
    /// How to reach the hosts.
    #[command(flatten)]
    pub way: Way,
}
