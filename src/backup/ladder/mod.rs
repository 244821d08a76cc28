//! The ladder by which a backup is proven: each level takes the ones below for granted, and says what it has seen.
//!
//! | level | proves |
//! |---|---|
//! | L0 | the repository answers and the key opens it |
//! | L1 | a recent, whole, plausible backup is there |
//! | L2 | the repository holds together |
//! | L3 | its bytes can be read, and the dump is the one that was stored |
//! | L4 | PostgreSQL and the file system take it back |
//! | L5 | what came back is what was there, row for row |
//! | L6 | the application works on it |
//! | L7 | the second copy does the same, and the first cannot be deleted by who writes it |

mod climb;
mod fresh;
mod readable;
mod restored;
mod survivable;
mod usable;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use climb::climb;
pub use survivable::{PURPOSE, try_to_delete};

use crate::failure::Kind;
use crate::health::Health;

/// A level of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub enum Level {
    /// Configured.
    L0,
    /// Fresh and complete.
    L1,
    /// Repository sound.
    L2,
    /// Bytes readable.
    L3,
    /// Restorable.
    L4,
    /// Equal.
    L5,
    /// Usable.
    L6,
    /// Survivable.
    L7,
}

impl Level {
    /// All of them, the lowest first.
    pub const ALL: [Level; 8] =
        [Level::L0, Level::L1, Level::L2, Level::L3, Level::L4, Level::L5, Level::L6, Level::L7];

    /// As it is written: `L4`.
    pub fn name(self) -> &'static str {
        ["L0", "L1", "L2", "L3", "L4", "L5", "L6", "L7"][self as usize]
    }

    /// What it proves, in one word.
    pub fn word(self) -> &'static str {
        ["configured", "fresh", "sound", "readable", "restorable", "equal", "usable", "survivable"][self as usize]
    }
}

impl fmt::Display for Level {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl std::str::FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Level, String> {
        let found = Level::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| format!("`{text}` is no level: L0 to L7"))
    }
}

/// What came of a check or a level. Only `pass` is a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is as it must be.
    Pass,
    /// The backup is damaged (exit 4).
    Fail,
    /// There is none, or none that is recent enough (exit 5).
    Stale,
    /// It could not be found out (exit 7).
    Inconclusive,
    /// Somebody holds the repository (exit 6).
    Busy,
    /// Not asked this time.
    NotDue,
}

