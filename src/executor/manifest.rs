//! What we own on this host: so that removed things are planned for deletion, and foreign changes told apart.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::key;
use crate::catalog::{Area, Catalog, Entry, HOST_OWNER, Origin, Stage};
use crate::failure::{Failure, Result};
use crate::machine::{Machine, hex};
use crate::protocol::Request;
use crate::resources::{Resource, SecretTable, hmac};

/// All that an apply put on this host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Inventory revision last applied.
    #[serde(default)]
    pub revision: Option<String>,
    /// An apply of the area `host` has ended well here.
    #[serde(default)]
    pub baseline: bool,
    /// In the order of the catalogs they came from: what is removed goes in reverse.
    #[serde(default)]
    pub records: Vec<Record>,
}

/// One resource that we own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// Its owner.
    pub owner: String,
    /// Its tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Its area.
    pub area: Area,
    /// Its stage.
    pub stage: Stage,
    /// Where it came from.
    pub origin: Origin,
    /// Its fields; the content of a file is replaced by a digest, which is keyed when there are secrets in it.
    pub resource: Resource,
    /// Digest of the fields and of the ids of its secrets, as they were wanted.
    pub applied: String,
    /// Id of each secret that it was given, by token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// No longer wanted, but kept because it holds data.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

impl Manifest {
    /// The record with this id.
    pub fn record(&self, id: &str) -> Option<&Record> {
        self.records.iter().find(|record| record.id == id)
    }

    /// Members' codes that own something here and have no file in the inventory.
    pub fn unknown_members(&self, members: &BTreeSet<String>) -> BTreeSet<String> {
        let owners = self.records.iter().map(|record| &record.owner);
        owners.filter(|owner| *owner != HOST_OWNER && !members.contains(*owner)).cloned().collect()
    }

