//! age files of secrets; a value that cannot be printed.
//!
//! One file an owner, `secrets/<code>.age` and `secrets/consortium.age`, each encrypted to every technician of
//! consortium.yml and to the offline recovery key. Secrets are never taken from an included inventory: other hosts,
//! other secrets. What is made is on disk before anybody hears of it. Beside it lies the part that the timers of the
//! control host may read (`control`).

mod control;
mod document;
mod file;
mod identity;
mod login;
mod missing;
mod recipients;
mod rekey;
mod rotation;
mod sealed;
mod secret;
mod ssh_key;
mod token;

#[cfg(test)]
pub(crate) mod example;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use document::Document;
use file::{Content, Lock};
use identity::Keys;
use recipients::Recipients;

pub use identity::Identities;
pub use login::{ACTIVE_TOKENS, Half, PASSWORD_TOKENS, Step};
pub use missing::{Made, required_tokens};
pub use rekey::{Readers, Rekeyed, for_others};
pub use rotation::Rotation;
pub use sealed::{PublicKey, Sealed};
pub use secret::{LONGEST, Secret};
pub use token::{AUTHORITY_KEY, CONSORTIUM, Token};

use crate::authority;
use crate::failure::{Failure, Result};
use crate::inventory::Inventory;
use crate::inventory::diagnostics::nearest;
use crate::inventory::types::Consortium;
use crate::resources::{SecretTable, SecretValue};

/// The secrets of an inventory as far as the identities at hand can read them.
pub struct Store {
    folder: PathBuf,
    consortium: Consortium,
    /// Codes that may own secrets.
    owners: BTreeSet<String>,
    keys: Keys,
    documents: BTreeMap<String, Document>,
    /// Owners whose file none of the identities opens, with why. Of these there may be the part for the control host
    /// among the documents.
    closed: BTreeMap<String, String>,
}

/// What may be told about a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its name.
    pub token: Token,
    /// Changes whenever the value changes.
    pub id: String,
    /// The ids that this one replaced, the newest last.
    pub replaces: Vec<String>,
    /// The day it was made in Italy, ISO 8601.
    pub made: String,
    /// Technicians whose access has ended since, and who know this value.
    pub known_to: BTreeSet<String>,
}

impl Store {
    /// Reads what can be read. A file that none of the identities opens is no error here: see [`Store::unreadable`].
    ///
    /// # Errors
    /// When an identity file or a secret file is damaged.
    pub fn open(inventory: &Inventory, identities: &Identities) -> Result<Store> {
        let codes = inventory.members.values().map(|body| body.code.clone());
        let mut store = Store {
            folder: inventory.directory.join("secrets"),
            consortium: inventory.consortium.clone(),
            owners: codes.chain([CONSORTIUM.to_string()]).collect(),
            keys: Keys::read(identities)?,
            documents: BTreeMap::new(),
            closed: BTreeMap::new(),
        };
        let whole = file::list(&store.folder)?.into_iter().map(|(owner, _)| owner);
        for owner in whole.chain(store.parts()?).collect::<BTreeSet<String>>() {
            store.reload(&owner)?;
        }
        Ok(store)
    }

    /// The values of these tokens that could be read. The authority's key is never among them: no host may have it.
    pub fn table(&self, tokens: &BTreeSet<String>) -> SecretTable {
        let tokens = tokens.iter().filter_map(|text| Token::parse(text).ok());
        let known = tokens.map(|token| (token.to_string(), token)).filter(|(name, _)| name != AUTHORITY_KEY);
        SecretTable { values: known.filter_map(|(name, token)| Some((name, self.find(&token)?))).collect() }
    }

    /// What a token stands for, also when that follows from other secrets.
    fn find(&self, token: &Token) -> Option<SecretValue> {
        let document = self.documents.get(&token.owner)?;
        if login::is_derived(&token.name) {
            return login::derived(document, &token.owner, &token.application, &token.name);
        }
        if ssh_key::is_derived(token) {
            return ssh_key::derived(document, token);
        }
        let entry = document.secrets.get(&token.key())?;
        let value = entry.value.expose().to_string();
        Some(SecretValue { id: entry.id.clone(), replaces: entry.replaces.clone(), value, withheld: entry.withheld })
    }

    /// Owners whose file none of the identities opens, with why.
    pub fn unreadable(&self) -> Vec<(String, String)> {
        self.closed.iter().map(|(owner, why)| (owner.clone(), why.clone())).collect()
    }

    /// The value of a token; `None` when there is none.
    ///
    /// # Errors
    /// Exit 64 when it is no token, 65 when none of the identities opens its owner's file.
    pub fn get(&self, token: &str) -> Result<Option<Secret>> {
        let token = Token::parse(token)?;
        self.must_be_given(&token)?;
        Ok(self.find(&token).map(|found| Secret::new(found.value)))
    }

    /// Whether every one of these tokens has a value that could be read: what a verb asks before its first effect.
    ///
    /// # Errors
    /// Exit 65, naming those who can open a file that is not for us, or the tokens that have no value.
    pub fn require(&self, tokens: &BTreeSet<String>) -> Result<()> {
        let tokens = tokens.iter().map(|text| Token::parse(text)).collect::<Result<BTreeSet<Token>>>()?;
        for token in &tokens {
            self.must_be_given(token)?;
        }
        let absent: Vec<String> =
            tokens.iter().filter(|token| self.find(token).is_none()).map(Token::to_string).collect();
        if absent.is_empty() {
            return Ok(());
        }
        Err(Failure::inventory(format!("these secrets have no value: {}", absent.join(", ")))
            .hint("comuni secrets set --missing makes all that are missing"))
    }

