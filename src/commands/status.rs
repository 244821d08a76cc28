//! `comuni status`: the fleet on one screen, from what is measured and from the evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::inventory::read;
use super::monitoring::{asked, watchers};
use super::survey::control_host;
use crate::backup::ladder::Verification;
use crate::cli::{Global, Way};
use crate::disk;
use crate::evidence::documents::fleet::{
    AlertStatus, ChangesStatus, DAYS, Fleet, Grade, HostStatus, MemberStatus, Past, TenantStatus, ZoneStatus,
    grade_backup, grade_certificate, grade_changes, grade_verified, grade_zone, page,
};
use crate::evidence::history::{Chains, HistoryLine, merge};
use crate::evidence::{Outbox, clock};
use crate::failure::{Failure, Kind, Result};
use crate::fleet::Evidence;
use crate::inventory::names::tenant_id;
use crate::inventory::types::Status;
use crate::inventory::{Body, Inventory, TenantPlan, select, zones};
use crate::monitoring::{Measured, measured, of_the_fleet};
use crate::report::json::Object;
use crate::report::{Out, fleet_table};

/// Records of each chain that are read: more than a quarter of a year of a province.
const NEWEST: u32 = 5000;

/// # Errors
/// Exit 7 when something could not be asked; what is known is shown before.
pub(super) fn run(global: &Global, members: &[String], html: Option<&Path>, way: &Way, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let chosen = select::members(&inventory, members)?;
    let (_, hosts) = watchers(&inventory)?;
    let control = control_host(&inventory).ok_or_else(|| Failure::inventory("no host has the role `control`"))?;
    let days = if html.is_some() { DAYS as u32 } else { 0 };
    let (said, evidence) =
        asked(&inventory, &hosts, &of_the_fleet(days), Some((control, NEWEST)), ("status", way), out)?;
    let mut unasked = Vec::new();
    let mut seen = Measured::default();
    for (host, answer) in said {
        match answer {
            Ok(monitored) => {
                let answers = measured(&monitored.answers);
                unasked.extend(answers.missing.iter().map(|what| format!("{host}: {what}")));
                seen = answers;
            }
            Err(failure) => unasked.push(format!("{host}: {}", failure.message)),
        }
    }
    let (lines, problems) = match evidence {
        Some(Ok(evidence)) => history(&inventory, evidence)?,
        Some(Err(failure)) => (Vec::new(), vec![format!("{control}: {}", failure.message)]),
        None => (Vec::new(), Vec::new()),
    };
    unasked.extend(problems);
    let known = Known { inventory: &inventory, seen, lines, now: clock::now().as_second() };
    let fleet = known.fleet(&chosen, unasked, html.is_some());
    for member in &fleet.members {
        out.object(&Object::MemberStatus(member.clone()));
    }
    for host in &fleet.hosts {
        out.object(&Object::HostStatus(host.clone()));
    }
    out.text(&fleet_table(&fleet, out));
    if let Some(path) = html {
        disk::replace(path, page(&fleet).as_bytes(), 0o644)
            .map_err(|error| Failure::operation(format!("cannot write {}: {error}", path.display())))?;
        out.remark(&format!("{} can be read in a browser and printed", path.display()));
    }
    if fleet.unasked.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Kind::Inconclusive, format!("not all could be asked:\n  {}", fleet.unasked.join("\n  ")))
        .hint("what is not known is shown as `unknown`; `comuni hosts check` tells why a host does not let us in"))
}

/// The runs of the evidence, the oldest first, and what stands against believing it.
fn history(inventory: &Inventory, evidence: Evidence) -> Result<(Vec<HistoryLine>, Vec<String>)> {
    let broken = evidence.broken.iter().map(|at| format!("the chain of evidence is broken: {at}")).collect();
    let chains = Chains { lines: evidence.chains, broken: Vec::new() };
    let outbox = Outbox::of(inventory, |name| std::env::var_os(name))?.undelivered()?;
    Ok((merge(&chains, &outbox).lines, broken))
}

/// All that is known.
struct Known<'a> {
    inventory: &'a Inventory,
    seen: Measured,
    lines: Vec<HistoryLine>,
    now: i64,
}

