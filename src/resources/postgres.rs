//! PostgreSQL's own account of its roles and databases, asked once for all resources, and scripts for psql.
//!
//! No SQL is built from values: they enter as psql variables, which psql quotes (psql(1), "SQL Interpolation").

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::Check;
use super::differences::{Known, after};
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, uid_of};

/// psql's exit status when it could not connect.
const NOT_CONNECTED: i32 = 2;
/// Status of a program that is not there.
const NOT_FOUND: i32 = 127;
/// The account that owns the server: it is let in by name, without a password.
const ACCOUNT: &str = "postgres";
/// Where Debian puts the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

pub(super) const QUESTION: &str = "\
select json_build_object(
  'roles', (select json_object_agg(a.rolname, json_build_object(
      'login', a.rolcanlogin,
      'connection_limit', a.rolconnlimit,
      'powers', a.rolsuper or a.rolcreaterole or a.rolcreatedb or a.rolreplication or a.rolbypassrls,
      'verifier', encode(sha256(convert_to(a.rolpassword, 'UTF8')), 'hex'),
      'member_of', (select coalesce(json_agg(g.rolname order by g.rolname), '[]')
                    from pg_auth_members m join pg_authid g on g.oid = m.roleid where m.member = a.oid),
      'acts_as', (select substring(s from 6) from pg_db_role_setting d, unnest(d.setconfig) s
                  where d.setrole = a.oid and d.setdatabase = 0 and s like 'role=%')
    )) from pg_authid a),
  'databases', (select json_object_agg(b.datname, json_build_object(
      'owner', pg_get_userbyid(b.datdba),
      'connection_limit', b.datconnlimit,
      'encoding', pg_encoding_to_char(b.encoding),
      'grants', (select coalesce(json_agg(json_build_array(
                   case when x.grantee = 0 then '' else pg_get_userbyid(x.grantee) end, lower(x.privilege_type))), '[]')
                 from aclexplode(coalesce(b.datacl, acldefault('d', b.datdba))) x)
    )) from pg_database b)
);
";

/// What the server has.
#[derive(Debug, Deserialize)]
pub(super) struct Server {
    /// By name.
    pub(super) roles: BTreeMap<String, RoleFacts>,
    /// By name.
    pub(super) databases: BTreeMap<String, DatabaseFacts>,
}

/// A role of the server.
#[derive(Debug, Deserialize)]
pub(super) struct RoleFacts {
    pub(super) login: bool,
    /// -1 is no limit.
    pub(super) connection_limit: i64,
    /// It is superuser, or may make roles or databases, replicate, or pass by row security.
    pub(super) powers: bool,
    /// SHA-256 (hex) of what is stored for its password.
    pub(super) verifier: Option<String>,
    pub(super) member_of: BTreeSet<String>,
    pub(super) acts_as: Option<String>,
}

/// A database of the server.
#[derive(Debug, Deserialize)]
pub(super) struct DatabaseFacts {
    pub(super) owner: String,
    /// -1 is no limit.
    pub(super) connection_limit: i64,
    pub(super) encoding: String,
    /// Role (empty for PUBLIC) and privilege.
    pub(super) grants: BTreeSet<(String, String)>,
}

/// Asks the server; a server that is not there or not running is an unknown, not a failure.
pub(super) fn ask(host: &dyn Machine) -> Result<Known<Server>> {
    let absent = |why: &str| Ok(Known::After(after("service:postgresql.service", why)));
    if uid_of(host, ACCOUNT)?.is_none() {
        return absent("PostgreSQL is not installed here");
    }
    let question = psql(host)?.stdin(QUESTION);
    let answer = host.query(&question)?;
    match answer.status {
        NOT_FOUND => return absent("PostgreSQL is not installed here"),
        NOT_CONNECTED => {
            let words = String::from_utf8_lossy(&answer.stderr);
            return absent(&format!("PostgreSQL does not answer here: {}", words.trim()));
        }
        _ => {}
    }
    let answer = answer.succeeded(&question)?;
    serde_json::from_slice(&answer.stdout)
        .map(Known::Now)
        .map_err(|error| Failure::operation(format!("psql answered what cannot be understood: {error}")))
}

/// Says that a role must be there first.
pub(super) fn needs_role(name: &str) -> Check {
    Check::Unknown { needs: Some(format!("postgres_role:{name}")), why: format!("the role {name} is not there") }
}

