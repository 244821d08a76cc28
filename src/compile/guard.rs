//! What must hold for any playbook: nobody reaches into another's, and a secret stays where only its owner reads it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::catalog::{Entry, HOST_OWNER};
use crate::compile::parts::in_parts;
use crate::failure::{Failure, Result};
use crate::inventory::{Body, Inventory};
use crate::resources::Resource;

/// Checks the entries of all hosts.
///
/// # Errors
/// Exit 65, with all that is wrong and the step each comes from.
pub fn check(catalogs: &BTreeMap<String, Vec<Entry>>, inventory: &Inventory) -> Result<()> {
    let territories = territories(inventory);
    let hosts: Vec<(&String, &Vec<Entry>)> = catalogs.iter().collect();
    let found = in_parts(&hosts, |part| {
        let mut wrong = Vec::new();
        for (host, entries) in part {
            wrong.extend(duplicates(host, entries));
            for entry in *entries {
                wrong.extend(crossing(host, entry, &territories));
                wrong.extend(secrets(host, entry));
            }
        }
        wrong
    });
    let mut wrong = found.concat();
    wrong.dedup();
    if wrong.is_empty() { Ok(()) } else { Err(Failure::inventory(wrong.join("\n"))) }
}

fn origin(entry: &Entry) -> String {
    format!("{}:{} (play \"{}\", owner {})", entry.origin.playbook, entry.origin.line, entry.origin.play, entry.owner)
}

fn duplicates(host: &str, entries: &[Entry]) -> Vec<String> {
    let mut seen: BTreeMap<&str, &Entry> = BTreeMap::new();
    let mut wrong = Vec::new();
    for entry in entries {
        if let Some(first) = seen.insert(&entry.id, entry) {
            let (first, second) = (origin(first), origin(entry));
            wrong.push(format!("{} comes twice on host {host}: from {first} and from {second}", entry.id));
        }
    }
    wrong
}

/// The names and folders that follow from a tenant or member, with whose they are.
fn territories(inventory: &Inventory) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for Body { code, tenants, .. } in inventory.members.values() {
        names.insert(format!("/srv/comuni/{code}"), code.clone());
        for (folder, ending) in [("rules", "yml"), ("tests", "yml"), ("targets/members", "json")] {
            names.insert(format!("/etc/prometheus/comuni/{folder}/{code}.{ending}"), code.clone());
        }
        for application in tenants.keys() {
            let id = format!("{code}-{application}");
            let account = format!("{code}_{}", application.replace('-', "_"));
            let all = [
                format!("/etc/comuni/tenants/{id}"),
                format!("/run/comuni-{id}"),
                format!("/etc/nginx/comuni.d/{id}.conf"),
                format!("/etc/systemd/system/comuni-{id}.service"),
                format!("comuni-{id}.service"),
                format!("{account}_a"),
                format!("{account}_b"),
                account,
                id,
            ];
            names.extend(all.into_iter().map(|name| (name, code.clone())));
        }
    }
    names
}

/// Whether an entry claims a name or a place in a folder that is another member's. What a tenant's play makes is owned
/// by its member anyway; this catches a playbook that writes a path or name of its own making.
fn crossing(host: &str, entry: &Entry, territories: &BTreeMap<String, String>) -> Option<String> {
    let (_, name) = entry.id.split_once(':')?;
    let ancestors = name.match_indices('/').map(|(end, _)| &name[..end]).chain([name]);
    let (place, whose) = ancestors.filter_map(|part| territories.get_key_value(part)).next_back()?;
    (*whose != entry.owner).then(|| {
        format!("{} on host {host} belongs to {whose} (by `{place}`), but comes from {}", entry.id, origin(entry))
    })
}

/// Tokens stand only where they are replaced, in files that others cannot read, and only in their owner's resources.
fn secrets(host: &str, entry: &Entry) -> Vec<String> {
    let mut wrong = Vec::new();
    // Hardly any resource has one: its text is asked before it is taken apart.
    if serde_json::to_string(&entry.resource).is_ok_and(|text| !text.contains("secret://")) {
        return wrong;
    }
    let fields = serde_json::to_value(&entry.resource).unwrap_or_default();
    let fields = fields.as_object().into_iter().flat_map(|kind| kind.values()).filter_map(Value::as_object);
    for (field, value) in fields.flatten() {
        for token in tokens(value) {
            let place = format!("{} on host {host}, from {}", entry.id, origin(entry));
            let owner = token.split('/').nth(2).unwrap_or_default();
            let own = owner == entry.owner || entry.owner == HOST_OWNER && owner == "consortium";
            if !own {
                wrong.push(format!("the secret {token} is not {}'s to use: {place}", entry.owner));
            }
            match &entry.resource {
                Resource::File(file) if field == "content" => {
                    if file.mode & 0o007 != 0 {
                        wrong.push(format!(
                            "a file with a secret has mode {:04o}, which others can read: {place}",
                            file.mode
                        ));
                    }
                }
                Resource::PostgresRole(_) if field == "password" => {}
                _ => wrong.push(format!("the field `{field}` cannot hold a secret ({token}): {place}")),
            }
        }
    }
    wrong
}

/// All tokens in a value, at any depth.
fn tokens(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => text.match_indices("secret://").map(|(start, _)| token_at(text, start)).collect(),
        Value::Array(elements) => elements.iter().flat_map(tokens).collect(),
        Value::Object(fields) => fields.values().flat_map(tokens).collect(),
        _ => Vec::new(),
    }
}

fn token_at(text: &str, start: usize) -> &str {
    let rest = &text[start..];
    let part = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '/' | ':');
    &rest[..rest.find(|character| !part(character)).unwrap_or(rest.len())]
}
