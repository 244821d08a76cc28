//! Encrypting the files to those who are technicians now, and remembering what those who left still know.

use std::collections::{BTreeMap, BTreeSet};

use super::control;
use super::document::Document;
use super::file::{self, Lock};
use super::recipients::Recipients;
use super::{Store, Token};
use crate::failure::Result;
use crate::inventory::Inventory;

/// How the readers of a file differ from those it shall have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readers {
    /// Who can read it only after a rekey.
    pub gain: BTreeSet<String>,
    /// Who can read it now and not after a rekey.
    pub lose: BTreeSet<String>,
    /// The file does not say whom it is encrypted to: it was written by an earlier comuni.
    pub untold: bool,
    /// The part for the control host is not what follows from the file and from consortium.yml.
    pub part: bool,
}

/// What a rekey came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rekeyed {
    /// Owners whose file was written, with who gained and lost.
    pub written: BTreeMap<String, Readers>,
    /// How many files were right already.
    pub right: usize,
}

impl Readers {
    /// The file is encrypted to exactly the technicians of today and the recovery key, and its part to the control host.
    pub fn is_right(&self) -> bool {
        self.gain.is_empty() && self.lose.is_empty() && !self.untold && !self.part
    }

    fn between(now: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Readers {
        let differing = |these: &BTreeMap<String, String>, those: &BTreeMap<String, String>, which: &str| {
            let keys: BTreeSet<&String> = those.values().collect();
            let apart = these.iter().filter(|(_, key)| !keys.contains(key));
            apart
                .map(|(name, _)| if those.contains_key(name) { format!("{name} ({which})") } else { name.clone() })
                .collect()
        };
        Readers {
            gain: if now.is_empty() { BTreeSet::new() } else { differing(wanted, now, "the new key") },
            lose: differing(now, wanted, "the earlier key"),
            untold: now.is_empty(),
            part: false,
        }
    }
}

impl Store {
    /// How the readers of each file that could be opened differ from the technicians of consortium.yml.
    ///
    /// # Errors
    /// Exit 65 when consortium.yml has no recovery key or no technician.
    pub fn readers(&self) -> Result<BTreeMap<String, Readers>> {
        let wanted = Recipients::of(&self.consortium)?.names().clone();
        let of_owner = |(owner, document): (&String, &Document)| {
            let part = !self.is_part_right(owner, document)?;
            Ok((owner.clone(), Readers { part, ..Readers::between(&document.readers, &wanted) }))
        };
        let whole = self.documents.iter().filter(|(owner, _)| !self.closed.contains_key(*owner));
        whole.map(of_owner).collect()
    }

    /// Encrypts every file to the technicians of consortium.yml and the recovery key. Each file is replaced atomically
    /// and can be read at any time; what a cut-off run did not reach is done by the next.
    ///
    /// # Errors
    /// Before anything is written: exit 65 when a file is not for us, we would lose access ourselves, or consortium.yml
    /// has no recovery key; 6 when somebody else is writing.
    pub fn rekey(&mut self) -> Result<Rekeyed> {
        let recipients = Recipients::of(&self.consortium)?;
        let _lock = Lock::take(&self.folder)?;
        let owners: Vec<String> = file::list(&self.folder)?.into_iter().map(|(owner, _)| owner).collect();
        for owner in &owners {
            self.reload(owner)?;
        }
        for owner in &owners {
            self.must_be_open(owner)?;
        }
        let mut rekeyed = Rekeyed::default();
        for (owner, readers) in self.readers()? {
            if readers.is_right() {
                rekeyed.right += 1;
                continue;
            }
            let document = self.documents.get(&owner).cloned().unwrap_or_default();
            self.keep(&owner, document, &recipients)?;
            rekeyed.written.insert(owner, readers);
        }
        Ok(rekeyed)
    }

    /// The secrets that somebody knows who may not read them any more, with who that is.
    pub fn known_outside(&self) -> BTreeMap<Token, BTreeSet<String>> {
        let known = self.list().into_iter().map(|about| (about.token, about.known_to));
        known.filter(|(_, names)| !names.is_empty()).collect()
    }
}

/// Files that are not for exactly the technicians of consortium.yml, as far as that shows without opening them: the
/// owner, and what differs. Two age keys cannot be told apart so, only counted.
///
/// # Errors
/// Exit 65 when the folder or a file cannot be read.
pub fn for_others(inventory: &Inventory) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for (owner, path) in file::list(&inventory.directory.join("secrets"))? {
        let Some(header) = file::header(&path)? else { continue };
        let part = inventory.directory.join("secrets").join(control::FOLDER).join(format!("{owner}.age"));
        let without_part = inventory.consortium.control.is_some() && !part.exists();
        let for_control = without_part.then(|| "its part for the control host is missing".to_string());
        if let Some(difference) = header.difference(&inventory.consortium).or(for_control) {
            found.push((owner, difference));
        }
    }
    Ok(found)
}

/// Notes in a document that is about to be written who could read its values so far, and cannot any more.
pub(super) fn note_leavers(document: &mut Document, before: Option<&Document>, readers: &BTreeMap<String, String>) {
    let Some(before) = before else { return };
    let leave = Readers::between(&before.readers, readers).lose;
    for (key, entry) in &mut document.secrets {
        // A value that is new in this very document was never seen by them.
        if before.secrets.get(key).is_some_and(|old| old.id == entry.id) {
            entry.known_to.extend(leave.iter().cloned());
        }
        // Who has come back may know it again.
        entry.known_to.retain(|name| !readers.contains_key(name));
    }
}
