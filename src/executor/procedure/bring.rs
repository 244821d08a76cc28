//! Brings some resources of a tenant, outside of an apply: the same check and fix, manifest and debts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::catalog::{Catalog, Entry};
use crate::executor::check::{self, Found};
use crate::executor::groups::{self, Groups};
use crate::executor::journal::Journal;
use crate::executor::key;
use crate::executor::manifest::Manifest;
use crate::executor::owed::{self, Owed};
use crate::executor::removal;
use crate::executor::session::{Session, words};
use crate::executor::store::{self, Settings};
use crate::executor::wire::Wire;
use crate::failure::{Failure, Result};
use crate::machine::Machine;
use crate::protocol::{Holder, Mode, Order, Outcome, Request};
use crate::resources::{Action, Context, Notification, Resource};

/// Ids of what is not as it must be.
///
/// # Errors
/// When one of them cannot be told, such as a secret that is newer here than what was offered.
pub fn compare(machine: &dyn Machine, settings: &Settings, order: &Order, catalog: &Catalog) -> Result<Vec<String>> {
    let host_key = key::load(machine, &settings.host_key())?;
    let manifest: Manifest = store::load(machine, &settings.manifest())?.unwrap_or_default();
    let context = Context { secrets: &order.secrets, host_key: &host_key, allowed: &BTreeSet::new() };
    let mut differ = Vec::new();
    for entry in &catalog.entries {
        match check::compare(machine, &context, &manifest, entry, &[]) {
            Found::Correct => {}
            Found::Not(Outcome::Differs { .. }) => differ.push(entry.id.clone()),
            Found::Not(outcome) => return Err(Failure::operation(format!("{}: {}", entry.id, words(&outcome)))),
        }
    }
    Ok(differ)
}

/// Brings these resources in their order, then tells the daemons that they notify, also of what an earlier run owes.
///
/// # Errors
/// With the first that cannot be brought, or the daemon that cannot be told. What was done is remembered.
pub fn bring(
    machine: &mut dyn Machine,
    wire: &Wire,
    settings: &Settings,
    order: &Order,
    catalog: &Catalog,
    holder: Holder,
) -> Result<()> {
    with(machine, wire, settings, order, catalog, holder, all)
}

/// Brings these resources but for the services among them, which stand still: what they must be told they find when they
/// start. Units are brought too.
///
/// # Errors
/// As [`bring`].
pub fn place(
    machine: &mut dyn Machine,
    wire: &Wire,
    settings: &Settings,
    order: &Order,
    catalog: &Catalog,
    holder: Holder,
) -> Result<()> {
    with(machine, wire, settings, order, catalog, holder, all_but_services)
}

/// Takes releases away that the tenant of the order runs no more.
///
/// # Errors
/// When one of them is something else, another's, or cannot be removed.
pub fn retire(
    machine: &mut dyn Machine,
    wire: &Wire,
    settings: &Settings,
    order: &Order,
    ids: &[String],
    holder: Holder,
) -> Result<()> {
    let nothing = Catalog { host: String::new(), entries: Vec::new() };
    with(machine, wire, settings, order, &nothing, holder, |session| {
        for id in ids {
            let Some(record) = session.manifest.record(id).cloned() else { continue };
            let own = record.tenant.as_deref() == Some(order.tenant.as_str());
            if !own || !matches!(record.resource, Resource::Release(_)) {
                return Err(Failure::operation(format!("{id} is no release of {}", order.tenant)));
            }
            removal::remove_one(session, &record)?;
            whole(session)?;
        }
        Ok(())
    })
}

