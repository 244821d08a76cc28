//! One file per verb: the order of calls, nothing else.

use crate::cli::Cli;
use crate::failure::Result;
use crate::report::Out;

/// Runs the verb of a command line.
///
/// # Errors
/// Whatever the verb fails with; the kind decides the exit code.
pub fn run(_cli: &Cli, _out: &Out) -> Result<()> {
    todo!()
}
