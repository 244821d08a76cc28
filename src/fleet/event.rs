//! What happens on the hosts, as it happens, for whoever shows it.

use std::sync::Arc;

use crate::catalog::Stage;
use crate::failure::Failure;
use crate::protocol::{Finding, Holder};
use crate::resources::Action;

/// Takes events, from many threads; returns soon, for a host waits meanwhile.
pub type Events = Arc<dyn Fn(Event) + Send + Sync>;

/// Something that happened on a host or in the run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "`host`, `id` and `owner` mean the same everywhere")]
pub enum Event {
    /// A connection is being made.
    Connecting { host: String },
    /// Our half is not there yet and is sent.
    Installing { host: String, bytes: u64 },
    /// Our half has greeted.
    Connected { host: String, milliseconds: u64 },
    /// The comparison brought something that is not simply correct.
    Finding { host: String, finding: Finding },
    /// The comparison is over.
    Checked { host: String, correct: u32, findings: u32 },
    /// Somebody else holds the lock.
    Busy { host: String, holder: Holder },
    /// So many bytes of an archive are on the host.
    Archive { host: String, sha256: String, sent: u64, size: u64 },
    /// A stage begins on these hosts.
    StageStarted { stage: Stage, hosts: Vec<String> },
    /// A resource is being fixed.
    Started { host: String, id: String },
    /// A resource was fixed and found correct afterwards.
    Fixed { host: String, id: String, owner: String, action: Action, milliseconds: u64 },
    /// A resource could not be fixed.
    Failed { host: String, id: String, owner: String, message: String },
    /// A resource was left out because its owner failed.
    Skipped { host: String, id: String, owner: String },
    /// A resource is as far as it can be now; the rest has its time (seconds since 1970-01-01T00:00:00Z).
    Waits { host: String, id: String, owner: String, not_before: i64 },
    /// How far an act of a procedure is; `0` of `0` where it cannot be told.
    Doing { host: String, tenant: String, what: String, done: u64, total: u64, milliseconds: u64 },
    /// A daemon was told.
    Notified { host: String, notification: String },
    /// A change that could lock us out is being confirmed over a new connection.
    Confirming { host: String, id: String, seconds: u32 },
    /// A step takes long; comes again every ten seconds.
    Waiting { host: String, what: String, seconds: u64 },
    /// An owner is left out of the later stages everywhere.
    LeftOut { owner: String, why: String },
    /// The stream to a host is gone, and with it the host's part in this run.
    Lost { host: String, failure: Failure },
    /// A host's part is over, and ended well.
    Done { host: String },
    /// A signal came. `again`: it was not the first, the connections are dropped.
    Interrupted { again: bool },
}
