//! The open forms of a backup, in a folder: PostgreSQL's own programs write them, so that no row passes through here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::pack::{LONG, POSTGRES, account};
use super::{Work, readme};
use crate::backup::Manifest;
use crate::backup::fingerprint::{Entry, Sequence};
use crate::backup::postgres::newest;
use crate::backup::restore::Tell;
use crate::backup::scratch::{Cluster, Scratch};
use crate::backup::script::Script;
use crate::backup::snapshot::{ONE_WAY, Snapshot};
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, Ownership, utc};

/// The tables of a database.
const TABLES: &str = include_str!("tables.sql");

/// One table as CSV. Values stand in quotes and NULL does not, so that NULL and the empty text stay two things.
const AS_CSV: &str = "copy (select * from only :\"schema\".:\"table\") to stdout with (format csv, header true, force_quote *) \\g :file";

/// The large objects of a database.
const LARGE_OBJECTS: &str = "select json_build_array(oid::text) from pg_largeobject_metadata order by oid;";

/// The sums of all files of an export but this one.
pub(super) const SUMS: &str = "SHA256SUMS";

/// What others may read of what holds no data. The folder around it is closed all the same.
const PLAIN: Ownership = Ownership { uid: 0, gid: 0, mode: 0o644 };

/// A folder that is being filled.
pub(super) struct Out<'a> {
    pub(super) folder: PathBuf,
    work: &'a Work<'a>,
    manifest: &'a Manifest,
    /// File of each table, by its name in the fingerprint.
    tables: BTreeMap<String, String>,
}

/// `manifest.json` of an export.
#[derive(Serialize)]
struct Says<'a> {
    version: u32,
    tool: &'a str,
    exported: String,
    member: Named<'a>,
    tenant: &'a str,
    application: &'a str,
    release: &'a str,
    snapshot: &'a str,
    taken: String,
    database: Option<Database<'a>>,
    files: Option<&'a BTreeMap<String, Entry>>,
}

#[derive(Serialize)]
struct Named<'a> {
    code: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Database<'a> {
    name: &'a str,
    server_version: &'a str,
    encoding: &'a str,
    collate: &'a str,
    ctype: &'a str,
    extensions: &'a BTreeMap<String, String>,
    tables: BTreeMap<&'a str, Table<'a>>,
    sequences: &'a BTreeMap<String, Sequence>,
    large_objects: u64,
}

#[derive(Serialize)]
struct Table<'a> {
    rows: u64,
    file: &'a str,
}

