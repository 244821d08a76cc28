//! `comuni offboard`: a member gets its data, proven by a restore, and its tenants stop. When the days are over for which
//! they are kept, all of it is deleted ([`purge`]).
//!
//! Every step looks at what is there first. So the same command goes on where an earlier one stopped, wherever that was.

mod announce;
mod bundles;
mod files;
mod hand;
mod purge;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::bundles::Bundles;
use super::inventory::read;
use super::walk::{Walk, elapsed};
use super::{apply, backup, monitoring, past};
use crate::backup::ladder::Level;
use crate::cli::{Allowance, Backup, Global, Offboard, Selectors, Tenants, Verify, Way};
use crate::disk;
use crate::evidence::leaving::{FIRST, HANDED};
use crate::evidence::{Outbox, clock};
use crate::failure::{Failure, Kind, Result};
use crate::inventory::types::Status;
use crate::inventory::{Body, Inventory, edit, select};
use crate::report::{Out, agreement};
use crate::secrets::PublicKey;

/// Prometheus has so long to forget what is stopped.
const FORGETS: Duration = Duration::from_secs(180);

/// # Errors
/// What its step failed with; 64 when the member or the key is not clear, or nobody agreed.
pub(super) fn run(global: &Global, wanted: &Offboard, out: &Out) -> Result<()> {
    let began = Instant::now();
    let (Some(export), Some(recipient)) = (&wanted.export, &wanted.recipient) else {
        return purge::run(global, wanted, out);
    };
    let inventory = read(global, out)?.inventory;
    let slug = select::one(&inventory, select::Noun::Member, &wanted.name)?;
    let body = &inventory.members[&slug];
    if inventory.consortium.backup.is_none() && !body.tenants.is_empty() {
        return Err(Failure::inventory(
            "an export is made of a backup, and the inventory does not say where those are kept",
        )
        .hint("add `backup: { repository: HOST, copy: HOST, at: \"01:00\" }` to consortium.yml"));
    }
    let key = PublicKey::of_file(recipient)?;
    let folder = folder(export, body)?;
    announce::export(&inventory, body, &folder, &key, out);
    if !wanted.yes {
        let question = format!("Hand over and stop {}?", body.member.full_name());
        if !agreement(out, &question, "somebody leaves", "read the text above, then run again with --yes")? {
            return Err(Failure::operation("nothing was done: the answer was not `yes`"));
        }
    }
    let mut walk = Walk::new("offboard", slug.clone(), body.member.full_name());
    let result = steps(global, wanted, Bundles { folder, key }, &mut walk, out);
    let recorded = record(global, &mut walk, &wanted.way, out);
    result.and(recorded)?;
    match walk.failed {
        None => {
            let place = export.join(&body.code);
            out.text(&format!("{} is handed over, in {}: {}\n", walk.title, elapsed(began), place.display()));
            Ok(())
        }
        Some((step, failure)) => {
            out.remark(&format!("{}: {step}: {}", walk.title, failure.told()));
            out.remark("nothing was deleted; the same command goes on where this one stopped");
            // The lines above have said it all.
            Err(Failure::new(failure.kind, ""))
        }
    }
}

/// The folder of this member, which nobody else may look into.
fn folder(export: &Path, body: &Body) -> Result<PathBuf> {
    let folder = export.join(&body.code);
    disk::private_folder(&folder)
        .map_err(|error| Failure::operation(format!("{} cannot be made: {error}", folder.display())))?;
    Ok(folder)
}

/// All steps. Its tenants are exported twice when they run: first as they are, so that nobody is stopped whose data cannot
/// be handed over, then as they were when they stopped, unless nothing has changed between.
fn steps(global: &Global, wanted: &Offboard, bundles: Bundles, walk: &mut Walk, out: &Out) -> Result<()> {
    let slug = walk.slug.clone();
    let fresh = || -> Result<Inventory> { Ok(read(global, out)?.inventory) };
    let inventory = fresh()?;
    let has_tenants = !inventory.members[&slug].tenants.is_empty();
    if has_tenants && inventory.members[&slug].member.membership.status != Status::Leaving {
        walk.step(FIRST, out, || saved(global, wanted, &slug, out))?;
        walk.step("export", out, || bundles.bring(&inventory, &slug, &wanted.way, out))?;
    }
    walk.step("stop", out, || stopped(global, wanted, &inventory, &slug, out))?;
    // The zone and what is watched are those of a member that is leaving.
    let inventory = if walk.failed.is_none() { fresh()? } else { inventory };
    if inventory.consortium.monitoring.is_some() {
        walk.step("monitoring", out, || {
            let seen = monitoring::sees(&inventory, &slug, &wanted.way, FORGETS, out)?;
            Ok(format!("nothing of it is asked any more but what the inventory still wants: {seen}"))
        })?;
    }
    if has_tenants {
        walk.step("last backup", out, || saved(global, wanted, &slug, out))?;
        walk.step("last export", out, || bundles.bring(&inventory, &slug, &wanted.way, out))?;
    }
    let id = walk.id()?;
    walk.step(HANDED, out, || {
        let said = hand::over(&inventory, &inventory.members[&slug], &bundles)?;
        // A deletion stands on exactly this handover, and on no other.
        edit::set_handed_over(&inventory.directory, &slug, &id)?;
        Ok(said)
    })
}

/// A backup of each tenant, proven to be restorable.
fn saved(global: &Global, wanted: &Offboard, slug: &str, out: &Out) -> Result<String> {
    let tenants = Tenants { members: vec![slug.to_string()], applications: Vec::new() };
    backup::run(global, &Backup::Run { tenants: tenants.clone(), way: wanted.way.clone() }, out)?;
    let options = Verify {
        all: false,
        tenants,
        level: Some(Level::L4),
        due: false,
        textfile: None,
        ping: None,
        quiet: false,
        escrow: None,
        accept_shrunk: false,
        wait: 120,
        schedule: false,
        way: wanted.way.clone(),
    };
    backup::run(global, &Backup::Verify(Box::new(options)), out)?;
    Ok("taken, and proven to L4".to_string())
}

/// Writes that the member is leaving, and brings that about: its tenants stop, their data stay.
fn stopped(global: &Global, wanted: &Offboard, inventory: &Inventory, slug: &str, out: &Out) -> Result<String> {
    let membership = &inventory.members[slug].member.membership;
    if membership.status != Status::Leaving {
        edit::set_status(&inventory.directory, slug, "leaving")?;
    }
    if membership.until.is_none() {
        edit::set_last_day(&inventory.directory, slug, &clock::today())?;
    }
    // Who agreed to all of it agreed to what goes. In its zone nothing does: TTLs become shorter, which no brake holds.
    let allow = [Allowance::Removals, Allowance::Changes];
    let selectors = Selectors { members: vec![slug.to_string()], ..Selectors::default() };
    apply::run(global, &selectors, &wanted.way, true, &allow, out)?;
    Ok("its tenants stand still, their data are kept".to_string())
}

/// One record of all steps, brought to the control host.
fn record(global: &Global, walk: &mut Walk, way: &Way, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let outbox = Outbox::of(&inventory, |name| std::env::var_os(name))?;
    outbox.put(&walk.record(&inventory)?)?;
    match past::deliver(&inventory, &outbox, "offboard", way, out) {
        Ok(()) => Ok(()),
        Err(failure) if matches!(failure.kind, Kind::Interrupted | Kind::Terminated) => Err(failure),
        Err(failure) => {
            out.remark(&format!("the record of this run waits in the outbox: {}", failure.message));
            Ok(())
        }
    }
}
