//! Records and zones.

use super::data::{Data, Type};
use super::name::Name;

/// Where a record was written: the line of a zone file, or whatever else its maker counts by.
pub type Place = u32;

/// A record of class IN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub owner: Name,
    /// Seconds for which it may be remembered.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
    /// Where it was written.
    pub place: Place,
}

impl Record {
    /// Its type.
    pub fn kind(&self) -> Type {
        self.data.kind()
    }
}

/// A zone: its name and all its records, also those that should not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Its name: the apex.
    pub name: Name,
    /// Its records as they were written.
    pub records: Vec<Record>,
}

impl Zone {
    /// The records of a name and type.
    pub fn at<'z>(&'z self, owner: &'z Name, kind: Type) -> impl Iterator<Item = &'z Record> {
        self.records.iter().filter(move |record| record.kind() == kind && record.owner == *owner)
    }

    /// Whether a name has records of a type.
    pub fn has(&self, owner: &Name, kind: Type) -> bool {
        self.at(owner, kind).next().is_some()
    }

    /// Whether a name has any record or lies above one, or a wildcard answers for it.
    pub fn knows(&self, owner: &Name) -> bool {
        self.records.iter().any(|record| record.owner.is_within(owner)) || self.wildcard(owner).is_some()
    }

    /// The wildcard that answers for a name: that of its nearest ancestor that is there.
    pub fn wildcard(&self, owner: &Name) -> Option<Name> {
        let mut ancestor = owner.parent()?;
        while ancestor.is_within(&self.name) {
            let star = Name::relative("*", &ancestor).ok()?;
            if self.records.iter().any(|record| record.owner == star) {
                return Some(star);
            }
            if self.records.iter().any(|record| record.owner.is_within(&ancestor)) {
                return None;
            }
            ancestor = ancestor.parent()?;
        }
        None
    }

    /// The records in canonical order: the SOA, then by name from the apex downwards, type and text.
    pub fn sorted(&self) -> Vec<Record> {
        let mut records = self.records.clone();
        records.sort_by_cached_key(|record| {
            let kind = record.kind();
            (kind != Type::Soa, record.owner.clone(), kind.word(), record.data.to_string(), record.ttl)
        });
        records
    }

    /// The canonical lines in canonical order: `owner TTL TYPE data`.
    pub fn lines(&self) -> Vec<String> {
        self.sorted().iter().map(Record::to_string).collect()
    }
}
