//! Upgrades: the consortium's policy, and when a member bears one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How releases are rolled out to the tenants. All of it has defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upgrade {
    /// The members (by slug) whose tenants come first, one after the other, before all others. The first tenant of all when
    /// none of them has the application.
    #[serde(default)]
    pub canary: Vec<String>,
    /// The others come in batches of so many percent of them.
    #[serde(default = "batch_percent")]
    #[schemars(range(min = 1, max = 100))]
    pub batch_percent: u32,
    /// Before the maintenance page goes, a tenant must have been healthy for so many seconds.
    #[serde(default = "healthy_seconds")]
    #[schemars(range(max = 3600))]
    pub healthy_seconds: u32,
    /// After each batch its tenants must stay healthy for so many seconds, before the next begins.
    #[serde(default = "soak_seconds")]
    #[schemars(range(max = 86400))]
    pub soak_seconds: u32,
    /// A backup that was proven to be restorable is fresh enough for so many minutes; 0: each tenant is backed up and proven
    /// anew.
    #[serde(default = "fresh_minutes")]
    #[schemars(range(max = 10080))]
    pub fresh_minutes: u32,
    /// The run stops when so many tenants have failed or could not be reached.
    #[serde(default = "stop_after")]
    #[schemars(range(min = 1, max = 1000))]
    pub stop_after: u32,
    /// What failed is kept for so many days beside what it went back to.
    #[serde(default = "keep_days")]
    #[schemars(range(min = 1, max = 365))]
    pub keep_days: u32,
    /// A body must have been told so many working days before (`upgrade --announce`); 0: nobody need be told. Three is what
    /// AgID's circular 3/2018 asks of maintenance that stops a service.
    #[serde(default = "notice_days")]
    #[schemars(range(max = 30))]
    pub notice_days: u32,
}

impl Default for Upgrade {
    fn default() -> Upgrade {
        Upgrade {
            canary: Vec::new(),
            batch_percent: batch_percent(),
            healthy_seconds: healthy_seconds(),
            soak_seconds: soak_seconds(),
            fresh_minutes: fresh_minutes(),
            stop_after: stop_after(),
            keep_days: keep_days(),
            notice_days: notice_days(),
        }
    }
}

fn batch_percent() -> u32 {
    25
}

fn healthy_seconds() -> u32 {
    10
}

fn soak_seconds() -> u32 {
    60
}

fn fresh_minutes() -> u32 {
    60
}

fn stop_after() -> u32 {
    1
}

fn keep_days() -> u32 {
    14
}

fn notice_days() -> u32 {
    3
}

/// When a member bears an upgrade, in the time of Italy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Only at these times; at any when there is none.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// Never on these days, such as those of an election.
    #[serde(default)]
    pub frozen: Vec<Frozen>,
}

/// A time of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins; every day when none is named.
    #[serde(default)]
    pub days: Vec<Weekday>,
    /// When it begins, `HH:MM`.
    #[schemars(regex(pattern = r"^[0-9]{2}:[0-9]{2}$"))]
    pub from: String,
    /// When it ends, `HH:MM`: on the next day when that is not later than its beginning.
    #[schemars(regex(pattern = r"^[0-9]{2}:[0-9]{2}$"))]
    pub to: String,
}

/// Days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// Days on which nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Frozen {
    /// The first of them (ISO 8601).
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub from: String,
    /// The last of them (ISO 8601).
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub to: String,
    /// Why, for whoever is told.
    pub why: String,
}
