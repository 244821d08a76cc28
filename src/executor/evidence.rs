//! Chains of evidence on this host: one for each writer, a key that sshd saw.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::chain;
use super::lock;
use super::store::Settings;
use crate::failure::Result;
use crate::machine::Machine;
use crate::protocol::{FromHost, Holder, Operator};

/// How long another writer is waited for: an append takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Stands in the name of a chain that was found broken, before the moment in seconds since 1970.
const BROKEN: &str = ".broken-";

/// Appends records to the chain of the key that sshd saw, and writes that key into each of them.
///
/// # Errors
/// When the chain is damaged or held, or the disk refuses.
pub fn append(
    machine: &mut dyn Machine,
    settings: &Settings,
    fingerprint: Option<&str>,
    records: Vec<Value>,
) -> Result<FromHost> {
    let operator =
        Operator { user: "comuni".to_string(), machine: String::new(), fingerprint: fingerprint.map(str::to_string) };
    let holder = Holder { operator, verb: "evidence".to_string(), since: machine.now() };
    let _lock = lock::wait(&settings.run.join("evidence.lock"), &holder, PATIENCE)?;
    let records = records.into_iter().map(|record| with_who(record, fingerprint)).collect();
    let path = chain_of(settings, fingerprint);
    set_aside(machine, &path)?;
    let appended = chain::append(machine, &path, records)?;
    Ok(FromHost::Appended { head: appended.head })
}

/// A chain that somebody changed is kept as it is, beside a new one: what is recorded from now on can be relied on, and
/// what was done to the old one can be looked into. Readers are told of it as long as it lies there.
fn set_aside(machine: &mut dyn Machine, path: &Path) -> Result<()> {
    let content = machine.read(path)?.unwrap_or_default();
    // Half a line at the end was left by a crash, and is dealt with where lines are appended.
    let whole = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if chain::verify(&content[..whole]).is_err() {
        let aside = format!("{}{BROKEN}{}", path.display(), machine.now());
        machine.rename(path, Path::new(&aside))?;
    }
    Ok(())
}

/// What control says about itself does not count; what sshd saw does.
fn with_who(mut record: Value, fingerprint: Option<&str>) -> Value {
    if let (Some(fields), Some(fingerprint)) = (record.as_object_mut(), fingerprint) {
        fields.insert("who".to_string(), json!(fingerprint));
    }
    record
}

fn chain_of(settings: &Settings, fingerprint: Option<&str>) -> PathBuf {
    settings.evidence().join(format!("{}.jsonl", writer(fingerprint)))
}

/// A fingerprint as a file name: Base64 has a slash.
fn writer(fingerprint: Option<&str>) -> String {
    match fingerprint {
        Some(text) => text.trim_start_matches("SHA256:").replace('/', "_").replace('+', "-"),
        None => "unknown".to_string(),
    }
}

/// Reads the chains, checks each whole, and gives the newest lines of each.
///
/// # Errors
/// When a file cannot be read. A broken chain is told, with its first broken line, and its good lines are given.
pub fn read(machine: &dyn Machine, settings: &Settings, newest: u32) -> Result<FromHost> {
    let mut chains = Vec::new();
    let mut broken = Vec::new();
    for name in machine.list(&settings.evidence())? {
        if let Some(half) = name.split_once(".jsonl.torn-").map(|(writer, _)| writer) {
            broken.push(format!("{half}: half a line that a crash left lies in {name}"));
        }
        let set_aside = name.split_once(BROKEN).and_then(|(kept, _)| kept.strip_suffix(".jsonl"));
        let Some(writer) = name.strip_suffix(".jsonl").or(set_aside) else { continue };
        let content = machine.read(&settings.evidence().join(&name))?.unwrap_or_default();
        let lines = match chain::verify(&content) {
            Ok(lines) => lines,
            Err(found) => {
                let place = set_aside.map_or(String::new(), |_| format!(" (kept in {name}, a new chain was begun)"));
                broken.push(format!("{writer}: line {}: {}{place}", found.line, found.why));
                let good = content.split_inclusive(|byte| *byte == b'\n').take(found.line - 1).flatten().copied();
                chain::verify(&good.collect::<Vec<u8>>()).unwrap_or_default()
            }
        };
        let first = lines.len().saturating_sub(newest as usize);
        let values = lines[first..].iter().filter_map(|line| serde_json::to_value(line).ok()).collect();
        chains.push((writer.to_string(), values));
    }
    Ok(FromHost::Evidence { chains, broken })
}
