//! Archives of releases arrive in pieces, resumable, and count only when their hash is right.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::store;
use crate::catalog::Catalog;
use crate::failure::{Failure, Result};
use crate::machine::Machine;
use crate::protocol::FromHost;
use crate::resources::Resource;

/// Archives that the pending releases of a catalog need and that are not here, with how many bytes of each are.
///
/// # Errors
/// When the folder cannot be read.
pub fn missing(
    machine: &dyn Machine,
    folder: &Path,
    catalog: &Catalog,
    pending: &BTreeSet<String>,
) -> Result<Vec<(String, u64)>> {
    let mut missing = BTreeMap::new();
    for entry in catalog.entries.iter().filter(|entry| pending.contains(&entry.id)) {
        let Resource::Release(release) = &entry.resource else { continue };
        if let Some(hash) = release.archive_needed(machine)? {
            let there = machine.stat(&part(folder, hash))?.map_or(0, |stat| stat.size);
            missing.insert(hash.to_string(), there);
        }
    }
    Ok(missing.into_iter().collect())
}

/// Takes one piece. Says [`FromHost::ArchiveStored`] after the last one, or as soon as the archive is refused.
///
/// # Errors
/// Never for a wrong archive, which is answered; only when the system refuses to remove it.
pub fn store_piece(
    machine: &mut dyn Machine,
    folder: &Path,
    sha256: String,
    offset: u64,
    data: &str,
    last: bool,
) -> Result<Option<FromHost>> {
    if !is_hash(&sha256) {
        let error = Some("its name is no SHA-256 in lower-case hex".to_string());
        return Ok(Some(FromHost::ArchiveStored { sha256, error }));
    }
    let answer = match add(machine, folder, &sha256, offset, data) {
        Err(failure) => Some(failure.message),
        Ok(()) if !last => return Ok(None),
        Ok(()) => finish(machine, folder, &sha256)?,
    };
    Ok(Some(FromHost::ArchiveStored { sha256, error: answer }))
}

fn add(machine: &mut dyn Machine, folder: &Path, sha256: &str, offset: u64, data: &str) -> Result<()> {
    let piece = STANDARD.decode(data).map_err(|error| Failure::operation(format!("a piece is no Base64: {error}")))?;
    store::make_folder(machine, folder)?;
    let part = part(folder, sha256);
    if offset == 0 {
        machine.remove(&part)?;
    }
    let there = machine.stat(&part)?.map_or(0, |stat| stat.size);
    if there != offset {
        return Err(Failure::operation(format!("a piece begins at {offset}, but {there} bytes are here")));
    }
    machine.append(&part, &piece, &store::PRIVATE_FILE)
}

fn finish(machine: &mut dyn Machine, folder: &Path, sha256: &str) -> Result<Option<String>> {
    let part = part(folder, sha256);
    let found = machine.sha256(&part)?.unwrap_or_default();
    if found == sha256 {
        machine.rename(&part, &folder.join(sha256))?;
        return Ok(None);
    }
    // Kept bytes would be resumed, and the hash would be wrong for ever.
    machine.remove(&part)?;
    Ok(Some(format!("what arrived has the hash {found}; it was removed")))
}

fn part(folder: &Path, sha256: &str) -> PathBuf {
    folder.join(format!("{sha256}.part"))
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
