//! What an application host knows of a tenant's upgrade that is under way: a note on its disk, written before each effect,
//! so that whoever comes next can tell how far it came. Its maintenance page, its stop, and its own words.
//!
//! The point of no return is when the maintenance page goes: until then nobody has written anything on the new release,
//! and the tenant goes back to the old one with its data as they were.

mod note;

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use note::{Note, Phase, brings_to_an_end, under_way};

use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, Ownership};

/// The procedures that go on with what the note says; all others keep away from such a tenant.
pub const VERBS: [&str; 2] = ["upgrade", "rollback"];

/// How many of the last lines of a unit's journal are kept.
const LINES: &str = "200";

/// How many letters of them.
const LETTERS: usize = 16 * 1024;

/// How long systemd may take to stop a unit: `TimeoutStopSec=` of a tenant's, and again for its last command.
const STOPPING: Duration = Duration::from_secs(120);

const PAGE: Ownership = Ownership { uid: 0, gid: 0, mode: 0o644 };
const PAGES: Ownership = Ownership { uid: 0, gid: 0, mode: 0o755 };

/// A step of an upgrade on the application host of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Say which release runs, and what is under way. Writes nothing.
    Look,
    /// An upgrade begins.
    Begin(Begin),
    /// Show the maintenance page from now on.
    Close {
        /// The silences that were set for it: host and id.
        silences: Vec<(String, String)>,
    },
    /// Stop the application.
    Stop,
    /// This snapshot has database and files as they were when the application was stopped.
    Saved {
        /// Its id.
        snapshot: String,
    },
    /// From now on what is on the host may be of the new release.
    Switch,
    /// Say what the application's unit has written since the maintenance page is shown.
    Words,
    /// Take the maintenance page away: the point of no return.
    Open,
    /// It is over, whichever way: no page, no note.
    End,
}

impl Step {
    /// Its word in the host's journal; none when nothing is written.
    pub fn word(&self) -> Option<&'static str> {
        match self {
            Step::Look | Step::Words => None,
            Step::Begin(_) => Some("begin"),
            Step::Close { .. } => Some("close"),
            Step::Stop => Some("stop"),
            Step::Saved { .. } => Some("saved"),
            Step::Switch => Some("switch"),
            Step::Open => Some("open"),
            Step::End => Some("end"),
        }
    }
}

/// What is begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// The release that runs.
    pub from: String,
    /// The release that is wanted.
    pub to: String,
    /// The application's unit.
    pub unit: String,
    /// The file that has nginx show the maintenance page as long as it is there.
    pub page: String,
    /// It goes back to an older release.
    pub back: bool,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// How the tenant stands.
    Stands {
        /// The upgrade that is under way.
        note: Option<Box<Note>>,
        /// The release of what was applied last; none when nothing was.
        release: Option<String>,
    },
    /// It was done at this moment, seconds since 1970-01-01T00:00:00Z.
    Done(i64),
    /// The unit's own words.
    Words(String),
}

/// Takes a step. `release` is what was applied last.
///
/// # Errors
/// When the disk or systemd refuses, or the step does not follow on what the note says.
pub fn step(machine: &mut dyn Machine, tenant: &str, by: &str, release: Option<String>, step: &Step) -> Result<Answer> {
    let now = machine.now();
    let note = under_way(machine, tenant)?;
    let begun =
        || note.clone().ok_or_else(|| Failure::operation(format!("no upgrade of {tenant} is under way on this host")));
    match step {
        Step::Look => return Ok(Answer::Stands { note: note.map(Box::new), release }),
        Step::Begin(begin) => {
            if let Some(note) = &note {
                return Err(Failure::operation(note.words(tenant)));
            }
            note::write(machine, tenant, &Note::new(begin.clone(), by, now))?;
        }
        Step::Close { silences } => {
            let note = Note { phase: Phase::Closed, closed: Some(now), silences: silences.clone(), ..begun()? };
            note::write(machine, tenant, &note)?;
            show_page(machine, &note)?;
        }
        Step::Stop => {
            let note = begun()?;
            stop(machine, &note.unit)?;
            if note.phase < Phase::Stopped {
                note::write(machine, tenant, &Note { phase: Phase::Stopped, ..note })?;
            }
        }
        Step::Saved { snapshot } => {
            let note = Note { phase: Phase::Saved, snapshot: Some(snapshot.clone()), ..begun()? };
            note::write(machine, tenant, &note)?;
        }
        Step::Switch => {
            let note = begun()?;
            if note.snapshot.is_none() {
                return Err(Failure::operation(format!("{tenant}: there is no safety snapshot to come back to")));
            }
            note::write(machine, tenant, &Note { phase: Phase::Switched, opened: None, ..note })?;
        }
        Step::Words => return words(machine, &begun()?).map(Answer::Words),
        Step::Open => {
            let note = begun()?;
            let page = Path::new(&note.page);
            if let Some(opened) = note.opened.filter(|_| note.phase == Phase::Opened)
                && machine.stat(page)?.is_none()
            {
                return Ok(Answer::Done(opened));
            }
            // Before the page goes: whoever finds this word goes on forward, and the gate was passed already.
            note::write(machine, tenant, &Note { phase: Phase::Opened, opened: Some(now), ..note.clone() })?;
            machine.remove(page)?;
        }
        Step::End => {
            if let Some(note) = note {
                machine.remove(Path::new(&note.page))?;
                note::remove(machine, tenant)?;
            }
        }
    }
    Ok(Answer::Done(machine.now()))
}

/// nginx looks for the file at every request: so nothing is reloaded, and it survives a restart of the host.
fn show_page(machine: &mut dyn Machine, note: &Note) -> Result<()> {
    let page = Path::new(&note.page);
    if let Some(folder) = page.parent()
        && machine.stat(folder)?.is_none()
    {
        machine.make_directory(folder, &PAGES)?;
    }
    machine.write(page, b"", &PAGE)
}

/// A start that goes on is ended by it too, with the migration in it.
fn stop(machine: &mut dyn Machine, unit: &str) -> Result<()> {
    let command = Command::new(["systemctl", "stop", unit]).within(STOPPING);
    machine.run(&command)?.succeeded(&command).map(drop)
}

fn words(machine: &dyn Machine, note: &Note) -> Result<String> {
    let since = format!("--since=@{}", note.closed.unwrap_or(note.began));
    let unit = format!("--unit={}", note.unit);
    let command =
        Command::new(["journalctl", &unit, &since, "--lines", LINES, "--no-pager", "--quiet", "--output=short-iso"]);
    let said = machine.query(&command)?.succeeded(&command)?.text();
    let too_many = said.chars().count().saturating_sub(LETTERS);
    Ok(said.chars().skip(too_many).collect::<String>().trim().to_string())
}

#[cfg(test)]
mod tests;
