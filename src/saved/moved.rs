//! What is not any more as it was when the plan was made: found here before any host is asked, then on the hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::form::{Plan, PlannedHost};
use super::ground::{Ground, Wanted};
use crate::failure::Failure;
use crate::protocol::{Debt, Finding, Outcome};
use crate::resources::Action;

/// One thing that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The host; `None` when it concerns all.
    pub host: Option<String>,
    /// The resource, secret or notification; `None` when it concerns all of the host.
    pub id: Option<String>,
    /// Where it was moved.
    pub cause: Cause,
    /// What is otherwise now.
    pub what: String,
}

/// Where something was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// On the host, by whoever.
    Host,
    /// In the files of the inventory.
    Inventory,
    /// In the inventory's own templates or playbooks.
    Templates,
    /// Files of both kinds were changed, so it cannot be told which.
    InventoryOrTemplates,
    /// A secret was set anew, or cannot be read here.
    Secret,
    /// The program that compares on the hosts is another one.
    HostHalf,
    /// Another comuni, with other playbooks and templates in it.
    Tool,
}

/// What a host answered when it was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// How many resources are correct.
    pub correct: u32,
    /// What is not simply correct.
    pub findings: Vec<Finding>,
    /// Notifications still owed.
    pub debts: Vec<Debt>,
}

impl Cause {
    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Host => "host",
            Cause::Inventory => "inventory",
            Cause::Templates => "templates",
            Cause::InventoryOrTemplates => "inventory_or_templates",
            Cause::Secret => "secret",
            Cause::HostHalf => "host_half",
            Cause::Tool => "comuni",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Cause::Host => "changed on the host",
            Cause::Inventory => "the inventory",
            Cause::Templates => "templates or playbooks",
            Cause::InventoryOrTemplates => "the inventory, or templates or playbooks",
            Cause::Secret => "secrets",
            Cause::HostHalf => "the host half",
            Cause::Tool => "the playbooks and templates that are built into comuni",
        }
    }
}

/// Compares what the plan stands on with what this machine says now.
pub fn on_this_machine(plan: &Plan, now: &Ground) -> Vec<Moved> {
    let mut moved = Vec::new();
    if plan.host_half != now.host_half {
        let what = format!(
            "planned with the one of comuni {} ({}), this one is {}",
            plan.tool,
            short(&plan.host_half),
            short(&now.host_half)
        );
        moved.push(Moved { host: None, id: None, cause: Cause::HostHalf, what });
    }
    let cause = cause_of(&changed_files(plan, now));
    let planned: BTreeMap<&str, &PlannedHost> = plan.hosts.iter().map(|host| (host.name.as_str(), host)).collect();
    for (name, wanted) in &now.hosts {
        let whole = |what: &str| Moved { host: Some(name.clone()), id: None, cause, what: what.to_string() };
        match planned.get(name.as_str()) {
            None => moved.push(whole("this host is new")),
            Some(host) => compare_wanted(host, wanted, cause, &mut moved),
        }
    }
    for name in planned.keys().filter(|name| !now.hosts.contains_key(**name)) {
        let what = "this host is not there any more".to_string();
        moved.push(Moved { host: Some(name.to_string()), id: None, cause, what });
    }
    moved
}

fn compare_wanted(host: &PlannedHost, now: &Wanted, cause: Cause, moved: &mut Vec<Moved>) {
    let mut note = |id: &str, cause: Cause, what: String| {
        moved.push(Moved { host: Some(host.name.clone()), id: Some(id.to_string()), cause, what });
    };
    for id in both(&host.wanted, &now.resources) {
        let what = match (host.wanted.get(id), now.resources.get(id)) {
            (before, after) if before == after => continue,
            (None, _) => "is wanted since",
            (_, None) => "is not wanted any more",
            _ => "must be something else now",
        };
        note(id, cause, what.to_string());
    }
    for token in both(&host.secrets, &now.secrets) {
        let what = match (host.secrets.get(token), now.secrets.get(token)) {
            (before, after) if before == after => continue,
            (Some(before), Some(after)) => format!("was set anew: its id was {before} and is {after}"),
            (Some(_), None) => "has no value here, or none of your identities opens it".to_string(),
            (None, _) => "is given since".to_string(),
        };
        note(token, Cause::Secret, what);
    }
}

fn both<'a>(one: &'a BTreeMap<String, String>, other: &'a BTreeMap<String, String>) -> BTreeSet<&'a String> {
    one.keys().chain(other.keys()).collect()
}

/// The files that changed, came or went.
fn changed_files<'a>(plan: &'a Plan, now: &'a Ground) -> Vec<&'a str> {
    let differs = |name: &&String| plan.sources.get(*name) != now.sources.get(*name);
    both(&plan.sources, &now.sources).into_iter().filter(differs).map(String::as_str).collect()
}

fn cause_of(files: &[&str]) -> Cause {
    let template = |file: &&str| file.split('/').any(|part| part == "templates" || part == "playbooks");
    let templates = files.iter().filter(|file| template(file)).count();
    match (files.len() - templates, templates) {
        (0, 0) => Cause::Tool,
        (_, 0) => Cause::Inventory,
        (0, _) => Cause::Templates,
        _ => Cause::InventoryOrTemplates,
    }
}

