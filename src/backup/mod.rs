//! Backups as a host sees them: taking one, what one says about itself, and how to tell whether what came back is what
//! was there.

pub mod compare;
pub mod configuration;
pub mod copy;
pub mod export;
pub mod fingerprint;
pub mod ladder;
pub mod manifest;
pub mod metrics;
pub mod postgres;
pub mod prune;
pub mod restic;
pub mod restore;
pub mod run;
pub mod script;
pub mod scratch;
pub mod snapshot;
pub mod take;
pub mod words;
#[cfg(test)]
mod tests;

pub use manifest::{Manifest, State};
