//! From the inventory's backup policy to values.

use std::collections::BTreeSet;

use super::elements;
use super::values::{BackupPlaces, HostValues, KeyValues, MemberBackup, TenantBackup};
use crate::inventory::names::{COPY_KEY, backup_account, backup_home, backup_ssh_key, repository, repository_key};
use crate::inventory::types::Host;
use crate::inventory::{Body, Inventory, TenantPlan};

/// Where an application host has all that backups need.
const CONFIGURATION: &str = "/etc/comuni/backup";

/// Where and when backups are made, when they are and the hosts are known.
pub fn places(inventory: &Inventory) -> Option<BackupPlaces> {
    let backup = inventory.consortium.backup.as_ref()?;
    let host = |name: &str| inventory.hosts.get(name).map(|host| elements::host(inventory, name, host));
    let copy: Option<HostValues> = backup.copy.as_deref().and_then(host);
    Some(BackupPlaces {
        repository: host(&backup.repository)?,
        copy_key: key(backup.copy.as_deref().unwrap_or_default(), COPY_KEY),
        copy,
        at: backup.at.clone(),
        spread_minutes: backup.spread_minutes,
        prove_at: backup.prove_at(),
    })
}

fn key(host: &str, seed: &str) -> KeyValues {
    KeyValues { host: host.to_string(), private: format!("{seed}_private"), public: format!("{seed}_public") }
}

/// What a host is for backups.
pub fn part(inventory: &Inventory, host: &str) -> Option<String> {
    let backup = inventory.consortium.backup.as_ref()?;
    match host {
        _ if host == backup.repository => Some("repository".to_string()),
        _ if Some(host) == backup.copy.as_deref() => Some("copy".to_string()),
        _ => None,
    }
}

/// Its line in a known_hosts(5) file (sshd(8)): by the name it is called in our own ssh configurations.
pub fn known_hosts(host: &Host) -> Option<String> {
    let name = if host.port == 22 { host.address.clone() } else { format!("[{}]:{}", host.address, host.port) };
    match (&host.host_key, &host.host_ca) {
        (Some(key), _) => Some(format!("{name} {key}")),
        (None, Some(authority)) => Some(format!("@cert-authority {name} {}", authority.key)),
        (None, None) => None,
    }
}

/// The repository of a body.
pub fn member(inventory: &Inventory, body: &Body) -> Option<MemberBackup> {
    inventory.consortium.backup.as_ref()?;
    let hosts: BTreeSet<&str> = body.tenants.values().map(|plan| plan.application_host.as_str()).collect();
    Some(MemberBackup {
        account: backup_account(&body.code),
        home: backup_home(&body.code),
        repository: repository(&body.code),
        configuration: format!("{CONFIGURATION}/{}", body.code),
        key: repository_key(&body.code),
        keys: hosts.into_iter().map(|host| key(host, &backup_ssh_key(&body.code, host))).collect(),
    })
}

/// How the backups of a tenant are made.
pub fn tenant(inventory: &Inventory, id: &str, plan: &TenantPlan) -> Option<TenantBackup> {
    inventory.consortium.backup.as_ref()?;
    let policy = &plan.tenant.backup;
    Some(TenantBackup {
        unit: format!("comuni-backup-{id}.service"),
        timer: format!("comuni-backup-{id}.timer"),
        configuration: format!("{CONFIGURATION}/{id}.json"),
        rpo_hours: policy.rpo_hours(),
        keep_days: policy.keep_days(),
        within_minutes: policy.within_minutes(),
        shrink_percent: policy.shrink_percent(),
        changing_files: policy.changing_files(),
    })
}
