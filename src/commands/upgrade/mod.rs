//! `comuni upgrade`: a release comes to the tenants of an application, canaries first, and each has a way back.

mod announce;
mod back;
mod came;
mod gate;
mod kept;
mod look;
mod plan;
mod rollback;
mod target;
mod walk;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::backup::past::{NEWEST, Past};
use super::backup::tenants::{Tenant, chosen, owners};
use super::backup::verify::Prover;
use super::inventory::read;
use super::past;
use super::procedure::Procedure;
use super::survey::control_host;
use crate::cli::{Global, Tenants, Upgrade, Way};
use crate::evidence::{UpgradeEnding, UpgradeRecord, clock};
use crate::failure::{Failure, Result};
use crate::health::Health;
use crate::inventory::types::Role;
use crate::inventory::{Inventory, select};
use crate::protocol::Act;
use crate::report::json::Object;
use crate::report::{Out, consent};
use crate::resources::SecretTable;
use crate::rollout::{Share, Tally, Waves, waves};
use crate::secrets::Store;
use came::Came;
use gate::Gate;
use kept::Kept;
use look::Found;
use plan::Plan;
pub(super) use rollback::run as rollback;
use target::{Target, View};
use walk::{Run, Walk};

/// Seconds in which an application that was healthy may answer badly before it counts as unhealthy.
const BLINK: u32 = 5;

/// Between two questions while a batch soaks.
const PAUSE: Duration = Duration::from_secs(2);

/// Where an application answers for its health.
type Asked = (String, Health);

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
    if inventory.consortium.monitoring.is_some() {
        let watching = inventory.hosts.iter().filter(|(_, host)| host.roles.contains(&Role::Monitoring));
        hosts.extend(watching.map(|(name, _)| name.as_str()));
    }
    let procedure = Procedure::begin(inventory, way, verb, owners(tenants), &hosts, out)?;
    let control = control_host(inventory).ok_or_else(|| Failure::inventory("no host has the role `control`"))?;
    let evidence = procedure.evidence(control, NEWEST)?;
    let lines = past::history(inventory, evidence.clone())?.lines;
    let upgrades = lines.iter().filter_map(|line| line.record.upgrade.as_deref().cloned()).collect();
    let notices = lines.iter().filter_map(|line| line.record.notice.as_deref().cloned()).collect();
    let past = Past::of_evidence(evidence, inventory, out)?;
    let policy = inventory.consortium.upgrade.clone().unwrap_or_default();
    let gate = Gate { notices, days: policy.notice_days, unannounced: None };
    Ok(Begun { run: Run { procedure, inventory, store, policy, gate, past, prover, out }, upgrades })
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
    let share = options.batch.unwrap_or(Share::Percent(run.policy.batch_percent));
    let now = clock::in_italy(clock::now());
    let allowed = plan.targets.iter().map(|target| (target.slug.clone(), run.gate.allows(run.inventory, target, now)));
    Ok(waves(allowed.collect(), &canary, share))
}

