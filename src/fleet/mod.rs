//! Many hosts at once: stages, limits, locks, the stop rule. The only async room.
//!
//! A [`Fleet`] is used in this order: [`Fleet::check`], perhaps [`Fleet::attend`] for consent, [`Fleet::apply`],
//! [`Fleet::append`], [`Fleet::end`]. Its methods block; the hosts' streams stay open and are kept alive in between.
//! A procedure uses [`Fleet::act`] instead of the first two.
//! Each host has one thread that owns its stream (`conversation`); the `coordinator` is async and only waits.

mod conversation;
mod coordinator;
mod event;
mod facade;
mod host_half;
mod lines;
mod look;
mod outcome;
mod stages;
mod start;
mod stop;
#[cfg(test)]
mod tests;
mod wire;

pub use conversation::{BackupRuns, Checked, Evidence, Hold, Monitored, Settings, Sign};
pub use event::{Event, Events};
pub use facade::{Answered, Fleet};
pub use host_half::HostHalf;
pub use look::Look;
pub use outcome::{Ended, HostOutcome, HostState, Outcome, OwnerOutcome, ResourceFailure};
pub use stages::Work;
pub use start::Ssh;
pub use stop::Stop;
pub use wire::{Opening, Received, Transport, Wire};
