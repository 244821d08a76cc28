//! `comuni apply`: compare, ask, bring about, record.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::records::Recorder;
use super::saved::{self, Held};
use super::survey::{Scope, Survey, prepare};
use super::{archives, brake, releases, zone_brake};
use crate::cli::{Allowance, Global, Selectors, Way};
use crate::compile::Compiled;
use crate::evidence::clock;
use crate::failure::{Failure, Kind, Result};
use crate::fleet::{Checked, HostOutcome, HostState, Work};
use crate::inventory::Inventory;
use crate::protocol::Mode;
use crate::report::json::Object;
use crate::report::{HostSummary, Out, PlanView, RunSummary, consent, saved_plan};
use crate::saved::Document;

/// # Errors
/// Exit 3 when some was done and some not; 1 when nothing could be done; 2 when all is done but what has its time; 6 when
/// somebody else is at it; 64 without consent; 65 when the inventory is not fit.
pub(super) fn run(
    global: &Global,
    selectors: &Selectors,
    way: &Way,
    yes: bool,
    allow: &[Allowance],
    out: &Out,
) -> Result<()> {
    let began = Instant::now();
    let prepared = prepare(global, Scope::Selected(selectors), way, out)?;
    let survey = prepared.ask(way, Mode::Apply, &zone_brake::names(allow), out)?;
    agreed(survey, "Apply these changes?", yes, allow, began, out)
}

/// Shows what the hosts answered, asks, and brings it about.
///
/// # Errors
/// As [`run`].
pub(super) fn agreed(
    survey: Survey,
    question: &'static str,
    yes: bool,
    allow: &[Allowance],
    began: Instant,
    out: &Out,
) -> Result<()> {
    taking(survey, question, yes, allow, &mut BTreeMap::new(), (began, out))
}

/// [`agreed`]; `taken` has afterwards, also when it failed, how many resources each host has taken away.
///
/// # Errors
/// As [`run`].
pub(super) fn taking(
    survey: Survey,
    question: &'static str,
    yes: bool,
    allow: &[Allowance],
    taken: &mut BTreeMap<String, u32>,
    (began, out): (Instant, &Out),
) -> Result<()> {
    let plan = survey.plan();
    let counts = plan.counts();
    for object in Object::plan(&plan) {
        out.object(&object);
    }
    brake(&plan, &survey.inventory, &survey.compiled, allow).inspect_err(|_| out.text(&plan.text(out)))?;
    let local = archives::checked(&survey.compiled, missing_archives(&survey))?;
    if counts.may_change() && !yes {
        survey.progress.finish();
        out.text(&plan.text(out));
        let asking = out.clone();
        must_agree(survey.fleet.attend(move || consent(&asking, question))??)?;
    } else {
        out.text(&plan.brief(out));
    }
    carry_out(survey, local, None, taken, (began, out))
}

/// `comuni apply PLANFILE`. All that can refuse it without a host comes first, then the question, then the hosts: so
/// there is no time to speak of between their word and the first change.
///
/// # Errors
/// As [`run`]; 1 with all that moved when the plan does not hold any more, 4 when its file was changed.
pub(super) fn run_saved(
    global: &Global,
    file: &Path,
    way: &Way,
    yes: bool,
    allow: &[Allowance],
    out: &Out,
) -> Result<()> {
    let began = Instant::now();
    let document = crate::saved::read(file)?;
    let plan = saved::view(&document.plan);
    let counts = plan.counts();
    out.object(&Object::saved_plan(&document));
    for object in Object::plan(&plan) {
        out.object(&object);
    }
    let prepared = prepare(global, Scope::Planned(&document.plan), way, out)?;
    let ground = prepared.ground()?;
    let held = Held { file, document, ground };
    held.on_this_machine(out)?;
    brake(&plan, &prepared.inventory, &prepared.compiled, allow).inspect_err(|_| out.text(&plan.text(out)))?;
    out.text(&saved_plan(&held.document, clock::now()));
    if counts.may_change() && !yes {
        out.text(&format!("\n{}", plan.text(out)));
        must_agree(consent(out, "Apply this plan?")?)?;
    } else {
        out.text(&plan.brief(out));
    }
    let survey = prepared.ask(way, Mode::Confirm, &zone_brake::names(allow), out)?;
    held.on_hosts(&survey, out)?;
    let local = archives::checked(&survey.compiled, missing_archives(&survey))?;
    carry_out(survey, local, Some(&held.document), &mut BTreeMap::new(), (began, out))
}