impl Run<'_> {
    /// First what was cut off is brought to an end; then wave after wave, until the stop rule.
    fn waves(&mut self, plan: &Plan, order: &Waves) -> Came {
        let mut came = Came { left: order.left.len(), ..Came::default() };
        let mut tally = Tally::new(self.policy.stop_after);
        for (tenant, failure) in &plan.unreachable {
            tally.bad();
            came.kinds.push(failure.kind);
            self.procedure.ended(&tenant.subject, &Err(failure.clone()));
        }
        for (target, found) in &plan.cut_off {
            let Found { note: Some(note), .. } = found else { continue };
            let (record, result) = self.walked(target, |walk| walk.resume(note));
            // That it went back is no failure of this run: it comes again with the others.
            let result = match record.ending {
                UpgradeEnding::WentBack | UpgradeEnding::NotBegun => Ok(()),
                _ => result,
            };
            self.came(&mut came, &mut tally, target, record, result);
        }
        for wave in &order.waves {
            let targets: Vec<&Target> = plan.targets.iter().filter(|target| wave.contains(&target.slug)).collect();
            let mut upgraded = Vec::new();
            for target in targets {
                if tally.stops() || self.procedure.is_stopping().is_some() {
                    came.waiting += 1;
                    continue;
                }
                // A run takes hours: a window may have ended since it began.
                if let Err(closed) = self.gate.allows(self.inventory, target, clock::in_italy(clock::now())) {
                    self.out.remark(&format!("{} is left alone: {closed}", target.name()));
                    came.left += 1;
                    continue;
                }
                let (record, result) = self.walked(target, |walk| walk.whole());
                if record.opened.is_some() && result.is_ok() {
                    upgraded.push(target);
                }
                self.came(&mut came, &mut tally, target, record, result);
            }
            self.soak(&mut came, &mut tally, &upgraded);
        }
        if let Some(failure) = self.procedure.is_stopping() {
            came.kinds.push(failure.kind);
        }
        came
    }

    fn walked(
        &mut self,
        target: &Target,
        way: impl FnOnce(Walk<'_, '_>) -> (UpgradeRecord, Result<()>),
    ) -> (UpgradeRecord, Result<()>) {
        match Walk::new(self, target) {
            Ok(walk) => way(walk),
            Err(failure) => (walk::nothing(target, &failure), Err(failure)),
        }
    }

    /// Tells and records how it ended for one tenant.
    fn came(&mut self, came: &mut Came, tally: &mut Tally, target: &Target, record: UpgradeRecord, result: Result<()>) {
        if let Err(failure) = &result {
            tally.bad();
            came.kinds.push(failure.kind);
        }
        self.procedure.ended(&target.tenant.subject, &result);
        self.out.object(&Object::Upgrade(record.clone()));
        let kind = result.err().map(|failure| failure.kind);
        let recorded = target::body(self.inventory, &target.tenant.subject.owner).and_then(|body| {
            self.procedure.upgraded(self.inventory, body, &target.tenant.host, &record, kind, self.out)
        });
        if let Err(failure) = recorded {
            self.out.remark(&format!("{}: what became of it is not recorded: {failure}", target.name()));
        }
        came.records.push(record);
    }

    /// The tenants of a batch must stay healthy for a while. One that does not gets its old code back, if that works on the
    /// data that it has now: what was written since is kept.
    fn soak(&mut self, came: &mut Came, tally: &mut Tally, upgraded: &[&Target]) {
        let lasting = Duration::from_secs(u64::from(self.policy.soak_seconds));
        let began = Instant::now();
        let mut well: Vec<(&Target, Option<Asked>)> = Vec::new();
        for target in upgraded {
            match View::of(self.inventory, target, &target.to) {
                Ok(view) => well.push((target, view.live.health)),
                Err(failure) => self.unwell(came, tally, target, failure),
            }
        }
        while began.elapsed() < lasting && !well.is_empty() && self.procedure.is_stopping().is_none() {
            std::thread::sleep(PAUSE);
            let mut still = Vec::new();
            for (target, asked) in well {
                match self.is_well(target, asked.as_ref()) {
                    Ok(()) => still.push((target, asked)),
                    Err(failure) => self.unwell(came, tally, target, failure),
                }
            }
            well = still;
        }
    }

    fn is_well(&mut self, target: &Target, asked: Option<&Asked>) -> Result<()> {
        let Some((host, health)) = asked else { return Ok(()) };
        let subject = &target.tenant.subject;
        let act = Act::Ask(Health { patience: BLINK, ..health.clone() });
        let answer = self.procedure.act(host, subject, act, SecretTable::default());
        self.procedure.release([host.as_str()], subject);
        answer?;
        Ok(())
    }

    /// It was upgraded, and is not healthy any more.
    fn unwell(&mut self, came: &mut Came, tally: &mut Tally, target: &Target, failure: Failure) {
        let (name, to) = (target.name(), &target.to);
        let failure = failure.context(format!("{name} became unhealthy on {to} after its maintenance page was gone"));
        if !target.path.reversible {
            let failure = failure
                .hint(format!("{to} is not said to be reversible: what was written since is not thrown away unasked"))
                .hint(format!(
                    "comuni rollback {} --member {} says what would be lost",
                    target.tenant.application, target.slug
                ));
            self.procedure.ended(&target.tenant.subject, &Err(failure.clone()));
            came.kinds.push(failure.kind);
            tally.bad();
            return;
        }
        came.records.retain(|record| record.tenant != name);
        self.procedure.say(&target.tenant.host, &target.tenant.subject, &failure.message);
        let back = target.reversed();
        let (record, result) = self.walked(&back, |walk| walk.urgent().whole());
        let result = match result {
            Ok(()) => {
                Err(failure.hint(format!("it runs {} again and is healthy; nothing that was written is lost", back.to)))
            }
            Err(second) => Err(second.context(failure.message)),
        };
        let record = UpgradeRecord { reason: result.as_ref().err().map(|failure| failure.message.clone()), ..record };
        let record = UpgradeRecord {
            ending: if record.ending == UpgradeEnding::Done { UpgradeEnding::CodeBack } else { record.ending },
            ..record
        };
        self.came(came, tally, &back, record, result);
    }
}
