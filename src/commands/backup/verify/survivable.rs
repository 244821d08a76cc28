//! L7, put together from several hosts: the second copy proves itself, the application host tries to delete, and the key
//! comes from where it is escrowed.

use std::collections::BTreeSet;
use std::time::Instant;

use super::Run;
use super::task::places;
use crate::backup::ladder::{Check, Level, Outcome, Rung, Task, Verification};
use crate::commands::backup::tenants::Tenant;
use crate::commands::procedure::unexpected;
use crate::failure::Result;
use crate::inventory::Body;
use crate::protocol::{Act, Acted};
use crate::resources::SecretTable;
use crate::secrets::{Identities, Store};

impl Run<'_> {
    /// What comes of deleting with what the tenant's application host has.
    pub(super) fn try_to_delete(&mut self, tenant: &Tenant) -> Result<Check> {
        let acted = self.procedure.act(&tenant.host, &tenant.subject, Act::TryToDelete, SecretTable::default());
        self.procedure.release([tenant.host.as_str()], &tenant.subject);
        match acted? {
            Acted::Tried(check) => Ok(*check),
            other => Err(unexpected(&tenant.host, &other).into()),
        }
    }
}

/// The level as a whole.
pub(super) fn rung(run: &mut Run<'_>, tenant: &Tenant, body: &Body, task: &Task, deleting: Check) -> Result<Rung> {
    let began = Instant::now();
    let mut checks = vec![deleting];
    checks.extend(copy(run, tenant, task)?);
    checks.push(escrow(run, tenant, body, task)?);
    let outcome = checks.iter().fold(Outcome::NotDue, |worst, check| worst.worse(check.outcome));
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Rung { level: Level::L7, outcome, milliseconds, checks })
}

/// The second copy passes the first levels on its own.
fn copy(run: &mut Run<'_>, tenant: &Tenant, task: &Task) -> Result<Vec<Check>> {
    let places = places(run.inventory, &tenant.subject.owner);
    let Some((host, place)) = places.into_iter().find(|(_, place)| place.account.is_none()) else {
        let words = "the inventory names no host for a second copy: `copy:` under `backup:` in consortium.yml";
        return Ok(vec![Check::new("second copy", Outcome::Inconclusive, "there is none").said(words)]);
    };
    let task = Task {
        host: host.clone(),
        up_to: Level::L3,
        copy: true,
        clear: false,
        repository: place.repository,
        account: None,
        // It is fetched once a day.
        rpo_hours: task.rpo_hours + 24,
        known: Vec::new(),
        slice: None,
        sound: None,
        read: None,
        start: None,
        assertions: Vec::new(),
        ..task.clone()
    };
    let found = run.prove(&host, tenant, task)?;
    Ok(found.rungs.iter().map(|rung| summed(rung, &found)).collect())
}

fn summed(rung: &Rung, found: &Verification) -> Check {
    let worst = rung.checks.iter().find(|check| check.outcome == rung.outcome);
    let words = worst.and_then(|check| check.found.clone()).unwrap_or_default();
    let what = format!("second copy on {}, {}", found.host, rung.level.word());
    let check = Check::new(&what, rung.outcome, words);
    match worst.and_then(|check| check.words.clone()) {
        Some(words) => check.said(words),
        None => check,
    }
}

/// The key as the recovery identity alone reads it opens the repository. Somebody must bring that identity: a timer has
/// none, and the check is then not due.
fn escrow(run: &mut Run<'_>, tenant: &Tenant, body: &Body, task: &Task) -> Result<Check> {
    const WHAT: &str = "key from escrow";
    let Some(file) = run.options.escrow.clone() else {
        return Ok(Check::new(WHAT, Outcome::NotDue, "attended: --escrow FILE names the recovery identity"));
    };
    let alone = Store::open(run.inventory, &Identities::search(&[file], |_| None))?;
    let table = match alone.get(&task.key) {
        Ok(Some(_)) => alone.table(&BTreeSet::from([task.key.clone()])),
        Ok(None) => return Ok(Check::new(WHAT, Outcome::Fail, format!("{} is not in the secrets", task.key))),
        Err(failure) => {
            return Ok(Check::new(WHAT, Outcome::Fail, failure.message).said(format!("secrets/{}.age", body.code)));
        }
    };
    let opened = Task { up_to: Level::L0, clear: false, ..task.clone() };
    let verifier = run.verifier.to_string();
    let acted = run.procedure.act(&verifier, &tenant.subject, Act::Verify(Box::new(opened)), table);
    run.procedure.release([verifier.as_str()], &tenant.subject);
    match acted? {
        Acted::Verified(found) if found.outcome == Outcome::Pass => Ok(Check::pass(WHAT, "it opens the repository")),
        Acted::Verified(found) => Ok(found.reason().map_or_else(
            || Check::new(WHAT, Outcome::Inconclusive, "it could not be tried"),
            |(_, check)| Check { what: WHAT.to_string(), ..check.clone() },
        )),
        other => Err(unexpected(&verifier, &other).into()),
    }
}
