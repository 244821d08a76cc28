//! The record of a run: begun in the outbox before the first write, ended with its outcome, delivered to the control host.

use std::collections::{BTreeMap, BTreeSet};

use super::survey::Survey;
use crate::evidence::{
    ChangeRecord, Ending, FailureRecord, HostRecord, InventoryRecord, MemberRecord, Outbox, PlanRecord, Record,
    Running, SelectionRecord, SignOffRecord, Who,
};
use crate::failure::{Failure, Result};
use crate::fleet::{Checked, Fleet, HostOutcome, HostState, Outcome};
use crate::protocol::Outcome as Found;
use crate::resources::Action;
use crate::saved::{Document, SignOff};

/// The record of this run.
pub(super) struct Recorder {
    outbox: Outbox,
    record: Record,
    running: Option<Running>,
    began: std::time::Instant,
}

impl Recorder {
    /// Puts a record of what is about to be done into the outbox: it is there even when this process is killed.
    pub(super) fn begin(survey: &Survey, saved: Option<&Document>) -> Result<Recorder> {
        let mut record = Record::begin("apply", survey.who(), survey.inventory_record())?;
        record.selection = survey.selection_record();
        record.plan = saved.map(|document| plan_record(document, &survey.inventory.consortium.technicians));
        let outbox = Outbox::of(&survey.inventory, |name| std::env::var_os(name))?;
        let running = Some(outbox.begin(&record)?);
        Ok(Recorder { outbox, record, running, began: std::time::Instant::now() })
    }

    /// Writes down what came of it.
    pub(super) fn end(&mut self, survey: &Survey, outcome: &Outcome, exit: u8) -> Result<()> {
        let milliseconds = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        for (host, ended) in &outcome.hosts {
            self.host(survey, host, ended, milliseconds);
        }
        let touched = |code: &String| survey.selection.owners.is_empty() || survey.selection.owners.contains(code);
        for body in survey.inventory.members.values().filter(|body| touched(&body.code)) {
            let result = match outcome.owners.get(&body.code) {
                Some(owner) if owner.failed > 0 => Ending::Failed,
                Some(owner) if owner.undone > 0 || owner.left_out.is_some() => Ending::Skipped,
                _ => Ending::Done,
            };
            self.record.members.push(MemberRecord { code: body.code.clone(), name: body.member.name.clone(), result });
        }
        self.record.end(exit);
        self.running.take().map_or(Ok(()), |running| running.finish(&self.record))
    }

    /// How many resources each host has taken away, as far as that is proven.
    pub(super) fn taken(&self) -> BTreeMap<String, u32> {
        self.record.taken()
    }

    fn host(&mut self, survey: &Survey, host: &str, ended: &HostOutcome, milliseconds: u64) {
        let (findings, correct) = match survey.checked.get(host) {
            Some(Checked::Checked { findings, correct, .. }) => (findings.as_slice(), *correct),
            _ => ([].as_slice(), 0),
        };
        let undone: BTreeSet<&str> = ended
            .failed
            .iter()
            .map(|failed| failed.id.as_str())
            .chain(ended.skipped.iter().chain(&ended.remaining).map(|(id, _)| id.as_str()))
            .collect();
        let done: BTreeMap<&str, _> = findings
            .iter()
            .filter(|finding| !undone.contains(finding.id.as_str()))
            .map(|finding| (finding.id.as_str(), finding))
            .collect();
        for (id, finding) in done {
            let action = match &finding.outcome {
                Found::Differs { action: Action::Adopt, .. } if ended.adopted == 0 => continue,
                Found::Differs { action: Action::Wait, .. } => continue,
                Found::Differs { action, .. } => *action,
                Found::KnownAfter { .. } => Action::Create,
                _ => continue,
            };
            self.record.changes.push(ChangeRecord {
                host: host.to_string(),
                id: id.to_string(),
                owner: finding.owner.clone(),
                action,
            });
        }
        let fail = |id: Option<String>, message: &str| FailureRecord {
            host: host.to_string(),
            id,
            message: message.to_string(),
        };
        self.record.failures.extend(ended.failed.iter().map(|failed| fail(Some(failed.id.clone()), &failed.message)));
        let result = match &ended.state {
            HostState::Done | HostState::Untouched => Ending::Done,
            HostState::Partial | HostState::Inconclusive => Ending::Failed,
            HostState::Busy(_) => Ending::Busy,
            HostState::Lost { failure, .. } | HostState::Unreachable(failure) => {
                self.record.failures.push(fail(None, &failure.message));
                Ending::Unreachable
            }
            HostState::Refused(failure) => {
                self.record.failures.push(fail(None, &failure.message));
                Ending::Refused
            }
        };
        self.record.hosts.push(HostRecord {
            name: host.to_string(),
            result,
            correct,
            changed: ended.fixed,
            failed: ended.failed.len() as u32,
            milliseconds,
        });
    }

    /// Delivers all that waits to the control host, the oldest first.
    ///
    /// # Errors
    /// When it cannot be reached or there is none; the records stay in the outbox.
    pub(super) fn deliver(&self, survey: &Survey) -> Result<()> {
        deliver(&self.outbox, &survey.fleet, survey.control_host())
    }
}

/// Delivers all that waits in an outbox, the oldest first.
///
/// # Errors
/// When there is no control host, or it cannot be reached; the records stay in the outbox.
pub(super) fn deliver(outbox: &Outbox, fleet: &Fleet, control: Option<&str>) -> Result<()> {
    let control = control.ok_or_else(|| Failure::inventory("no host has the role `control`"))?;
    let _alone = outbox.deliverer()?;
    let waiting = outbox.undelivered()?;
    if waiting.pending.is_empty() {
        return Ok(());
    }
    let records = waiting.pending.iter().map(|pending| pending.record.clone()).collect();
    fleet.append(control, records)?;
    outbox.delivered(&waiting.pending)
}

fn plan_record(document: &Document, technicians: &BTreeMap<String, String>) -> PlanRecord {
    let sign_off = |made: &SignOff| SignOffRecord {
        who: made.who.clone(),
        at: made.at.clone(),
        technician: made.technician(technicians).map(str::to_string),
    };
    PlanRecord {
        sign_offs: document.sign_offs.iter().map(sign_off).collect(),
        digest: document.digest.clone(),
        made: document.plan.made.clone(),
        planner: document.plan.planner.clone(),
    }
}

impl Survey {
    /// Who runs this: with the key that the hosts' sshd saw.
    pub(super) fn who(&self) -> Who {
        let seen = self.checked.values().find_map(|checked| match checked {
            Checked::Checked { fingerprint, .. } => fingerprint.clone(),
            _ => None,
        });
        Who { fingerprint: seen, ..Who::from(&self.operator) }
    }

    pub(super) fn inventory_record(&self) -> InventoryRecord {
        InventoryRecord {
            revision: self.revision.text.clone(),
            dirty: self.revision.dirty,
            digest: self.inventory.digest.clone(),
        }
    }

    pub(super) fn selection_record(&self) -> SelectionRecord {
        SelectionRecord {
            owners: self.selection.owners.iter().cloned().collect(),
            hosts: self.selection.hosts.iter().cloned().collect(),
            areas: self.selection.areas.iter().copied().collect(),
        }
    }
}
