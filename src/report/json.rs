//! The objects of `--format json`: one a line, the first with the version of their schema.
//!
//! `comuni schema` writes their JSON Schema beside those of the inventory's files; `docs/output.md` is for people.

mod backups;
mod monitoring;
mod reference;
mod upgrade;

use schemars::JsonSchema;
use serde::Serialize;

use super::plan::{Counts, HostState, PlanView, held};
pub use crate::backup::ladder::Verification as BackupVerification;
pub use crate::backup::run::Run as BackupRun;
use crate::evidence::clock::local_time;
pub use crate::evidence::documents::Document as BodyDocument;
pub use crate::evidence::documents::costs::CostsDocument;
use crate::evidence::documents::fleet::{HostStatus, MemberStatus};
use crate::evidence::{InventoryRecord, SelectionRecord, StepRecord, Who};
use crate::failure::Failure;
use crate::protocol::{Finding, Outcome};
use crate::resources::{Action, Change, Step};
use crate::saved::{Document, Moved};

pub use crate::evidence::UpgradeRecord as UpgradeResult;
pub use backups::{BackupLine, RestoreLine};
pub use monitoring::{MonitoringFinding, MonitoringLine, SilenceLine};
pub use reference::{reference, schema};
pub use upgrade::UpgradeLine;

/// Version of the objects. Additions do not change it; a removal or a new meaning does.
pub const SCHEMA: u32 = 1;

