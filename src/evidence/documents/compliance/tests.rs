use std::path::Path;

use super::*;
use crate::backup::ladder::{Level, Outcome, Rung};
use crate::evidence::documents::page;
use crate::evidence::documents::tests::golden;
use crate::inventory::load;

const FIRST: i64 = 1_793_487_600; // 2026-11-01T00:00:00+01:00
const DAY: i64 = 86_400;
const END: i64 = FIRST + 30 * DAY;

fn varese() -> Inventory {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/varese");
    load(&path).map_err(|all| all.render()).unwrap().inventory
}

fn backup(began: i64, state: &str) -> Run {
    serde_json::from_value(serde_json::json!({
        "kind": "backup", "run": "r", "tenant": "c_e707-albo", "member": "c_e707", "application": "albo", "host": "app2",
        "by": "timer", "began": began, "ended": began + 9, "state": state, "bytes": 1000, "exit": 0, "rpo_hours": 26
    }))
    .unwrap()
}

fn verification(ended: i64, outcomes: &[Outcome]) -> Verification {
    let mut found: Verification = serde_json::from_value(serde_json::json!({
        "tenant": "c_e707-albo", "member": "c_e707", "application": "albo", "host": "ops1", "began": ended - 16,
        "ended": ended, "snapshot": "ab12cd34ab12cd34ab12", "outcome": "not_due", "rto_milliseconds": 3900, "age_seconds": 7200,
        "rungs": [], "snapshots": [{ "id": "ab12cd34ab12cd34", "time": ended - 89 * DAY }, { "id": "b", "time": ended }],
        "versions": [], "swept": [], "notes": []
    }))
    .unwrap();
    for (level, outcome) in Level::ALL.into_iter().zip(outcomes) {
        found.add(Rung { level, outcome: *outcome, milliseconds: 1, checks: Vec::new() });
    }
    found
}

fn known() -> Known {
    Known {
        period: Period { first: FIRST, end: END, words: "mese 2026-11".to_string() },
        runs: BTreeMap::from([("app2".to_string(), Vec::new())]),
        verifications: Vec::new(),
        days: BTreeMap::new(),
        problems: Vec::new(),
        maker: Maker { made: 1_796_112_000, operator: "ced@ced1".to_string(), inventory: "0".repeat(64) },
    }
}

/// A month in which everything is as it must be.
fn good() -> Known {
    let mut known = known();
    let nights = (-1..30).map(|night| backup(FIRST + night * DAY + 3600, "complete"));
    known.runs.insert("app2".to_string(), nights.collect());
    known.verifications = (0..5).map(|week| verification(FIRST + week * 7 * DAY + 9000, &[Outcome::Pass; 8])).collect();
    let days = (1..=30).map(|day| (FIRST + day * DAY, 0.9995));
    known.days.insert("c_e707-albo".to_string(), days.collect());
    known
}

fn of(known: &Known) -> Document {
    let inventory = varese();
    document(&inventory, &inventory.members["lozza"], known)
}

fn verdicts(document: &Document) -> Vec<String> {
    document.parts.iter().map(|part| part.verdict.clone()).collect()
}

#[test]
fn a_good_month_has_evidence_behind_each_control() {
    let made = of(&good());
    let kept = verdicts(&made).iter().filter(|verdict| *verdict == "rispettato").count();
    assert_eq!(kept, 9, "{}", made.text());
    golden("compliance.txt", &made.text());
    golden("compliance.html", &page(&[made]));
}

#[test]
fn nothing_known_is_no_data_and_never_good() {
    let made = of(&Known { runs: BTreeMap::new(), ..known() });
    assert!(verdicts(&made).iter().all(|verdict| verdict == NOTHING), "{}", made.text());
    assert!(made.parts.iter().all(|part| part.mark == "none"));
    assert!(made.text().contains("nessun dato: non si può dire che sia rispettato"));
}

#[test]
fn what_is_not_kept_is_said() {
    let broken = |known: &Known, title: &str| {
        let made = of(known);
        let part = made.parts.iter().find(|part| part.heading.starts_with(title)).unwrap();
        assert_eq!((part.verdict.as_str(), part.mark.as_str()), ("NON rispettato", "bad"), "{title}: {}", made.text());
    };
    // No backup at all on a host that was asked.
    broken(&known(), "ABSC 10.1.1");
    // Eight days without a complete one; those that failed do not count.
    let mut gap = good();
    for run in gap.runs.get_mut("app2").unwrap().iter_mut().skip(5).take(8) {
        run.state = crate::backup::run::Ended::Failed;
    }
    broken(&gap, "ABSC 10.1.1");
    broken(&gap, "SLI9");
    // The newest restore found damage.
    let mut damaged = good();
    damaged.verifications.push(verification(
        END - 10,
        &[Outcome::Pass, Outcome::Pass, Outcome::Pass, Outcome::Pass, Outcome::Pass, Outcome::Fail],
    ));
    broken(&damaged, "ABSC 10.2.1");
    // Damage ends the climb before a restore, or before anything is read.
    for level in 0..4 {
        let mut damaged = good();
        let mut outcomes = [Outcome::Pass; 4];
        outcomes[level] = Outcome::Fail;
        damaged.verifications.push(verification(END - 10, &outcomes[..=level]));
        broken(&damaged, "ABSC 10.2.1");
        broken(&damaged, "ABSC 10.3.1");
        // Whoever finds the repository busy later takes nothing back.
        damaged.verifications.push(verification(END - 9, &[Outcome::Pass, Outcome::Pass, Outcome::Busy]));
        broken(&damaged, "ABSC 10.3.1");
    }
    // Down for four hours of one day.
    let mut down = good();
    down.days.get_mut("c_e707-albo").unwrap().insert(FIRST + DAY, 0.80);
    broken(&down, "SLI1,");
    // Restored from a copy of two days.
    let mut old = good();
    old.verifications[0].age_seconds = Some(48 * 3600);
    broken(&old, "SLI13");
    let mut deleted = good();
    deleted.verifications.push(verification(
        END - 10,
        &[
            Outcome::Pass,
            Outcome::Pass,
            Outcome::Pass,
            Outcome::Pass,
            Outcome::Pass,
            Outcome::Pass,
            Outcome::Pass,
            Outcome::Fail,
        ],
    ));
    broken(&deleted, "ABSC 10.4.1");
}

