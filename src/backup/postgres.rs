//! Where the programs of PostgreSQL are, and how a database is reached.

use std::path::Path;

use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine};

/// Where Debian puts the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// How a database is reached: libpq's own environment, so that nothing of it stands in an argument.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// `PGHOST`, `PGDATABASE`, `PGUSER`, `PGPASSFILE` ... A password itself does not belong here.
    pub environment: Vec<(String, String)>,
    /// The Unix account that connects; `None` is our own.
    pub account: Option<String>,
}

impl Connection {
    /// One of PostgreSQL's own programs, about to connect like this.
    pub fn program(&self, path: impl Into<String>) -> Command {
        let mut command = Command::new([path.into()]);
        command.user.clone_from(&self.account);
        command.environment.clone_from(&self.environment);
        command.env("PGAPPNAME", "comuni backup").env("PGCONNECT_TIMEOUT", "10")
    }
}

/// The major versions whose programs are installed here, the newest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn versions(machine: &dyn Machine) -> Result<Vec<u32>> {
    let mut versions: Vec<u32> =
        machine.list(Path::new(VERSIONS))?.iter().filter_map(|version| version.parse().ok()).collect();
    versions.sort_unstable_by(|one, other| other.cmp(one));
    Ok(versions)
}

/// Where a program of a major version lies.
pub fn of_version(version: u32, program: &str) -> String {
    format!("{VERSIONS}/{version}/bin/{program}")
}

/// The newest of a program: the one on the path is a script that looks for it, at four times the price.
///
/// # Errors
/// When no version of it is installed, with the package that brings it.
pub fn newest(machine: &dyn Machine, program: &str) -> Result<String> {
    for version in versions(machine)? {
        let path = of_version(version, program);
        if machine.stat(Path::new(&path))?.is_some() {
            return Ok(path);
        }
    }
    Err(Failure::operation(format!("{program} is not installed here"))
        .hint("apt-get install postgresql-client, or `comuni apply`, which does that"))
}
