//! How fields are read. A rendered playbook value is always text, so numbers and booleans are read from text too.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Bool(bool),
    Number(u64),
    Text(String),
}

/// A boolean, or the text `true` or `false`.
pub fn boolean<'de, D: Deserializer<'de>>(input: D) -> Result<bool, D::Error> {
    match Loose::deserialize(input)? {
        Loose::Bool(value) => Ok(value),
        Loose::Text(text) if text == "true" => Ok(true),
        Loose::Text(text) if text == "false" => Ok(false),
        Loose::Text(text) => Err(D::Error::custom(format!("\"{text}\" is neither true nor false"))),
        Loose::Number(number) => Err(D::Error::custom(format!("{number} is neither true nor false"))),
    }
}

/// A whole number, or its digits as text.
pub fn number<'de, D: Deserializer<'de>>(input: D) -> Result<u32, D::Error> {
    match Loose::deserialize(input)? {
        Loose::Number(value) => u32::try_from(value).map_err(|_| D::Error::custom(format!("{value} is too large"))),
        Loose::Text(text) => text.parse().map_err(|_| D::Error::custom(format!("\"{text}\" is not a whole number"))),
        Loose::Bool(value) => Err(D::Error::custom(format!("{value} is not a whole number"))),
    }
}

/// Permission bits as four octal digits in text: a YAML number would lose its zero.
pub fn mode<'de, D: Deserializer<'de>>(input: D) -> Result<u32, D::Error> {
    let text = String::deserialize(input)?;
    let digits = text.len() == 4 && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    match u32::from_str_radix(&text, 8) {
        Ok(bits) if digits => Ok(bits),
        _ => Err(D::Error::custom(format!(
            "\"{text}\" is not a mode: write four octal digits in quotes, such as \"0640\""
        ))),
    }
}

/// Writes a mode the way [`mode`] reads it.
pub fn write_mode<S: serde::Serializer>(bits: &u32, output: S) -> Result<S::Ok, S::Error> {
    output.serialize_str(&format!("{bits:04o}"))
}

/// No limit.
pub fn unlimited() -> u32 {
    u32::MAX
}
