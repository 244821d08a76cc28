//! `comuni backup accept`: what became much smaller is right.

use std::collections::BTreeMap;

use super::tenants::{by_host, chosen, owners};
use crate::cli::{Global, Tenants, Way};
use crate::commands::inventory::read;
use crate::commands::procedure::Procedure;
use crate::failure::{Failure, Kind, Result};
use crate::inventory::diagnostics::counted;
use crate::protocol::{Act, Acted};
use crate::report::Out;

/// # Errors
/// Exit 64 without a selector: nobody accepts everything unseen. Otherwise as the hosts answer.
pub(super) fn run(global: &Global, wanted: &Tenants, way: &Way, out: &Out) -> Result<()> {
    if wanted.members.is_empty() {
        return Err(Failure::usage("say whose smaller backups are right").hint("comuni backup accept --member malnate"));
    }
    let inventory = read(global, out)?.inventory;
    let tenants = chosen(&inventory, wanted)?;
    let hosts = by_host(&tenants);
    let asked = hosts.keys().map(String::as_str).collect();
    let mut procedure = Procedure::begin(&inventory, way, "backup accept", owners(&tenants), &asked, out)?;
    let acts: BTreeMap<String, Vec<_>> = hosts
        .iter()
        .map(|(host, tenants)| {
            (host.clone(), tenants.iter().map(|tenant| (tenant.subject.clone(), Act::AcceptShrunk)).collect())
        })
        .collect();
    let answers =
        procedure.everywhere(acts, |_| Some("its newest backup is what later ones are compared with".to_string()));
    let mut kinds = Vec::new();
    for tenant in &tenants {
        let result = match answers.get(&tenant.subject.tenant) {
            Some(Ok(Acted::Done)) => Ok(()),
            Some(Ok(Acted::Busy(holder))) => Err(Failure::new(Kind::Busy, crate::report::held(holder))),
            Some(Ok(Acted::Failed(words))) => Err(Failure::operation(words.clone())),
            Some(Err(failure)) => Err(failure.clone()),
            _ => Err(Failure::operation("the host did not answer")),
        };
        procedure.ended(&tenant.subject, &result);
        kinds.extend(result.err().map(|failure| failure.kind));
    }
    let kind = Kind::worst(kinds);
    procedure.end(&inventory, kind, out)?;
    out.text(&format!("{} accepted\n", counted(tenants.len(), "tenant")));
    kind.map_or(Ok(()), |kind| Err(Failure::new(kind, "")))
}
