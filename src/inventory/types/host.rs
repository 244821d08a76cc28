//! `hosts.yml`: the purchased machines.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// All machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hosts {
    /// By name.
    pub hosts: BTreeMap<String, Host>,
}

/// A purchased machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// IP address.
    pub address: String,
    /// TCP port of sshd; 22 when not said.
    #[serde(default = "ssh_port")]
    pub port: u16,
    /// What it does.
    pub roles: Vec<Role>,
    /// How to log in.
    #[serde(default)]
    pub login: Login,
    /// The pinned host key as in `/etc/ssh/ssh_host_ed25519_key.pub`, without comment. Without it nothing connects.
    pub host_key: Option<String>,
    /// What it can carry.
    pub capacity: Option<Capacity>,
}

fn ssh_port() -> u16 {
    22
}

/// Roles of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs applications behind nginx.
    Application,
    /// Runs PostgreSQL.
    Database,
    /// Serves zones.
    Dns,
    /// Keeps backups.
    Backup,
    /// Watches.
    Monitoring,
    /// Runs timers and cron, keeps the evidence.
    Control,
    /// Restores backups to prove them.
    Verification,
}

/// How to log in on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Unix account.
    pub user: String,
    /// It becomes root by `sudo` without password.
    #[serde(default)]
    pub sudo: bool,
}

impl Default for Login {
    fn default() -> Login {
        Login { user: "root".to_string(), sudo: false }
    }
}

/// What a machine can carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Tenants at most.
    pub tenants: Option<u32>,
    /// Memory for tenants in MiB: the sum of their size classes must fit.
    pub memory_mib: Option<u32>,
}
