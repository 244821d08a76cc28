//! SHA-256 and hexadecimal, as files, archives and hosts are compared by.

use std::io::{self, ErrorKind, Read};

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256(content: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(content))
}

/// SHA-256 in lower-case hexadecimal of all that can be read, of which only a piece at a time is in memory.
///
/// # Errors
/// Those of the reader.
pub fn sha256_of(mut reader: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(hex(&hasher.finalize())),
            Ok(length) => hasher.update(&piece[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// JSON with sorted keys and no spaces, however the library orders its maps: equal values give equal digests.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<_> = fields.keys().collect();
            names.sort();
            let inner: Vec<_> = names
                .into_iter()
                .map(|name| format!("{}:{}", Value::from(name.as_str()), canonical(&fields[name.as_str()])))
                .collect();
            format!("{{{}}}", inner.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_agree_with_the_example_of_fips_180() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256("abc"), known);
        assert_eq!(sha256_of("abc".as_bytes()).unwrap(), known);
    }

    #[test]
    fn values_that_are_equal_are_written_alike() {
        let one: Value = serde_json::from_str(r#"{ "b": [1, {"y": null, "x": "\u00e0"}], "a": true }"#).unwrap();
        assert_eq!(canonical(&one), r#"{"a":true,"b":[1,{"x":"à","y":null}]}"#);
    }

    #[test]
    fn what_is_longer_than_a_piece_is_read_whole() {
        let long = vec![7; 200_000];
        assert_eq!(sha256_of(long.as_slice()).unwrap(), sha256(&long));
    }
}
