//! `comuni onboard`: from a name to a member whose tenants answer, are backed up, restored for proof, and watched.
//!
//! Every step looks at what is there first. So the same command goes on where an earlier one stopped, wherever that was.

mod asked;
mod proof;
mod spreadsheet;

use std::collections::BTreeSet;
use std::time::Instant;

use self::asked::Who;
use super::inventory::read;
use super::survey::{Scope, prepare};
use super::walk::{self, Walk, elapsed};
use super::{apply, past, secrets};
use crate::catalog::Area;
use crate::cli::{Global, Onboard, Selectors};
use crate::disk;
use crate::evidence::Outbox;
use crate::failure::{Failure, Kind, Result};
use crate::inventory::diagnostics::counted;
use crate::inventory::newcomer::Newcomer;
use crate::inventory::{Inventory, edit};
use crate::protocol::Mode;
use crate::report::{Counts, Out, agreement, table};

/// # Errors
/// Exit 2 when nothing is open but what others must do; 3 when some bodies are active and others not; for one body what
/// its step failed with; 64 when a body or its wishes are not clear and nobody can be asked.
pub(super) fn run(global: &Global, wanted: &Onboard, out: &Out) -> Result<()> {
    let began = Instant::now();
    let inventory = read(global, out)?.inventory;
    let rows = asked::bodies(global, &inventory, wanted, out)?;
    let mut refused = Vec::new();
    let mut walks = Vec::new();
    let mut newcomers = Vec::new();
    let mut already = Vec::new();
    for (title, who) in rows {
        match who {
            Ok(Who::Active(slug)) => {
                out.text(&format!(
                    "{title} is a member already: `comuni apply --member {slug}` brings what is missing\n"
                ));
                already.push(slug);
            }
            Ok(Who::Joining(slug)) => walks.push(Walk::new("onboard", slug, title)),
            Ok(Who::New(newcomer)) => {
                walks.push(Walk::new("onboard", newcomer.slug.clone(), title));
                newcomers.push(*newcomer);
            }
            Err(failure) => refused.push((title, failure)),
        }
    }
    write(&inventory, &newcomers, wanted, out)?;
    let result = if walks.is_empty() { Ok(()) } else { together(global, wanted, &mut walks, out) };
    let records = record(global, &mut walks, wanted, out);
    told(&walks, &refused, &already, began, out);
    if result.is_ok() && !walks.is_empty() {
        machines(global, wanted, out);
    }
    result.and(records)?;
    over_all(&walks, refused, already.len())
}

/// The files of those who join: shown, agreed to, written.
fn write(inventory: &Inventory, newcomers: &[Newcomer], wanted: &Onboard, out: &Out) -> Result<()> {
    for newcomer in newcomers {
        out.text(&format!("members/{}.yml\n{}\n", newcomer.slug, indented(&newcomer.text)));
    }
    if newcomers.is_empty() {
        return Ok(());
    }
    if !wanted.yes {
        let question = format!("Write {} and go on?", counted(newcomers.len(), "file"));
        let agreed = agreement(out, &question, "somebody joins", "read the file above, then run again with --yes")?;
        if !agreed {
            return Err(Failure::operation("nothing was written: the answer was not `yes`"));
        }
    }
    let folder = inventory.directory.join("members");
    let failed = |error: std::io::Error| Failure::operation(format!("{} cannot be written: {error}", folder.display()));
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let path = |newcomer: &Newcomer| folder.join(format!("{}.yml", newcomer.slug));
    // Somebody else may have written it while the question waited.
    if let Some(there) = newcomers.iter().map(path).find(|path| path.symlink_metadata().is_ok()) {
        return Err(Failure::operation(format!("{} was written by somebody else meanwhile", there.display()))
            .hint("nothing was written; run the same command again, which goes on with what is there"));
    }
    for newcomer in newcomers {
        disk::replace(&path(newcomer), newcomer.text.as_bytes(), 0o644).map_err(failed)?;
    }
    Ok(())
}

/// All of them through all steps: secrets and the apply at once, the proofs one after the other.
fn together(global: &Global, wanted: &Onboard, walks: &mut [Walk], out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let all = |walks: &[Walk]| walks.iter().map(|walk| walk.slug.clone()).collect::<Vec<_>>();
    walk::heading("secrets", walks, out);
    let made = walk::timed(|| {
        let made = secrets::open(&inventory, &wanted.way.identity)?.make_missing(&inventory)?;
        Ok(match made.tokens.len() {
            0 => "all there".to_string(),
            count => format!("{} made", counted(count, "secret")),
        })
    });
    walks.iter_mut().for_each(|walk| walk.add("secrets", &made, out));
    walk::told("secrets", &made, out);
    made.1?;
    walk::heading("apply", walks, out);
    let applied = walk::timed(|| applied(global, all(walks), wanted, out));
    let stops = |failure: &Failure| {
        matches!(failure.kind, Kind::Usage | Kind::Inventory | Kind::Interrupted | Kind::Terminated)
    };
    match &applied.1 {
        // Who of them it was is found out one by one: for the others there is nothing left to do.
        Err(failure) if walks.len() > 1 && !stops(failure) => {
            for walk in walks.iter_mut() {
                let own = walk::timed(|| self::applied(global, vec![walk.slug.clone()], wanted, out));
                walk.add("apply", &own, out);
            }
        }
        _ => walks.iter_mut().for_each(|walk| walk.add("apply", &applied, out)),
    }
    walk::told("apply", &applied, out);
    if let Err(failure) = applied.1
        && stops(&failure)
    {
        return Err(failure);
    }
    // The secrets made above are part of it, and so is the authority.
    let inventory = read(global, out)?.inventory;
    for walk in walks.iter_mut().filter(|walk| walk.failed.is_none()) {
        proof::of(global, &inventory, wanted, walk, out)?;
        if walk.is_well() {
            let slug = walk.slug.clone();
            // Who is active has a record of it, also when this process is killed between the two.
            let proven = walk.record(&inventory)?;
            walk.step("active", out, || {
                Outbox::of(&inventory, |name| std::env::var_os(name))?.put(&proven)?;
                edit::set_status(&inventory.directory, &slug, "active")?;
                Ok("`joining` has become `active`".to_string())
            })?;
        }
    }
    Ok(())
}

