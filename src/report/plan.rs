//! A plan for people: by member, then by host; removals last, counted in the summary line.

use std::collections::{BTreeMap, BTreeSet};

use super::diff::unified;
use super::out::{Colour, Out, indented, visible};
use super::table;
use crate::catalog::HOST_OWNER;
use crate::evidence::clock::local_time;
use crate::failure::Failure;
use crate::protocol::{Debt, Finding, Holder, Outcome};
use crate::resources::{Action, Change, Step};

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
    /// Resources that are there as they must be and not ours: to take over as they are.
    pub adopt: u32,
    /// Resources that are there and not ours: to change and take over.
    pub adopt_and_change: u32,
    /// Resources to remove.
    pub remove: u32,
    /// Resources no longer wanted that hold data and stay.
    pub keep: u32,
    /// Resources that are as far as they can be now; an apply after their time goes on.
    pub wait: u32,
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
        self.fixes() + self.adopt + self.owed > 0
    }

    /// Resources with which an apply will have something to do on the host itself.
    pub fn fixes(&self) -> u32 {
        self.create + self.change + self.adopt_and_change + self.remove + self.known_after
    }

    /// An apply may change something: what could not be told now is tried again in its stage, and changed then.
    pub fn may_change(&self) -> bool {
        self.pending() || self.failed > 0
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
                    Outcome::Differs { action: Action::Adopt, .. } => &mut counts.adopt,
                    Outcome::Differs { action: Action::AdoptAndChange, .. } => &mut counts.adopt_and_change,
                    Outcome::Differs { action: Action::Remove, .. } => &mut counts.remove,
                    Outcome::Differs { action: Action::Keep, .. } => &mut counts.keep,
                    Outcome::Differs { action: Action::Wait, .. } => &mut counts.wait,
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
            let heading = if owner == HOST_OWNER { "The machines".to_string() } else { self.whose(&owner) };
            text.push_str(&format!("{}\n", out.paint(Colour::Bold, &heading)));
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
        text.push_str(&self.kept());
        text.push_str(&self.silent_hosts(out));
        text.push_str(&self.removals(out));
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
        let of_state = |wanted: fn(&HostState) -> bool| self.hosts.iter().filter(|host| wanted(&host.state)).count();
        let heard = of_state(|state| matches!(state, HostState::Checked { .. }));
        let mut fleet = format!("{} correct on {heard} of {} hosts", counts.correct, self.hosts.len());
        for (count, what) in [
            (of_state(|state| matches!(state, HostState::Busy(_))), "busy"),
            (of_state(|state| matches!(state, HostState::Lost(_))), "NOT REACHED"),
        ] {
            if count > 0 {
                fleet.push_str(&format!(", {count} {what}"));
            }
        }
        let mut parts = Vec::new();
        for (count, what) in [
            (counts.create, "to create"),
            (counts.change, "to change"),
            (counts.adopt, "to adopt"),
            (counts.adopt_and_change, "to adopt and change"),
            (counts.wait, "waiting for their time"),
            (counts.known_after, "known after others"),
            (counts.owed, "owed from an earlier run"),
            (counts.remove, "TO REMOVE"),
            (counts.keep, "kept because they hold data"),
            (counts.not_checked, "not checked"),
            (counts.foreign, "not ours"),
            (counts.failed, "could not be compared"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        if !counts.pending() {
            // What was not looked at may hide changes.
            let whole = heard == self.hosts.len() && counts.not_checked + counts.failed == 0;
            let words = match (whole, counts.wait) {
                (true, 0) => "no changes",
                (true, _) => "no changes now",
                (false, _) => "no changes in what could be compared",
            };
            parts.insert(0, words.to_string());
        }
        format!("{} {}; {fleet}.\n", out.paint(Colour::Bold, "Plan:"), parts.join(", "))
    }

    /// An owner as people know it.
    fn whose(&self, owner: &str) -> String {
        match self.members.get(owner) {
            _ if owner == HOST_OWNER => "the machine".to_string(),
            Some(name) => format!("{name} ({owner})"),
            None => format!("{owner} (no member file)"),
        }
    }

    fn findings<'a>(&'a self, host: &'a HostPlan) -> impl Iterator<Item = &'a Finding> {
        match &host.state {
            HostState::Checked { findings, .. } => findings.iter(),
            HostState::Busy(_) | HostState::Lost(_) => [].iter(),
        }
    }

    /// Owners with something to say: the machines, then members by name, then codes without a member.
    fn owners(&self) -> Vec<String> {
        let with_news: BTreeSet<&String> = self
            .hosts
            .iter()
            .flat_map(|host| self.findings(host))
            .filter(|finding| !is_removal(finding))
            .map(|finding| &finding.owner)
            .collect();
        let mut owners: Vec<String> = with_news.into_iter().cloned().collect();
        owners.sort_by_cached_key(|owner| {
            let name = self.members.get(owner);
            (owner != HOST_OWNER, name.is_none(), name.cloned(), owner.clone())
        });
        owners
    }

    fn debts(&self) -> String {
        let mut text = String::new();
        for host in &self.hosts {
            if let HostState::Checked { debts, .. } = &host.state {
                for debt in debts {
                    text.push_str(&format!(
                        "  {}: {} is owed from an earlier run, since {}, for {}\n",
                        host.host,
                        debt.notification,
                        local_time(debt.since),
                        self.whose(&debt.owner)
                    ));
                }
            }
        }
        if text.is_empty() { text } else { format!("Owed: the next apply does it\n{text}\n") }
    }

    fn kept(&self) -> String {
        let text = table(&self.rows(Action::Keep, "  ="));
        if text.is_empty() {
            return text;
        }
        format!("No longer wanted, but kept because they hold data (an apply never deletes data)\n{text}\n")
    }

    fn removals(&self, out: &Out) -> String {
        let lines = table(&self.rows(Action::Remove, "  -"));
        if lines.is_empty() {
            return lines;
        }
        let painted: String = lines.lines().map(|line| out.paint(Colour::Red, line) + "\n").collect();
        format!("{}\n{painted}\n", out.paint(Colour::Bold, "To be REMOVED"))
    }

    /// Host, owner and resource of everything with this action.
    fn rows(&self, wanted: Action, sign: &str) -> Vec<Vec<String>> {
        let row = |host: &HostPlan, finding: &Finding| {
            vec![
                format!("{sign} {}", host.host),
                self.whose(&finding.owner),
                visible(&finding.id).into_owned(),
                by_hand(finding).trim_start().to_string(),
            ]
        };
        let mut rows = Vec::new();
        for host in &self.hosts {
            let with =
                |finding: &&Finding| matches!(finding.outcome, Outcome::Differs { action, .. } if action == wanted);
            rows.extend(self.findings(host).filter(with).map(|finding| row(host, finding)));
        }
        rows
    }

    /// The hosts that could not be compared, with why.
    pub fn silent_hosts(&self, out: &Out) -> String {
        let mut text = String::new();
        for host in &self.hosts {
            match &host.state {
                HostState::Checked { .. } => {}
                HostState::Busy(holder) => text.push_str(&format!("  {}: busy: {}\n", host.host, held(holder))),
                HostState::Lost(failure) => {
                    let (first, rest) = first_line(&failure.message);
                    let heading = format!("  {}: {first}", host.host);
                    text.push_str(&format!("{}\n{}", out.paint(Colour::Red, &heading), indented(rest, "    ")));
                    text.extend(failure.hints.iter().map(|hint| indented(&format!("hint: {hint}"), "    ")));
                }
            }
        }
        if text.is_empty() { text } else { format!("Not compared\n{text}\n") }
    }
}

/// Who holds a lock, for what, since when.
pub fn held(holder: &Holder) -> String {
    let who = &holder.operator;
    format!("{}@{} holds the lock for `{}` since {}", who.user, who.machine, holder.verb, local_time(holder.since))
}

fn is_removal(finding: &Finding) -> bool {
    matches!(finding.outcome, Outcome::Differs { action: Action::Remove | Action::Keep, .. })
}

fn by_hand(finding: &Finding) -> &'static str {
    if finding.drifted { "  (changed on the host by hand)" } else { "" }
}

