//! A tenant's data in open forms, for a member that leaves: SQL, a table (CSV) for each table, large objects, files, a
//! manifest with checksums, and a text in Italian that says how to bring them into a bare PostgreSQL.
//!
//! It is made of a backup and not of what is live, and it is not handed out before it was packed, unpacked, restored as
//! that text says, and found equal to what the backup says about itself. Its place is a scratch of its own, which goes
//! with whoever asked for it.

mod pack;
mod proof;
mod readme;
mod write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::backup::fingerprint::{DatabaseFingerprint, Tree};
use crate::backup::manifest::Manifest;
use crate::backup::restore::{self, Chosen, From, Tell};
use crate::backup::scratch::{Scratch, sweep};
use crate::digest::sha256;
use crate::failure::{Failure, Kind, Result};
use crate::machine::{Command, Machine};

/// How much of a bundle is handed out at once, in bytes.
const PIECE: u64 = 4 * 1024 * 1024;

/// What is exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The member's code.
    pub member: String,
    /// Its official name, for the manifest and the text.
    pub name: String,
    /// The application, which names the folder in the bundle.
    pub application: String,
    /// The tenant's data folder, in the snapshot.
    pub data: String,
    /// Where the repository is.
    pub from: From,
    /// Nothing is made of a backup with this content: it was exported already.
    pub unless: Option<String>,
}

/// A step of an export, on the host where backups are proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Make it of the newest complete backup, and prove it.
    Make(Task),
    /// Hand out a piece of the bundle.
    Read {
        /// Its place, as [`Made::place`] says it.
        place: String,
        /// Where the piece begins.
        offset: u64,
    },
    /// Take it away.
    Drop {
        /// Its place.
        place: String,
    },
}

/// A bundle that was made and proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Where it lies, until it is taken away.
    pub place: String,
    /// Bytes of the bundle (tar).
    pub bytes: u64,
    /// SHA-256 (hex) of the bundle.
    pub sha256: String,
    /// What is in it.
    pub summary: Summary,
}

/// What is in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Summary {
    /// The backup that it was made of.
    pub snapshot: String,
    /// When that was taken, seconds since 1970-01-01T00:00:00Z.
    pub taken: i64,
    /// Release of the application.
    pub release: String,
    /// Version of the PostgreSQL that it came from; none without a database.
    pub server: Option<String>,
    /// Tables.
    pub tables: u64,
    /// Rows of all tables.
    pub rows: u64,
    /// Large objects.
    pub large_objects: u64,
    /// Files.
    pub files: u64,
    /// Bytes of the files.
    pub file_bytes: u64,
    /// Digest of all content: the same for two backups between which nothing changed.
    pub content: String,
    /// What was proven, one sentence each.
    pub proven: Vec<String>,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was made and is proven.
    Made(Box<Made>),
    /// The newest backup has the content that was exported already.
    Same {
        /// Its id.
        snapshot: String,
        /// When it was taken, seconds since 1970-01-01T00:00:00Z.
        taken: i64,
    },
    /// Base64 of a piece; empty behind the end.
    Piece(String),
    /// It is gone.
    Dropped,
    /// It was refused or failed, with the exit code that goes with it.
    Refused {
        /// Exit code.
        exit: u8,
        /// What, where, why.
        message: String,
        /// What to do.
        hints: Vec<String>,
    },
}

/// Takes a step for a tenant that is ours alone meanwhile. That it could not be done is an answer.
///
/// # Errors
/// Only what has to end the conversation.
pub fn step(
    machine: &mut dyn Machine,
    tenant: &str,
    step: &Step,
    key: Option<&str>,
    tell: &mut Tell<'_>,
) -> Result<Answer> {
    let done = match step {
        Step::Make(task) => make(machine, tenant, task, key, tell),
        Step::Read { place, offset } => read(machine, tenant, place, *offset).map(Answer::Piece),
        Step::Drop { place } => {
            Scratch::open(machine, place, tenant).and_then(|scratch| scratch.remove(machine)).map(|()| Answer::Dropped)
        }
    };
    match done {
        Err(failure) if !matches!(failure.kind, Kind::Interrupted | Kind::Terminated) => {
            Ok(Answer::Refused { exit: failure.kind.exit_code(), message: failure.message, hints: failure.hints })
        }
        done => done,
    }
}

/// What is being exported, of which backup.
struct Work<'a> {
    tenant: &'a str,
    task: &'a Task,
    chosen: Chosen,
}

fn make(
    machine: &mut dyn Machine,
    tenant: &str,
    task: &Task,
    key: Option<&str>,
    tell: &mut Tell<'_>,
) -> Result<Answer> {
    sweep(machine)?;
    let repository = restore::repository(machine, tenant, &task.from, key)?;
    let newest = restore::Wanted { tenant: tenant.to_string(), member: task.member.clone(), snapshot: None, at: None };
    let chosen = restore::choose(machine, &repository, &newest)?;
    let work = Work { tenant, task, chosen };
    let keep = Scratch::make(machine, tenant)?;
    let made = pack::whole(machine, &work, &repository, &keep, tell);
    if !matches!(made, Ok(Answer::Made(_))) {
        keep.remove(machine)?;
    }
    made
}

fn read(machine: &mut dyn Machine, tenant: &str, place: &str, offset: u64) -> Result<String> {
    let scratch = Scratch::open(machine, place, tenant)?;
    let from = format!("if={}", pack::bundle(&scratch).display());
    let (skip, count) = (format!("skip={offset}"), format!("count={PIECE}"));
    let command =
        Command::new(["dd", &from, "bs=1M", "iflag=skip_bytes,count_bytes,fullblock", "status=none", &skip, &count]);
    let output = machine.run(&command)?.succeeded(&command)?;
    Ok(BASE64_STANDARD.encode(output.stdout))
}

/// Digest of all that a backup holds, and of nothing that changes by itself: no times, sizes on the disk, versions.
fn content(manifest: &Manifest) -> Result<String> {
    let database = manifest.database.as_ref().map(|database| {
        let DatabaseFingerprint { objects, tables, sequences, large_objects, .. } = &database.fingerprint;
        let tables: Vec<_> = tables.iter().map(|(name, held)| (name, held.rows, &held.checksum)).collect();
        let sequences: Vec<_> = sequences.iter().map(|(name, value)| (name, value.before, value.after)).collect();
        (objects, tables, sequences, large_objects.rows, &large_objects.checksum)
    });
    let files = manifest.files.as_ref().map(|Tree { entries, .. }| {
        entries.iter().map(|(path, entry)| (path, entry.kind, entry.mode, &entry.sha256)).collect::<Vec<_>>()
    });
    let text = serde_json::to_vec(&(&manifest.release, database, files))
        .map_err(|error| Failure::operation(format!("cannot encode what the backup holds: {error}")))?;
    Ok(sha256(text))
}
