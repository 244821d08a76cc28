//! The compiled list of resources of one host: plain data that can be printed, compared and stored.

use serde::{Deserialize, Serialize};

use crate::resources::Resource;

/// The owner of resources that belong to the machine and not to a member.
pub const HOST_OWNER: &str = "host";

/// What part of the work a resource belongs to; `--area` selects by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema, clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// The machine's baseline.
    Host,
    /// One application of one member.
    Tenant,
    /// Backups.
    Backup,
    /// Name service.
    Dns,
    /// Monitoring.
    Monitoring,
}

/// The stages of an apply, in their order: a stage begins on all hosts when the one before has ended on all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The machines' baseline.
    Host,
    /// Roles and databases.
    Database,
    /// Accounts, releases, units, virtual hosts.
    Application,
    /// Backup timers and repositories.
    Backup,
    /// Zones.
    Dns,
    /// Targets, rules, routes.
    Monitoring,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Stage; 6] =
        [Stage::Host, Stage::Database, Stage::Application, Stage::Backup, Stage::Dns, Stage::Monitoring];
}

/// The playbook step a resource came from, for messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Path of the playbook as a person would open it.
    pub playbook: String,
    /// Line of the step, counted from 1.
    pub line: u32,
    /// Name of the play.
    pub play: String,
}

/// One resource with its identity, its owner and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `kind:name`, unique within a host (see [`Resource::id`]).
    pub id: String,
    /// A member's code, or [`HOST_OWNER`].
    pub owner: String,
    /// The tenant (`c_e863-albo`) it belongs to, when it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// For `--area`.
    pub area: Area,
    /// When it is applied.
    pub stage: Stage,
    /// Where it came from.
    pub origin: Origin,
    /// What the host must have.
    pub resource: Resource,
}

/// All that one host must have, in the order in which it is checked and fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// The host's name in the inventory.
    pub host: String,
    /// In order; stages do not decrease.
    pub entries: Vec<Entry>,
}
