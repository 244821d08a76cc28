//! Time as records say it: in Italy, with its offset.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::failure::{Failure, Result};

/// The present moment.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The day that it is in Italy (ISO 8601).
pub fn today() -> String {
    now().to_zoned(italy()).strftime("%Y-%m-%d").to_string()
}

/// The time that it is in Italy.
pub fn in_italy(moment: Timestamp) -> jiff::civil::DateTime {
    moment.to_zoned(italy()).datetime()
}

/// When it is that time in Italy, in seconds since 1970-01-01T00:00:00Z. A time that comes twice in a night of autumn is the
/// first of them; one that a night of spring leaves out is as much later.
pub fn of_italy(time: jiff::civil::DateTime) -> i64 {
    time.to_zoned(italy()).map_or(i64::MAX, |moment| moment.timestamp().as_second())
}

/// ISO 8601 with milliseconds and the offset that held in Italy: `2026-11-23T18:20:05.123+01:00`.
pub fn iso(moment: Timestamp) -> String {
    moment.to_zoned(italy()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// Seconds since 1970-01-01T00:00:00Z as people read them: [`iso`] to the second.
pub fn local_time(seconds: i64) -> String {
    let moment = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    moment.to_zoned(italy()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The day in Italy of a moment in seconds since 1970-01-01T00:00:00Z, counted from 1970-01-01.
pub fn day(seconds: i64) -> i64 {
    let moment = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    let offset = moment.to_zoned(italy()).offset().seconds();
    (seconds + i64::from(offset)).div_euclid(86_400)
}

/// The first second of a month in Italy (`2026-11`) and the one after its last, or `now` when that is earlier: seconds since
/// 1970-01-01T00:00:00Z.
///
/// # Errors
/// Wrong usage (64) when it is no month, or has not begun.
pub fn month(text: &str, now: i64) -> Result<(i64, i64)> {
    let wrong = || Failure::usage(format!("`{text}` is no month that has begun")).hint("write it as 2026-11");
    let first: jiff::civil::Date = format!("{text}-01").parse().map_err(|_| wrong())?;
    let next = first.checked_add(jiff::Span::new().months(1)).map_err(|_| wrong())?;
    let second = |day: jiff::civil::Date| {
        day.to_zoned(italy()).map(|moment| moment.timestamp().as_second()).map_err(|_| wrong())
    };
    let (first, end) = (second(first)?, second(next)?.min(now));
    if first < end { Ok((first, end)) } else { Err(wrong()) }
}

/// How long ago a moment was that [`iso`] wrote: `3 days`. `None` when it is no moment.
pub fn age(moment: &str, now: Timestamp) -> Option<String> {
    let seconds = now.duration_since(moment.parse().ok()?).as_secs().max(0);
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    Some(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
}

/// Time in Italy, from the rules that are built in: hosts and containers often have none.
pub(super) fn italy() -> TimeZone {
    // The offset would be another one, the moment the same.
    TimeZoneDatabase::bundled().get("Europe/Rome").unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_that_of_italy_and_ends_now_at_the_latest() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        let late = at("2027-06-01T00:00:00Z");
        assert_eq!(month("2026-11", late).unwrap(), (at("2026-10-31T23:00:00Z"), at("2026-11-30T23:00:00Z")));
        // It begins in summer time and ends in winter time.
        assert_eq!(month("2026-10", late).unwrap(), (at("2026-09-30T22:00:00Z"), at("2026-10-31T23:00:00Z")));
        let now = at("2026-11-28T10:00:00Z");
        assert_eq!(month("2026-11", now).unwrap().1, now);
        for wrong in ["2026-12", "2026-13", "2026", "november", "2026-11-01"] {
            assert!(month(wrong, now).is_err(), "{wrong}");
        }
    }

    #[test]
    fn moments_carry_the_italian_offset_in_summer_and_winter() {
        for (moment, said) in [
            ("2026-07-01T10:00:00Z", "2026-07-01T12:00:00.000+02:00"),
            ("2026-12-01T10:00:00.1239Z", "2026-12-01T11:00:00.123+01:00"),
        ] {
            assert_eq!(iso(moment.parse().unwrap()), said);
        }
    }

    #[test]
    fn an_age_is_said_in_the_unit_that_people_would_use() {
        let now = "2026-11-25T20:00:00Z".parse().unwrap();
        for (moment, said) in [
            ("2026-11-25T21:00:00.000+01:00", "0 seconds"),
            ("2026-11-25T19:59:59Z", "1 second"),
            ("2026-11-25T20:58:00.000+01:00", "2 minutes"),
            ("2026-11-25T09:00:00Z", "11 hours"),
            ("2026-11-22T19:00:00Z", "3 days"),
            ("2026-11-26T19:00:00Z", "0 seconds"),
        ] {
            assert_eq!(age(moment, now).as_deref(), Some(said), "{moment}");
        }
        assert_eq!(age("yesterday", now), None);
    }

    #[test]
    fn a_moment_reads_back() {
        let moment: Timestamp = "2026-10-25T01:30:00.5Z".parse().unwrap();
        assert_eq!(iso(moment).parse::<Timestamp>().unwrap(), moment);
    }
}
