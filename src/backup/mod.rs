//! Backups as a host sees them: what one says about itself, and how to tell whether what came back is what was there.

pub mod compare;
pub mod fingerprint;
pub mod manifest;
pub mod postgres;
pub mod snapshot;
#[cfg(test)]
mod tests;

pub use manifest::{Manifest, State};
