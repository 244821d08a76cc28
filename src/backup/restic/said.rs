//! What `restic backup --json` says, line by line. Read tolerantly: other versions say other things in between.

use serde::{Deserialize, Serialize};

/// How far a backup is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes that were found so far.
    #[serde(default, rename = "total_bytes")]
    pub bytes: u64,
    /// Bytes that were read.
    #[serde(default, rename = "bytes_done")]
    pub done: u64,
    /// Files that were read.
    #[serde(default, rename = "files_done")]
    pub files: u64,
}

/// What was stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Bytes that the repository did not have.
    #[serde(default, rename = "data_added")]
    pub added: u64,
    /// Files that were read.
    #[serde(default, rename = "total_files_processed")]
    pub files: u64,
    /// Bytes that were read.
    #[serde(default, rename = "total_bytes_processed")]
    pub bytes: u64,
    /// Id of the snapshot: in 0.14 only its first eight digits.
    #[serde(default)]
    pub snapshot_id: String,
}

/// One line.
pub(super) enum Said {
    Progress(Progress),
    Summary(Summary),
    /// Of no interest.
    Nothing,
    /// No JSON, or half of it.
    Strange,
}

#[derive(Deserialize)]
struct Tagged {
    #[serde(default)]
    message_type: String,
}

impl Said {
    pub(super) fn read(line: &str) -> Said {
        let line = line.trim();
        if line.is_empty() {
            return Said::Nothing;
        }
        let Ok(tagged) = serde_json::from_str::<Tagged>(line) else { return Said::Strange };
        match tagged.message_type.as_str() {
            "status" => serde_json::from_str(line).map_or(Said::Strange, Said::Progress),
            "summary" => match serde_json::from_str::<Summary>(line) {
                Ok(summary) if !summary.snapshot_id.is_empty() => Said::Summary(summary),
                _ => Said::Strange,
            },
            _ => Said::Nothing,
        }
    }
}

/// What could not be read, in restic's own words: JSON of type `error`, or plain lines.
pub(super) fn unread(stderr: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Trouble {
        message_type: String,
        #[serde(default)]
        item: String,
        #[serde(default)]
        error: serde_json::Value,
    }
    let text = String::from_utf8_lossy(stderr);
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        match serde_json::from_str::<Trouble>(line) {
            Ok(trouble) if trouble.message_type == "error" => {
                let why =
                    trouble.error["message"].as_str().or_else(|| trouble.error["Err"].as_str()).unwrap_or("not read");
                found.push(format!("{}: {why}", trouble.item));
            }
            Ok(_) => {}
            Err(_) if line.starts_with("error: ") || line.contains("does not exist, skipping") => {
                found.push(line.to_string());
            }
            Err(_) => {}
        }
    }
    found
}
