//! `comuni upgrade`: a release comes to the tenants of an application, canaries first, and each has a way back.

mod announce;
mod asked;
mod back;
mod came;
mod forward;
mod gate;
mod kept;
mod look;
mod plan;
mod rollback;
mod seen;
mod soak;
mod target;
mod walk;
mod wave;

use std::collections::BTreeSet;

use super::backup::past::{NEWEST, Past};
use super::backup::tenants::{Tenant, chosen, owners};
use super::backup::verify::Prover;
use super::inventory::read;
use super::past;
use super::procedure::Procedure;
use super::survey::control_host;
use crate::cli::{Global, Tenants, Upgrade, Way};
use crate::evidence::{UpgradeRecord, clock};
use crate::failure::{Failure, Result};
use crate::inventory::{Inventory, select};
use crate::report::{Out, consent};
use crate::rollout::{Waves, waves};
use crate::secrets::Store;
use gate::Gate;
use kept::Kept;
use plan::Plan;
pub(super) use rollback::run as rollback;
use walk::Run;

/// # Errors
/// Exit 1 when nobody was upgraded, 3 when some were and some not; 6 when somebody else is at a tenant; 64 without consent;
/// 65 when the inventory is not fit.
pub(super) fn run(global: &Global, options: &Upgrade, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let application = select::one(&inventory, select::Noun::Application, &options.application)?;
    let _lock = kept::only_one(&inventory, &application)?;
    let options = match options.resume {
        true => kept::read(&inventory, &application)?.over(options),
        false => options.clone(),
    };
    let tenants = tenants(&inventory, &application, &options.members)?;
    let store = super::secrets::open(&inventory, &options.way.identity)?;
    let mut run = begin(&inventory, &store, "upgrade", &tenants, &options.way, out)?;
    run.run.gate.unannounced.clone_from(&options.without_notice);
    let found = look::all(&mut run.run.procedure, &tenants, out);
    let agreed = plan::make(&inventory, &application, &options, &tenants, &found, &run.upgrades).and_then(|plan| {
        if let Some(when) = &options.announce {
            announce::run(&mut run.run, &options, &plan, when)?;
            return Ok((plan, Waves::default(), true));
        }
        let order = order(&run.run, &options, &plan)?;
        plan.show(&order, out);
        // What was cut off is brought to an end in any case.
        if plan.cut_off.is_empty() && !options.plan {
            run.run.gate.lets_somebody(&order)?;
        }
        let nothing = options.plan || (plan.is_empty() && plan.unreachable.is_empty());
        if nothing || options.yes || consent(out, "Upgrade them?")? {
            return Ok((plan, order, nothing));
        }
        Err(Failure::operation("not upgraded: the answer was not `yes`"))
    });
    let (plan, order) = match agreed {
        Ok((plan, order, false)) => (plan, order),
        Ok((plan, _, true)) => {
            let kind = plan.kind();
            run.run.procedure.end(&inventory, kind, out)?;
            return kind.map_or(Ok(()), |kind| Err(Failure::new(kind, "")));
        }
        Err(failure) => {
            run.run.procedure.end(&inventory, Some(failure.kind), out)?;
            return Err(failure);
        }
    };
    Kept::of(&options, &plan).write(&inventory, &application)?;
    let came = run.run.waves(&plan, &order);
    let kind = came.kind();
    if kind.is_none() {
        Kept::forget(&inventory, &application)?;
    }
    run.run.procedure.end(&inventory, kind, out)?;
    out.text(&came.text());
    if came.done() > 0 {
        out.remark("commit the files of the members: they say which release each tenant runs");
    }
    // What failed was told above.
    kind.map_or(Ok(()), |kind| Err(Failure::new(kind, "")))
}

/// A run, and the upgrades that the evidence knows.
struct Begun<'a> {
    run: Run<'a>,
    upgrades: Vec<UpgradeRecord>,
}

/// The tenants of an application that are meant; those of members who are leaving stand still.
fn tenants(inventory: &Inventory, application: &str, members: &[String]) -> Result<Vec<Tenant>> {
    let wanted = Tenants { members: members.to_vec(), applications: vec![application.to_string()] };
    let mut tenants = chosen(inventory, &wanted)?;
    let mut leaving = BTreeSet::new();
    for tenant in &tenants {
        if target::is_leaving(target::body(inventory, &tenant.subject.owner)?) {
            leaving.insert(tenant.subject.owner.clone());
        }
    }
    tenants.retain(|tenant| !leaving.contains(&tenant.subject.owner));
    Ok(tenants)
}

fn begin<'a>(
    inventory: &'a Inventory,
    store: &'a Store,
    verb: &'static str,
    tenants: &[Tenant],
    way: &Way,
    out: &'a Out,
) -> Result<Begun<'a>> {
    let prover = Prover::new(inventory, store, tenants, way)?;
    let mut hosts: BTreeSet<&str> = BTreeSet::from([prover.host()]);
    for tenant in tenants {
        let body = target::body(inventory, &tenant.subject.owner)?;
        let plan = body.tenants.values().find(|plan| plan.application == tenant.application);
        hosts.extend(plan.iter().flat_map(|plan| [plan.application_host.as_str(), plan.database_host.as_str()]));
    }
    hosts.extend(inventory.watchers());
    let procedure = Procedure::begin(inventory, way, verb, owners(tenants), &hosts, out)?;
    let control = control_host(inventory).ok_or_else(|| Failure::inventory("no host has the role `control`"))?;
    let evidence = procedure.evidence(control, NEWEST)?;
    let lines = past::history(inventory, evidence.clone())?.lines;
    let upgrades = lines.iter().filter_map(|line| line.record.upgrade.as_deref().cloned()).collect();
    let notices = lines.iter().filter_map(|line| line.record.notice.as_deref().cloned()).collect();
    let past = Past::of_evidence(evidence, inventory, out)?;
    let policy = inventory.rollout.clone();
    let gate = Gate { notices, days: policy.notice_days, unannounced: None };
    Ok(Begun {
        run: Run {
            procedure,
            inventory,
            store,
            policy,
            gate,
            past,
            prover,
            out,
            unwatched: BTreeSet::new(),
            parallel: usize::from(way.parallel),
        },
        upgrades,
    })
}

/// Who comes when.
fn order(run: &Run, options: &Upgrade, plan: &Plan) -> Result<Waves> {
    let canary = match options.canary.is_empty() {
        true => run.policy.canary.clone(),
        false => {
            let named = options.canary.iter().map(|name| select::one(run.inventory, select::Noun::Member, name));
            named.collect::<Result<Vec<String>>>()?
        }
    };
    let share = options.batch.unwrap_or(run.policy.batch);
    let now = clock::in_italy(clock::now());
    let allowed = plan.targets.iter().map(|target| (target.slug.clone(), run.gate.allows(run.inventory, target, now)));
    Ok(waves(allowed.collect(), &canary, share))
}
