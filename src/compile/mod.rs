//! Inventory, playbooks and templates to catalogs. Pure: no clock, network, random or host fact.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::catalog::{Area, Catalog};
use crate::failure::Result;
use crate::inventory::Inventory;

/// What to compile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Owners (members' codes and `host`); empty means all.
    pub owners: BTreeSet<String>,
    /// Names of hosts; empty means all.
    pub hosts: BTreeSet<String>,
    /// Areas; empty means all.
    pub areas: BTreeSet<Area>,
}

/// What was compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// A catalog for every selected host, also when nothing is wanted there (so that removals are found).
    pub catalogs: BTreeMap<String, Catalog>,
    /// Where the archives of the named hashes lie on the control machine.
    pub archives: BTreeMap<String, PathBuf>,
}

/// Compiles catalogs.
///
/// # Errors
/// Exit 65, with file, line and column of the playbook or template.
pub fn compile(_inventory: &Inventory, _selection: &Selection) -> Result<Compiled> {
    todo!()
}
