//! A plan for people: by member, then by host; removals last, counted in the summary line.

use std::collections::{BTreeMap, BTreeSet};

use super::diff::unified;
use super::out::{Colour, Out};
use crate::catalog::HOST_OWNER;
use crate::failure::Failure;
use crate::protocol::{Debt, Finding, Holder, Outcome};
use crate::resources::{Action, Change};

/// What one host answered.
#[derive(Debug, Clone)]
pub struct HostPlan {
    /// Name of the host.
    pub host: String,
    /// Its answer.
    pub state: HostState,
}

/// The answer of a host, or why there is none.
#[derive(Debug, Clone)]
pub enum HostState {
    /// It compared everything.
    Checked {
        /// What is not simply correct.
        findings: Vec<Finding>,
        /// Notifications still owed.
        debts: Vec<Debt>,
        /// How many resources are correct.
        correct: u32,
    },
    /// Somebody holds its lock.
    Busy(Holder),
    /// It could not be reached or would not answer.
    Lost(Failure),
}

/// A whole plan.
#[derive(Debug, Clone)]
pub struct PlanView {
    /// The hosts in the order of their names.
    pub hosts: Vec<HostPlan>,
    /// Names of the members by code.
    pub members: BTreeMap<String, String>,
}

/// What a plan comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Counts {
    /// Resources to create.
    pub create: u32,
    /// Resources to change.
    pub change: u32,
    /// Resources to remove.
    pub remove: u32,
    /// Resources no longer wanted that hold data and stay.
    pub keep: u32,
    /// Resources that will be known after others.
    pub known_after: u32,
    /// Resources not checked for want of a secret.
    pub not_checked: u32,
    /// Files in our folders that are not ours.
    pub foreign: u32,
    /// Resources that could not be compared.
    pub failed: u32,
    /// Notifications owed from an earlier run.
    pub owed: u32,
    /// Resources that are as they must be.
    pub correct: u32,
}

impl Counts {
    /// An apply would do something.
    pub fn pending(&self) -> bool {
        self.create + self.change + self.remove + self.known_after + self.owed > 0
    }
}

