//! A PostgreSQL server of its own for one copy: its own data folder, a socket and no network, nothing durable.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ACCOUNT, Scratch};
use crate::backup::fingerprint::DatabaseFingerprint;
use crate::backup::postgres::{Connection, of_version};
use crate::backup::script::variable;
use crate::backup::words::last_words;
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, Output, Ownership, gid_of, uid_of};

/// The account of PostgreSQL, which is also the first superuser.
const POSTGRES: &str = "postgres";

/// The role with which an application logs in on the copy. Its name is nobody's elsewhere.
const LOGIN: &str = "comuni_scratch_login";

/// How long a restore may take.
const LONG: Duration = Duration::from_secs(12 * 3600);

/// A server of its own.
#[derive(Debug)]
pub struct Cluster {
    version: u32,
    data: PathBuf,
    socket: PathBuf,
    database: String,
}

/// Why a copy could not be made.
#[derive(Debug)]
pub enum Obstacle {
    /// Not the backup's fault: something is missing here.
    Here(String),
    /// PostgreSQL does not take the backup, with its words.
    Damage(String),
}

impl From<Failure> for Obstacle {
    fn from(failure: Failure) -> Obstacle {
        Obstacle::Here(failure.message)
    }
}

type Attempt<T> = std::result::Result<T, Obstacle>;

impl Cluster {
    /// Starts one for a database that had this fingerprint, with an empty database of the same name, encoding and
    /// collation, and with its roles.
    ///
    /// # Errors
    /// When this host lacks something: that version, a collation, an extension.
    pub fn start(machine: &mut dyn Machine, scratch: &Scratch, of: &DatabaseFingerprint) -> Attempt<Cluster> {
        let version = of.server;
        let (initdb, postgres) = (of_version(version, "initdb"), of_version(version, "postgres"));
        if machine.stat(Path::new(&postgres))?.is_none() {
            return Err(Obstacle::Here(format!(
                "PostgreSQL {version} is not installed on this host: apt-get install postgresql-{version}"
            )));
        }
        let (data, socket) = (scratch.folder.join("postgres"), scratch.folder.join("socket"));
        let ownership =
            Ownership { uid: id(uid_of(machine, POSTGRES)?)?, gid: id(gid_of(machine, POSTGRES)?)?, mode: 0o700 };
        machine.make_directory(&data, &ownership)?;
        machine.make_directory(&socket, &Ownership { mode: 0o711, ..ownership.clone() })?;
        let place = data.to_string_lossy().into_owned();
        let command =
            Command::new([initdb.as_str(), "-D", &place, "-U", POSTGRES, "-A", "peer", "-E", "UTF8", "--no-sync"]);
        here(machine.run(&command.as_user(POSTGRES))?, "initdb")?;
        let file = Ownership { mode: 0o600, ..ownership };
        let access = format!("local all {POSTGRES} peer\nlocal all {LOGIN} peer map=scratch\n");
        machine.write(&data.join("pg_hba.conf"), access.as_bytes(), &file)?;
        machine.write(&data.join("pg_ident.conf"), format!("scratch {ACCOUNT} {LOGIN}\n").as_bytes(), &file)?;
        machine
            .run(&serve(scratch, &postgres, &data, &socket))
            .map_err(Obstacle::from)
            .and_then(|output| here(output, "PostgreSQL"))?;
        let cluster = Cluster { version, data, socket, database: of.name.clone() };
        cluster.must_be_ours(machine)?;
        cluster.lacks_extension(machine, of)?;
        cluster.prepare(machine, of)?;
        Ok(cluster)
    }

    /// How its database is reached as superuser.
    pub fn connection(&self) -> Connection {
        self.reached(&self.database, POSTGRES)
    }

