//! Moments in words. A static binary has no tables of time zones: UTC alone.

/// Seconds since 1970 as `2018-06-20T10:00:00Z`. The days are counted from a first of March, so that the odd day of a
/// leap year is the last of its year.
pub fn utc(seconds: i64) -> String {
    let (days, time) = (seconds.div_euclid(86_400) + 719_468, seconds.rem_euclid(86_400));
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A moment as RFC 3339 writes it, in seconds since 1970; `None` when it is none. Fractions are left out.
pub fn moment(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let rest = text.get(19..)?.trim_start_matches(['.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    let offset = match rest.strip_prefix(['+', '-']) {
        None if rest == "Z" || rest == "z" => 0,
        None => return None,
        Some(offset) => {
            let (hours, minutes) = offset.split_once(':')?;
            let seconds = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
            if rest.starts_with('-') { -seconds } else { seconds }
        }
    };
    // Months are counted from March, as in `utc`.
    let (year, from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second - offset)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_moment_is_read_back_in_every_zone() {
        for second in [0, 951_782_400, 1_529_489_100, 4_107_542_400] {
            assert_eq!(super::moment(&super::utc(second)), Some(second));
        }
        assert_eq!(super::moment("2018-06-20T12:05:00.123456789+02:00"), Some(1_529_489_100));
        assert_eq!(super::moment("2018-06-20T06:35:00-03:30"), Some(1_529_489_100));
        assert_eq!(super::moment("yesterday"), None);
        assert_eq!(super::moment("2018-06-20T12:05:00"), None);
    }

    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(seconds), text);
            assert_eq!(moment(text), Some(seconds));
        }
    }

    #[test]
    fn moments_with_fractions_and_offsets_are_read() {
        assert_eq!(moment("2018-06-20T12:00:00.123456789+02:00"), Some(1_529_488_800));
        assert_eq!(moment("2018-06-20T05:30:00-04:30"), Some(1_529_488_800));
        for none in
            ["", "yesterday", "2018-06-20", "2018-06-20T12:00:00", "2018-06-20T12:00:00+2", "é018-06-20T12:00:00Z"]
        {
            assert_eq!(moment(none), None, "{none}");
        }
    }
}
