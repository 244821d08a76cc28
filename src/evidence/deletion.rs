//! What is recorded when all that there was of a member is deleted.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a member was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeletionRecord {
    /// Its code.
    pub code: String,
    /// Its official name on that day.
    pub name: String,
    /// The record of the handover of its data.
    pub handed_over: String,
    /// When that was (ISO 8601).
    pub handed_at: String,
    /// Until then its data had to be kept (ISO 8601).
    pub kept_until: String,
    /// Why it was deleted before that; left out when it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Resources that were taken away, by host.
    pub resources: BTreeMap<String, u32>,
    /// What procedures and daemons had made beside them, by host: paths.
    pub places: BTreeMap<String, Vec<String>>,
    /// What still names it.
    pub left: Vec<LeftRecord>,
}

/// Something that still names a member that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftRecord {
    /// The host.
    pub host: String,
    /// A path, or the name of a database or role.
    pub place: String,
    /// Why it stays: `law` (records of what was done), `logs` (they end by themselves); left out when it should not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
