//! Time as records say it: in Italy, with its offset.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The present moment.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The day that it is in Italy (ISO 8601).
pub fn today() -> String {
    now().to_zoned(italy()).strftime("%Y-%m-%d").to_string()
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

/// Time in Italy, from the rules that are built in: hosts and containers often have none.
pub(super) fn italy() -> TimeZone {
    // The offset would be another one, the moment the same.
    TimeZoneDatabase::bundled().get("Europe/Rome").unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_moment_reads_back() {
        let moment: Timestamp = "2026-10-25T01:30:00.5Z".parse().unwrap();
        assert_eq!(iso(moment).parse::<Timestamp>().unwrap(), moment);
    }
}
