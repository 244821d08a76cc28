//! Who is asked for what in which stage, who is left out, and what became of it. No connection, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::conversation::{Checked, Progress};
use super::outcome::{HostOutcome, HostState, Outcome, Waiting};
use crate::catalog::{HOST_OWNER, Stage};
use crate::failure::{Failure, Kind};
use crate::protocol::{Finding, Outcome as Found};
use crate::resources::{Action, Step};

/// What an apply shall do with the hosts that were compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// The hosts to go on with; the others are left as they are.
    pub hosts: BTreeSet<String>,
    /// The inventory revision. Hosts that will change write it down before; complete ones again, with the baseline.
    pub revision: String,
    /// Where the archives of the named hashes lie on this machine.
    pub archives: BTreeMap<String, PathBuf>,
    /// On which hosts each member's tenants are placed: a member is left out when one of its hosts is lost.
    pub placements: BTreeMap<String, BTreeSet<String>>,
    /// Members to leave out from the start, with why.
    pub without: BTreeMap<String, String>,
}

/// The state of an apply.
pub(super) struct Ledger {
    hosts: BTreeMap<String, Account>,
    placements: BTreeMap<String, BTreeSet<String>>,
    left_out: BTreeMap<String, String>,
    revision: String,
}

struct Account {
    /// Ids with their owners, by stage.
    pending: BTreeMap<Stage, BTreeMap<String, String>>,
    /// Fixed resources' owners.
    fixed: Vec<String>,
    debts: bool,
    /// Something owned by the host itself has failed here.
    host_failed: bool,
    /// Something could not be compared for want of a secret.
    unchecked: bool,
    recorded_before: bool,
    /// It was told the revision in this run, before its first change.
    claimed: bool,
    outcome: HostOutcome,
}

impl Account {
    fn new(state: HostState) -> Account {
        Account {
            pending: BTreeMap::new(),
            fixed: Vec::new(),
            debts: false,
            host_failed: false,
            unchecked: false,
            recorded_before: false,
            claimed: false,
            outcome: HostOutcome::new(state),
        }
    }

    fn takes_part(&self) -> bool {
        matches!(self.outcome.state, HostState::Done)
    }

    fn is_empty(&self) -> bool {
        self.pending.values().all(BTreeMap::is_empty)
    }
}

/// Whether a stage has to deal with a finding. One that could not be told is tried again: what it needs may have been
/// made in an earlier stage on another host.
fn is_work(finding: &Finding) -> bool {
    match &finding.outcome {
        Found::Differs { action: Action::Adopt | Action::Keep | Action::Wait, .. } => false,
        Found::Differs { .. } => true,
        Found::KnownAfter { .. } | Found::Failed { .. } => true,
        Found::NotChecked { .. } | Found::Foreign => false,
    }
}

fn waiting(finding: &Finding) -> Option<Waiting> {
    let Found::Differs { action: Action::Wait, changes } = &finding.outcome else { return None };
    let times = changes.iter().filter_map(|change| match change.step {
        Some(Step::Second { not_before }) => Some(not_before),
        _ => None,
    });
    Some(Waiting { id: finding.id.clone(), owner: finding.owner.clone(), not_before: times.min()? })
}

fn is_adopted(finding: &Finding) -> bool {
    matches!(finding.outcome, Found::Differs { action: Action::Adopt, .. })
}

