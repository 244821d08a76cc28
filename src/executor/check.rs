//! The first half of the one loop: what differs between a catalog and the host. Writes nothing.

use std::collections::BTreeSet;
use std::path::Path;

use super::manifest::Manifest;
use super::ours::Ours;
use super::removal;
use crate::catalog::{Catalog, Entry, HOST_OWNER};
use crate::failure::Result;
use crate::machine::Machine;
use crate::protocol::{Finding, Outcome, Request};
use crate::resources::{Action, Change, Check, Context, Resource};

/// A half-written file of a killed run: the machine names them so.
const OUR_TEMPORARY: &str = ".comuni-";

/// What comparing one resource with the host gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The host has it as it must be.
    Correct,
    /// Anything else.
    Not(Outcome),
}

/// Compares one entry. `pending` are the entries before it in the catalog that are not correct yet.
///
/// What cannot be told is *known after* an earlier pending entry, or it is a failure; it is never called correct.
/// An entry explains another when
/// - it has the id that the other needs, or it is a package: those bring accounts, folders and programs of any name;
/// - the host could not be asked at all (an error), and it has the same owner and stage, or it is a package or a
///   service of the host: the question needed what these will bring.
///
/// Without a secret that it needs, and nothing on this host to wait for, it is *not checked*.
pub fn compare(
    machine: &dyn Machine,
    context: &Context,
    manifest: &Manifest,
    entry: &Entry,
    pending: &[&Entry],
) -> Found {
    if let Some(message) = manifest.newer_secret(entry, context.secrets) {
        return Found::Not(Outcome::Failed { message });
    }
    // The words of a program may repeat what it read.
    let mask = |words: &str| context.secrets.mask(words);
    match checked(machine, context, manifest, entry) {
        Ok(Check::Correct) => Found::Correct,
        Ok(Check::Differs { action, changes }) => Found::Not(Outcome::Differs { action, changes }),
        Ok(Check::Unknown { needs: Some(needs), why }) => Found::Not(match explains_need(pending, &needs) {
            Some(first) => Outcome::KnownAfter { needs: first.id.clone() },
            None => Outcome::Failed {
                message: mask(&format!("{why}; it needs {needs}, which nothing planned here brings")),
            },
        }),
        Ok(Check::Unknown { needs: None, why }) if lacks_secret(entry, context) => {
            Found::Not(Outcome::NotChecked { why: mask(&why) })
        }
        Ok(Check::Unknown { needs: None, why }) => Found::Not(Outcome::Failed { message: mask(&why) }),
        Err(failure) => Found::Not(match explains_error(pending, entry) {
            Some(first) => Outcome::KnownAfter { needs: first.id.clone() },
            None => Outcome::Failed { message: mask(&failure.told()) },
        }),
    }
}

/// Asks the kind. Where only the ids of the secrets are known, what was applied with them is what is wanted.
fn checked(machine: &dyn Machine, context: &Context, manifest: &Manifest, entry: &Entry) -> Result<Check> {
    let kind = entry.resource.kind();
    if !context.secrets.by_id_only(&kind.secrets()) {
        return kind.check(machine, context);
    }
    match (manifest.as_applied(entry, context.secrets)?, manifest.record(&entry.id)) {
        (Some(record), _) => kind.check_unread(machine, context, &record.resource),
        (None, Some(_)) => Ok(Check::Differs { action: Action::Change, changes: vec![unread()] }),
        (None, None) => Ok(Check::Differs { action: Action::Create, changes: vec![unread()] }),
    }
}

/// That something with a secret in it is another now.
fn unread() -> Change {
    Change { field: "content or secrets".to_string(), before: None, after: None, secret: true, step: None }
}

fn explains_need<'a>(pending: &[&'a Entry], needs: &str) -> Option<&'a Entry> {
    // An entry that several tenants share has its tenant behind its resource's own id.
    let named = pending.iter().find(|earlier| earlier.id == needs || earlier.resource.id() == needs);
    named.or_else(|| pending.iter().rfind(|earlier| matches!(earlier.resource, Resource::Package(_)))).copied()
}