/// A limit as PostgreSQL writes it: -1 is none.
pub(super) fn limit(connections: u32) -> i64 {
    if connections == u32::MAX { -1 } else { i64::from(connections) }
}

/// A script for psql that begins with its variables.
pub(super) struct Script {
    text: String,
    single_transaction: bool,
}

impl Script {
    /// A script with these variables; in it `:'name'` is a literal, `:"name"` an identifier.
    ///
    /// # Errors
    /// When a value holds a newline or a NUL, which psql cannot take.
    pub(super) fn new(variables: &[(&str, &str)]) -> Result<Script> {
        let mut script = Script { text: String::new(), single_transaction: true };
        for (name, value) in variables {
            script.set(name, value)?;
        }
        Ok(script)
    }

    /// Sets a variable from here on.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<()> {
        if value.contains(['\n', '\r', '\0']) {
            return Err(Failure::operation(format!("the value of {name} holds a line break or a NUL")));
        }
        let quoted = value.replace('\\', "\\\\").replace('\'', "''");
        self.text.push_str(&format!("\\set {name} '{quoted}'\n"));
        Ok(())
    }

    /// Adds statements, in which values stand only as variables.
    pub(super) fn then(&mut self, statements: &'static str) {
        self.text.push_str(statements);
        self.text.push('\n');
    }

    /// Runs without a transaction around it: `create database` refuses one.
    pub(super) fn without_transaction(mut self) -> Script {
        self.single_transaction = false;
        self
    }

    /// Runs it.
    pub(super) fn run(self, host: &mut dyn Machine) -> Result<()> {
        self.answer(host).map(|_| ())
    }

    /// Runs it, and gives what it selects.
    pub(super) fn answer(self, host: &mut dyn Machine) -> Result<String> {
        let mut command = psql(host)?.stdin(self.text);
        if self.single_transaction {
            command.argv.push("--single-transaction".to_string());
        }
        Ok(host.run(&command)?.succeeded(&command)?.text())
    }
}

/// Ends the sessions of a login role, also those that act as its owner, and waits for their end; says how many.
///
/// # Errors
/// When PostgreSQL refuses or does not answer.
pub fn end_sessions(host: &mut dyn Machine, role: &str) -> Result<u32> {
    let mut script = Script::new(&[("role", role)])?;
    script.then("select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where usename = :'role';");
    let said = script.answer(host)?;
    said.trim().parse().map_err(|_| Failure::operation(format!("psql answered what cannot be understood: {said}")))
}

/// The names of all databases and roles; none where there is no server.
///
/// # Errors
/// When PostgreSQL does not answer.
pub fn names(host: &dyn Machine) -> Result<Vec<String>> {
    let Known::Now(server) = ask(host)? else { return Ok(Vec::new()) };
    Ok(server.databases.keys().chain(server.roles.keys()).cloned().collect())
}

/// Takes a database away, with whoever is connected to it.
///
/// # Errors
/// When PostgreSQL refuses or does not answer.
pub(super) fn drop_database(host: &mut dyn Machine, name: &str) -> Result<()> {
    let mut script = Script::new(&[("name", name)])?;
    script.then("drop database if exists :\"name\" with (force);");
    script.without_transaction().run(host)
}

/// The newest psql itself: the one on the path is a Perl script that finds it, at four times the price.
fn psql(host: &dyn Machine) -> Result<Command> {
    let versions = host.list(Path::new(VERSIONS))?;
    let newest = versions.iter().filter_map(|version| version.parse::<u32>().ok()).max();
    let direct = newest.map(|version| format!("{VERSIONS}/{version}/bin/psql"));
    let program = match direct {
        Some(path) if host.stat(Path::new(&path))?.is_some() => path,
        _ => "psql".to_string(),
    };
    let options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", "postgres"];
    let command = Command::new([program.as_str()].into_iter().chain(options)).as_user(ACCOUNT);
    Ok(command.env("PGAPPNAME", "comuni").env("PGCONNECT_TIMEOUT", "10"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_variable() {
        let script = Script::new(&[("name", r"a'b\c")]).unwrap();
        assert_eq!(script.text, "\\set name 'a''b\\\\c'\n");
        assert!(Script::new(&[("name", "a\n\\! reboot")]).is_err());
    }
}
