//! `comuni report upgrade`: the record of upgrades of each body, in Italian, from the evidence.

use std::collections::BTreeMap;

use super::super::inventory::read;
use super::{handed_out, maker, testimony};
use crate::cli::{Global, UpgradeReport};
use crate::evidence::documents::Document;
use crate::evidence::documents::upgrade::{Body, Scope, document};
use crate::evidence::{UpgradeRecord, clock};
use crate::failure::{Failure, Result};
use crate::inventory::select;
use crate::report::Out;

/// # Errors
/// Exit 4 when the evidence is broken, which the document says too; 1 when the control host cannot be reached; 64 when this is
/// no month.
pub(super) fn run(global: &Global, what: &UpgradeReport, out: &Out) -> Result<()> {
    let UpgradeReport { application, members, month, html, way } = what;
    let inventory = read(global, out)?.inventory;
    let application = application.as_ref().map(|name| select::one(&inventory, select::Noun::Application, name));
    let application = application.transpose()?;
    let chosen = select::members(&inventory, members)?;
    let span = month.as_deref().map(|month| clock::month(month, clock::now().as_second())).transpose()?;
    let testimony = testimony(&inventory, way, out)?;
    let all = testimony.lines.iter().filter_map(|line| line.record.upgrade.as_deref());
    let meant: Vec<&UpgradeRecord> = all
        .filter(|record| application.as_ref().is_none_or(|name| *name == record.application))
        .filter(|record| span.is_none_or(|(first, end)| (first..end).contains(&record.began)))
        .collect();
    let titles: BTreeMap<String, String> =
        inventory.applications.iter().map(|(name, application)| (name.clone(), application.title.clone())).collect();
    let bodies = chosen.iter().map(|slug| &inventory.members[slug]).filter(|body| !body.tenants.is_empty());
    let documents: Vec<Document> = bodies
        .map(|body| {
            let of_it = meant.iter().filter(|record| record.member == body.code).copied();
            let scope = Scope {
                body: Body { name: body.member.full_name(), code: body.code.clone(), titles: titles.clone() },
                period: month.clone().unwrap_or_else(|| "l'ultimo di ogni servizio".to_string()),
                problems: testimony.problems.clone(),
                maker: maker(&inventory),
            };
            document(&scope, &if span.is_some() { of_it.collect() } else { newest(of_it) })
        })
        .collect();
    if documents.is_empty() {
        return Err(
            Failure::usage("these members have no tenant").hint("`comuni show member NAME` tells what a member runs")
        );
    }
    handed_out(documents, testimony.broken, html.as_deref(), out)
}

/// The last one of each tenant, of those that come the oldest first.
fn newest<'r>(upgrades: impl Iterator<Item = &'r UpgradeRecord>) -> Vec<&'r UpgradeRecord> {
    let newest: BTreeMap<&str, &UpgradeRecord> = upgrades.map(|record| (record.tenant.as_str(), record)).collect();
    newest.into_values().collect()
}
