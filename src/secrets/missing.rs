//! Which secrets an inventory needs, and making those that are not there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::document::Document;
use super::file::Lock;
use super::recipients::Recipients;
use super::{AUTHORITY_KEY, Secret, Store, Token, login};
use crate::authority::{self, Signer};
use crate::disk;
use crate::failure::{Failure, Result};
use crate::inventory::Inventory;
use crate::inventory::names::{COPY_KEY, TRANSFER_KEY, backup_ssh_key, repository_key};

/// What [`Store::make_missing`] made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// Secrets that have a value now.
    pub tokens: BTreeSet<String>,
    /// The authority's certificate, when it was made.
    pub certificate: Option<PathBuf>,
}

impl Made {
    /// Everything was there.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.certificate.is_none()
    }
}

/// The tokens of all secrets that an inventory needs.
pub fn required_tokens(inventory: &Inventory) -> BTreeSet<String> {
    let mut tokens = BTreeSet::from([AUTHORITY_KEY.to_string()]);
    if inventory.consortium.dns.is_some() {
        tokens.insert(TRANSFER_KEY.to_string());
    }
    let backup = inventory.consortium.backup.as_ref();
    if backup.is_some_and(|backup| backup.copy.is_some()) {
        tokens.insert(COPY_KEY.to_string());
    }
    for body in inventory.members.values() {
        for plan in body.tenants.values() {
            if backup.is_some() {
                tokens.insert(repository_key(&body.code));
                tokens.insert(backup_ssh_key(&body.code, &plan.application_host));
            }
            let Some(application) = inventory.applications.get(&plan.application) else { continue };
            let passwords = application.database.iter().flat_map(|_| login::PASSWORD_TOKENS);
            let names = passwords.chain(application.secrets.iter().map(String::as_str));
            tokens.extend(names.map(|name| Token::new(&body.code, &plan.application, name).to_string()));
        }
    }
    tokens
}

impl Store {
    /// The tokens that have no value. What lies in a file that none of the identities opens is not counted.
    pub fn missing(&self, inventory: &Inventory) -> BTreeSet<String> {
        let absent = |token: &Token| {
            let there = self.documents.get(&token.owner).is_some_and(|file| file.secrets.contains_key(&token.key()));
            !there && !self.closed.contains_key(&token.owner)
        };
        required(inventory).filter(absent).map(|token| token.to_string()).collect()
    }

    /// Makes every secret that is missing, and the authority's certificate (`authority.pem`) when there is none.
    /// Changes nothing that is there. After a crash in the middle the next call makes the rest.
    ///
    /// # Errors
    /// Before anything is written: 65 when there is no recovery key, a needed file is not for us, or the authority's
    /// certificate is there without its key; 6 when somebody else is writing.
    pub fn make_missing(&mut self, inventory: &Inventory) -> Result<Made> {
        let _lock = Lock::take(&self.folder)?;
        let owners: BTreeSet<String> = required(inventory).map(|token| token.owner).collect();
        for owner in &owners {
            self.reload(owner)?;
        }
        for owner in &owners {
            self.must_be_open(owner)?;
        }
        let missing = self.missing(inventory);
        let path = inventory.directory.join("authority.pem");
        let certificate = self.authority_certificate(&path, &missing)?;
        if missing.is_empty() && certificate.is_some() {
            return Ok(Made::default());
        }

        let recipients = Recipients::of(&self.consortium)?;
        let mut changed: BTreeMap<String, Document> = BTreeMap::new();
        for token in missing.iter().filter_map(|text| Token::parse(text).ok()) {
            let value = if token.to_string() == AUTHORITY_KEY {
                Secret::new(authority::new_key()?)
            } else {
                Secret::generate()?
            };
            let document = changed
                .entry(token.owner.clone())
                .or_insert_with(|| self.documents.get(&token.owner).cloned().unwrap_or_default());
            document.put(&token.key(), value)?;
        }
        for (owner, document) in changed {
            self.keep(&owner, document, &recipients)?;
        }
        let mut made = Made { tokens: missing, certificate: None };
        if certificate.is_none() {
            // After the key is on disk: a certificate without its key would be of no use to anybody.
            let key = self.get(AUTHORITY_KEY)?.ok_or_else(|| Failure::operation("the authority's key is not there"))?;
            let certificate = authority::certify(&self.consortium, key.expose())?;
            disk::replace(&path, certificate.as_bytes(), 0o644)
                .map_err(|error| Failure::operation(format!("{}: not written: {error}", path.display())))?;
            made.certificate = Some(path);
        }
        Ok(made)
    }

    /// The authority's certificate when there is one; it must then fit the key.
    fn authority_certificate(&self, path: &PathBuf, missing: &BTreeSet<String>) -> Result<Option<String>> {
        let place = path.display();
        let certificate = match fs::read_to_string(path) {
            Ok(certificate) => certificate,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::inventory(format!("{place}: {error}"))),
        };
        if missing.contains(AUTHORITY_KEY) {
            return Err(Failure::inventory(format!(
                "{place}: the authority's certificate is there, but its key is not in {}",
                self.path(super::CONSORTIUM).display()
            ))
            .hint("bring back the secret file from the repository's history or a backup")
            .hint(format!("or move {place} away: a new authority is made, and every certificate is issued again")));
        }
        if let Some(key) = self.get(AUTHORITY_KEY)? {
            Signer::new(&certificate, key.expose()).map_err(|failure| failure.context(&place))?;
        }
        Ok(Some(certificate))
    }
}

fn required(inventory: &Inventory) -> impl Iterator<Item = Token> {
    required_tokens(inventory).into_iter().filter_map(|text| Token::parse(&text).ok())
}
