//! What a host answers, as plain data.

use std::collections::BTreeSet;

use crate::failure::Failure;
use crate::protocol::{Debt, Finding, Holder};

/// What a host remembers of earlier runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hold {
    /// Inventory revision last applied; `None` on a new host.
    pub revision: Option<String>,
    /// Members' codes in its manifest that the request did not name.
    pub unknown_members: BTreeSet<String>,
    /// Notifications still owed.
    pub debts: Vec<Debt>,
    /// An apply of the area `host` has ended well there.
    pub baseline: bool,
}

/// What came of comparing one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// It was compared.
    Checked {
        /// What it remembers.
        hold: Hold,
        /// What is not simply correct.
        findings: Vec<Finding>,
        /// How many resources are correct.
        correct: u32,
        /// Archives that are missing, with how many bytes of each are there already.
        archives: Vec<(String, u64)>,
        /// `SHA256:...` of the key with which we logged in, when its sshd says so.
        fingerprint: Option<String>,
    },
    /// Somebody else works there.
    Busy(Holder),
    /// It cannot be reached, or was lost while it compared.
    Unreachable(Failure),
    /// It answers, but does not take the request.
    Refused(Failure),
}

/// What is recorded of backups on a host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BackupRuns {
    /// Records, the oldest first.
    pub runs: Vec<serde_json::Value>,
    /// Where the host's chain is broken.
    pub broken: Option<String>,
    /// What time it is there, seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
}

/// What a monitoring host answers about itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Monitored {
    /// The answers in the order of the questions, or why there is none.
    pub answers: Vec<std::result::Result<serde_json::Value, String>>,
    /// What time it is there, seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
}

/// The chains of evidence on a host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Writer and its lines, the oldest first.
    pub chains: Vec<(String, Vec<serde_json::Value>)>,
    /// Writers whose chain is broken, and where.
    pub broken: Vec<String>,
}
