//! What is told of what watches.

use schemars::JsonSchema;
use serde::Serialize;

/// A host that watches, held against the inventory (`monitoring check`).
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MonitoringLine {
    /// Host.
    pub host: String,
    /// Nothing is wrong with it.
    pub ok: bool,
    /// Targets that there must be.
    pub targets: u64,
    /// Those of them that answer.
    pub up: u64,
    /// Rules that are loaded; 0 when only some members were looked at.
    pub rules: u64,
    /// Metrics that they name; 0 when only some members were looked at.
    pub metrics: u64,
    /// Silences that are not over.
    pub silences: u64,
}

/// Something that is wrong with what watches (`monitoring check`).
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MonitoringFinding {
    /// The host that watches.
    pub host: String,
    /// What is wrong: `target-missing`, `metric-missing`, `silence-old`... (docs/monitoring.md).
    pub id: String,
    /// The target, file, rule, metric or silence.
    pub about: String,
    /// In words.
    pub what: String,
    /// What it does to the exit code.
    pub exit: u8,
    /// What to do next.
    pub hint: String,
}

/// A silence that is not over (`monitoring check`).
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SilenceLine {
    /// The host that keeps it.
    pub host: String,
    /// Its id.
    pub id: String,
    /// What it mutes: `member="c_e863" application="albo"`.
    pub matchers: String,
    /// Who set it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Since when (ISO 8601).
    pub began: String,
    /// When it ends by itself (ISO 8601).
    pub until: String,
}
