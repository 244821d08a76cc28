//! What is told of upgrades.

use schemars::JsonSchema;
use serde::Serialize;

/// What an upgrade would do with a tenant.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct UpgradeLine {
    /// The tenant.
    pub tenant: String,
    /// The host that runs it.
    pub host: String,
    /// The release that it runs.
    pub from: String,
    /// The releases that it goes through, the wanted one last.
    pub path: Vec<String>,
    /// The release that it runs works on the data of all of them.
    pub reversible: bool,
    /// When it comes: 1 is the first canary; none when it is left alone.
    pub wave: Option<u32>,
    /// Why it is left alone.
    pub left_alone: Option<String>,
    /// Seconds without service that the same upgrade took elsewhere; none when it was never done.
    pub expected_outage_seconds: Option<i64>,
}
