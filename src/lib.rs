//! The rooms, in reading order: first what a host understands, then what control adds.
//!
//! ARCHITECTURE.md says what each room holds and what it must never know.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make the files and processes of the world around"))]

pub mod failure;
pub mod digest;
pub mod dns;

pub mod machine;
pub mod resources;
pub mod catalog;
pub mod health;
pub mod queue;
pub mod prometheus;
pub mod backup;
pub mod upgrade;
pub mod protocol;
pub mod executor;

#[cfg(feature = "control")]
pub mod disk;
#[cfg(feature = "control")]
pub mod inventory;
#[cfg(feature = "control")]
pub mod costs;
#[cfg(feature = "control")]
pub mod rollout;
#[cfg(feature = "control")]
pub mod templates;
#[cfg(feature = "control")]
pub mod playbook;
#[cfg(feature = "control")]
pub mod compile;
#[cfg(feature = "control")]
pub mod authority;
#[cfg(feature = "control")]
pub mod secrets;
#[cfg(feature = "control")]
pub mod outside;
#[cfg(feature = "control")]
pub mod monitoring;
#[cfg(feature = "control")]
pub mod ssh;
#[cfg(feature = "control")]
pub mod fleet;
#[cfg(feature = "control")]
pub mod evidence;
#[cfg(feature = "control")]
pub mod saved;
#[cfg(feature = "control")]
pub mod report;
#[cfg(feature = "control")]
pub mod commands;
#[cfg(feature = "control")]
pub mod cli;