#[test]
fn a_month_that_was_half_measured_is_a_reserve() {
    let mut half = good();
    half.days.get_mut("c_e707-albo").unwrap().retain(|end, _| *end > FIRST + 15 * DAY);
    half.verifications.truncate(2);
    let made = of(&half);
    for title in ["SLI1,", "SLI11"] {
        let part = made.parts.iter().find(|part| part.heading.starts_with(title)).unwrap();
        assert_eq!(part.verdict, "rispettato con riserva", "{title}: {}", made.text());
    }
}

#[test]
fn a_day_of_the_next_month_stands_for_none_of_this_one() {
    // As Prometheus is asked: in the middle of a day, for the 24 hours before.
    let mut known = good();
    let days = (0..=30).map(|day| (FIRST + 40_000 + day * DAY, 0.9995));
    known.days.insert(
        "c_e707-albo".to_string(),
        days.filter(|(end, _)| *end < FIRST + 9 * DAY || *end > FIRST + 10 * DAY).collect(),
    );
    let made = of(&known);
    let part = made.parts.iter().find(|part| part.heading.starts_with("SLI1,")).unwrap();
    assert_eq!(part.verdict, "rispettato con riserva", "{}", made.text());
    assert!(part.checks[0].detail.contains("giorni misurati: 29 su 30"), "{}", part.checks[0].detail);
}

#[test]
fn a_month_before_the_first_backup_on_record_is_no_data() {
    let mut later = known();
    later.runs.insert("app2".to_string(), vec![backup(END + DAY, "complete")]);
    let made = of(&later);
    assert!(verdicts(&made).iter().all(|verdict| verdict == NOTHING), "{}", made.text());
}

#[test]
fn of_days_of_membership_before_the_first_backup_on_record_nothing_is_known() {
    let mut inventory = varese();
    let mut late = good();
    late.runs.get_mut("app2").unwrap().retain(|run| run.began >= FIRST + 10 * DAY);
    let mut judged = |since: Option<&str>| {
        let membership = &mut inventory.members.get_mut("lozza").unwrap().member.membership;
        membership.since = since.map(str::to_string);
        let made = document(&inventory, &inventory.members["lozza"], &late);
        ["ABSC 10.1.1", "SLI9"].map(|title| {
            let part = made.parts.iter().find(|part| part.heading.starts_with(title)).unwrap();
            (part.verdict.clone(), part.checks[0].detail.lines().next().unwrap().to_string())
        })
    };
    for since in [Some("2026-10-31"), None] {
        for (verdict, measured) in judged(since) {
            assert_eq!(verdict, "rispettato con riserva", "{since:?}");
            assert!(measured.contains("prima della prima copia registrata 10 giorni e 1 ora senza dati"), "{measured}");
        }
    }
    let [weekly, interval] = judged(Some("2026-11-09"));
    assert_eq!((weekly.0.as_str(), interval.0.as_str()), ("rispettato", "rispettato con riserva"), "{}", interval.1);
    for since in ["2026-11-11", "2026-11-15"] {
        assert_eq!(judged(Some(since))[1].0, "rispettato", "{since}");
    }
}

#[test]
fn evidence_of_another_time_or_another_body_does_not_count() {
    let mut other = known();
    other.verifications =
        vec![verification(FIRST - 10, &[Outcome::Pass; 6]), verification(END + 10, &[Outcome::Pass; 8])];
    let mut foreign = verification(FIRST + DAY, &[Outcome::Pass; 8]);
    foreign.tenant = "c_e863-albo".to_string();
    other.verifications.insert(1, foreign);
    let made = of(&other);
    for title in ["ABSC 10.2.1", "ABSC 10.3.1", "ABSC 10.4.1", "SLI10", "SLI12"] {
        let part = made.parts.iter().find(|part| part.heading.starts_with(title)).unwrap();
        assert_eq!(part.verdict, NOTHING, "{title}: {}", made.text());
    }
}
