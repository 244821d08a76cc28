//! One act of a procedure on a host. A procedure is a closed list of ordered acts with a point of no return, and control
//! walks through it; what a host can be asked to do for one is here.

use serde::{Deserialize, Serialize};

use super::{Holder, Operator};
use crate::backup::export;
use crate::backup::ladder::{Check, Task, Verification};
use crate::backup::prune::{Keep, Pruned, Verified};
use crate::backup::restore;
use crate::backup::run::Run;
use crate::catalog::Catalog;
use crate::health::Health;
use crate::resources::SecretTable;
use crate::upgrade;

/// One act for one tenant. The first one takes the tenant's lock, which is held until [`Act::Release`] or the end of the
/// conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// For the lock.
    pub operator: Operator,
    /// The procedure, for the lock and the journal: `secrets rotate`.
    pub verb: String,
    /// The tenant: `c_e863-albo`.
    pub tenant: String,
    /// Whose it is: `c_e863`.
    pub owner: String,
    /// What to do.
    pub act: Act,
    /// Values of the tokens that the act needs.
    pub secrets: SecretTable,
}

/// What a procedure can ask of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Say which of these resources are not as they must be. Writes nothing. Answered by [`Acted::Differ`].
    Compare(Catalog),
    /// Bring these resources and nothing else, and tell the daemons that read them. Answered by [`Acted::Done`].
    Bring(Catalog),
    /// Bring these resources but for the services among them, which stand still and are told nothing: they find it all
    /// when they start. Answered by [`Acted::Done`].
    Place(Catalog),
    /// Say which archives of these releases are missing. Answered by [`Acted::Missing`].
    Missing(Catalog),
    /// Take releases away that this tenant runs no more: ids of what was applied. What others run stays. Answered by
    /// [`Acted::Done`].
    Retire(Vec<String>),
    /// Take a step of an upgrade. Answered by [`Acted::Upgraded`].
    Upgrade(Box<upgrade::Step>),
    /// Ask the application itself for its health, not over nginx, until it is well or the time is over.
    /// Answered by [`Acted::Done`].
    Ask(Health),
    /// End the sessions of a database role. Answered by [`Acted::Sessions`].
    EndSessions {
        /// Its name.
        role: String,
    },
    /// Hold the tenant and do nothing. Answered by [`Acted::Done`].
    Hold,
    /// From now on backups are compared with the newest one, however small it is. Answered by [`Acted::Done`].
    AcceptShrunk,
    /// Take away backups that are older than their limits, on a host that keeps them. The key of the repository is in the
    /// order's table under `key`. Answered by [`Acted::Pruned`].
    Prune {
        /// The repository.
        place: Place,
        /// The tenants of the member.
        keeps: Vec<Keep>,
        /// Token of the key.
        key: String,
    },
    /// Note on a host that keeps backups that a snapshot was restored and found right: it never goes while it is the newest
    /// of those. Answered by [`Acted::Done`].
    NoteVerified {
        /// Where the repository lies.
        place: Place,
        /// What was verified.
        verified: Verified,
    },
    /// Take a backup. Answered by [`Acted::BackedUp`], with [`super::FromHost::Doing`] before it.
    Backup,
    /// Take a step of a restore. Answered by [`Acted::Restored`], with [`super::FromHost::Doing`] before it.
    Restore(Box<restore::Step>),
    /// Take a step of an export. Answered by [`Acted::Exported`], with [`super::FromHost::Doing`] before it.
    Export(Box<export::Step>),
    /// Prove the newest backup of the tenant, as far up as the task says. Answered by [`Acted::Verified`], with
    /// [`super::FromHost::Doing`] before it.
    Verify(Box<Task>),
    /// Try to delete from the tenant's repository with what this host has, which must be refused. Answered by
    /// [`Acted::Tried`].
    TryToDelete,
    /// Have no alert of this tenant told for a while, on the host that watches it. Answered by [`Acted::Silenced`].
    Silence {
        /// Name of its application.
        application: String,
        /// For so many seconds from now.
        seconds: u32,
        /// Why, for whoever looks at the silences.
        reason: String,
    },
    /// Have the alerts of this tenant told again. Answered by [`Acted::Lifted`].
    Unsilence {
        /// Name of its application.
        application: String,
        /// The silence that an act of this procedure set; all of this tenant when not said.
        id: Option<String>,
    },
    /// Take away what was made beside the resources of a member that left, which are gone already, and search for all that
    /// still names it. Answered by [`Acted::Forgotten`].
    Forget(Box<Forget>),
    /// The procedure is over for this tenant: free its lock. Answered by [`Acted::Done`].
    Release,
}

/// A repository on a host that keeps backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The folder around it, which belongs to root: `/srv/backup/c_e863`.
    pub home: String,
    /// Its folder.
    pub repository: String,
    /// The Unix account whose files it has; `None` is root.
    pub account: Option<String>,
}

/// What is to be forgotten of a member that left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forget {
    /// Its code.
    pub code: String,
    /// Its tenants.
    pub tenants: Vec<String>,
    /// Its zone, on a name server.
    pub zone: Option<String>,
    /// Prometheus runs here.
    pub watches: bool,
    /// What names it: codes and domains.
    pub words: Vec<String>,
}

/// Something that still names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// A path, or the name of a database or role.
    pub place: String,
    /// Why it stays; none when it should not.
    pub why: Option<Stays>,
}

/// Why something stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stays {
    /// Records of what was done, which the law has kept.
    Law,
    /// Logs of the system, which end by themselves.
    Logs,
}

impl Stays {
    /// As records have it.
    pub fn word(self) -> &'static str {
        match self {
            Stays::Law => "law",
            Stays::Logs => "logs",
        }
    }
}

/// What came of an act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acted {
    /// It was done.
    Done,
    /// Ids of what is not as it must be; empty when all is.
    Differ(Vec<String>),
    /// Hashes of archives that are not there, with how many bytes of each are.
    Missing(Vec<(String, u64)>),
    /// What came of a step of an upgrade.
    Upgraded(Box<upgrade::Answer>),
    /// So many sessions were ended.
    Sessions(u32),
    /// What went, and what is left.
    Pruned(Pruned),
    /// A backup was tried; how it ended is in the record of the run.
    BackedUp(Box<Run>),
    /// What came of a step of a restore.
    Restored(Box<restore::Answer>),
    /// What came of a step of an export.
    Exported(Box<export::Answer>),
    /// A backup was verified as far as it could be.
    Verified(Box<Verification>),
    /// Deleting was tried.
    Tried(Box<Check>),
    /// No alert of the tenant is told.
    Silenced {
        /// Names the silence, for [`Act::Unsilence`].
        id: String,
        /// When it ends by itself, seconds since 1970-01-01T00:00:00Z.
        until: i64,
    },
    /// These silences were ended; none when there was none.
    Lifted(Vec<String>),
    /// What went, and what still names the member.
    Forgotten {
        /// Paths and words.
        gone: Vec<String>,
        /// All that was found.
        left: Vec<Left>,
    },
    /// Somebody holds the tenant's lock, or the host's for too long; nothing was done.
    Busy(Holder),
    /// It could not be done, with the host's own words. What was done before that stays.
    Failed(String),
}
