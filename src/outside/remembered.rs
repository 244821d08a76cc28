//! The DS of every zone as they were last seen and proven, on this machine: what a changed key is told by.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::failure::{Failure, Result};

/// Zones with their DS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    path: PathBuf,
    zones: BTreeMap<String, Entry>,
}

/// What is remembered of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The DS as a registrar takes them, sorted.
    pub ds: Vec<String>,
    /// When they were last seen (seconds since 1970).
    pub seen: i64,
}

impl Remembered {
    /// Reads the file; one that is not there is empty.
    ///
    /// # Errors
    /// When it cannot be read: a forgotten key would be trusted anew.
    pub fn read(path: &Path) -> Result<Remembered> {
        let zones = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| unreadable(path, &error.to_string()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(unreadable(path, &error.to_string())),
        };
        Ok(Remembered { path: path.to_path_buf(), zones })
    }

    /// What is remembered of a zone (without final dot).
    pub fn of(&self, zone: &str) -> Option<&Entry> {
        self.zones.get(zone)
    }

    /// Keeps the DS of a zone.
    pub fn keep(&mut self, zone: &str, ds: Vec<String>, seen: i64) {
        self.zones.insert(zone.to_string(), Entry { ds, seen });
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self) -> Result<()> {
        let failed = |error: String| {
            Failure::operation(format!("{} cannot be written: {error}", self.path.display()))
                .hint("without it a changed key is not told: check the rights of the folder and the space left")
        };
        let bytes = serde_json::to_vec_pretty(&self.zones).map_err(|error| failed(error.to_string()))?;
        let folder = self.path.parent().map_or(Ok(()), disk::private_folder);
        folder.and_then(|()| disk::replace(&self.path, &bytes, 0o600)).map_err(|error| failed(error.to_string()))
    }
}

fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::operation(format!("what was seen of the zones' keys cannot be read: {}: {why}", path.display()))
        .hint("put it back from a backup; removing it means to trust the keys that are served now")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_reads_back_and_a_broken_file_is_not_taken_for_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/dns.json");
        let mut remembered = Remembered::read(&path).unwrap();
        assert_eq!(remembered.of("comune.malnate.va.it"), None);
        remembered.keep("comune.malnate.va.it", vec!["1 13 2 AB".to_string()], 1_764_000_000);
        remembered.write().unwrap();
        assert_eq!(Remembered::read(&path).unwrap(), remembered);
        fs::write(&path, "{").unwrap();
        assert!(Remembered::read(&path).unwrap_err().message.contains("cannot be read"));
    }
}
