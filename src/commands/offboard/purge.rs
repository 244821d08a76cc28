//! The end of a membership: all that hosts and backups have of a member that got its data, and is kept no longer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::announce::DAY;
use super::{announce, files, record};
use crate::cli::{Allowance, Global, Offboard};
use crate::commands::inventory::read;
use crate::commands::procedure::{Procedure, Subject, unexpected};
use crate::commands::survey::{Scope, prepare};
use crate::commands::walk::{Walk, elapsed};
use crate::commands::{apply, past, zone_brake};
use crate::evidence::leaving::{self, Doubt};
use crate::evidence::{DeletionRecord, LeftRecord, clock};
use crate::failure::{Failure, Kind, Result};
use crate::inventory::diagnostics::counted;
use crate::inventory::names::tenant_id;
use crate::inventory::types::{Role, Status};
use crate::inventory::{Body, Inventory, select, zones};
use crate::protocol::{Act, Acted, Forget, Mode, Stays};
use crate::report::{Out, typed};
use crate::resources::SecretTable;

/// Records of each chain that are read: the handover is among them.
const NEWEST: u32 = 20_000;

/// # Errors
/// Exit 64 when it is not time, nothing was handed over, or the code was not typed; else what its step failed with.
pub(super) fn run(global: &Global, wanted: &Offboard, out: &Out) -> Result<()> {
    let began = Instant::now();
    let inventory = read(global, out)?.inventory;
    let slug = select::one(&inventory, select::Noun::Member, &wanted.name)?;
    let body = &inventory.members[&slug];
    let title = body.member.full_name();
    if body.member.membership.status != Status::Leaving {
        return Err(Failure::usage(format!("{title} is not leaving: nothing of it is deleted"))
            .hint(format!("comuni offboard {slug} --export DIR --recipient FILE hands over its data first")));
    }
    let handed = handed(&inventory, body, wanted, out)?;
    let until = handed.at + i64::from(inventory.consortium.leaving.keep_days) * DAY;
    if clock::now().as_second() < until && wanted.before_time.is_none() {
        return Err(Failure::usage(format!(
            "{title} got its data on {}: they are kept until {}",
            clock::local_time(handed.at),
            clock::local_time(until)
        ))
        .hint("when the body itself asks for it in writing: --before-time \"its letter of ...\", which is recorded"));
    }
    announce::purge(&inventory, body, &handed, until, out);
    agreed(wanted, body, &title, out)?;
    let mut walk = Walk::new("offboard purge", slug.clone(), title);
    let mut deletion = DeletionRecord {
        code: body.code.clone(),
        name: body.member.full_name(),
        handed_over: handed.id,
        handed_at: clock::local_time(handed.at),
        kept_until: clock::local_time(until),
        reason: wanted.before_time.clone(),
        resources: BTreeMap::new(),
        places: BTreeMap::new(),
        left: Vec::new(),
        searched: Some(inventory.hosts.keys().map(|host| (host.clone(), false)).collect()),
    };
    let result = steps(global, wanted, &inventory, body, &mut deletion, &mut walk, out);
    walk.deletion = Some(deletion);
    let recorded = record(global, &mut walk, &wanted.way, out);
    result.and(recorded)?;
    if walk.failed.is_none() {
        walk.step("inventory", out, || files::remove(&inventory, &slug, &body.code))?;
    }
    match walk.failed {
        None => {
            out.text(&format!("{} is deleted, in {}\n", walk.title, elapsed(began)));
            out.text(&format!("comuni report deletion {} writes the record of it\n", body.code));
            Ok(())
        }
        Some((step, failure)) => {
            out.remark(&format!("{}: {step}: {}", walk.title, failure.told()));
            out.remark("the same command goes on where this one stopped");
            // The lines above have said it all.
            Err(Failure::new(failure.kind, ""))
        }
    }
}

/// The handover that a deletion stands on.
pub(super) struct Handed {
    /// Of its record.
    pub(super) id: String,
    /// When, seconds since 1970-01-01T00:00:00Z.
    pub(super) at: i64,
}

/// # Errors
/// Exit 64 when there is none of this leaving: what was not handed over is not deleted.
fn handed(inventory: &Inventory, body: &Body, wanted: &Offboard, out: &Out) -> Result<Handed> {
    let evidence = past::evidence(inventory, "offboard purge", NEWEST, &wanted.way, out)?;
    if let Some(broken) = evidence.broken.first() {
        return Err(Failure::new(Kind::Damage, format!("the chain of evidence is broken: {broken}"))
            .hint("nothing is deleted on the word of records that somebody changed"));
    }
    let history = past::history(inventory, evidence)?;
    let title = body.member.full_name();
    let again = format!("comuni offboard {} --export DIR --recipient FILE hands over what there is now", body.slug);
    let Some(id) = &body.member.membership.handed_over else {
        return Err(Failure::usage(format!(
            "members/{}.yml names no handover (membership > handed_over): nothing of {title} is deleted",
            body.slug
        ))
        .hint(again));
    };
    match leaving::handover(&history.lines, &body.code, id) {
        Ok((record, ended)) => Ok(Handed { id: record.id.clone(), at: ended.as_second() }),
        Err(Doubt::None) => Err(Failure::usage(format!(
            "the evidence has no handover {id} to {title}, which members/{}.yml names: nothing of it is deleted",
            body.slug
        ))
        .hint(again)),
        Err(Doubt::Life(since)) => Err(Failure::usage(format!(
            "`{}` of {} (record {}) came after the handover {id} to {title}: there may be data that were not handed \
             over. Nothing of it is deleted",
            since.verb, since.started, since.id
        ))
        .hint(again)),
    }
}

