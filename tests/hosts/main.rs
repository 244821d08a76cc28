//! The tests on real hosts: they read like a specification, and everything in them is real.
//!
//! `./check` boots the lab and runs them one after the other; by hand: `tests/lab/lab up`, then
//! `cargo test --test hosts -- --test-threads=1`. Each test leaves the hosts as the inventory says.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and makes the files and processes of the world around"
)]

mod harness;

mod adopt;
mod alarms;
mod apply;
mod backup;
mod backup_faults;
mod backup_verify;
mod compliance;
mod cut_off;
mod dns_apply;
mod dns_check;
mod dns_faults;
mod faults;
mod fleet_status;
mod history;
mod isolation;
mod kills;
mod lockout;
mod monitoring;
mod monitoring_check;
mod night;
mod offboard;
mod plan;
mod receiver;
mod refusals;
mod restore;
mod restore_kills;
mod rotate;
mod saved;
mod secrets;
// An apply deletes no data, so what this leaves is in the plans after it: its name puts it behind those who count.
mod software;
mod software_queue;
mod software_upgrade;
mod upgrade;
mod upgrade_faults;
mod upgrade_fleet;
mod waysin;
// So does this, for who has joined can only leave: behind all others.
#[path = "onboard.rs"]
mod welcome;
// And a member that is deleted is gone for all who come later.
#[path = "purge.rs"]
mod without;
