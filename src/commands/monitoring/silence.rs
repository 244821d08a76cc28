//! `comuni monitoring silence`: mutes exactly the tenants that are named, for a while, or lifts that.

use std::collections::{BTreeMap, BTreeSet};

use super::watchers;
use crate::cli::{Global, Silencing};
use crate::commands::inventory::read;
use crate::commands::procedure::{Procedure, Subject};
use crate::evidence::clock::local_time;
use crate::failure::{Failure, Kind, Result};
use crate::inventory::diagnostics::counted;
use crate::inventory::names::tenant_id;
use crate::inventory::{Inventory, select};
use crate::protocol::{Act, Acted};
use crate::report::Out;

/// # Errors
/// Exit 3 when not all could be done, 1 when none, 6 when that is because somebody holds the tenants.
pub(super) fn run(global: &Global, options: &Silencing, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let (_, hosts) = watchers(&inventory)?;
    if options.reason.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
        return Err(Failure::usage("a silence has a reason").hint("--reason \"ticket 4711: new certificate\""));
    }
    let tenants = chosen(&inventory, options)?;
    let owners: BTreeSet<String> = tenants.keys().map(|subject| subject.owner.clone()).collect();
    let verb = if options.lift { "monitoring unsilence" } else { "monitoring silence" };
    let mut procedure = Procedure::begin(&inventory, &options.way, verb, owners, &hosts, out)?;
    let mut kinds = Vec::new();
    for (subject, application) in &tenants {
        let result = hosts.iter().try_for_each(|host| one(&mut procedure, host, subject, application, options));
        procedure.ended(subject, &result);
        procedure.release(hosts.iter().copied(), subject);
        kinds.extend(result.err().map(|failure| failure.kind));
    }
    let done = tenants.len() - kinds.len();
    let kind = match Kind::worst(kinds) {
        Some(_) if done > 0 => Some(Kind::Partial),
        kind => kind,
    };
    procedure.end(&inventory, kind, out)?;
    let word = if options.lift { "told again" } else { "muted" };
    out.text(&format!("{done} of {} {word}\n", counted(tenants.len(), "tenant")));
    // What failed was told above.
    kind.map_or(Ok(()), |kind| Err(Failure::new(kind, "")))
}

fn one(procedure: &mut Procedure, host: &str, subject: &Subject, application: &str, options: &Silencing) -> Result<()> {
    let application = application.to_string();
    let act = match (options.lasting, &options.reason) {
        (Some(seconds), Some(reason)) => Act::Silence { application, seconds, reason: reason.clone() },
        _ => Act::Unsilence { application, id: None },
    };
    match procedure.act(host, subject, act, Default::default())? {
        Acted::Silenced { id, until } => {
            procedure.changed(host, subject, format!("silence:{id}"));
            procedure.say(host, subject, &format!("muted until {} (silence {id})", local_time(until)));
            Ok(())
        }
        Acted::Lifted(ids) => {
            let words = if ids.is_empty() { "was not muted".to_string() } else { format!("lifted {}", ids.join(", ")) };
            ids.into_iter().for_each(|id| procedure.changed(host, subject, format!("silence:{id}")));
            procedure.say(host, subject, &words);
            Ok(())
        }
        other => Err(crate::commands::procedure::unexpected(host, &other).into()),
    }
}

/// The tenants that are named, with their applications.
fn chosen(inventory: &Inventory, options: &Silencing) -> Result<BTreeMap<Subject, String>> {
    let applications = select::applications(inventory, &options.applications)?;
    let members = select::members(inventory, &options.members)?;
    let mut tenants = BTreeMap::new();
    for body in members.iter().map(|slug| &inventory.members[slug]) {
        for name in body.tenants.keys().filter(|name| applications.contains(*name)) {
            let subject = Subject { tenant: tenant_id(&body.code, name), owner: body.code.clone() };
            tenants.insert(subject, name.clone());
        }
    }
    if tenants.is_empty() {
        return Err(Failure::usage("these members have no such tenant")
            .hint("`comuni show member NAME` tells what a member runs"));
    }
    Ok(tenants)
}
