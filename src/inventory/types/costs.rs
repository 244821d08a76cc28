//! Costs: what the consortium pays, and how its members share it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is paid, who bears it, and what was paid already. Amounts are in euro, in quotes, with two decimals: `"48000.00"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// The act that lays the sharing down, as documents cite it.
    pub act: Option<String>,
    /// What is paid, each by a short name.
    #[serde(default)]
    pub lines: BTreeMap<String, CostLine>,
    /// What members paid on account.
    #[serde(default)]
    pub payments: Vec<Payment>,
}

/// One thing that is paid, with its own rule of sharing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostLine {
    /// What it is, in Italian: it stands in documents.
    pub title: String,
    /// Whether it is paid once, by time or by use.
    pub kind: CostKind,
    /// First day that it is for (ISO 8601).
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub from: String,
    /// Last day that it is for (ISO 8601).
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub to: String,
    /// Without VAT, for all its days.
    #[schemars(regex(pattern = r"^[0-9]{1,9}[.][0-9]{2}$"))]
    pub net: String,
    /// VAT in percent.
    #[schemars(range(max = 100))]
    pub vat_percent: u32,
    /// Number and date of the invoice.
    pub invoice: Option<String>,
    /// Code of the tender (codice identificativo di gara).
    pub cig: Option<String>,
    /// Only members that use this application bear it.
    pub application: Option<String>,
    /// By what it is shared.
    pub share: Sharing,
    /// With `fixed_and_residents`: how much of it is shared in equal parts, in percent.
    #[schemars(range(max = 100))]
    pub fixed_percent: Option<u32>,
    /// With `class`: how much a member of each class weighs, the smallest class first.
    #[serde(default)]
    pub classes: Vec<CostClass>,
    /// With `usage`: what was measured of each member, by slug; who used nothing stands there with 0.
    #[serde(default)]
    pub measured: BTreeMap<String, u64>,
    /// With `usage`: what was measured, as documents say it (`postazioni`, `GB`).
    pub unit: Option<String>,
    /// What single members bear whatever the rule says, without VAT and for all its days, by slug; the others share the rest.
    #[serde(default)]
    pub agreed: BTreeMap<String, String>,
}

/// How something is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostKind {
    /// Once (*una tantum*): it belongs to the period of its first day, whole.
    OneOff,
    /// By time (*canone*): a period bears the days that lie in it.
    Fee,
    /// By use (*consumi*): a period bears the days that lie in it.
    Usage,
}

/// By what a line is shared; everything counts by the days of membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// In equal parts.
    Equal,
    /// By residents.
    Residents,
    /// A part equally (`fixed_percent`), the rest by residents.
    FixedAndResidents,
    /// By what was measured (`measured`).
    Usage,
    /// By the weight of the class that residents put a member in (`classes`).
    Class,
}

/// A class of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostClass {
    /// Up to how many residents; the last class says nothing.
    pub up_to: Option<u32>,
    /// How much each of its members weighs.
    pub weight: u32,
}

/// What a member paid on account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// The member, by slug.
    pub member: String,
    /// When (ISO 8601).
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub date: String,
    /// With VAT.
    #[schemars(regex(pattern = r"^[0-9]{1,9}[.][0-9]{2}$"))]
    pub amount: String,
}

/// What a member spent on the same software before it joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpentBefore {
    /// In a year, with VAT.
    #[schemars(regex(pattern = r"^[0-9]{1,9}[.][0-9]{2}$"))]
    pub yearly: String,
    /// Where that is known from.
    pub source: String,
}