impl Outcome {
    /// As it is read.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Stale => "stale",
            Outcome::Inconclusive => "inconclusive",
            Outcome::Busy => "busy",
            Outcome::NotDue => "not due",
        }
    }

    /// The kind of failure that it is; none for a pass and for what was not asked.
    pub fn kind(self) -> Option<Kind> {
        match self {
            Outcome::Pass | Outcome::NotDue => None,
            Outcome::Fail => Some(Kind::Damage),
            Outcome::Stale => Some(Kind::Stale),
            Outcome::Inconclusive => Some(Kind::Inconclusive),
            Outcome::Busy => Some(Kind::Busy),
        }
    }

    /// The worse of two.
    pub fn worse(self, other: Outcome) -> Outcome {
        match (self.kind(), other.kind()) {
            (Some(one), Some(two)) if Kind::worst([one, two]) == Some(two) => other,
            (None, Some(_)) => other,
            (None, None) if self == Outcome::NotDue => other,
            _ => self,
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Check {
    /// What.
    pub what: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What it must be, where that can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// In the words of the program that saw it, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

impl Check {
    /// Something that was found as it must be.
    pub fn pass(what: &str, found: impl Into<String>) -> Check {
        Check::new(what, Outcome::Pass, found)
    }

    /// Something that was found in another way.
    pub fn new(what: &str, outcome: Outcome, found: impl Into<String>) -> Check {
        Check { what: what.to_string(), outcome, expected: None, found: Some(found.into()), words: None }
    }

    /// Says what it must be.
    pub fn expected(mut self, expected: impl Into<String>) -> Check {
        self.expected = Some(expected.into());
        self
    }

    /// Adds the words of who saw it.
    pub fn said(mut self, words: impl Into<String>) -> Check {
        self.words = Some(words.into()).filter(|words: &String| !words.is_empty());
        self
    }
}

/// What came of a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Rung {
    /// The level.
    pub level: Level,
    /// The worst of its checks.
    pub outcome: Outcome,
    /// How long it took.
    pub milliseconds: u64,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// A snapshot that was there at some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Known {
    /// The first sixteen digits of its id.
    pub id: String,
    /// When it was taken, in seconds since 1970-01-01T00:00:00Z.
    pub time: i64,
}

/// A part of a repository: all parts are read in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Slice {
    /// Which, counted from 1.
    pub part: u32,
    /// Of so many.
    pub of: u32,
}

/// What is to be proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// `c_e863-albo`.
    pub tenant: String,
    /// The member's code.
    pub member: String,
    /// The application.
    pub application: String,
    /// The host that does it, by its name in the inventory.
    pub host: String,
    /// How far up.
    pub up_to: Level,
    /// It is the second copy.
    pub copy: bool,
    /// What was stored to see that it cannot be deleted is taken away first.
    pub clear: bool,
    /// What time it is where this was asked, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
    /// Folder of the repository on this host.
    pub repository: String,
    /// The Unix account that it belongs to; none when it is root's.
    pub account: Option<String>,
    /// Token of the key that opens it.
    pub key: String,
    /// The newest backup may be this old, in hours.
    pub rpo_hours: u32,
    /// Backups are kept for so many days: one that is gone before has disappeared.
    pub keep_days: u32,
    /// A backup with so many percent less than the one before must be looked at by somebody.
    pub shrink_percent: u32,
    /// So many files may have changed while they were being backed up.
    pub changing_files: u32,
    /// The tenant has a database.
    pub has_database: bool,
    /// Its data folder.
    pub data: String,
    /// The snapshots that were there last time.
    pub known: Vec<Known>,
    /// Bytes of the backup that was verified before.
    pub bytes_before: Option<u64>,
    /// Rows of it.
    pub rows_before: Option<u64>,
    /// The part of the repository that is read this time; none reads all of it.
    pub slice: Option<Slice>,
    /// What came of the second level for another tenant of the same repository in this run.
    pub sound: Option<Rung>,
    /// The same of reading a part.
    pub read: Option<Check>,
    /// Questions of the catalogue to the copied database.
    pub assertions: Vec<Assertion>,
    /// How the application is started on the copy.
    pub start: Option<Start>,
    /// Seconds to wait for whoever holds the repository.
    pub patience: u32,
}

/// A question to the copied database whose answer is one number within bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// What it asks, for a person.
    pub name: String,
    /// A `select` of one number.
    pub query: String,
    /// The least that it may be.
    pub at_least: Option<i64>,
    /// The most that it may be.
    pub at_most: Option<i64>,
}

/// How an application is started on a copy: as its own unit does, but for what leads out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The release.
    pub release: String,
    /// Where it is unpacked.
    pub release_path: String,
    /// Run before it.
    pub prepare: Vec<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// It tells systemd when it is ready.
    pub notifies: bool,
    /// Seconds that each of the two may take.
    pub seconds: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// The folder that it finds its data in.
    pub data: String,
    /// The folder that it finds its settings in.
    pub configuration: String,
    /// The folder of its socket.
    pub runtime_directory: String,
    /// Its environment beside the database's. Tokens of secrets in it are replaced by chance.
    pub environment: Vec<(String, String)>,
    /// Its settings files by name, the same.
    pub files: Vec<(String, String)>,
    /// The tokens.
    pub tokens: Vec<String>,
    /// Its database.
    pub database: Option<String>,
    /// The role that owns it.
    pub database_owner: Option<String>,
    /// How its health is asked.
    pub health: Health,
}

