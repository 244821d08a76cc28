//! Proves a bundle by what its text in Italian says: unpacked, summed, restored into an empty database of a bare
//! PostgreSQL without roles, and every table read from its CSV. What comes out is compared with the backup.

use std::path::Path;

use super::Work;
use super::pack::{LONG, failed};
use super::write::{SUMS, give, safe};
use crate::backup::Manifest;
use crate::backup::compare::{databases, trees};
use crate::backup::fingerprint::{self, Content, DatabaseFingerprint};
use crate::backup::manifest::Database;
use crate::backup::postgres::newest;
use crate::backup::restore::{Tell, differ};
use crate::backup::scratch::{Cluster, Scratch};
use crate::backup::script::Script;
use crate::backup::snapshot::{ONE_WAY, Snapshot};
use crate::backup::words::last_words;
use crate::failure::{Failure, Kind, Result};
use crate::machine::{Command, Machine, PRIVATE_FOLDER};

/// Reads a table's CSV beside the table and sums it up as a fingerprint does.
const FROM_CSV: &str = "\
create temporary table comuni_csv on commit drop as select * from only :\"schema\".:\"table\" with no data;
copy comuni_csv from :'file' with (format csv, header true);
select json_build_array(count(*), coalesce(sum(hashtextextended((c.*)::text collate \"C\", 0)), 0)::text) from comuni_csv c;
drop table comuni_csv;";

/// The tables by their name in a fingerprint.
const TABLES: &str = include_str!("tables.sql");

/// Each large object, and the hash of its content.
const LARGE_OBJECTS: &str =
    "select json_build_array(oid::text, encode(sha256(lo_get(oid)), 'hex')) from pg_largeobject_metadata order by oid;";

/// What belongs to roles: a bare PostgreSQL has none of them.
const OF_ROLES: [&str; 4] = ["grants ", "owner ", "default_grants ", "large_objects "];

/// Proves the bundle at `place`; what was seen, one sentence each.
///
/// # Errors
/// Exit 4 when something of it is not what it must be.
pub(super) fn of(
    machine: &mut dyn Machine,
    work: &Work<'_>,
    manifest: &Manifest,
    place: &Path,
    bare: &Scratch,
    tell: &mut Tell<'_>,
) -> Result<Vec<String>> {
    tell("unpacks it again", 0, 0)?;
    let out = bare.folder.join("out");
    machine.make_directory(&out, &PRIVATE_FOLDER)?;
    let (file, target) = (format!("--file={}", place.display()), format!("--directory={}", out.display()));
    let command = Command::new(["tar", "--extract", &file, &target]).within(LONG);
    machine.run(&command)?.succeeded(&command)?;
    let folder = out.join(&work.task.application);
    let inside = folder.to_string_lossy().into_owned();
    let command = Command::new(["env", "-C", &inside, "sha256sum", "--check", "--quiet", "--strict", SUMS]);
    let output = machine.run(&command.within(LONG))?;
    if output.status != 0 {
        return Err(damage(format!("the sums of the bundle are not right: {}", last_words(&output))));
    }
    let mut seen = vec!["unpacked, and every file has its checksum".to_string()];
    if let Some(database) = &manifest.database {
        // Only PostgreSQL's own part moves to where its account may enter.
        let own = bare.folder.join("database");
        machine.make_directory(&own, &super::pack::account(machine)?)?;
        for part in ["database.sql", "tables", "large-objects"] {
            if machine.stat(&folder.join(part))?.is_some() {
                machine.rename(&folder.join(part), &own.join(part))?;
                give(machine, &[&own.join(part)])?;
            }
        }
        seen.extend(restored(machine, database, &own, bare, tell)?);
    }
    if let Some(files) = &manifest.files {
        let found = fingerprint::tree(machine, &folder.join("files"), &[])
            .map_err(|failure| damage(format!("the files are not in the bundle: {failure}")))?;
        differ("files", &trees(files, &found).differences)?;
        seen.push(format!("{} files, {} bytes: equal to the backup", found.files(), found.bytes()));
    }
    Ok(seen)
}

fn restored(
    machine: &mut dyn Machine,
    of: &Database,
    own: &Path,
    bare: &Scratch,
    tell: &mut Tell<'_>,
) -> Result<Vec<String>> {
    tell("restores it into a bare PostgreSQL", 0, 0)?;
    let expected = without_roles(&of.fingerprint);
    let cluster = Cluster::start(machine, bare, &expected).map_err(failed)?;
    let connection = cluster.connection();
    let mut command = connection.program(newest(machine, "psql")?).within(LONG);
    let file = format!("--file={}", own.join("database.sql").display());
    let words = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", &file];
    command.argv.extend(words.map(str::to_string));
    let output = machine.run(&command)?;
    if output.status != 0 {
        return Err(damage(format!("a bare PostgreSQL does not take database.sql: {}", last_words(&output))));
    }
    let mut snapshot = Snapshot::open(machine, &connection)?;
    let found = snapshot.fingerprint()?;
    differ("database", &databases(&expected, &without_roles(&found)))?;
    let tables: Vec<(String, String, String)> = snapshot.ask(TABLES)?;
    let objects: Vec<(String, String)> = snapshot.ask(LARGE_OBJECTS)?;
    drop(snapshot);
    tell("reads each table from its CSV", 0, 0)?;
    let mut script = Script::new(&[])?;
    script.then("begin;");
    script.then(ONE_WAY);
    for (_, schema, table) in &tables {
        let file = own.join(format!("tables/{}.{}.csv", safe(schema), safe(table)));
        script.set("schema", schema)?;
        script.set("table", table)?;
        script.set("file", &file.to_string_lossy())?;
        script.then(FROM_CSV);
    }
    script.then("rollback;");
    let said = script.run(machine, &connection).map_err(|failure| Failure {
        kind: Kind::Damage,
        ..failure.context("the tables as CSV cannot be read back")
    })?;
    let mut lines = said.lines();
    for (name, _, _) in &tables {
        let read: Option<(u64, String)> = lines.next().and_then(|line| serde_json::from_str(line).ok());
        let read = read.map(|(rows, checksum)| Content { rows, checksum });
        if read.as_ref() != expected.tables.get(name) {
            return Err(damage(format!("the CSV of {name} does not hold the rows of the table")));
        }
    }
    for (number, sha256) in &objects {
        if machine.sha256(&own.join("large-objects").join(number))?.as_ref() != Some(sha256) {
            return Err(damage(format!("the file of the large object {number} is not its content")));
        }
    }
    Ok(vec![
        format!(
            "database.sql restored into a bare PostgreSQL {}: {} tables, {} rows, {} large objects, equal to the backup",
            found.server_version,
            found.tables.len(),
            found.rows(),
            found.large_objects.rows
        ),
        format!(
            "{} tables read from CSV, {} large objects from files: the same rows and content",
            tables.len(),
            objects.len()
        ),
    ])
}

/// What a database holds when nobody owns it or is granted anything.
fn without_roles(of: &DatabaseFingerprint) -> DatabaseFingerprint {
    let mut of = of.clone();
    of.roles.clear();
    of.objects.retain(|name, _| !OF_ROLES.iter().any(|kind| name.starts_with(kind)));
    for (_, definition) in of.objects.iter_mut().filter(|(name, _)| name.starts_with("column ")) {
        if let Some((bare, _)) = definition.split_once(" grants ") {
            *definition = bare.to_string();
        }
    }
    of
}

fn damage(message: String) -> Failure {
    Failure::new(Kind::Damage, message).hint("nothing of the bundle is handed out; comuni backup verify tells more")
}
