//! Which handover a deletion may stand on, and which records tell of one leaving. Data that a member wrote after its
//! handover were never handed over: in doubt nothing is deleted.

use jiff::Timestamp;

use super::Record;
use super::history::HistoryLine;
use crate::resources::Action;

/// The step with which all is handed over.
pub const HANDED: &str = "handed over";

/// The step with which the leaving of a member begins whose tenants run.
pub const FIRST: &str = "backup";

/// Why a deletion has no handover to stand on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt<'h> {
    /// The evidence has no such handover.
    None,
    /// This run came after it: there may be data that were not handed over.
    Life(&'h Record),
}

/// The handover of this id to this member, and when it ended. `lines` stand in the order of time.
///
/// # Errors
/// When there is none, or the member lived on after it.
pub fn handover<'h>(lines: &'h [HistoryLine], code: &str, id: &str) -> Result<(&'h Record, Timestamp), Doubt<'h>> {
    let records = || lines.iter().map(|line| &line.record);
    let is_it = |record: &&Record| {
        record.id == id
            && record.verb == "offboard"
            && record.exit_code == Some(0)
            && is_of(record, code)
            && has(record, HANDED)
    };
    let moment = |text: &str| text.parse::<Timestamp>().ok();
    let found = records().find(is_it).and_then(|record| Some((record, moment(record.ended.as_deref()?)?)));
    let (record, ended) = found.ok_or(Doubt::None)?;
    // A moment that cannot be read is no proof that it was before.
    let is_later = |other: &&Record| other.id != id && moment(&other.started).is_none_or(|started| started > ended);
    let of_another = |other: &Record| {
        let deletion = other.deletion.as_deref().filter(|deletion| deletion.code == code);
        other.exit_code == Some(0) && deletion.is_some_and(|deletion| deletion.handed_over != id)
    };
    match records().filter(is_later).find(|other| is_life(other, code) || of_another(other)) {
        Some(life) => Err(Doubt::Life(life)),
        None => Ok((record, ended)),
    }
}

/// Runs of the same leaving as the one at this place, the newest first and without it: back to where the member lived.
pub fn same_leaving<'h>(lines: &'h [HistoryLine], at: usize, code: &'h str) -> impl Iterator<Item = &'h Record> {
    let earlier = lines.get(..at).unwrap_or_default().iter().rev().map(|line| &line.record);
    earlier.take_while(move |record| !is_life(record, code))
}

/// Whether the member lived when this ran, or got its data by it. Its services stand still until they are taken away: an
/// apply that changes one found it running or was to start it. What an apply makes anew is no sign: it does so after a
/// deletion that stopped half way. Nor is a handover that failed while the member was leaving already: it wrote nothing.
fn is_life(record: &Record, code: &str) -> bool {
    let service = format!("service:comuni-{code}-");
    match record.verb.as_str() {
        "onboard" => is_of(record, code),
        "offboard" => is_of(record, code) && (has(record, FIRST) || record.exit_code == Some(0) && has(record, HANDED)),
        "apply" => record.changes.iter().any(|change| {
            change.owner == code
                && matches!(change.action, Action::Change | Action::AdoptAndChange)
                && change.id.starts_with(&service)
        }),
        _ => false,
    }
}

fn is_of(record: &Record, code: &str) -> bool {
    record.members.iter().any(|member| member.code == code)
}

fn has(record: &Record, step: &str) -> bool {
    record.steps.iter().any(|known| known.step == step)
}

#[cfg(test)]
mod tests {
    use super::super::history::{Chains, merge};
    use super::super::record::tests::example;
    use super::super::{ChangeRecord, DeletionRecord, Ending, Pending, StepRecord, Undelivered};
    use super::*;

    const CODE: &str = "c_e707";

    /// A run of a day in that month of 2026.
    fn run(verb: &str, month: u32, exit: u8) -> Record {
        let moment = format!("2026-{month:02}-03T10:00:00.000+01:00");
        let mut record = example(&format!("{verb}{month}"), &moment, &[CODE]);
        record.verb = verb.to_string();
        record.exit_code = Some(exit);
        record.ended = Some(moment.replace("T10", "T11"));
        record
    }

    fn offboarded(month: u32, step: &str, exit: u8) -> Record {
        let mut record = run("offboard", month, exit);
        record.steps.push(StepRecord {
            step: step.to_string(),
            ended: record.started.clone(),
            milliseconds: 1,
            result: Ending::Done,
            detail: String::new(),
        });
        record
    }

    fn handed(month: u32) -> Record {
        offboarded(month, HANDED, 0)
    }

    fn applied(month: u32, owner: &str, id: &str, action: Action) -> Record {
        let mut record = run("apply", month, 0);
        let (id, owner) = (id.to_string(), owner.to_string());
        record.changes.push(ChangeRecord { host: "app2".to_string(), id, owner, action });
        record
    }

    fn purged(month: u32, handed_over: &str, exit: u8) -> Record {
        let mut record = run("offboard purge", month, exit);
        let (code, handed_over) = (CODE.to_string(), handed_over.to_string());
        record.deletion = Some(Box::new(DeletionRecord { code, handed_over, ..DeletionRecord::default() }));
        record
    }

    fn lines(records: &[Record]) -> Vec<HistoryLine> {
        let pending = records.iter().map(|record| Pending {
            path: std::path::PathBuf::from("/outbox"),
            record: serde_json::to_value(record).unwrap(),
        });
        merge(&Chains::default(), &Undelivered { pending: pending.collect(), damaged: Vec::new() }).lines
    }

    /// What a deletion in December says that stands on the handover of January.
    fn judged(later: &[Record]) -> Result<String, String> {
        let lines = lines(&[&[handed(1)], later].concat());
        match handover(&lines, CODE, "offboard1") {
            Ok((record, _)) => Ok(record.id.clone()),
            Err(Doubt::None) => Err("none".to_string()),
            Err(Doubt::Life(record)) => Err(record.id.clone()),
        }
    }

    #[test]
    fn a_handover_counts_until_the_member_lives_again() {
        let service = "service:comuni-c_e707-albo.service";
        for life in [
            offboarded(10, FIRST, 1),
            handed(10),
            run("onboard", 10, 2),
            purged(10, "offboard0", 0),
            applied(10, CODE, service, Action::Change),
        ] {
            assert_eq!(judged(std::slice::from_ref(&life)), Err(life.id.clone()), "{life:?}");
        }
    }

    #[test]
    fn applies_while_it_is_leaving_and_deletions_that_are_repeated_are_no_life() {
        let mut killed = run("apply", 7, 0);
        (killed.ended, killed.exit_code) = (None, None);
        let service = "service:comuni-c_e707-albo.service";
        let later = [
            run("apply", 2, 0),
            applied(3, CODE, "service:comuni-backup-c_e707-albo.timer", Action::Change),
            applied(4, "c_e7070", "service:comuni-c_e7070-albo.service", Action::Change),
            applied(5, CODE, service, Action::Remove),
            applied(6, CODE, service, Action::Create),
            killed,
            purged(8, "offboard1", 1),
            purged(9, "offboard1", 0),
        ];
        assert_eq!(judged(&later), Ok("offboard1".to_string()));
        // It was leaving already, and was not handed over again.
        assert_eq!(judged(&[offboarded(10, "stop", 1)]), Ok("offboard1".to_string()));
        let mut of_another = offboarded(10, FIRST, 1);
        of_another.members[0].code = "c_e863".to_string();
        assert_eq!(judged(&[of_another]), Ok("offboard1".to_string()));
    }

    #[test]
    fn only_the_named_run_that_ended_handed_over_is_a_handover() {
        let mut failed = handed(2);
        failed.exit_code = Some(1);
        let lines = lines(&[handed(1), run("offboard", 3, 0), failed]);
        for (code, id) in [(CODE, "offboard2"), (CODE, "offboard3"), (CODE, "other"), ("c_e863", "offboard1")] {
            assert_eq!(handover(&lines, code, id).unwrap_err(), Doubt::None, "{code} {id}");
        }
    }

    #[test]
    fn what_an_earlier_leaving_took_away_is_not_of_this_one() {
        let lines =
            lines(&[handed(1), purged(2, "offboard1", 0), run("onboard", 3, 0), purged(5, "x", 3), purged(6, "x", 0)]);
        let ids: Vec<&str> = same_leaving(&lines, 4, CODE).map(|record| record.id.as_str()).collect();
        assert_eq!(ids, ["offboard purge5"]);
    }
}
