//! `members/<slug>.yml`: one body each.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BackupPolicy, Domain, Maintenance, SpentBefore};

/// A body that joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Official name; for a comune checked against the ISTAT register that is built in.
    pub name: String,
    /// What kind of body it is.
    pub kind: MemberKind,
    /// Six digits in quotes; compulsory for a comune.
    #[schemars(regex(pattern = r"^[0-9]{6}$"))]
    pub istat: Option<String>,
    /// Codice catastale: a letter and three digits; compulsory for a comune.
    #[schemars(regex(pattern = r"^[A-Z][0-9]{3}$"))]
    pub belfiore: Option<String>,
    /// Names its Unix users, databases and files. From `belfiore` when that is there (`c_e863`), else compulsory.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]{1,15}$"))]
    pub code: Option<String>,
    /// Whether it is joining, active or leaving.
    pub membership: Membership,
    /// Residents with date and source; sizes and shares depend on it.
    pub population: Option<Population>,
    /// What it spent on the same software before it joined; left out while it is not known.
    pub spent_before: Option<SpentBefore>,
    /// Its zone and who serves it. Left out while it is not known.
    pub domain: Option<Domain>,
    /// Whom to tell.
    pub contacts: Option<Contacts>,
    /// When it bears an upgrade; at any time when not said.
    pub maintenance: Option<Maintenance>,
    /// The hosts that carry its tenants. Stated once; nothing ever moves by itself.
    pub placement: Option<Placement>,
    /// Its tenants, by the name of the application.
    #[serde(default)]
    pub applications: BTreeMap<String, Tenant>,
}

/// Kinds of body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberKind {
    /// Comune.
    Comune,
    /// Comunità montana.
    ComunitaMontana,
    /// Unione di comuni.
    Unione,
    /// Provincia.
    Provincia,
}

/// Membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// `joining` is planned like `active`; `leaving` means stopped, data kept.
    pub status: Status,
    /// First day of membership (ISO 8601).
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub since: Option<String>,
    /// Last day of membership (ISO 8601), once it is known: it bears costs until then.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub until: Option<String>,
    /// The record of the handover of its data; `comuni offboard` writes it. Only while it is leaving: who comes back has
    /// the line taken away, for what is written then was not handed over.
    #[schemars(regex(pattern = r"^[0-9a-f]{16}$"))]
    pub handed_over: Option<String>,
}

/// Where a membership stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// About to join.
    Joining,
    /// A member.
    Active,
    /// Its tenants are stopped and its data kept.
    Leaving,
}

/// Residents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// How many.
    pub residents: u32,
    /// On which day (ISO 8601).
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub date: String,
    /// Who counted.
    pub source: String,
}

/// Whom to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contacts {
    /// E-mail address of the technicians.
    pub technical: Option<String>,
    /// Certified e-mail (PEC).
    pub pec: Option<String>,
}

/// The hosts that carry a member's tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// A host with the role `application`.
    pub application: String,
    /// A host with the role `database`.
    pub database: String,
}

/// One application of one member. Every key has three levels: application, consortium, member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// A release of the application.
    pub release: String,
    /// A size class of the consortium; by population when not said.
    pub size: Option<String>,
    /// The name it answers under; `<application>.<zone>` when not said.
    pub host_name: Option<String>,
    /// TCP port on the loopback address, for an application that cannot listen on a socket; unique on its host.
    pub port: Option<u16>,
    /// How its backups are made and kept.
    #[serde(default)]
    pub backup: BackupPolicy,
}