/// # Errors
/// What goes beyond the limits of the consortium or of a zone, with the options that allow it; another release of a tenant.
fn brake(plan: &PlanView, inventory: &Inventory, compiled: &Compiled, allow: &[Allowance]) -> Result<()> {
    brake::check(&plan.hosts, &inventory.consortium.limits, allow)?;
    let zone_limits = inventory.consortium.dns.as_ref().map(|dns| dns.limits.clone()).unwrap_or_default();
    zone_brake::check(&plan.hosts, &compiled.catalogs, &zone_limits, allow)?;
    releases::check(&plan.hosts, &compiled.catalogs)
}

fn must_agree(agreed: bool) -> Result<()> {
    if agreed { Ok(()) } else { Err(Failure::operation("not applied: the answer was not `yes`")) }
}

/// Changes the hosts that were asked, and records it.
fn carry_out(
    mut survey: Survey,
    archives: BTreeMap<String, PathBuf>,
    saved: Option<&Document>,
    taken: &mut BTreeMap<String, u32>,
    (began, out): (Instant, &Out),
) -> Result<()> {
    survey.progress.expect(u64::from(survey.plan().counts().fixes()));
    let mut recorder = Recorder::begin(&survey, saved)?;
    survey.revision.commit()?;
    let work = Work {
        hosts: survey.checked.keys().cloned().collect(),
        revision: survey.revision.text.clone(),
        archives,
        placements: placements(&survey),
        without: BTreeMap::new(),
    };
    let mut outcome = survey.fleet.apply(&work);
    let kind = outcome.kind();
    let recorded = recorder.end(&survey, &outcome, kind.map_or(0, Kind::exit_code));
    *taken = recorder.taken();
    recorded?;
    let undelivered = recorder.deliver(&survey);
    let Survey { inventory, fleet, progress, .. } = survey;
    outcome.ended(fleet.end());
    progress.finish();
    if let Err(failure) = undelivered {
        out.remark(&format!("the record of this run waits in the outbox: {}", failure.message));
    }
    let kind = outcome.kind();
    let names: BTreeMap<&str, &str> =
        inventory.members.values().map(|body| (body.code.as_str(), body.member.name.as_str())).collect();
    let unfinished =
        outcome.owners.iter().filter(|(_, owner)| owner.failed + owner.undone > 0 || owner.left_out.is_some());
    let summary = RunSummary {
        hosts: outcome.hosts.iter().map(|(host, ended)| summary(host, ended)).collect(),
        members: unfinished
            .map(|(owner, _)| names.get(owner.as_str()).map_or(owner.clone(), ToString::to_string))
            .collect(),
        kind,
        elapsed: began.elapsed(),
    };
    for (host, ended) in &outcome.hosts {
        out.traffic(host, ended.traffic.execs, ended.traffic.sent, ended.traffic.received);
    }
    summary.print(out);
    // The summary above has said it all.
    kind.map_or(Ok(()), |kind| Err(Failure::new(kind, "")))
}

fn missing_archives(survey: &Survey) -> BTreeSet<&String> {
    let missing = survey.checked.values().filter_map(|checked| match checked {
        Checked::Checked { archives, .. } => Some(archives.iter().map(|(hash, _)| hash)),
        _ => None,
    });
    missing.flatten().collect()
}

/// On which hosts the tenants of each member stand.
fn placements(survey: &Survey) -> BTreeMap<String, BTreeSet<String>> {
    let hosts = |body: &crate::inventory::Body| {
        body.tenants.values().flat_map(|plan| [plan.application_host.clone(), plan.database_host.clone()]).collect()
    };
    survey.inventory.members.values().map(|body| (body.code.clone(), hosts(body))).collect()
}

fn summary(host: &str, outcome: &HostOutcome) -> HostSummary {
    let (result, message) = match &outcome.state {
        HostState::Done => ("done", None),
        HostState::Partial => ("failed", outcome.archives.first().map(|failure| failure.message.clone())),
        HostState::Inconclusive => ("not all checked", None),
        HostState::Lost { failure, during } => {
            let during = during.as_ref().map(|step| format!(" (during {step})")).unwrap_or_default();
            ("lost", Some(format!("{}{during}", failure.message)))
        }
        HostState::Busy(holder) => ("busy", Some(crate::report::held(holder))),
        HostState::Unreachable(failure) => ("lost", Some(failure.message.clone())),
        HostState::Refused(failure) => ("refused", Some(failure.message.clone())),
        HostState::Untouched => ("untouched", None),
    };
    HostSummary {
        host: host.to_string(),
        result: result.to_string(),
        fixed: outcome.fixed,
        adopted: outcome.adopted,
        failures: outcome
            .failed
            .iter()
            .map(|failed| (failed.owner.clone(), failed.id.clone(), failed.message.clone()))
            .collect(),
        waiting: outcome
            .waiting
            .iter()
            .map(|waiting| (waiting.owner.clone(), waiting.id.clone(), waiting.not_before))
            .collect(),
        skipped: (outcome.skipped.len() + outcome.remaining.len()) as u32,
        message,
    }
}
