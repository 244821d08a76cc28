//! What an application host remembers of a restore in place, so that whoever comes next can bring it to an end.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Exchange;
use super::load::{as_owner, statement};
use crate::backup::configuration::Configuration;
use crate::failure::{Failure, Result};
use crate::machine::{Machine, PRIVATE_FILE, make_folder};

/// Where it is. The units of tenants name it too (`templates/tenant/unit.service.tera`): a unit whose tenant has a file
/// `<tenant>.swapping.json` here does not start.
const FOLDER: &str = "/var/lib/comuni/restore";

/// A restore in place that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Id of the snapshot.
    pub snapshot: String,
    /// When it was taken, seconds since 1970-01-01T00:00:00Z.
    pub taken: i64,
    /// The unit of the application.
    pub unit: String,
    /// The folder into which the backup was fetched.
    pub work: String,
    /// Data folder, the restored one, and what the old one is called from then on.
    pub files: Option<Files>,
    /// The databases.
    pub database: Option<Exchange>,
    /// The number of the new database.
    pub oid: Option<u32>,
    /// Without a database this decides: the restored files are to stay.
    pub forward: bool,
    /// What is kept may be taken away after this.
    pub until: i64,
}

/// Folders that change their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// The data folder.
    pub data: String,
    /// The restored one, until it takes the place.
    pub fresh: String,
    /// The old one, from then on.
    pub kept: String,
}

/// What was kept of the time before a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Kept {
    /// The database.
    pub database: Option<String>,
    /// The folder of files.
    pub files: Option<String>,
    /// It may be taken away after this, seconds since 1970-01-01T00:00:00Z.
    pub until: i64,
}

impl Note {
    /// What it keeps.
    pub fn kept(&self) -> Kept {
        Kept {
            database: self.database.as_ref().map(|names| names.kept.clone()),
            files: self.files.as_ref().map(|files| files.kept.clone()),
            until: self.until,
        }
    }
}

/// How far a restore in place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing live was touched.
    Preparing,
    /// The application is stopped and the data change their places.
    Swapping,
}

/// The file of a phase.
pub fn path(tenant: &str, phase: Phase) -> PathBuf {
    let word = match phase {
        Phase::Preparing => "preparing",
        Phase::Swapping => "swapping",
    };
    Path::new(FOLDER).join(format!("{tenant}.{word}.json"))
}

fn kept_path(tenant: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{tenant}.kept.json"))
}

/// Whether the data of a tenant are changing their places, and nothing may read them as one.
///
/// # Errors
/// When that cannot be told.
pub fn is_half(machine: &dyn Machine, tenant: &str) -> Result<bool> {
    Ok(machine.stat(&path(tenant, Phase::Swapping))?.is_some())
}

/// What is under way.
///
/// # Errors
/// When it cannot be read, or is damaged.
pub fn read(machine: &dyn Machine, tenant: &str, phase: Phase) -> Result<Option<Note>> {
    let path = path(tenant, phase);
    let Some(content) = machine.read(&path)? else { return Ok(None) };
    serde_json::from_slice(&content).map(Some).map_err(|error| {
        Failure::operation(format!("{}: the note of a restore is damaged: {error}", path.display()))
            .hint("look at the tenant's databases and folders by hand (docs/restore.md), then remove the note")
    })
}

/// Writes it.
///
/// # Errors
/// When the disk refuses.
pub fn write(machine: &mut dyn Machine, tenant: &str, phase: Phase, note: &Note) -> Result<()> {
    save(machine, &path(tenant, phase), note)
}

fn save(machine: &mut dyn Machine, path: &Path, value: &impl Serialize) -> Result<()> {
    let content = serde_json::to_vec(value).map_err(|error| Failure::operation(format!("cannot encode: {error}")))?;
    make_folder(machine, Path::new(FOLDER))?;
    machine.write(path, &content, &PRIVATE_FILE)
}

/// The restores of which something is kept, the newest last.
///
/// # Errors
/// When they cannot be read.
pub fn kept(machine: &dyn Machine, tenant: &str) -> Result<Vec<Note>> {
    let content = machine.read(&kept_path(tenant))?.unwrap_or_default();
    Ok(serde_json::from_slice(&content).unwrap_or_default())
}

/// Remembers that something is kept, or not any more.
///
/// # Errors
/// When the disk refuses.
pub fn set_kept(machine: &mut dyn Machine, tenant: &str, notes: &[Note]) -> Result<()> {
    save(machine, &kept_path(tenant), &notes)
}

/// Takes away what was kept of a tenant, as far as `goes` says; tells what.
///
/// # Errors
/// When the database cannot be reached, or the system refuses. What is not gone is remembered.
pub fn drop_kept(machine: &mut dyn Machine, tenant: &str, goes: impl Fn(&Note) -> bool) -> Result<Vec<String>> {
    let mut notes = kept(machine, tenant)?;
    let mut dropped = Vec::new();
    while let Some(at) = notes.iter().position(&goes) {
        let note = notes[at].clone();
        if let Some(files) = &note.files {
            machine.remove_tree(Path::new(&files.kept))?;
            dropped.push(files.kept.clone());
        }
        if let (Some(names), Some(database)) = (&note.database, Configuration::read(machine, tenant)?.database) {
            as_owner(machine, &database, &[("kept", &names.kept)], statement::DROP_KEPT)?;
            dropped.push(format!("database {}", names.kept));
        }
        notes.remove(at);
        set_kept(machine, tenant, &notes)?;
    }
    Ok(dropped)
}
