//! One JSON object a line.

use std::io::{BufRead, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::{Failure, Result};

/// Longest line that is read, in bytes: a catalog with all its files, or a piece of an archive.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Writes one message and flushes it.
///
/// # Errors
/// When the other side is gone.
pub fn write_line(output: &mut dyn Write, message: &impl Serialize) -> Result<()> {
    let mut line =
        serde_json::to_vec(message).map_err(|error| Failure::operation(format!("cannot encode a message: {error}")))?;
    line.push(b'\n');
    output
        .write_all(&line)
        .and_then(|()| output.flush())
        .map_err(|error| Failure::operation(format!("the connection is gone: {error}")))
}

/// Reads one message; `None` at the end of the stream.
///
/// # Errors
/// When the stream breaks, a line is longer than 64 MiB, or it is no message of this version.
pub fn read_line<M: DeserializeOwned>(input: &mut impl BufRead) -> Result<Option<M>> {
    let mut line = Vec::new();
    std::io::Read::take(&mut *input, LONGEST)
        .read_until(b'\n', &mut line)
        .map_err(|error| Failure::operation(format!("the connection broke: {error}")))?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(Failure::operation("the connection ended in the middle of a message"));
    }
    serde_json::from_slice(&line).map(Some).map_err(|error| {
        let start = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
        Failure::operation(format!("not a message of this version: {error} in {start:?}"))
    })
}
