//! What a plan stands on: what was wanted, the secrets' ids, the program that compares, and what the hosts had.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::form::PlannedHost;
use super::moved::Answer;
use crate::catalog::{Catalog, Entry};
use crate::digest::{canonical, sha256};
use crate::failure::{Failure, Result};

/// What can be told on this machine, before any host is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ground {
    /// SHA-256 (hex) of the host half.
    pub host_half: String,
    /// As [`super::Plan::sources`].
    pub sources: BTreeMap<String, String>,
    /// By host: what each resource must be, and the secrets' ids.
    pub hosts: BTreeMap<String, Wanted>,
}

/// What one host must have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// As [`PlannedHost::wanted`].
    pub resources: BTreeMap<String, String>,
    /// As [`PlannedHost::secrets`].
    pub secrets: BTreeMap<String, String>,
}

impl Ground {
    /// Notes what a host must have, with the ids of the secrets that it would be given.
    pub fn add(&mut self, catalog: &Catalog, secrets: BTreeMap<String, String>) {
        let resources = catalog.entries.iter().map(|entry| (entry.id.clone(), digest(entry))).collect();
        self.hosts.insert(catalog.host.clone(), Wanted { resources, secrets });
    }

    /// The plan of one host. Foreign files are in it, for whoever reads it.
    pub fn planned(&self, host: &str, answer: Answer) -> PlannedHost {
        let wanted = self.hosts.get(host).cloned().unwrap_or_default();
        let mut planned = PlannedHost {
            name: host.to_string(),
            digest: String::new(),
            wanted: wanted.resources,
            secrets: wanted.secrets,
            correct: answer.correct,
            findings: answer.findings,
            debts: answer.debts,
        };
        planned.digest = planned.computed_digest(&self.host_half);
        planned
    }
}

/// Where an entry came from is left out: a line more in a playbook, or a checkout in another folder, changes nothing.
fn digest(entry: &Entry) -> String {
    let Entry { id, owner, tenant, area, stage, origin: _, resource } = entry;
    let wanted =
        json!({ "id": id, "owner": owner, "tenant": tenant, "area": area, "stage": stage, "resource": resource });
    sha256(canonical(&wanted)).chars().take(16).collect()
}

/// The files of an inventory (its folders: the included first), of its playbooks and of its templates, each with its
/// SHA-256. Those of an included inventory have its folder's name before their own.
///
/// # Errors
/// Exit 65 when one cannot be read.
pub fn sources(layers: &[PathBuf]) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for (place, layer) in layers.iter().enumerate() {
        let prefix = match layer.file_name() {
            Some(name) if place + 1 < layers.len() => format!("{}/", name.to_string_lossy()),
            _ => String::new(),
        };
        for name in ["consortium.yml", "hosts.yml", "authority.pem"] {
            add(&mut found, &layer.join(name), format!("{prefix}{name}"))?;
        }
        for name in ["applications", "members", "playbooks", "templates"] {
            walk(&mut found, &layer.join(name), &format!("{prefix}{name}"))?;
        }
    }
    Ok(found)
}

fn walk(found: &mut BTreeMap<String, String>, folder: &Path, name: &str) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let inner = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match path.is_dir() {
            true => walk(found, &path, &format!("{name}/{inner}"))?,
            false => add(found, &path, format!("{name}/{inner}"))?,
        }
    }
    Ok(())
}

fn add(found: &mut BTreeMap<String, String>, path: &Path, name: String) -> Result<()> {
    let used = [".yml", ".pem", ".tera"].iter().any(|ending| name.ends_with(ending));
    if used && path.is_file() {
        let content = fs::read(path).map_err(|error| unreadable(path, &error))?;
        found.insert(name, sha256(content));
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::inventory(format!("{}: {error}", path.display()))
}
