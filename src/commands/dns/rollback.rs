//! `comuni dns rollback`: the version of a zone before its last change, by the way of every apply.

use std::sync::Arc;
use std::time::Instant;

use super::targets::targets;
use crate::catalog::Area;
use crate::cli::{Allowance, Global, Selectors, Way};
use crate::commands::inventory::read;
use crate::commands::survey::{Scope, connect, prepare};
use crate::commands::{apply, zone_brake};
use crate::compile::Compiled;
use crate::failure::{Failure, Result};
use crate::inventory::Inventory;
use crate::outside::Service;
use crate::protocol::Mode;
use crate::report::{Out, Progress};
use crate::resources::Resource;

/// # Errors
/// Wrong usage (64) when we serve no such zone; 1 when no earlier version is kept; else those of an apply.
pub(super) fn run(global: &Global, zone: &str, way: &Way, yes: bool, allow: &[Allowance], out: &Out) -> Result<()> {
    let began = Instant::now();
    let inventory = read(global, out)?.inventory;
    let target = targets(&inventory, &[], &[zone.to_string()])?.remove(0);
    let zone = target.zone();
    if target.wanted.service == Service::Others {
        return Err(Failure::usage(format!("{zone} is served by others")).hint("only they can bring it back"));
    }
    let primary = primary(&inventory)?;
    let former = former(&inventory, &primary, &zone, way, out)?;
    let selectors = Selectors {
        members: vec![target.wanted.owner],
        hosts: vec![primary],
        areas: vec![Area::Dns],
        ..Selectors::default()
    };
    let mut prepared = prepare(global, Scope::Selected(&selectors), way, out)?;
    put(&mut prepared.compiled, &zone, former)?;
    let survey = prepared.ask(way, Mode::Apply, &zone_brake::names(allow), out)?;
    if yes {
        // Without a question the changes would not be seen.
        out.text(&survey.plan().text(out));
    }
    apply::agreed(survey, "Bring back this version?", yes, allow, began, out)?;
    out.remark(&format!(
        "the inventory says otherwise still, and the next apply brings that: `comuni plan --area dns` shows the difference; \
         change the member file of {} until that plan shows none",
        target.member
    ));
    Ok(())
}

/// The host that keeps the versions.
fn primary(inventory: &Inventory) -> Result<String> {
    let primary = inventory.consortium.dns.as_ref().and_then(|dns| dns.servers.first()?.host.clone());
    primary.ok_or_else(|| {
        Failure::inventory("the first of the consortium's `dns.servers` is no host of ours: it keeps no version for us")
    })
}

/// Asks the primary for the version before the last change.
fn former(inventory: &Inventory, primary: &str, zone: &str, way: &Way, out: &Out) -> Result<Vec<String>> {
    let progress = Arc::new(Progress::new(out.clone(), "dns rollback", true));
    let sign = Arc::new(|_: &str, _| Err("nothing is signed here".to_string()));
    let fleet = connect(inventory, &[primary], way, &progress, sign, out)?;
    let former = fleet.read_previous_zone(primary, zone);
    fleet.end();
    progress.finish();
    former?.ok_or_else(|| {
        Failure::operation(format!("{primary} keeps no earlier version of {zone}: it was never changed there"))
            .hint("`git log` of the member's file has the earlier ones; apply brings what the inventory says")
    })
}

/// Puts the former records in the place of those that the inventory says.
fn put(compiled: &mut Compiled, name: &str, former: Vec<String>) -> Result<()> {
    let entries = compiled.catalogs.values_mut().flat_map(|catalog| &mut catalog.entries);
    let zone = entries.into_iter().find_map(|entry| match &mut entry.resource {
        Resource::Zone(zone) if zone.name == name => Some(zone),
        _ => None,
    });
    let zone = zone.ok_or_else(|| {
        Failure::inventory(format!("no playbook serves {name}")).hint("compare playbooks/dns.yml of the inventory")
    })?;
    zone.records = former;
    // Who goes back is in a hurry.
    zone.move_ttl = 0;
    Ok(())
}
