//! `comuni inventory --ansible`: the same machines, as Ansible reads them from a dynamic inventory.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::inventory::read;
use crate::cli::Global;
use crate::failure::{Failure, Result};
use crate::inventory::types::{Host, Sudo};
use crate::inventory::{Inventory, select};
use crate::report::Out;

/// Writes all hosts and groups, or what there is to say of one host. Nothing secret is in an inventory of Ansible.
///
/// # Errors
/// An invalid inventory (65), a host that is not there (64).
pub(super) fn run(global: &Global, host: Option<&str>, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let document = match host {
        Some(name) => {
            let name = select::one(&inventory, select::Noun::Host, name)?;
            variables(&inventory, &name, &inventory.hosts[&name])
        }
        None => list(&inventory),
    };
    let text = serde_json::to_string_pretty(&document).map_err(|error| Failure::operation(error.to_string()))?;
    out.document(&format!("{text}\n"));
    Ok(())
}

fn list(inventory: &Inventory) -> Value {
    let mut groups: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (name, host) in &inventory.hosts {
        for role in &host.roles {
            groups.entry(format!("role_{}", word(role))).or_default().insert(name);
        }
        for slug in carried(inventory, name) {
            groups.entry(format!("member_{}", slug.replace('-', "_"))).or_default().insert(name);
        }
    }
    let variables = inventory.hosts.iter().map(|(name, host)| (name.clone(), variables(inventory, name, host)));
    let mut document = json!({
        "_meta": { "hostvars": variables.collect::<serde_json::Map<_, _>>() },
        "all": { "hosts": inventory.hosts.keys().collect::<Vec<_>>(), "children": groups.keys().collect::<Vec<_>>() },
    });
    for (group, hosts) in &groups {
        document[group] = json!({ "hosts": hosts });
    }
    document
}

fn variables(inventory: &Inventory, name: &str, host: &Host) -> Value {
    let mut variables = json!({
        "ansible_host": host.address,
        "ansible_port": host.port,
        "ansible_user": host.login.user,
        "ansible_become": host.login.sudo != Sudo::No,
        "comuni_roles": host.roles.iter().map(word).collect::<Vec<_>>(),
        "comuni_members": carried(inventory, name),
    });
    if let Some(key) = &host.host_key {
        variables["comuni_host_key"] = json!(key);
    }
    let way = way(inventory, host);
    if !way.is_empty() {
        variables["ansible_ssh_common_args"] = json!(format!("-o ProxyJump={}", way.join(",")));
    }
    variables
}

/// The jump hosts to a host as ssh reads them, the nearest to us first. Ansible connects to addresses, so names of
/// `~/.ssh/config` would say nothing to it.
fn way(inventory: &Inventory, host: &Host) -> Vec<String> {
    let mut way = Vec::new();
    let mut via = host.via.as_ref();
    // The inventory has no circles.
    while let Some(jump) = via.and_then(|name| inventory.hosts.get(name)) {
        let address = if jump.address.contains(':') { format!("[{}]", jump.address) } else { jump.address.clone() };
        way.insert(0, format!("{}@{address}:{}", jump.login.user, jump.port));
        via = jump.via.as_ref();
    }
    way
}

/// The members of which a host carries an application or a database.
fn carried<'a>(inventory: &'a Inventory, host: &str) -> Vec<&'a str> {
    let members = inventory
        .members
        .values()
        .filter(|body| body.tenants.values().any(|plan| plan.application_host == host || plan.database_host == host));
    members.map(|body| body.slug.as_str()).collect()
}

/// The word of a role in `hosts.yml`.
fn word(role: &crate::inventory::types::Role) -> String {
    match json!(role) {
        Value::String(word) => word,
        other => other.to_string(),
    }
}
