//! Silences that are not over: by whom, since when, and whether they make sense.

use serde_json::Value;

use super::{Demand, Finding, Trouble, moment, word};
use crate::prometheus::LONGEST_SILENCE;

/// Labels that name one thing.
const NARROW: [&str; 5] = ["member", "tenant", "zone", "host", "instance"];

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Muted {
    /// When it began, seconds since 1970-01-01T00:00:00Z.
    pub began: i64,
    /// When it ends.
    pub until: i64,
    /// Its id.
    pub id: String,
    /// What it mutes, as amtool takes it: `member="c_e863" application="albo"`.
    pub matchers: String,
    /// Who set it.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// Tells which make no sense. Gives all of them, the oldest first.
pub(super) fn judge(demand: &Demand, answer: &Value, now: i64, found: &mut Vec<Finding>) -> Vec<Muted> {
    let mut all = Vec::new();
    for silence in answer.as_array().into_iter().flatten() {
        let over = word(&silence["status"], "state") == "expired";
        if over || !concerns(demand, silence) {
            continue;
        }
        let muted = Muted {
            began: moment(&silence["startsAt"]).unwrap_or(0),
            until: moment(&silence["endsAt"]).unwrap_or(i64::MAX),
            id: word(silence, "id").to_string(),
            matchers: matchers(silence)
                .map(|(name, sign, value, _)| format!("{name}{sign}\"{value}\""))
                .collect::<Vec<_>>()
                .join(" "),
            author: word(silence, "createdBy").to_string(),
            reason: word(silence, "comment").to_string(),
        };
        let told = format!("{} ({}, \"{}\")", muted.matchers, muted.author, muted.reason);
        let mut tell = |trouble, what: String| found.push(Finding::new(trouble, &muted.id, what));
        if muted.until.saturating_sub(muted.began) > i64::from(LONGEST_SILENCE) {
            tell(
                Trouble::SilenceLong,
                format!("{told} lasts {} days", muted.until.saturating_sub(muted.began) / 86_400),
            );
        }
        if now - muted.began > demand.oldest_silence {
            tell(Trouble::SilenceOld, format!("{told} began {} hours ago", (now - muted.began) / 3600));
        }
        if !matchers(silence).any(|(name, _, _, exact)| exact && NARROW.contains(&name)) {
            tell(Trouble::SilenceWide, format!("{told} mutes more than one tenant, zone or host"));
        }
        all.push(muted);
    }
    all.sort();
    all
}

/// Whether it mutes something of the members that are looked at.
fn concerns(demand: &Demand, silence: &Value) -> bool {
    let other = |(name, _, value, exact): (&str, &str, &str, bool)| {
        name == "member" && exact && !demand.members.iter().any(|member| member == value)
    };
    demand.members.is_empty() || !matchers(silence).any(other)
}

/// Name, sign, value, and whether it is exactly that.
fn matchers(silence: &Value) -> impl Iterator<Item = (&str, &'static str, &str, bool)> {
    silence["matchers"].as_array().into_iter().flatten().map(|one| {
        let (regex, equal) = (one["isRegex"] == Value::Bool(true), one["isEqual"] != Value::Bool(false));
        let sign = match (regex, equal) {
            (false, true) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (true, false) => "!~",
        };
        (word(one, "name"), sign, word(one, "value"), sign == "=" && !word(one, "value").is_empty())
    })
}
