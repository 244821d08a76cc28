//! What a body must be told before its tenant is without service, and for how long before.

use jiff::civil::{Date, DateTime, Weekday};

use super::window::Closed;

/// A body was told, in the time of Italy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: DateTime,
    /// From when on it may be without service.
    pub begins: DateTime,
    /// Until when.
    pub ends: DateTime,
}

/// Whether a body was told so many working days before, and of this time. 0 days: nobody need be told.
///
/// # Errors
/// Why not.
pub fn announced(told: &[Told], days: u32, now: DateTime) -> Result<(), Closed> {
    if days == 0 {
        return Ok(());
    }
    let good = || told.iter().filter(|told| working_days(told.at.date(), told.begins.date()) >= days);
    if good().any(|told| told.begins <= now && now < told.ends) {
        return Ok(());
    }
    match good().map(|told| told.begins).filter(|begins| *begins > now).min() {
        Some(begins) => Err(Closed::Early { begins: begins.to_string() }),
        None => Err(Closed::Untold),
    }
}

/// The first day on which something may be done that is told on a day, so many working days before.
pub fn earliest(told: Date, days: u32) -> Date {
    let later = std::iter::successors(Some(told), |day| day.tomorrow().ok());
    later.into_iter().find(|day| working_days(told, *day) >= days).unwrap_or(Date::MAX)
}

/// Working days after a day, up to another and with it: from Monday to Friday, holidays of the whole country left out. What
/// is said of a term that is counted in days: the first is not counted, the last is (art. 155 of the code of civil procedure).
pub fn working_days(after: Date, until: Date) -> u32 {
    let days = std::iter::successors(after.tomorrow().ok(), |day| day.tomorrow().ok());
    days.take_while(|day| *day <= until).filter(|day| is_working(*day)).count() as u32
}

fn is_working(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_holiday(day)
}

/// Holidays of the whole country (law 260/1949, art. 2, with its changes up to law 151/2025). The day of a town's patron is
/// none of them.
fn is_holiday(day: Date) -> bool {
    const FIXED: [(i8, i8); 11] =
        [(1, 1), (1, 6), (4, 25), (5, 1), (6, 2), (8, 15), (10, 4), (11, 1), (12, 8), (12, 25), (12, 26)];
    // Saint Francis came back in 2026.
    let fixed =
        FIXED.contains(&(day.month(), day.day())) && ((day.month(), day.day()) != (10, 4) || day.year() >= 2026);
    fixed || day.yesterday().is_ok_and(|before| easter(day.year()) == Some((before.month(), before.day())))
}

/// Month and day of Easter in the Gregorian calendar (the anonymous rule of 1876, as Meeus gives it in *Astronomical
/// Algorithms*, chapter 8).
fn easter(year: i16) -> Option<(i8, i8)> {
    let year = i32::from(year);
    let (golden, century, rest) = (year % 19, year / 100, year % 100);
    let moon = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - moon + 15) % 30;
    let sunday = (32 + 2 * (century % 4) + 2 * (rest / 4) - epact - rest % 4) % 7;
    let late = (golden + 11 * epact + 22 * sunday) / 451;
    let day = epact + sunday - 7 * late + 114;
    Some((i8::try_from(day / 31).ok()?, i8::try_from(day % 31 + 1).ok()?))
}
