//! How well something is, by its value and its age. The thresholds are those of the alerts (templates/monitoring/rules.yml.tera).

use super::{ChangesStatus, Grade, ZoneStatus};
use crate::backup::ladder::{Level, Outcome};

const DAY: i64 = 86_400;

/// A clock that is behind by so much is no clock from the future, in seconds.
const SLACK: i64 = 300;

/// A certificate that ends in so many seconds, and is renewed so many days before its end.
pub fn grade_certificate(left: Option<i64>, renew_days: u32) -> Grade {
    let renewed = i64::from(renew_days) * DAY;
    match left {
        None => Grade::Unknown,
        Some(left) if left < renewed / 10 => Grade::Broken,
        Some(left) if left < renewed * 2 / 3 => Grade::Attention,
        Some(_) => Grade::Ok,
    }
}

/// A newest backup of this age, or that there is none at all.
pub fn grade_backup(age: Option<i64>, never: bool, rpo_hours: u32) -> Grade {
    match age {
        None if never => Grade::Broken,
        None => Grade::Unknown,
        Some(age) if age < -SLACK || age > i64::from(rpo_hours) * 3600 => Grade::Broken,
        Some(_) => Grade::Ok,
    }
}

/// The last verification: the level that it reached, what came of it, and its age.
pub fn grade_verified(reached: Option<Level>, outcome: Outcome, age: i64) -> Grade {
    match (outcome, reached) {
        (Outcome::Fail, _) => Grade::Broken,
        (Outcome::Pass | Outcome::NotDue, Some(level)) if level >= Level::L4 && age <= 8 * DAY => Grade::Ok,
        (_, None) => Grade::Unknown,
        _ => Grade::Attention,
    }
}

/// A zone, by what its servers and the last look from outside say.
pub fn grade_zone(zone: &ZoneStatus) -> Option<Grade> {
    // The rules tell of a look that is older than three hours.
    let fresh = zone.look_age_seconds.is_some_and(|age| age <= 3 * 3600);
    let looked = match (fresh, zone.correct, zone.drift) {
        (true, Some(true), _) => Grade::Ok,
        (true, Some(false), Some(drift)) if drift > 0 => Grade::Attention,
        (true, Some(false), _) => Grade::Broken,
        _ => Grade::Unknown,
    };
    match (zone.ours, zone.answers) {
        (true, Some(false)) => Some(Grade::Broken),
        (true, None) => Some(looked.max(Grade::Unknown)),
        (false, _) if zone.correct.is_none() => None,
        _ => Some(looked),
    }
}

/// What the last plan found.
pub fn grade_changes(changes: &ChangesStatus) -> Grade {
    let fresh = changes.plan_age_seconds.is_some_and(|age| age <= 26 * 3600);
    match (changes.pending, changes.drifted) {
        (Some(0), Some(0)) if fresh => Grade::Ok,
        (Some(_), Some(_)) if fresh => Grade::Attention,
        _ => Grade::Unknown,
    }
}
