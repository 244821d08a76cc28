//! Euro cents, as whole numbers: no amount is ever a fraction of a cent.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use serde::{Serialize, Serializer};

/// An amount in cents of a euro; what is owed back is negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(pub i64);

/// With a point and two decimals: `48000.05`, `-12.00`.
impl fmt::Display for Cents {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, cents) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(out, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl Cents {
    /// `48000.00`; none for any other form.
    pub fn parse(text: &str) -> Option<Cents> {
        let (euro, cents) = text.split_once('.')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(euro) || !digits(cents) || cents.len() != 2 || euro.len() > 12 {
            return None;
        }
        format!("{euro}{cents}").parse().ok().map(Cents)
    }

    /// So many percent of it, to the nearest cent, halves upwards.
    pub fn percent(self, percent: u32) -> Cents {
        self.of(i64::from(percent), 100)
    }

    /// `part` of `whole` of it, to the nearest cent, halves upwards. Nothing of nothing.
    pub fn of(self, part: i64, whole: i64) -> Cents {
        if whole <= 0 {
            return Cents(0);
        }
        let twice = 2 * i128::from(self.0) * i128::from(part) + i128::from(whole);
        Cents(i64::try_from(twice.div_euclid(2 * i128::from(whole))).unwrap_or(i64::MAX))
    }
}

impl Add for Cents {
    type Output = Cents;
    fn add(self, other: Cents) -> Cents {
        Cents(self.0 + other.0)
    }
}

impl AddAssign for Cents {
    fn add_assign(&mut self, other: Cents) {
        self.0 += other.0;
    }
}

impl Sub for Cents {
    type Output = Cents;
    fn sub(self, other: Cents) -> Cents {
        Cents(self.0 - other.0)
    }
}

impl Sum for Cents {
    fn sum<I: Iterator<Item = Cents>>(amounts: I) -> Cents {
        amounts.fold(Cents(0), Add::add)
    }
}

/// Parts of a whole in proportion to weights, which add up to it to the cent: each gets the cents that are its own, and those that
/// are left go to the largest remainders, among equal ones to the first. None when nothing weighs anything.
pub fn apportion(whole: Cents, weights: &[u128]) -> Option<Vec<Cents>> {
    let sum: u128 = weights.iter().sum();
    let cents = u128::try_from(whole.0).ok()?;
    if sum == 0 {
        return None;
    }
    // Amounts have 12 digits and weights 20 at most: their product has room.
    let mut parts: Vec<u128> = weights.iter().map(|weight| cents * weight / sum).collect();
    let left = cents - parts.iter().sum::<u128>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(cents * weights[*at] % sum));
    for at in order.into_iter().take(usize::try_from(left).ok()?) {
        parts[at] += 1;
    }
    parts.into_iter().map(|part| i64::try_from(part).ok().map(Cents)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_have_two_decimals() {
        assert_eq!(Cents::parse("48000.05"), Some(Cents(4_800_005)));
        assert_eq!(Cents::parse("0.00"), Some(Cents(0)));
        for text in ["", "1", "1.5", "1.505", "-1.00", "1,00", "+1.00", ".50", "1. 0"] {
            assert_eq!(Cents::parse(text), None, "{text}");
        }
    }

    #[test]
    fn halves_go_up() {
        assert_eq!((Cents(25).percent(22), Cents(50).percent(1), Cents(49).percent(1)), (Cents(6), Cents(1), Cents(0)));
        assert_eq!((Cents(-50).of(1, 100), Cents(10).of(1, 0)), (Cents(0), Cents(0)));
    }

    #[test]
    fn the_cents_that_are_left_go_to_the_largest_remainders() {
        let parts = |whole, weights: &[u128]| {
            apportion(Cents(whole), weights).unwrap().iter().map(|part| part.0).collect::<Vec<_>>()
        };
        assert_eq!(parts(100, &[1, 1, 1]), [34, 33, 33], "among equal ones to the first");
        assert_eq!(parts(100, &[2, 3, 3]), [25, 38, 37]);
        assert_eq!(parts(1, &[1, 2]), [0, 1]);
        assert_eq!(apportion(Cents(1), &[0, 0]), None);
    }

    proptest! {
        #[test]
        fn the_parts_are_the_whole_and_no_part_is_off_by_a_cent(
            whole in 0_i64..100_000_000_000, weights in prop::collection::vec(0_u128..4_000_000_000_000, 1..60),
        ) {
            let sum: u128 = weights.iter().sum();
            match apportion(Cents(whole), &weights) {
                None => prop_assert_eq!(sum, 0),
                Some(parts) => {
                    prop_assert_eq!(parts.iter().copied().sum::<Cents>(), Cents(whole));
                    for (part, weight) in parts.iter().zip(&weights) {
                        let (exact, got) = (whole as u128 * weight, part.0 as u128 * sum);
                        prop_assert!(got.abs_diff(exact) < sum, "{} of {}", part.0, weight);
                    }
                }
            }
        }
    }
}
