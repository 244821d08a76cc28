//! `comuni report`: documents for the bodies, in Italian.

mod activation;
mod compliance;
mod costs;
mod deletion;
mod restore_test;
mod upgrade;

use std::path::Path;

use super::past;
use super::survey::operator;
use crate::cli::{Global, Report, Way};
use crate::disk;
use crate::evidence::clock;
use crate::evidence::documents::{Document, Maker, page};
use crate::evidence::history::HistoryLine;
use crate::failure::{Failure, Kind, Result};
use crate::inventory::Inventory;
use crate::report::Out;
use crate::report::json::Object;

/// # Errors
/// As the document that was asked for says.
pub(super) fn run(global: &Global, what: &Report, out: &Out) -> Result<()> {
    match what {
        Report::RestoreTest(what) => restore_test::run(global, what, out),
        Report::Activation(what) => activation::run(global, what, out),
        Report::Compliance(what) => compliance::run(global, what, out),
        Report::Deletion(what) => deletion::run(global, what, out),
        Report::Costs(what) => costs::run(global, what, out),
        Report::Upgrade(what) => upgrade::run(global, what, out),
    }
}

pub(super) fn maker(inventory: &Inventory) -> Maker {
    let who = operator();
    Maker {
        made: clock::now().as_second(),
        operator: format!("{}@{}", who.user, who.machine),
        inventory: inventory.digest.clone(),
    }
}

fn written(path: &Path, content: &[u8]) -> Result<()> {
    disk::replace(path, content, 0o644)
        .map_err(|error| Failure::operation(format!("cannot write {}: {error}", path.display())))
}

/// What the evidence says, and what stands against believing it: one sentence each.
struct Testimony {
    lines: Vec<HistoryLine>,
    problems: Vec<String>,
    /// Somebody changed a record.
    broken: bool,
}

/// Records of each chain that are read: more than a quarter of a year of a province.
const NEWEST: u32 = 5000;

/// All that was done and proven, the oldest first.
///
/// # Errors
/// When the control host cannot be reached.
fn testimony(inventory: &Inventory, way: &Way, out: &Out) -> Result<Testimony> {
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
    Ok(Testimony { lines: history.lines, problems, broken })
}

/// Documents as text, as one page when it is wanted, and as objects.
///
/// # Errors
/// When the page cannot be written.
pub(super) fn printed(documents: Vec<Document>, html: Option<&Path>, out: &Out) -> Result<()> {
    let texts: Vec<String> = documents.iter().map(Document::text).collect();
    out.text(&texts.join("\n\n"));
    if let Some(path) = html {
        written(path, page(&documents).as_bytes())?;
        out.remark(&format!("{} can be printed", path.display()));
    }
    for document in documents {
        out.object(&Object::Document(document));
    }
    Ok(())
}

/// [`printed`], of documents that are made of evidence.
///
/// # Errors
/// Exit 4 when it is broken.
fn handed_out(documents: Vec<Document>, broken: bool, html: Option<&Path>, out: &Out) -> Result<()> {
    printed(documents, html, out)?;
    if broken {
        return Err(Failure::new(
            Kind::Damage,
            "the chain of evidence is broken: somebody changed a record; the document says so",
        )
        .hint("compare with a backup of the control host; the lines after the first broken one prove nothing"));
    }
    Ok(())
}
