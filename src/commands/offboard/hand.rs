//! What lies beside the bundles: the zone, what was handed over, the sums, and the text that explains it all.

use std::path::Path;

use super::announce::DAY;
use super::bundles::{Bundles, sum, unwritten};
use crate::commands::{dns, survey};
use crate::disk;
use crate::evidence::clock;
use crate::evidence::documents::handover::{HandedZone, Handover};
use crate::failure::{Failure, Result};
use crate::inventory::diagnostics::counted;
use crate::inventory::{Body, Inventory, zones};

/// Writes all that is not a bundle; the last file is what makes the handover whole.
///
/// # Errors
/// When a bundle is missing, or a file cannot be written.
pub(super) fn over(inventory: &Inventory, body: &Body, bundles: &Bundles) -> Result<String> {
    let there = bundles.there(body)?;
    if let Some(missing) = body.tenants.keys().find(|application| !there.contains_key(*application)) {
        return Err(Failure::operation(format!("the bundle of {missing} is not in {}", bundles.folder.display()))
            .hint("run the same command again"));
    }
    let folder = &bundles.folder;
    let zone = zone(inventory, body, folder)?;
    let who = survey::operator();
    let made = clock::now().as_second();
    let handover = Handover {
        version: 1,
        member: body.member.full_name(),
        code: body.code.clone(),
        consortium: inventory.consortium.name.clone(),
        operator: format!("{}@{}", who.user, who.machine),
        tool: env!("CARGO_PKG_VERSION").to_string(),
        inventory: inventory.digest.clone(),
        made,
        kept_until: made + i64::from(inventory.consortium.leaving.keep_days) * DAY,
        bundles: there,
        zone,
    };
    let text = serde_json::to_vec_pretty(&handover)
        .map_err(|error| Failure::operation(format!("cannot encode what is handed over: {error}")))?;
    put(folder, "LEGGIMI.md", handover.text().as_bytes())?;
    put(folder, "consegna.json", &text)?;
    let mut names = vec!["LEGGIMI.md".to_string(), "consegna.json".to_string()];
    for bundle in handover.bundles.values() {
        names.extend([bundle.file.clone(), format!("{}.json", bundle.application)]);
    }
    names.extend(handover.zone.as_ref().map(|zone| zone.file.clone()));
    names.sort();
    let mut sums = String::new();
    for name in names {
        let sum = sum(&folder.join(&name))?;
        let sum = sum.ok_or_else(|| Failure::operation(format!("{name} is gone from {}", folder.display())))?;
        sums.push_str(&format!("{sum}  {name}\n"));
    }
    put(folder, "SHA256SUMS", sums.as_bytes())?;
    let until = clock::local_time(handover.kept_until);
    let ds = handover.zone.as_ref().map_or(String::new(), |zone| match zone.ds.as_slice() {
        [] => format!("; no DS of {} is known", zone.name),
        ds => format!("; the registry must withdraw the DS of {}: {}", zone.name, ds.join(", ")),
    });
    Ok(format!(
        "{} and its texts in {}; kept until {until}{ds}",
        counted(handover.bundles.len(), "bundle"),
        folder.display()
    ))
}

/// The zone as a file, with what must be done at the registry.
fn zone(inventory: &Inventory, body: &Body, folder: &Path) -> Result<Option<HandedZone>> {
    let Some(served) = zones::of(inventory, body) else { return Ok(None) };
    let name = served.zone.name.plain();
    let file = format!("dns/{name}.zone");
    disk::private_folder(&folder.join("dns")).map_err(|error| unwritten(&folder.join("dns"), &error))?;
    put(folder, &file, served.zone.to_file().as_bytes())?;
    let ttl = served.zone.records.iter().map(|record| record.ttl).max().unwrap_or_default();
    Ok(Some(HandedZone { name, file, ttl, ds: dns::ds_of(inventory, body)? }))
}

fn put(folder: &Path, name: &str, content: &[u8]) -> Result<()> {
    let path = folder.join(name);
    disk::replace(&path, content, 0o644).map_err(|error| unwritten(&path, &error))
}
