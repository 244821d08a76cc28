//! A value that cannot be printed and does not stay in memory.

use std::fmt;
use std::io::Read;

use rand::TryRngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::failure::{Failure, Result};

/// The longest value, in bytes: what a systemd environment file and a line of pgpass carry without trouble.
pub const LONGEST: usize = 4096;

/// How many characters a generated value has: 190 bits.
const GENERATED: usize = 32;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The value of a secret. Printing it says that it is hidden; memory is wiped when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value over.
    pub fn new(value: String) -> Secret {
        Secret(Zeroizing::new(value))
    }

    /// 32 characters, letters and digits, from the random generator of the operating system.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn generate() -> Result<Secret> {
        let mut value = Zeroizing::new(String::with_capacity(GENERATED));
        let mut bytes = Zeroizing::new([0_u8; 64]);
        while value.len() < GENERATED {
            OsRng.try_fill_bytes(bytes.as_mut_slice()).map_err(no_random)?;
            // Bytes past the last whole round of the alphabet would make its first letters more likely.
            let even = bytes.iter().map(|&byte| usize::from(byte)).filter(|&byte| byte < 256 - 256 % ALPHABET.len());
            let wanted = GENERATED - value.len();
            value.extend(even.map(|byte| char::from(ALPHABET[byte % ALPHABET.len()])).take(wanted));
        }
        Ok(Secret(value))
    }

    /// Reads one value up to the end of the input; a line end at the very end is not part of it.
    ///
    /// # Errors
    /// Exit 64 when it cannot be read or is no text; see [`Secret::check`] for what it may hold.
    pub fn read(mut input: impl Read) -> Result<Secret> {
        // Room for all at once: a buffer that grows leaves copies behind that nobody wipes.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * LONGEST));
        let limit = u64::try_from(LONGEST + 3).unwrap_or(u64::MAX);
        let read = input.by_ref().take(limit).read_to_end(&mut bytes);
        read.map_err(|error| Failure::usage(format!("the secret could not be read: {error}")))?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Failure::usage("the secret is not UTF-8 text").hint("encode binary values, e.g. as base64"))?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let secret = Secret::new(line.strip_suffix('\r').unwrap_or(line).to_string());
        secret.check()?;
        Ok(secret)
    }

    /// Whether every place that takes secrets can take this one.
    ///
    /// # Errors
    /// Exit 64 when it is empty, has a line end or a NUL, or is longer than [`LONGEST`].
    pub fn check(&self) -> Result<()> {
        let fault = if self.0.is_empty() {
            "is empty"
        } else if self.0.len() > LONGEST {
            "is longer than 4 KiB"
        } else if self.0.contains(['\n', '\r']) {
            "has more than one line"
        } else if self.0.contains('\0') {
            "has a NUL character"
        } else {
            return Ok(());
        };
        Err(Failure::usage(format!("the secret {fault}"))
            .hint("give one line of at most 4096 bytes on standard input; encode other values, e.g. as base64"))
    }

    /// The value. Whoever calls this must not print, log or pass it as an argument.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(hidden)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(hidden)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

/// A new id of a secret: 16 hex digits that say nothing about the value.
///
/// # Errors
/// When the operating system gives no random bytes.
pub(super) fn new_id() -> Result<String> {
    let mut bytes = [0_u8; 8];
    OsRng.try_fill_bytes(&mut bytes).map_err(no_random)?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}

fn no_random(error: impl fmt::Display) -> Failure {
    Failure::operation(format!("the operating system gives no random bytes: {error}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_value_is_one_line_without_its_end() {
        for (typed, kept) in
            [("parola", "parola"), ("parola\n", "parola"), ("parola\r\n", "parola"), (" a b ", " a b ")]
        {
            assert_eq!(Secret::read(typed.as_bytes()).unwrap().expose(), kept);
        }
    }

    #[test]
    fn what_not_every_place_can_take_is_refused() {
        let long = "x".repeat(LONGEST + 1);
        for typed in ["", "\n", "two\nlines\n", "a\rb", "a\0b", long.as_str()] {
            let refused = Secret::read(typed.as_bytes()).unwrap_err();
            assert_eq!(refused.kind.exit_code(), 64, "{typed:?}");
        }
        assert!(Secret::read([0xff, 0xfe].as_slice()).is_err());
        assert!(Secret::read("x".repeat(LONGEST).as_bytes()).is_ok());
    }

    #[test]
    fn a_refusal_does_not_repeat_the_value() {
        let refused = Secret::read("poison\nword".as_bytes()).unwrap_err();
        assert!(!format!("{refused:?}").contains("poison"));
    }

    #[test]
    fn generated_values_are_long_plain_and_new_each_time() {
        let values: BTreeSet<String> = (0..64).map(|_| Secret::generate().unwrap().expose().to_string()).collect();
        assert_eq!(values.len(), 64);
        for value in &values {
            assert_eq!(value.len(), 32);
            assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
        let letters: BTreeSet<u8> = values.iter().flat_map(|value| value.bytes()).collect();
        assert_eq!(letters.len(), 62, "every letter of the alphabet comes up in 2048 draws");
    }

    #[test]
    fn ids_are_sixteen_hex_digits() {
        let id = new_id().unwrap();
        assert_eq!(id.len(), 16);
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn nothing_prints_a_value() {
        let secret = Secret::new("poison".to_string());
        assert_eq!(format!("{secret:?} {secret}"), "Secret(hidden) (hidden)");
    }
}
