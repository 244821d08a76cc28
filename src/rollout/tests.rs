use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::inventory::types::{Application, Frozen, Maintenance, Weekday, Window};

fn albo() -> Application {
    serde_json::from_value(serde_json::json!({
        "title": "Albo", "runtime": { "start": ["/bin/true"], "listen": "socket" }, "health": { "path": "/" },
        "releases": {
            "1.0.0": { "sha256": "", "source": "" },
            "1.1.0": { "sha256": "", "source": "", "reversible": true },
            "1.2.0": { "sha256": "", "source": "", "reversible": true },
            "2.0.0": { "sha256": "", "source": "", "requires": "1.1.0" },
            "3.0.0": { "sha256": "", "source": "", "requires": "2.0.0" },
        }
    }))
    .unwrap()
}

#[test]
fn a_path_leads_through_what_is_required_and_nothing_else() {
    for (from, to, releases, reversible) in [
        ("1.0.0", "1.1.0", &["1.1.0"][..], true),
        ("1.0.0", "1.2.0", &["1.2.0"], true),
        ("1.0.0", "2.0.0", &["1.1.0", "2.0.0"], false),
        ("1.1.0", "2.0.0", &["2.0.0"], false),
        ("1.2.0", "2.0.0", &["2.0.0"], false),
        ("1.0.0", "3.0.0", &["1.1.0", "2.0.0", "3.0.0"], false),
        ("1.1.0", "1.1.0", &[], true),
    ] {
        let found = path("albo", &albo(), from, to).unwrap();
        assert_eq!(
            (found.releases.as_slice(), found.reversible),
            (&releases.iter().map(ToString::to_string).collect::<Vec<_>>()[..], reversible),
            "{from} to {to}"
        );
    }
    let older = path("albo", &albo(), "1.1.0", "1.0.0").unwrap_err();
    assert!(older.hints[0].contains("comuni rollback albo"), "{older}");
    assert!(path("albo", &albo(), "1.0.0", "9.9.9").unwrap_err().message.contains("no release 9.9.9 of albo"));
}

fn maintenance(windows: &[(&[Weekday], &str, &str)], frozen: &[(&str, &str)]) -> Maintenance {
    Maintenance {
        windows: windows
            .iter()
            .map(|(days, from, to)| Window { days: days.to_vec(), from: from.to_string(), to: to.to_string() })
            .collect(),
        frozen: frozen
            .iter()
            .map(|(from, to)| Frozen { from: from.to_string(), to: to.to_string(), why: "elezioni".to_string() })
            .collect(),
    }
}

#[test]
fn a_window_has_its_beginning_and_not_its_end_and_may_end_on_the_next_day() {
    // 2026-11-28 is a Saturday.
    let night = maintenance(&[(&[Weekday::Sat], "22:00", "04:00")], &[]);
    let noon = maintenance(&[(&[], "12:00", "14:00")], &[]);
    for (of, moment, open) in [
        (&night, "2026-11-28T21:59:59", false),
        (&night, "2026-11-28T22:00:00", true),
        (&night, "2026-11-29T03:59:59", true),
        (&night, "2026-11-29T04:00:00", false),
        (&night, "2026-11-29T23:00:00", false),
        (&night, "2026-11-28T02:00:00", false),
        (&noon, "2026-11-25T12:00:00", true),
        (&noon, "2026-11-25T14:00:00", false),
    ] {
        assert_eq!(bears(Some(of), moment.parse().unwrap()).is_ok(), open, "{moment}");
    }
    let closed = bears(Some(&night), "2026-11-28T12:00:00".parse().unwrap()).unwrap_err();
    assert_eq!(closed.to_string(), "outside its window: Sat 22:00 to 04:00");
    assert!(bears(None, "2026-11-28T12:00:00".parse().unwrap()).is_ok());
}

#[test]
fn frozen_days_count_whole_and_before_any_window() {
    let frozen = maintenance(&[(&[], "00:00", "23:59")], &[("2027-06-12", "2027-06-14")]);
    for (moment, open) in [
        ("2027-06-11T23:00:00", true),
        ("2027-06-12T00:00:00", false),
        ("2027-06-14T23:00:00", false),
        ("2027-06-15T00:00:00", true),
    ] {
        let bears = bears(Some(&frozen), moment.parse().unwrap());
        assert_eq!(bears.is_ok(), open, "{moment}");
        if let Err(closed) = bears {
            assert_eq!(closed.to_string(), "frozen until 2027-06-14: elezioni");
        }
    }
}

#[test]
fn shares_are_numbers_or_percents() {
    for (text, share) in [
        ("3", Some(Share::Count(3))),
        ("25%", Some(Share::Percent(25))),
        ("0", None),
        ("0%", None),
        ("101%", None),
        ("-1", None),
        ("x", None),
    ] {
        assert_eq!(text.parse().ok(), share, "{text}");
    }
}

#[test]
fn canaries_come_first_one_by_one_in_the_order_that_was_written() {
    let members: Vec<_> =
        ["besozzo", "lozza", "malnate", "varese", "vergiate"].map(|name| (name.to_string(), Ok(()))).to_vec();
    let canary = ["varese", "nobody", "lozza"].map(String::from);
    let plan = waves(members.clone(), &canary, Share::Count(2));
    let names: Vec<Vec<&str>> = plan.waves.iter().map(|wave| wave.iter().map(String::as_str).collect()).collect();
    assert_eq!(names, [vec!["varese"], vec!["lozza"], vec!["besozzo", "malnate"], vec!["vergiate"]]);
    let plan = waves(members, &[], Share::Percent(50));
    assert_eq!(plan.waves.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 2]);
}

