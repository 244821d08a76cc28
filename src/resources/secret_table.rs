//! The secrets that one host may have, and the tokens that stand for them everywhere else.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The value of a secret. Cannot be printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretValue {
    /// Changes whenever the value changes; not secret.
    pub id: String,
    /// The ids that this one replaced, the newest last: a host that has one of them may be given this value.
    #[serde(default)]
    pub replaces: Vec<String>,
    /// The value itself.
    pub value: String,
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SecretValue({}, value hidden)", self.id)
    }
}

/// Secrets by token (`secret://c_e863/albo/database_password`), without a `#format` suffix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretTable {
    /// The table.
    pub values: BTreeMap<String, SecretValue>,
}
