//! Who may connect to a PostgreSQL database.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::differences::Known;
use super::postgres::{self, Script};
use super::{Action, Change, Check, Context, Kind, Means};
use crate::failure::{Failure, Result};
use crate::machine::Machine;

/// Exactly these roles hold these privileges on the database; PUBLIC holds none. Beside them only the owner has any.
///
/// In a database, PostgreSQL 15 by itself lets nobody but the owner create anything in the schema `public`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PostgresGrant {
    /// The database.
    pub database: String,
    /// The roles.
    pub roles: Vec<String>,
    /// `connect`, `temporary`, `create`.
    pub privileges: Vec<String>,
}

impl PostgresGrant {
    fn validated(&self) -> Result<()> {
        match self.privileges.iter().find(|word| !["connect", "temporary", "create"].contains(&word.as_str())) {
            None => Ok(()),
            Some(other) => Err(Failure::operation(format!("\"{other}\" is no privilege on a database"))
                .hint("Write connect, temporary or create.")),
        }
    }

    fn wanted(&self, owner: &str) -> BTreeSet<(String, String)> {
        let listed = self
            .roles
            .iter()
            .flat_map(|role| self.privileges.iter().map(move |privilege| (role.clone(), privilege.clone())));
        // The owner's own privileges come with ownership; they are neither given nor taken here.
        listed.filter(|(role, _)| role != owner).collect()
    }
}

impl Kind for PostgresGrant {
    fn id(&self) -> String {
        format!("postgres_grant:{}", self.database)
    }

    fn check(&self, host: &dyn Machine, _context: &Context) -> Result<Check> {
        self.validated()?;
        let server = match postgres::ask(host)? {
            Known::Now(server) => server,
            Known::After(check) => return Ok(check),
        };
        if let Some(missing) = self.roles.iter().find(|role| !server.roles.contains_key(*role)) {
            return Ok(postgres::needs_role(missing));
        }
        let Some(database) = server.databases.get(&self.database) else {
            return Ok(Check::Unknown {
                needs: Some(format!("postgres_database:{}", self.database)),
                why: format!("the database {} is not there", self.database),
            });
        };
        let wanted = self.wanted(&database.owner);
        let held: BTreeSet<_> = database.grants.iter().filter(|(role, _)| *role != database.owner).cloned().collect();
        if held == wanted {
            return Ok(Check::Correct);
        }
        let change = Change {
            field: "privileges".to_string(),
            before: Some(words(&held)),
            after: Some(words(&wanted)),
            secret: false,
            step: None,
        };
        let action = if held.is_empty() { Action::Create } else { Action::Change };
        Ok(Check::Differs { action, changes: vec![change] })
    }

    fn fix(&self, host: &mut dyn Machine, _means: &mut Means) -> Result<()> {
        let Some(database) = postgres::ask(host)?.now()?.databases.remove(&self.database) else {
            return Err(Failure::operation(format!("the database {} is not there", self.database)));
        };
        let wanted = self.wanted(&database.owner);
        let mut script = Script::new(&[("name", &self.database)])?;
        for (role, privilege) in database.grants.iter().filter(|(role, _)| *role != database.owner) {
            if !wanted.contains(&(role.clone(), privilege.clone())) {
                script.set("role", role)?;
                script.then(if role.is_empty() {
                    "revoke all on database :\"name\" from public cascade;"
                } else {
                    "revoke all on database :\"name\" from :\"role\" cascade;"
                });
            }
        }
        for (role, privilege) in &wanted {
            script.set("role", role)?;
            script.then(match privilege.as_str() {
                "connect" => "grant connect on database :\"name\" to :\"role\";",
                "temporary" => "grant temporary on database :\"name\" to :\"role\";",
                "create" => "grant create on database :\"name\" to :\"role\";",
                _ => return self.validated(),
            });
        }
        script.run(host)
    }

    fn remove(&self, host: &mut dyn Machine) -> Result<()> {
        let Known::Now(server) = postgres::ask(host)? else { return Ok(()) };
        let Some(database) = server.databases.get(&self.database) else { return Ok(()) };
        let mut script = Script::new(&[("name", &self.database)])?;
        for role in
            database.grants.iter().map(|(role, _)| role).filter(|role| **role != database.owner && !role.is_empty())
        {
            script.set("role", role)?;
            script.then("revoke all on database :\"name\" from :\"role\" cascade;");
        }
        script.run(host)
    }
}

fn words(grants: &BTreeSet<(String, String)>) -> String {
    let each = |(role, privilege): &(String, String)| {
        format!("{}: {privilege}", if role.is_empty() { "PUBLIC" } else { role })
    };
    grants.iter().map(each).collect::<Vec<_>>().join(", ")
}
