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
    let mut upgrades = Vec::new();
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
                upgrades.push((
                    tenant.to_string(),
                    format!("comuni upgrade {} --to {}", release.application, release.release),
                ));
            }
        }
    }
    let Some((_, first)) = upgrades.first() else { return Ok(()) };
    let names: Vec<&str> = upgrades.iter().map(|(tenant, _)| tenant.as_str()).collect();
    Err(Failure::operation(format!(
        "an apply does not change the release of a tenant that has data: {}",
        names.join(", ")
    ))
    .hint(format!("{first} does, with a proven backup and a way back"))
    .hint("or let the members' files say the release that runs; `--member` applies the others"))
}
