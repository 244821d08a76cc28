//! Bringing a backup back: by itself into an empty folder, far from everything that is live, and only with care in the
//! place of what is there.
//!
//! A restore in place is a procedure over two hosts. What decides at every moment whether the tenant has its old data or
//! its new ones is **one** thing, which changes at once: which database carries the tenant's name (or, without a database,
//! the note on the disk). Files follow it ([`live::settle`]), and the application's unit does not start as long as they
//! have not. So whoever comes next, also after a `kill -9` or a power cut, makes it wholly the one or wholly the other.

mod choose;
mod listing;
pub mod live;
mod load;
mod note;
mod server;
mod source;
mod target;
mod unpack;

use serde::{Deserialize, Serialize};

pub(in crate::backup) use choose::choose;
pub use note::{Kept, is_half};
pub(in crate::backup) use source::{Source, differ};

pub use source::Report;
pub use unpack::sweep;

use super::configuration::Configuration;
use super::restic::Repository;
use crate::failure::{Failure, Kind, Result};
use crate::machine::Machine;

/// Takes notice of what goes on: what, bytes done, bytes in all (0 of 0 where that cannot be told). When it fails the step
/// is broken off.
pub type Tell<'a> = dyn FnMut(&str, u64, u64) -> Result<()> + 'a;

/// What of a backup is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Part {
    /// The database.
    pub database: bool,
    /// The files.
    pub files: bool,
    /// Of the files only this path below the data folder, as a listing shows it.
    #[serde(default)]
    pub path: Option<String>,
}

/// Which backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The tenant: snapshots of others are refused, also when they are asked for by id.
    pub tenant: String,
    /// The member's code.
    pub member: String,
    /// Its id: all 64 digits, or at least the first eight.
    pub snapshot: Option<String>,
    /// As the tenant was at this moment, seconds since 1970-01-01T00:00:00Z: the newest complete one that is not later.
    pub at: Option<i64>,
}

/// The backup that is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Chosen {
    /// Full id of the snapshot.
    pub id: String,
    /// When it was taken, seconds since 1970-01-01T00:00:00Z.
    pub taken: i64,
    /// The run that took it.
    pub run: String,
    /// `complete` or `partial`.
    pub state: String,
}

/// Where the repository is, seen from the host that restores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum From {
    /// As this tenant's own backups reach it: on its application host.
    Own,
    /// On this host.
    Here {
        /// Its folder.
        folder: String,
        /// The Unix account whose files it has; `None` is root.
        account: Option<String>,
        /// Token of its key, in the order's table.
        key: String,
    },
}

/// A restore beside everything that is live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpack {
    /// The tenant.
    pub tenant: String,
    /// The member's code.
    pub member: String,
    /// The backup.
    pub chosen: Chosen,
    /// What of it.
    pub part: Part,
    /// The tenant's data folder, in the snapshot.
    pub data: String,
    /// An empty folder, or one that is not there; made by the host when not said.
    pub target: Option<String>,
    /// It may be taken away after this, seconds since 1970-01-01T00:00:00Z.
    pub until: i64,
}

/// A database beside that of a tenant, and the names that the two change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The tenant's database.
    pub name: String,
    /// The role that owns it.
    pub owner: String,
    /// What the new one is called until it takes the place.
    pub new: String,
    /// What the old one is called from then on.
    pub kept: String,
}

/// How a database was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Encoding.
    pub encoding: String,
    /// `LC_COLLATE`.
    pub collate: String,
    /// `LC_CTYPE`.
    pub ctype: String,
    /// Bytes of the dump.
    pub bytes: u64,
}

/// Where a tenant stands after a restore was brought to an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// In words.
    pub words: String,
    /// It has the restored data.
    pub restored: bool,
    /// What was kept of before.
    pub kept: Option<Kept>,
}

/// A step of a restore, on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Say which backup it would be. A restore that was cut off is brought to an end first.
    Choose {
        /// Where the repository is.
        from: From,
        /// Which.
        wanted: Wanted,
    },
    /// Bring it into a folder of its own.
    Unpack {
        /// Where the repository is.
        from: From,
        /// What and where to.
        what: Unpack,
    },
    /// Take away folders into which backups of a tenant were brought, and what was kept of it.
    Drop {
        /// The tenant.
        tenant: String,
    },
    /// In place, application host: fetch the backup beside the data folder and prove it.
    Fetch {
        /// The backup.
        chosen: Chosen,
        /// What of it.
        part: Part,
        /// The unit of the application.
        unit: String,
        /// The names of the databases; none when the database stays as it is.
        database: Option<Exchange>,
        /// What is kept may be taken away after this.
        until: i64,
    },
    /// In place, database host: whether there is room, then an empty database beside.
    Make {
        /// Names.
        names: Exchange,
        /// How.
        shape: Shape,
    },
    /// In place, application host: the dump into that database, and whether all of it is there.
    Load,
    /// In place, application host: stop the application. It does not start again before [`Step::Settle`].
    Stop {
        /// The new database, by the number that it keeps when it is renamed.
        oid: Option<u32>,
    },
    /// In place, database host: the new database takes the place of the old one, at once. This is what decides.
    Swap(Exchange),
    /// In place, database host: the old database takes its place again, at once.
    SwapBack(Exchange),
    /// In place, database host: take away what [`Step::Make`] made.
    Unmake(Exchange),
    /// In place, application host: files follow the database, and the application may start.
    Settle,
    /// In place, application host: back to what was kept of the restore that was just made. Stops the application.
    Back,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The backup, and what was brought to an end before.
    Chosen(Chosen, Option<Settled>),
    /// It is in this folder until then.
    Unpacked {
        /// The folder.
        folder: String,
        /// What is in it.
        report: Report,
        /// Folders that were past their time and were taken away.
        swept: Vec<String>,
    },
    /// What was taken away.
    Dropped(Vec<String>),
    /// It was fetched and is sound.
    Fetched {
        /// What is in it.
        report: Report,
        /// How its database was made.
        shape: Option<Shape>,
    },
    /// The number of the new database.
    Made(u32),
    /// The dump is in it: seconds that it took.
    Loaded(u64),
    /// Who was stopped, swapped, brought back.
    Done,
    /// Where the tenant stands.
    Settled(Settled),
    /// It was refused or failed, with the exit code that goes with it.
    Refused {
        /// Exit code.
        exit: u8,
        /// What, where, why.
        message: String,
        /// What to do.
        hints: Vec<String>,
    },
}

