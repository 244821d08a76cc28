//! The only place that knows restic: how it is called, what it says, and which version can do what.
//!
//! Secrets travel in the environment of the child. No exit code finer than 0, 3 and any other is relied on: 0.14 of
//! Debian 12 has no others.

mod capabilities;
mod pack;
mod prove;
mod refusal;
mod said;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;

pub use capabilities::{Capabilities, MINIMUM, Version};
pub use pack::has_its_end;
pub use prove::{Checked, packs};
pub use refusal::{Refusal, Trouble};
pub use said::{Progress, Summary};

use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, Output};
use said::Said;

/// How long a question to a repository may take.
const ANSWER: Duration = Duration::from_secs(300);

/// Between two tries at a repository that is locked or away.
const PAUSES: [u64; 4] = [2, 5, 15, 30];

/// A repository and how it is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Repository {
    place: Place,
    password: String,
    /// Where indexes are remembered between runs; nowhere when there is none.
    cache: Option<String>,
}

/// Where a repository lies.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Behind ssh, whose forced command serves it and nothing else: the path of the ssh configuration.
    Served(String),
    /// On this host: its folder, and the Unix account whose files it has; `None` is our own.
    Here(String, Option<String>),
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Repository({:?}, password hidden)", self.place)
    }
}

/// A snapshot, as `restic snapshots --json` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    /// Full id, 64 hex digits.
    pub id: String,
    /// When it was taken, RFC 3339 with fractions.
    pub time: String,
    /// The member's code.
    #[serde(default)]
    pub hostname: String,
    /// `tenant=...`, `run=...`, `state=...`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What is in it.
    #[serde(default)]
    pub paths: Vec<String>,
}

impl Snapshot {
    /// When it was taken, seconds since 1970-01-01T00:00:00Z; `None` when that cannot be read.
    pub fn seconds(&self) -> Option<i64> {
        crate::machine::moment(&self.time)
    }

    /// The value of a tag `name=value`.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find_map(|tag| tag.strip_prefix(name)?.strip_prefix('='))
    }
}

/// What is to be stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// `--host`.
    pub host: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Absolute paths; every one must be there.
    pub paths: Vec<String>,
    /// The snapshot that it is compared with, when that is known.
    pub deadline: Duration,
}

/// How a backup ended that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What restic counted.
    pub summary: Summary,
    /// What it could not read, in its own words.
    pub unread: Vec<String>,
    /// Lines that could not be understood.
    pub strange: u32,
}

impl Repository {
    /// One that is served over ssh, with the ssh configuration in which it is called `repository`.
    pub fn served(ssh: &str, password: String) -> Repository {
        Repository { place: Place::Served(ssh.to_string()), password, cache: None }
    }

    /// One on this host, whose files belong to `account`.
    pub fn here(folder: &str, account: Option<&str>, password: String) -> Repository {
        Repository { place: Place::Here(folder.to_string(), account.map(str::to_string)), password, cache: None }
    }

    /// Remembers indexes in this folder.
    pub fn cached(mut self, folder: &str) -> Repository {
        self.cache = Some(folder.to_string());
        self
    }

