//! What one run leaves for those who ask later. Never a secret.

use std::collections::BTreeMap;

use rand::TryRngCore;
use rand::rngs::OsRng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DeletionRecord, NoticeRecord, UpgradeRecord, clock};
use crate::backup::ladder::Verification;
use crate::catalog::Area;
use crate::failure::{Failure, Result};
use crate::protocol::Operator;
use crate::resources::Action;

/// Version of this form. A reader of version 1 passes over fields it does not know.
pub const VERSION: u32 = 1;

/// A run of comuni against hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Version of this form: 1.
    pub version: u32,
    /// What is recorded.
    pub kind: RecordKind,
    /// 16 hex digits; the same record delivered twice has the same.
    pub id: String,
    /// The verb: `apply`, `plan`...
    pub verb: String,
    /// When it began, ISO 8601 with the offset of Italy.
    pub started: String,
    /// When it ended; left out when it was killed before it could say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Who ran it.
    pub operator: Who,
    /// From which inventory.
    pub inventory: InventoryRecord,
    /// Version of comuni.
    pub tool: String,
    /// What was selected; all empty means everything.
    pub selection: SelectionRecord,
    /// The saved plan that was applied; left out when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanRecord>,
    /// The hosts that were asked.
    pub hosts: Vec<HostRecord>,
    /// The members whose tenants were looked at.
    pub members: Vec<MemberRecord>,
    /// What was done.
    pub changes: Vec<ChangeRecord>,
    /// What failed.
    pub failures: Vec<FailureRecord>,
    /// What was proven of a tenant's backup; left out when it was no verification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Box<Verification>>,
    /// What became of one tenant's upgrade; left out when it was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Box<UpgradeRecord>>,
    /// What a body was told before an upgrade; left out when this is no notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Box<NoticeRecord>>,
    /// How a member was deleted; left out when none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<Box<DeletionRecord>>,
    /// The steps of a procedure that has several, in their order; left out when it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepRecord>,
    /// Exit code of the command; left out when it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
}

/// Kinds of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A run against hosts.
    Run,
}

/// Who ran it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Who {
    /// Unix account on the control machine.
    pub user: String,
    /// Name of the control machine.
    pub machine: String,
    /// `SHA256:...` of the key that sshd accepted, when a host said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// From which inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InventoryRecord {
    /// `git:<commit>`, or `sha256:<digest>` outside of git.
    pub revision: String,
    /// The files differ from that commit.
    #[serde(default)]
    pub dirty: bool,
    /// SHA-256 (hex) over all files that were read.
    pub digest: String,
}

/// What was selected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SelectionRecord {
    /// Owners: members' codes and `host`.
    pub owners: Vec<String>,
    /// Names of hosts.
    pub hosts: Vec<String>,
    /// Areas.
    pub areas: Vec<Area>,
}

/// A saved plan that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanRecord {
    /// Its digest (SHA-256, hex), as `comuni show plan` says it.
    pub digest: String,
    /// When it was made.
    pub made: String,
    /// Who made it.
    pub planner: Who,
    /// Who signed it off.
    #[serde(default)]
    pub sign_offs: Vec<SignOffRecord>,
}

/// Somebody said that a saved plan may be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignOffRecord {
    /// Who: the account and machine as they said it, the key as their signature proves it.
    pub who: Who,
    /// When.
    pub at: String,
    /// The technician of the inventory whose key it is; left out when it is nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technician: Option<String>,
}

/// How it ended for a host or a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// As it must be.
    Done,
    /// Changes are planned and were not made.
    Pending,
    /// Something failed.
    Failed,
    /// The host could not be reached, or was lost on the way.
    Unreachable,
    /// Somebody else held the lock.
    Busy,
    /// The host or comuni refused before anything was done.
    Refused,
    /// Left out because of a failure elsewhere.
    Skipped,
    /// Stopped in the middle.
    Interrupted,
}

/// What a host had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostRecord {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub result: Ending,
    /// Resources that were correct.
    pub correct: u32,
    /// Resources that were changed, or would be by an apply.
    pub changed: u32,
    /// Resources that failed.
    pub failed: u32,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
}

/// What a member had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberRecord {
    /// Its code.
    pub code: String,
    /// Its official name on that day.
    pub name: String,
    /// How it ended.
    pub result: Ending,
}