/// Takes a step of a tenant that is ours alone meanwhile. `key` is the key of the repository when the step names one.
/// That it could not be done is an answer.
///
/// # Errors
/// Only what has to end the conversation.
pub fn step(
    machine: &mut dyn Machine,
    tenant: &str,
    step: &Step,
    key: Option<&str>,
    tell: &mut Tell<'_>,
) -> Result<Answer> {
    let done = match step {
        Step::Choose { from, wanted } => {
            let settled = match from {
                From::Own => begin(machine, tenant)?,
                From::Here { .. } => None,
            };
            repository(machine, tenant, from, key)
                .and_then(|repository| choose(machine, &repository, wanted))
                .map(|chosen| Answer::Chosen(chosen, settled))
        }
        Step::Unpack { from, what } => repository(machine, tenant, from, key)
            .and_then(|repository| unpack::unpack(machine, &repository, what, tell)),
        Step::Drop { tenant } => unpack::drop_all(machine, tenant).map(Answer::Dropped),
        Step::Fetch { chosen, part, unit, database, until } => live::fetch(
            machine,
            tenant,
            &live::Wish { chosen, part, unit, database: database.as_ref(), until: *until },
            tell,
        ),
        Step::Make { names, shape } => server::make(machine, names, shape).map(Answer::Made),
        Step::Load => load::load(machine, tenant, tell).map(Answer::Loaded),
        Step::Stop { oid } => live::stop(machine, tenant, *oid).map(|()| Answer::Done),
        Step::Swap(names) => server::swap(machine, names).map(|()| Answer::Done),
        Step::SwapBack(names) => server::swap_back(machine, names).map(|()| Answer::Done),
        Step::Unmake(names) => server::unmake(machine, names).map(|()| Answer::Done),
        Step::Settle => live::settle(machine, tenant).map(|settled| {
            let nothing = || Settled { words: "nothing was cut off".to_string(), restored: false, kept: None };
            Answer::Settled(settled.unwrap_or_else(nothing))
        }),
        Step::Back => live::back(machine, tenant).map(|()| Answer::Done),
    };
    match done {
        Err(failure) if !matches!(failure.kind, Kind::Interrupted | Kind::Terminated) => {
            Ok(Answer::Refused { exit: failure.kind.exit_code(), message: failure.message, hints: failure.hints })
        }
        done => done,
    }
}

/// Brings to an end what was cut off, and takes away what was kept longer than it should be.
///
/// # Errors
/// When the tenant's database cannot be asked.
pub fn begin(machine: &mut dyn Machine, tenant: &str) -> Result<Option<Settled>> {
    let settled = live::settle(machine, tenant)?;
    let now = machine.now();
    // What cannot be taken away now goes the next time.
    let _ = note::drop_kept(machine, tenant, |note| note.until < now);
    Ok(settled)
}

/// The word of a step that must leave a record.
pub fn remarkable(step: &Step) -> Option<&'static str> {
    match step {
        Step::Unpack { .. } => Some("unpack"),
        Step::Drop { .. } => Some("drop"),
        Step::Fetch { .. } => Some("fetch"),
        Step::Load => Some("load"),
        Step::Stop { .. } => Some("stop"),
        Step::Swap(_) => Some("swap"),
        Step::SwapBack(_) => Some("swap back"),
        Step::Settle => Some("settle"),
        Step::Back => Some("back"),
        Step::Choose { .. } | Step::Make { .. } | Step::Unmake(_) => None,
    }
}

/// The repository of a tenant, seen from this host.
///
/// # Errors
/// When its key was not given, or this host is not set up for it.
pub(in crate::backup) fn repository(
    machine: &dyn Machine,
    tenant: &str,
    from: &From,
    key: Option<&str>,
) -> Result<Repository> {
    match from {
        From::Own => {
            let configuration = Configuration::read(machine, tenant)?;
            Ok(configuration.repository(machine)?.cached(&format!("{}/cache", super::run::FOLDER)))
        }
        From::Here { folder, account, .. } => {
            let key = key.ok_or_else(|| Failure::operation("the key of the repository was not given"))?;
            Ok(Repository::here(folder, account.as_deref(), key.to_string()))
        }
    }
}

/// The failure that a refusal was.
pub fn failure(exit: u8, message: String, hints: Vec<String>) -> Failure {
    let kinds = [Kind::Damage, Kind::Stale, Kind::Busy, Kind::Inconclusive, Kind::Usage, Kind::Partial];
    let kind = kinds.into_iter().find(|kind| kind.exit_code() == exit).unwrap_or(Kind::Operation);
    Failure { kind, message, hints }
}