fn line(out: &Out, finding: &Finding) -> String {
    let id = visible(&finding.id);
    let by_hand = by_hand(finding);
    match &finding.outcome {
        Outcome::Differs { action: Action::Create, changes } => {
            let mut text = format!("    {}\n", out.paint(Colour::Green, &format!("+ {id}{by_hand}")));
            if out.is_verbose() {
                text.extend(changes.iter().map(|change| field(out, change, true)));
            }
            text
        }
        Outcome::Differs { action: Action::Adopt, .. } => {
            format!("    = {id}  adopted as it is: it was there before us\n")
        }
        Outcome::Differs { action, changes } => {
            let news = match action {
                Action::AdoptAndChange => "  adopted and changed: it was there before us",
                Action::Wait => "  as far as it can be now",
                _ => "",
            };
            let mut text = format!("    {}\n", out.paint(Colour::Yellow, &format!("~ {id}{by_hand}{news}")));
            text.extend(changes.iter().map(|change| field(out, change, false)));
            text
        }
        Outcome::KnownAfter { needs } => format!("    ? {id}  known after {needs}\n"),
        Outcome::NotChecked { why } => {
            let why = why.strip_prefix("not checked: ").unwrap_or(why);
            format!("    ? {id}  not checked: {}\n", visible(why))
        }
        Outcome::Failed { message } => {
            let (first, rest) = first_line(message);
            let heading = out.paint(Colour::Red, &format!("! {id}  could not be compared: {first}"));
            format!("    {heading}\n{}", indented(rest, "        "))
        }
        Outcome::Foreign => format!("    ! {id}  is not ours; left alone\n"),
    }
}

