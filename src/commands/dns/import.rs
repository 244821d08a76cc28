//! `comuni dns import`: `domain:` of a member, made of a zone that others have served until now.

use std::path::{Path, PathBuf};

use crate::cli::Global;
use crate::commands::inventory::read;
use crate::disk;
use crate::dns::{self, Name, Type, Zone, text};
use crate::failure::{Failure, Result};
use crate::inventory::diagnostics::{Diagnostics, Finding, counted, near};
use crate::inventory::source::{Sources, read_file};
use crate::inventory::zones::{self, Scene};
use crate::inventory::{Body, Inventory};
use crate::report::Out;

/// # Errors
/// Exit 65 when the file cannot be read as the zone; wrong usage (64) when no member has the zone.
pub(super) fn run(global: &Global, zone: &str, file: &Path, write: bool, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let name = Name::absolute(zone).map_err(|fault| Failure::usage(format!("{zone} is no name of a zone: {fault}")))?;
    let text = read_file(file)?;
    let (zone, findings) = text::read(&text, &name);
    if !findings.is_empty() {
        return Err(unreadable(file, &text, &findings));
    }
    take(global, &inventory, &zone, write, out)
}

/// Prints what a zone says as `domain:`, and with `write` puts it into the member's file.
///
/// # Errors
/// Wrong usage (64) when no member has the zone, or its file lies in another inventory; exit 65 when the inventory does
/// not pass its checks afterwards.
pub(super) fn take(global: &Global, inventory: &Inventory, zone: &Zone, write: bool, out: &Out) -> Result<()> {
    let Some(scene) = Scene::of(inventory) else {
        return Err(Failure::inventory("the consortium serves no zones yet").hint("add `dns:` to consortium.yml first"));
    };
    let body = of_zone(inventory, &zone.name)?;
    if !zone.has(&zone.name, Type::Soa) {
        let message = format!("there is no SOA of {} in what was read: it is not that zone", zone.name);
        return Err(Failure::inventory(message).hint("a zone file begins with its SOA; compare the zone's name"));
    }
    let imported = zones::import(&scene, &body.slug, &body.member, zone);
    let block = zones::yaml::domain(&imported.domain);
    let path = if write { Some(file_of(inventory, body)?) } else { None };
    out.document(&block);
    for left in &imported.left {
        out.remark(&format!("left out: {left}\n"));
    }
    let served = proof(&scene, body, imported.domain, zone)?;
    out.remark(&format!("{} of {} will be served as they are\n", counted(served, "record"), zone.name.plain()));
    if let Some(path) = path {
        put(&path, &block)?;
        out.remark(&format!("`domain:` of {} has been replaced\n", path.display()));
        read(global, out).map_err(|failure| {
            failure.hint(format!("the zone breaks rules: correct {} or write waivers for them", path.display()))
        })?;
    }
    Ok(())
}

fn unreadable(file: &Path, text: &str, findings: &[dns::Finding]) -> Failure {
    let mut sources = Sources::default();
    let id = sources.add(file.display().to_string(), text);
    let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let told = findings.iter().map(|found| {
        let line = (found.place as usize).saturating_sub(1);
        let offset = starts.get(line).copied().unwrap_or_default();
        let length = text[offset..].lines().next().map_or(0, str::len);
        let message = format!("{} ({})", found.message, found.rule.id);
        Finding::error(sources.span(id, offset, length), message).help(found.help.as_str())
    });
    let told = told.collect();
    let diagnostics = Diagnostics::new(told, sources);
    Failure::inventory(format!("the zone cannot be read: {}\n\n{}", diagnostics.summary(), diagnostics.render()))
}

/// The member whose zone it is, or will be.
fn of_zone<'i>(inventory: &'i Inventory, name: &Name) -> Result<&'i Body> {
    let wanted = name.plain();
    let owns = |body: &&Body| {
        let stated = body.member.domain.as_ref().is_some_and(|domain| domain.zone == wanted);
        stated || zones::name(&body.slug, &body.member, &inventory.consortium).as_ref() == Some(&wanted)
    };
    inventory.members.values().find(owns).ok_or_else(|| {
        let known = inventory.members.values().filter_map(|body| body.member.domain.as_ref());
        let known: Vec<&str> = known.map(|domain| domain.zone.as_str()).collect();
        let failure = Failure::usage(format!("no member has the zone {wanted}"));
        near(&wanted, known)
            .iter()
            .fold(failure, |failure, name| failure.hint(format!("did you mean {name}?")))
            .hint("write `domain: { zone: …, mode: external }` in the member's file first")
    })
}

/// Builds the zone of what was written: it must be the one that was read, but for what follows from the inventory.
fn proof(scene: &Scene, body: &Body, domain: crate::inventory::types::Domain, before: &Zone) -> Result<usize> {
    let mut member = body.member.clone();
    member.domain = Some(domain);
    let Some(after) = scene.zone(&body.slug, &member) else {
        return Err(Failure::operation("the zone could not be built from what was read"));
    };
    let tenants: Vec<&Name> = after.tenants.iter().map(|(name, ..)| name).collect();
    let own = |zone: &Zone| {
        let mut zone = zone.clone();
        zone.records.retain(|record| zones::is_said(record, &before.name, &tenants));
        zone.lines()
    };
    let (was, is) = (own(before), own(&after.zone));
    let readable = |line: &&String| !was.contains(line);
    match is.iter().find(readable).or_else(|| was.iter().find(|line| !is.contains(line))) {
        None => Ok(is.len()),
        Some(line) => Err(Failure::operation(format!("the zone would not be served as it was: {line}"))
            .hint("nothing was written: this is a fault of comuni, or the record holds what YAML cannot")),
    }
}

/// The member's file, when it lies in this inventory and not in one that it includes.
fn file_of(inventory: &Inventory, body: &Body) -> Result<PathBuf> {
    let path = |folder: &PathBuf| folder.join("members").join(format!("{}.yml", body.slug));
    let own = path(&inventory.directory);
    let others: Vec<PathBuf> =
        inventory.layers.iter().filter(|folder| **folder != inventory.directory).cloned().collect();
    match others.iter().find(|folder| path(folder).exists()) {
        None => Ok(own),
        Some(folder) => {
            Err(Failure::usage(format!("{} lies in an inventory that is included", path(folder).display()))
                .hint(format!("write there: `comuni -i {} dns import …`", folder.display())))
        }
    }
}

fn put(path: &Path, block: &str) -> Result<()> {
    let before = read_file(path)?;
    let after = zones::yaml::replaced(&before, block);
    disk::replace(path, after.as_bytes(), 0o644)
        .map_err(|error| Failure::operation(format!("{}: {error}", path.display())))
}
