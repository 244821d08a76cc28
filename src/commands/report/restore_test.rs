//! `comuni report restore-test`: the record of restore tests of each body, in Italian, from the evidence.

use super::super::inventory::read;
use super::super::past;
use super::{maker, written};
use crate::backup::ladder::Verification;
use crate::cli::{Global, RestoreTestReport, Way};
use crate::evidence::documents::restore_test::{Scope, Subject, document};
use crate::evidence::documents::{Document, page};
use crate::failure::{Failure, Kind, Result};
use crate::inventory::names::tenant_id;
use crate::inventory::{Body, Inventory, select};
use crate::report::json::Object;
use crate::report::Out;

/// Records of each chain that are read: more than a quarter of a year of a province.
const NEWEST: u32 = 5000;

/// # Errors
/// Exit 4 when the evidence is broken, which the document says too; 1 when the control host cannot be reached.
pub(super) fn run(global: &Global, what: &RestoreTestReport, out: &Out) -> Result<()> {
    let RestoreTestReport { members, month, html, way } = what;
    let inventory = read(global, out)?.inventory;
    let chosen = select::members(&inventory, members)?;
    let month = month.as_deref().map(checked).transpose()?;
    let (found, problems, broken) = proven(&inventory, way, out)?;
    let bodies = chosen.iter().map(|slug| &inventory.members[slug]).filter(|body| !body.tenants.is_empty());
    let documents: Vec<Document> =
        bodies.map(|body| document(&scope(&inventory, body, month.clone(), &problems), &found)).collect();
    if documents.is_empty() {
        return Err(
            Failure::usage("these members have no tenant").hint("`comuni show member NAME` tells what a member runs")
        );
    }
    let texts: Vec<String> = documents.iter().map(Document::text).collect();
    out.text(&texts.join("\n\n"));
    if let Some(path) = html {
        written(path, page(&documents).as_bytes())?;
        out.remark(&format!("{} can be printed", path.display()));
    }
    for document in documents {
        out.object(&Object::Document(document));
    }
    if broken {
        return Err(Failure::new(
            Kind::Damage,
            "the chain of evidence is broken: somebody changed a record; the document says so",
        )
        .hint("compare with a backup of the control host; the lines after the first broken one prove nothing"));
    }
    Ok(())
}

/// `2026-11`.
fn checked(month: &str) -> Result<String> {
    let plain = month.len() == 7 && format!("{month}-01").parse::<jiff::civil::Date>().is_ok();
    if plain {
        return Ok(month.to_string());
    }
    Err(Failure::usage(format!("`{month}` is no month")).hint("write it as 2026-11"))
}

/// All that was proven, the oldest first, and what stands against believing it.
fn proven(inventory: &Inventory, way: &Way, out: &Out) -> Result<(Vec<Verification>, Vec<String>, bool)> {
    let evidence = past::evidence(inventory, "report", NEWEST, way, out)?;
    let broken = !evidence.broken.is_empty();
    let mut problems: Vec<String> = evidence
        .broken
        .iter()
        .map(|at| {
            format!(
                "il registro delle prove è stato alterato o interrotto ({at}): quanto segue quel punto non prova nulla"
            )
        })
        .collect();
    let history = past::history(inventory, evidence)?;
    let waiting =
        history.lines.iter().filter(|line| line.writer.is_none() && line.record.verification.is_some()).count();
    if waiting > 0 {
        problems.push(format!(
            "{waiting} prove non sono ancora nel registro dell'host di controllo, ma solo su questa macchina"
        ));
    }
    let found = history.lines.into_iter().filter_map(|line| line.record.verification.map(|found| *found)).collect();
    Ok((found, problems, broken))
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