/// Its code, typed.
fn agreed(wanted: &Offboard, body: &Body, title: &str, out: &Out) -> Result<()> {
    let is_right = match &wanted.code {
        Some(code) if wanted.yes => *code == body.code,
        Some(_) => return Err(Failure::usage("--code goes with --yes, for runs without a terminal")),
        None => {
            let question = format!("All of {title} will be deleted, here and in both copies of its backups.");
            let remedy = "read the text above, then run again with --code CODE --yes";
            typed(out, &question, &body.code, "a member is deleted", remedy)?
        }
    };
    if is_right { Ok(()) } else { Err(Failure::usage(format!("nothing was deleted: that is not the code of {title}"))) }
}

fn steps(
    global: &Global,
    wanted: &Offboard,
    inventory: &Inventory,
    body: &Body,
    deletion: &mut DeletionRecord,
    walk: &mut Walk,
    out: &Out,
) -> Result<()> {
    walk.step("delete", out, || deleted(global, wanted, inventory, body, &mut deletion.resources, out))?;
    walk.step("forget", out, || {
        forgotten(wanted, inventory, body, deletion, out)?;
        Ok(format!("{} that were made beside", counted(deletion.places.values().map(Vec::len).sum(), "place")))
    })?;
    walk.step("search", out, || {
        let (kept, strange): (Vec<&LeftRecord>, Vec<&LeftRecord>) =
            deletion.left.iter().partition(|left| left.why.is_some());
        if strange.is_empty() {
            return Ok(format!("nothing names it any more but {} that stay by law or end by themselves", kept.len()));
        }
        let places: Vec<String> = strange.iter().map(|left| format!("{}: {}", left.host, left.place)).collect();
        Err(Failure::new(Kind::Partial, format!("still names it:\n  {}", places.join("\n  ")))
            .hint("look at each, take away what is of it, and run the same command again"))
    })
}

/// All resources of it, as an apply takes away what nobody wants, and what holds data too.
fn deleted(
    global: &Global,
    wanted: &Offboard,
    inventory: &Inventory,
    body: &Body,
    resources: &mut BTreeMap<String, u32>,
    out: &Out,
) -> Result<String> {
    let began = Instant::now();
    let mut allow = vec![Allowance::Removals, Allowance::Changes];
    if let Some(served) = zones::of(inventory, body) {
        allow.push(Allowance::RrSet(format!("{}/SOA", served.zone.name.plain())));
    }
    let prepared = prepare(global, Scope::Purged(&body.slug), &wanted.way, out)?;
    let survey = prepared.ask(&wanted.way, Mode::Apply, &zone_brake::names(&allow), out)?;
    apply::taking(survey, "Delete all this?", true, &allow, resources, (began, out))?;
    Ok(format!("{} taken away", counted(resources.values().sum::<u32>() as usize, "resource")))
}

/// What was made beside the resources, on every host.
fn forgotten(
    wanted: &Offboard,
    inventory: &Inventory,
    body: &Body,
    deletion: &mut DeletionRecord,
    out: &Out,
) -> Result<()> {
    let hosts: BTreeSet<&str> = inventory.hosts.keys().map(String::as_str).collect();
    let owners = BTreeSet::from([body.code.clone()]);
    let mut procedure = Procedure::begin(inventory, &wanted.way, "offboard purge", owners, &hosts, out)?;
    let subject = Subject { tenant: body.code.clone(), owner: body.code.clone() };
    let zone = zones::of(inventory, body).map(|served| served.zone.name.plain());
    let mut words = vec![body.code.clone(), body.code.replace('_', "-")];
    words.extend(zone.iter().cloned());
    words.extend(body.member.domain.iter().map(|domain| domain.zone.clone()));
    words.sort();
    words.dedup();
    let mut worst = None;
    let watchers = inventory.watchers();
    // Who watches comes last: what it forgets it would learn again of a host that still tells of it.
    let (last, first): (Vec<_>, Vec<_>) =
        inventory.hosts.iter().partition(|(name, _)| watchers.contains(name.as_str()));
    for (name, host) in first.into_iter().chain(last) {
        let task = Forget {
            code: body.code.clone(),
            // Also of an application that it had once.
            tenants: inventory.applications.keys().map(|application| tenant_id(&body.code, application)).collect(),
            zone: zone.clone().filter(|_| host.roles.contains(&Role::Dns)),
            watches: watchers.contains(name.as_str()),
            words: words.clone(),
        };
        let acted = procedure.act(name, &subject, Act::Forget(Box::new(task)), SecretTable::default());
        procedure.release([name.as_str()], &subject);
        let done = acted.map_err(Failure::from).and_then(|acted| match acted {
            Acted::Forgotten { gone, left: here } => {
                procedure.say(name, &subject, &format!("{} taken away, {} left", gone.len(), here.len()));
                gone.iter().for_each(|place| procedure.changed(name, &subject, format!("forgotten:{place}")));
                if !gone.is_empty() {
                    deletion.places.insert(name.clone(), gone);
                }
                deletion.searched.get_or_insert_default().insert(name.clone(), true);
                deletion.left.extend(here.into_iter().map(|left| LeftRecord {
                    host: name.clone(),
                    place: left.place,
                    why: left.why.map(Stays::word).map(str::to_string),
                }));
                Ok(())
            }
            other => Err(unexpected(name, &other).into()),
        });
        procedure.ended(&subject, &done);
        worst = worst.or(done.err());
    }
    procedure.end(inventory, worst.as_ref().map(|failure| failure.kind), out)?;
    worst.map_or(Ok(()), Err)
}
