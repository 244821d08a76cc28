//! Which tenants a rotation is for, and which of their resources it has to bring.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Entry};
use crate::commands::health::health;
use crate::commands::procedure::Subject;
use crate::compile::{Selection, compile, tenant_values};
use crate::failure::{Failure, Result};
use crate::inventory::{Inventory, select};
use crate::protocol::Health;
use crate::resources::Resource;
use crate::secrets::{ACTIVE_TOKENS, PASSWORD_TOKENS, Token};
use crate::templates::Templates;

/// A tenant with a database, and what of it the steps of a rotation bring.
pub(super) struct Tenant {
    pub(super) subject: Subject,
    pub(super) application: String,
    /// The member's file, for commands that a person types.
    pub(super) slug: String,
    pub(super) unit: String,
    /// The login roles.
    pub(super) roles: Vec<Catalog>,
    /// What has the passwords of both roles in it, such as the password file.
    pub(super) passwords: Vec<Catalog>,
    /// What says which role is in use, and has its daemon restarted.
    pub(super) users: Vec<Catalog>,
    /// The unit.
    pub(super) services: Vec<Catalog>,
    /// Where it answers, and on which host; none when it is stopped.
    pub(super) health: Option<(String, Health)>,
}

impl Tenant {
    /// Every host that has to do with it, the roles' first.
    pub(super) fn hosts(&self) -> BTreeSet<&str> {
        let catalogs = self.roles.iter().chain(&self.passwords).chain(&self.users).chain(&self.services);
        catalogs.map(|catalog| catalog.host.as_str()).collect()
    }

    /// The tokens in a catalog.
    pub(super) fn tokens(&self, catalog: &Catalog) -> BTreeSet<String> {
        catalog.entries.iter().flat_map(|entry| entry.resource.kind().secrets()).collect()
    }
}

/// The tenants with a database that the selectors name, by member.
///
/// # Errors
/// Exit 64 when a selector matches nothing, or nothing with a database; 65 when the inventory does not compile.
pub(super) fn chosen(inventory: &Inventory, members: &[String], applications: &[String]) -> Result<Vec<Tenant>> {
    let members = select::members(inventory, members)?;
    let applications = select::applications(inventory, applications)?;
    let owners = members.iter().map(|slug| inventory.members[slug].code.clone()).collect();
    let catalogs = compile(inventory, &Selection { owners, ..Selection::default() })?.catalogs;
    let templates = Templates::load(&inventory.layers)?;
    let mut tenants = Vec::new();
    for body in members.iter().map(|slug| &inventory.members[slug]) {
        for plan in body.tenants.values().filter(|plan| applications.contains(&plan.application)) {
            let values = tenant_values(inventory, body, plan)?;
            if !values.application.has_database {
                continue;
            }
            let token = |name: &str| Token::new(&body.code, &plan.application, name).to_string();
            let (passwords, active) = (PASSWORD_TOKENS.map(token), ACTIVE_TOKENS.map(token));
            let holds = |entry: &Entry, tokens: &[String]| {
                entry.resource.kind().secrets().iter().any(|secret| tokens.contains(secret))
            };
            let is_role = |entry: &Entry| matches!(entry.resource, Resource::PostgresRole(_));
            let is_unit =
                |entry: &Entry| matches!(&entry.resource, Resource::Service(service) if service.unit == values.unit);
            let part = |which: &dyn Fn(&Entry) -> bool| part(&catalogs, &values.id, which);
            let tenant = Tenant {
                subject: Subject { tenant: values.id.clone(), owner: body.code.clone() },
                application: plan.application.clone(),
                slug: body.slug.clone(),
                unit: values.unit.clone(),
                roles: part(&|entry| is_role(entry) && holds(entry, &passwords)),
                passwords: part(&|entry| !is_role(entry) && holds(entry, &passwords)),
                users: part(&|entry| holds(entry, &active)),
                services: part(&is_unit),
                health: health(inventory, &templates, body, plan, &values)?,
            };
            if tenant.roles.is_empty() || tenant.users.is_empty() {
                return Err(Failure::inventory(format!(
                    "{}: nothing in its playbook and templates says which login role is in use",
                    values.id
                ))
                .hint("use {{ tenant.secrets.database_user }} where the application is told its database user")
                .hint("the built-in templates/tenant/environment.tera shows how"));
            }
            tenants.push(tenant);
        }
    }
    if tenants.is_empty() {
        return Err(Failure::usage("none of these tenants has a database")
            .hint("other secrets are changed with `comuni secrets set --replace TOKEN`, then `comuni apply`"));
    }
    Ok(tenants)
}

/// The entries of a tenant that are of one sort, by host.
pub(in crate::commands) fn part(
    catalogs: &BTreeMap<String, Catalog>,
    tenant: &str,
    which: &dyn Fn(&Entry) -> bool,
) -> Vec<Catalog> {
    let of_host = |catalog: &Catalog| {
        let entries = catalog.entries.iter().filter(|entry| entry.tenant.as_deref() == Some(tenant) && which(entry));
        Catalog { host: catalog.host.clone(), entries: entries.cloned().collect() }
    };
    catalogs.values().map(of_host).filter(|catalog| !catalog.entries.is_empty()).collect()
}