fn with(
    machine: &mut dyn Machine,
    wire: &Wire,
    settings: &Settings,
    order: &Order,
    catalog: &Catalog,
    holder: Holder,
    work: impl FnOnce(&mut Session) -> Result<()>,
) -> Result<()> {
    let request = Request {
        mode: Mode::Apply,
        operator: order.operator.clone(),
        verb: order.verb.clone(),
        catalog: catalog.clone(),
        owners: [order.owner.clone()].into(),
        areas: catalog.entries.iter().map(|entry| entry.area).collect(),
        members: BTreeSet::new(),
        secrets: order.secrets.clone(),
        allowed: BTreeSet::new(),
        purge: BTreeSet::new(),
    };
    let mut session = Session {
        host_key: key::load_or_make(machine, &settings.host_key())?,
        manifest: store::load(machine, &settings.manifest())?.unwrap_or_default(),
        owed: Owed::load(machine, settings.owed())?,
        journal: Journal::new(settings.journal(), &holder),
        machine,
        wire,
        settings,
        request: &request,
        holder,
        pending: BTreeSet::new(),
        strange: BTreeSet::new(),
        failed: BTreeSet::new(),
        tenants: BTreeMap::new(),
        refused: BTreeSet::new(),
        unsaved: false,
        unjudged: Default::default(),
    };
    let done = work(&mut session);
    session.save()?;
    done
}

/// A failure that was told on the way ends the act too.
fn whole(session: &Session) -> Result<()> {
    if session.failed.is_empty() {
        return Ok(());
    }
    Err(Failure::operation("not all of it could be brought; what failed is told above"))
}

fn all_but_services(session: &mut Session) -> Result<()> {
    let request = session.request;
    // A unit that is about to be started is not restarted: its debts wait for its start.
    let services = request.catalog.entries.iter().filter(|entry| matches!(entry.resource, Resource::Service(_)));
    session.pending = services.map(|entry| entry.id.clone()).collect();
    let mut groups = Groups::default();
    for entry in &request.catalog.entries {
        session.wire.check()?;
        match (session.compare(entry), &entry.resource) {
            (_, Resource::Service(_)) => {}
            (Found::Correct, _) => session.correct(entry)?,
            (Found::Not(Outcome::Differs { action, .. }), Resource::File(file)) if file.validate.is_some() => {
                groups.defer(entry, file, action);
            }
            (Found::Not(Outcome::Differs { action, .. }), _) => fix(session, entry, action)?,
            (Found::Not(outcome), _) => {
                return Err(Failure::operation(format!("{}: {}", entry.id, words(&outcome))));
            }
        }
    }
    groups::settle_all(session, &mut groups, &BTreeSet::new())?;
    whole(session)
}

fn fix(session: &mut Session, entry: &Entry, action: Action) -> Result<()> {
    let begin = Instant::now();
    session.started(&entry.id)?;
    if let Some(notification) = entry.resource.kind().notification() {
        session.owed.owe(session.machine, notification, &entry.owner)?;
    }
    let starts = match &entry.resource {
        Resource::Service(service) if service.running => !owed::is_active(session.machine, &service.unit)?,
        _ => false,
    };
    session.fix_and_check(entry)?;
    if let (true, Resource::Service(service)) = (starts, &entry.resource) {
        owed::settle_started(session, &service.unit)?;
    }
    session.fixed(entry, action, begin)
}

fn all(session: &mut Session) -> Result<()> {
    let request = session.request;
    for entry in &request.catalog.entries {
        session.wire.check()?;
        if let Resource::File(file) = &entry.resource
            && (file.validate.is_some() || file.confirm.is_some())
        {
            return Err(Failure::operation(format!(
                "{} is checked together with others: only an apply brings it",
                entry.id
            )));
        }
        match session.compare(entry) {
            Found::Correct => session.correct(entry)?,
            Found::Not(Outcome::Differs { action, .. }) => fix(session, entry, action)?,
            Found::Not(outcome) => return Err(Failure::operation(format!("{}: {}", entry.id, words(&outcome)))),
        }
    }
    let notified: BTreeSet<&Notification> =
        request.catalog.entries.iter().filter_map(|entry| entry.resource.kind().notification()).collect();
    match owed::pay(session, |notification| notified.contains(notification))?.first() {
        Some(unpaid) => Err(Failure::operation(format!("{}: {}", unpaid.notification, unpaid.message))),
        None => Ok(()),
    }
}
