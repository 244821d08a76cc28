//! What a monitoring host must know of all members together.

use std::collections::BTreeMap;

use crate::compile::elements;
use crate::compile::values::{HealthValues, MonitoringValues, ProbeValues, RecipientValues, WatchValues};
use crate::digest::sha256;
use crate::failure::{Failure, Result};
use crate::inventory::types::{Monitoring, Status};
use crate::inventory::{Body, Inventory, TenantPlan};

/// The consortium's policy.
pub fn policy(policy: &Monitoring, inventory: &Inventory) -> MonitoringValues {
    let recipients = policy.recipients.iter().map(|(name, recipient)| RecipientValues {
        name: name.clone(),
        email: recipient.email.clone().filter(|_| policy.mail.is_some()),
        webhook: recipient.webhook.clone(),
        severities: recipient.severities.clone(),
    });
    MonitoringValues {
        budget_permille: policy.budget_permille,
        retention_days: policy.retention_days,
        pace: policy.pace,
        recipients: recipients.collect(),
        members: policy.members.clone(),
        mail: policy.mail.clone(),
        copy_to: policy.copy_to.clone(),
        dead_man: policy.dead_man.clone(),
        queues: has_queues(inventory),
    }
}

/// Whether a tenant that runs has a queue: where none has, no rule asks for one.
fn has_queues(inventory: &Inventory) -> bool {
    let running = inventory.members.values().filter(|body| body.member.membership.status != Status::Leaving);
    let mut plans = running.flat_map(|body| body.tenants.values());
    plans.any(|plan| inventory.applications.get(&plan.application).is_some_and(|product| product.queue.is_some()))
}

/// All members, the probes of their tenants as `rendered` makes them, and the `zones` that we serve.
///
/// # Errors
/// When the catalogue does not know an application, or a template of it refuses a tenant's values.
pub fn watch(
    inventory: &Inventory,
    zones: &[String],
    rendered: impl Fn(&Body, &TenantPlan) -> Result<HealthValues>,
) -> Result<WatchValues> {
    let mut probes = BTreeMap::new();
    let mut members = Vec::new();
    for body in inventory.members.values() {
        members.push(elements::member(inventory, body));
        let watched = body.tenants.values().filter(|_| body.member.membership.status != Status::Leaving);
        for plan in watched {
            let application = elements::application(inventory, plan)?;
            // Of all releases: the module of the next one is there before an upgrade points the tenant at it.
            for release in application.releases.keys() {
                let asked = elements::health(application, release);
                // Rendered for each tenant only where the tenants' differ.
                let health = if asked.body.as_ref().is_some_and(|body| body.contains("{{")) {
                    let mut plan = plan.clone();
                    plan.tenant.release.clone_from(release);
                    rendered(body, &plan)?
                } else {
                    HealthValues { probe: probe(&plan.application, &asked)?, ..asked }
                };
                probes.entry(health.probe.clone()).or_insert(health);
            }
        }
    }
    members.sort_by(|one, other| one.code.cmp(&other.code));
    let mut zones = zones.to_vec();
    zones.sort();
    let probes = probes.into_iter().map(|(name, health)| ProbeValues { name, health });
    Ok(WatchValues { members, probes: probes.collect(), zones })
}

/// The name of the probe that asks like this: the same for all tenants of an application, unless their bodies differ.
///
/// # Errors
/// Never with what the inventory can hold.
pub fn probe(application: &str, health: &HealthValues) -> Result<String> {
    let asked = (health.method, &health.body, &health.media_type, health.status, &health.contains);
    let text = serde_json::to_vec(&asked).map_err(|error| Failure::inventory(error.to_string()))?;
    Ok(format!("{application}-{}", &sha256(text)[..8]))
}