/// One change that was made; in a plan, one that an apply would make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeRecord {
    /// The host.
    pub host: String,
    /// The resource.
    pub id: String,
    /// Its owner: a member's code or `host`.
    pub owner: String,
    /// `create`, `change`, `adopt` (it was there as it must be), `adopt_and_change`, `remove` or `keep`.
    #[schemars(with = "String")]
    pub action: Action,
}

/// One step of a procedure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecord {
    /// Its name.
    pub step: String,
    /// When it ended, ISO 8601 with the offset of Italy.
    pub ended: String,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// How it ended.
    pub result: Ending,
    /// What was found or done, or why not.
    pub detail: String,
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureRecord {
    /// The host.
    pub host: String,
    /// The resource; left out when it was the host itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What it said.
    pub message: String,
}

impl Record {
    /// A run that begins now: no host, no change, no end yet.
    ///
    /// # Errors
    /// When the operating system gives no random bytes for the id.
    pub fn begin(verb: &str, operator: impl Into<Who>, inventory: InventoryRecord) -> Result<Record> {
        Ok(Record {
            version: VERSION,
            kind: RecordKind::Run,
            id: Record::fresh_id()?,
            verb: verb.to_string(),
            started: clock::iso(clock::now()),
            ended: None,
            operator: operator.into(),
            inventory,
            tool: env!("CARGO_PKG_VERSION").to_string(),
            selection: SelectionRecord::default(),
            plan: None,
            hosts: Vec::new(),
            members: Vec::new(),
            changes: Vec::new(),
            failures: Vec::new(),
            verification: None,
            upgrade: None,
            notice: None,
            deletion: None,
            steps: Vec::new(),
            exit_code: None,
        })
    }

    /// An id that no record has.
    ///
    /// # Errors
    /// When the operating system gives no random bytes for it.
    pub fn fresh_id() -> Result<String> {
        let mut id = [0_u8; 8];
        OsRng
            .try_fill_bytes(&mut id)
            .map_err(|error| Failure::operation(format!("the operating system gives no random bytes: {error}")))?;
        Ok(format!("{:016x}", u64::from_be_bytes(id)))
    }

    /// How many resources each host has taken away.
    pub fn taken(&self) -> BTreeMap<String, u32> {
        let mut taken = BTreeMap::new();
        for change in self.changes.iter().filter(|change| change.action == Action::Remove) {
            *taken.entry(change.host.clone()).or_default() += 1;
        }
        taken
    }

    /// Says that the run ends now, with this exit code.
    pub fn end(&mut self, exit_code: u8) {
        self.ended = Some(clock::iso(clock::now()));
        self.exit_code = Some(exit_code);
    }
}

impl From<&Operator> for Who {
    fn from(operator: &Operator) -> Who {
        Who {
            user: operator.user.clone(),
            machine: operator.machine.clone(),
            fingerprint: operator.fingerprint.clone(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A record of a run at this moment that touched these members.
    pub(in crate::evidence) fn example(id: &str, started: &str, members: &[&str]) -> Record {
        let operator = Who { user: "anna".into(), machine: "ced1".into(), fingerprint: None };
        let mut record = Record::begin("apply", operator, InventoryRecord::default()).unwrap();
        record.id = id.to_string();
        record.started = started.to_string();
        record.members = members
            .iter()
            .map(|code| MemberRecord { code: code.to_string(), name: format!("Comune {code}"), result: Ending::Done })
            .collect();
        record.end(0);
        record
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let record = example("00000000000000aa", "2026-11-23T18:20:05.000+01:00", &["c_e863"]);
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        assert!(text.contains(r#""version":1,"kind":"run""#));
    }

    #[test]
    fn what_was_taken_away_is_counted_by_host_and_what_stays_is_not() {
        let mut record = example("aa", "2026-11-23T18:20:05.000+01:00", &["c_e863"]);
        for (host, action) in
            [("app1", Action::Remove), ("db1", Action::Keep), ("app1", Action::Remove), ("mon1", Action::Change)]
        {
            let id = format!("file:{}", record.changes.len());
            record.changes.push(ChangeRecord { host: host.to_string(), id, owner: "c_e863".to_string(), action });
        }
        assert_eq!(record.taken(), BTreeMap::from([("app1".to_string(), 2)]));
    }

    #[test]
    fn fields_of_a_later_minor_form_are_passed_over() {
        let mut value = serde_json::to_value(example("aa", "2026-11-23T18:20:05.000+01:00", &[])).unwrap();
        value["weather"] = "fog".into();
        assert!(serde_json::from_value::<Record>(value).is_ok());
    }
}