fn applied(global: &Global, members: Vec<String>, wanted: &Onboard, out: &Out) -> Result<String> {
    let selectors = Selectors { members, ..Selectors::default() };
    apply::run(global, &selectors, &wanted.way, wanted.yes, &[], out)?;
    Ok("as the inventory says".to_string())
}

/// What the machines themselves need now that they carry more. It may restart what serves the others: it is told and not done.
fn machines(global: &Global, wanted: &Onboard, out: &Out) {
    let needs = || -> Result<Counts> {
        let selectors = Selectors { areas: vec![Area::Host], ..Selectors::default() };
        let prepared = prepare(global, Scope::Selected(&selectors), &wanted.way, out)?;
        let survey = prepared.ask(&wanted.way, Mode::Plan, &BTreeSet::new(), out)?;
        survey.progress.finish();
        let counts = survey.plan().counts();
        survey.fleet.end();
        Ok(counts)
    };
    match needs() {
        Ok(counts) if counts.pending() => out.remark(&format!(
            "\nthe machines need {} now that they carry more: `comuni plan --area host` shows it, `comuni apply --area host` \
             brings it; what it restarts is down for a moment for everybody on it",
            counted(counts.fixes() as usize, "change")
        )),
        Ok(_) => {}
        Err(failure) => out.remark(&format!(
            "\nwhat the machines need now could not be found out: {}\nhint: comuni plan --area host",
            failure.told()
        )),
    }
}

/// One record for each body, brought to the control host.
fn record(global: &Global, walks: &mut [Walk], wanted: &Onboard, out: &Out) -> Result<()> {
    if walks.is_empty() {
        return Ok(());
    }
    let inventory = read(global, out)?.inventory;
    let outbox = Outbox::of(&inventory, |name| std::env::var_os(name))?;
    for walk in walks {
        outbox.put(&walk.record(&inventory)?)?;
    }
    if let Err(failure) = past::deliver(&inventory, &outbox, "onboard", &wanted.way, out) {
        out.remark(&format!("the record of this run waits in the outbox: {}", failure.message));
    }
    Ok(())
}

fn told(walks: &[Walk], refused: &[(String, Failure)], already: &[String], began: Instant, out: &Out) {
    let mut rows = vec![["MEMBER", "RESULT", "STEP", "SECONDS", "WHAT"].map(String::from).to_vec()];
    rows.extend(walks.iter().map(Walk::row));
    if !(walks.is_empty() && refused.is_empty()) {
        rows.extend(
            already.iter().map(|slug| [slug, "active", "-", "-", "was a member already"].map(String::from).to_vec()),
        );
    }
    rows.extend(refused.iter().map(|(title, failure)| {
        [title, "refused", "file", "-", failure.message.lines().next().unwrap_or_default()].map(String::from).to_vec()
    }));
    if rows.len() > 1 {
        out.text(&format!("\n{}", table(&rows)));
    }
    let well = walks.iter().filter(|walk| walk.is_well()).count();
    let active = well + already.len();
    match walks.len() + refused.len() + already.len() {
        _ if rows.len() == 1 => {}
        1 => out.text(&format!("{active} of 1 body active, in {}\n", elapsed(began))),
        all => out.text(&format!("{active} of {all} bodies active, in {}\n", elapsed(began))),
    }
    for (title, failure) in refused {
        out.remark(&format!("{title}: {}", failure.told()));
    }
    for walk in walks {
        if let Some((step, failure)) = &walk.failed {
            out.remark(&format!("{}: {step}: {}", walk.title, failure.told()));
        }
        walk.open.iter().for_each(|open| out.remark(&format!("{}: {open}", walk.title)));
    }
    if !refused.is_empty() {
        out.remark(
            "\nput these rows right: an option that is named above is a column of the table, without its dashes",
        );
    }
    if well < walks.len() || !refused.is_empty() {
        out.remark("the same command goes on where this one stopped; who is active is left alone");
    }
}

fn over_all(walks: &[Walk], refused: Vec<(String, Failure)>, already: usize) -> Result<()> {
    let done = already + walks.iter().filter(|walk| walk.is_well()).count();
    let failed = walks.iter().filter_map(|walk| walk.failed.as_ref().map(|(_, failure)| failure.kind));
    let open = walks.iter().filter(|walk| walk.failed.is_none() && !walk.open.is_empty()).map(|_| Kind::Pending);
    let kinds: Vec<Kind> = refused.iter().map(|(_, failure)| failure.kind).chain(failed).chain(open).collect();
    let kind = if kinds.iter().all(|kind| *kind == Kind::Pending) {
        kinds.first().copied()
    } else {
        Kind::of_many(kinds, done)
    };
    // The table and the lines behind it have said it all.
    kind.map_or(Ok(()), |kind| Err(Failure::new(kind, "")))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}