/// One line of `comuni --format json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Object {
    /// The first object of every stream.
    Version {
        /// Version of these objects: additions do not change it, a removal or a new meaning does.
        schema: u32,
        /// Version of the program.
        comuni: String,
        /// The verb that is running.
        verb: String,
    },
    /// A problem found in the inventory.
    Diagnostic {
        /// `error`, `warning`, or `waived`: the inventory bears with it for a while.
        severity: String,
        /// What is wrong.
        message: String,
        /// File, as given on the command line.
        file: String,
        /// Line, counted from 1.
        line: u32,
        /// Column, counted from 1.
        column: u32,
        /// What to do.
        help: Option<String>,
    },
    /// A resource that is not simply as it must be, in a plan; the correct ones are only counted.
    Resource {
        /// Host.
        host: String,
        /// `kind:name`.
        id: String,
        /// A member's code or `host`.
        owner: String,
        /// Tenant, if it belongs to one.
        tenant: Option<String>,
        /// `create`, `change`, `adopt` (there as it must be, not ours so far), `adopt_and_change`, `remove`, `keep`, `wait` (the rest has its time),
        /// `known_after`, `not_checked`, `failed` or `foreign`.
        outcome: String,
        /// The fields that differ; values of secrets are never there.
        changes: Vec<FieldChange>,
        /// Why it is not known or not checked, what it waits for, or the host's own words when it failed.
        why: Option<String>,
        /// Somebody changed it on the host since it was last applied.
        drifted: bool,
    },
    /// A notification owed from an earlier run.
    Owed {
        /// Host.
        host: String,
        /// `reload nginx.service`...
        notification: String,
        /// A member's code or `host`: whose change caused it.
        owner: String,
    },
    /// A host that could not be compared.
    Host {
        /// Host.
        host: String,
        /// `busy` or `lost`.
        state: String,
        /// Who holds the lock since when, or what went wrong.
        message: String,
        /// What to do next.
        hints: Vec<String>,
    },
    /// What a plan comes to, after all its resources.
    Plan {
        /// The numbers over all hosts.
        counts: Counts,
        /// An apply would do something. Hosts and resources that were not compared are not in it.
        pending: bool,
    },
    /// A saved plan (`plan --out`, `show plan`, `apply PLANFILE`); its resources follow as in any plan.
    SavedPlan {
        /// Its digest, SHA-256 in hexadecimal.
        digest: String,
        /// When it was made.
        made: String,
        /// Version of comuni that made it.
        tool: String,
        /// Who made it.
        planner: Who,
        /// From which inventory.
        inventory: InventoryRecord,
        /// What was selected; all empty means everything.
        selection: SelectionRecord,
        /// Who signed it off.
        sign_offs: Vec<SignedOff>,
    },
    /// Something that is not any more as it was when a plan was saved. The plan is then refused.
    Moved {
        /// Host; `null` when it concerns all.
        host: Option<String>,
        /// Resource, secret or notification; `null` when it concerns the whole host.
        id: Option<String>,
        /// `host`, `inventory`, `templates`, `inventory_or_templates`, `secret`, `host_half` or `comuni`.
        cause: String,
        /// What is otherwise now.
        what: String,
    },
    /// A backup that was tried.
    BackupRun(BackupRun),
    /// How far a backup was proven.
    BackupVerification(BackupVerification),
    /// What is known of the backups of a tenant.
    Backup(BackupLine),
    /// A backup that was brought back.
    BackupRestore(RestoreLine),
    /// What an upgrade would do with a tenant.
    UpgradePlan(UpgradeLine),
    /// What became of a tenant's upgrade.
    Upgrade(UpgradeResult),
    /// A document for a body, in Italian: the same content as its text and its page.
    Document(BodyDocument),
    /// How the costs of a period are shared: the same content as its text and its page.
    Costs(CostsDocument),
    /// A step of `onboard` that is over.
    OnboardStep {
        /// The member, by the name of its file.
        member: String,
        /// What was done.
        step: StepRecord,
    },
    /// A step of `offboard` that is over.
    OffboardStep {
        /// The member, by the name of its file.
        member: String,
        /// What was done.
        step: StepRecord,
    },
    /// A step of an apply.
    Step {
        /// Host.
        host: String,
        /// `started`, `fixed`, `failed`, `skipped` (left out), `waits`, `notified`, `acted` (a step of a procedure is over), `lost`,
        /// or `done`: nothing more will happen there.
        event: String,
        /// Resource or notification; with `started` it may also be a word such as `connecting`, with `acted` it is what
        /// was done.
        id: Option<String>,
        /// A member's code or `host`.
        owner: Option<String>,
        /// When it was fixed: `create`, `change`, `adopt_and_change` or `remove`.
        action: Option<String>,
        /// Why it failed, with the command's own words, or why the host is lost.
        message: Option<String>,
        /// How long it took, when it was fixed.
        milliseconds: Option<u64>,
        /// With `waits`: when an apply goes on with it (ISO 8601).
        not_before: Option<String>,
    },
    /// What an apply came to on one host.
    HostResult {
        /// Host.
        host: String,
        /// `done`, `failed`, `lost`, `busy`.
        result: String,
        /// Resources fixed.
        fixed: u32,
        /// Resources taken over as they were.
        adopted: u32,
        /// Resources that failed.
        failed: u32,
        /// Resources left out because their owner failed, or because the host was lost.
        skipped: u32,
        /// Resources that are as far as they can be now; an apply after their time goes on.
        waiting: u32,
        /// Why it was lost or busy.
        message: Option<String>,
    },
    /// What went over the wire to one host, with `-v`: the same every time for the same work.
    Traffic {
        /// Host.
        host: String,
        /// Commands started on it over ssh.
        execs: u32,
        /// Bytes sent to them, without the encryption's share.
        sent: u64,
        /// Bytes received from them, without the encryption's share.
        received: u64,
    },
    /// The end of an apply.
    Run {
        /// Exit code of the process.
        exit: u8,
        /// How long it took.
        milliseconds: u64,
    },
    /// The key that a host showed (`hosts trust`).
    HostKey {
        /// Host.
        host: String,
        /// Its fingerprint, `SHA256:...`.
        shown: String,
        /// The fingerprint of the key that was pinned before, if one was.
        pinned: Option<String>,
        /// The file into which the shown key was written, if it was.
        written: Option<String>,
    },
    /// What was seen on a host (`hosts check`).
    HostCheck {
        /// Host.
        host: String,
        /// It can be worked on.
        fit: bool,
        /// Why it cannot.
        problems: Vec<String>,
        /// What to do next.
        hints: Vec<String>,
        /// By `uname -m`. This and what follows is not known of a host that did not let us in.
        architecture: Option<String>,
        /// Milliseconds by which its clock is ahead of ours; the time on the way is in it.
        clock_offset_ms: Option<i64>,
        /// The least room of `/`, `/var/lib` and `/usr/local`, in bytes.
        free_bytes: Option<u64>,
        /// Our half there: `ready`, `missing` or `damaged`; the next apply installs it.
        host_half: Option<String>,
        /// Files of installations of our half that were broken off.
        broken_off: Option<u64>,
    },
    /// A zone that was looked at from outside (`dns check`).
    Zone {
        /// Its name, without a final dot.
        zone: String,
        /// The member's code.
        owner: String,
        /// Nothing is wrong with it.
        ok: bool,
        /// Somebody answered for it.
        answered: bool,
        /// The newest serial that was seen.
        serial: Option<u32>,
        /// When the first signature ends, seconds since 1970.
        signed_until: Option<i64>,
        /// The DS of the keys that are served, as a registrar takes them.
        ds: Vec<String>,
        /// All is signed by keys that the parent or an earlier look knows; null for a zone that others serve.
        chain: Option<bool>,
        /// Sets of records that are not served as the inventory says.
        drift: u64,
        /// The MX of the certified e-mail are right everywhere; null when it has none.
        pec: Option<bool>,
    },
    /// Something that is wrong with a zone (`dns check`).
    ZoneFinding {
        /// The zone, without a final dot.
        zone: String,
        /// What is wrong: `missing`, `lame`, `keys-differ`... (docs/dns-check.md).
        id: String,
        /// In words, with what was wanted and what was seen.
        what: String,
        /// The servers that show it; empty when it is about the zone as such or all of them show it.
        servers: Vec<String>,
        /// What it does to the exit code; 0 for what is only worth saying.
        exit: u8,
        /// What to do next.
        hint: String,
    },
    /// A host that watches, held against the inventory (`monitoring check`).
    Monitoring(MonitoringLine),
    /// Something that is wrong with what watches (`monitoring check`).
    MonitoringFinding(MonitoringFinding),
    /// A silence that is not over (`monitoring check`).
    Silence(SilenceLine),
    /// How a member is (`status`). What is not known is null, and its grade `unknown`.
    MemberStatus(MemberStatus),
    /// How a machine is (`status`).
    HostStatus(HostStatus),
    /// A value with its source (`show`), a run (`history`), a secret's name and id (`secrets show`).
    Item {
        /// Key, time or token.
        key: String,
        /// The value.
        value: serde_json::Value,
        /// `file:line`, when there is one.
        source: Option<String>,
    },
    /// Why the command failed.
    Failure {
        /// Exit code.
        exit: u8,
        /// What went wrong.
        message: String,
        /// What to do next.
        hints: Vec<String>,
    },
}

