//! `comuni backup verify`: proves backups, on the host with the role `verification`.
//!
//! Tenant after tenant, each with what is due; what was found is evidence at once, so that a run that is cut off is gone
//! on with. Nothing of how it is told changes what it came to.

mod due;
mod metrics;
mod ping;
mod prover;
mod say;
mod schedule;
mod survivable;
mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::IsTerminal;

use super::past::{self, Past};
use super::tenants::{Tenant, chosen, owners};
use crate::backup::ladder::{Level, Outcome, Verification};
use crate::cli::{Global, Verify};
use crate::commands::inventory::read;
use crate::commands::procedure::{Procedure, Refused, unexpected};
use crate::commands::survey::control_host;
use crate::evidence::{clock, state};
use crate::failure::{Failure, Kind, Result};
use crate::inventory::types::Role;
use crate::inventory::{Body, Inventory};
use crate::protocol::{Act, Acted};
use crate::report::Out;
use crate::secrets::Store;
pub(in crate::commands) use prover::Prover;
use task::Tasks;

/// # Errors
/// The worst that was found of any tenant: 4, 5, 1, 7, 6. 64 and 65 before anything is done.
pub(super) fn run(global: &Global, options: &Verify, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    if options.schedule {
        return schedule::print(&inventory, out);
    }
    let tenants = chosen(&inventory, &options.tenants)?;
    let verifier = verifier(&inventory)?;
    let _lock = only_one(&inventory)?;
    let ping = ping::Ping::new(options.ping.as_deref(), out);
    ping.begin();
    let result = Run::new(&inventory, options, &tenants, verifier, out).and_then(Run::whole);
    ping.end(result.as_ref().err().map_or(0, |failure| failure.kind.exit_code()));
    result
}

/// The host that proves. It must be the one that keeps the repositories: their keys then never leave the order, and no
/// other host can read them.
///
/// # Errors
/// Exit 65 when it is not.
pub(in crate::commands) fn verifier(inventory: &Inventory) -> Result<&str> {
    let backup = inventory.consortium.backup.as_ref();
    let keeper = backup.map_or("", |backup| backup.repository.as_str());
    match inventory.hosts.get_key_value(keeper) {
        Some((name, host)) if host.roles.contains(&Role::Verification) => Ok(name),
        _ => Err(Failure::inventory(format!("{keeper} keeps the repositories and has not the role `verification`"))
            .hint("give it that role in hosts.yml: backups are proven where they are kept")),
    }
}

