//! Days of the calendar, both ends included.

use jiff::civil::Date;

use crate::failure::{Failure, Result};

/// From one day to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// First day.
    pub first: Date,
    /// Last day.
    pub last: Date,
}

impl Period {
    /// None when either is no day, or the last comes before the first.
    pub fn of(first: &str, last: &str) -> Option<Period> {
        let period = Period { first: first.parse().ok()?, last: last.parse().ok()? };
        (period.first <= period.last).then_some(period)
    }

    /// A year (`2026`), or two days (`2026-01-01..2026-06-30`).
    ///
    /// # Errors
    /// Exit 64 for anything else.
    pub fn parse(text: &str) -> Result<Period> {
        let year = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        let period = match text.split_once("..") {
            Some((first, last)) => Period::of(first, last),
            None if year => Period::of(&format!("{text}-01-01"), &format!("{text}-12-31")),
            None => None,
        };
        period.ok_or_else(|| {
            Failure::usage(format!("`{text}` is no period"))
                .hint("write a year (2026), or its first and last day (2026-01-01..2026-06-30)")
        })
    }

    /// How many days it has.
    pub fn days(self) -> i64 {
        i64::from((self.last - self.first).get_days()) + 1
    }

    /// The days that both have.
    pub fn and(self, other: Period) -> Option<Period> {
        let both = Period { first: self.first.max(other.first), last: self.last.min(other.last) };
        (both.first <= both.last).then_some(both)
    }

    /// Days of it that come before a day.
    pub fn days_before(self, day: Date) -> i64 {
        i64::from((day - self.first).get_days()).clamp(0, self.days())
    }

    /// For how many years it is: a day counts as the part that it is of its own year.
    ///
    /// What a year costs, in cents, comes to this in the period, to the nearest cent.
    pub fn of_yearly(self, yearly: super::Cents) -> super::Cents {
        let mut sum = super::Cents(0);
        for year in self.first.year()..=self.last.year() {
            if let Some(whole) = Period::of(&format!("{year:04}-01-01"), &format!("{year:04}-12-31"))
                && let Some(within) = self.and(whole)
            {
                sum += yearly.of(within.days(), whole.days());
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cents;
    use super::*;

    #[test]
    fn a_period_is_a_year_or_two_days() {
        assert_eq!(Period::parse("2026").unwrap().days(), 365);
        assert_eq!(Period::parse("2028").unwrap().days(), 366);
        assert_eq!(Period::parse("2026-01-31..2026-02-01").unwrap().days(), 2);
        for text in ["", "26", "2026-01", "2026-02-30..2026-03-01", "2026-03-01..2026-02-01", "2026..2027"] {
            assert_eq!(Period::parse(text).unwrap_err().kind.exit_code(), 64, "{text}");
        }
    }

    #[test]
    fn what_a_year_costs_is_taken_by_days_of_each_year() {
        let of = |text| Period::parse(text).unwrap().of_yearly(Cents(36_500));
        assert_eq!((of("2026"), of("2028"), of("2026-01-01..2026-01-10")), (Cents(36_500), Cents(36_500), Cents(1000)));
        assert_eq!(of("2027-12-31..2028-01-01"), Cents(200));
    }
}
