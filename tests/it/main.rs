//! The tests that need no hosts, one file per verb or rule.

mod bad_input;
mod borders;
mod cli;
mod compile;
mod golden;
mod publiccode;
mod reference;
mod validate;
