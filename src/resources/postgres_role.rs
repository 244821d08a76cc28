//! A PostgreSQL role.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::differences::Known;
use super::postgres::{self, RoleFacts, Script, limit};
use super::scram::{self, hmac};
use super::{Action, Change, Check, Context, Kind, Means, Resource};
use crate::digest::{hex, sha256};
use crate::failure::{Failure, Result};
use crate::machine::{Machine, Ownership};

/// A role: an owner of objects without login, or a login that acts as such an owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PostgresRole {
    /// Name.
    pub name: String,
    /// It may log in.
    #[serde(deserialize_with = "super::fields::boolean")]
    pub login: bool,
    /// A secret token. Only a SCRAM verifier of it reaches the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Roles it is a member of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub member_of: Vec<String>,
    /// Each session starts as this role, so that it owns what is made (`ALTER ROLE ... SET role`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts_as: Option<String>,
    /// Connections at a time; no limit when not said.
    #[serde(default = "super::fields::unlimited", deserialize_with = "super::fields::number")]
    pub connection_limit: u32,
}

/// Where keyed digests of the passwords that we set lie on a host.
const PASSWORDS: &str = "/var/lib/comuni/passwords.json";

/// What is remembered of a password: enough to tell that it is still the same, not enough to find it.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Remembered {
    /// HMAC of the password under the host's key.
    given: String,
    /// SHA-256 of the verifier that the server stores.
    stored: String,
}

impl PostgresRole {
    fn value<'a>(&self, context: &'a Context) -> Option<&'a str> {
        self.password.as_deref().and_then(|token| context.secrets.value(token))
    }

    /// The password is the one that was last set, and nobody set another since.
    fn password_is(&self, host: &dyn Machine, context: &Context, password: &str, facts: &RoleFacts) -> Result<bool> {
        let given = digest(context.host_key, &self.name, password);
        Ok(remembered(host)?
            .get(&self.name)
            .is_some_and(|known| known.given == given && facts.verifier.as_deref() == Some(known.stored.as_str())))
    }

    /// Nobody set a password since we last did.
    fn verifier_is_ours(&self, host: &dyn Machine, facts: &RoleFacts) -> Result<bool> {
        let known = remembered(host)?;
        Ok(known.get(&self.name).is_some_and(|known| facts.verifier.as_deref() == Some(known.stored.as_str())))
    }

    /// Compares with the server. `as_applied`: the password of the inventory is the one that was set last, if nobody else
    /// set one since.
    fn compared(&self, host: &dyn Machine, context: &Context, as_applied: bool) -> Result<Check> {
        let server = match postgres::ask(host)? {
            Known::Now(server) => server,
            Known::After(check) => return Ok(check),
        };
        for needed in self.member_of.iter().chain(&self.acts_as) {
            if !server.roles.contains_key(needed) {
                return Ok(postgres::needs_role(needed));
            }
        }
        let password = self.value(context);
        if let Some(token) = &self.password
            && password.is_none()
            && !as_applied
        {
            return Ok(context.secrets.not_checked(std::slice::from_ref(token)));
        }
        let Some(facts) = server.roles.get(&self.name) else {
            let changes = vec![Change {
                field: "login".to_string(),
                before: None,
                after: Some(self.login.to_string()),
                secret: false,
                step: None,
            }];
            return Ok(Check::Differs { action: Action::Create, changes });
        };
        let mut changes = Vec::new();
        if facts.login != self.login {
            changes.push(change("login", facts.login, self.login));
        }
        if facts.powers {
            changes.push(change("powers", "superuser, createrole, createdb, replication or bypassrls", "none"));
        }
        if facts.connection_limit != limit(self.connection_limit) {
            changes.push(change("connection_limit", facts.connection_limit, limit(self.connection_limit)));
        }
        if facts.member_of != self.member_of.iter().cloned().collect() {
            changes.push(change("member_of", words(&facts.member_of), words(&self.member_of)));
        }
        if facts.acts_as != self.acts_as {
            changes.push(change("acts_as", words(&facts.acts_as), words(&self.acts_as)));
        }
        let differs = match password {
            Some(password) => !self.password_is(host, context, password, facts)?,
            None if self.password.is_some() => !self.verifier_is_ours(host, facts)?,
            None => facts.verifier.is_some(),
        };
        if differs {
            let before = facts.verifier.as_ref().and_then(|verifier| context.fingerprint(verifier.as_bytes()));
            changes.push(Change { field: "password".to_string(), before, after: None, secret: true, step: None });
        }
        Ok(if changes.is_empty() { Check::Correct } else { Check::Differs { action: Action::Change, changes } })
    }
}

fn remembered(host: &dyn Machine) -> Result<BTreeMap<String, Remembered>> {
    // A damaged file is as good as none: the passwords are then set again.
    Ok(host.read(Path::new(PASSWORDS))?.and_then(|content| serde_json::from_slice(&content).ok()).unwrap_or_default())
}

fn remember(host: &mut dyn Machine, known: &BTreeMap<String, Remembered>) -> Result<()> {
    let content = serde_json::to_vec_pretty(known).map_err(|error| Failure::operation(error.to_string()))?;
    host.write(Path::new(PASSWORDS), &content, &Ownership { uid: 0, gid: 0, mode: 0o600 })
}

