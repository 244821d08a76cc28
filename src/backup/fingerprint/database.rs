//! Asks PostgreSQL for the fingerprint of a database, inside of a snapshot. The server reads each table once and sends
//! one line for it; no row leaves it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::loosely::loosely;
use super::{Content, DatabaseFingerprint, Sequence};
use crate::backup::snapshot::Snapshot;
use crate::digest::sha256;
use crate::failure::{Failure, Result};

const FACTS: &str = include_str!("facts.sql");
const OBJECTS: &str = include_str!("objects.sql");
const TABLES: &str = include_str!("tables.sql");
const SEQUENCES: &str = include_str!("sequences.sql");
const LARGE_OBJECTS: &str = include_str!("large_objects.sql");

/// Longer definitions stand as their digest.
const LONGEST: usize = 240;

/// Kinds whose definition is an expression that PostgreSQL writes back in its own way.
const EXPRESSIONS: [&str; 9] =
    ["column", "constraint", "index", "materialized_view", "policy", "rule", "trigger", "type", "view"];

#[derive(Deserialize)]
struct Facts {
    version: u32,
    server_version: String,
    name: String,
    encoding: String,
    collate: String,
    ctype: String,
    bytes: u64,
    roles: Vec<String>,
    extensions: BTreeMap<String, String>,
}

/// The fingerprint of the database in this snapshot.
///
/// # Errors
/// When the server refuses or goes away.
pub fn take(snapshot: &mut Snapshot) -> Result<DatabaseFingerprint> {
    let facts: Facts = one(snapshot.ask(FACTS)?)?;
    let sequences = sequences(snapshot)?;
    let objects: Vec<(String, String, Option<String>)> = snapshot.ask(OBJECTS)?;
    let tables: Vec<(String, u64, String)> = snapshot.ask(TABLES)?;
    let (rows, checksum): (u64, String) = one(snapshot.ask(LARGE_OBJECTS)?)?;
    Ok(DatabaseFingerprint {
        server: facts.version / 10_000,
        server_version: facts.server_version,
        name: facts.name,
        encoding: facts.encoding,
        collate: facts.collate,
        ctype: facts.ctype,
        bytes: facts.bytes,
        roles: facts.roles,
        extensions: facts.extensions,
        objects: objects.into_iter().map(|(kind, name, text)| (format!("{kind} {name}"), short(&kind, text))).collect(),
        tables: tables.into_iter().map(|(name, rows, checksum)| (name, Content { rows, checksum })).collect(),
        sequences: sequences.into_iter().map(|(name, next)| (name, Sequence { before: next, after: next })).collect(),
        large_objects: Content { rows, checksum },
    })
}

/// Where the sequences are by now.
///
/// # Errors
/// When the server refuses or goes away.
pub fn sequences_after(snapshot: &mut Snapshot, fingerprint: &mut DatabaseFingerprint) -> Result<()> {
    let now = sequences(snapshot)?;
    for (name, sequence) in &mut fingerprint.sequences {
        if let Some(next) = now.get(name) {
            sequence.after = *next;
        }
    }
    Ok(())
}

/// The number that each sequence gives next.
fn sequences(snapshot: &mut Snapshot) -> Result<BTreeMap<String, i64>> {
    let found: Vec<(String, i64, bool, i64)> = snapshot.ask(SEQUENCES)?;
    let next = |(name, last, called, step): (String, i64, bool, i64)| {
        (name, if called { last.saturating_add(step) } else { last })
    };
    Ok(found.into_iter().map(next).collect())
}

fn short(kind: &str, text: Option<String>) -> String {
    let text = text.unwrap_or_default();
    let text = if EXPRESSIONS.contains(&kind) { loosely(&text) } else { text };
    if text.len() > LONGEST { format!("sha256:{}", sha256(text)) } else { text }
}

fn one<T>(mut answers: Vec<T>) -> Result<T> {
    match (answers.pop(), answers.is_empty()) {
        (Some(answer), true) => Ok(answer),
        _ => Err(Failure::operation("psql answered with another number of lines than one")),
    }
}
