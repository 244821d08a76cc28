//! How a verification is told: a table, the reasons of what is not well, and objects.

use std::collections::BTreeMap;

use crate::backup::ladder::{Check, Level, Outcome, Rung, Verification};
use crate::commands::backup::tenants::Tenant;
use crate::evidence::clock::local_time;
use crate::failure::Failure;
use crate::inventory::diagnostics::counted;
use crate::report::json::Object;
use crate::report::{Out, ago, table};

/// One line when a tenant is done.
pub(super) fn line(found: &Verification) -> String {
    let reached = found.reached.map_or("nothing", Level::name);
    match found.reason() {
        Some((rung, check)) if found.outcome.kind().is_some() => {
            let words = check.found.as_deref().unwrap_or_default();
            format!("{} at {} ({}): {words}", found.outcome.word(), rung.level, check.what)
        }
        _ => format!(
            "{reached} passed in {}",
            seconds(u64::try_from(found.ended - found.began).unwrap_or_default() * 1000)
        ),
    }
}

/// All of it. With `nothing` only objects.
pub(super) fn tell(
    tenants: &[Tenant],
    found: &BTreeMap<String, Verification>,
    refused: &BTreeMap<String, Failure>,
    nothing: bool,
    out: &Out,
) {
    for verification in found.values() {
        out.object(&Object::BackupVerification(verification.clone()));
    }
    if nothing {
        return;
    }
    let heads = ["TENANT", "BACKUP OF", "AGE", "REACHED", "RESULT", "RTO", "ROWS", "FILES"];
    let mut rows = vec![heads.map(String::from).to_vec()];
    for tenant in tenants {
        let id = &tenant.subject.tenant;
        rows.push(match (found.get(id), refused.get(id)) {
            (Some(verification), _) => row(verification),
            (None, Some(failure)) => vec![
                id.clone(),
                dash(),
                dash(),
                dash(),
                format!("not done (exit {})", failure.kind.exit_code()),
                dash(),
                dash(),
                dash(),
            ],
            (None, None) => vec![id.clone(), dash(), dash(), dash(), "not done".to_string(), dash(), dash(), dash()],
        });
    }
    out.text(&table(&rows));
    for verification in found.values().filter(|found| found.outcome.kind().is_some()) {
        out.text(&reasons(verification));
    }
    if out.is_verbose() {
        for verification in found.values() {
            out.text(&every_check(verification));
        }
    }
    for verification in found.values() {
        for note in verification.notes.iter().chain(&verification.swept) {
            out.remark(&format!("{}: {note}", verification.tenant));
        }
    }
    let well = found.values().filter(|found| found.outcome == Outcome::Pass).count();
    out.text(&format!("{well} of {} proven\n", counted(tenants.len(), "tenant")));
}

fn row(found: &Verification) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(dash);
    vec![
        found.tenant.clone(),
        or_dash(found.taken.map(local_time)),
        or_dash(found.age_seconds.map(ago)),
        or_dash(found.reached.map(|level| format!("{level} {}", level.word()))),
        found.outcome.word().to_string(),
        or_dash(found.rto_milliseconds.map(seconds)),
        or_dash(found.rows.map(|count| count.to_string())),
        or_dash(found.files.map(|count| count.to_string())),
    ]
}

fn dash() -> String {
    "-".to_string()
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

/// What is not well, in the words of who saw it.
fn reasons(found: &Verification) -> String {
    let mut text = format!("\n{}: {}\n", found.tenant, found.outcome.word());
    for rung in &found.rungs {
        let wrong = rung.checks.iter().filter(|check| check.outcome.kind().is_some());
        wrong.for_each(|check| text.push_str(&told(rung, check)));
    }
    text + "\n"
}

fn every_check(found: &Verification) -> String {
    let mut text = format!("\n{}, snapshot {}\n", found.tenant, found.snapshot.as_deref().unwrap_or("none"));
    for rung in &found.rungs {
        rung.checks.iter().for_each(|check| text.push_str(&told(rung, check)));
    }
    text
}

fn told(rung: &Rung, check: &Check) -> String {
    let mut text = format!("  {} {}: {}", rung.level, check.what, check.outcome.word());
    if let Some(words) = &check.found {
        text.push_str(&format!(": {words}"));
    }
    if let Some(expected) = check.expected.as_ref().filter(|_| check.outcome != Outcome::Pass) {
        text.push_str(&format!("; it must be: {expected}"));
    }
    text.push('\n');
    for line in check.words.iter().filter(|_| check.outcome.kind().is_some()).flat_map(|words| words.lines()) {
        text.push_str(&format!("      {line}\n"));
    }
    text
}