fn explains_error<'a>(pending: &[&'a Entry], entry: &Entry) -> Option<&'a Entry> {
    let same = |earlier: &&&Entry| earlier.owner == entry.owner && earlier.stage == entry.stage;
    let brings = |earlier: &&&Entry| {
        earlier.owner == HOST_OWNER && matches!(earlier.resource, Resource::Package(_) | Resource::Service(_))
    };
    pending.iter().rfind(|earlier| same(earlier) || brings(earlier)).copied()
}

fn lacks_secret(entry: &Entry, context: &Context) -> bool {
    entry.resource.kind().secrets().iter().any(|token| context.secrets.value(token).is_none())
}

/// Compares a whole catalog: tells each finding, and gives the entries that are correct. Those of them that are not
/// ours are told as well: an apply takes them over.
///
/// The order is that of the catalog, then files of others, then removals: destroys come last.
///
/// # Errors
/// When `tell` fails, or the machine cannot list a folder of ours or read our journal.
pub fn compare_all<'a>(
    machine: &dyn Machine,
    context: &Context,
    manifest: &Manifest,
    ours: &Ours,
    request: &'a Request,
    mut tell: impl FnMut(Finding) -> Result<()>,
) -> Result<Vec<&'a Entry>> {
    let mut pending: Vec<&Entry> = Vec::new();
    let mut correct = Vec::new();
    for entry in &request.catalog.entries {
        let outcome = match compare(machine, context, manifest, entry, &pending) {
            Found::Correct => {
                correct.push(entry);
                if !ours.has(machine, entry)? {
                    let outcome = Outcome::Differs { action: Action::Adopt, changes: Vec::new() };
                    tell(finding(entry, outcome, false))?;
                }
                continue;
            }
            Found::Not(Outcome::Differs { action, changes }) => {
                Outcome::Differs { action: ours.judge(machine, entry, action)?, changes }
            }
            Found::Not(outcome) => outcome,
        };
        let drifted = matches!(outcome, Outcome::Differs { .. }) && manifest.drifted(entry, context.secrets)?;
        let waits = matches!(outcome, Outcome::Differs { action: Action::Wait, .. });
        if !waits && matches!(outcome, Outcome::Differs { .. } | Outcome::KnownAfter { .. }) {
            pending.push(entry);
        }
        tell(finding(entry, outcome, drifted))?;
    }
    for foreign in foreign_files(machine, manifest, &request.catalog)? {
        tell(foreign)?;
    }
    let staying = removal::staying(machine, manifest, request)?;
    for record in manifest.removals(request) {
        let action = if staying.contains(&record.id) { Action::Keep } else { Action::Remove };
        tell(Finding {
            id: record.id.clone(),
            owner: record.owner.clone(),
            tenant: record.tenant.clone(),
            area: record.area,
            stage: record.stage,
            outcome: Outcome::Differs { action, changes: Vec::new() },
            drifted: false,
        })?;
    }
    Ok(correct)
}

fn finding(entry: &Entry, outcome: Outcome, drifted: bool) -> Finding {
    Finding {
        id: entry.id.clone(),
        owner: entry.owner.clone(),
        tenant: entry.tenant.clone(),
        area: entry.area,
        stage: entry.stage,
        outcome,
        drifted,
    }
}

/// What lies in a folder of ours that neither the catalog nor the manifest knows.
fn foreign_files(machine: &dyn Machine, manifest: &Manifest, catalog: &Catalog) -> Result<Vec<Finding>> {
    let mut ours: BTreeSet<String> = manifest.paths();
    ours.extend(catalog.entries.iter().flat_map(|entry| entry.resource.kind().paths()));
    let known = |path: &str| {
        let below = format!("{path}/");
        ours.contains(path) || ours.range(below.clone()..).next().is_some_and(|next| next.starts_with(&below))
    };
    let mut foreign = Vec::new();
    for entry in &catalog.entries {
        let Resource::Directory(directory) = &entry.resource else { continue };
        if !directory.exclusive {
            continue;
        }
        for name in machine.list(Path::new(&directory.path))? {
            let path = format!("{}/{name}", directory.path.trim_end_matches('/'));
            if !name.starts_with(OUR_TEMPORARY) && !known(&path) {
                foreign.push(Finding { id: format!("file:{path}"), ..finding(entry, Outcome::Foreign, false) });
            }
        }
    }
    Ok(foreign)
}
