//! The loop that checks and fixes a catalog on a host, and all that a host remembers of it.
//!
//! `serve` holds the conversation; `check` is the first half of the loop, `converge` the second; `groups`, `removal`
//! and `owed` are what fixing consists of beside the kinds themselves.

mod alarms;
mod archives;
mod backup;
mod before;
pub mod chain;
mod check;
mod converge;
mod evidence;
mod fingerprint;
mod groups;
mod journal;
mod key;
mod lock;
mod manifest;
mod ours;
mod owed;
mod procedure;
mod removal;
mod revert;
mod serve;
mod session;
mod staging;
mod store;
mod wire;

pub use backup::{backup, copy_backups};
pub use revert::{confirm, revert};
pub use serve::serve;
pub use store::Settings;

#[cfg(test)]
mod tests;
