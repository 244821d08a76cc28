//! The wire between control and host half: one JSON object a line, versioned. The only place that knows it.
//!
//! The host speaks first ([`FromHost::Hello`]); then control sends [`ToHost`] messages and the host answers with
//! [`FromHost`] events, until control sends [`ToHost::End`] and the host answers [`FromHost::End`] and exits with 0.
//! Success needs the end marker *and* a clean exit. Control sends [`ToHost::Alive`] at least every two seconds while
//! it waits; a host that hears nothing for [`SILENCE`] finishes its current resource, stops and exits.

mod framing;
mod procedure;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::health::Health;
pub use framing::{read_line, write_line};
pub use procedure::{Act, Acted, Forget, Left, Order, Place, Stays};

use crate::catalog::{Area, Catalog, Stage};
use crate::prometheus::Question;
use crate::resources::{Action, Change, SecretTable, Signed, SigningRequest};

/// Version of this wire. A host half of another version is never spoken to: it is sent by hash with each control.
pub const VERSION: u32 = 1;

/// How long a host half waits without a sign of life before it stops.
pub const SILENCE: Duration = Duration::from_secs(8);

/// How often control gives a sign of life.
pub const HEARTBEAT: Duration = Duration::from_secs(2);

/// What the host is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Compare only: nothing is written, no lock is taken.
    Plan,
    /// Compare under the lock, and wait for stages.
    Apply,
    /// As `Apply`, for changes that were planned before: nothing whatever is written before control has seen that all
    /// hosts still are as they were then, and goes on.
    Confirm,
}

/// Who works, for locks and records. `fingerprint` is what sshd saw and is filled in by the host half.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Unix account on the control machine.
    pub user: String,
    /// Name of the control machine.
    pub machine: String,
    /// `SHA256:...` of the key that sshd accepted, when sshd says it (`ExposeAuthInfo`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// Who holds a lock, since when, for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Who.
    pub operator: Operator,
    /// The verb that is running.
    pub verb: String,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub since: i64,
}

/// The first request: compare a whole catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Plan or apply.
    pub mode: Mode,
    /// For the lock.
    pub operator: Operator,
    /// The verb, for the lock.
    pub verb: String,
    /// What the host must have.
    pub catalog: Catalog,
    /// Owners that were compiled: removals are looked for only among these. Empty: all members' and the host's.
    pub owners: BTreeSet<String>,
    /// Areas that were compiled: removals are looked for only among these.
    pub areas: BTreeSet<Area>,
    /// The codes of all members that have a file, for the refusal of a code that has none.
    pub members: BTreeSet<String>,
    /// Values of the tokens in the catalog, as far as this control can read them.
    pub secrets: SecretTable,
    /// What the operator allowed by name (`NAME/TYPE` of an RRset).
    #[serde(default)]
    pub allowed: BTreeSet<String>,
    /// Owners of whom nothing shall stay, data included: members that left and got what was theirs. Empty in all but the
    /// last step of that.
    #[serde(default)]
    pub purge: BTreeSet<String>,
}

/// From control to host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToHost {
    /// Compare; answered by `Hold`, `Finding`... and `Checked`.
    Request(Box<Request>),
    /// A piece of an archive; pieces come in order from the offset named in [`FromHost::Checked`]. Answered by
    /// `ArchiveStored` after the last one.
    Archive {
        /// Hash of the whole archive.
        sha256: String,
        /// Where this piece begins.
        offset: u64,
        /// Base64 of the piece.
        data: String,
        /// This is the last piece.
        last: bool,
    },
    /// Fix one stage; answered by `Started`, `Fixed`... and `StageDone`.
    Stage {
        /// The stage.
        stage: Stage,
        /// Owners that failed elsewhere: their resources are skipped.
        without: BTreeSet<String>,
    },
    /// Record that this inventory revision was applied, and forget what the stages removed. Answered by `Recorded`.
    Record {
        /// See [`FromHost::Hold`].
        revision: String,
    },
    /// Answer to [`FromHost::Sign`].
    Signed(Result<Signed, String>),
    /// Do one act of a procedure; answered by `Started`, `Fixed`... and `Acted`.
    Act(Box<Order>),
    /// Append records to a chain of evidence. Answered by `Appended`.
    Append {
        /// One JSON value a record.
        records: Vec<serde_json::Value>,
    },
    /// Send the chains of evidence. Answered by `Evidence`.
    ReadEvidence {
        /// Only the newest this many records of each chain.
        newest: u32,
    },
    /// Send what is recorded of backups here. Answered by `BackupRuns`.
    ReadBackupRuns {
        /// Only the newest so many.
        newest: u32,
    },
    /// Send what a zone was before its last change on this host. Answered by `PreviousZone`.
    ReadPreviousZone {
        /// Its name without a final dot.
        zone: String,
    },
    /// Ask Prometheus or Alertmanager of this host. Answered by `Monitoring`.
    AskMonitoring(Question),
    /// A sign of life.
    Alive,
    /// Nothing more to do.
    End,
}

/// What comparing one resource found, as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An apply would do this.
    Differs {
        /// Create, change, remove or keep.
        action: Action,
        /// What differs.
        changes: Vec<Change>,
    },
    /// Known after the resource with this id.
    KnownAfter {
        /// Its id; on this host, unless control finds it elsewhere.
        needs: String,
    },
    /// Not checked: the secrets were not given.
    NotChecked {
        /// Why.
        why: String,
    },
    /// It could not be told, and nothing planned will change that.
    Failed {
        /// With the host's own words.
        message: String,
    },
    /// A file in one of our folders that we did not put there; left alone.
    Foreign,
}

