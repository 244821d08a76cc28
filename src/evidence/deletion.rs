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
    /// Resources that were taken away, by host, as far as that is proven.
    pub resources: BTreeMap<String, u32>,
    /// What procedures and daemons had made beside them, by host: paths.
    pub places: BTreeMap<String, Vec<String>>,
    /// What still names it.
    pub left: Vec<LeftRecord>,
    /// All hosts, and whether each was searched to its end for what names it; left out in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched: Option<BTreeMap<String, bool>>,
}

impl DeletionRecord {
    /// The hosts that were not searched to their end.
    pub fn unsearched(&self) -> impl Iterator<Item = &String> {
        self.searched.iter().flatten().filter(|(_, searched)| !**searched).map(|(host, _)| host)
    }

    /// With what an earlier run took away, which did not come to the end. What that run did not get to was counted by both.
    pub fn with_earlier(&mut self, earlier: &DeletionRecord) {
        for (host, count) in &earlier.resources {
            let known = self.resources.entry(host.clone()).or_default();
            *known = (*known).max(*count);
        }
        for (host, places) in &earlier.places {
            let known = self.places.entry(host.clone()).or_default();
            known.extend(places.iter().cloned());
            known.sort();
            known.dedup();
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run(resources: &[(&str, u32)], places: &[(&str, &str)]) -> DeletionRecord {
        let mut run = DeletionRecord { code: "c_e707".to_string(), ..DeletionRecord::default() };
        run.resources.extend(resources.iter().map(|(host, count)| (host.to_string(), *count)));
        for (host, place) in places {
            run.places.entry(host.to_string()).or_default().push(place.to_string());
        }
        run
    }

    #[test]
    fn a_record_from_before_searches_were_told_reads_as_it_is() {
        let text = serde_json::to_string(&run(&[("app2", 24)], &[])).unwrap();
        assert!(!text.contains("searched"), "{text}");
        let read: DeletionRecord = serde_json::from_str(&text).unwrap();
        assert_eq!((read.searched.as_ref(), read.unsearched().count()), (None, 0));
    }

    #[test]
    fn what_an_earlier_run_took_away_is_told_too_and_counted_once() {
        let earlier = run(&[("app2", 24), ("db1", 5)], &[("ops1", "/srv/backup/c_e707"), ("ops1", "/b")]);
        let mut last = run(&[("db1", 3)], &[("ops1", "/a"), ("ops1", "/b"), ("mon1", "/c")]);
        last.with_earlier(&earlier);
        let wanted = run(
            &[("app2", 24), ("db1", 5)],
            &[("mon1", "/c"), ("ops1", "/a"), ("ops1", "/b"), ("ops1", "/srv/backup/c_e707")],
        );
        assert_eq!(last, wanted);
    }
}
