//! The form of the file. Never a secret: of a secret only its id, of a file with secrets only whether it differs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::sign::SignOff;
use crate::digest::{canonical, sha256};
use crate::evidence::{InventoryRecord, SelectionRecord, Who};
use crate::protocol::{Debt, Finding};

/// Version of this form. A file of another version is refused.
pub const VERSION: u32 = 1;

/// A plan that was saved by `comuni plan --out`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "A saved plan of comuni")]
pub struct Document {
    /// Version of this form: 1.
    pub version: u32,
    /// SHA-256 (hex) over `plan`, written as JSON with sorted keys and no spaces.
    pub digest: String,
    /// What was planned.
    pub plan: Plan,
    /// Who said that it may be applied (`comuni sign-off`). Not under the digest: each has its own signature.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sign_offs: Vec<SignOff>,
}

/// What was planned, by whom, and what it stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// When it was made, ISO 8601 with the offset of Italy.
    pub made: String,
    /// Version of comuni that made it.
    pub tool: String,
    /// Who made it.
    pub planner: Who,
    /// From which inventory.
    pub inventory: InventoryRecord,
    /// What was selected; all empty means everything. An apply of the file selects the same.
    pub selection: SelectionRecord,
    /// The hosts had seen a newer inventory, and the planner went on all the same (`--older-inventory`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub older_inventory: bool,
    /// SHA-256 (hex) of the program that compared on the hosts.
    pub host_half: String,
    /// SHA-256 (hex) of every file of the inventory, of its own playbooks and of its own templates. Only for naming what
    /// moved: a file may change while no host of the plan must have anything else for it.
    pub sources: BTreeMap<String, String>,
    /// Official names of the members, by code.
    pub members: BTreeMap<String, String>,
    /// The hosts in the order of their names.
    pub hosts: Vec<PlannedHost>,
}

/// What was planned for one host, and what it stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedHost {
    /// Its name.
    pub name: String,
    /// SHA-256 (hex) over `host_half` of the plan and over the rest of this host, as the digest of the whole. The host
    /// confirms it, under its lock, before anything is written on any host.
    pub digest: String,
    /// Digest of what each resource must be, by its id: the first 16 digits of a SHA-256 (hex).
    pub wanted: BTreeMap<String, String>,
    /// Id of each secret that the host would be given, by token. An id is no secret.
    pub secrets: BTreeMap<String, String>,
    /// How many resources were correct.
    pub correct: u32,
    /// What was not simply correct, with what the host had and what it must have.
    pub findings: Vec<Finding>,
    /// Notifications that were owed from an earlier run.
    pub debts: Vec<Debt>,
}

impl PlannedHost {
    /// The digest of this host, from all else.
    pub(super) fn computed_digest(&self, host_half: &str) -> String {
        let PlannedHost { name, digest: _, wanted, secrets, correct, findings, debts } = self;
        sha256(canonical(&json!({
            "host_half": host_half, "name": name, "wanted": wanted, "secrets": secrets, "correct": correct,
            "findings": findings, "debts": debts,
        })))
    }
}

/// The digest of a whole plan as it stands in a file.
pub(super) fn digest_of(plan: &Value) -> String {
    sha256(canonical(plan))
}

impl Document {
    /// A plan with its digest.
    pub fn new(plan: Plan) -> Document {
        let digest = digest_of(&json!(plan));
        Document { version: VERSION, digest, plan, sign_offs: Vec::new() }
    }
}
