//! The note: what whoever comes next must know.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Begin;
use crate::failure::{Failure, Result};
use crate::machine::{Machine, PRIVATE_FILE, make_folder};

const FOLDER: &str = "/var/lib/comuni/upgrade";

/// How far an upgrade came. Each is written before what it names is done, but for `stopped` and `saved`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing was changed.
    Begun,
    /// The maintenance page is shown, or about to be.
    Closed,
    /// The application was stopped.
    Stopped,
    /// A safety snapshot has its data.
    Saved,
    /// What is on the host may be of the new release, and the data may have been migrated.
    Switched,
    /// Healthy on the new release: the maintenance page is gone, or about to go. There is no way back but code.
    Opened,
}

/// An upgrade that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The release that ran.
    pub from: String,
    /// The release that is wanted.
    pub to: String,
    /// The application's unit.
    pub unit: String,
    /// The file that has nginx show the maintenance page.
    pub page: String,
    /// It goes back to an older release.
    #[serde(default)]
    pub back: bool,
    /// How far it came.
    pub phase: Phase,
    /// Who began it.
    pub by: String,
    /// When, seconds since 1970-01-01T00:00:00Z.
    pub began: i64,
    /// When the maintenance page came.
    #[serde(default)]
    pub closed: Option<i64>,
    /// When it went.
    #[serde(default)]
    pub opened: Option<i64>,
    /// Id of the safety snapshot.
    #[serde(default)]
    pub snapshot: Option<String>,
    /// The silences that were set for it: host and id.
    #[serde(default)]
    pub silences: Vec<(String, String)>,
}

impl Note {
    /// Of what begins now.
    pub(super) fn new(begin: Begin, by: &str, began: i64) -> Note {
        let Begin { from, to, unit, page, back } = begin;
        Note {
            from,
            to,
            unit,
            page,
            back,
            phase: Phase::Begun,
            by: by.to_string(),
            began,
            closed: None,
            opened: None,
            snapshot: None,
            silences: Vec::new(),
        }
    }

    /// Says it to somebody who cannot go on because of it.
    pub fn words(&self, tenant: &str) -> String {
        format!(
            "an upgrade of {tenant} from {} to {}, begun by {}, was cut off: `{}` brings it to an end",
            self.from,
            self.to,
            self.by,
            brings_to_an_end(tenant, self.back)
        )
    }
}

/// The command that brings to an end what was cut off of a tenant on its way to another release, or `back` to an older one.
pub fn brings_to_an_end(tenant: &str, back: bool) -> String {
    let (owner, application) = tenant.split_once('-').unwrap_or((tenant, tenant));
    match back {
        true => format!("comuni rollback {application} --member {owner}"),
        false => format!("comuni upgrade {application} --resume"),
    }
}

fn path(tenant: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{tenant}.json"))
}

/// The upgrade of a tenant that is under way.
///
/// # Errors
/// When the note cannot be read, or is damaged.
pub fn under_way(machine: &dyn Machine, tenant: &str) -> Result<Option<Note>> {
    let path = path(tenant);
    let Some(content) = machine.read(&path)? else { return Ok(None) };
    serde_json::from_slice(&content).map(Some).map_err(|error| {
        Failure::operation(format!("{}: the note of an upgrade is damaged: {error}", path.display()))
            .hint("docs/upgrade.md, \"By hand\"")
    })
}

pub(super) fn write(machine: &mut dyn Machine, tenant: &str, note: &Note) -> Result<()> {
    let content = serde_json::to_vec(note).map_err(|error| Failure::operation(format!("cannot encode: {error}")))?;
    make_folder(machine, Path::new(FOLDER))?;
    machine.write(&path(tenant), &content, &PRIVATE_FILE)
}

pub(super) fn remove(machine: &mut dyn Machine, tenant: &str) -> Result<()> {
    machine.remove(&path(tenant))
}
