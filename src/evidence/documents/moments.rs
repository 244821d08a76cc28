//! Days and moments as they are written in Italian.

use crate::evidence::clock;

const MONTHS: [&str; 12] = [
    "gennaio",
    "febbraio",
    "marzo",
    "aprile",
    "maggio",
    "giugno",
    "luglio",
    "agosto",
    "settembre",
    "ottobre",
    "novembre",
    "dicembre",
];

/// `28 novembre 2026, ore 06:12 (+01:00)`, of seconds since 1970-01-01T00:00:00Z.
pub fn moment(seconds: i64) -> String {
    with_hour(seconds, 16)
}

/// [`moment`], of what a record says (ISO 8601); as it stands there when it is no moment.
pub fn recorded(iso: &str) -> String {
    iso.parse::<jiff::Timestamp>().map_or_else(|_| iso.to_string(), |at| moment(at.as_second()))
}

/// [`moment`] to the second: `28 novembre 2026, ore 06:12:05 (+01:00)`.
pub fn to_the_second(seconds: i64) -> String {
    with_hour(seconds, 19)
}

/// `28 novembre 2026`.
pub fn day(seconds: i64) -> String {
    let iso = clock::local_time(seconds);
    let number = iso.get(8..10).and_then(|text| text.parse::<u32>().ok()).unwrap_or_default();
    format!("{number} {}", month(&iso))
}

/// `novembre 2026`, of what begins with `2026-11`.
pub fn month(iso: &str) -> String {
    let number = iso.get(5..7).and_then(|text| text.parse::<usize>().ok()).unwrap_or_default();
    let name = MONTHS.get(number.wrapping_sub(1)).unwrap_or(&"");
    format!("{name} {}", iso.get(..4).unwrap_or_default())
}

fn with_hour(seconds: i64, end: usize) -> String {
    let iso = clock::local_time(seconds);
    format!("{}, ore {} ({})", day(seconds), iso.get(11..end).unwrap_or_default(), iso.get(19..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_hours_are_those_of_italy() {
        // Half past eleven in the evening of the last of June, UTC.
        let summer = 1_782_862_205;
        assert_eq!(to_the_second(summer), "1 luglio 2026, ore 01:30:05 (+02:00)");
        assert_eq!(moment(summer), "1 luglio 2026, ore 01:30 (+02:00)");
        assert_eq!(recorded("2026-11-28T11:02:08.000+01:00"), "28 novembre 2026, ore 11:02 (+01:00)");
        assert_eq!(recorded("ieri"), "ieri");
        assert_eq!((day(0).as_str(), month("2026-12").as_str()), ("1 gennaio 1970", "dicembre 2026"));
    }
}
