//! Which tenants a verb is about.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::Tenants;
use crate::commands::procedure::Subject;
use crate::failure::{Failure, Result};
use crate::inventory::names::tenant_id;
use crate::inventory::{Inventory, select};

/// A tenant whose backups are made.
#[derive(Clone)]
pub(in crate::commands) struct Tenant {
    pub(in crate::commands) subject: Subject,
    pub(in crate::commands) application: String,
    /// The host that takes them.
    pub(in crate::commands) host: String,
    /// The newest may be this old, in hours.
    pub(in crate::commands) rpo_hours: u32,
    /// Backups are kept for so many days.
    pub(in crate::commands) keep_days: u32,
}

/// The tenants that the selectors name.
///
/// # Errors
/// Exit 64 when a selector matches nothing, or no tenant is left; 65 when the inventory says nothing of backups.
pub(in crate::commands) fn chosen(inventory: &Inventory, wanted: &Tenants) -> Result<Vec<Tenant>> {
    if inventory.consortium.backup.is_none() {
        return Err(Failure::inventory("the inventory does not say where backups are kept")
            .hint("add `backup: { repository: HOST, copy: HOST, at: \"01:00\" }` to consortium.yml"));
    }
    let members = select::members(inventory, &wanted.members)?;
    let applications = select::applications(inventory, &wanted.applications)?;
    let mut tenants = Vec::new();
    for body in members.iter().map(|slug| &inventory.members[slug]) {
        for plan in body.tenants.values().filter(|plan| applications.contains(&plan.application)) {
            tenants.push(Tenant {
                subject: Subject { tenant: tenant_id(&body.code, &plan.application), owner: body.code.clone() },
                application: plan.application.clone(),
                host: plan.application_host.clone(),
                rpo_hours: plan.tenant.backup.rpo_hours(),
                keep_days: plan.tenant.backup.keep_days(),
            });
        }
    }
    if tenants.is_empty() {
        return Err(Failure::usage("these members have no such tenant")
            .hint("`comuni show member NAME` tells what a member runs"));
    }
    Ok(tenants)
}

/// The tenants by the host that takes their backups.
pub(in crate::commands) fn by_host(tenants: &[Tenant]) -> BTreeMap<String, Vec<&Tenant>> {
    let mut hosts: BTreeMap<String, Vec<&Tenant>> = BTreeMap::new();
    for tenant in tenants {
        hosts.entry(tenant.host.clone()).or_default().push(tenant);
    }
    hosts
}

/// The codes of their members.
pub(in crate::commands) fn owners(tenants: &[Tenant]) -> BTreeSet<String> {
    tenants.iter().map(|tenant| tenant.subject.owner.clone()).collect()
}
