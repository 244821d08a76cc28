//! One tenant, the release that it runs, the one that it shall run, and what differs between them on its hosts.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::catalog::{Area, Catalog, Entry};
use crate::commands::archives;
use crate::commands::backup::live::Live;
use crate::commands::backup::tenants::Tenant;
use crate::compile::{Selection, compile};
use crate::failure::{Failure, Result};
use crate::inventory::names::maintenance;
use crate::inventory::types::Status;
use crate::inventory::{Body, Inventory, version};
use crate::resources::Resource;
use crate::rollout::Path;

/// A tenant on its way from one release to another.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) tenant: Tenant,
    /// The member's file.
    pub(super) slug: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) path: Path,
}

impl Target {
    /// The file that has nginx show the maintenance page.
    pub(super) fn page(&self) -> String {
        maintenance(&self.tenant.subject.owner, &self.tenant.application)
    }

    pub(super) fn name(&self) -> &str {
        &self.tenant.subject.tenant
    }

    /// To an older release.
    pub(super) fn goes_back(&self) -> bool {
        version::compare(&self.from, &self.to) == Ordering::Greater
    }

    /// Back from where this goes.
    pub(super) fn reversed(&self) -> Target {
        let path = Path { releases: vec![self.from.clone()], reversible: self.path.reversible };
        Target { from: self.to.clone(), to: self.from.clone(), path, ..self.clone() }
    }
}

/// The member of a tenant.
///
/// # Errors
/// When there is none: the inventory was changed meanwhile.
pub(super) fn body<'i>(inventory: &'i Inventory, owner: &str) -> Result<&'i Body> {
    let found = inventory.members.values().find(|body| body.code == owner);
    found.ok_or_else(|| Failure::inventory(format!("no member has the code {owner}")))
}

/// It is stopped, data kept.
pub(super) fn is_leaving(body: &Body) -> bool {
    body.member.membership.status == Status::Leaving
}

/// A tenant as it is on one release.
pub(super) struct View {
    pub(super) live: Live,
    /// What monitoring hosts know of its member.
    watched: Vec<Catalog>,
    archives: BTreeMap<String, PathBuf>,
}

impl View {
    /// # Errors
    /// Exit 65 when the inventory does not compile with this release.
    pub(super) fn of(inventory: &Inventory, target: &Target, release: &str) -> Result<View> {
        let mut inventory = inventory.clone();
        let application = &target.tenant.application;
        if let Some(body) = inventory.members.get_mut(&target.slug) {
            if let Some(plan) = body.tenants.get_mut(application) {
                plan.tenant.release = release.to_string();
            }
            if let Some(tenant) = body.member.applications.get_mut(application) {
                tenant.release = release.to_string();
            }
        }
        let live = Live::of(&inventory, &target.tenant)?;
        let owners = BTreeSet::from([target.tenant.subject.owner.clone()]);
        let compiled = compile(&inventory, &Selection { owners, ..Selection::default() })?;
        let hashes: Vec<String> = live.all.iter().flat_map(releases).map(|(_, hash)| hash).collect();
        let archives = archives::checked(&compiled, &hashes)?;
        let is_watch = |entry: &Entry| entry.area == Area::Monitoring && entry.tenant.is_none();
        let watched = compiled.catalogs.values().map(|catalog| part(catalog, &is_watch)).filter(is_some).collect();
        Ok(View { live, watched, archives })
    }

    /// Where an archive lies on this machine.
    pub(super) fn archive(&self, sha256: &str) -> Option<&PathBuf> {
        self.archives.get(sha256)
    }

    /// The release itself, on every host that has it: the one that runs it, and the one that proves backups with it.
    pub(super) fn release(&self) -> Vec<Catalog> {
        self.live.all.iter().map(|catalog| part(catalog, &is_release)).filter(is_some).collect()
    }

    /// Its hosts with the ids that the release has there.
    pub(super) fn release_ids(&self) -> BTreeSet<(String, String)> {
        let ids = self.live.all.iter().flat_map(|catalog| releases(catalog).map(|(id, _)| (catalog.host.clone(), id)));
        ids.collect()
    }

    /// What is otherwise than on another release, by host; with the services that must stand still meanwhile. The release
    /// itself lies there before the tenant is stopped, also on hosts that have no part in it.
    pub(super) fn beside(&self, other: &View) -> Vec<Catalog> {
        let is_service = |entry: &Entry| matches!(entry.resource, Resource::Service(_));
        let beside = |of: &Catalog| {
            part(of, &|entry| is_service(entry) || !(is_release(entry) || same(&other.live.all, &of.host, entry)))
        };
        let worth = |catalog: &Catalog| catalog.entries.iter().any(|entry| !is_service(entry));
        self.live.all.iter().map(beside).filter(worth).collect()
    }

    /// What monitoring hosts must know otherwise than on another release.
    pub(super) fn watched_beside(&self, other: &View) -> Vec<Catalog> {
        let beside = |of: &Catalog| part(of, &|entry| !same(&other.watched, &of.host, entry));
        self.watched.iter().map(beside).filter(is_some).collect()
    }
}

fn part(of: &Catalog, which: &dyn Fn(&Entry) -> bool) -> Catalog {
    Catalog { host: of.host.clone(), entries: of.entries.iter().filter(|entry| which(entry)).cloned().collect() }
}

fn is_release(entry: &Entry) -> bool {
    matches!(entry.resource, Resource::Release(_))
}

fn is_some(catalog: &Catalog) -> bool {
    !catalog.entries.is_empty()
}

/// A host has the same among these.
fn same(all: &[Catalog], host: &str, entry: &Entry) -> bool {
    let theirs = all.iter().filter(|catalog| catalog.host == host).flat_map(|catalog| &catalog.entries);
    theirs.into_iter().any(|their| their.id == entry.id && their.resource == entry.resource)
}

/// Ids and hashes of the releases in a catalog.
fn releases(catalog: &Catalog) -> impl Iterator<Item = (String, String)> + '_ {
    catalog.entries.iter().filter_map(|entry| match &entry.resource {
        Resource::Release(release) => Some((entry.id.clone(), release.sha256.clone())),
        _ => None,
    })
}
