//! What a secret file holds once it is decrypted.

use std::collections::{BTreeMap, BTreeSet};

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

use super::login::Login;
use super::secret::{self, Secret};
use crate::failure::Result;

/// Version of this form.
const VERSION: u32 = 1;

/// The secrets of one owner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    version: u32,
    /// By `<application>/<name>`.
    pub(super) secrets: BTreeMap<String, Entry>,
    /// The login roles of each tenant whose first one is not simply in use, by application.
    #[serde(default)]
    pub(super) logins: BTreeMap<String, Login>,
    /// To whom the file was encrypted when it was written, by name: age keys leave no mark outside.
    #[serde(default)]
    pub(super) readers: BTreeMap<String, String>,
}

/// One secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Changes whenever the value changes.
    pub(super) id: String,
    /// The ids before this one, the newest last.
    #[serde(default)]
    pub(super) replaces: Vec<String>,
    pub(super) value: Secret,
    /// In the part for the control host: it is told the id and not the value, which is empty.
    #[serde(default)]
    pub(super) withheld: bool,
    /// The day it was made in Italy, ISO 8601.
    pub(super) made: String,
    /// Technicians who could read it and whose access has ended since.
    #[serde(default)]
    pub(super) known_to: BTreeSet<String>,
}

impl Default for Document {
    fn default() -> Document {
        Document { version: VERSION, secrets: BTreeMap::new(), logins: BTreeMap::new(), readers: BTreeMap::new() }
    }
}

impl Document {
    /// Reads the clear text; says why not without repeating any of it.
    pub(super) fn parse(clear: &[u8]) -> std::result::Result<Document, String> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let head: Head = serde_json::from_slice(clear).map_err(place)?;
        if head.version != VERSION {
            return Err(format!("it has version {}, and this comuni reads version {VERSION}", head.version));
        }
        serde_json::from_slice(clear).map_err(place)
    }

    /// The clear text.
    pub(super) fn text(&self) -> serde_json::Result<Zeroizing<Vec<u8>>> {
        // Room for all at once: a buffer that grows leaves copies behind that nobody wipes. JSON needs at most six
        // bytes for one.
        let length = |(key, entry): (&String, &Entry)| {
            key.len() + 6 * entry.value.expose().len() + 24 * entry.replaces.len() + 128
        };
        let names = |entry: &Entry| entry.known_to.iter().map(|name| name.len() + 4).sum::<usize>();
        let known = self.secrets.values().map(names).sum::<usize>();
        let readers: usize = self.readers.iter().map(|(name, key)| name.len() + key.len() + 8).sum();
        let logins: usize = self.logins.iter().map(|(key, login)| key.len() + 24 * login.replaces.len() + 96).sum();
        let room = self.secrets.iter().map(length).sum::<usize>() + known + readers + logins + 128;
        let mut text = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *text, self)?;
        Ok(text)
    }

    /// Puts a value under a key, with a new id that replaces the one there.
    pub(super) fn put(&mut self, key: &str, value: Secret) -> Result<&Entry> {
        let replaces = match self.secrets.get(key) {
            Some(old) => old.replaces.iter().chain([&old.id]).cloned().collect(),
            None => Vec::new(),
        };
        let entry =
            Entry { id: secret::new_id()?, replaces, value, withheld: false, made: today(), known_to: BTreeSet::new() };
        let place = self.secrets.entry(key.to_string());
        Ok(place.and_modify(|old| old.clone_from(&entry)).or_insert(entry))
    }
}

// By hand, so that `Secret` itself has no way into a serializer.
impl Serialize for Document {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let mut out = to.serialize_struct("Document", 4)?;
        out.serialize_field("version", &self.version)?;
        out.serialize_field("secrets", &self.secrets)?;
        out.serialize_field("logins", &self.logins)?;
        out.serialize_field("readers", &self.readers)?;
        out.end()
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let mut out = to.serialize_struct("Entry", 5 + usize::from(self.withheld))?;
        out.serialize_field("id", &self.id)?;
        out.serialize_field("replaces", &self.replaces)?;
        out.serialize_field("value", self.value.expose())?;
        if self.withheld {
            out.serialize_field("withheld", &true)?;
        }
        out.serialize_field("made", &self.made)?;
        out.serialize_field("known_to", &self.known_to)?;
        out.end()
    }
}

/// Where the text is wrong; serde's own words may quote it.
fn place(error: serde_json::Error) -> String {
    format!("line {} column {} is not as expected", error.line(), error.column())
}

fn today() -> String {
    let now = jiff::Timestamp::now();
    let here = now.in_tz("Europe/Rome").unwrap_or_else(|_| now.to_zoned(jiff::tz::TimeZone::UTC));
    here.date().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Document {
        let mut document = Document::default();
        document.put("albo/database_password_a", Secret::new("uno \"due\" \u{7}".to_string())).unwrap();
        document
    }

    #[test]
    fn a_document_reads_back_as_it_was_written() {
        let document = example();
        assert_eq!(Document::parse(&document.text().unwrap()).unwrap(), document);
    }

    #[test]
    fn a_new_value_has_a_new_id_and_remembers_all_it_replaced() {
        let mut document = example();
        let key = "albo/database_password_a";
        let first = document.secrets[key].id.clone();
        let second = document.put(key, Secret::new("tre".to_string())).unwrap().id.clone();
        let third = document.put(key, Secret::new("quattro".to_string())).unwrap();
        assert_eq!(third.replaces, [first, second.clone()]);
        assert_ne!(third.id, second);
    }

    #[test]
    fn the_clear_text_fits_the_room_that_was_made_for_it() {
        let mut document = Document::default();
        document.put("albo/poison", Secret::new("\u{1}".repeat(4096))).unwrap();
        let room = 6 * 4096 + 11 + 128 + 64;
        assert!(document.text().unwrap().len() <= room);
    }

    #[test]
    fn a_fault_is_told_by_place_and_never_by_content() {
        let bad = br#"{"version":1,"secrets":{"albo/x":{"id":"1","value":7,"made":"poison"}}}"#;
        let told = Document::parse(bad).unwrap_err();
        assert!(told.contains("line 1"), "{told}");
        let unknown = br#"{"version":1,"secrets":{},"poison":1}"#;
        assert!(!Document::parse(unknown).unwrap_err().contains("poison"));
    }

    #[test]
    fn a_later_version_is_named() {
        let told = Document::parse(br#"{"version":2,"vaults":[]}"#).unwrap_err();
        assert!(told.contains("version 2"), "{told}");
    }
}
