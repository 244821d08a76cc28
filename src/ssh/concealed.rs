//! A value that is in no output.

use zeroize::Zeroizing;

/// A passphrase or password: not in debug output, and wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Concealed(Zeroizing<String>);

impl Concealed {
    /// Takes it over.
    pub fn new(value: String) -> Concealed {
        Concealed(Zeroizing::new(value))
    }

    /// The value itself, for the one who needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Concealed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("(concealed)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_tells_nothing_of_it() {
        let shown = format!("{:?}", Some(Concealed::new("segretissima".to_string())));
        assert_eq!(shown, "Some((concealed))");
    }
}
