//! Wave after wave: the tenants of a wave on different hosts come at the same time, those of one host one after the other.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::came::Came;
use super::look::Found;
use super::plan::Plan;
use super::seen::Eyes;
use super::target::{self, Target};
use super::walk::{self, Run, Walk};
use crate::evidence::{UpgradeEnding, UpgradeRecord, clock};
use crate::failure::{Failure, Result};
use crate::report::json::Object;
use crate::rollout::{Tally, Waves};
use crate::upgrade::{Note, Phase};

/// How far a run has come, for all who are at work on it.
pub(super) struct SoFar {
    pub(super) came: Came,
    pub(super) tally: Tally,
}

/// A tenant that was upgraded, and when its maintenance page went.
type Upgraded<'t> = Vec<(&'t Target, i64)>;

impl<'a> Run<'a> {
    /// First what was cut off is brought to an end; then wave after wave, until the stop rule.
    pub(super) fn waves(&mut self, plan: &Plan, order: &Waves) -> Came {
        let came = Came { left: order.left.len(), ..Came::default() };
        let mut so_far = SoFar { came, tally: Tally::new(self.policy.stop_after) };
        for (tenant, failure) in &plan.unreachable {
            so_far.tally.bad();
            so_far.came.kinds.push(failure.kind);
            self.procedure.ended(&tenant.subject, &Err(failure.clone()));
        }
        for (target, found) in &plan.cut_off {
            let Found { note: Some(note), .. } = found else { continue };
            let (record, result) = self.resumed(target, note);
            self.came(&mut so_far, target, record, result);
        }
        let mut eyes = Eyes::open(self, &plan.targets);
        for wave in &order.waves {
            let targets = plan.targets.iter().filter(|target| wave.contains(&target.slug));
            let upgraded = self.wave(&mut so_far, lanes(targets, self.parallel));
            self.soak(&mut so_far, upgraded, &mut eyes);
        }
        if let Some(failure) = self.procedure.is_stopping() {
            so_far.came.kinds.push(failure.kind);
        }
        so_far.came
    }

    /// All lanes at the same time, each over streams of its own.
    fn wave<'t>(&mut self, so_far: &mut SoFar, mut lanes: Vec<Vec<&'t Target>>) -> Upgraded<'t> {
        let Some(own) = lanes.pop() else { return Vec::new() };
        let so_far = Mutex::new(so_far);
        let mut beside: Vec<Run<'a>> = lanes.iter().map(|_| self.beside()).collect();
        let upgraded = std::thread::scope(|scope| {
            let runs = beside.iter_mut().zip(lanes);
            let others: Vec<_> = runs.map(|(run, lane)| scope.spawn(|| run.lane(&so_far, lane))).collect();
            let mut upgraded = self.lane(&so_far, own);
            for other in others {
                match other.join() {
                    Ok(more) => upgraded.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            upgraded
        });
        for run in beside {
            self.unwatched.extend(run.unwatched);
            self.procedure.join(run.procedure);
        }
        upgraded
    }

    /// The same run over streams of its own.
    fn beside(&self) -> Run<'a> {
        Run {
            procedure: self.procedure.beside(),
            inventory: self.inventory,
            store: self.store,
            policy: self.policy.clone(),
            gate: self.gate.clone(),
            past: self.past.clone(),
            prover: self.prover.clone(),
            out: self.out,
            unwatched: self.unwatched.clone(),
            parallel: self.parallel,
        }
    }

    /// One tenant after the other, until the run stops. Who is under way elsewhere then comes to an end.
    fn lane<'t>(&mut self, so_far: &Mutex<&mut SoFar>, lane: Vec<&'t Target>) -> Upgraded<'t> {
        let mut upgraded = Vec::new();
        for target in lane {
            if !self.may_begin(&mut so_far.lock().unwrap_or_else(PoisonError::into_inner), target) {
                continue;
            }
            let (record, result) = self.walked(target, |walk| walk.whole());
            if record.opened.is_some() && result.is_ok() {
                upgraded.push((target, record.opened.unwrap_or_default()));
            }
            self.came(&mut so_far.lock().unwrap_or_else(PoisonError::into_inner), target, record, result);
        }
        upgraded
    }

    fn may_begin(&self, so_far: &mut SoFar, target: &Target) -> bool {
        if so_far.tally.stops() || self.procedure.is_stopping().is_some() {
            so_far.came.waiting += 1;
            return false;
        }
        // A run takes hours: a window may have ended since it began.
        match self.gate.allows(self.inventory, target, clock::in_italy(clock::now())) {
            Ok(()) => true,
            Err(closed) => {
                self.out.remark(&format!("{} is left alone: {closed}", target.name()));
                so_far.came.left += 1;
                false
            }
        }
    }

    pub(super) fn walked(
        &mut self,
        target: &Target,
        way: impl FnOnce(Walk<'_, '_>) -> (UpgradeRecord, Result<()>),
    ) -> (UpgradeRecord, Result<()>) {
        match Walk::new(self, target) {
            Ok(walk) => way(walk),
            Err(failure) => (walk::nothing(target, &failure), Err(failure)),
        }
    }

    /// Brings to an end what was cut off. That it is back where it was is no failure: it comes again with the others. Who was
    /// on the way back to an older release does not: somebody or something had a reason.
    pub(super) fn resumed(&mut self, target: &Target, note: &Note) -> (UpgradeRecord, Result<()>) {
        let (record, result) = match Walk::new(self, target) {
            Ok(walk) => walk.resume(note),
            Err(failure) => {
                let ending = unresumed(note);
                (UpgradeRecord { ending, closed: note.closed, ..walk::nothing(target, &failure) }, Err(failure))
            }
        };
        if !(note.back && record.ending == UpgradeEnding::Done) {
            return (record, result);
        }
        let failure = Failure::operation(format!(
            "{} was on its way back from {} to {}, and is there now",
            target.name(),
            target.from,
            target.to
        ))
        .hint("it is not upgraded in the same run: the same command again does that");
        let reason = Some(failure.message.clone());
        (UpgradeRecord { ending: UpgradeEnding::CodeBack, reason, ..record }, Err(failure))
    }

    /// Tells and records how it ended for one tenant.
    pub(super) fn came(&mut self, so_far: &mut SoFar, target: &Target, record: UpgradeRecord, result: Result<()>) {
        if let Err(failure) = &result {
            so_far.tally.bad();
            so_far.came.kinds.push(failure.kind);
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
        so_far.came.records.push(record);
    }
}

