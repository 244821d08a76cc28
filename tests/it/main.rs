//! The tests that need no hosts, one file per verb or rule.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and makes the files and processes of the world around"
)]

mod alerts;
mod ansible;
mod bad_input;
mod borders;
mod catalogue;
mod cli;
mod compile;
mod golden;
mod publiccode;
mod reference;
mod scale;
mod validate;
mod zone_files;
mod zone_transfer;
mod zones;