/// Somebody said that a saved plan may be applied.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SignedOff {
    /// Who, with the key that signed.
    who: Who,
    /// When.
    at: String,
}

/// One field that differs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FieldChange {
    /// Its name.
    field: String,
    /// What the host has.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    /// What it must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// The values are secret and left out.
    secret: bool,
    /// Of what takes time to reach everybody: `whole`, or `first` or `second` of two steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    /// For how many seconds others may go on with what was there; with `first`: so long after it the second comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u32>,
    /// With `first`: what the second step brings.
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<String>,
    /// With `second`: an apply leaves it alone before (ISO 8601).
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
}

impl FieldChange {
    fn of(change: &Change) -> FieldChange {
        let shown = FieldChange {
            field: change.field.clone(),
            before: change.before.clone().filter(|_| !change.secret),
            after: change.after.clone().filter(|_| !change.secret),
            secret: change.secret,
            step: None,
            seconds: None,
            then: None,
            not_before: None,
        };
        let word = |word: &str| Some(word.to_string());
        match change.step.clone() {
            None => shown,
            Some(Step::Whole { remembered }) => FieldChange { step: word("whole"), seconds: Some(remembered), ..shown },
            Some(Step::First { then, after }) => {
                FieldChange { step: word("first"), seconds: Some(after), then, ..shown }
            }
            Some(Step::Second { not_before }) => {
                FieldChange { step: word("second"), not_before: Some(local_time(not_before)), ..shown }
            }
        }
    }
}

