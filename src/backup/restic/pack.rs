//! What a pack looks like from outside, without the key of the repository.

/// Bytes of the encryption around a header: what makes it unique, and its seal.
const SEAL: u64 = 32;

/// Bytes of a header for one blob: its kind, its length, its SHA-256, and in newer repositories the length of what was
/// compressed.
const ENTRIES: [u64; 2] = [37, 41];

/// Whether a pack of `size` bytes with these last four was written to its end. They say how long the header before them
/// is; where an upload was cut, bytes of chance stand there, and one in some hundreds of those looks like a length.
pub fn has_its_end(size: u64, last: [u8; 4]) -> bool {
    let header = u64::from(u32::from_le_bytes(last));
    if header + 4 > size {
        return false;
    }
    let Some(entries) = header.checked_sub(SEAL).filter(|entries| *entries > 0) else { return false };
    let [plain, compressed] = ENTRIES;
    (0..plain).any(|some| entries.checked_sub(some * compressed).is_some_and(|rest| rest % plain == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(size: u64, header: u32) -> bool {
        has_its_end(size, header.to_le_bytes())
    }

    #[test]
    fn a_header_is_a_whole_number_of_entries_and_lies_within_its_pack() {
        assert!(end(1000, 32 + 37) && end(1000, 32 + 41) && end(1000, 32 + 3 * 37 + 2 * 41));
        assert!(!end(1000, 32) && !end(1000, 0) && !end(1000, 32 + 38), "no entry, or a part of one");
        assert!(end(73, 69) && !end(72, 69), "it begins before the pack does");
        assert!(!end(3, 0) && !end(17_000_000, u32::MAX));
    }

    #[test]
    fn bytes_of_chance_are_seldom_an_end() {
        // As good as chance, and the same each time.
        let chance = (0..100_000_u32).map(|number| number.wrapping_mul(2_654_435_761).rotate_left(13));
        let taken = chance.filter(|word| end(17_000_000, *word)).count();
        assert!(taken < 600, "{taken} of 100000");
    }
}