    /// restic with this repository, about to do something.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut argv = vec!["restic".to_string()];
        let mut environment = vec![
            ("RESTIC_PASSWORD".to_string(), self.password.clone()),
            ("RESTIC_PROGRESS_FPS".to_string(), "2".to_string()),
        ];
        let mut user = None;
        match &self.place {
            Place::Served(ssh) => {
                // What restic adds to it (`serve restic --stdio ...`) the forced command of the other side passes over.
                argv.extend(["-o".to_string(), format!("rclone.program=ssh -F {ssh} repository")]);
                environment.push(("RESTIC_REPOSITORY".to_string(), "rclone:repository".to_string()));
            }
            Place::Here(folder, account) => {
                environment.push(("RESTIC_REPOSITORY".to_string(), folder.clone()));
                user.clone_from(account);
            }
        }
        match &self.cache {
            Some(folder) => argv.extend(["--cache-dir".to_string(), folder.clone(), "--cleanup-cache".to_string()]),
            None => argv.push("--no-cache".to_string()),
        }
        argv.extend(words.iter().map(ToString::to_string));
        let mut command = Command::new(argv).within(ANSWER).interrupted_gently();
        command.user = user;
        command.environment = environment;
        command
    }

    /// The repository's own id.
    ///
    /// # Errors
    /// As [`Trouble`] tells them apart.
    pub fn id(&self, machine: &dyn Machine) -> std::result::Result<String, Refusal> {
        #[derive(Deserialize)]
        struct Config {
            id: String,
        }
        let output = self.ask(machine, &["cat", "config", "--no-lock"])?;
        let config: Config = serde_json::from_slice(&output.stdout).map_err(|error| {
            Refusal::of(Trouble::Other, format!("the repository's configuration cannot be understood: {error}"))
        })?;
        Ok(config.id)
    }

    /// The snapshots of a tenant, the oldest first. Reads without a lock: a stale one must not hide what there is.
    ///
    /// # Errors
    /// As [`Trouble`] tells them apart. Words on standard error of a command that ended well are handed over too: a
    /// damaged snapshot is left out in silence otherwise.
    pub fn snapshots(
        &self,
        machine: &dyn Machine,
        tags: &[&str],
    ) -> std::result::Result<(Vec<Snapshot>, Option<String>), Refusal> {
        let tags = tags.join(",");
        let mut words = vec!["snapshots", "--json", "--no-lock"];
        if !tags.is_empty() {
            words.extend(["--tag", &tags]);
        }
        let output = self.ask(machine, &words)?;
        let list: Option<Vec<Snapshot>> = serde_json::from_slice(&output.stdout).map_err(|error| {
            Refusal::of(Trouble::Other, format!("the list of snapshots cannot be understood: {error}"))
        })?;
        let mut list = list.unwrap_or_default();
        list.sort_by(|one, other| one.time.cmp(&other.time));
        let words = String::from_utf8_lossy(&output.stderr).trim().to_string();
        Ok((list, Some(words).filter(|words| !words.is_empty())))
    }

    fn ask(&self, machine: &dyn Machine, words: &[&str]) -> std::result::Result<Output, Refusal> {
        let output = machine.query(&self.command(words)).map_err(Refusal::from)?;
        if output.status == 0 { Ok(output) } else { Err(Refusal::read(&output)) }
    }

    /// Makes the repository.
    ///
    /// # Errors
    /// When it is there already, or as [`Trouble`] tells them apart.
    pub fn init(&self, machine: &mut dyn Machine) -> std::result::Result<(), Refusal> {
        let output = machine.run(&self.command(&["init"])).map_err(Refusal::from)?;
        if output.status == 0 { Ok(()) } else { Err(Refusal::read(&output)) }
    }

    /// Takes away locks whose holder is gone, by restic's own rule: older than half an hour, or of a process of this
    /// host that is not there any more. Never all.
    ///
    /// # Errors
    /// As [`Trouble`] tells them apart.
    pub fn unlock(&self, machine: &mut dyn Machine) -> std::result::Result<(), Refusal> {
        let output = machine.run(&self.command(&["unlock"])).map_err(Refusal::from)?;
        if output.status == 0 { Ok(()) } else { Err(Refusal::read(&output)) }
    }

    /// Forgets snapshots by their full ids and takes away the data that only they stood on. One repository, one lock.
    ///
    /// # Errors
    /// As [`Trouble`] tells them apart.
    pub fn forget(
        &self,
        machine: &mut dyn Machine,
        ids: &[String],
        deadline: Duration,
    ) -> std::result::Result<(), Refusal> {
        let mut words = vec!["forget", "--prune", "--"];
        words.extend(ids.iter().map(String::as_str));
        let output = machine.run(&self.command(&words).within(deadline)).map_err(Refusal::from)?;
        if output.status == 0 { Ok(()) } else { Err(Refusal::read(&output)) }
    }

    /// Stores something as one snapshot. A lock that is in the way or a line that is cut is tried again, with longer
    /// and longer pauses, as long as the deadline allows; what was sent before is not sent again.
    ///
    /// # Errors
    /// As [`Trouble`] tells them apart; when `progress` fails.
    pub fn store(
        &self,
        machine: &mut dyn Machine,
        order: &Order,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> std::result::Result<Stored, Refusal> {
        let mut words = vec!["backup", "--json", "--host", &order.host];
        for tag in &order.tags {
            words.extend(["--tag", tag]);
        }
        words.push("--");
        words.extend(order.paths.iter().map(String::as_str));
        let command = self.command(&words);
        let until = Instant::now() + order.deadline;
        let mut pauses = PAUSES.iter();
        let mut unlocked = false;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let refusal = match self.once(machine, &command.clone().within(left), progress) {
                Err(refusal) if refusal.trouble.may_pass() => refusal,
                ended => return ended,
            };
            if refusal.trouble == Trouble::Locked && !unlocked {
                unlocked = true;
                self.unlock(machine)?;
            }
            let Some(pause) = pauses.next().filter(|pause| left > Duration::from_secs(**pause)) else {
                return Err(refusal);
            };
            machine.run(&Command::new(["sleep", &pause.to_string()])).map_err(Refusal::from)?;
        }
    }

    fn once(
        &self,
        machine: &mut dyn Machine,
        command: &Command,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> std::result::Result<Stored, Refusal> {
        let (mut summary, mut strange) = (None, 0);
        let output = machine
            .follow(command, &mut |line| {
                match Said::read(line) {
                    Said::Progress(far) => progress(far)?,
                    Said::Summary(found) => summary = Some(found),
                    Said::Nothing => {}
                    Said::Strange => strange += 1,
                }
                Ok(())
            })
            .map_err(Refusal::from)?;
        if output.status != 0 && output.status != 3 {
            return Err(Refusal::read(&output));
        }
        // Exit 0 without a summary is no success: it may have been cut off while it spoke.
        let summary = summary.ok_or_else(|| {
            Refusal::of(Trouble::Other, format!("restic ended with {} and did not say what it stored", output.status))
        })?;
        let mut unread = said::unread(&output.stderr);
        if output.status == 3 && unread.is_empty() {
            unread.push("restic could not read everything and did not say what".to_string());
        }
        Ok(Stored { summary, unread, strange })
    }
}

/// The version of restic on this host.
///
/// # Errors
/// When it is not there, or older than [`MINIMUM`], with what to do.
pub fn version(machine: &dyn Machine) -> Result<Version> {
    let output = machine.query(&Command::new(["restic", "version"]))?;
    if output.status == 127 {
        return Err(Failure::operation("restic is not installed here").hint("comuni apply --area backup installs it"));
    }
    let text = output.text();
    let version = Version::parse(&text)
        .ok_or_else(|| Failure::operation(format!("restic does not say its version: {}", text.trim())))?;
    if version < MINIMUM {
        return Err(Failure::usage(format!("restic {version} is too old: {MINIMUM} is the oldest that is known"))
            .hint("apt-get install --only-upgrade restic"));
    }
    Ok(version)
}

/// Whether the folder of a repository on this host has lost its keys: restic itself says "wrong password" then.
///
/// # Errors
/// When the folder cannot be read.
pub fn has_no_keys(machine: &dyn Machine, folder: &str) -> Result<bool> {
    let folder = Path::new(folder);
    let there = machine.stat(&folder.join("config"))?.is_some();
    Ok(there && machine.list(&folder.join("keys"))?.is_empty())
}
