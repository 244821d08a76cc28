//! A tenant as it is live: what a restore in place stops, starts, asks and compares.

use std::collections::BTreeSet;

use super::tenants::Tenant;
use crate::catalog::{Catalog, Entry};
use crate::commands::health::health;
use crate::commands::procedure::Subject;
use crate::commands::secrets::tenants::part;
use crate::compile::{Selection, compile, tenant_values};
use crate::failure::{Failure, Result};
use crate::inventory::Inventory;
use crate::protocol::Health;
use crate::resources::Resource;
use crate::templates::Templates;

/// A tenant as it is live.
pub(in crate::commands) struct Live {
    pub(in crate::commands) subject: Subject,
    /// Its application host.
    pub(in crate::commands) host: String,
    /// Its database's host.
    pub(in crate::commands) database_host: String,
    pub(in crate::commands) unit: String,
    /// Name and owner of its database.
    pub(in crate::commands) database: Option<(String, String)>,
    /// What says who may do what with the database as a whole.
    pub(in crate::commands) grants: Vec<Catalog>,
    /// The unit.
    pub(in crate::commands) services: Vec<Catalog>,
    /// All that it has.
    pub(in crate::commands) all: Vec<Catalog>,
    /// Where it answers, and on which host; none when it is stopped.
    pub(in crate::commands) health: Option<(String, Health)>,
}

impl Live {
    /// # Errors
    /// Exit 65 when the inventory does not compile.
    pub(in crate::commands) fn of(inventory: &Inventory, tenant: &Tenant) -> Result<Live> {
        let owner = &tenant.subject.owner;
        let body = inventory.members.values().find(|body| body.code == *owner);
        let plan = body
            .and_then(|body| Some((body, body.tenants.values().find(|plan| plan.application == tenant.application)?)));
        let (body, plan) = plan.ok_or_else(|| Failure::usage(format!("there is no {}", tenant.subject.tenant)))?;
        let owners = [owner.clone()].into();
        let catalogs = compile(inventory, &Selection { owners, ..Selection::default() })?.catalogs;
        let values = tenant_values(inventory, body, plan)?;
        let templates = Templates::load(&inventory.layers)?;
        let of_database =
            |entry: &Entry| matches!(entry.resource, Resource::PostgresDatabase(_) | Resource::PostgresGrant(_));
        let is_unit =
            |entry: &Entry| matches!(&entry.resource, Resource::Service(service) if service.unit == values.unit);
        Ok(Live {
            subject: Subject { tenant: values.id.clone(), owner: owner.clone() },
            host: values.application_host.name.clone(),
            database_host: values.database_host.name.clone(),
            unit: values.unit.clone(),
            database: values.application.has_database.then(|| (values.database.clone(), values.database_owner.clone())),
            grants: part(&catalogs, &values.id, &of_database),
            services: part(&catalogs, &values.id, &is_unit),
            all: part(&catalogs, &values.id, &|_| true),
            health: health(inventory, &templates, body, plan, &values)?,
        })
    }

    /// Its hosts.
    pub(in crate::commands) fn hosts(&self) -> impl Iterator<Item = &str> {
        let database = self.database.is_some().then_some(self.database_host.as_str());
        let others = self.all.iter().map(|catalog| catalog.host.as_str());
        [self.host.as_str()].into_iter().chain(database).chain(others).collect::<BTreeSet<_>>().into_iter()
    }
}
