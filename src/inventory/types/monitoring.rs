//! Monitoring: the consortium's policy.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the consortium watches hosts, tenants, zones and backups. Without it nothing is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Monitoring {
    /// For how much of the time a tenant may fail to answer, in thousandths: 5 is an availability of 99.5 %.
    #[serde(default = "budget_permille")]
    #[schemars(range(min = 1, max = 69))]
    pub budget_permille: u32,
    /// Days for which what was measured is kept.
    #[serde(default = "retention_days")]
    #[schemars(range(min = 1, max = 3650))]
    pub retention_days: u32,
    /// Every window and waiting time is divided by it: 1 but for rehearsals, which cannot wait for hours.
    #[serde(default = "pace")]
    #[schemars(range(min = 1, max = 60))]
    pub pace: u32,
    /// Who is told, beside the members: the province, the technical support.
    #[serde(default)]
    pub recipients: BTreeMap<String, Recipient>,
    /// What the technical contact of a member is told of its own tenants and zone.
    #[serde(default = "of_members")]
    pub members: Vec<Severity>,
    /// How e-mail leaves. Without it nobody is told by e-mail.
    pub mail: Option<MailRelay>,
    /// Gets every notification too, at `<URL>/<name of the receiver>`: a ticket system.
    #[schemars(regex(pattern = r"^http[s]{0,1}://[!-~]{1,200}$"))]
    pub copy_to: Option<String>,
    /// A service outside that is called all the time and raises the alarm when we stop: the only way to learn that the
    /// monitoring itself is down.
    #[schemars(regex(pattern = r"^http[s]{0,1}://[!-~]{1,200}$"))]
    pub dead_man: Option<String>,
}

fn budget_permille() -> u32 {
    5
}

fn retention_days() -> u32 {
    45
}

fn pace() -> u32 {
    1
}

fn of_members() -> Vec<Severity> {
    vec![Severity::Page]
}

fn all() -> Vec<Severity> {
    vec![Severity::Page, Severity::Ticket]
}

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// E-mail address; needs `mail`.
    pub email: Option<String>,
    /// URL that gets every notification by POST.
    #[schemars(regex(pattern = r"^http[s]{0,1}://[!-~]{1,200}$"))]
    pub webhook: Option<String>,
    /// Of what.
    #[serde(default = "all")]
    pub severities: Vec<Severity>,
}

/// How soon somebody must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Now.
    Page,
    /// On a working day.
    Ticket,
}

/// How e-mail leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailRelay {
    /// `HOST:PORT` of the server that takes it, from the monitoring host and without a password.
    #[schemars(regex(pattern = r"^[A-Za-z0-9.:-]{1,100}$"))]
    pub relay: String,
    /// The sender.
    pub from: String,
    /// STARTTLS is demanded; `false` only for a relay that is reached over a private line.
    #[serde(default = "yes")]
    pub tls: bool,
}

fn yes() -> bool {
    true
}
