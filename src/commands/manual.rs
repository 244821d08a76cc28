//! `completions` and `man`: both come from the command line's own definition.

use std::path::Path;
use std::{fs, io};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::{Failure, Result};
use crate::report::Out;

/// Writes the completions of a shell to standard output.
pub(super) fn completions(shell: Shell, out: &Out) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "comuni", &mut script);
    out.document(&String::from_utf8_lossy(&script));
}

/// Writes a manual page for each verb into a folder, or the first page to standard output.
///
/// # Errors
/// When the folder cannot be written.
pub(super) fn man(directory: Option<&Path>, out: &Out) -> Result<()> {
    match directory {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(unmade)?;
            out.document(&String::from_utf8_lossy(&page));
        }
        Some(directory) => {
            let place = directory.display();
            let unwritable = |error| Failure::operation(format!("cannot write the manual pages to {place}: {error}"));
            fs::create_dir_all(directory).map_err(unwritable)?;
            clap_mangen::generate_to(Cli::command(), directory).map_err(unwritable)?;
            out.remark(&format!("manual pages written to {place}"));
        }
    }
    Ok(())
}

fn unmade(error: io::Error) -> Failure {
    Failure::operation(format!("cannot make the manual page: {error}"))
}