impl PlanView {
    /// Counts what the plan comes to.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for host in &self.hosts {
            let HostState::Checked { findings, debts, correct } = &host.state else { continue };
            counts.correct += correct;
            counts.owed += debts.len() as u32;
            for finding in findings {
                let counter = match &finding.outcome {
                    Outcome::Differs { action: Action::Create, .. } => &mut counts.create,
                    Outcome::Differs { action: Action::Change, .. } => &mut counts.change,
                    Outcome::Differs { action: Action::Remove, .. } => &mut counts.remove,
                    Outcome::Differs { action: Action::Keep, .. } => &mut counts.keep,
                    Outcome::KnownAfter { .. } => &mut counts.known_after,
                    Outcome::NotChecked { .. } => &mut counts.not_checked,
                    Outcome::Failed { .. } => &mut counts.failed,
                    Outcome::Foreign => &mut counts.foreign,
                };
                *counter += 1;
            }
        }
        counts
    }

    /// The plan as text.
    pub fn text(&self, out: &Out) -> String {
        let mut text = String::new();
        for owner in self.owners() {
            let name = if owner == HOST_OWNER {
                "The machines".to_string()
            } else {
                format!("{} ({owner})", self.members.get(&owner).map_or("no member file", String::as_str))
            };
            text.push_str(&format!("{}\n", out.paint(Colour::Bold, &name)));
            for host in &self.hosts {
                let lines: String = self
                    .findings(host)
                    .filter(|finding| finding.owner == owner && !is_removal(finding))
                    .map(|finding| line(out, finding))
                    .collect();
                if !lines.is_empty() {
                    text.push_str(&format!("  {}\n{lines}", host.host));
                }
            }
            text.push('\n');
        }
        text.push_str(&self.debts());
        text.push_str(&self.removals(out));
        text.push_str(&self.silent_hosts(out));
        text.push_str(&self.summary(out));
        text
    }

    /// What somebody who does not want to read it all must still see: what goes, what could not be asked, the numbers.
    pub fn brief(&self, out: &Out) -> String {
        self.debts() + &self.removals(out) + &self.silent_hosts(out) + &self.summary(out)
    }

    /// The last line of a plan.
    pub fn summary(&self, out: &Out) -> String {
        let counts = self.counts();
        let heard = self.hosts.iter().filter(|host| matches!(host.state, HostState::Checked { .. })).count();
        let fleet = format!("{} correct on {heard} of {} hosts", counts.correct, self.hosts.len());
        let mut parts = Vec::new();
        for (count, what) in [
            (counts.create, "to create"),
            (counts.change, "to change"),
            (counts.known_after, "known after others"),
            (counts.owed, "owed from an earlier run"),
            (counts.remove, "TO REMOVE"),
            (counts.keep, "kept because they hold data"),
            (counts.not_checked, "not checked"),
            (counts.foreign, "foreign"),
            (counts.failed, "could not be compared"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        if !counts.pending() {
            parts.insert(0, "no changes".to_string());
        }
        format!("{} {}; {fleet}.\n", out.paint(Colour::Bold, "Plan:"), parts.join(", "))
    }

    fn findings<'a>(&'a self, host: &'a HostPlan) -> impl Iterator<Item = &'a Finding> {
        match &host.state {
            HostState::Checked { findings, .. } => findings.iter(),
            HostState::Busy(_) | HostState::Lost(_) => [].iter(),
        }
    }

    /// Owners with something to say, the machines first, then members by name.
    fn owners(&self) -> Vec<String> {
        let with_news: BTreeSet<&String> = self
            .hosts
            .iter()
            .flat_map(|host| self.findings(host))
            .filter(|finding| !is_removal(finding))
            .map(|finding| &finding.owner)
            .collect();
        let mut owners: Vec<String> = with_news.into_iter().cloned().collect();
        owners.sort_by_key(|owner| (owner != HOST_OWNER, self.members.get(owner).cloned(), owner.clone()));
        owners
    }

    fn debts(&self) -> String {
        let mut text = String::new();
        for host in &self.hosts {
            if let HostState::Checked { debts, .. } = &host.state {
                for debt in debts {
                    text.push_str(&format!("  {}: {} is owed from an earlier run ({})\n", host.host, debt.notification, debt.owner));
                }
            }
        }
        if text.is_empty() { text } else { format!("Owed\n{text}\n") }
    }

    fn removals(&self, out: &Out) -> String {
        let mut kept = String::new();
        let mut removed = String::new();
        for host in &self.hosts {
            for finding in self.findings(host) {
                let what = format!("{}  {}  {}", host.host, finding.owner, finding.id);
                match &finding.outcome {
                    Outcome::Differs { action: Action::Keep, .. } => kept.push_str(&format!("  = {what}\n")),
                    Outcome::Differs { action: Action::Remove, .. } => {
                        removed.push_str(&format!("  {}\n", out.paint(Colour::Red, &format!("- {what}"))));
                    }
                    _ => {}
                }
            }
        }
        if !kept.is_empty() {
            kept = format!("No longer wanted, but kept because it holds data (only `offboard` deletes data)\n{kept}\n");
        }
        if !removed.is_empty() {
            removed = format!("To be REMOVED\n{removed}\n");
        }
        kept + &removed
    }

    fn silent_hosts(&self, out: &Out) -> String {
        let mut text = String::new();
        for host in &self.hosts {
            match &host.state {
                HostState::Checked { .. } => {}
                HostState::Busy(lock) => text.push_str(&format!("{}: busy: {}\n", host.host, holder(lock))),
                HostState::Lost(failure) => {
                    text.push_str(&format!("{}\n", out.paint(Colour::Red, &format!("{}: {}", host.host, failure.message))));
                    for hint in &failure.hints {
                        text.push_str(&format!("  hint: {hint}\n"));
                    }
                }
            }
        }
        if text.is_empty() { text } else { text + "\n" }
    }
}

/// Who holds a lock, from where, for what, since when.
pub fn holder(holder: &Holder) -> String {
    let Holder { operator, verb, since } = holder;
    let since = crate::evidence::clock::local_time(*since);
    format!("{}@{} holds the lock for `{verb}` since {since}", operator.user, operator.machine)
}

fn is_removal(finding: &Finding) -> bool {
    matches!(finding.outcome, Outcome::Differs { action: Action::Remove | Action::Keep, .. })
}

fn line(out: &Out, finding: &Finding) -> String {
    let by_hand = if finding.drifted { "  (changed on the host by hand)" } else { "" };
    match &finding.outcome {
        Outcome::Differs { action: Action::Create, changes } => {
            let mut text = format!("    {}\n", out.paint(Colour::Green, &format!("+ {}{by_hand}", finding.id)));
            if out.is_verbose() {
                text.extend(changes.iter().map(|change| field(out, change)));
            }
            text
        }
        Outcome::Differs { changes, .. } => {
            let mut text = format!("    {}\n", out.paint(Colour::Yellow, &format!("~ {}{by_hand}", finding.id)));
            text.extend(changes.iter().map(|change| field(out, change)));
            text
        }
        Outcome::KnownAfter { needs } => format!("    ? {}  known after {needs}\n", finding.id),
        Outcome::NotChecked { why } => format!("    ? {}  {why}\n", finding.id),
        Outcome::Failed { message } => format!("    {}\n", out.paint(Colour::Red, &format!("! {}  {message}", finding.id))),
        Outcome::Foreign => format!("    ! {}  is not ours; left alone\n", finding.id),
    }
}

fn field(out: &Out, change: &Change) -> String {
    let name = &change.field;
    match (&change.before, &change.after) {
        _ if change.secret => format!("        {name}: differs (secret, not shown)\n"),
        (Some(before), Some(after)) if before.contains('\n') || after.contains('\n') => {
            format!("        {name}:\n{}", unified(out, before, after, "          "))
        }
        (None, Some(after)) if after.contains('\n') => {
            format!("        {name}:\n{}", unified(out, "", after, "          "))
        }
        (Some(before), Some(after)) => format!("        {name}: {before} -> {after}\n"),
        (None, Some(after)) => format!("        {name}: {after}\n"),
        (Some(before), None) => format!("        {name}: {before} -> (none)\n"),
        (None, None) => format!("        {name}: differs\n"),
    }
}
