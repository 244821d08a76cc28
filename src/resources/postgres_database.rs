//! A PostgreSQL database.

use serde::{Deserialize, Serialize};

use super::differences::Known;
use super::postgres::{self, Script, limit};
use super::{Action, Change, Check, Context, Kind, Means};
use crate::failure::{Failure, Result};
use crate::machine::Machine;

/// A database with its owner; UTF-8, locale `C.UTF-8`, made from `template0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PostgresDatabase {
    /// Name.
    pub name: String,
    /// The role that owns it.
    pub owner: String,
    /// Connections at a time; no limit when not said.
    #[serde(default = "super::fields::unlimited", deserialize_with = "super::fields::number")]
    pub connection_limit: u32,
}

impl Kind for PostgresDatabase {
    fn id(&self) -> String {
        format!("postgres_database:{}", self.name)
    }

    fn check(&self, host: &dyn Machine, _context: &Context) -> Result<Check> {
        let server = match postgres::ask(host)? {
            Known::Now(server) => server,
            Known::After(check) => return Ok(check),
        };
        if !server.roles.contains_key(&self.owner) {
            return Ok(postgres::needs_role(&self.owner));
        }
        let change = |field: &str, before: Option<String>, after: String| Change {
            field: field.to_string(),
            before,
            after: Some(after),
            secret: false,
            step: None,
        };
        let Some(facts) = server.databases.get(&self.name) else {
            return Ok(Check::Differs {
                action: Action::Create,
                changes: vec![change("owner", None, self.owner.clone())],
            });
        };
        if facts.encoding != "UTF8" {
            return Err(Failure::operation(format!(
                "the database {} is encoded in {}, not in UTF8",
                self.name, facts.encoding
            ))
            .hint("dump it, make it anew in UTF8 and restore it: an apply never touches data"));
        }
        let mut changes = Vec::new();
        if facts.owner != self.owner {
            changes.push(change("owner", Some(facts.owner.clone()), self.owner.clone()));
        }
        if facts.connection_limit != limit(self.connection_limit) {
            let wanted = limit(self.connection_limit).to_string();
            changes.push(change("connection_limit", Some(facts.connection_limit.to_string()), wanted));
        }
        Ok(if changes.is_empty() { Check::Correct } else { Check::Differs { action: Action::Change, changes } })
    }

    fn fix(&self, host: &mut dyn Machine, _means: &mut Means) -> Result<()> {
        let present = postgres::ask(host)?.now()?.databases.contains_key(&self.name);
        let connections = limit(self.connection_limit).to_string();
        let mut script = Script::new(&[("name", &self.name), ("owner", &self.owner), ("connections", &connections)])?;
        if !present {
            script.then(
                "create database :\"name\" owner :\"owner\" template template0 encoding 'UTF8' lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8';",
            );
            // PUBLIC may connect to every new database; who else may is said by the resource `postgres_grant`.
            script.then("revoke all on database :\"name\" from public;");
        }
        script.then("alter database :\"name\" owner to :\"owner\";");
        script.then("alter database :\"name\" connection limit :connections;");
        script.without_transaction().run(host)
    }

    fn remove(&self, _host: &mut dyn Machine) -> Result<()> {
        Err(Failure::operation(format!("the database {} holds data: only `offboard` removes it", self.name)))
    }

    fn purge(&self, host: &mut dyn Machine) -> Result<()> {
        postgres::drop_database(host, &self.name)
    }

    fn holds_data(&self) -> bool {
        true
    }
}