impl Ledger {
    pub(super) fn new(checked: &BTreeMap<String, Checked>, work: &Work) -> Ledger {
        let mut ledger = Ledger {
            hosts: BTreeMap::new(),
            placements: work.placements.clone(),
            left_out: work.without.clone(),
            revision: work.revision.clone(),
        };
        for (host, checked) in checked {
            let account = match checked {
                Checked::Checked { hold, findings, .. } => {
                    let selected = work.hosts.contains(host);
                    let mut account = Account::new(if selected { HostState::Done } else { HostState::Untouched });
                    if selected {
                        account.debts = !hold.debts.is_empty();
                        account.recorded_before = hold.revision.as_ref() == Some(&work.revision);
                        account.unchecked =
                            findings.iter().any(|finding| matches!(finding.outcome, Found::NotChecked { .. }));
                        let adopted = findings.iter().filter(|finding| is_adopted(finding)).count();
                        account.outcome.waiting = findings.iter().filter_map(waiting).collect();
                        account.outcome.adopted = u32::try_from(adopted).unwrap_or(u32::MAX);
                        for finding in findings.iter().filter(|finding| is_work(finding)) {
                            let stage = account.pending.entry(finding.stage).or_default();
                            stage.insert(finding.id.clone(), finding.owner.clone());
                        }
                    }
                    account
                }
                Checked::Busy(holder) => Account::new(HostState::Busy(holder.clone())),
                Checked::Unreachable(failure) => Account::new(HostState::Unreachable(failure.clone())),
                Checked::Refused(failure) => Account::new(HostState::Refused(failure.clone())),
            };
            ledger.hosts.insert(host.clone(), account);
        }
        for (host, checked) in checked {
            let why = match checked {
                Checked::Checked { .. } => continue,
                Checked::Busy(_) => format!("somebody else works on host `{host}`"),
                Checked::Unreachable(_) => format!("host `{host}` cannot be reached"),
                Checked::Refused(_) => format!("host `{host}` refuses"),
            };
            ledger.leave_out_placed(host, &why);
        }
        ledger
    }

    /// The hosts that must do something in this stage, each with the owners that it leaves out.
    pub(super) fn asked(&self, stage: Stage) -> BTreeMap<String, BTreeSet<String>> {
        let mut asked = BTreeMap::new();
        for (host, account) in self.hosts.iter().filter(|(_, account)| account.takes_part()) {
            let mut without: BTreeSet<String> = self.left_out.keys().cloned().collect();
            if account.host_failed {
                without.insert(HOST_OWNER.to_string());
            }
            let pending = account.pending.get(&stage);
            let work = pending.is_some_and(|pending| pending.values().any(|owner| !without.contains(owner)));
            let debts = account.debts && stage == Stage::ALL[0];
            if work || debts {
                asked.insert(host.clone(), without);
            }
        }
        asked
    }

    /// The revision, when a host must write it down before its first change: a run that fails or is cut off has done
    /// newer work too, and an older checkout must not undo it.
    pub(super) fn claim(&mut self, host: &str) -> Option<String> {
        let account = self.hosts.get_mut(host).filter(|account| !account.recorded_before && !account.claimed)?;
        account.claimed = true;
        Some(self.revision.clone())
    }

    /// The hosts that take part, for what comes before the first stage.
    pub(super) fn taking_part(&self) -> Vec<String> {
        self.hosts.iter().filter(|(_, account)| account.takes_part()).map(|(host, _)| host.clone()).collect()
    }

    /// An archive could not be brought to a host. Its releases will fail there with their owners; no more is lost.
    pub(super) fn archive_failed(&mut self, host: &str, failure: Failure) {
        if let Some(account) = self.hosts.get_mut(host) {
            account.outcome.archives.push(failure);
        }
    }

