//! An apply brings a tenant its first release, and never another: that needs a backup that is proven, and a way back.

use std::collections::BTreeMap;

use crate::catalog::Catalog;
use crate::failure::{Failure, Result};
use crate::protocol::Outcome;
use crate::report::{HostPlan, HostState};
use crate::resources::{Action, Resource};

/// Stops a plan that would bring a tenant from one release to another.
///
/// # Errors
/// With the upgrades that would do it.
pub(super) fn check(plans: &[HostPlan], catalogs: &BTreeMap<String, Catalog>) -> Result<()> {
    // A tenant has its release on the host that proves its backups too.
    let mut upgrades = BTreeMap::new();
    for plan in plans {
        let (HostState::Checked { findings, .. }, Some(catalog)) = (&plan.state, catalogs.get(&plan.host)) else {
            continue;
        };
        for finding in findings {
            let goes = matches!(finding.outcome, Outcome::Differs { action: Action::Remove, .. });
            let Some(tenant) = finding.tenant.as_deref().filter(|_| goes && finding.id.starts_with("release:")) else {
                continue;
            };
            let comes = catalog.entries.iter().find_map(|entry| match &entry.resource {
                Resource::Release(release) if entry.tenant.as_deref() == Some(tenant) => Some(release),
                _ => None,
            });
            if let Some(release) = comes {
                upgrades.insert(tenant, (release.application.as_str(), release.release.as_str()));
            }
        }
    }
    let Some((application, release)) = upgrades.values().next() else { return Ok(()) };
    let names: Vec<&str> = upgrades.keys().copied().collect();
    Err(Failure::operation(format!(
        "an apply does not change the release of a tenant that has data: {}",
        names.join(", ")
    ))
    .hint(format!("comuni upgrade {application} --to {release} does, with a proven backup and a way back"))
    .hint(format!("somebody may be at it: comuni upgrade {application} --plan says who, or whose upgrade was cut off"))
    .hint("or let the members' files say the release that runs; `--member` applies the others"))
}
