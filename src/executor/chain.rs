//! Append-only lines of JSON, each chained to the one before by a hash: a line cannot be changed, dropped or
//! put in between without breaking all that follow.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{key, store};
use crate::digest::canonical;
use crate::failure::{Failure, Result};
use crate::machine::Machine;

/// What the first line names as the one before.
pub const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One line of a chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Counted from 1.
    pub seq: u64,
    /// Hash of the line before, or [`BEGINNING`].
    pub prev: String,
    /// What is recorded.
    pub record: Value,
    /// SHA-256 (lower-case hex) over `prev` and the canonical JSON of `seq` and `record`.
    pub hash: String,
}

/// The first line of a chain that does not hold, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Counted from 1.
    pub line: usize,
    /// For a person.
    pub why: String,
}

/// What an append did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Hash of the newest line.
    pub head: String,
    /// Half a line that a crash had left, and the file it was moved to.
    pub moved_aside: Option<String>,
}

impl Line {
    /// The line that follows `previous` (or begins the chain).
    pub fn after(previous: Option<&Line>, record: Value) -> Line {
        let seq = previous.map_or(1, |line| line.seq + 1);
        let prev = previous.map_or_else(|| BEGINNING.to_string(), |line| line.hash.clone());
        let hash = hash(&prev, seq, &record);
        Line { seq, prev, record, hash }
    }
}

fn hash(prev: &str, seq: u64, record: &Value) -> String {
    key::sha256(format!("{prev}{{\"record\":{},\"seq\":{seq}}}", canonical(record)).as_bytes())
}

/// Reads a chain and checks every line of it.
///
/// # Errors
/// With the first line that does not hold.
pub fn verify(content: &[u8]) -> std::result::Result<Vec<Line>, Broken> {
    let mut lines: Vec<Line> = Vec::new();
    for (index, text) in content.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let broken = |why: String| Broken { line: index + 1, why };
        let Some(text) = text.strip_suffix(b"\n") else {
            return Err(broken("it was cut off in the middle".to_string()));
        };
        let line = parse(text).map_err(broken)?;
        let expected = lines.last().map_or(BEGINNING, |line| line.hash.as_str());
        if line.prev != expected {
            return Err(broken("it does not follow the line before".to_string()));
        }
        if line.seq != index as u64 + 1 {
            return Err(broken(format!("it says it is line {}", line.seq)));
        }
        lines.push(line);
    }
    Ok(lines)
}

fn parse(text: &[u8]) -> std::result::Result<Line, String> {
    let line: Line = serde_json::from_slice(text).map_err(|error| format!("it is no record: {error}"))?;
    if line.hash == hash(&line.prev, line.seq, &line.record) {
        Ok(line)
    } else {
        Err("its content does not match its hash".to_string())
    }
}

/// Appends records and syncs them. Half a line at the end, left by a crash, is moved to a file beside it.
///
/// Only the newest line is checked here; [`verify`] checks all. The caller holds the lock of the chain.
///
/// # Errors
/// When the newest line does not hold, or the system refuses.
pub fn append(machine: &mut dyn Machine, path: &Path, records: Vec<Value>) -> Result<Appended> {
    if let Some(folder) = path.parent() {
        store::make_folder(machine, folder)?;
    }
    let mut content = machine.read(path)?.unwrap_or_default();
    let moved_aside = repair(machine, path, &mut content)?;
    let newest = match content.strip_suffix(b"\n") {
        None => None,
        Some(whole) => {
            let start = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |position| position + 1);
            Some(parse(&whole[start..]).map_err(|why| {
                Failure::new(
                    crate::failure::Kind::Damage,
                    format!("{}: the newest line cannot be followed: {why}", path.display()),
                )
                .hint(format!("keep {} as it is for inquiry, move it aside, and run again", path.display()))
            })?)
        }
    };
    let mut added = Vec::new();
    let mut last = newest;
    for record in records {
        let line = Line::after(last.as_ref(), record);
        serde_json::to_writer(&mut added, &line)
            .map_err(|error| Failure::operation(format!("cannot encode a record: {error}")))?;
        added.push(b'\n');
        last = Some(line);
    }
    if !added.is_empty() {
        machine.append(path, &added, &store::PRIVATE_FILE)?;
    }
    Ok(Appended { head: last.map_or_else(|| BEGINNING.to_string(), |line| line.hash), moved_aside })
}

fn repair(machine: &mut dyn Machine, path: &Path, content: &mut Vec<u8>) -> Result<Option<String>> {
    let whole = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |position| position + 1);
    if whole == content.len() {
        return Ok(None);
    }
    let aside = format!("{}.torn-{}", path.display(), machine.now());
    machine.write(Path::new(&aside), &content[whole..], &store::PRIVATE_FILE)?;
    content.truncate(whole);
    machine.write(path, content, &store::PRIVATE_FILE)?;
    Ok(Some(aside))
}
