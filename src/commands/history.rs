//! `comuni history`: past runs, from the chains of the control host and from the outbox.

use super::inventory::read;
use super::past;
use crate::cli::{Global, Way};
use crate::evidence::history::{Filter, HistoryLine};
use crate::evidence::{Who, clock};
use crate::failure::{Failure, Kind, Result};
use crate::fleet::Evidence;
use crate::inventory::select;
use crate::report::json::Object;
use crate::report::{Out, table};

/// Records of each chain that are read when nobody asked for so many: a year of nightly and daily runs.
const NEWEST: u32 = 2000;

/// # Errors
/// Exit 4 when a chain is broken, 1 when the control host cannot be reached; what is known is shown before.
pub(super) fn run(
    global: &Global,
    member: Option<&str>,
    last: u32,
    since: Option<&str>,
    way: &Way,
    out: &Out,
) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let member = member
        .map(|name| {
            select::one(&inventory, select::Noun::Member, name).map(|slug| inventory.members[&slug].code.clone())
        })
        .transpose()?;
    let since = since.map(|text| Filter::since(text, clock::now())).transpose()?;
    let read = past::evidence(&inventory, "history", NEWEST.max(last), way, out);
    let (evidence, unreachable) = match read {
        Ok(evidence) => (evidence, None),
        Err(failure) if failure.kind == Kind::Inventory => return Err(failure),
        Err(failure) => {
            (Evidence::default(), Some(failure.context("the evidence could not be read, this is only the outbox")))
        }
    };
    let broken = !evidence.broken.is_empty();
    let history =
        past::history(&inventory, evidence)?.filtered(&Filter { member, verb: None, since, last: Some(last as usize) });
    let mut rows = vec![
        ["WHEN", "VERB", "WHO", "EXIT", "FIXED", "FAILED", "PLANNED BY", "SIGNED OFF BY", "INVENTORY"]
            .map(String::from)
            .to_vec(),
    ];
    for line in &history.lines {
        rows.push(row(line));
        let value = serde_json::to_value(line).unwrap_or_default();
        out.object(&Object::Item { key: line.record.started.clone(), value, source: line.writer.clone() });
    }
    out.text(&table(&rows));
    for problem in &history.problems {
        out.remark(problem);
    }
    match unreachable {
        Some(failure) => Err(failure),
        None if broken => Err(Failure::new(Kind::Damage, "a chain of evidence is broken: somebody changed a record")
            .hint("compare with a backup of the control host; the lines after the first broken one prove nothing")),
        None => Ok(()),
    }
}

fn row(line: &HistoryLine) -> Vec<String> {
    let record = &line.record;
    let who = &record.operator;
    let key = who.fingerprint.as_deref().map(|key| format!(" {key}")).unwrap_or_default();
    let fixed: u32 = record.hosts.iter().map(|host| host.changed).sum();
    let inventory = format!(
        "{}{}",
        record.inventory.revision.chars().take(20).collect::<String>(),
        if record.inventory.dirty { " (dirty)" } else { "" }
    );
    vec![
        record.started.clone(),
        record.verb.clone(),
        format!("{}@{}{key}", who.user, who.machine),
        record.exit_code.map_or("killed".to_string(), |code| code.to_string()),
        fixed.to_string(),
        record.failures.len().to_string(),
        names(record.plan.iter().map(|plan| &plan.planner)),
        names(record.plan.iter().flat_map(|plan| &plan.sign_offs).map(|made| &made.who)),
        inventory,
    ]
}

fn names<'a>(people: impl Iterator<Item = &'a Who>) -> String {
    let names: Vec<String> = people.map(|who| format!("{}@{}", who.user, who.machine)).collect();
    if names.is_empty() { "-".to_string() } else { names.join(", ") }
}
