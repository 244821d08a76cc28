//! How far up a tenant's backup is to be proven today.
//!
//! Every costly level has its day: the tenant's name gives it one within the period, so that the tenants of a province
//! spread over the week by themselves. A day that was missed is caught up with on the next, once.

use crate::backup::ladder::Level;
use crate::commands::backup::past::Proven;
use crate::digest::sha256;
use crate::inventory::types::Prove;

/// The level of today, at most this one. What is looked at in any case is freshness; the rest is done once a day at most.
pub(super) fn level(tenant: &str, past: &Proven, prove: &Prove, today: i64, most: Level) -> Level {
    let costly = [(Level::L7, prove.survive_days), (Level::L6, prove.start_days), (Level::L5, prove.restore_days)];
    for (level, days) in costly.into_iter().filter(|(level, _)| *level <= most) {
        if is_due(tenant, level, past.day_of(level), i64::from(days), today) {
            return level;
        }
    }
    let readable = if past.day_of(Level::L3) == Some(today) { Level::L1 } else { Level::L3 };
    readable.min(most)
}

/// Whether its day has come since it was last proven.
fn is_due(tenant: &str, level: Level, last: Option<i64>, days: i64, today: i64) -> bool {
    let Some(last) = last else { return true };
    let name = sha256(format!("{tenant} {level}"));
    let place = i64::from_str_radix(&name[..8], 16).unwrap_or_default().rem_euclid(days);
    // The last day that was its day, today or before.
    let newest = today - (today - place).rem_euclid(days);
    newest > last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proven(days: &[(Level, i64)]) -> Proven {
        Proven { days: days.iter().copied().collect(), ..Proven::default() }
    }

    #[test]
    fn what_was_never_proven_is_due_at_once_and_then_each_in_its_turn() {
        let prove = Prove::default();
        assert_eq!(level("c_e863-albo", &proven(&[]), &prove, 20_000, Level::L7), Level::L7);
        let all = |day| proven(&[(Level::L3, day), (Level::L5, day), (Level::L6, day), (Level::L7, day)]);
        assert_eq!(level("c_e863-albo", &all(20_000), &prove, 20_000, Level::L7), Level::L1);
        let restores: Vec<i64> = (1..=7)
            .filter(|ahead| level("c_e863-albo", &all(20_000), &prove, 20_000 + ahead, Level::L7) >= Level::L5)
            .collect();
        // From its day on, until it is done.
        assert!(!restores.is_empty() && restores.last() == Some(&7), "{restores:?}");
    }

    #[test]
    fn what_is_not_asked_for_is_not_due() {
        let past = proven(&[(Level::L3, 9), (Level::L5, 9), (Level::L6, 9)]);
        assert_eq!(level("t", &past, &Prove::default(), 9, Level::L6), Level::L1);
        assert_eq!(level("t", &proven(&[]), &Prove::default(), 9, Level::L2), Level::L2);
    }

    #[test]
    fn the_tenants_of_a_province_spread_over_the_week() {
        let prove = Prove { start_days: 92, survive_days: 366, ..Prove::default() };
        let mut days = [0; 7];
        for tenant in 0..140 {
            let past = proven(&[(Level::L5, 20_000), (Level::L6, 20_006), (Level::L7, 20_006)]);
            let first = (1..=7)
                .find(|ahead| level(&format!("t{tenant}"), &past, &prove, 20_000 + ahead, Level::L7) == Level::L5);
            days[usize::try_from(first.unwrap() - 1).unwrap()] += 1;
        }
        assert!(days.iter().all(|count| (8..=36).contains(count)), "{days:?}");
    }

    #[test]
    fn after_three_days_off_it_is_caught_up_with_once() {
        let prove = Prove { restore_days: 1, start_days: 92, survive_days: 366, ..Prove::default() };
        let past = proven(&[(Level::L5, 20_000), (Level::L6, 20_004), (Level::L7, 20_004)]);
        assert_eq!(level("t", &past, &prove, 20_004, Level::L7), Level::L5);
        let past = proven(&[(Level::L3, 20_004), (Level::L5, 20_004), (Level::L6, 20_004), (Level::L7, 20_004)]);
        assert_eq!(level("t", &past, &prove, 20_004, Level::L7), Level::L1);
    }
}
