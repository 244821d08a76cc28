//! What the machines carry, and where there is room for one more.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::names;
use super::types::{Consortium, Host, Member, Placement, Role, Status};

/// What one host carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// Its tenants: `albo of malnate`.
    pub tenants: Vec<String>,
    /// The memory that they may use together, in MiB.
    pub memory_mib: u64,
}

/// What each host carries. A host with nothing is not there.
pub fn loads<'a>(
    members: impl Iterator<Item = (&'a str, &'a Member)>,
    consortium: &Consortium,
) -> BTreeMap<String, Load> {
    let mut loads = BTreeMap::new();
    for (slug, member) in members {
        add(&mut loads, slug, member, consortium);
    }
    loads
}

/// Puts a member's tenants on its hosts.
pub fn add(loads: &mut BTreeMap<String, Load>, slug: &str, member: &Member, consortium: &Consortium) {
    let Some(placement) = &member.placement else { return };
    for (name, tenant) in &member.applications {
        let title = format!("{name} of {slug}");
        if placement.database != placement.application {
            loads.entry(placement.database.clone()).or_default().tenants.push(title.clone());
        }
        let load = loads.entry(placement.application.clone()).or_default();
        load.tenants.push(title);
        // Who leaves is stopped: the data stay, the memory is free.
        if member.membership.status != Status::Leaving {
            load.memory_mib +=
                names::size(consortium, member, tenant).map_or(0, |(_, size)| u64::from(size.memory_mib));
        }
    }
}

/// The hosts for so many tenants that need so much memory (MiB) together: those with the largest part of them free, by
/// name among equals. `wanted` names hosts in their place, which must have room too.
///
/// # Errors
/// In words, when no host, or not the one that is wanted, has room.
pub fn place(
    hosts: &BTreeMap<String, Host>,
    loads: &BTreeMap<String, Load>,
    (tenants, memory_mib): (usize, u64),
    wanted: (Option<&str>, Option<&str>),
) -> Result<Placement, String> {
    let choose = |role: Role, word: &str, memory_mib: u64, wanted: Option<&str>| {
        let of_role = hosts
            .iter()
            .filter(|(name, host)| host.roles.contains(&role) && wanted.is_none_or(|wanted| wanted == name.as_str()));
        let mut free: Vec<(Reverse<u64>, &str)> = Vec::new();
        let mut full = Vec::new();
        for (name, host) in of_role {
            match left(host, loads.get(name), tenants, memory_mib) {
                Some(permille) => free.push((Reverse(permille), name)),
                None => full.push(name.as_str()),
            }
        }
        free.sort();
        match (free.first(), wanted) {
            (Some((_, name)), _) => Ok(name.to_string()),
            (None, _) if !full.is_empty() => Err(format!(
                "there is no room for {tenants} more tenants and {memory_mib} MiB on {}: buy a machine, raise its `capacity`, or name another host",
                full.join(", ")
            )),
            (None, Some(wanted)) => Err(format!("there is no host {wanted} with the role `{word}`")),
            (None, None) => Err(format!("no host has the role `{word}`")),
        }
    };
    Ok(Placement {
        application: choose(Role::Application, "application", memory_mib, wanted.0)?,
        // A database host has its memory for all its databases: tenants have no share of it.
        database: choose(Role::Database, "database", 0, wanted.1)?,
    })
}

/// The part of a host that is free once this is on it too, in a thousand; `None` when it does not fit.
fn left(host: &Host, load: Option<&Load>, tenants: usize, memory_mib: u64) -> Option<u64> {
    let (carried, used) = load.map_or((0, 0), |load| (load.tenants.len() as u64, load.memory_mib));
    let part = |most: Option<u32>, now: u64| match most.map(u64::from) {
        Some(most) => Some(most.checked_sub(now)? * 1000 / most.max(1)),
        None => Some(1000),
    };
    let capacity = host.capacity.as_ref();
    let by_tenants = part(capacity.and_then(|capacity| capacity.tenants), carried + tenants as u64)?;
    let by_memory = part(capacity.and_then(|capacity| capacity.memory_mib), used + memory_mib)?;
    Some(by_tenants.min(by_memory))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, role, and the most tenants and MiB.
    type Stated<'a> = (&'a str, Role, Option<(u32, u32)>);

    fn hosts(stated: &[Stated]) -> BTreeMap<String, Host> {
        let host = |(name, role, capacity): &Stated| {
            let capacity =
                capacity.map(|(tenants, memory)| serde_json::json!({ "tenants": tenants, "memory_mib": memory }));
            let host = serde_json::json!({ "address": "192.0.2.1", "roles": [role], "capacity": capacity });
            (name.to_string(), serde_json::from_value(host).unwrap())
        };
        stated.iter().map(host).collect()
    }

    fn load(tenants: usize, memory_mib: u64) -> Load {
        Load { tenants: vec!["x of y".to_string(); tenants], memory_mib }
    }

    #[test]
    fn the_host_with_the_largest_part_free_is_chosen_and_a_full_one_never() {
        let hosts = hosts(&[
            ("app1", Role::Application, Some((10, 4096))),
            ("app2", Role::Application, Some((10, 4096))),
            ("db1", Role::Database, None),
        ]);
        let chosen = |one: Load, other: Load, memory| {
            let loads = BTreeMap::from([("app1".to_string(), one), ("app2".to_string(), other)]);
            place(&hosts, &loads, (1, memory), (None, None)).map(|placement| placement.application)
        };
        assert_eq!(chosen(load(0, 0), load(0, 0), 256).unwrap(), "app1");
        assert_eq!(chosen(load(3, 512), load(2, 512), 256).unwrap(), "app2");
        // Few tenants, but hardly any memory.
        assert_eq!(chosen(load(1, 3800), load(5, 512), 256).unwrap(), "app2");
        let full = chosen(load(10, 0), load(1, 4000), 256).unwrap_err();
        assert!(full.contains("no room for 1 more tenants and 256 MiB on app1, app2"), "{full}");
    }

    #[test]
    fn a_host_that_is_named_must_have_the_role_and_the_room() {
        let hosts = hosts(&[("app1", Role::Application, Some((1, 1024))), ("db1", Role::Database, Some((60, 1)))]);
        let none = BTreeMap::new();
        assert_eq!(place(&hosts, &none, (1, 256), (Some("app1"), None)).unwrap().database, "db1");
        assert!(place(&hosts, &none, (1, 256), (Some("db1"), None)).unwrap_err().contains("there is no host db1 with"));
        let full = BTreeMap::from([("app1".to_string(), load(1, 256))]);
        assert!(place(&hosts, &full, (1, 256), (Some("app1"), None)).unwrap_err().contains("on app1"));
    }
}
