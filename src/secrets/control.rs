//! The part of each secret file that the control host may have: `secrets/control/<owner>.age`, for its timers, which no
//! technician attends. It holds the keys of repositories, so that backups can be proven; of everything else only the
//! ids, so that a plan can tell what is newer than what a host has.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::document::Document;
use super::file::{self, Content};
use super::recipients::Recipients;
use super::{Secret, Store, Token};
use crate::disk;
use crate::failure::{Failure, Result};
use crate::inventory::names::repository_key;

/// The folder of these parts, below that of the secrets.
pub(super) const FOLDER: &str = "control";

/// What the control host is told of an owner's secrets.
fn part(owner: &str, whole: &Document, recipients: &Recipients) -> Document {
    let mut part = whole.clone();
    part.readers.clone_from(recipients.names());
    let given = Token::parse(&repository_key(owner)).ok().map(|token| token.key());
    for entry in part.secrets.iter_mut().filter(|(key, _)| Some(*key) != given.as_ref()).map(|(_, entry)| entry) {
        entry.value = Secret::new(String::new());
        entry.withheld = true;
    }
    part
}

impl Store {
    fn part_path(&self, owner: &str) -> PathBuf {
        self.folder.join(FOLDER).join(format!("{owner}.age"))
    }

    /// Reads the part for the control host, when that is all that there is for us.
    pub(super) fn reload_part(&mut self, owner: &str, why: String) -> Result<()> {
        if let Content::Open(part) = file::read(&self.part_path(owner), &self.keys, &self.consortium)? {
            self.documents.insert(owner.to_string(), part);
        }
        self.closed.insert(owner.to_string(), why);
        Ok(())
    }

    /// Whether a token's value is in the part that we can read.
    pub(super) fn is_in_part(&self, token: &Token) -> bool {
        let entry = self.documents.get(&token.owner).and_then(|part| part.secrets.get(&token.key()));
        entry.is_some_and(|entry| !entry.withheld)
    }

    /// Whether we have the part of an owner whose file is not for us: what it holds is known by its ids.
    pub fn has_part(&self, owner: &str) -> bool {
        self.closed.contains_key(owner) && self.documents.contains_key(owner)
    }

    /// Owners with a part of their own.
    pub(super) fn parts(&self) -> Result<BTreeSet<String>> {
        Ok(file::list(&self.folder.join(FOLDER))?.into_iter().map(|(owner, _)| owner).collect())
    }

    /// Writes the part as it follows from the owner's file; takes it away when no control host has a key.
    pub(super) fn keep_part(&self, owner: &str, whole: &Document) -> Result<()> {
        let path = self.part_path(owner);
        let failed = |error: std::io::Error| Failure::operation(format!("{}: {error}", path.display()));
        match Recipients::of_control(&self.consortium)? {
            Some(recipients) => {
                disk::private_folder(&self.folder.join(FOLDER)).map_err(failed)?;
                file::write(&path, &part(owner, whole, &recipients), &recipients, &self.keys)
            }
            None if path.exists() => disk::remove(&path).map_err(failed),
            None => Ok(()),
        }
    }

    /// Whether the part of an owner whose file is open is what follows from that file.
    pub(super) fn is_part_right(&self, owner: &str, whole: &Document) -> Result<bool> {
        let wanted = Recipients::of_control(&self.consortium)?.map(|recipients| part(owner, whole, &recipients));
        Ok(match file::read(&self.part_path(owner), &self.keys, &self.consortium) {
            Ok(Content::Absent) => wanted.is_none(),
            Ok(Content::Open(there)) => wanted.as_ref() == Some(&there),
            // It is made anew from the whole.
            Ok(Content::Closed(_)) | Err(_) => false,
        })
    }
}
