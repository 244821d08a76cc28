//! The file on the disk: written whole or not at all, and believed only when its digest is right.

use std::fs;
use std::path::Path;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::form::{Document, VERSION, digest_of};
use crate::disk;
use crate::failure::{Failure, Kind, Result};

/// Everybody may read it: it holds no secret, and is there to be attached to a ticket.
const MODE: u32 = 0o644;

/// A file larger than this is no saved plan: forty hosts with all their files stay far below (bytes).
const LARGEST: u64 = 256 * 1024 * 1024;

/// Writes a saved plan, replacing what was there.
///
/// # Errors
/// Exit 1 when it cannot be written; what was there is then unharmed.
pub fn write(path: &Path, document: &Document) -> Result<()> {
    let failed = |error: std::io::Error| {
        Failure::operation(format!("{}: the plan cannot be saved: {error}", path.display()))
            .hint("name a file in a folder that you may write to: comuni plan --out FILE")
    };
    let mut text = serde_json::to_string_pretty(document).map_err(|error| failed(error.into()))?;
    text.push('\n');
    disk::replace(path, text.as_bytes(), MODE).map_err(failed)
}

/// Reads a saved plan and checks that nobody changed it.
///
/// # Errors
/// Exit 64 when there is no such file, it is no saved plan, or one of another version; exit 4 when it was changed after
/// it was saved, or a sign-off in it does not hold.
pub fn read(path: &Path) -> Result<Document> {
    let place = path.display();
    let unreadable = |why: String| {
        Failure::usage(format!("{place}: this is no saved plan: {why}"))
            .hint(format!("save one: comuni plan --out {place}"))
    };
    let metadata = fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(unreadable("it is not a file of a fitting size".to_string()));
    }
    let text = fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let value: Value = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    let version = value["version"].as_u64();
    if version != Some(u64::from(VERSION)) {
        let version = version.map_or_else(|| "none".to_string(), |version| version.to_string());
        return Err(unreadable(format!("the version of its form is {version}, this comuni reads {VERSION}")));
    }
    if value["digest"].as_str() != Some(digest_of(&value["plan"]).as_str()) {
        return Err(changed(path, "its content does not match its digest"));
    }
    // What matches its digest and still cannot be read was made by a comuni that knew more.
    let document: Document = serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))?;
    for host in &document.plan.hosts {
        if host.digest != host.computed_digest(&document.plan.host_half) {
            return Err(changed(path, &format!("what it says of host {} does not match its digest", host.name)));
        }
    }
    document.sign_offs.iter().try_for_each(|made| made.verify(&document).map_err(|failure| failure.context(&place)))?;
    Ok(document)
}

fn changed(path: &Path, why: &str) -> Failure {
    Failure::new(Kind::Damage, format!("{}: this plan was changed after it was saved: {why}", path.display()))
        .hint("get the file again from whoever saved it, or plan anew: comuni plan --out FILE")
}

/// JSON Schema of the file.
pub fn schema() -> Value {
    SchemaSettings::default().into_generator().into_root_schema_for::<Document>().to_value()
}