    /// All secrets that could be read, without their values.
    pub fn list(&self) -> Vec<About> {
        let of_owner = |(owner, document): (&String, &Document)| -> Vec<About> {
            let about = document.secrets.keys().filter_map(|key| About::of(owner, key, document));
            about.collect()
        };
        self.documents.iter().flat_map(of_owner).collect()
    }

    /// Keeps a value, on disk before this returns. The file is encrypted to the technicians of today. A value that is
    /// there already keeps its id.
    ///
    /// # Errors
    /// Exit 64 when it is no token, its owner is unknown, the value cannot be used, or there is another value and
    /// `replacing` was not said; 65 when there is no recovery key or the owner's file is not for us; 6 when somebody
    /// else is writing.
    pub fn set(&mut self, token: &str, value: Secret, replacing: bool) -> Result<About> {
        let name = Token::parse(token)?;
        self.must_be_known(&name)?;
        if login::is_derived(&name.name) {
            return Err(Failure::usage(format!("{name} follows from the login role that is in use: nobody sets it"))
                .hint("comuni secrets rotate gives a tenant another login role with a new password"));
        }
        if ssh_key::is_derived(&name) {
            return Err(Failure::usage(format!("{name} follows from a seed: nobody sets it"))
                .hint("set the token without `_private` or `_public`"));
        }
        if name.to_string() == AUTHORITY_KEY {
            authority::check_key(value.expose())?;
        } else {
            value.check()?;
        }
        let recipients = Recipients::of(&self.consortium)?;
        let _lock = Lock::take(&self.folder)?;
        self.reload(&name.owner)?;
        self.must_be_open(&name.owner)?;
        let mut document = self.documents.get(&name.owner).cloned().unwrap_or_default();
        match document.secrets.get(&name.key()) {
            Some(entry) if entry.value == value => {}
            Some(_) if !replacing => {
                return Err(Failure::usage(format!("{name} has a value already"))
                    .hint("say --replace to put another in its place; the next apply brings it to the hosts"));
            }
            _ => {
                document.put(&name.key(), value)?;
            }
        }
        self.keep(&name.owner, document, &recipients)?;
        self.about(&name).ok_or_else(|| Failure::operation(format!("{name}: not found in what was just written")))
    }

    /// Keeps a new random value under a token that has none.
    ///
    /// # Errors
    /// As [`Store::set`] without `replacing`.
    pub fn generate(&mut self, token: &str) -> Result<About> {
        self.set(token, Secret::generate()?, false)
    }

    fn about(&self, token: &Token) -> Option<About> {
        About::of(&token.owner, &token.key(), self.documents.get(&token.owner)?)
    }

    fn path(&self, owner: &str) -> PathBuf {
        self.folder.join(format!("{owner}.age"))
    }

    /// Reads an owner's file again.
    fn reload(&mut self, owner: &str) -> Result<()> {
        let content = file::read(&self.path(owner), &self.keys, &self.consortium)?;
        self.documents.remove(owner);
        self.closed.remove(owner);
        match content {
            Content::Absent if self.parts()?.contains(owner) => {
                self.reload_part(owner, "it is not here".to_string())?;
            }
            Content::Absent => {}
            Content::Open(document) => {
                self.documents.insert(owner.to_string(), document);
            }
            Content::Closed(why) => self.reload_part(owner, why)?,
        }
        Ok(())
    }

    /// Writes an owner's file and only then believes in it.
    fn keep(&mut self, owner: &str, mut document: Document, recipients: &Recipients) -> Result<()> {
        rekey::note_leavers(&mut document, self.documents.get(owner), recipients.names());
        document.readers = recipients.names().clone();
        file::write(&self.path(owner), &document, recipients, &self.keys)?;
        self.keep_part(owner, &document)?;
        self.documents.insert(owner.to_string(), document);
        Ok(())
    }

    /// Its owner's file is open, or the token is in the part that is.
    fn must_be_given(&self, token: &Token) -> Result<()> {
        if self.is_in_part(token) { Ok(()) } else { self.must_be_open(&token.owner) }
    }

    fn must_be_open(&self, owner: &str) -> Result<()> {
        let Some(why) = self.closed.get(owner) else { return Ok(()) };
        Err(Failure::inventory(format!("{}: this secret file is not for your key: {why}", self.path(owner).display()))
            .hint("name another identity with --identity FILE or COMUNI_IDENTITY")
            .hint(
                "or ask one of them to add your public key under `technicians:` in consortium.yml \
                 and to run `comuni secrets rekey`",
            ))
    }

    fn must_be_known(&self, token: &Token) -> Result<()> {
        if self.owners.contains(&token.owner) {
            return Ok(());
        }
        let failure = Failure::usage(format!("{token}: no member has the code `{}`", token.owner));
        Err(match nearest(&token.owner, self.owners.iter().map(String::as_str)) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint("`comuni show member NAME` tells a member's code; `consortium` owns what is common"),
        })
    }
}

impl About {
    fn of(owner: &str, key: &str, document: &Document) -> Option<About> {
        let entry = document.secrets.get(key)?;
        let (application, name) = key.split_once('/')?;
        Some(About {
            token: Token::new(owner, application, name),
            id: entry.id.clone(),
            replaces: entry.replaces.clone(),
            made: entry.made.clone(),
            known_to: entry.known_to.clone(),
        })
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets: Vec<String> = self.list().iter().map(|about| about.token.to_string()).collect();
        out.debug_struct("Store").field("secrets", &secrets).field("closed", &self.closed).finish_non_exhaustive()
    }
}