proptest! {
    #[test]
    fn each_member_comes_exactly_once_or_is_left_alone(
        frozen in proptest::collection::vec(any::<bool>(), 0..40),
        canary in proptest::collection::vec(0_usize..45, 0..5),
        share in prop_oneof![(1_u32..50).prop_map(Share::Count), (1_u32..=100).prop_map(Share::Percent)],
    ) {
        let members: Vec<_> = frozen
            .iter()
            .enumerate()
            .map(|(at, frozen)| (format!("m{at}"), if *frozen { Err(Closed::Untold) } else { Ok(()) }))
            .collect();
        let canary: Vec<String> = canary.iter().map(|at| format!("m{at}")).collect();
        let plan = waves(members.clone(), &canary, share);
        let come: Vec<&String> = plan.waves.iter().flatten().collect();
        let left: Vec<&String> = plan.left.iter().map(|left| &left.member).collect();
        let all: BTreeSet<&String> = come.iter().chain(&left).copied().collect();
        prop_assert_eq!(come.len() + left.len(), members.len());
        prop_assert_eq!(all.len(), members.len());
        prop_assert!(plan.waves.iter().all(|wave| !wave.is_empty()));
        prop_assert_eq!(left.len(), frozen.iter().filter(|frozen| **frozen).count());
        // Nobody comes before one alone was tried.
        prop_assert!(plan.waves.first().is_none_or(|wave| wave.len() == 1));
    }

    #[test]
    fn no_more_fail_than_the_rule_bears(stop_after in 0_u32..6, ends in proptest::collection::vec(any::<bool>(), 0..40)) {
        let mut tally = Tally::new(stop_after);
        let mut bad = 0;
        for well in ends {
            if tally.stops() {
                break;
            }
            if !well {
                tally.bad();
                bad += 1;
            }
        }
        prop_assert!(bad <= stop_after.max(1));
        prop_assert_eq!(tally.stops(), bad >= stop_after.max(1));
    }
}

fn day(text: &str) -> jiff::civil::Date {
    text.parse().unwrap()
}

#[test]
fn working_days_leave_out_the_end_of_the_week_and_the_holidays_of_the_country() {
    for (after, until, count, why) in [
        ("2026-11-23", "2026-11-26", 3, "Monday to Thursday"),
        ("2026-11-25", "2026-11-28", 2, "Saturday is none"),
        ("2026-11-27", "2026-11-30", 1, "over the end of the week"),
        ("2026-12-07", "2026-12-09", 1, "8 December"),
        ("2026-12-23", "2026-12-28", 2, "Christmas"),
        ("2027-03-26", "2027-03-30", 1, "Easter Monday is 29 March 2027"),
        ("2024-03-29", "2024-04-02", 1, "Easter Monday is 1 April 2024"),
        ("2025-10-03", "2025-10-06", 1, "4 October, a Saturday"),
        ("2024-10-03", "2024-10-04", 1, "4 October 2024 was worked"),
        ("2027-10-03", "2027-10-04", 0, "4 October 2027 is a holiday"),
        ("2026-11-26", "2026-11-26", 0, "nothing lies between a day and itself"),
        ("2026-11-26", "2026-11-20", 0, "the past"),
    ] {
        assert_eq!(working_days(day(after), day(until)), count, "{after} to {until}: {why}");
    }
    assert_eq!(earliest(day("2026-11-25"), 3), day("2026-11-30"));
    assert_eq!(earliest(day("2026-11-24"), 3), day("2026-11-27"));
    assert_eq!(earliest(day("2026-11-24"), 0), day("2026-11-24"));
}

#[test]
fn a_tenant_comes_only_in_the_time_that_its_body_was_told_of_early_enough() {
    let told = |at: &str, begins: &str, ends: &str| Told {
        at: at.parse().unwrap(),
        begins: begins.parse().unwrap(),
        ends: ends.parse().unwrap(),
    };
    let saturday = told("2026-11-24T17:00:00", "2026-11-28T22:00:00", "2026-11-29T06:00:00");
    let late = told("2026-11-25T08:00:00", "2026-11-28T22:00:00", "2026-11-29T06:00:00");
    let early = || Err(Closed::Early { begins: "2026-11-28T22:00:00".to_string() });
    for (told, days, now, said) in [
        (&[saturday][..], 3, "2026-11-28T22:00:00", Ok(())),
        (&[saturday], 3, "2026-11-28T21:59:59", early()),
        (&[saturday], 3, "2026-11-29T05:59:59", Ok(())),
        (&[saturday], 3, "2026-11-29T06:00:00", Err(Closed::Untold)),
        (&[late], 3, "2026-11-28T22:00:00", Err(Closed::Untold)),
        (&[late], 2, "2026-11-28T22:00:00", Ok(())),
        (&[late, saturday], 3, "2026-11-28T23:00:00", Ok(())),
        (&[], 3, "2026-11-28T23:00:00", Err(Closed::Untold)),
        (&[], 0, "2026-11-28T23:00:00", Ok(())),
    ] {
        assert_eq!(announced(told, days, now.parse().unwrap()), said, "{told:?} {days} {now}");
    }
}