/// How far a backup was proven, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Verification {
    /// `c_e863-albo`.
    pub tenant: String,
    /// The member's code.
    pub member: String,
    /// The application.
    pub application: String,
    /// The host that did it.
    pub host: String,
    /// When it began, in seconds since 1970-01-01T00:00:00Z.
    pub began: i64,
    /// When it ended.
    pub ended: i64,
    /// Full id of the snapshot; none when there is nothing to prove.
    pub snapshot: Option<String>,
    /// When that was taken, in seconds since 1970-01-01T00:00:00Z.
    pub taken: Option<i64>,
    /// The release of the application in it.
    pub release: Option<String>,
    /// Its age when this began: the work that would have been lost (measured RPO), in seconds.
    pub age_seconds: Option<i64>,
    /// How long it took to have the tenant back: fetching, restoring and, from L6 on, starting it (measured RTO).
    pub rto_milliseconds: Option<u64>,
    /// Bytes of dump and files.
    pub bytes: Option<u64>,
    /// Rows of all tables.
    pub rows: Option<u64>,
    /// Files.
    pub files: Option<u64>,
    /// The highest level that passed with all below it.
    pub reached: Option<Level>,
    /// The worst of all levels.
    pub outcome: Outcome,
    /// The levels, the lowest first.
    pub rungs: Vec<Rung>,
    /// The snapshots of this tenant that were there.
    pub snapshots: Vec<Known>,
    /// The part of the repository that was read.
    pub slice: Option<Slice>,
    /// Versions of the programs: `restic`, `postgresql`, `comuni`.
    pub versions: Vec<(String, String)>,
    /// The place that was made for the copy; none when none was needed.
    pub scratch: Option<String>,
    /// That place is gone again: no folder, no process.
    pub scratch_removed: Option<bool>,
    /// What was left behind by runs that were killed, and what became of it.
    pub swept: Vec<String>,
    /// Remarks that change no outcome.
    pub notes: Vec<String>,
}

impl Verification {
    /// What came of a level.
    pub fn rung(&self, level: Level) -> Option<&Rung> {
        self.rungs.iter().find(|rung| rung.level == level)
    }

    /// It says whether the backup comes back: it came as far as a restore, or found damage, which ends the climb before one.
    pub fn tests_a_restore(&self) -> bool {
        self.rung(Level::L4).is_some() || self.outcome == Outcome::Fail
    }

    /// The first check that is the reason for the outcome.
    pub fn reason(&self) -> Option<(&Rung, &Check)> {
        let of = |rung: &'_ Rung| rung.checks.iter().position(|check| check.outcome == self.outcome);
        self.rungs.iter().find_map(|rung| of(rung).map(|at| (rung, &rung.checks[at])))
    }

    /// Adds what came of a level, and reckons anew how far it reached.
    pub fn add(&mut self, rung: Rung) {
        self.rungs.push(rung);
        self.rungs.sort_by_key(|rung| rung.level);
        self.outcome = self.rungs.iter().fold(Outcome::NotDue, |worst, rung| worst.worse(rung.outcome));
        let passed = self.rungs.iter().take_while(|rung| rung.outcome == Outcome::Pass);
        self.reached = passed.last().map(|rung| rung.level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_outcome_wins_and_only_a_pass_is_one() {
        let order =
            [Outcome::Fail, Outcome::Stale, Outcome::Inconclusive, Outcome::Busy, Outcome::Pass, Outcome::NotDue];
        for (at, worse) in order.iter().enumerate() {
            for better in &order[at..] {
                assert_eq!(worse.worse(*better), *worse, "{worse:?} {better:?}");
                assert_eq!(better.worse(*worse), *worse, "{better:?} {worse:?}");
            }
        }
    }

    #[test]
    fn levels_are_read_as_they_are_written() {
        for level in Level::ALL {
            assert_eq!(level.name().parse(), Ok(level));
        }
        assert_eq!("l4".parse(), Ok(Level::L4));
        assert!("L8".parse::<Level>().is_err());
    }
}
