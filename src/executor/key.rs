//! The key of a host, under which digests of secrets are stored; and plain digests, and what is made at random.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::store;
use crate::failure::{Failure, Result};
use crate::machine::{Machine, hex};

/// Reads the key of this host; empty when none was made yet (a plan makes none).
///
/// # Errors
/// When it cannot be read.
pub fn load(machine: &dyn Machine, path: &Path) -> Result<Vec<u8>> {
    Ok(machine.read(path)?.unwrap_or_default())
}

/// Reads the key of this host, or makes one.
///
/// # Errors
/// When it can be neither read nor made.
pub fn load_or_make(machine: &mut dyn Machine, path: &Path) -> Result<Vec<u8>> {
    let known = load(machine, path)?;
    if known.len() == 32 {
        return Ok(known);
    }
    let key = random_bytes::<32>()?.to_vec();
    if let Some(folder) = path.parent() {
        store::make_folder(machine, folder)?;
    }
    machine.write(path, &key, &store::PRIVATE_FILE)?;
    Ok(key)
}

/// Bytes of the kernel's generator. Randomness is no state of the host, hence not through the machine.
///
/// # Errors
/// When `/dev/urandom` cannot be read.
pub fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(|error| Failure::operation(format!("/dev/urandom: {error}")))?;
    Ok(bytes)
}

/// Lower-case hex SHA-256.
pub fn sha256(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tokens_are_never_alike() {
        assert_ne!(random_bytes::<16>().unwrap(), random_bytes::<16>().unwrap());
    }
}