impl<'a> Out<'a> {
    /// An empty one below `keep`, into which PostgreSQL may write and nobody else may look.
    pub(super) fn make(
        machine: &mut dyn Machine,
        keep: &Scratch,
        work: &'a Work<'a>,
        manifest: &'a Manifest,
    ) -> Result<Out<'a>> {
        let folder = keep.folder.join(&work.task.application);
        machine.make_directory(&folder, &account(machine)?)?;
        Ok(Out { folder, work, manifest, tables: BTreeMap::new() })
    }

    /// SQL, tables and large objects.
    pub(super) fn database(&mut self, machine: &mut dyn Machine, cluster: &Cluster, tell: &mut Tell<'_>) -> Result<()> {
        let connection = cluster.connection();
        tell("writes the database as SQL", 0, 0)?;
        let mut command = connection.program(newest(machine, "pg_dump")?).within(LONG);
        let file = format!("--file={}", self.folder.join("database.sql").display());
        command.argv.extend(["--format=plain", "--no-owner", "--no-privileges", &file].map(str::to_string));
        machine.run(&command)?.succeeded(&command)?;
        let mut snapshot = Snapshot::open(machine, &connection)?;
        let tables: Vec<(String, String, String)> = snapshot.ask(TABLES)?;
        let objects: Vec<(String,)> = snapshot.ask(LARGE_OBJECTS)?;
        drop(snapshot);
        tell("writes each table as CSV", 0, 0)?;
        let folders = [("tables", tables.is_empty()), ("large-objects", objects.is_empty())];
        for (name, _) in folders.iter().filter(|(_, empty)| !empty) {
            machine.make_directory(&self.folder.join(name), &account(machine)?)?;
        }
        let mut script = Script::new(&[])?;
        script.then("begin;");
        script.then(ONE_WAY);
        for (name, schema, table) in tables {
            let file = format!("tables/{}.{}.csv", safe(&schema), safe(&table));
            script.set("schema", &schema)?;
            script.set("table", &table)?;
            script.set("file", &self.folder.join(&file).to_string_lossy())?;
            script.then(AS_CSV);
            self.tables.insert(name, file);
        }
        script.then("commit;");
        for (number,) in objects {
            script.set("number", &number)?;
            script.set("file", &self.folder.join("large-objects").join(&number).to_string_lossy())?;
            script.then("\\lo_export :number :file");
        }
        script.run(machine, &connection).map(drop)
    }

    /// The manifest, the text for a person, and the sums of it all.
    pub(super) fn close(&self, machine: &mut dyn Machine, tell: &mut Tell<'_>) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.says(utc(machine.now()))?)
            .map_err(|error| Failure::operation(format!("cannot encode the manifest: {error}")))?;
        machine.write(&self.folder.join("manifest.json"), &text, &PLAIN)?;
        machine.write(&self.folder.join("LEGGIMI.md"), readme::text(self.work, self.manifest).as_bytes(), &PLAIN)?;
        tell("reads it all for its sums", 0, 0)?;
        let place = self.folder.to_string_lossy().into_owned();
        let sums = format!("./{SUMS}");
        let words =
            ["env", "-C", &place, "find", ".", "-type", "f", "!", "-path", &sums, "-exec", "sha256sum", "{}", "+"];
        let command = Command::new(words).within(LONG);
        let said = machine.run(&command)?.succeeded(&command)?.stdout;
        let mut lines: Vec<&[u8]> = said.split_inclusive(|byte| *byte == b'\n').collect();
        lines.sort_by_key(|line| line.get(64..));
        machine.write(&self.folder.join(SUMS), &lines.concat(), &PLAIN)
    }

    fn says(&self, exported: String) -> Result<Says<'_>> {
        let (work, manifest) = (self.work, self.manifest);
        let database = match &manifest.database {
            None => None,
            Some(database) => {
                let of = &database.fingerprint;
                let table = |(name, held): (&'a String, &crate::backup::fingerprint::Content)| {
                    let file = self.tables.get(name).map(String::as_str);
                    let file = file.ok_or_else(|| Failure::operation(format!("{name} was not written")))?;
                    Ok((name.as_str(), Table { rows: held.rows, file }))
                };
                Some(Database {
                    name: &of.name,
                    server_version: &of.server_version,
                    encoding: &of.encoding,
                    collate: &of.collate,
                    ctype: &of.ctype,
                    extensions: &of.extensions,
                    tables: of.tables.iter().map(table).collect::<Result<_>>()?,
                    sequences: &of.sequences,
                    large_objects: of.large_objects.rows,
                })
            }
        };
        Ok(Says {
            version: 1,
            tool: env!("CARGO_PKG_VERSION"),
            exported,
            member: Named { code: &work.task.member, name: &work.task.name },
            tenant: work.tenant,
            application: &work.task.application,
            release: &manifest.release,
            snapshot: &work.chosen.id,
            taken: utc(work.chosen.taken),
            database,
            files: manifest.files.as_ref().map(|tree| &tree.entries),
        })
    }
}

/// A name of the database as a part of a file's name: two names never come to the same.
pub(super) fn safe(name: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    name.bytes().map(letter).collect()
}

/// Gives what was unpacked to the account of PostgreSQL, which reads it.
pub(super) fn give(machine: &mut dyn Machine, places: &[&Path]) -> Result<()> {
    let places: Vec<String> = places.iter().map(|place| place.to_string_lossy().into_owned()).collect();
    let words = ["chown", "--recursive", POSTGRES, "--"].map(str::to_string);
    let command = Command::new(words.into_iter().chain(places));
    machine.run(&command)?.succeeded(&command).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tables_never_get_one_file() {
        let file = |schema: &str, table: &str| format!("{}.{}", safe(schema), safe(table));
        assert_eq!(file("public", "notice"), "public.notice");
        assert_ne!(file("a.b", "c"), file("a", "b.c"));
        assert_eq!(file("public", "../x y\n"), "public.%2E%2E%2Fx%20y%0A");
        assert_ne!(safe("a%2E"), safe("a."));
        assert_eq!(safe("età"), "et%C3%A0");
    }
}