/// Bound to the role, so that equal passwords of two roles cannot be told from their digests.
fn digest(host_key: &[u8], role: &str, password: &str) -> String {
    hex(&hmac(host_key, format!("{role} {password}").as_bytes()))
}

fn change(field: &str, before: impl ToString, after: impl ToString) -> Change {
    Change {
        field: field.to_string(),
        before: Some(before.to_string()),
        after: Some(after.to_string()),
        secret: false,
        step: None,
    }
}

fn words(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    names.into_iter().map(|name| name.as_ref().to_string()).collect::<Vec<_>>().join(", ")
}

impl Kind for PostgresRole {
    fn id(&self) -> String {
        format!("postgres_role:{}", self.name)
    }

    fn check(&self, host: &dyn Machine, context: &Context) -> Result<Check> {
        self.compared(host, context, false)
    }

    fn check_unread(&self, host: &dyn Machine, context: &Context, _applied: &Resource) -> Result<Check> {
        self.compared(host, context, true)
    }

    fn fix(&self, host: &mut dyn Machine, means: &mut Means) -> Result<()> {
        let facts = postgres::ask(host)?.now()?.roles.remove(&self.name);
        let connections = limit(self.connection_limit).to_string();
        let mut script = Script::new(&[("role", &self.name), ("connections", &connections)])?;
        // Even a verifier has no business in the server's log.
        script.then("set local log_statement = 'none'; set local log_min_duration_statement = -1;");
        script.then("set local log_min_error_statement = 'panic';");
        if facts.is_none() {
            script.then("create role :\"role\" nologin;");
        }
        script.then("alter role :\"role\" with nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit :connections;");
        script.then(if self.login { "alter role :\"role\" login;" } else { "alter role :\"role\" nologin;" });
        let before = facts.as_ref().map(|facts| facts.member_of.clone()).unwrap_or_default();
        for group in &self.member_of {
            script.set("group", group)?;
            script.then("grant :\"group\" to :\"role\";");
        }
        for group in before.iter().filter(|group| !self.member_of.contains(group)) {
            script.set("group", group)?;
            script.then("revoke :\"group\" from :\"role\";");
        }
        match &self.acts_as {
            Some(owner) => {
                script.set("owner", owner)?;
                script.then("alter role :\"role\" set role to :'owner';");
            }
            None => script.then("alter role :\"role\" reset role;"),
        }
        let mut known = remembered(host)?;
        let password = self.value(&means.context);
        if self.password.is_some() && password.is_none() {
            return Err(Failure::operation(format!("the password of the role {} was not given", self.name)));
        }
        if let Some(password) = password {
            let same = match &facts {
                Some(facts) => self.password_is(host, &means.context, password, facts)?,
                None => false,
            };
            if !same {
                let verifier = self.new_verifier(host, &means.context, password)?;
                script.set("verifier", &verifier)?;
                script.then("alter role :\"role\" password :'verifier';");
                let stored = sha256(verifier);
                known.insert(
                    self.name.clone(),
                    Remembered { given: digest(means.context.host_key, &self.name, password), stored },
                );
            }
        } else {
            script.then("alter role :\"role\" password null;");
        }
        script.run(host)?;
        if password.is_some() {
            remember(host, &known)?;
        }
        Ok(())
    }

    fn remove(&self, _host: &mut dyn Machine) -> Result<()> {
        Err(Failure::operation(format!("the role {} may own data: only `offboard` removes it", self.name)))
    }

    /// With the databases of the role that owns its own: also those that a restore or an upgrade kept beside it.
    fn purge(&self, host: &mut dyn Machine) -> Result<()> {
        let Known::Now(server) = postgres::ask(host)? else { return Ok(()) };
        let owned = server
            .databases
            .iter()
            .filter(|(_, facts)| facts.owner == self.name || self.acts_as.as_ref() == Some(&facts.owner));
        for name in owned.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            postgres::drop_database(host, &name)?;
        }
        postgres::end_sessions(host, &self.name)?;
        let mut script = Script::new(&[("name", &self.name)])?;
        script.then("drop role if exists :\"name\";");
        script.run(host)?;
        let mut known = remembered(host)?;
        match known.remove(&self.name) {
            Some(_) => remember(host, &known),
            None => Ok(()),
        }
    }

    fn holds_data(&self) -> bool {
        true
    }

    fn secrets(&self) -> Vec<String> {
        self.password.iter().cloned().collect()
    }
}

impl PostgresRole {
    fn new_verifier(&self, host: &dyn Machine, context: &Context, password: &str) -> Result<String> {
        if !password.is_ascii() || password.is_empty() {
            return Err(Failure::operation(format!("the password of the role {} is not plain ASCII", self.name))
                .hint("set one of ASCII letters and digits with `comuni secrets set`"));
        }
        // A salt must be new, not secret: the host's own random key and the moment make it so.
        let moment = format!("salt {} {}", self.name, host.now());
        let salt = hmac(context.host_key, moment.as_bytes());
        Ok(scram::verifier(password, &salt[..16]))
    }
}
