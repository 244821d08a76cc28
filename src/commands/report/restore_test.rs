//! `comuni report restore-test`: the record of restore tests of each body, in Italian, from the evidence.

use super::super::inventory::read;
use super::{handed_out, maker, testimony};
use crate::backup::ladder::Verification;
use crate::cli::{Global, RestoreTestReport};
use crate::evidence::documents::Document;
use crate::evidence::documents::restore_test::{Scope, Subject, document};
use crate::failure::{Failure, Result};
use crate::inventory::names::tenant_id;
use crate::inventory::{Body, Inventory, select};
use crate::report::Out;

/// # Errors
/// Exit 4 when the evidence is broken, which the document says too; 1 when the control host cannot be reached.
pub(super) fn run(global: &Global, what: &RestoreTestReport, out: &Out) -> Result<()> {
    let RestoreTestReport { members, month, html, way } = what;
    let inventory = read(global, out)?.inventory;
    let chosen = select::members(&inventory, members)?;
    let month = month.as_deref().map(checked).transpose()?;
    let testimony = testimony(&inventory, way, out)?;
    let found: Vec<Verification> =
        testimony.lines.iter().filter_map(|line| line.record.verification.as_deref().cloned()).collect();
    let bodies = chosen.iter().map(|slug| &inventory.members[slug]).filter(|body| !body.tenants.is_empty());
    let documents: Vec<Document> =
        bodies.map(|body| document(&scope(&inventory, body, month.clone(), &testimony.problems), &found)).collect();
    if documents.is_empty() {
        return Err(
            Failure::usage("these members have no tenant").hint("`comuni show member NAME` tells what a member runs")
        );
    }
    handed_out(documents, testimony.broken, html.as_deref(), out)
}

/// `2026-11`.
fn checked(month: &str) -> Result<String> {
    let plain = month.len() == 7 && format!("{month}-01").parse::<jiff::civil::Date>().is_ok();
    if plain {
        return Ok(month.to_string());
    }
    Err(Failure::usage(format!("`{month}` is no month")).hint("write it as 2026-11"))
}

fn scope(inventory: &Inventory, body: &Body, month: Option<String>, problems: &[String]) -> Scope {
    let tenants = body.tenants.values().map(|plan| Subject {
        tenant: tenant_id(&body.code, &plan.application),
        title: inventory.applications.get(&plan.application).map_or(plan.application.clone(), |of| of.title.clone()),
        rpo_hours: plan.tenant.backup.rpo_hours(),
    });
    Scope {
        body: body.member.full_name(),
        code: body.code.clone(),
        tenants: tenants.collect(),
        month,
        maker: maker(inventory),
        problems: problems.to_vec(),
    }
}
