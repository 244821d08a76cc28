//! Upgrades: the consortium's policy, and when a member bears one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How releases come to the tenants (`comuni upgrade`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The members (by slug) whose tenants come first, one after the other, before all others. The first tenant of all when
    /// none of them has the application.
    pub canary: Vec<String>,
    /// The others come in batches of so many percent of them (`25%`), or of so many (`"3"`).
    #[schemars(with = "String", regex(pattern = r"^[1-9][0-9]{0,5}%{0,1}$"))]
    pub batch: Share,
    /// Before the maintenance page goes, a tenant must have been healthy for so many seconds.
    #[schemars(range(max = 3600))]
    pub healthy_seconds: u32,
    /// After each batch its tenants must stay healthy for so many seconds, before the next begins.
    #[schemars(range(max = 86400))]
    pub soak_seconds: u32,
    /// A backup that was proven to be restorable is fresh enough for so many minutes; 0: each tenant is backed up and proven
    /// anew.
    #[schemars(range(max = 10080))]
    pub fresh_minutes: u32,
    /// The run stops when so many tenants have failed or could not be reached.
    #[schemars(range(min = 1, max = 1000))]
    pub stop_after: u32,
    /// What failed is kept for so many days beside what it went back to.
    #[schemars(range(min = 1, max = 365))]
    pub keep_days: u32,
    /// A body must have been told so many working days before (`upgrade --announce`); 0: nobody need be told. Three is what
    /// AgID's circular 3/2018 asks of maintenance that stops a service.
    #[schemars(range(max = 30))]
    pub notice_days: u32,
}

/// How many tenants are a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Share {
    /// So many.
    Count(u32),
    /// So many percent of those that are no canaries, rounded up.
    Percent(u32),
}

impl std::str::FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let wrong = || format!("`{text}` is no number of tenants (3) and no share of them (25%)");
        let (digits, percent) = match text.strip_suffix('%') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        match (digits.parse::<u32>().map_err(|_| wrong())?, percent) {
            (1..=100, true) => Ok(Share::Percent(digits.parse().map_err(|_| wrong())?)),
            (1.., false) => Ok(Share::Count(digits.parse().map_err(|_| wrong())?)),
            _ => Err(wrong()),
        }
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Share::Count(count) => write!(out, "{count}"),
            Share::Percent(percent) => write!(out, "{percent}%"),
        }
    }
}

impl Share {
    /// The tenants of a batch, of so many in all: one at least.
    pub fn of(self, all: usize) -> usize {
        let size = match self {
            Share::Count(count) => count as usize,
            Share::Percent(percent) => (all * percent as usize).div_ceil(100),
        };
        size.max(1)
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Share, String> {
        text.parse()
    }
}

impl From<Share> for String {
    fn from(share: Share) -> String {
        share.to_string()
    }
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
