//! What will happen, before anything does.

use std::path::Path;

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
