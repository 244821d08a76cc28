//! What will happen, before anything does.

use std::path::Path;

use super::purge::Handed;
use crate::evidence::clock;
use crate::inventory::names::tenant_id;
use crate::inventory::types::Status;
use crate::inventory::{Body, Inventory, zones};
use crate::report::Out;
use crate::secrets::PublicKey;

/// A day, in seconds.
pub(super) const DAY: i64 = 86_400;

/// Says what handing over does.
pub(super) fn export(inventory: &Inventory, body: &Body, folder: &Path, key: &PublicKey, out: &Out) {
    let leaving = &inventory.consortium.leaving;
    let mut text = format!("{} ({}) leaves:\n", body.member.full_name(), body.code);
    for plan in body.tenants.values() {
        text.push_str(&format!(
            "  {} {} on {}, its database on {}: backed up, exported, restored for proof, encrypted, stopped\n",
            tenant_id(&body.code, &plan.application),
            plan.tenant.release,
            plan.application_host,
            plan.database_host
        ));
    }
    if body.tenants.is_empty() {
        text.push_str("  it has no tenants\n");
    }
    if let Some(served) = zones::of(inventory, body) {
        text.push_str(&format!(
            "  the zone {}: exported, its TTLs at most {} s; it is served on until all is deleted\n",
            served.zone.name.plain(),
            leaving.ttl
        ));
    }
    if body.member.membership.status == Status::Leaving {
        text.push_str("  it is leaving already: this goes on\n");
    }
    let until = clock::local_time(clock::now().as_second() + i64::from(leaving.keep_days) * DAY);
    text.push_str(&format!(
        "  all of it encrypted to {}\n  in {}\nNothing is deleted: data and backups are kept for {} days, until {}.\n",
        key.text(),
        folder.display(),
        leaving.keep_days,
        until.get(..10).unwrap_or_default()
    ));
    out.text(&text);
}

/// Says what deleting does.
pub(super) fn purge(inventory: &Inventory, body: &Body, handed: &Handed, until: i64, out: &Out) {
    let mut text = format!(
        "{} ({}) got its data on {}; they had to be kept until {}.\nNow is DELETED, and nobody can bring it back:\n",
        body.member.full_name(),
        body.code,
        clock::local_time(handed.at),
        clock::local_time(until)
    );
    for plan in body.tenants.values() {
        text.push_str(&format!(
            "  {}: service, account, files on {}, database and roles on {}\n",
            tenant_id(&body.code, &plan.application),
            plan.application_host,
            plan.database_host
        ));
    }
    if let Some(backup) = &inventory.consortium.backup {
        let copy = backup.copy.as_ref().map_or(String::new(), |host| format!(" and the copy on {host}"));
        text.push_str(&format!("  its backups: the repository on {}{copy}\n", backup.repository));
    }
    if let Some(served) = zones::of(inventory, body) {
        text.push_str(&format!("  the zone {} on all name servers, with its keys\n", served.zone.name.plain()));
    }
    text.push_str(&format!(
        "  what was measured of it, members/{}.yml, its secrets\nRecords of what was done stay: the law has them kept for six months and more.\n",
        body.slug
    ));
    out.text(&text);
}
