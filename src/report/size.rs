//! Sizes as people read them.

/// Bytes in the unit that makes them short: `532 B`, `1.4 MB` (a million), `12.0 GB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1000 {
        return format!("{count} B");
    }
    // One digit after the point; what would round up to a thousand takes the next unit.
    let (mut tenths, mut unit) = (u128::from(count) / 100, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// An age in one unit, in few letters: `3 h`; `future` when it lies ahead.
pub fn ago(seconds: i64) -> String {
    match seconds {
        ..0 => "future".to_string(),
        0..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_short() {
        let said = [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_449_999, "1.4 MB"), (12_000_000_000, "12.0 GB")];
        for (count, words) in said {
            assert_eq!(bytes(count), words);
        }
        assert_eq!(bytes(999_999), "999.9 kB");
    }
}