    /// Enters what happened on a host in a stage. Answers with the owners that are left out from now on, and why.
    pub(super) fn enter(
        &mut self,
        host: &str,
        stage: Stage,
        progress: Progress,
        lost: Option<Failure>,
    ) -> Vec<(String, String)> {
        let Some(account) = self.hosts.get_mut(host) else { return Vec::new() };
        let mut settled: BTreeSet<String> = BTreeSet::new();
        for (id, owner) in progress.fixed {
            account.outcome.fixed += 1;
            account.fixed.push(owner);
            settled.insert(id);
        }
        // What a host says of it later is what counts.
        let news = |id: &String| settled.contains(id) || progress.waiting.iter().any(|waiting| waiting.id == *id);
        account.outcome.waiting.retain(|waiting| !news(&waiting.id));
        account.outcome.waiting.extend(progress.waiting);
        let mut reasons = Vec::new();
        for failure in &progress.failed {
            settled.insert(failure.id.clone());
            reasons.push((failure.owner.clone(), format!("{} failed on host `{host}`", failure.id)));
        }
        settled.extend(progress.skipped.iter().map(|(id, _)| id.clone()));
        account.outcome.failed.extend(progress.failed);
        account.outcome.skipped.extend(progress.skipped);
        account.outcome.notified.extend(progress.notified);
        if progress.complete {
            // What the host did not mention was found correct after all.
            account.pending.remove(&stage);
        } else if let Some(pending) = account.pending.get_mut(&stage) {
            pending.retain(|id, _| !settled.contains(id));
        }
        let before: BTreeSet<String> = self.left_out.keys().cloned().collect();
        for (owner, why) in reasons {
            if owner == HOST_OWNER {
                if let Some(account) = self.hosts.get_mut(host) {
                    account.host_failed = true;
                }
                self.leave_out_placed(host, &why);
            } else {
                self.left_out.entry(owner).or_insert(why);
            }
        }
        if let Some(failure) = lost {
            self.lose(host, failure, progress.during);
        }
        let now = self.left_out.iter().filter(|(owner, _)| !before.contains(*owner));
        now.map(|(owner, why)| (owner.clone(), why.clone())).collect()
    }

    /// The stream to a host is gone: it takes no part any more, nor do the members placed there.
    pub(super) fn lose(&mut self, host: &str, failure: Failure, during: Option<String>) {
        if let Some(account) = self.hosts.get_mut(host).filter(|account| account.takes_part()) {
            account.outcome.state = HostState::Lost { failure, during };
            // Perhaps it was told in time; the next plan knows.
            account.outcome.adopted = 0;
            self.leave_out_placed(host, &format!("host `{host}` was lost"));
        }
    }

    fn leave_out_placed(&mut self, host: &str, why: &str) {
        for (owner, hosts) in &self.placements {
            if hosts.contains(host) {
                self.left_out.entry(owner.clone()).or_insert_with(|| why.to_string());
            }
        }
    }

    /// Hosts on which nothing was left undone and that do not have the revision yet, or forget removals with it.
    pub(super) fn to_record(&self) -> Vec<String> {
        let complete = |account: &&Account| {
            account.takes_part()
                && account.is_empty()
                && !account.unchecked
                && account.outcome.failed.is_empty()
                && account.outcome.skipped.is_empty()
        };
        let new = |account: &Account| !account.recorded_before || account.outcome.fixed > 0;
        let hosts = self.hosts.iter().filter(|(_, account)| complete(account) && new(account));
        hosts.map(|(host, _)| host.clone()).collect()
    }

    pub(super) fn recorded(&mut self, host: &str) {
        if let Some(account) = self.hosts.get_mut(host) {
            account.outcome.recorded = true;
        }
    }

    /// The revision to record.
    pub(super) fn revision(&self) -> &str {
        &self.revision
    }

    pub(super) fn close(self, stopped: Option<Kind>) -> Outcome {
        let mut outcome = Outcome { stopped, ..Outcome::default() };
        for (owner, why) in self.left_out {
            outcome.owners.entry(owner).or_default().left_out = Some(why);
        }
        for (host, account) in self.hosts {
            let mut ended = account.outcome;
            ended.remaining = account.pending.into_values().flatten().collect();
            for owner in account.fixed {
                outcome.owners.entry(owner).or_default().fixed += 1;
            }
            for failure in &ended.failed {
                outcome.owners.entry(failure.owner.clone()).or_default().failed += 1;
            }
            for (_, owner) in ended.skipped.iter().chain(&ended.remaining) {
                outcome.owners.entry(owner.clone()).or_default().undone += 1;
            }
            if ended.state == HostState::Done {
                let undone = !(ended.failed.is_empty() && ended.skipped.is_empty() && ended.remaining.is_empty());
                ended.state = match (undone, account.unchecked) {
                    (true, _) => HostState::Partial,
                    (false, true) => HostState::Inconclusive,
                    (false, false) => HostState::Done,
                };
            }
            outcome.hosts.insert(host, ended);
        }
        outcome
    }
}
