//! All records of an inventory, from the chains of the control host and from the outbox, in the order of time.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Span, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::{Record, RecordKind, Undelivered, VERSION, clock};
use crate::failure::{Failure, Result};

/// What a control host answered when it was asked for its chains.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chains {
    /// Writer and its lines, the oldest first.
    pub lines: Vec<(String, Vec<Value>)>,
    /// Writers whose chain is broken, and where.
    pub broken: Vec<String>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryLine {
    /// Whose chain has it; `None` when it waits in this machine's outbox.
    pub writer: Option<String>,
    /// The record.
    pub record: Record,
    #[serde(skip)]
    started: Timestamp,
}

/// What was done, and what stands against believing it whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct History {
    /// The runs, the oldest first.
    pub lines: Vec<HistoryLine>,
    /// Broken chains, records that wait, records that cannot be read: one sentence each.
    pub problems: Vec<String>,
}

/// Which runs to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only runs that looked at this member (code, or official name in any case).
    pub member: Option<String>,
    /// Only this verb.
    pub verb: Option<String>,
    /// Only runs that began at this moment or later.
    pub since: Option<Timestamp>,
    /// Only the newest this many, after all else was filtered.
    pub last: Option<usize>,
}

/// Puts all records in the order of time. One that was delivered twice appears once, as it ended.
pub fn merge(chains: &Chains, outbox: &Undelivered) -> History {
    let mut problems: Vec<String> =
        chains.broken.iter().map(|broken| format!("the chain of evidence is broken: {broken}")).collect();
    let mut runs: BTreeMap<String, HistoryLine> = BTreeMap::new();
    for (writer, lines) in &chains.lines {
        if let Some(gap) = first_gap(lines) {
            problems.push(format!("the chain of evidence of {writer} does not hold together at its line {gap}"));
        }
        for line in lines {
            let value = line.get("record").unwrap_or(&Value::Null);
            match read(value) {
                Ok((record, started)) => keep(&mut runs, HistoryLine { writer: Some(writer.clone()), record, started }),
                Err(why) => problems.push(format!("a record of {writer} cannot be read: {why}")),
            }
        }
    }
    let mut waiting = 0;
    for pending in &outbox.pending {
        match read(&pending.record) {
            Ok((record, started)) => {
                waiting += usize::from(!runs.contains_key(&record.id));
                keep(&mut runs, HistoryLine { writer: None, record, started });
            }
            Err(why) => problems.push(format!("{}: cannot be read: {why}", pending.path.display())),
        }
    }
    match waiting {
        0 => {}
        1 => problems.push("1 record waits to be delivered to the control host by the next run".to_string()),
        many => problems.push(format!("{many} records wait to be delivered to the control host by the next run")),
    }
    problems.extend(outbox.damaged.iter().map(|damaged| format!("a record in the outbox is damaged: {damaged}")));
    let mut lines: Vec<HistoryLine> = runs.into_values().collect();
    lines.sort_by(|one, two| (one.started, &one.record.id).cmp(&(two.started, &two.record.id)));
    History { lines, problems }
}

impl History {
    /// Leaves only what a filter lets through; the problems stay.
    pub fn filtered(mut self, filter: &Filter) -> History {
        self.lines.retain(|line| filter.admits(line));
        if let Some(last) = filter.last {
            self.lines.drain(..self.lines.len().saturating_sub(last));
        }
        self
    }
}

impl Filter {
    /// Reads what `--since` says: a day (`2026-11-01`, in Italy), a moment with offset, or how long ago (`12h`, `7d`).
    ///
    /// # Errors
    /// Exit 64 when it is none of these.
    pub fn since(text: &str, now: Timestamp) -> Result<Timestamp> {
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok(moment);
        }
        let day = text.parse::<Date>().ok().and_then(|day| day.to_zoned(clock::italy()).ok());
        let ago = || {
            let span = text.parse::<Span>().ok().filter(|span| span.is_positive())?;
            now.to_zoned(clock::italy()).checked_sub(span).ok()
        };
        day.or_else(ago).map(|moment| moment.timestamp()).ok_or_else(|| {
            Failure::usage(format!("`{text}` is no time"))
                .hint("write a day (2026-11-01), a moment (2026-11-01T08:00:00+01:00) or how long ago (12h, 7d)")
        })
    }

    fn admits(&self, line: &HistoryLine) -> bool {
        let record = &line.record;
        let of_member = |wanted: &String| {
            let wanted = wanted.to_lowercase();
            record.members.iter().any(|member| member.code == wanted || member.name.to_lowercase() == wanted)
        };
        self.member.as_ref().is_none_or(of_member)
            && self.verb.as_ref().is_none_or(|verb| *verb == record.verb)
            && self.since.is_none_or(|since| line.started >= since)
    }
}

