//! `comuni report`: documents for the bodies, in Italian.

mod costs;
mod restore_test;

use std::path::Path;

use super::survey::operator;
use crate::cli::{Global, Report};
use crate::disk;
use crate::evidence::clock;
use crate::evidence::documents::Maker;
use crate::failure::{Failure, Result};
use crate::inventory::Inventory;
use crate::report::Out;

/// # Errors
/// As the document that was asked for says.
pub(super) fn run(global: &Global, what: &Report, out: &Out) -> Result<()> {
    match what {
        Report::RestoreTest(what) => restore_test::run(global, what, out),
        Report::Costs(what) => costs::run(global, what, out),
    }
}

fn maker(inventory: &Inventory) -> Maker {
    let who = operator();
    Maker {
        made: clock::now().as_second(),
        operator: format!("{}@{}", who.user, who.machine),
        inventory: inventory.digest.clone(),
    }
}

fn written(path: &Path, content: &[u8]) -> Result<()> {
    disk::replace(path, content, 0o644)
        .map_err(|error| Failure::operation(format!("cannot write {}: {error}", path.display())))
}