    /// What we own, was compiled for, and is no longer wanted: in the order in which it is removed.
    ///
    /// Only inside the owners and areas of the request; never of a member that the inventory does not know, because
    /// a lost file must not take a comune off its hosts.
    pub fn removals<'a>(&'a self, request: &Request) -> Vec<&'a Record> {
        let wanted: BTreeSet<_> = request.catalog.entries.iter().map(|entry| entry.id.as_str()).collect();
        let known = |owner: &String| owner == HOST_OWNER || request.members.contains(owner);
        let compiled = |record: &Record| {
            (request.owners.is_empty() || request.owners.contains(&record.owner))
                && (request.areas.is_empty() || request.areas.contains(&record.area))
        };
        self.records
            .iter()
            .rev()
            .filter(|record| known(&record.owner) && compiled(record) && !wanted.contains(record.id.as_str()))
            .collect()
    }

    /// The host differs although exactly this was applied: somebody else changed it.
    pub fn drifted(&self, entry: &Entry, secrets: &SecretTable) -> Result<bool> {
        let Some(record) = self.record(&entry.id) else { return Ok(false) };
        Ok(record.applied == applied(entry, &given(entry, secrets))?)
    }

    /// What exactly this entry was applied as, with secrets of these ids; `None` when it or one of its secrets is another
    /// now, or was never applied.
    ///
    /// # Errors
    /// When the entry cannot be encoded.
    pub fn as_applied(&self, entry: &Entry, secrets: &SecretTable) -> Result<Option<&Record>> {
        let Some(record) = self.record(&entry.id).filter(|record| !record.kept) else { return Ok(None) };
        Ok((record.applied == applied(entry, &given(entry, secrets))?).then_some(record))
    }

    /// Why a secret of this entry must not be delivered: the host was given one that this inventory does not know.
    pub fn newer_secret(&self, entry: &Entry, secrets: &SecretTable) -> Option<String> {
        entry.resource.kind().secrets().iter().find_map(|token| {
            let offered = secrets.values.get(token)?;
            let unknown = |id: &&String| **id != offered.id && !offered.replaces.contains(id);
            let recorded = self.records.iter().filter_map(|record| record.secrets.get(token)).find(unknown)?;
            Some(format!(
                "{token}: the host has a newer secret ({recorded}) than this inventory ({}); \
                 pull the newest inventory and apply again, or set it anew with `comuni secrets set`",
                offered.id
            ))
        })
    }

    /// Notes that `entry` is on the host as wanted. Says whether that is news.
    ///
    /// # Errors
    /// When a file with secrets cannot be read for its digest.
    pub fn note(
        &mut self,
        machine: &dyn Machine,
        host_key: &[u8],
        catalog: &Catalog,
        entry: &Entry,
        secrets: &SecretTable,
    ) -> Result<bool> {
        let given = given(entry, secrets);
        let applied = applied(entry, &given)?;
        let position = self.records.iter().position(|record| record.id == entry.id);
        if let Some(record) = position.map(|position| &self.records[position])
            && record.applied == applied
            && record.origin == entry.origin
            && (&record.owner, &record.tenant, record.area, record.stage)
                == (&entry.owner, &entry.tenant, entry.area, entry.stage)
            && !record.kept
        {
            return Ok(false);
        }
        let record = Record {
            id: entry.id.clone(),
            owner: entry.owner.clone(),
            tenant: entry.tenant.clone(),
            area: entry.area,
            stage: entry.stage,
            origin: entry.origin.clone(),
            resource: without_content(machine, host_key, &entry.resource, !given.is_empty())?,
            applied,
            secrets: given,
            kept: false,
        };
        match position {
            Some(position) => self.records[position] = record,
            None => self.records.insert(self.place_for(catalog, &entry.id), record),
        }
        Ok(true)
    }

    /// What was noted is not all of what is wanted: the rest comes with a later apply.
    pub fn unfinished(&mut self, id: &str) {
        if let Some(record) = self.records.iter_mut().find(|record| record.id == id) {
            record.applied.clear();
        }
    }

    /// Forgets a resource that was removed.
    pub fn forget(&mut self, id: &str) {
        self.records.retain(|record| record.id != id);
    }

    /// Marks a resource that is no longer wanted and stays. Says whether that is news.
    pub fn keep(&mut self, id: &str) -> bool {
        let record = self.records.iter_mut().find(|record| record.id == id && !record.kept);
        record.map(|record| record.kept = true).is_some()
    }

    /// Where a new record goes: after its nearest predecessor in the catalog that is known, else before its nearest
    /// successor. Otherwise what was inserted late would be removed before what stands on it.
    fn place_for(&self, catalog: &Catalog, id: &str) -> usize {
        let places: BTreeMap<&str, usize> =
            self.records.iter().enumerate().map(|(place, record)| (record.id.as_str(), place)).collect();
        let mut entries = catalog.entries.iter().map(|entry| entry.id.as_str());
        let mut before = None;
        for other in entries.by_ref().take_while(|other| *other != id) {
            before = places.get(other).map(|place| place + 1).or(before);
        }
        before.or_else(|| entries.find_map(|other| places.get(other).copied())).unwrap_or(self.records.len())
    }

    /// All paths that are ours.
    pub fn paths(&self) -> BTreeSet<String> {
        self.records.iter().flat_map(|record| record.resource.kind().paths()).collect()
    }
}

fn given(entry: &Entry, secrets: &SecretTable) -> BTreeMap<String, String> {
    let tokens = entry.resource.kind().secrets();
    tokens
        .into_iter()
        .filter_map(|token| Some((secrets.values.get(&token)?.id.clone(), token)))
        .map(|(id, token)| (token, id))
        .collect()
}

fn applied(entry: &Entry, given: &BTreeMap<String, String>) -> Result<String> {
    let fields = serde_json::to_vec(&(&entry.resource, given))
        .map_err(|error| Failure::operation(format!("cannot encode {}: {error}", entry.id)))?;
    Ok(key::sha256(&fields))
}

fn without_content(machine: &dyn Machine, host_key: &[u8], resource: &Resource, secret: bool) -> Result<Resource> {
    let Resource::File(file) = resource else { return Ok(resource.clone()) };
    let mut file = file.clone();
    file.content = if secret {
        let written = machine.read(file.path.as_ref())?.unwrap_or_default();
        format!("hmac-sha256:{}", hex(&hmac(host_key, &written)))
    } else {
        format!("sha256:{}", key::sha256(file.content.as_bytes()))
    };
    Ok(Resource::File(file))
}
