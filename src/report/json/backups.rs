//! What is told of backups and of what was restored from them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::backup::ladder::Outcome;
use crate::backup::restore::{Kept, Part, Report};

/// A backup that was brought back.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RestoreLine {
    /// The tenant.
    pub tenant: String,
    /// The host that it was brought to.
    pub host: String,
    /// Full id of the snapshot.
    pub snapshot: String,
    /// When it was taken, ISO 8601 with the offset of Italy.
    pub taken: String,
    /// What of it.
    pub part: Part,
    /// It took the place of what was there.
    pub in_place: bool,
    /// The folder that it is in; none in place.
    pub folder: Option<String>,
    /// What was brought.
    pub brought: Report,
    /// What was kept of before; none beside.
    pub kept: Option<Kept>,
    /// When the folder, or what was kept, may be taken away: ISO 8601 with the offset of Italy.
    pub until: String,
    /// Seconds that the application did not run; none beside.
    pub stopped_seconds: Option<u64>,
    /// Ids of resources of the tenant that are not as the inventory says; none are looked at beside.
    pub differing: Vec<String>,
}

/// The backups of a tenant, by the records of the host that takes them.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BackupLine {
    /// The tenant.
    pub tenant: String,
    /// Its member's code.
    pub member: String,
    /// Its application.
    pub application: String,
    /// The host that takes them.
    pub host: String,
    /// When the newest complete one began, ISO 8601 with the offset of Italy.
    pub newest: Option<String>,
    /// How old it is, by the clock of that host.
    pub age_seconds: Option<i64>,
    /// The newest may be this old, in hours.
    pub rpo_hours: u32,
    /// `fresh`, `stale` (older than the RPO), `never`, or `future`: its clock was wrong.
    pub state: String,
    /// Bytes of dump and files in the newest complete one.
    pub bytes: Option<u64>,
    /// The same of the last few, the oldest first.
    pub trend: Vec<u64>,
    /// Snapshots of the tenant in the repository, when the newest was taken.
    pub snapshots: Option<u64>,
    /// The newest complete one, by restic's id.
    pub snapshot: Option<String>,
    /// How the newest run ended: `complete`, `partial`, `failed`, `busy` or `interrupted`.
    pub last: Option<String>,
    /// Why it is not complete.
    pub error: Option<String>,
    /// It has much less than the one before.
    pub shrunk: Option<String>,
    /// The highest level that the newest one passed: `L6`.
    pub verified: Option<String>,
    /// When that was, ISO 8601 with the offset of Italy.
    pub verified_at: Option<String>,
    /// What the last look at the newest one came to; only `pass` is a pass.
    pub verified_outcome: Option<Outcome>,
    /// The highest level that the backup passed which was restored last, be it the newest or an older one.
    pub restored: Option<String>,
    /// When that was restored, ISO 8601 with the offset of Italy.
    pub restored_at: Option<String>,
    /// What that came to.
    pub restored_outcome: Option<Outcome>,
}