/// Two at a time would prove the same twice, and hold each other's locks.
fn only_one(inventory: &Inventory) -> Result<File> {
    let path = state(inventory, "verify", |name| std::env::var_os(name))?;
    let failed = |error: std::io::Error| Failure::operation(format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(Failure::new(Kind::Busy, format!("another verification runs on this machine ({})", path.display()))
                .hint("wait for its end: comuni history shows what it has proven so far"))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// A verification that is under way.
struct Run<'a> {
    inventory: &'a Inventory,
    options: &'a Verify,
    tenants: &'a [Tenant],
    verifier: &'a str,
    out: &'a Out,
    quiet: bool,
    store: Store,
    procedure: Procedure,
    past: Past,
    found: BTreeMap<String, Verification>,
    /// What kept us from finding out anything of a tenant.
    refused: BTreeMap<String, Failure>,
}

impl<'a> Run<'a> {
    fn new(
        inventory: &'a Inventory,
        options: &'a Verify,
        tenants: &'a [Tenant],
        verifier: &'a str,
        out: &'a Out,
    ) -> Result<Run<'a>> {
        let store = crate::commands::secrets::open(inventory, &options.way.identity)?;
        let keys = tenants.iter().map(|tenant| task::key(&tenant.subject.owner)).collect();
        store.require(&keys)?;
        let mut hosts: BTreeSet<&str> = BTreeSet::from([verifier]);
        if options.level == Some(Level::L7) || (options.due && options.level.is_none()) {
            hosts.extend(tenants.iter().map(|tenant| tenant.host.as_str()));
            hosts.extend(inventory.consortium.backup.as_ref().and_then(|backup| backup.copy.as_deref()));
        }
        let procedure = Procedure::begin(inventory, &options.way, "backup verify", owners(tenants), &hosts, out)?;
        let quiet = options.quiet || (options.due && !std::io::stderr().is_terminal());
        // Without it nobody could say what is due.
        let control = control_host(inventory).ok_or_else(|| Failure::inventory("no host has the role `control`"))?;
        let past = Past::of_evidence(procedure.evidence(control, past::NEWEST)?, inventory, out)?;
        Ok(Run {
            inventory,
            options,
            tenants,
            verifier,
            out,
            quiet,
            store,
            procedure,
            past,
            found: BTreeMap::new(),
            refused: BTreeMap::new(),
        })
    }

    fn whole(mut self) -> Result<()> {
        let tasks = Tasks::new(self.inventory, self.options, self.verifier)?;
        for tenant in self.tenants {
            let proven = match self.procedure.is_stopping() {
                Some(failure) => Err(failure),
                None => self.tenant(&tasks, tenant),
            };
            self.procedure.ended(&tenant.subject, &proven);
            if let Err(failure) = proven {
                self.refused.entry(tenant.subject.tenant.clone()).or_insert(failure);
            }
        }
        let found = self.found.values().filter_map(|found| found.outcome.kind());
        let kind = Kind::worst(found.chain(self.refused.values().map(|failure| failure.kind)));
        if let Some(folder) = &self.options.textfile
            && let Err(failure) = metrics::write(folder, self.inventory, self.tenants, &self.past, &self.found)
        {
            self.out.remark(&format!("the metrics were not written: {failure}"));
        }
        say::tell(self.tenants, &self.found, &self.refused, self.quiet && kind.is_none(), self.out);
        self.procedure.end(self.inventory, kind, self.out)?;
        kind.map_or(Ok(()), |kind| Err(Failure::new(kind, "")))
    }

    fn tenant(&mut self, tasks: &Tasks, tenant: &Tenant) -> Result<()> {
        let body = body(self.inventory, &tenant.subject.owner)?;
        let now = clock::now().as_second();
        let past = self.past.of(&tenant.subject.tenant);
        let level = match (self.options.due, self.options.level) {
            (true, most) => {
                let most = most.unwrap_or(Level::L7);
                due::level(&tenant.subject.tenant, past, tasks.prove(), clock::day(now), most)
            }
            (false, asked) => asked.unwrap_or(Level::L6),
        };
        let mut task = tasks.of(body, &tenant.application, past, level, now)?;
        // All tenants of a member lie in one repository: it is looked at once.
        let before = self.found.values().filter(|found| found.member == body.code);
        for found in before {
            let passed = |level| found.rung(level).filter(|rung| rung.outcome == Outcome::Pass);
            task.sound = passed(Level::L2).cloned().or(task.sound);
            if let Some(rung) = passed(Level::L3) {
                task.read = rung.checks.first().cloned();
                task.slice = found.slice;
            }
        }
        task.clear = level == Level::L7;
        let deleting = (level == Level::L7).then(|| self.try_to_delete(tenant));
        let mut found = self.prove(self.verifier, tenant, task.clone())?;
        if let Some(deleting) = deleting {
            if found.outcome == Outcome::Pass {
                let rung = survivable::rung(self, tenant, body, &task, deleting?);
                found.add(rung?);
            } else {
                found.notes.push("L7 was not looked at: a level below it did not pass".to_string());
            }
        }
        self.procedure.proven(self.inventory, body, &found, self.out)?;
        note_verified(&mut self.procedure, self.inventory, self.verifier, tenant, &found, self.out);
        if !self.quiet || found.outcome.kind().is_some() {
            self.procedure.say(self.verifier, &tenant.subject, &say::line(&found));
        }
        self.found.insert(tenant.subject.tenant.clone(), found);
        Ok(())
    }

    /// Climbs on one host.
    fn prove(&mut self, host: &str, tenant: &Tenant, task: crate::backup::ladder::Task) -> Result<Verification> {
        let key = task.key.clone();
        let table = self.store.table(&BTreeSet::from([key]));
        let acted = self.procedure.act(host, &tenant.subject, Act::Verify(Box::new(task)), table);
        self.procedure.release([host], &tenant.subject);
        match acted? {
            Acted::Verified(found) => Ok(*found),
            other => Err(unexpected(host, &other).into()),
        }
    }
}

/// The newest one that was restored and found equal is never pruned.
fn note_verified(
    procedure: &mut Procedure,
    inventory: &Inventory,
    verifier: &str,
    tenant: &Tenant,
    found: &Verification,
    out: &Out,
) {
    let Some(level) = found.reached.filter(|level| *level >= Level::L4) else { return };
    let Some(snapshot) = found.snapshot.clone() else { return };
    for (host, place) in task::places(inventory, &tenant.subject.owner) {
        if host != verifier {
            continue;
        }
        let verified = crate::backup::prune::Verified {
            snapshot: snapshot.clone(),
            level: level.name().to_string(),
            at: found.ended,
        };
        let noted = procedure.act(&host, &tenant.subject, Act::NoteVerified { place, verified }, Default::default());
        procedure.release([host.as_str()], &tenant.subject);
        if let Err(Refused::Lost(failure) | Refused::Busy(failure) | Refused::Failed(failure)) = noted {
            out.remark(&format!("{}: that it was verified could not be noted: {failure}", tenant.subject.tenant));
        }
    }
}

fn body<'i>(inventory: &'i Inventory, code: &str) -> Result<&'i Body> {
    let found = inventory.members.values().find(|body| body.code == code);
    found.ok_or_else(|| Failure::inventory(format!("no member has the code {code}")))
}
