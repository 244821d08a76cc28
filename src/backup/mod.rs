//! Backups as a host sees them.

pub mod configuration;
pub mod metrics;
pub mod restic;
pub mod run;
pub mod take;
