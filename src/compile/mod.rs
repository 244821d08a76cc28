//! Inventory, playbooks and templates to catalogs. Pure: no clock, network, random or host fact.
//!
//! # Owners
//! A resource of a play `for_each: host` is owned by `host`; any other by the member whose element it was made for.
//! The whole inventory is always expanded and checked, and a selection takes its part of the result: so what is
//! selected never hangs on the selection, and two members that claim one thing are found also when only one is selected.
//!
//! # What tenants share
//! Packages and releases are the same for many tenants of a host. Each tenant has an entry of its own for them, with
//! `@<tenant>` added to the id: so `--member lozza` brings all that Lozza needs, and nothing that is owned by another.
//! The first of them to be fixed installs or unpacks; the others are then found correct. Taking such an entry away
//! takes the thing itself away only when no other entry says the same. Any other id that comes twice on a host is an error.

mod catalogue;
mod backup;
mod elements;
mod expand;
mod guard;
mod parts;
mod shapes;
pub mod values;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

pub use catalogue::{health, running_tenant};
pub use shapes::{shapes, specimen};

use crate::catalog::{Area, Catalog, Entry, HOST_OWNER};
use crate::failure::{Failure, Result};
use crate::inventory::{Body, Inventory, TenantPlan};
use crate::playbook::{self, Playbook, Problems};
use crate::resources::{Resource, Validator};
use crate::templates::Templates;

/// What to compile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Owners (members' codes and `host`); empty means all.
    pub owners: BTreeSet<String>,
    /// Names of hosts; empty means all.
    pub hosts: BTreeSet<String>,
    /// Areas; empty means all.
    pub areas: BTreeSet<Area>,
    /// With chosen owners also what a daemon of the hosts reads in one file for all members, who is told and how zones are
    /// asked: a member would come about by half without it.
    pub with_shared: bool,
}

/// What was compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// A catalog for every selected host, also when nothing is wanted there (so that removals are found).
    pub catalogs: BTreeMap<String, Catalog>,
    /// Where the archives of the named hashes lie on the control machine.
    pub archives: BTreeMap<String, PathBuf>,
}

/// The playbooks and templates of an inventory, read and checked.
pub struct Book {
    playbooks: Vec<Playbook>,
    templates: Templates,
    problems: Problems,
}

impl Book {
    /// Reads the built-in playbooks and templates and those of the layers (the included first).
    ///
    /// # Errors
    /// Exit 65, with everything that is wrong in them.
    pub fn load(layers: &[PathBuf]) -> Result<Book> {
        let mut templates = Templates::load(layers)?;
        let mut problems = Problems::default();
        let playbooks = playbook::load(layers, &mut templates, &shapes(), &mut problems)?;
        Ok(Book { playbooks, templates, problems })
    }
}

impl Selection {
    fn takes_host(&self, name: &str) -> bool {
        self.hosts.is_empty() || self.hosts.contains(name)
    }

    fn takes(&self, entry: &Entry) -> bool {
        let owner = self.owners.is_empty() || self.owners.contains(&entry.owner);
        (owner || self.with_shared && is_shared(entry)) && (self.areas.is_empty() || self.areas.contains(&entry.area))
    }
}

/// Whether it is of all members together, because its daemon knows no fragments.
fn is_shared(entry: &Entry) -> bool {
    let Resource::File(file) = &entry.resource else { return false };
    entry.owner == HOST_OWNER && matches!(file.validate, Some(Validator::Alertmanager | Validator::Blackbox))
}

/// Compiles catalogs.
///
/// Entries stand in the order of stages; within a stage those of the host come first, then those of each member by
/// code, in the order of the playbooks.
///
/// # Errors
/// Exit 65, with file, line and column of the playbook or template; all that is wrong at once.
pub fn compile(inventory: &Inventory, selection: &Selection) -> Result<Compiled> {
    compile_with(&Book::load(&inventory.layers)?, inventory, selection)
}

/// [`compile`] with playbooks and templates that were read before.
///
/// # Errors
/// As [`compile`].
pub fn compile_with(book: &Book, inventory: &Inventory, selection: &Selection) -> Result<Compiled> {
    let mut entries = expand::expand(book, inventory)?;
    guard::check(&entries, inventory)?;
    let mut compiled = Compiled { catalogs: BTreeMap::new(), archives: BTreeMap::new() };
    for host in inventory.hosts.keys().filter(|name| selection.takes_host(name)) {
        let entries = entries.remove(host).unwrap_or_default().into_iter().filter(|entry| selection.takes(entry));
        let catalog = Catalog { host: host.clone(), entries: entries.collect() };
        for entry in &catalog.entries {
            if let Resource::Release(release) = &entry.resource {
                compiled
                    .archives
                    .insert(release.sha256.clone(), archive(inventory, &release.application, &release.release)?);
            }
        }
        compiled.catalogs.insert(host.clone(), catalog);
    }
    Ok(compiled)
}

/// What the templates see of one tenant, but for the catalogue's fields that are templates themselves.
///
/// # Errors
/// Exit 65 when the catalogue does not know its application or release, or a host is unknown.
pub fn tenant_values(inventory: &Inventory, body: &Body, plan: &TenantPlan) -> Result<values::TenantValues> {
    let hosts = inventory.hosts.iter().map(|(name, host)| (name.clone(), elements::host(inventory, name, host)));
    elements::tenant(inventory, &hosts.collect(), body, plan)
}

/// A path in the catalogue is meant from the inventory that states it: the last layer that has the file.
fn archive(inventory: &Inventory, application: &str, release: &str) -> Result<PathBuf> {
    let source = inventory
        .applications
        .get(application)
        .and_then(|found| found.releases.get(release))
        .map(|found| &found.source);
    let source =
        source.ok_or_else(|| Failure::inventory(format!("the catalogue has no release {release} of {application}")))?;
    let places = inventory.layers.iter().rev().map(|layer| layer.join(source));
    Ok(places
        .clone()
        .find(|path| path.exists())
        .or_else(|| places.into_iter().next())
        .unwrap_or_else(|| inventory.directory.join(source)))
}

#[cfg(test)]
mod tests;