/// Compares what the hosts had with what they answer now. A host without an answer is not looked at here: an apply
/// refuses it by itself.
pub fn on_hosts(plan: &Plan, answers: &BTreeMap<String, Answer>) -> Vec<Moved> {
    let mut moved = Vec::new();
    for host in &plan.hosts {
        let Some(answer) = answers.get(&host.name) else { continue };
        let mut note = |id: &str, what: String| {
            moved.push(Moved { host: Some(host.name.clone()), id: Some(id.to_string()), cause: Cause::Host, what });
        };
        let (before, after) = (by_id(&host.findings), by_id(&answer.findings));
        let ids: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
        for id in ids {
            match (before.get(id), after.get(id)) {
                (Some(before), Some(after)) if before == after => {}
                (_, Some(after)) if !before.contains_key(id) => {
                    note(id, format!("was correct when it was planned, now {}", is(after)))
                }
                (Some(_), None) => note(id, "is correct now: somebody did it since".to_string()),
                (Some(before), Some(after)) => note(id, otherwise(before, after)),
                (None, _) => {}
            }
        }
        let owed = |debts: &[Debt]| debts.iter().cloned().collect::<BTreeSet<Debt>>();
        let (before, after) = (owed(&host.debts), owed(&answer.debts));
        for debt in before.symmetric_difference(&after) {
            let word = if after.contains(debt) { "is owed since" } else { "is not owed any more" };
            note(&debt.notification, format!("{word} (for {})", debt.owner));
        }
    }
    moved
}

/// Files of others are left alone by an apply, so they may come and go.
fn by_id(findings: &[Finding]) -> BTreeMap<&str, &Finding> {
    let ours = findings.iter().filter(|finding| finding.outcome != Outcome::Foreign);
    ours.map(|finding| (finding.id.as_str(), finding)).collect()
}

fn is(finding: &Finding) -> String {
    match &finding.outcome {
        Outcome::Differs { changes, .. } if !changes.is_empty() => {
            let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
            format!("it differs ({})", fields.join(", "))
        }
        Outcome::Differs { action: Action::Adopt | Action::AdoptAndChange, .. } => "it is to be taken over".to_string(),
        Outcome::Differs { .. } => "it is to be removed".to_string(),
        Outcome::KnownAfter { needs } => format!("it waits for {needs}"),
        Outcome::NotChecked { why } => why.clone(),
        Outcome::Failed { message } => format!("it cannot be compared: {message}"),
        Outcome::Foreign => "it is not ours".to_string(),
    }
}

fn otherwise(before: &Finding, after: &Finding) -> String {
    let (Outcome::Differs { changes: planned, .. }, Outcome::Differs { changes, .. }) =
        (&before.outcome, &after.outcome)
    else {
        return format!("is otherwise than it was planned: now {}", is(after));
    };
    let differs = changes.iter().filter(|change| !planned.contains(change)).map(|change| change.field.as_str());
    let gone = planned.iter().filter(|change| changes.iter().all(|now| now.field != change.field));
    let fields: BTreeSet<&str> = differs.chain(gone.map(|change| change.field.as_str())).collect();
    match fields.is_empty() {
        true => "is otherwise than it was planned: another apply went over it".to_string(),
        false => {
            let fields: Vec<&str> = fields.into_iter().collect();
            format!("has something else than when it was planned ({})", fields.join(", "))
        }
    }
}

/// Resources of one host that are named under one heading; all are in the objects of `--format json`.
const NAMED: usize = 8;

/// The refusal of a plan that does not hold any more, with all that moved, by cause, then by host.
pub fn refusal(file: &Path, plan: &Plan, now: &Ground, moved: &[Moved]) -> Failure {
    let mut text = "this plan does not hold any more; nothing was written on any host".to_string();
    let files = changed_files(plan, now);
    let causes: BTreeSet<Cause> = moved.iter().map(|moved| moved.cause).collect();
    for cause in causes {
        text.push_str(&format!("\n  {}", cause.heading()));
        if matches!(cause, Cause::Inventory | Cause::Templates | Cause::InventoryOrTemplates) {
            text.push_str(&format!(": {}", some(&files)));
        }
        let of_cause: Vec<&Moved> = moved.iter().filter(|moved| moved.cause == cause).collect();
        let hosts: BTreeSet<&Option<String>> = of_cause.iter().map(|moved| &moved.host).collect();
        for host in hosts {
            let here: Vec<&&Moved> = of_cause.iter().filter(|moved| moved.host == *host).collect();
            for moved in here.iter().take(NAMED) {
                let place = [moved.host.as_deref(), moved.id.as_deref()];
                let place: Vec<&str> = place.into_iter().flatten().collect();
                let colon = if place.is_empty() { "" } else { ": " };
                text.push_str(&format!("\n    {}{colon}{}", place.join("  "), moved.what));
            }
            if here.len() > NAMED {
                let host = host.as_deref().unwrap_or_default();
                text.push_str(&format!("\n    {host}  and {} more", here.len() - NAMED));
            }
        }
    }
    Failure::operation(text).hint(format!("look at what moved, then plan again: comuni plan --out {}", file.display()))
}

fn some(files: &[&str]) -> String {
    let named: Vec<&str> = files.iter().take(NAMED).copied().collect();
    match files.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