    /// libpq's environment for the application, which logs in as a role that acts as the owner.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.reached(&self.database, LOGIN).environment
    }

    fn reached(&self, database: &str, role: &str) -> Connection {
        let socket = self.socket.to_string_lossy().into_owned();
        let set = [("PGHOST", socket.as_str()), ("PGPORT", "5432"), ("PGDATABASE", database), ("PGUSER", role)];
        let environment = set.into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Connection { environment, account: Some(POSTGRES.to_string()) }
    }

    /// Refuses to go on unless who answers is this very server: its data folder is ours, and it holds nothing yet.
    fn must_be_ours(&self, machine: &mut dyn Machine) -> Attempt<()> {
        let script = "select current_setting('data_directory');\nselect count(*) from pg_database where not datistemplate and datname <> 'postgres';\n";
        let output = here(self.psql(machine, "postgres", script)?, "psql")?;
        let said = output.text();
        let mut lines = said.lines();
        let (folder, databases) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        if Path::new(folder) != self.data || databases != "0" {
            return Err(Obstacle::Here(format!(
                "refused: who answers at {} has its data in {folder} and {databases} databases: it is not the copy's own",
                self.socket.display()
            )));
        }
        Ok(())
    }

    fn lacks_extension(&self, machine: &mut dyn Machine, of: &DatabaseFingerprint) -> Attempt<()> {
        let output = here(self.psql(machine, "postgres", "select name from pg_available_extensions;\n")?, "psql")?;
        let said = output.text();
        let known: Vec<&str> = said.lines().collect();
        match of.extensions.keys().find(|name| !known.contains(&name.as_str())) {
            Some(missing) => Err(Obstacle::Here(format!(
                "the extension {missing} is not installed on this host: find its package with `apt-cache search postgresql-{} {missing}`",
                self.version
            ))),
            None => Ok(()),
        }
    }

    /// The roles that the dump speaks of, none of which can log in, the application's login, and the empty database.
    fn prepare(&self, machine: &mut dyn Machine, of: &DatabaseFingerprint) -> Attempt<()> {
        let mut script = String::new();
        for role in of.roles.iter().filter(|role| *role != POSTGRES) {
            set(&mut script, "role", role)?;
            script.push_str("create role :\"role\" nologin;\n");
        }
        script.push_str(&format!("create role {LOGIN} login;\n"));
        for (name, value) in
            [("name", &of.name), ("encoding", &of.encoding), ("collate", &of.collate), ("ctype", &of.ctype)]
        {
            set(&mut script, name, value)?;
        }
        script.push_str(
            "create database :\"name\" template template0 encoding :'encoding' lc_collate :'collate' lc_ctype :'ctype';\n",
        );
        // What this server does not know (a collation, an encoding) it names.
        here(self.psql(machine, "postgres", &script)?, "the empty database").map(|_| ())
    }

    /// Brings a dump into its database, all or nothing.
    ///
    /// # Errors
    /// [`Obstacle::Damage`] with the words of PostgreSQL; [`Obstacle::Here`] when this host ran out of something.
    pub fn restore(&self, machine: &mut dyn Machine, dump: &Path) -> Attempt<()> {
        let mut command = self.connection().program(of_version(self.version, "pg_restore")).within(LONG);
        let words = ["--exit-on-error", "--single-transaction", "-d", &self.database];
        command.argv.extend(words.map(str::to_string));
        command.argv.push(dump.to_string_lossy().into_owned());
        let output = machine.run(&command)?;
        if output.status == 0 {
            return Ok(());
        }
        let words = format!("pg_restore ended with {}: {}", output.status, last_words(&output));
        Err(if is_lack(&words) { Obstacle::Here(words) } else { Obstacle::Damage(words) })
    }

    /// Lets the application's login act as the owner of its database, as its roles do where it is live.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn let_in(&self, machine: &mut dyn Machine, owner: &str) -> Attempt<()> {
        let mut script = String::new();
        for (name, value) in [("owner", owner), ("database", self.database.as_str())] {
            set(&mut script, name, value)?;
        }
        script.push_str(&format!(
            "grant :\"owner\" to {LOGIN};\nalter role {LOGIN} set role = :'owner';\nalter database :\"database\" owner to :\"owner\";\n"
        ));
        here(self.psql(machine, "postgres", &script)?, "the application's login").map(|_| ())
    }

    /// Asks a question of one number as the owner, in a transaction that cannot write.
    ///
    /// # Errors
    /// When it does not answer with one number.
    pub fn number(&self, machine: &mut dyn Machine, owner: Option<&str>, query: &str) -> Result<i64> {
        let mut script = "begin transaction read only;\nset local statement_timeout = '60s';\n".to_string();
        if let Some(owner) = owner {
            set(&mut script, "owner", owner)?;
            script.push_str("set local role :\"owner\";\n");
        }
        script.push_str(query.trim_end_matches([';', ' ', '\n']));
        script.push_str(";\nrollback;\n");
        let output = self.psql(machine, &self.database, &script)?;
        if output.status != 0 {
            return Err(Failure::operation(last_words(&output)));
        }
        let said = output.text();
        said.trim().parse().map_err(|_| Failure::operation("it does not answer with one whole number"))
    }

    fn psql(&self, machine: &mut dyn Machine, database: &str, script: &str) -> Result<Output> {
        let mut command = self.reached(database, POSTGRES).program(of_version(self.version, "psql"));
        command.argv.extend(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"].map(str::to_string));
        machine.run(&command.stdin(script))
    }
}

