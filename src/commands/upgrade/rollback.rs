//! `comuni rollback`: one tenant back to the release that it had before its last upgrade.

use std::cmp::Ordering;

use super::look::{self, Found};
use super::target::Target;
use super::{begin, kept, tenants};
use crate::cli::{Global, Rollback};
use crate::commands::inventory::read;
use crate::evidence::{UpgradeEnding, UpgradeRecord, clock};
use crate::failure::{Failure, Kind, Result};
use crate::inventory::{Inventory, select, version};
use crate::report::json::Object;
use crate::report::{Out, agreement, typed};
use crate::rollout::{Path, path};
use crate::upgrade::Note;

/// # Errors
/// Exit 1 when it failed and the tenant is as before; 5 when no upgrade of it is recorded; 6 when somebody else is at it; 64
/// without consent.
pub(in crate::commands) fn run(global: &Global, options: &Rollback, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let application = select::one(&inventory, select::Noun::Application, &options.application)?;
    let slug = select::one(&inventory, select::Noun::Member, &options.member)?;
    let _lock = kept::only_one(&inventory, &application)?;
    let tenants = tenants(&inventory, &application, std::slice::from_ref(&slug))?;
    let Some(tenant) = tenants.first() else {
        return Err(Failure::usage(format!("{slug} is leaving: its tenants stand still")));
    };
    let store = crate::commands::secrets::open(&inventory, &options.way.identity)?;
    let mut begun = begin(&inventory, &store, "rollback", &tenants, &options.way, out)?;
    let found = look::all(&mut begun.run.procedure, &tenants, out).remove(&tenant.subject.tenant);
    let found = found.unwrap_or_else(|| Err(Failure::operation("the host did not answer")));
    let agreed = found.and_then(|found| {
        let way = way(&inventory, tenant, &slug, found, &begun.upgrades)?;
        agree(&way, options.yes, out).map(|()| way)
    });
    let way = match agreed {
        Ok(way) => way,
        Err(failure) => {
            begun.run.procedure.end(&inventory, Some(failure.kind), out)?;
            return Err(failure);
        }
    };
    let (record, result) = begun.run.walked(&way.target, |walk| match &way.how {
        How::Code => walk.urgent().whole(),
        How::Data(snapshot) => walk.urgent().with_data(snapshot.clone()).whole(),
        How::CutOff(note) => walk.resume(note),
    });
    let result = result.and_then(|()| way.is_there(&record));
    begun.run.procedure.ended(&tenant.subject, &result);
    out.object(&Object::Upgrade(record.clone()));
    let kind = result.err().map(|failure| failure.kind);
    let body = super::target::body(&inventory, &tenant.subject.owner)?;
    begun.run.procedure.upgraded(&inventory, body, &tenant.host, &record, kind, out)?;
    begun.run.procedure.end(&inventory, kind, out)?;
    if kind.is_none() {
        out.text(&format!("{} runs {} again\n", way.target.name(), way.target.to));
    }
    // What failed was told above.
    kind.map_or(Ok(()), |kind| Err(Failure::new(kind, "")))
}

/// How a tenant goes back.
struct Way {
    target: Target,
    how: How,
    /// When its last upgrade was over.
    since: i64,
}

enum How {
    /// The code alone.
    Code,
    /// With its data as they were in this snapshot.
    Data(String),
    /// A way back that was cut off is brought to an end.
    CutOff(Box<Note>),
}

impl Way {
    /// One that was cut off early is back where it came from.
    fn is_there(&self, record: &UpgradeRecord) -> Result<()> {
        if record.ending == UpgradeEnding::Done {
            return Ok(());
        }
        let (name, from, to) = (self.target.name(), &self.target.from, &self.target.to);
        Err(Failure::operation(format!("{name} runs {from} as before: its way back to {to} was cut off"))
            .hint("the same command again begins anew"))
    }
}

fn way(
    inventory: &Inventory,
    tenant: &crate::commands::backup::tenants::Tenant,
    slug: &str,
    found: Found,
    upgrades: &[UpgradeRecord],
) -> Result<Way> {
    let name = &tenant.subject.tenant;
    let target = |from: String, to: String, reversible: bool| {
        let (tenant, slug) = (tenant.clone(), slug.to_string());
        Target { tenant, slug, from, path: Path { releases: vec![to.clone()], reversible }, to }
    };
    if let Some(note) = found.note {
        if !note.back {
            return Err(Failure::operation(note.words(name)));
        }
        let target = target(note.from.clone(), note.to.clone(), false);
        return Ok(Way { target, since: note.began, how: How::CutOff(Box::new(note)) });
    }
    let runs = found.release.unwrap_or_default();
    let done = |record: &&UpgradeRecord| {
        let well = matches!(record.ending, UpgradeEnding::Done | UpgradeEnding::DoneWithFaults);
        // Not what an earlier way back came from.
        let forward = version::compare(&record.from, &record.to) == Ordering::Less;
        record.tenant == *name && record.to == runs && well && forward && record.opened.is_some()
    };
    let last = upgrades.iter().rev().find(done).ok_or_else(|| {
        Failure::new(
            Kind::Stale,
            format!("no upgrade of {name} to {runs} is recorded, so nobody knows where it came from"),
        )
        .hint("comuni backup restore TENANT --in-place brings data back; the release stands in the member's file")
    })?;
    let application = inventory
        .applications
        .get(&tenant.application)
        .ok_or_else(|| Failure::usage(format!("the catalogue has no application {}", tenant.application)))?;
    let forward = path(&tenant.application, application, &last.from, &runs)
        .unwrap_or(Path { releases: vec![runs.clone()], reversible: false });
    let reversible = forward.reversible;
    let how = match (reversible, &last.snapshot) {
        (true, _) => How::Code,
        (false, Some(snapshot)) => How::Data(snapshot.clone()),
        (false, None) => {
            return Err(Failure::new(Kind::Stale, format!("of {name} no snapshot before its upgrade is recorded")));
        }
    };
    let target = target(runs, last.from.clone(), reversible);
    Ok(Way { target, how, since: last.opened.unwrap_or(last.ended) })
}

fn agree(way: &Way, yes: bool, out: &Out) -> Result<()> {
    let (name, from, to) = (way.target.name(), &way.target.from, &way.target.to);
    let since = clock::local_time(way.since);
    let (question, lost) = match &way.how {
        How::CutOff(note) => {
            (format!("{name} was on its way back from {from} to {to} ({}): that is brought to an end.", note.by), false)
        }
        How::Code => {
            (format!("{name} goes back from {from} to {to}. Its data stay: nothing that was written is lost."), false)
        }
        How::Data(snapshot) => (
            format!(
                "{name} goes back from {from} to {to}, and {to} does not work on the data of {from}.\n\
                 ALL THAT WAS WRITTEN SINCE {since} IS LOST TO IT: database and files become what they were in the snapshot {}.\n\
                 What is there now is kept beside for a while.",
                snapshot.get(..8).unwrap_or(snapshot)
            ),
            true,
        ),
    };
    out.text(&format!("{question}\n"));
    if yes {
        return Ok(());
    }
    let remedy = "read what would be lost, then say --yes";
    let agreed = match lost {
        true => typed(out, "", name, "what was written is to be thrown away", remedy)?,
        false => agreement(out, "Go back?", "a tenant is to go back", remedy)?,
    };
    if agreed {
        return Ok(());
    }
    Err(Failure::usage("not gone back: it was not confirmed").hint("nothing was changed"))
}
