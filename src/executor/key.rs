//! The key of a host, under which digests of secrets are stored, and what is made at random.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::store;
use crate::failure::{Failure, Result};
use crate::machine::Machine;

const BLOCK: usize = 64;

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

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lower-case hex SHA-256.
pub fn sha256(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

/// HMAC-SHA256 (RFC 2104) in lower-case hex: nobody without the key can try guesses against a stored digest.
pub fn hmac(key: &[u8], content: &[u8]) -> String {
    let mut block = [0u8; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(content).finalize();
    hex(&Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyed_digest_is_that_of_rfc_4231() {
        assert_eq!(
            hmac(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn two_tokens_are_never_alike() {
        assert_ne!(random_bytes::<16>().unwrap(), random_bytes::<16>().unwrap());
    }
}
