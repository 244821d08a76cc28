//! Archives of releases on this machine: only what has the hash that the inventory states goes to a host.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use crate::compile::Compiled;
use crate::digest::sha256_of;
use crate::failure::{Failure, Result};

/// Where the archives with these hashes lie, each compared with its hash.
///
/// # Errors
/// Exit 65, naming the file that is missing or differs.
pub(super) fn checked<'a>(
    compiled: &Compiled,
    hashes: impl IntoIterator<Item = &'a String>,
) -> Result<BTreeMap<String, PathBuf>> {
    let mut archives = BTreeMap::new();
    for hash in hashes {
        let Some(path) = compiled.archives.get(hash) else { continue };
        let found = File::open(path).and_then(sha256_of).map_err(|error| {
            Failure::inventory(format!("{}: the archive of a release cannot be read: {error}", path.display()))
                .hint("put the archive where `source:` of the release says")
        })?;
        if found != *hash {
            return Err(Failure::inventory(format!(
                "{}: the archive has the sha256 {found}, but the inventory says {hash}",
                path.display()
            ))
            .hint("get the archive again; change the inventory only when you know where the new one comes from"));
        }
        archives.insert(hash.clone(), path.clone());
    }
    Ok(archives)
}
