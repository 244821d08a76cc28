//! `hosts.yml`: the purchased machines.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;
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
    /// The pinned host key as in `/etc/ssh/ssh_host_ed25519_key.pub`, without comment; `comuni hosts trust` writes it.
    /// Without it, or `host_ca` in its place, nothing connects.
    pub host_key: Option<String>,
    /// What connects to it.
    #[serde(default)]
    pub transport: Transport,
    /// The host through which it is reached, by its name here: a jump host. Takes `transport: openssh`.
    pub via: Option<String>,
    /// The authority whose certificates the machine shows in place of a pinned key. Takes `transport: openssh`.
    pub host_ca: Option<HostAuthority>,
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
    /// It becomes root by `sudo`: `true` without password, `password` with the account's own, which is asked for once
    /// in a run or read from `--sudo-password-file`.
    #[serde(default)]
    pub sudo: Sudo,
}

impl Default for Login {
    fn default() -> Login {
        Login { user: "root".to_string(), sudo: Sudo::No }
    }
}

/// How an account becomes root. In files: `false`, `true`, `password`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sudo {
    /// Not at all: it is root, or of no use.
    #[default]
    No,
    /// By sudo, which asks nothing.
    Free,
    /// By sudo, which asks for the account's password.
    Password,
}

impl Serialize for Sudo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Sudo::No => serializer.serialize_bool(false),
            Sudo::Free => serializer.serialize_bool(true),
            Sudo::Password => serializer.serialize_str("password"),
        }
    }
}

impl<'de> Deserialize<'de> for Sudo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sudo, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = Sudo;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("`true`, `false` or `password`")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Sudo, E> {
                Ok(if value { Sudo::Free } else { Sudo::No })
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Sudo, E> {
                match value {
                    "password" => Ok(Sudo::Password),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(value), &self)),
                }
            }
        }
        deserializer.deserialize_any(Words)
    }
}

impl JsonSchema for Sudo {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sudo".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "How an account becomes root.", "enum": [true, false, "password"] })
    }
}

/// What connects to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// The ssh that is built in: keys and agent, pinned host keys. The fastest.
    #[default]
    Libssh2,
    /// The system's `ssh`, with what the operator's `~/.ssh/config` says: jump hosts, certificates, hardware keys.
    Openssh,
}

/// An authority that signs the keys of hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostAuthority {
    /// Its public key, as in the `.pub` file that `ssh-keygen -s` signs with, without comment.
    pub key: String,
    /// The name in the machine's certificate (`ssh-keygen -n`); the host's name here when not said.
    pub principal: Option<String>,
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