/// How a tenant stands that nobody could go on with.
fn unresumed(note: &Note) -> UpgradeEnding {
    match (note.phase, note.closed) {
        (Phase::Opened, _) => UpgradeEnding::DoneWithFaults,
        (_, Some(_)) => UpgradeEnding::Down,
        (_, None) => UpgradeEnding::NotBegun,
    }
}

/// Who comes one after the other: all tenants of a host in one lane, and so many lanes at most.
fn lanes<'t>(targets: impl Iterator<Item = &'t Target>, most: usize) -> Vec<Vec<&'t Target>> {
    let mut hosts: BTreeMap<&str, Vec<&Target>> = BTreeMap::new();
    for target in targets {
        hosts.entry(&target.tenant.host).or_default().push(target);
    }
    let mut lanes: Vec<Vec<&Target>> = Vec::new();
    for (at, tenants) in hosts.into_values().enumerate() {
        match lanes.get_mut(at % most.max(1)) {
            Some(lane) => lane.extend(tenants),
            None => lanes.push(tenants),
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::backup::tenants::Tenant;
    use crate::commands::procedure::Subject;
    use crate::rollout::Path;

    fn target(host: &str, slug: &str) -> Target {
        let subject = Subject { tenant: format!("{slug}-albo"), owner: slug.to_string() };
        let (application, host) = ("albo".to_string(), host.to_string());
        Target {
            tenant: Tenant { subject, application, host, rpo_hours: 26, keep_days: 30 },
            slug: slug.to_string(),
            from: "1.0.0".to_string(),
            to: "1.1.0".to_string(),
            path: Path { releases: vec!["1.1.0".to_string()], reversible: true },
        }
    }

    #[test]
    fn tenants_of_one_host_never_come_at_the_same_time_and_there_are_no_more_lanes_than_allowed() {
        let all = [target("app1", "a"), target("app2", "b"), target("app1", "c"), target("app3", "d")];
        let names = |most| {
            let lanes = lanes(all.iter(), most).into_iter();
            lanes.map(|lane| lane.iter().map(|one| one.slug.as_str()).collect::<String>()).collect::<Vec<_>>()
        };
        assert_eq!(names(16), ["ac", "b", "d"]);
        assert_eq!(names(2), ["acd", "b"]);
        assert_eq!(names(1), ["acbd"]);
        assert!(lanes([].into_iter(), 16).is_empty());
    }

    #[test]
    fn who_cannot_be_gone_on_with_is_told_as_what_its_note_says() {
        let note = |phase, closed| Note {
            from: "1.0.0".to_string(),
            to: "1.1.0".to_string(),
            unit: String::new(),
            page: String::new(),
            back: false,
            phase,
            by: String::new(),
            began: 0,
            closed,
            opened: None,
            snapshot: None,
            silences: Vec::new(),
        };
        assert_eq!(unresumed(&note(Phase::Begun, None)), UpgradeEnding::NotBegun);
        assert_eq!(unresumed(&note(Phase::Switched, Some(7))), UpgradeEnding::Down);
        assert_eq!(unresumed(&note(Phase::Opened, Some(7))), UpgradeEnding::DoneWithFaults);
    }
}
