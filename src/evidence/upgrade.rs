//! What is recorded of one tenant's upgrade, for the body's emergency register too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an upgrade ended for one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeEnding {
    /// Healthy on the wanted release.
    Done,
    /// It failed before anything was stopped: the tenant ran on as it was.
    NotBegun,
    /// It failed before the point of no return: healthy on the old release, with its data as they were.
    WentBack,
    /// It became unhealthy later: it runs the release before again, with all that was written since.
    CodeBack,
    /// Healthy on the wanted release, but something behind it failed, such as the first backup.
    DoneWithFaults,
    /// Nobody can say that the tenant works: the maintenance page may still be shown.
    Down,
}

impl UpgradeEnding {
    /// For a person.
    pub fn word(self) -> &'static str {
        match self {
            UpgradeEnding::Done => "done",
            UpgradeEnding::NotBegun => "not begun",
            UpgradeEnding::WentBack => "went back",
            UpgradeEnding::CodeBack => "code back",
            UpgradeEnding::DoneWithFaults => "done with faults",
            UpgradeEnding::Down => "NOT KNOWN TO WORK",
        }
    }
}

/// One tenant's upgrade, or its way back from one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpgradeRecord {
    /// `c_e863-albo`.
    pub tenant: String,
    /// The member's code.
    pub member: String,
    /// The application.
    pub application: String,
    /// The release that ran.
    pub from: String,
    /// The release that was wanted.
    pub to: String,
    /// The releases that it went through, the wanted one last.
    pub path: Vec<String>,
    /// How it ended.
    pub ending: UpgradeEnding,
    /// When it began, seconds since 1970-01-01T00:00:00Z.
    pub began: i64,
    /// When it ended.
    pub ended: i64,
    /// When the maintenance page came, by the clock of the host: the beginning of the outage. Left out when it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<i64>,
    /// When it went: the end of the outage. Left out when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<i64>,
    /// Id of the snapshot with the data as they were when the application was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// Why it did not go well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The last lines that the application wrote, its migration among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// What of the failed release is kept beside for a while: a database, a folder.
    #[serde(default)]
    pub kept: Vec<String>,
    /// Why its body was not told before; left out when it was, or need not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unannounced: Option<String>,
}

impl UpgradeRecord {
    /// Seconds without the application, when both ends are known.
    pub fn outage(&self) -> Option<i64> {
        Some((self.opened? - self.closed?).max(0))
    }
}

/// A body was told that a tenant will be upgraded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoticeRecord {
    /// `c_e863-albo`.
    pub tenant: String,
    /// The member's code.
    pub member: String,
    /// The application.
    pub application: String,
    /// The release that ran when it was told.
    pub from: String,
    /// The release that shall come.
    pub to: String,
    /// When it was told, seconds since 1970-01-01T00:00:00Z.
    pub told: i64,
    /// From when on it may be without service.
    pub begins: i64,
    /// Until when.
    pub ends: i64,
    /// Seconds without service that are expected, from upgrades before; left out when nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage: Option<i64>,
}
