//! The application host's way to the tenant's databases: as the tenant's own login role, over TLS.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::note::{self, Phase};
use super::source::differ;
use super::{Exchange, Tell};
use crate::backup::compare;
use crate::backup::configuration::{Configuration, Database};
use crate::backup::manifest::Manifest;
use crate::backup::postgres::{Connection, newest};
use crate::backup::script::Script;
use crate::backup::snapshot::Snapshot;
use crate::backup::words::last_words;
use crate::failure::{Failure, Kind, Result};
use crate::machine::{Command, Machine, PRIVATE_FILE};

/// How long loading may take.
const LONG: Duration = Duration::from_secs(12 * 3600);

/// What is said to the server.
pub(super) mod statement {
    /// The number of the database that is reached.
    pub const NUMBER: &str = "select oid from pg_database where datname = current_database();";
    /// The owner of a database may drop it. `force` ends sessions of the login role, which only that role itself may.
    pub const DROP_NEW: &str = "set role none;\ndrop database if exists :\"new\" with (force);";
    /// The same.
    pub const DROP_KEPT: &str = "set role none;\ndrop database if exists :\"kept\" with (force);";
}

/// Loads the dump that was fetched into the new database, all or nothing, and looks whether it is equal to the manifest:
/// row for row. Gives the seconds that it took.
///
/// # Errors
/// Exit 4 when PostgreSQL does not take the dump, or what came back is not what was there.
pub fn load(machine: &mut dyn Machine, tenant: &str, tell: &mut Tell<'_>) -> Result<u64> {
    let began = Instant::now();
    let note = note::read(machine, tenant, Phase::Preparing)?
        .ok_or_else(|| Failure::operation(format!("nothing was fetched for {tenant}")))?;
    let (names, database) = databases(machine, tenant, note.database)?;
    let work = PathBuf::from(&note.work);
    let folder = work.join(crate::backup::run::FOLDER.trim_start_matches('/')).join(tenant);
    let manifest = Manifest::read(machine, &folder.join("manifest.json"))?
        .and_then(|manifest| manifest.database)
        .ok_or_else(|| Failure::operation(format!("{} is gone", folder.display())))?;
    let passwords = passwords(machine, &database, &names.new, &work)?;
    let new = Database { name: names.new.clone(), password_file: passwords, ..database };
    let connection = new.connection();
    tell("loads the database", 0, 0)?;
    let mut command = connection.program(newest(machine, "pg_restore")?).within(LONG);
    let words = ["--exit-on-error", "--single-transaction", "--no-password", "--dbname", &names.new];
    command.argv.extend(words.map(str::to_string));
    command.argv.push(folder.join("database.dump").to_string_lossy().into_owned());
    let output = machine.run(&command)?;
    if output.status != 0 {
        return Err(Failure::new(
            Kind::Damage,
            format!("pg_restore ended with {}: {}", output.status, last_words(&output)),
        )
        .hint("comuni backup verify tells how far the backups of this tenant are sound"));
    }
    psql(machine, &connection, &[], "analyze;")?;
    tell("compares the database with its manifest", 0, 0)?;
    let found = Snapshot::open(machine, &connection)?.fingerprint()?;
    differ("database", &compare::databases(&manifest.fingerprint, &found))?;
    Ok(began.elapsed().as_secs())
}

/// The databases of a restore, and how the tenant's own is reached.
pub(super) fn databases(machine: &dyn Machine, tenant: &str, names: Option<Exchange>) -> Result<(Exchange, Database)> {
    let database = Configuration::read(machine, tenant)?.database;
    names.zip(database).ok_or_else(|| Failure::operation(format!("{tenant} has no database")))
}

/// Says something as the tenant's login role, in the tenant's own database.
pub(super) fn as_owner(
    machine: &mut dyn Machine,
    database: &Database,
    variables: &[(&str, &str)],
    statements: &'static str,
) -> Result<String> {
    psql(machine, &database.connection(), variables, statements)
}

fn psql(
    machine: &mut dyn Machine,
    connection: &Connection,
    variables: &[(&str, &str)],
    statements: &'static str,
) -> Result<String> {
    let mut script = Script::new(variables)?;
    script.then(statements);
    script.run(machine, connection)
}

/// The tenant's passwords for the database beside its own: the file names the database.
fn passwords(machine: &mut dyn Machine, database: &Database, new: &str, work: &Path) -> Result<String> {
    let content = machine.read(Path::new(&database.password_file))?.unwrap_or_default();
    let content = String::from_utf8_lossy(&content).into_owned();
    let (from, to) = (format!(":{}:{}:", database.port, database.name), format!(":{}:{new}:", database.port));
    let path = work.join("pgpass");
    machine.write(&path, content.replace(&from, &to).as_bytes(), &PRIVATE_FILE)?;
    Ok(path.to_string_lossy().into_owned())
}

/// The number of the database that carries the tenant's name now.
///
/// # Errors
/// When the server cannot be asked.
pub(super) fn number(machine: &mut dyn Machine, database: &Database) -> Result<u32> {
    let said = as_owner(machine, database, &[], statement::NUMBER)?;
    said.trim().parse().map_err(|_| Failure::operation("the database does not say its number"))
}

/// Used where only a command is needed.
pub(super) fn stop_unit(machine: &mut dyn Machine, unit: &str) -> Result<()> {
    let command = Command::new(["systemctl", "stop", unit]);
    machine.run(&command)?.succeeded(&command).map(drop)
}
