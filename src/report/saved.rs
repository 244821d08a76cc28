//! What stands above the changes of a saved plan: who made it, when, from what.

use jiff::Timestamp;

use super::out::visible;
use super::table;
use crate::catalog::HOST_OWNER;
use crate::evidence::{Who, clock};
use crate::saved::{Document, Plan, SignOff};

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
        ("For", selection(plan)),
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

fn selection(plan: &Plan) -> String {
    let chosen = &plan.selection;
    let mut parts = Vec::new();
    if !chosen.owners.is_empty() {
        let name = |owner: &String| match plan.members.get(owner) {
            _ if owner == HOST_OWNER => "the machines".to_string(),
            Some(name) => format!("{name} ({owner})"),
            None => owner.clone(),
        };
        parts.push(chosen.owners.iter().map(name).collect::<Vec<_>>().join(", "));
    }
    if !chosen.areas.is_empty() {
        let areas: Vec<String> = chosen.areas.iter().map(|area| format!("{area:?}").to_lowercase()).collect();
        parts.push(format!("areas {}", areas.join(", ")));
    }
    match chosen.hosts.is_empty() {
        false => parts.push(format!("hosts {}", chosen.hosts.join(", "))),
        true => parts.push(format!("all {} hosts", plan.hosts.len())),
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::json::Object;
    use super::super::tests::golden;
    use super::*;
    use crate::saved::{Cause, Moved, read};

    /// The file that `saved` keeps as its golden one, signed off by two.
    fn document() -> Document {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report/saved-plan.json");
        let mut document = read(&path).unwrap();
        let sign_off = |user: &str, at: &str| SignOff {
            who: Who { user: user.into(), machine: "ced2".into(), fingerprint: Some("SHA256:def".into()) },
            at: at.into(),
            signature: "-----BEGIN SSH SIGNATURE-----\n".into(),
        };
        document.sign_offs = vec![
            sign_off("bruno", "2026-11-26T08:00:00.000+01:00"),
            sign_off("carla", "2026-11-26T08:10:00.000+01:00"),
        ];
        document
    }

    #[test]
    fn the_head_of_a_saved_plan_says_who_when_from_what_and_for_what() {
        let now = "2026-11-26T09:00:00Z".parse().unwrap();
        let signed = saved_plan(&document(), now);
        let mut unsigned = document();
        unsigned.sign_offs.clear();
        unsigned.plan.older_inventory = true;
        unsigned.plan.inventory.dirty = false;
        unsigned.plan.selection.owners = vec!["c_e863".into(), "host".into()];
        unsigned.plan.selection.hosts = vec!["app1".into()];
        unsigned.plan.planner.user = "an\u{1b}[2Kna".into();
        golden("tests/golden/report/saved-plan.txt", &format!("{signed}\n{}", saved_plan(&unsigned, now)));
    }

    #[test]
    fn programs_read_the_same_and_what_moved() {
        let moved = Moved {
            host: Some("app1".into()),
            id: Some("file:/etc/motd".into()),
            cause: Cause::Host,
            what: "was correct when it was planned, now it differs (mode)".into(),
        };
        let all = Moved { host: None, id: None, cause: Cause::HostHalf, what: "is another one".into() };
        let objects = [Object::saved_plan(&document()), Object::moved(&moved), Object::moved(&all)];
        let lines: String = objects.iter().map(|object| serde_json::to_string(object).unwrap() + "\n").collect();
        assert!(!lines.contains("SIGNATURE"), "a signature is for the file: {lines}");
        golden("tests/golden/report/saved-plan.jsonl", &lines);
    }
}
