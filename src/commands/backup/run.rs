//! `comuni backup run`: takes backups now.

use std::collections::BTreeMap;

use super::tenants::{Tenant, by_host, chosen, owners};
use crate::backup::run::{Ended, Run};
use crate::cli::{Global, Tenants, Way};
use crate::commands::inventory::read;
use crate::commands::procedure::Procedure;
use crate::failure::{Failure, Kind, Result};
use crate::inventory::diagnostics::counted;
use crate::protocol::{Act, Acted};
use crate::report::json::Object;
use crate::report::{Out, bytes, table};

/// # Errors
/// Exit 3 when not all are complete, 1 when none is, 6 when that is because somebody holds the tenants.
pub(super) fn run(global: &Global, wanted: &Tenants, way: &Way, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let tenants = chosen(&inventory, wanted)?;
    let hosts = by_host(&tenants);
    let asked = hosts.keys().map(String::as_str).collect();
    let mut procedure = Procedure::begin(&inventory, way, "backup run", owners(&tenants), &asked, out)?;
    let acts: BTreeMap<String, Vec<_>> = hosts
        .iter()
        .map(|(host, tenants)| {
            (host.clone(), tenants.iter().map(|tenant| (tenant.subject.clone(), Act::Backup)).collect())
        })
        .collect();
    let answers = procedure.everywhere(acts, said);
    let mut rows = vec![["TENANT", "HOST", "RESULT", "SIZE", "ADDED", "ROWS", "SECONDS"].map(String::from).to_vec()];
    let mut kinds = Vec::new();
    for tenant in &tenants {
        let answer = answers.get(&tenant.subject.tenant);
        let (row, kind, result) = judged(tenant, answer);
        if let Some(Ok(Acted::BackedUp(run))) = answer {
            out.object(&Object::BackupRun(run.as_ref().clone()));
        }
        rows.push(row);
        procedure.ended(&tenant.subject, &result);
        kinds.extend(kind);
    }
    let done = tenants.len() - kinds.len();
    let kind = Kind::of_many(kinds, done);
    procedure.end(&inventory, kind, out)?;
    out.text(&table(&rows));
    out.text(&format!("{done} of {} backed up\n", counted(tenants.len(), "tenant")));
    // What failed was told above.
    kind.map_or(Ok(()), |kind| Err(Failure::new(kind, "")))
}

/// One line for a step that is over.
fn said(acted: &Acted) -> Option<String> {
    let Acted::BackedUp(run) = acted else { return None };
    let seconds = (run.ended - run.began).max(1);
    let per_second = run.bytes / u64::try_from(seconds).unwrap_or(1);
    let (size, added) = (bytes(run.bytes), bytes(run.added));
    let notes = run.notes.iter().map(|note| format!("; {note}")).collect::<String>();
    Some(format!("backup {}: {size} in {seconds} s ({}/s), {added} new{notes}", run.state.word(), bytes(per_second)))
}

fn judged(tenant: &Tenant, answer: Option<&Result<Acted>>) -> (Vec<String>, Option<Kind>, Result<()>) {
    let row = |result: &str, rest: [String; 4]| {
        [tenant.subject.tenant.clone(), tenant.host.clone(), result.to_string()].into_iter().chain(rest).collect()
    };
    let nothing = || ["-", "-", "-", "-"].map(String::from);
    match answer {
        Some(Ok(Acted::BackedUp(run))) => {
            let seconds = (run.ended - run.began).to_string();
            let rest = match run.state {
                Ended::Complete | Ended::Partial => [bytes(run.bytes), bytes(run.added), run.rows.to_string(), seconds],
                _ => ["-".to_string(), "-".to_string(), "-".to_string(), seconds],
            };
            let result = verdict(run);
            let word = if run.shrunk.is_some() { "shrunk" } else { run.state.word() };
            (row(word, rest), result.as_ref().err().map(|failure| failure.kind), result)
        }
        Some(Ok(Acted::Busy(holder))) => {
            let failure = Failure::new(Kind::Busy, format!("busy: {}", crate::report::held(holder)))
                .hint("run the same command again when that has ended");
            (row("busy", nothing()), Some(Kind::Busy), Err(failure))
        }
        Some(Ok(Acted::Failed(words))) => {
            (row("failed", nothing()), Some(Kind::Operation), Err(Failure::operation(words.clone())))
        }
        Some(Err(failure)) => (row("lost", nothing()), Some(failure.kind), Err(failure.clone())),
        Some(Ok(_)) | None => {
            (row("failed", nothing()), Some(Kind::Operation), Err(Failure::operation("the host did not answer")))
        }
    }
}

/// What a run that came to its end means.
fn verdict(run: &Run) -> Result<()> {
    let kind = match run.state {
        Ended::Complete if run.shrunk.is_none() => return Ok(()),
        Ended::Complete | Ended::Partial => Kind::Partial,
        Ended::Busy => Kind::Busy,
        Ended::Interrupted if run.exit == Kind::Interrupted.exit_code() => Kind::Interrupted,
        Ended::Interrupted => Kind::Terminated,
        Ended::Failed => Kind::Operation,
    };
    let words: Vec<&str> = run.error.iter().chain(&run.shrunk).map(String::as_str).collect();
    Err(Failure::new(kind, format!("backup {}: {}", run.state.word(), words.join("\n"))))
}
