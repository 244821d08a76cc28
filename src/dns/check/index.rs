//! A zone by name and type.

use std::collections::{BTreeMap, BTreeSet};

use crate::dns::data::Type;
use crate::dns::name::Name;
use crate::dns::record::{Record, Zone};

/// The RRsets of a zone, and the names that are there.
pub struct Index<'z> {
    /// The zone.
    pub zone: &'z Zone,
    sets: BTreeMap<&'z Name, BTreeMap<Type, Vec<&'z Record>>>,
    cuts: BTreeSet<&'z Name>,
}

/// Where a name leads within the zone.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// Elsewhere, or below a delegation: not known here.
    Outside,
    /// It has a CNAME.
    Alias,
    /// It has an address.
    Address,
    /// It is there, by itself or by a wildcard, without an address.
    There,
    /// There is no such name.
    Missing,
}

impl<'z> Index<'z> {
    /// Sorts the records of a zone.
    pub fn of(zone: &'z Zone) -> Index<'z> {
        let mut sets: BTreeMap<&Name, BTreeMap<Type, Vec<&Record>>> = BTreeMap::new();
        for record in &zone.records {
            sets.entry(&record.owner).or_default().entry(record.kind()).or_default().push(record);
        }
        let cut = |record: &&Record| record.kind() == Type::Ns && record.owner != zone.name;
        let cuts = zone.records.iter().filter(cut).map(|record| &record.owner).collect();
        Index { zone, sets, cuts }
    }

    /// The records of a name and type.
    pub fn set(&self, owner: &Name, kind: Type) -> &[&'z Record] {
        self.sets.get(owner).and_then(|kinds| kinds.get(&kind)).map_or(&[], Vec::as_slice)
    }

    /// All RRsets.
    pub fn sets(&self) -> impl Iterator<Item = (&'z Name, Type, &[&'z Record])> {
        self.sets
            .iter()
            .flat_map(|(owner, kinds)| kinds.iter().map(|(kind, records)| (*owner, *kind, records.as_slice())))
    }

    /// All records of a type.
    pub fn all(&self, kind: Type) -> impl Iterator<Item = &'z Record> {
        self.zone.records.iter().filter(move |record| record.kind() == kind)
    }

    /// The RRsets of a name.
    pub fn kinds(&self, owner: &Name) -> impl Iterator<Item = Type> {
        self.sets.get(owner).into_iter().flat_map(|kinds| kinds.keys().copied())
    }

    /// The names below the apex that are delegated.
    pub fn cuts(&self) -> impl Iterator<Item = &'z Name> {
        self.cuts.iter().copied()
    }

    /// The delegation at or above a name.
    pub fn cut(&self, name: &Name) -> Option<&'z Name> {
        self.cuts().find(|cut| name.is_within(cut))
    }

    /// Where a name leads.
    pub fn standing(&self, name: &Name) -> Standing {
        if !name.is_within(&self.zone.name) {
            return Standing::Outside;
        }
        let owner = if self.is_there(name) { Some(name.clone()) } else { self.zone.wildcard(name) };
        let has = |kind| owner.as_ref().is_some_and(|owner| !self.set(owner, kind).is_empty());
        match owner {
            _ if has(Type::A) || has(Type::Aaaa) => Standing::Address,
            _ if self.cut(name).is_some() => Standing::Outside,
            _ if has(Type::Cname) => Standing::Alias,
            Some(_) => Standing::There,
            None => Standing::Missing,
        }
    }

    /// A name is there when it or something below it has a record; names stand in the order of the tree.
    fn is_there(&self, name: &Name) -> bool {
        self.sets.range::<Name, _>(name..).next().is_some_and(|(next, _)| next.is_within(name))
    }
}
