//! What is ours on a host. The rest of what stands there already is taken over and never made anew: the plan says so.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::manifest::Manifest;
use crate::catalog::Entry;
use crate::failure::Result;
use crate::machine::Machine;
use crate::resources::{Action, Resource};

/// Tells what an apply of ours made from what was there before, or was made by hand.
pub struct Ours {
    /// Of the manifest, as the catalog names them and as their resources do: tenants share some.
    ids: BTreeSet<String>,
    paths: BTreeSet<String>,
    journal: PathBuf,
    begun: OnceCell<BTreeSet<String>>,
}

impl Ours {
    /// What the manifest knows, and the journal at `journal`: a run that is cut off leaves what it made in there only.
    pub fn new(manifest: &Manifest, journal: &Path) -> Ours {
        let ids = manifest.records.iter().flat_map(|record| [record.id.clone(), record.resource.id()]);
        Ours { ids: ids.collect(), paths: manifest.paths(), journal: journal.to_path_buf(), begun: OnceCell::new() }
    }

    /// An apply of ours put this here. What must *not* be there is nobody's, and never taken over.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn has(&self, machine: &dyn Machine, entry: &Entry) -> Result<bool> {
        let (resource, id) = (&entry.resource, entry.resource.id());
        if matches!(resource, Resource::Absent(_)) || self.ids.contains(&entry.id) || self.ids.contains(&id) {
            return Ok(true);
        }
        // A path that changes its kind (a file that becomes a link) stays ours.
        if resource.kind().paths().iter().any(|path| self.paths.contains(path)) {
            return Ok(true);
        }
        if self.begun.get().is_none() {
            // The journal is read for the first candidate only: most hosts have none.
            let _ = self.begun.set(begun(machine, &self.journal)?);
        }
        Ok(self.begun.get().is_some_and(|begun| begun.contains(&entry.id)))
    }

    /// The action, in the words for what is not ours when that is so: what is there is taken over.
    ///
    /// # Errors
    /// As [`Ours::has`].
    pub fn judge(&self, machine: &dyn Machine, entry: &Entry, action: Action) -> Result<Action> {
        Ok(if action == Action::Change && !self.has(machine, entry)? { Action::AdoptAndChange } else { action })
    }
}

/// The ids whose making was begun here, and that were not taken away since.
fn begun(machine: &dyn Machine, journal: &Path) -> Result<BTreeSet<String>> {
    let older = PathBuf::from(format!("{}.1", journal.display()));
    let mut last: BTreeMap<String, bool> = BTreeMap::new();
    for path in [older.as_path(), journal] {
        let content = machine.read(path)?.unwrap_or_default();
        // The last line may be cut short by a full disk.
        for line in
            String::from_utf8_lossy(&content).lines().filter_map(|line| serde_json::from_str::<Value>(line).ok())
        {
            if let Some(id) = line["id"].as_str() {
                last.insert(id.to_string(), line["action"] != "remove");
            }
        }
    }
    Ok(last.into_iter().filter(|(_, there)| *there).map(|(id, _)| id).collect())
}
