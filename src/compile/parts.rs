//! Much that is alike, done side by side.

/// Cuts a list into as many parts as there are processors, does them at once, and returns what came of them in the order
/// of the list: so the result does not hang on how many there were, as long as parts have nothing to do with each other.
pub fn in_parts<T: Sync, R: Send>(list: &[T], work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let parts = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let size = list.len().div_ceil(parts).max(1);
    std::thread::scope(|scope| {
        let parts: Vec<_> = list.chunks(size).map(|part| scope.spawn(|| work(part))).collect();
        let done = parts.into_iter().map(|part| part.join());
        done.map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::in_parts;

    #[test]
    fn what_comes_of_the_parts_stands_in_the_order_of_the_list() {
        for count in [0, 1, 2, 7, 1000] {
            let list: Vec<usize> = (0..count).collect();
            assert_eq!(in_parts(&list, <[usize]>::to_vec).concat(), list);
        }
    }
}
