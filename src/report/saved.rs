//! What stands above the changes of a saved plan: who made it, when, from what.

use jiff::Timestamp;

use super::out::visible;
use super::table;
use crate::evidence::{SelectionRecord, Who, clock};
use crate::saved::{Document, SignOff};

/// The head of a saved plan.
pub fn saved_plan(document: &Document, now: Timestamp) -> String {
    let plan = &document.plan;
    let age = clock::age(&plan.made, now).map(|age| format!(" ({age} ago)")).unwrap_or_default();
    let dirty = if plan.inventory.dirty { ", with changes that were not committed" } else { "" };
    let older = if plan.older_inventory { ", older than what the hosts had seen" } else { "" };
    let mut rows = vec![
        ("Saved plan", document.digest.clone()),
        ("Planned", format!("{}{age} by {}", plan.made, who(&plan.planner))),
        ("Inventory", format!("{}{dirty}{older}", plan.inventory.revision)),
        ("For", selection(&plan.selection, plan.hosts.len())),
    ];
    rows.extend(plan_sign_offs(document));
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(key, value)| vec![key.to_string(), visible(&value).into_owned()]).collect();
    table(&rows)
}

fn plan_sign_offs(document: &Document) -> Vec<(&'static str, String)> {
    if document.sign_offs.is_empty() {
        return vec![("Signed off", "by nobody".to_string())];
    }
    let row = |made: &SignOff| ("Signed off", format!("{} by {}", made.at, who(&made.who)));
    document.sign_offs.iter().map(row).collect()
}

/// A person as this machine knows them.
pub fn who(who: &Who) -> String {
    let key = who.fingerprint.as_deref().map(|key| format!(" with the key {key}")).unwrap_or_default();
    format!("{}@{}{key}", who.user, who.machine)
}

fn selection(chosen: &SelectionRecord, hosts: usize) -> String {
    let mut parts = Vec::new();
    if !chosen.owners.is_empty() {
        parts.push(format!("members {}", chosen.owners.join(", ")));
    }
    if !chosen.areas.is_empty() {
        let areas: Vec<String> = chosen.areas.iter().map(|area| format!("{area:?}").to_lowercase()).collect();
        parts.push(format!("areas {}", areas.join(", ")));
    }
    match chosen.hosts.is_empty() {
        false => parts.push(format!("hosts {}", chosen.hosts.join(", "))),
        true => parts.push(format!("all {hosts} hosts")),
    }
    parts.join("; ")
}
