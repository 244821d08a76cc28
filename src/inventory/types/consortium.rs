//! `consortium.yml`: the aggregation itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Backup, Contacts, Costs, Dns, Maintenance, MemberKind, Membership, Monitoring, TenantDefaults};

/// The aggregation: its body, its policy, its defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Consortium {
    /// Another inventory whose files are read first, as a path from this one. One merge rule for all files: maps merge
    /// key by key, anything else is replaced by what stands here. New files are written here, never there.
    pub include: Option<String>,
    /// What it calls itself.
    pub name: String,
    /// The body that runs the tender.
    pub body: Body,
    /// Domain of the machines and of members whose own domain is not known.
    pub domain: String,
    /// Who can read the secrets: `ssh-ed25519 ...` or `age1...`, by name.
    #[serde(default)]
    pub technicians: BTreeMap<String, String>,
    /// Offline key that can read all secrets when every technician is gone (`age1...`). Compulsory for making secrets.
    pub recovery: Option<String>,
    /// Key of the control host (`ssh-ed25519 ...` or `age1...`), for its timers: it opens the keys of the backups, and of
    /// all other secrets nothing but their ids.
    pub control: Option<String>,
    /// The certificate authority.
    pub authority: Authority,
    /// Size classes by name.
    pub sizes: BTreeMap<String, SizeClass>,
    /// When a plan stops until it is allowed by name.
    pub limits: Limits,
    /// How it serves zones. Without it no zone is served.
    pub dns: Option<Dns>,
    /// Where backups are kept. Without it none are made.
    pub backup: Option<Backup>,
    /// How it watches hosts, tenants, zones and backups. Without it nothing is watched.
    pub monitoring: Option<Monitoring>,
    /// What becomes of members that leave.
    #[serde(default)]
    pub leaving: Leaving,
    /// What it pays, and how its members share it.
    pub costs: Option<Costs>,
    /// The second of the three levels of defaults.
    #[serde(default)]
    pub defaults: Defaults,
}

/// What becomes of members that leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leaving {
    /// Their data stay for so many days after they were handed over.
    #[serde(default = "keep_days")]
    #[schemars(range(min = 1, max = 3650))]
    pub keep_days: u32,
    /// No TTL of their zones is longer, in seconds, so that resolvers find their next name servers soon.
    #[serde(default = "longest_ttl")]
    #[schemars(range(min = 60, max = 86400))]
    pub ttl: u32,
}

impl Default for Leaving {
    fn default() -> Leaving {
        Leaving { keep_days: keep_days(), ttl: longest_ttl() }
    }
}

fn keep_days() -> u32 {
    90
}

fn longest_ttl() -> u32 {
    300
}

/// The body that runs the tender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Official name.
    pub name: String,
    /// Kind.
    pub kind: MemberKind,
    /// Code in the index of public bodies, if known.
    pub code: Option<String>,
}

/// Policy of the consortium's own certificate authority. Its certificate lies in `authority.pem` of the inventory,
/// its key in `secrets/consortium.age`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// The domains it may sign for (RFC 5280 name constraints). Every tenant's name must lie below one of them.
    pub permitted: Vec<String>,
    /// Days a certificate is valid.
    #[schemars(range(min = 1))]
    pub lifetime_days: u32,
    /// It is renewed when fewer days are left.
    #[schemars(range(min = 1))]
    pub renew_days: u32,
}

/// What a tenant of a class may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SizeClass {
    /// The class of members with at most this many residents; no limit when not said.
    pub up_to: Option<u32>,
    /// Percent of one CPU.
    #[schemars(range(min = 1))]
    pub cpu_percent: u32,
    /// Memory in MiB.
    #[schemars(range(min = 1))]
    pub memory_mib: u32,
    /// Database connections.
    #[schemars(range(min = 1))]
    pub connections: u32,
}

/// The brake: a plan beyond these stops until it is allowed by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Removals in one plan.
    pub removals: u32,
    /// Percent of the existing resources of one host that are changed or removed (from 20 resources up). What only changes
    /// in the area `monitoring` is not counted: a template for all is a file for each member there.
    #[schemars(range(max = 100))]
    pub changed_percent: u32,
}

/// Defaults of the consortium: the second of the three levels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// For every member.
    #[serde(default)]
    pub member: MemberDefaults,
    /// For every tenant.
    #[serde(default)]
    pub tenant: TenantDefaults,
}

/// What every member may take from the consortium. A placement has no default: it would move tenants by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberDefaults {
    /// What kind of body it is.
    pub kind: Option<MemberKind>,
    /// Whether it is joining, active or leaving.
    pub membership: Option<Membership>,
    /// Whom to tell.
    pub contacts: Option<Contacts>,
    /// When it bears an upgrade.
    pub maintenance: Option<Maintenance>,
}
