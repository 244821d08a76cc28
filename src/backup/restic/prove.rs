//! What proving a backup asks of restic.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::refusal::worth_repeating;
use super::{Refusal, Repository, Trouble};
use crate::machine::{Command, Machine, Output};

/// How long reading may take.
const LONG: Duration = Duration::from_secs(12 * 3600);

/// Between two tries at a repository that is locked, in seconds.
const PAUSE: &str = "2";

/// What a check of the repository came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Why it does not hold together, in restic's words; none when it does.
    pub damage: Option<String>,
    /// A lock whose holder was gone was in the way and was taken away.
    pub unlocked: bool,
}

impl Repository {
    /// Whether the repository holds together; with a part (`n/t`) or all of its data read when that is said. A lock is
    /// waited for: one whose holder is gone by restic's own rule is taken away, never another.
    ///
    /// # Errors
    /// When the repository cannot be looked at. Damage is an answer.
    pub fn check(
        &self,
        machine: &mut dyn Machine,
        read: Option<&str>,
        patience: Duration,
    ) -> std::result::Result<Checked, Refusal> {
        let mut words = vec!["check"];
        words.extend(read);
        let command = self.command(&words).within(LONG);
        let until = Instant::now() + patience;
        let mut unlocked = false;
        loop {
            let output = machine.run(&command).map_err(Refusal::from)?;
            if output.status == 0 {
                return Ok(Checked { damage: None, unlocked });
            }
            let refusal = Refusal::read(&output);
            match refusal.trouble {
                Trouble::Locked if !unlocked => {
                    self.unlock(machine)?;
                    unlocked = true;
                }
                Trouble::Locked if Instant::now() < until => {
                    machine.run(&Command::new(["sleep", PAUSE])).map_err(Refusal::from)?;
                }
                Trouble::Locked | Trouble::Key | Trouble::Full | Trouble::Stopped => return Err(refusal),
                // Words like "does not exist" speak of a pack here, not of the repository.
                _ => return Ok(Checked { damage: Some(told(&output)), unlocked }),
            }
        }
    }

    /// The paths in a snapshot with the bytes of each file.
    ///
    /// # Errors
    /// As [`Trouble`] tells them apart.
    pub fn files(&self, machine: &mut dyn Machine, id: &str) -> std::result::Result<BTreeMap<String, u64>, Refusal> {
        #[derive(Deserialize)]
        struct Node {
            path: Option<String>,
            #[serde(default)]
            size: u64,
        }
        let mut files = BTreeMap::new();
        let command = self.command(&["ls", "--json", "--no-lock", id]).within(LONG);
        let output = machine
            .follow(&command, &mut |line| {
                if let Ok(Node { path: Some(path), size }) = serde_json::from_str(line) {
                    files.insert(path, size);
                }
                Ok(())
            })
            .map_err(Refusal::from)?;
        if output.status == 0 { Ok(files) } else { Err(Refusal::read(&output)) }
    }

    /// Brings a snapshot, or what is in one folder of it, into an empty folder. Reads without a lock and as root, so that
    /// owners and modes are as they were. What it could not bring is in its words.
    ///
    /// # Errors
    /// When restic cannot be started.
    pub fn restore(
        &self,
        machine: &mut dyn Machine,
        id: &str,
        target: &str,
        only: Option<&str>,
    ) -> std::result::Result<Output, Refusal> {
        let mut words = vec!["restore", "--no-lock", "--target", target];
        if let Some(folder) = only {
            words.extend(["--include", folder]);
        }
        words.push(id);
        let mut command = self.command(&words).within(LONG);
        command.user = None;
        machine.run(&command).map_err(Refusal::from)
    }

    /// The snapshots that need a pack, by the first eight digits of their ids; none when restic cannot tell any more.
    pub fn in_need_of(&self, machine: &mut dyn Machine, pack: &str) -> Vec<String> {
        let command = self.command(&["find", "--no-lock", "--pack", pack]).within(LONG);
        let Ok(output) = machine.run(&command) else { return Vec::new() };
        let text = output.text();
        let words = text.lines().filter_map(|line| line.split_once("in snapshot ")).map(|(_, rest)| rest);
        let mut found: Vec<String> = words
            .filter_map(|rest| rest.get(..8))
            .filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .map(str::to_string)
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

/// What restic said, without what goes well.
fn told(output: &Output) -> String {
    let text = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let well = [
        "using temporary cache",
        "create exclusive lock",
        "load indexes",
        "check all packs",
        "check snapshots",
        "created new cache",
        "repository ",
    ];
    let lines: Vec<&str> = text
        .lines()
        .filter_map(worth_repeating)
        .filter(|line| !well.iter().any(|words| line.starts_with(words)))
        .take(20)
        .collect();
    if lines.is_empty() { format!("restic check ended with {}", output.status) } else { lines.join("\n") }
}

/// Ids of packs that words of restic name.
pub fn packs(words: &str) -> Vec<String> {
    let mut found: Vec<String> = words
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(str::to_string)
        .collect();
    found.sort();
    found.dedup();
    found
}