/// A resource and what was found. Correct resources are only counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The resource.
    pub id: String,
    /// Its owner.
    pub owner: String,
    /// Its tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Its area.
    pub area: Area,
    /// Its stage.
    pub stage: Stage,
    /// What was found.
    pub outcome: Outcome,
    /// The applied state was changed on the host by somebody else, by the manifest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drifted: bool,
}

/// A notification that was owed when an earlier run was cut off, or that is owed now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Debt {
    /// `reload nginx`...
    pub notification: String,
    /// Owner of the resource that caused it.
    pub owner: String,
    /// Since when, seconds since 1970-01-01T00:00:00Z.
    pub since: i64,
}

/// From host to control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromHost {
    /// The first line, for ever: banners and shell profiles before it are skipped.
    Hello {
        /// [`VERSION`].
        protocol: u32,
        /// Version of the package.
        version: String,
        /// `/proc/sys/kernel/random/boot_id`.
        boot_id: String,
        /// Fingerprint of the key that sshd saw, if it says so.
        fingerprint: Option<String>,
    },
    /// Somebody holds the lock; the host half ends after this.
    Busy(Holder),
    /// What the host remembers, before the findings.
    Hold {
        /// Inventory revision last applied; `None` on a new host.
        revision: Option<String>,
        /// Members' codes in the manifest that the request does not know.
        unknown_members: BTreeSet<String>,
        /// Notifications still owed.
        debts: Vec<Debt>,
        /// An apply of the area `host` has ended well here.
        baseline: bool,
    },
    /// One resource that is not simply correct.
    Finding(Finding),
    /// The comparison is over.
    Checked {
        /// How many resources are correct.
        correct: u32,
        /// Archives that are missing, with how many bytes of each are there already.
        archives: Vec<(String, u64)>,
    },
    /// An archive is complete and its hash is right, or why not.
    ArchiveStored {
        /// Its hash.
        sha256: String,
        /// Why it was refused.
        error: Option<String>,
    },
    /// A resource is being fixed.
    Started {
        /// The resource.
        id: String,
    },
    /// A resource was fixed and checked again.
    Fixed {
        /// The resource.
        id: String,
        /// Its owner.
        owner: String,
        /// What was done.
        action: Action,
        /// How long it took.
        milliseconds: u64,
    },
    /// A resource could not be fixed; the rest of this owner on this host is left out.
    Failed {
        /// The resource, or the notification.
        id: String,
        /// Its owner.
        owner: String,
        /// With the command's own words.
        message: String,
    },
    /// A resource was left out because its owner failed.
    Skipped {
        /// The resource.
        id: String,
        /// Its owner.
        owner: String,
    },
    /// A resource is as far as it can be now; what is left comes with an apply after its time.
    Waits {
        /// The resource.
        id: String,
        /// Its owner.
        owner: String,
        /// Seconds since 1970-01-01T00:00:00Z.
        not_before: i64,
    },
    /// A notification was paid.
    Notified {
        /// `reload nginx`...
        notification: String,
    },
    /// Please sign; answered by [`ToHost::Signed`].
    Sign(SigningRequest),
    /// A change that could lock us out waits for a new connection that runs `confirm TOKEN`.
    Confirm {
        /// The resource.
        id: String,
        /// What the new connection must say.
        token: String,
        /// Seconds until it is put back.
        seconds: u32,
    },
    /// A stage is over.
    StageDone {
        /// The stage.
        stage: Stage,
    },
    /// The revision is recorded.
    Recorded,
    /// How far an act is.
    Doing {
        /// The tenant.
        tenant: String,
        /// What goes on, for a person.
        what: String,
        /// So much of it is done, in bytes; 0 of 0 where it cannot be told.
        done: u64,
        /// Of so much.
        total: u64,
        /// Milliseconds since this began.
        milliseconds: u64,
    },
    /// An act of a procedure is over.
    Acted(Acted),
    /// The records are appended.
    Appended {
        /// Hash of the newest line.
        head: String,
    },
    /// Chains of evidence.
    Evidence {
        /// Writer and its lines, the oldest first.
        chains: Vec<(String, Vec<serde_json::Value>)>,
        /// Writers whose chain is broken, and where.
        broken: Vec<String>,
    },
    /// Runs of backups.
    BackupRuns {
        /// Their records, the oldest first.
        runs: Vec<serde_json::Value>,
        /// Where the chain of this host is broken.
        broken: Option<String>,
        /// What time it is there, seconds since 1970-01-01T00:00:00Z.
        now: i64,
    },
    /// What a zone was before its last change.
    PreviousZone {
        /// Its records, one a line, the SOA first; none when this host keeps no earlier version.
        records: Option<Vec<String>>,
    },
    /// What Prometheus or Alertmanager said.
    Monitoring {
        /// Its answer, or why there is none.
        answer: Result<serde_json::Value, String>,
        /// What time it is there, seconds since 1970-01-01T00:00:00Z.
        now: i64,
    },
    /// A sign of life during a long step.
    Alive,
    /// The request cannot be done at all.
    Refused {
        /// Why.
        message: String,
    },
    /// The end marker.
    End,
}
