//! Records of what was done and found, and how they are read. `docs/evidence.md` states their form.
//!
//! A record waits in the operator's outbox until the control host has it in its chain; readers merge both.

pub mod clock;
mod deletion;
pub mod documents;
pub mod history;
pub mod leaving;
mod outbox;
mod record;
mod revision;
mod upgrade;

#[cfg(test)]
mod documentation;

pub use deletion::{DeletionRecord, LeftRecord};
pub use outbox::{Outbox, Pending, Running, Undelivered, state};
pub use record::{
    ChangeRecord, Ending, FailureRecord, HostRecord, InventoryRecord, MemberRecord, PlanRecord, Record, RecordKind,
    SelectionRecord, SignOffRecord, StepRecord, VERSION, Who,
};
pub use revision::{Contained, Revision, current};
pub use upgrade::{NoticeRecord, UpgradeEnding, UpgradeRecord};
