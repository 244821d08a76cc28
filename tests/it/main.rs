//! The tests that need no hosts, one file per verb or rule.

mod borders;
mod validate;
mod cli;
