//! `comuni report`: documents for the bodies, in Italian.

mod costs;
mod restore_test;

use std::path::Path;

use crate::cli::{Global, Report};
use crate::disk;
use crate::failure::{Failure, Result};
use crate::report::Out;

/// # Errors
/// As the document that was asked for says.
pub(super) fn run(global: &Global, what: &Report, out: &Out) -> Result<()> {
    match what {
        Report::RestoreTest(what) => restore_test::run(global, what, out),
        Report::Costs(what) => costs::run(global, what, out),
    }
}

fn written(path: &Path, content: &[u8]) -> Result<()> {
    disk::replace(path, content, 0o644)
        .map_err(|error| Failure::operation(format!("cannot write {}: {error}", path.display())))
}
