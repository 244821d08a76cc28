//! Releases in their order: by their dot parts, numerically where both are numbers.

use std::cmp::Ordering;

/// Compares two releases: `1.9.0` comes before `1.10.0`, `1.0` equals `1.0.0`, `1.0.0-rc1` comes before `1.0.0`.
pub fn compare(one: &str, other: &str) -> Ordering {
    let (one, one_tail) = halves(one);
    let (other, other_tail) = halves(other);
    let mut left = one.split('.');
    let mut right = other.split('.');
    loop {
        let ordering = match (left.next(), right.next()) {
            (None, None) => break,
            (one, other) => compare_part(one.unwrap_or("0"), other.unwrap_or("0")),
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    match (one_tail, other_tail) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(one), Some(other)) => one.cmp(other),
    }
}

/// The version proper, and what marks a release before it (`-rc1`).
fn halves(version: &str) -> (&str, Option<&str>) {
    version.split_once('-').map_or((version, None), |(version, tail)| (version, Some(tail)))
}

fn compare_part(one: &str, other: &str) -> Ordering {
    match (one.parse::<u64>(), other.parse::<u64>()) {
        (Ok(one), Ok(other)) => one.cmp(&other),
        _ => one.cmp(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_compare_as_numbers() {
        for (less, more) in
            [("1.9.0", "1.10.0"), ("0.9", "1"), ("1.0.0", "1.0.1"), ("1.0.0-rc1", "1.0.0"), ("1.0a", "1.0b")]
        {
            assert_eq!(compare(less, more), Ordering::Less, "{less} {more}");
            assert_eq!(compare(more, less), Ordering::Greater, "{more} {less}");
        }
        assert_eq!(compare("1.0", "1.0.0"), Ordering::Equal);
    }
}
