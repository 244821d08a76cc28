//! `comuni dns export`: a zone that we serve, as a zone file.

use std::path::Path;

use crate::cli::Global;
use crate::commands::inventory::read;
use crate::disk;
use crate::failure::{Failure, Result};
use crate::inventory::diagnostics::near;
use crate::inventory::zones::{self, Served};
use crate::inventory::{Inventory, select};
use crate::report::Out;
use crate::report::json::Object;

/// # Errors
/// Wrong usage (64) with near names when we serve no such zone.
pub(super) fn run(global: &Global, zone: &str, output: Option<&Path>, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let served = served(&inventory, zone)?;
    for line in served.zone.lines() {
        out.object(&Object::Item { key: served.zone.name.plain(), value: line.into(), source: None });
    }
    let text = served.zone.to_file();
    let Some(path) = output else {
        out.text(&text);
        return Ok(());
    };
    disk::replace(path, text.as_bytes(), 0o644)
        .map_err(|error| Failure::operation(format!("{}: {error}", path.display())))?;
    out.remark(&format!("{} records are in {}\n", served.zone.records.len(), path.display()));
    Ok(())
}

/// The zone of a name, or of a member.
fn served(inventory: &Inventory, word: &str) -> Result<Served> {
    let wanted = word.trim_end_matches('.').to_lowercase();
    let mut zones = inventory.members.values().filter_map(|body| zones::of(inventory, body));
    if let Some(served) = zones.find(|served| served.zone.name.plain() == wanted) {
        return Ok(served);
    }
    if let Ok(slug) = select::one(inventory, select::Noun::Member, word) {
        let body = &inventory.members[&slug];
        let none = || Failure::usage(format!("we serve no zone of {}", body.member.full_name()));
        return zones::of(inventory, body)
            .ok_or_else(|| none().hint(format!("`comuni dns records {slug}` has what those need who serve it")));
    }
    let names: Vec<String> =
        inventory.members.values().filter_map(|body| Some(zones::of(inventory, body)?.zone.name.plain())).collect();
    let failure = Failure::usage(format!("we serve no zone called {wanted}, and no member has this name"));
    Err(match near(&wanted, names.iter().map(String::as_str)).as_slice() {
        [] => failure.hint("`comuni validate -v` reads all members; a zone stands under `domain:`"),
        near => near.iter().fold(failure, |failure, name| failure.hint(format!("did you mean {name}?"))),
    })
}
