//! How the fleet is: each member with its tenants, certificates, zone, backups and pending changes, as far as it is known.
//! The same for text, JSON and a page that a mayor can read. What nobody measured is `unknown`, and never good.

mod charts;
mod grade;
mod page;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

pub use grade::{grade_backup, grade_certificate, grade_changes, grade_verified, grade_zone};
pub use page::page;

/// How well something is. The order is from good to bad, so that the worst of many is the greatest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// As it must be.
    Ok,
    /// Nobody measured it, or not lately.
    #[default]
    Unknown,
    /// Somebody should look on a working day.
    Attention,
    /// It fails.
    Broken,
}

impl Grade {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Grade::Ok => "ok",
            Grade::Unknown => "unknown",
            Grade::Attention => "attention",
            Grade::Broken => "broken",
        }
    }
}

/// The fleet at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fleet {
    /// Name of the consortium.
    pub name: String,
    /// When, seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
    /// Its members, by name.
    pub members: Vec<MemberStatus>,
    /// Its machines.
    pub hosts: Vec<HostStatus>,
    /// Alerts that concern no member.
    pub alerts: Vec<AlertStatus>,
    /// What could not be asked: one sentence each, as a technician reads it.
    pub unasked: Vec<String>,
    /// What was measured of each tenant over time; empty unless it was asked for.
    pub past: BTreeMap<String, Past>,
}

/// One member.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct MemberStatus {
    /// Its code.
    pub member: String,
    /// `Comune di Malnate`.
    pub name: String,
    /// `joining`, `active` or `leaving`.
    pub membership: String,
    /// The worst of all below: `ok`, `unknown`, `attention` or `broken`.
    pub grade: Grade,
    /// Its tenants.
    pub tenants: Vec<TenantStatus>,
    /// Its zone; null when it has none.
    pub zone: Option<ZoneStatus>,
    /// What an apply would change.
    pub changes: ChangesStatus,
    /// Alerts that fire for it.
    pub alerts: Vec<AlertStatus>,
    /// When an apply last looked at it (ISO 8601), by the evidence; null when that is not known.
    pub applied: Option<String>,
}

/// One tenant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct TenantStatus {
    /// `c_e863-albo`.
    pub tenant: String,
    /// Its application.
    pub application: String,
    /// What the application is called.
    pub title: String,
    /// Its release, by the inventory.
    pub release: String,
    /// It answers as a healthy one; null when that is not known. That of a leaving member is stopped, and not asked.
    pub up: Option<bool>,
    /// How well that is.
    pub up_grade: Grade,
    /// Days until its certificate ends; null when that is not known.
    pub certificate_days: Option<i64>,
    /// How well that is.
    pub certificate_grade: Grade,
    /// Age of the newest complete backup, in seconds; null when there is none, or when that is not known.
    pub backup_age_seconds: Option<i64>,
    /// The newest may be this old, in hours.
    pub rpo_hours: u32,
    /// How well that is.
    pub backup_grade: Grade,
    /// There is no backup at all: that is known.
    pub backup_never: bool,
    /// The highest level to which the last verification proved a backup: `L6`; null when none did, or that is not known.
    pub verified: Option<String>,
    /// Age of that verification, in seconds.
    pub verified_age_seconds: Option<i64>,
    /// How well that is.
    pub verified_grade: Grade,
}

/// One zone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct ZoneStatus {
    /// Its name, without a final dot.
    pub zone: String,
    /// We serve it; else others do.
    pub ours: bool,
    /// All of its servers answer; null when that is not known.
    pub answers: Option<bool>,
    /// Nothing was wrong with it when it was last looked at from outside; null when that is not known.
    pub correct: Option<bool>,
    /// Sets of records that were not served as the inventory says; null when that is not known.
    pub drift: Option<u64>,
    /// Age of that look, in seconds.
    pub look_age_seconds: Option<i64>,
    /// How well that is; null when others serve it and nobody looked: that is not judged.
    pub grade: Option<Grade>,
}

/// What the last `comuni plan --textfile` found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct ChangesStatus {
    /// Resources that an apply would change; null when that is not known.
    pub pending: Option<u64>,
    /// Those that somebody changed on the host by hand; null when that is not known.
    pub drifted: Option<u64>,
    /// Age of that plan, in seconds.
    pub plan_age_seconds: Option<i64>,
    /// How well that is.
    pub grade: Grade,
}

/// An alert that fires.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct AlertStatus {
    /// `page` or `ticket`.
    pub severity: String,
    /// Its name.
    pub alert: String,
    /// In a technician's words.
    pub summary: String,
    /// For the member, in Italian; empty when it is no matter of members.
    pub notice: String,
    /// Muted, or told with another one.
    pub muted: bool,
}

/// One machine (`status`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct HostStatus {
    /// Its name.
    pub host: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its exporter answers; null when that is not known.
    pub up: Option<bool>,
    /// The part of its fullest file system that is free, in percent; null when that is not known.
    pub free_percent: Option<u32>,
    /// How well that is.
    pub grade: Grade,
}

/// What was measured of a tenant over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    /// Share of the probes of each of the last [`DAYS`] days that were well, the oldest first; `None` where nothing was measured.
    pub days: Vec<Option<f64>>,
    /// Share over all of them.
    pub availability: Option<f64>,
    /// Restores that were tried, the oldest first: when (seconds since 1970), and in how many milliseconds.
    pub restores: Vec<(i64, u64)>,
}

/// So many days are shown.
pub const DAYS: usize = 30;

impl Fleet {
    /// How many members are of each grade: ok, unknown, attention, broken.
    pub fn counts(&self) -> [usize; 4] {
        [Grade::Ok, Grade::Unknown, Grade::Attention, Grade::Broken]
            .map(|grade| self.members.iter().filter(|member| member.grade == grade).count())
    }
}

impl MemberStatus {
    /// Reckons its grade from all that is known of it.
    pub fn graded(mut self) -> MemberStatus {
        let tenants = self
            .tenants
            .iter()
            .flat_map(|tenant| [tenant.up_grade, tenant.certificate_grade, tenant.backup_grade, tenant.verified_grade]);
        let zone = self.zone.iter().filter_map(|zone| zone.grade);
        let alerts = self.alerts.iter().filter(|alert| !alert.muted).map(AlertStatus::grade);
        let all = tenants.chain(zone).chain(alerts).chain([self.changes.grade]);
        self.grade = all.max().unwrap_or_default();
        self
    }

    /// The worst of one thing over all of its tenants; `None` when it has no tenant.
    pub fn worst(&self, of: impl Fn(&TenantStatus) -> Grade) -> Option<Grade> {
        self.tenants.iter().map(of).max()
    }
}

impl AlertStatus {
    /// How bad it is.
    pub fn grade(&self) -> Grade {
        if self.severity == "page" { Grade::Broken } else { Grade::Attention }
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