/// The same run may be there twice: when the answer to a delivery was lost, or when it was delivered while it went on.
fn keep(runs: &mut BTreeMap<String, HistoryLine>, line: HistoryLine) {
    let known = runs.get(&line.record.id);
    if known.is_none_or(|known| known.record.ended.is_none() && line.record.ended.is_some()) {
        runs.insert(line.record.id.clone(), line);
    }
}

fn read(value: &Value) -> std::result::Result<(Record, Timestamp), String> {
    let version = value.get("version").and_then(Value::as_u64);
    let kind = value.get("kind").cloned().unwrap_or_default();
    if version != Some(u64::from(VERSION)) || serde_json::from_value::<RecordKind>(kind.clone()).is_err() {
        let version = version.map_or_else(|| "no version".to_string(), |version| format!("version {version}"));
        return Err(format!("it is of kind {kind} and {version}, which this comuni does not know"));
    }
    let record: Record = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    let started = record.started.parse().map_err(|error| format!("`started`: {error}"))?;
    Ok((record, started))
}

/// The number of the first line that does not follow the one before. The host has checked the hashes themselves.
fn first_gap(lines: &[Value]) -> Option<u64> {
    let pairs = lines.windows(2);
    let broken = |pair: &&[Value]| {
        let follows = pair[1].get("prev").is_some() && pair[1].get("prev") == pair[0].get("hash");
        let counted = pair[1]["seq"].as_u64() == pair[0]["seq"].as_u64().map(|seq| seq + 1);
        !(follows && counted)
    };
    pairs.into_iter().find(broken).map(|pair| pair[1]["seq"].as_u64().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::super::Pending;
    use super::super::record::tests::example;
    use super::*;

    fn chain(writer: &str, records: &[Record]) -> (String, Vec<Value>) {
        let lines = records.iter().enumerate().map(|(place, record)| {
            json!({ "seq": place + 1, "prev": format!("h{place}"), "hash": format!("h{}", place + 1), "record": record })
        });
        (writer.to_string(), lines.collect())
    }

    fn waiting(records: &[Record]) -> Undelivered {
        let pending = records.iter().map(|record| Pending {
            path: PathBuf::from(format!("/outbox/{}.json", record.id)),
            record: serde_json::to_value(record).unwrap(),
        });
        Undelivered { pending: pending.collect(), damaged: Vec::new() }
    }

    fn ids(history: &History) -> Vec<&str> {
        history.lines.iter().map(|line| line.record.id.as_str()).collect()
    }

    fn three_runs() -> History {
        let first = example("aa", "2026-10-25T02:50:00.000+02:00", &["c_e863"]);
        let second = example("bb", "2026-10-25T02:10:00.000+01:00", &["c_e863", "c_e707"]);
        let mut third = example("cc", "2026-11-23T18:20:05.000+01:00", &["c_e707"]);
        third.verb = "plan".to_string();
        let chains = Chains { lines: vec![chain("ops1", &[second]), chain("app1", &[first])], broken: vec![] };
        merge(&chains, &waiting(&[third]))
    }

    #[test]
    fn runs_of_all_writers_stand_in_the_order_of_time_not_of_clocks_on_walls() {
        let history = three_runs();
        assert_eq!(ids(&history), ["aa", "bb", "cc"]);
        let writers: Vec<_> = history.lines.iter().map(|line| line.writer.as_deref()).collect();
        assert_eq!(writers, [Some("app1"), Some("ops1"), None]);
        assert_eq!(history.problems, ["1 record waits to be delivered to the control host by the next run"]);
    }

    #[test]
    fn filters_narrow_what_is_shown_and_never_the_problems() {
        let shown = |filter: Filter| {
            let history = three_runs().filtered(&filter);
            assert_eq!(history.problems.len(), 1);
            ids(&history).join(" ")
        };
        let since = "2026-10-25T01:00:00Z".parse().unwrap();
        assert_eq!(shown(Filter { member: Some("c_e863".into()), ..Filter::default() }), "aa bb");
        assert_eq!(shown(Filter { member: Some("COMUNE C_E707".into()), ..Filter::default() }), "bb cc");
        assert_eq!(shown(Filter { verb: Some("plan".into()), ..Filter::default() }), "cc");
        assert_eq!(shown(Filter { since: Some(since), ..Filter::default() }), "bb cc");
        assert_eq!(shown(Filter { last: Some(2), ..Filter::default() }), "bb cc");
        assert_eq!(shown(Filter { member: Some("c_e863".into()), last: Some(1), ..Filter::default() }), "bb");
        assert_eq!(shown(Filter { last: Some(9), ..Filter::default() }), "aa bb cc");
    }

    #[test]
    fn a_record_delivered_twice_appears_once_as_it_ended() {
        let ended = example("aa", "2026-11-23T18:20:05.000+01:00", &[]);
        let mut running = ended.clone();
        (running.ended, running.exit_code) = (None, None);
        for order in [[running.clone(), ended.clone()], [ended.clone(), running.clone()]] {
            let history =
                merge(&Chains { lines: vec![chain("ops1", &order)], broken: vec![] }, &waiting(&[running.clone()]));
            assert_eq!(history.lines.len(), 1);
            assert_eq!(history.lines[0].record.exit_code, Some(0));
            assert_eq!(history.problems, Vec::<String>::new(), "it was delivered, only the answer was lost");
        }
    }

    #[test]
    fn broken_chains_and_strange_records_are_problems_and_the_rest_is_shown() {
        let good = example("aa", "2026-11-23T18:20:05.000+01:00", &[]);
        let (writer, mut lines) = chain("ops1", &[good.clone(), example("bb", "2026-11-23T18:21:05.000+01:00", &[])]);
        lines[1]["prev"] = "other".into();
        let strange = json!({ "seq": 1, "prev": "h0", "hash": "h1", "record": { "version": 2, "kind": "backup" } });
        let chains =
            Chains { lines: vec![(writer, lines), ("db1".into(), vec![strange])], broken: vec!["db1: line 7".into()] };
        let outbox = Undelivered { damaged: vec!["/outbox/x.json: cut off".into()], ..Undelivered::default() };
        let history = merge(&chains, &outbox);
        assert_eq!(ids(&history), ["aa", "bb"]);
        assert_eq!(
            history.problems,
            [
                "the chain of evidence is broken: db1: line 7",
                "the chain of evidence of ops1 does not hold together at its line 2",
                "a record of db1 cannot be read: it is of kind \"backup\" and version 2, which this comuni does not know",
                "a record in the outbox is damaged: /outbox/x.json: cut off",
            ]
        );
    }

    #[test]
    fn since_is_a_day_in_italy_a_moment_or_how_long_ago() {
        let now: Timestamp = "2026-11-23T17:00:00Z".parse().unwrap();
        for (text, moment) in [
            ("2026-11-01", "2026-10-31T23:00:00Z"),
            ("2026-07-01", "2026-06-30T22:00:00Z"),
            ("2026-11-01T08:00:00+01:00", "2026-11-01T07:00:00Z"),
            ("12h", "2026-11-23T05:00:00Z"),
            ("7d", "2026-11-16T17:00:00Z"),
        ] {
            assert_eq!(Filter::since(text, now).unwrap(), moment.parse::<Timestamp>().unwrap(), "{text}");
        }
        for text in ["", "yesterday", "-7d", "2026-13-01"] {
            assert_eq!(Filter::since(text, now).unwrap_err().kind.exit_code(), 64, "{text}");
        }
    }
}
