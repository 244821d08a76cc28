//! `comuni dns`: zones as the world sees them.

mod check;
mod records;
mod say;
mod targets;

use std::path::PathBuf;

use crate::cli::{Dns, Global};
use crate::evidence::state;
use crate::failure::Result;
use crate::inventory::Inventory;
use crate::outside::Remembered;
use crate::report::Out;

/// # Errors
/// Those of the verb.
pub(super) fn run(global: &Global, what: &Dns, out: &Out) -> Result<()> {
    match what {
        Dns::Check(options) => check::run(global, options, out),
        Dns::Records { member } => records::run(global, member, out),
    }
}

/// The DS that this machine has seen for the zones of an inventory.
///
/// # Errors
/// When there is no place for them, or they cannot be read.
pub(super) fn remembered(inventory: &Inventory) -> Result<Remembered> {
    let place: PathBuf = state(inventory, "dns", |name| std::env::var_os(name))?;
    Remembered::read(&place.join("keys.json"))
}
