//! What this host did and when, one JSON line each: for whoever looks at a run that was cut off.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::store;
use crate::failure::Result;
use crate::machine::Machine;
use crate::protocol::Holder;

/// Beyond this size the journal is renamed to `journal.jsonl.1`, replacing the one before.
const LARGEST: u64 = 1024 * 1024;

/// The journal of one run. The run itself is written down with its first line, so a run that does nothing leaves none.
pub struct Journal {
    path: PathBuf,
    run: Option<Value>,
}

impl Journal {
    /// The journal at `path`, for a run of `holder`.
    pub fn new(path: PathBuf, holder: &Holder) -> Journal {
        Journal { path, run: Some(json!({ "event": "run", "holder": holder })) }
    }

    /// Writes one line: `event` with its fields and the time. Never a secret: ids and words of commands only.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&mut self, machine: &mut dyn Machine, event: &str, fields: Value) -> Result<()> {
        let now = machine.now();
        let mut lines = String::new();
        for mut line in self.run.take().into_iter().chain([with_event(event, fields)]) {
            line["at"] = json!(now);
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        if let Some(folder) = self.path.parent() {
            store::make_folder(machine, folder)?;
        }
        if machine.stat(&self.path)?.is_some_and(|stat| stat.size + lines.len() as u64 > LARGEST) {
            let older = PathBuf::from(format!("{}.1", self.path.display()));
            machine.rename(&self.path, &older)?;
        }
        machine.append(&self.path, lines.as_bytes(), &store::PRIVATE_FILE)
    }
}

fn with_event(event: &str, mut fields: Value) -> Value {
    fields["event"] = json!(event);
    fields
}