/// One field that differs. Of something new, only what it will be is told.
fn field(out: &Out, change: &Change, new: bool) -> String {
    let name = &change.field;
    if change.secret {
        return format!("        {name}: differs (secret, not shown)\n");
    }
    let lines = |value: &Option<String>| value.as_deref().is_some_and(|value| value.contains('\n'));
    if lines(&change.before) || lines(&change.after) {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        return format!("        {name}:\n{}", unified(out, &text(&change.before), &text(&change.after), "          "));
    }
    match (&change.before, &change.after) {
        (None, None) => format!("        {name}: differs\n"),
        (None, Some(after)) if new => format!("        {name}: {}\n", value(Some(after))),
        (before, after) => {
            let line = format!("        {name}: {} -> {}\n", value(before.as_deref()), value(after.as_deref()));
            line + &change.step.as_ref().map(|step| step_words(name, step)).unwrap_or_default()
        }
    }
}

/// How long a change takes to reach everybody.
fn step_words(name: &str, step: &Step) -> String {
    let words = match step {
        Step::Whole { remembered } => format!(
            "others may go on with the former for {remembered} s; `move_ttl` in the inventory moves it in two steps instead"
        ),
        Step::First { then, after } => format!(
            "step 1 of 2: {} comes with an apply {after} s after this one, when nobody has it with its old TTL any more",
            value(then.as_deref())
        ),
        Step::Second { not_before } => format!(
            "step 2 of 2, not before {}: until then others may have it with its old TTL (--allow {name}/now moves it at once)",
            local_time(*not_before)
        ),
    };
    format!("            {words}\n")
}

/// A value on one line; what cannot be seen gets a word.
fn value(value: Option<&str>) -> String {
    match value {
        None => "(none)".to_string(),
        Some("") => "(empty)".to_string(),
        Some(value) => visible(value).into_owned(),
    }
}

fn first_line(message: &str) -> (String, &str) {
    let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
    (visible(first).into_owned(), rest)
}
