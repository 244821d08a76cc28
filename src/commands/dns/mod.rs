//! `comuni dns`: zones as the world sees them.

mod check;
mod export;
mod import;
mod records;
mod rollback;
mod say;
mod targets;
mod transfer;

pub(super) use records::ds_of;

use std::path::PathBuf;

use crate::cli::{Dns, Global};
use crate::evidence::clock::local_time;
use crate::evidence::state;
use crate::failure::Result;
use crate::inventory::show::Derived;
use crate::inventory::{Inventory, zones};
use crate::outside::{Entry, Remembered};
use crate::report::Out;

/// # Errors
/// Those of the verb.
pub(super) fn run(global: &Global, what: &Dns, out: &Out) -> Result<()> {
    match what {
        Dns::Check(options) => check::run(global, options, out),
        Dns::Export { zone, output } => export::run(global, zone, output.as_deref(), out),
        Dns::Import { zone, file: Some(file), write, .. } => import::run(global, zone, file, *write, out),
        Dns::Import { zone, from, tsig, write, .. } => transfer::run(global, zone, *from, tsig.as_deref(), *write, out),
        Dns::Records { member } => records::run(global, member, out),
        Dns::Rollback { zone, way, yes, allow } => rollback::run(global, zone, way, *yes, allow, out),
    }
}

/// The DS that this machine has seen for the zones of an inventory.
///
/// # Errors
/// When there is no place for them, or they cannot be read.
pub(super) fn remembered(inventory: &Inventory) -> Result<Remembered> {
    let place: PathBuf = state(inventory, "dns", |name| std::env::var_os(name))?;
    Remembered::read(&place.join("keys.json"))
}

/// The DS of a member's zone as they were last proven from this machine, for the registrar.
pub(super) fn seen_ds(inventory: &Inventory, slug: &str) -> Vec<Derived> {
    let Some(served) = inventory.members.get(slug).and_then(|body| zones::of(inventory, body)) else {
        return Vec::new();
    };
    // `show` needs nothing but the inventory: where nothing was seen, or nothing can be read, there is nothing to show.
    let zone = served.zone.name.plain();
    let entry = remembered(inventory).ok().and_then(|remembered| remembered.of(&zone).cloned());
    let derived = |entry: &Entry, ds: &String| Derived {
        name: format!("DS of {zone}"),
        value: ds.clone(),
        from: format!("`comuni dns check` on {}", local_time(entry.seen)),
    };
    entry.iter().flat_map(|entry| entry.ds.iter().map(|ds| derived(entry, ds))).collect()
}
