//! One file per verb: the order of calls, nothing else.

mod manual;

use crate::cli::{Cli, Verb};
use crate::failure::Result;
use crate::report::Out;

/// Runs the verb of a command line.
///
/// # Errors
/// Whatever the verb fails with; the kind decides the exit code.
pub fn run(cli: &Cli, out: &Out) -> Result<()> {
    match &cli.verb {
        Verb::Completions { shell } => {
            manual::completions(*shell, out);
            Ok(())
        }
        Verb::Man { directory } => manual::man(directory.as_deref(), out),
        _ => todo!(),
    }
}