/// The server as a unit: it cannot reach anything, and goes with all its processes when it is stopped.
fn serve(scratch: &Scratch, postgres: &str, data: &Path, socket: &Path) -> Command {
    let mut command = Command::new(["systemd-run", "--quiet", "--collect", "--service-type=notify"]);
    let mut add = |word: String| command.argv.push(word);
    add(format!("--unit={}", scratch.unit("database")));
    add("--description=PostgreSQL of a copy that is being proven".to_string());
    for property in [
        &format!("User={POSTGRES}"),
        "PrivateNetwork=yes",
        "IPAddressDeny=any",
        "PrivateTmp=yes",
        "NoNewPrivileges=yes",
        "ProtectHome=yes",
        "ProtectSystem=strict",
        &format!("ReadWritePaths={}", scratch.folder.display()),
        "KillSignal=SIGQUIT",
        "TimeoutStartSec=120",
        "TimeoutStopSec=10",
        "RuntimeMaxSec=13h",
    ] {
        add(format!("--property={property}"));
    }
    add("--".to_string());
    add(postgres.to_string());
    add("-D".to_string());
    add(data.to_string_lossy().into_owned());
    for setting in [
        "listen_addresses=",
        &format!("unix_socket_directories={}", socket.display()),
        "port=5432",
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
        "autovacuum=off",
        "checkpoint_timeout=1h",
        "max_wal_size=4GB",
        "max_connections=100",
        // What fails is told to who asked; the log would repeat rows.
        "log_min_messages=fatal",
        "log_min_error_statement=panic",
        "log_error_verbosity=terse",
    ] {
        add("-c".to_string());
        add(setting.to_string());
    }
    command
}

fn id(found: Option<u32>) -> Result<u32> {
    found.ok_or_else(|| Failure::operation(format!("there is no account {POSTGRES} on this host")))
}

/// What fails before the backup is touched is not its fault.
fn here(output: Output, what: &str) -> Attempt<Output> {
    if output.status == 0 {
        return Ok(output);
    }
    Err(Obstacle::Here(format!("{what} ended with {}: {}", output.status, last_words(&output))))
}

/// Whether words speak of something that this host lacks.
fn is_lack(words: &str) -> bool {
    let lacks = [
        "No space left on device",
        "could not open extension control file",
        "is not available",
        "could not load library",
        "could not access file",
        "for encoding",
        "out of memory",
        "the database system is",
        "server closed the connection",
        "connection to server",
    ];
    let role = words.contains("role \"") && words.contains("does not exist");
    role || lacks.iter().any(|lack| words.contains(lack))
}

/// Sets a variable of psql.
fn set(script: &mut String, name: &str, value: &str) -> Result<()> {
    script.push_str(&variable(name, value)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_host_lacks_is_told_from_damage() {
        assert!(is_lack("pg_restore: error: could not execute query: ERROR:  role \"x\" does not exist"));
        assert!(is_lack("ERROR:  could not extend file: No space left on device"));
        assert!(is_lack("ERROR:  collation \"it_IT\" for encoding \"UTF8\" does not exist"));
        assert!(!is_lack("pg_restore: error: could not read from input file: end of file"));
        assert!(!is_lack("ERROR:  relation \"x\" does not exist"));
    }
}
