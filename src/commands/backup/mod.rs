//! `comuni backup`: one file per verb.

mod accept;
mod list;
pub(super) mod live;
pub(super) mod past;
pub(super) mod place;
mod prune;
mod restore;
mod run;
pub(super) mod tenants;
pub(super) mod verify;

use crate::cli::{Backup, Global};
use crate::failure::Result;
use crate::report::Out;

/// # Errors
/// As the verb says.
pub(super) fn run(global: &Global, what: &Backup, out: &Out) -> Result<()> {
    match what {
        Backup::Run { tenants, way } => run::run(global, tenants, way, out),
        Backup::Prune { members, way } => prune::run(global, members, way, out),
        Backup::Accept { tenants, way } => accept::run(global, tenants, way, out),
        Backup::Restore(wanted) => restore::run(global, wanted, out),
        Backup::Verify(options) => verify::run(global, options, out),
        Backup::List { tenants, way } => list::run(global, tenants, way, out),
    }
}
