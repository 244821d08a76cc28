//! Chains of evidence on this host: one for each writer, a key that sshd saw.

use std::path::PathBuf;
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
    let appended = chain::append(machine, &chain_of(settings, fingerprint), records)?;
    Ok(FromHost::Appended { head: appended.head })
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
        let Some(writer) = name.strip_suffix(".jsonl") else { continue };
        let content = machine.read(&settings.evidence().join(&name))?.unwrap_or_default();
        let lines = match chain::verify(&content) {
            Ok(lines) => lines,
            Err(found) => {
                broken.push(format!("{writer}: line {}: {}", found.line, found.why));
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
