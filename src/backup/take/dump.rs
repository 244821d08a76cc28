//! The database: one snapshot for the fingerprint and the dump.

use super::Taking;
use crate::backup::configuration::Database;
use crate::backup::manifest;
use crate::backup::postgres::newest;
use crate::backup::snapshot::Snapshot;
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine};

impl Taking<'_, '_> {
    /// Dumps the database, in the form that restic can find again what did not change: not compressed here, but there.
    pub(super) fn dump(&mut self, database: &Database) -> Result<manifest::Database> {
        let connection = database.connection();
        let program = newest(self.machine, "pg_dump")?;
        let said = self.machine.query(&Command::new([program.as_str(), "--version"]))?.text().trim().to_string();
        let mut snapshot = Snapshot::open(self.machine, &connection)
            .map_err(|failure| failure.context(format!("database {}", database.name)))?;
        let mut fingerprint = snapshot.fingerprint()?;
        let client =
            major(&said).ok_or_else(|| Failure::operation(format!("pg_dump does not say its version: {said}")))?;
        if client < fingerprint.server {
            return Err(Failure::operation(format!(
                "{said} is older than the server ({}): its dumps are not to be relied on",
                fingerprint.server_version
            ))
            .hint(format!("install postgresql-client-{} on {}", fingerprint.server, self.configuration.host)));
        }
        let path = self.folder.join("database.dump");
        let place = path.to_string_lossy().into_owned();
        let mut command = connection.program(program).within(self.left()?);
        let id = format!("--snapshot={}", snapshot.id());
        let file = format!("--file={place}");
        command.argv.extend(["--format=custom", "--compress=0", "--no-password", &id, &file].map(str::to_string));
        let output = self.machine.run(&command)?;
        let dumped = output.succeeded(&command);
        dumped.map_err(|failure| with_room(self.machine, failure, &self.folder.to_string_lossy()))?;
        snapshot.look_again_at_sequences(&mut fingerprint)?;
        drop(snapshot);
        self.run.rows = fingerprint.rows();
        let stat = self.machine.stat(&path)?;
        let sha256 = self.machine.sha256(&path)?;
        let (Some(stat), Some(sha256)) = (stat, sha256) else {
            return Err(Failure::operation(format!("pg_dump ended well and left no {place}")));
        };
        if stat.size == 0 {
            return Err(Failure::operation(format!("pg_dump ended well and left {place} empty")));
        }
        Ok(manifest::Database { dump: place, bytes: stat.size, sha256, pg_dump: said, fingerprint })
    }
}

/// The major version in `pg_dump (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)`.
fn major(said: &str) -> Option<u32> {
    said.split_whitespace().find_map(|word| word.split('.').next()?.parse().ok())
}

/// Says how much room there is when that may be the reason.
fn with_room(machine: &dyn Machine, mut failure: Failure, folder: &str) -> Failure {
    if failure.message.contains("No space left") {
        let free = machine.query(&Command::new(["df", "--output=avail", "--block-size=1", folder]));
        let free = free.ok().map(|output| output.text().lines().last().unwrap_or_default().trim().to_string());
        failure.message = format!(
            "there is no room for the dump in {folder}: {} bytes are free once it is removed up to {}",
            free.unwrap_or_default(),
            failure.message
        );
        failure = failure.hint(format!("make room on the disk of {folder}, or put that folder on a larger one"));
    }
    failure
}
