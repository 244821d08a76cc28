//! Backups: where the consortium keeps them, and how each tenant's are made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where backups are kept, and when they are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// The host with the role `backup` that keeps the repositories, one for each member. It carries no tenant.
    pub repository: String,
    /// Another host with the role `backup`, which fetches a second copy by itself. It carries no tenant.
    pub copy: Option<String>,
    /// When the night begins, `HH:MM` in Italy.
    #[schemars(regex(pattern = r"^[0-9]{2}:[0-9]{2}$"))]
    pub at: String,
    /// The tenants begin within this many minutes from then, each at its own moment.
    #[serde(default = "spread")]
    #[schemars(range(min = 0, max = 720))]
    pub spread_minutes: u32,
    /// How often they are proven.
    #[serde(default)]
    pub prove: Prove,
}

/// Hours after the night of the backups begins at which they are proven.
const PROVEN_LATER: u32 = 3;

impl Backup {
    /// When they are proven, `HH:MM` in Italy.
    pub fn prove_at(&self) -> String {
        let (hour, minute) = self.at.split_once(':').unwrap_or(("1", "00"));
        format!("{:02}:{minute}", (hour.parse::<u32>().unwrap_or(1) + PROVEN_LATER) % 24)
    }
}

/// How often backups are proven by `comuni backup verify --due`. Freshness is looked at in every run, and a part of each
/// repository is read once a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Prove {
    /// Days in which all of a repository is read, a part each day; 7 when not said.
    #[schemars(range(min = 1, max = 100))]
    pub read_days: u32,
    /// Each tenant is restored and compared once in so many days (L4 and L5); 7 when not said.
    #[schemars(range(min = 1, max = 31))]
    pub restore_days: u32,
    /// Its application is started on the copy once in so many days (L6); 30 when not said.
    #[schemars(range(min = 1, max = 92))]
    pub start_days: u32,
    /// The second copy is proven, and deleting is tried, once in so many days (L7); 90 when not said.
    #[schemars(range(min = 1, max = 366))]
    pub survive_days: u32,
}

impl Default for Prove {
    fn default() -> Prove {
        Prove { read_days: 7, restore_days: 7, start_days: 30, survive_days: 90 }
    }
}

fn spread() -> u32 {
    120
}

/// How the backups of a tenant are made and kept. Every key has three levels: application, consortium, member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupPolicy {
    /// The newest backup may be this old (the recovery point objective, RPO), in hours; 26 when not said. AgID asks for
    /// a copy a week at least.
    #[schemars(range(min = 1, max = 168))]
    pub rpo_hours: Option<u32>,
    /// Backups are kept for this many days; 90 when not said.
    #[schemars(range(min = 7, max = 3660))]
    pub keep_days: Option<u32>,
    /// A backup that takes longer than this many minutes is ended; 180 when not said.
    #[schemars(range(min = 1, max = 1440))]
    pub within_minutes: Option<u32>,
    /// A backup with so many percent less rows or bytes than the one before is kept and flagged, and nothing is pruned
    /// until somebody has looked; 50 when not said.
    #[schemars(range(min = 1, max = 100))]
    pub shrink_percent: Option<u32>,
    /// This many files may change while they are read; more make the backup partial. 20 when not said.
    #[schemars(range(max = 1000000))]
    pub changing_files: Option<u32>,
}

impl BackupPolicy {
    /// The recovery point objective, in hours.
    pub fn rpo_hours(&self) -> u32 {
        self.rpo_hours.unwrap_or(26)
    }

    /// For how many days backups are kept.
    pub fn keep_days(&self) -> u32 {
        self.keep_days.unwrap_or(90)
    }

    /// For how many minutes one may take.
    pub fn within_minutes(&self) -> u32 {
        self.within_minutes.unwrap_or(180)
    }

    /// From how many percent less on a backup is flagged.
    pub fn shrink_percent(&self) -> u32 {
        self.shrink_percent.unwrap_or(50)
    }

    /// How many files may change while they are read.
    pub fn changing_files(&self) -> u32 {
        self.changing_files.unwrap_or(20)
    }
}
