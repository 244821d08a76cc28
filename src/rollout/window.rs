//! Maintenance windows and frozen days.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};

use crate::inventory::types::{Maintenance, Weekday, Window};

/// Why a member bears no upgrade now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// On these days nothing is changed.
    Frozen {
        /// The last of them.
        until: String,
        /// Why.
        why: String,
    },
    /// Its windows are at other times.
    Outside {
        /// They, for a person.
        windows: String,
    },
    /// Its body was not told, or not early enough, or of another time.
    Untold,
    /// Its body was told of a time that is to come.
    Early {
        /// When it begins, in the time of Italy.
        begins: String,
    },
}

impl fmt::Display for Closed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closed::Frozen { until, why } => write!(out, "frozen until {until}: {why}"),
            Closed::Outside { windows } => write!(out, "outside its window: {windows}"),
            Closed::Untold => write!(out, "not announced to its body early enough"),
            Closed::Early { begins } => write!(out, "announced to its body for {begins}"),
        }
    }
}

/// Whether a member bears an upgrade at this time in Italy.
///
/// # Errors
/// Why not.
pub fn bears(maintenance: Option<&Maintenance>, now: DateTime) -> Result<(), Closed> {
    let Some(maintenance) = maintenance else { return Ok(()) };
    for days in &maintenance.frozen {
        let day = |text: &str| text.parse::<Date>().ok();
        // What is no day was refused with the inventory.
        let (first, last) = (day(&days.from).unwrap_or(Date::MIN), day(&days.to).unwrap_or(Date::MAX));
        if (first..=last).contains(&now.date()) {
            return Err(Closed::Frozen { until: days.to.clone(), why: days.why.clone() });
        }
    }
    let windows = &maintenance.windows;
    if windows.is_empty() || windows.iter().any(|window| is_open(window, now)) {
        return Ok(());
    }
    Err(Closed::Outside { windows: windows.iter().map(words).collect::<Vec<_>>().join("; ") })
}

/// Its beginning belongs to it and its end does not.
fn is_open(window: &Window, now: DateTime) -> bool {
    let time = |text: &str| text.parse::<Time>().unwrap_or(Time::midnight());
    let (from, to) = (time(&window.from), time(&window.to));
    let begins_on =
        |date: Date| window.days.is_empty() || window.days.iter().any(|day| weekday(*day) == date.weekday());
    let at = now.time();
    if from < to {
        return begins_on(now.date()) && from <= at && at < to;
    }
    let yesterday = now.date().yesterday();
    (begins_on(now.date()) && from <= at) || (yesterday.is_ok_and(begins_on) && at < to)
}

fn weekday(day: Weekday) -> jiff::civil::Weekday {
    match day {
        Weekday::Mon => jiff::civil::Weekday::Monday,
        Weekday::Tue => jiff::civil::Weekday::Tuesday,
        Weekday::Wed => jiff::civil::Weekday::Wednesday,
        Weekday::Thu => jiff::civil::Weekday::Thursday,
        Weekday::Fri => jiff::civil::Weekday::Friday,
        Weekday::Sat => jiff::civil::Weekday::Saturday,
        Weekday::Sun => jiff::civil::Weekday::Sunday,
    }
}

fn words(window: &Window) -> String {
    let days = match window.days.as_slice() {
        [] => "every day".to_string(),
        days => days.iter().map(|day| format!("{day:?}")).collect::<Vec<_>>().join(", "),
    };
    format!("{days} {} to {}", window.from, window.to)
}
