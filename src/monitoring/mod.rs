//! What a monitoring host watches, loads and mutes, held against what the inventory asks for. Pure: who asks the host is
//! elsewhere, and what it answered comes in as plain data.

mod finding;
mod glance;
mod measured;
mod metrics;
mod rules;
mod silences;
mod targets;
mod textfile;
mod wanted;
mod watchdog;

pub use finding::{Finding, Trouble};
pub use glance::{Glance, at_tenants, glance};
pub use measured::{Alert, Measured, of_the_fleet, read as measured};
pub use silences::Muted;
pub use textfile::textfile;
pub use wanted::{Wanted, wanted};

use serde_json::Value;

use crate::prometheus::Question;

/// An answer, or why there is none.
pub type Answer = Result<Value, String>;

/// What [`judge`] goes by, in the order in which it takes the answers.
pub fn questions() -> Vec<Question> {
    vec![
        Question::Targets,
        Question::Rules,
        Question::Running,
        Question::RuleFiles,
        Question::Query { expression: "group by (__name__) ({__name__!=\"\"})".to_string() },
        Question::Silences,
        Question::Alerts,
    ]
}

/// What an inventory asks of a monitoring host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demand {
    /// What there must be asked.
    pub targets: Vec<Wanted>,
    /// Only these members' targets and silences are looked at; all of the host when it is empty.
    pub members: Vec<String>,
    /// A silence that began longer ago than this is told, in seconds.
    pub oldest_silence: i64,
    /// The receiver that must hear the Watchdog, when there is one.
    pub dead_man: Option<String>,
}

/// What came of looking at a monitoring host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// Targets that there must be.
    pub targets: usize,
    /// Those that answer.
    pub up: usize,
    /// Rules that are loaded.
    pub rules: usize,
    /// Metrics that they name.
    pub metrics: usize,
    /// Silences that are not over, the oldest first.
    pub muted: Vec<Muted>,
    /// What is wrong, each once.
    pub findings: Vec<Finding>,
}

/// Holds the `answers` to [`questions`] against what there must be. `now` is the host's own time, in seconds since 1970.
pub fn judge(demand: &Demand, answers: &[Answer], now: i64) -> Judged {
    let mut judged = Judged { targets: demand.targets.len(), ..Judged::default() };
    let mut found = Vec::new();
    let mut part = |place: usize, what: &str| match answers.get(place) {
        Some(Ok(value)) => Some(value),
        Some(Err(why)) => {
            found.push(Finding::new(Trouble::NotAsked, what, format!("{what} cannot be told: {why}")));
            None
        }
        None => {
            found.push(Finding::new(Trouble::NotAsked, what, format!("{what} cannot be told: nobody answered")));
            None
        }
    };
    let (targets, rules, running) = (part(0, "what is watched"), part(1, "the rules"), part(2, "how Prometheus runs"));
    let (files, names) = (part(3, "the files of the rules"), part(4, "what is measured"));
    let (silences, alerts) = (part(5, "the silences"), part(6, "the Watchdog"));
    if let Some(targets) = targets {
        judged.up = targets::judge(demand, targets, &mut found);
    }
    if demand.members.is_empty() {
        if let Some(rules) = rules {
            judged.rules = rules::judge(rules, now, &mut found);
        }
        if let (Some(rules), Some(running), Some(files)) = (rules, running, files) {
            rules::loaded(rules, running, files, &mut found);
        }
        if let (Some(rules), Some(names)) = (rules, names) {
            judged.metrics = metrics::judge(rules, names, &mut found);
        }
        if let Some(alerts) = alerts {
            watchdog::judge(alerts, demand.dead_man.as_deref(), now, &mut found);
        }
    }
    if let Some(silences) = silences {
        judged.muted = silences::judge(demand, silences, now, &mut found);
    }
    found.sort();
    found.dedup();
    judged.findings = found;
    judged
}

/// The text of a field; nothing when it is none.
fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// Seconds since 1970 of a moment in an answer.
fn moment(value: &Value) -> Option<i64> {
    value.as_str()?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests;