impl Known<'_> {
    fn fleet(&self, chosen: &BTreeSet<String>, unasked: Vec<String>, with_past: bool) -> Fleet {
        let bodies: Vec<&Body> = chosen.iter().map(|slug| &self.inventory.members[slug]).collect();
        let mut members: Vec<MemberStatus> = bodies.iter().map(|body| self.member(body)).collect();
        members.sort_by(|one, other| one.name.cmp(&other.name));
        let known: BTreeSet<&str> = self.inventory.members.values().map(|body| body.code.as_str()).collect();
        let of_none = self.seen.alerts.iter().filter(|alert| !known.contains(alert.member.as_str()));
        let mut past = BTreeMap::new();
        if with_past {
            let tenants = members.iter().flat_map(|member| &member.tenants);
            past = tenants.map(|tenant| (tenant.tenant.clone(), self.past(&tenant.tenant))).collect();
        }
        Fleet {
            name: self.inventory.consortium.name.clone(),
            now: self.now,
            members,
            hosts: self.inventory.hosts.iter().map(|(name, host)| self.host(name, &host.roles)).collect(),
            alerts: of_none.map(shown).collect(),
            unasked,
            past,
        }
    }

    fn member(&self, body: &Body) -> MemberStatus {
        let status = body.member.membership.status;
        let tenants = body.tenants.values().filter(|_| status != Status::Leaving).map(|plan| self.tenant(body, plan));
        let applied = self.lines.iter().rev().find(|line| {
            line.record.verb == "apply" && line.record.members.iter().any(|member| member.code == body.code)
        });
        MemberStatus {
            member: body.code.clone(),
            name: body.member.full_name(),
            membership: format!("{status:?}").to_lowercase(),
            grade: Grade::Unknown,
            tenants: tenants.collect(),
            zone: self.zone(body),
            changes: self.changes(&body.code),
            alerts: self.seen.alerts.iter().filter(|alert| alert.member == body.code).map(shown).collect(),
            applied: applied.map(|line| line.record.started.clone()),
        }
        .graded()
    }

    fn tenant(&self, body: &Body, plan: &TenantPlan) -> TenantStatus {
        let id = tenant_id(&body.code, &plan.application);
        let application = self.inventory.applications.get(&plan.application);
        let up = self.seen.up.get(&id).copied();
        let left = self.seen.certificates.get(&id).map(|end| end - self.now);
        let newest = self.seen.backups.get(&id).copied();
        let age = newest.filter(|began| *began > 0).map(|began| self.now - began);
        let rpo_hours = plan.tenant.backup.rpo_hours();
        let proven = self.proven(&id);
        TenantStatus {
            application: plan.application.clone(),
            title: application.map_or(plan.application.clone(), |of| of.title.clone()),
            release: plan.tenant.release.clone(),
            up,
            up_grade: up.map_or(Grade::Unknown, |up| if up { Grade::Ok } else { Grade::Broken }),
            certificate_days: left.map(|left| left.div_euclid(86_400)),
            certificate_grade: grade_certificate(left, self.inventory.consortium.authority.renew_days),
            backup_age_seconds: age,
            rpo_hours,
            backup_grade: grade_backup(age, newest == Some(0), rpo_hours),
            backup_never: newest == Some(0),
            verified: proven.and_then(|found| found.reached).map(|level| level.name().to_string()),
            verified_age_seconds: proven.map(|found| self.now - found.ended),
            verified_grade: proven
                .map_or(Grade::Unknown, |found| grade_verified(found.reached, found.outcome, self.now - found.ended)),
            tenant: id,
        }
    }

    /// The last verification of a tenant that went as far as a restore or found damage; the last one when none did.
    fn proven(&self, tenant: &str) -> Option<&Verification> {
        let of = || {
            let all = self.lines.iter().rev().filter_map(|line| line.record.verification.as_deref());
            all.filter(|found| found.tenant == tenant)
        };
        of().find(|found| found.tests_a_restore()).or_else(|| of().next())
    }

    fn zone(&self, body: &Body) -> Option<ZoneStatus> {
        let consortium = &self.inventory.consortium;
        let served = zones::name(&body.slug, &body.member, consortium).filter(|_| consortium.dns.is_some());
        let ours = served.is_some();
        let zone = served.or_else(|| body.member.domain.as_ref().map(|domain| domain.zone.clone()))?;
        let mut status = ZoneStatus {
            ours,
            answers: self.seen.answers.get(&zone).copied(),
            correct: self.seen.correct.get(&zone).copied(),
            drift: self.seen.drift.get(&zone).copied(),
            look_age_seconds: self.seen.looked.map(|looked| self.now - looked),
            grade: None,
            zone,
        };
        status.grade = grade_zone(&status);
        Some(status)
    }

    fn changes(&self, owner: &str) -> ChangesStatus {
        let mut status = ChangesStatus {
            pending: self.seen.pending.get(owner).copied(),
            drifted: self.seen.drifted.get(owner).copied(),
            plan_age_seconds: self.seen.planned.map(|planned| self.now - planned),
            grade: Grade::Unknown,
        };
        status.grade = grade_changes(&status);
        status
    }

    fn host(&self, name: &str, roles: &[crate::inventory::types::Role]) -> HostStatus {
        let up = self.seen.hosts.get(name).copied();
        let free = self.seen.free.get(name).copied();
        let grade = match (up, free) {
            (Some(false), _) => Grade::Broken,
            (Some(true), Some(free)) if free < 0.08 => Grade::Broken,
            (Some(true), Some(_)) => Grade::Ok,
            _ => Grade::Unknown,
        };
        let roles = roles.iter().map(|role| format!("{role:?}").to_lowercase()).collect();
        HostStatus { host: name.to_string(), roles, up, free_percent: free.map(|free| (free * 100.0) as u32), grade }
    }

    fn past(&self, tenant: &str) -> Past {
        let seen = self.seen.days.get(tenant);
        let newest = self.seen.days.values().filter_map(|days| days.keys().next_back()).max().copied();
        let at = |back: usize| newest.map(|newest| newest - 86_400 * i64::try_from(back).unwrap_or(0));
        let days = (0..DAYS).rev().map(|back| seen.and_then(|days| days.get(&at(back)?)).copied()).collect();
        let proven = self.lines.iter().filter_map(|line| line.record.verification.as_deref());
        let restores = proven
            .filter(|found| found.tenant == tenant)
            .filter_map(|found| Some((found.ended, found.rto_milliseconds?)));
        Past { days, availability: self.seen.availability.get(tenant).copied(), restores: restores.collect() }
    }
}

fn shown(alert: &crate::monitoring::Alert) -> AlertStatus {
    AlertStatus {
        severity: alert.severity.clone(),
        alert: alert.name.clone(),
        summary: alert.summary.clone(),
        notice: alert.notice.clone(),
        muted: alert.muted,
    }
}