impl Object {
    /// The first object of a stream.
    pub fn version(verb: &str) -> Object {
        Object::Version { schema: SCHEMA, comuni: env!("CARGO_PKG_VERSION").to_string(), verb: verb.to_string() }
    }

    /// A failure.
    pub fn failure(failure: &Failure) -> Object {
        Object::Failure {
            exit: failure.kind.exit_code(),
            message: failure.message.clone(),
            hints: failure.hints.clone(),
        }
    }

    /// A saved plan, without its resources.
    pub fn saved_plan(document: &Document) -> Object {
        let plan = &document.plan;
        Object::SavedPlan {
            digest: document.digest.clone(),
            made: plan.made.clone(),
            tool: plan.tool.clone(),
            planner: plan.planner.clone(),
            inventory: plan.inventory.clone(),
            selection: plan.selection.clone(),
            sign_offs: document
                .sign_offs
                .iter()
                .map(|made| SignedOff { who: made.who.clone(), at: made.at.clone() })
                .collect(),
        }
    }

    /// Something that moved since a plan was saved.
    pub fn moved(moved: &Moved) -> Object {
        Object::Moved {
            host: moved.host.clone(),
            id: moved.id.clone(),
            cause: moved.cause.word().to_string(),
            what: moved.what.clone(),
        }
    }

    /// A whole plan, its counts last.
    pub fn plan(plan: &PlanView) -> Vec<Object> {
        let mut objects = Vec::new();
        for host in &plan.hosts {
            match &host.state {
                HostState::Checked { findings, debts, .. } => {
                    objects.extend(findings.iter().map(|finding| Object::resource(&host.host, finding)));
                    objects.extend(debts.iter().map(|debt| Object::Owed {
                        host: host.host.clone(),
                        notification: debt.notification.clone(),
                        owner: debt.owner.clone(),
                    }));
                }
                HostState::Busy(holder) => objects.push(Object::Host {
                    host: host.host.clone(),
                    state: "busy".to_string(),
                    message: held(holder),
                    hints: Vec::new(),
                }),
                HostState::Lost(failure) => objects.push(Object::Host {
                    host: host.host.clone(),
                    state: "lost".to_string(),
                    message: failure.message.clone(),
                    hints: failure.hints.clone(),
                }),
            }
        }
        let counts = plan.counts();
        objects.push(Object::Plan { counts, pending: counts.pending() });
        objects
    }

    fn resource(host: &str, finding: &Finding) -> Object {
        let (outcome, changes, why) = match &finding.outcome {
            Outcome::Differs { action, changes } => (action_word(*action), changes.as_slice(), None),
            Outcome::KnownAfter { needs } => ("known_after", [].as_slice(), Some(needs.clone())),
            Outcome::NotChecked { why } => ("not_checked", [].as_slice(), Some(why.clone())),
            Outcome::Failed { message } => ("failed", [].as_slice(), Some(message.clone())),
            Outcome::Foreign => ("foreign", [].as_slice(), None),
        };
        Object::Resource {
            host: host.to_string(),
            id: finding.id.clone(),
            owner: finding.owner.clone(),
            tenant: finding.tenant.clone(),
            outcome: outcome.to_string(),
            changes: changes.iter().map(FieldChange::of).collect(),
            why,
            drifted: finding.drifted,
        }
    }
}

/// The word for an action.
pub fn action_word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Change => "change",
        Action::Adopt => "adopt",
        Action::AdoptAndChange => "adopt_and_change",
        Action::Remove => "remove",
        Action::Keep => "keep",
        Action::Wait => "wait",
    }
}
