//! What the zone of a comune owes its citizens.

use std::net::IpAddr;

use super::{Index, Profile, absence, breach};
use crate::dns::data::{Data, Type};
use crate::dns::finding::{Finding, rules};
use crate::dns::name::Name;
use crate::dns::record::Record;

pub fn check(index: &Index, profile: &Profile, findings: &mut Vec<Finding>) {
    let apex = &index.zone.name;
    if profile.whole && [Type::A, Type::Aaaa].iter().all(|kind| index.set(apex, *kind).is_empty()) {
        let message = format!("{apex} has no address: the site must answer without `www`");
        findings.push(absence(
            &rules::SITE_MISSING,
            (index, profile),
            apex,
            Type::A,
            message,
            "`site: { addresses: [192.0.2.1] }`",
        ));
    }
    if profile.whole && !profile.pec_said {
        let message = format!("{apex} does not say who takes its certified mail");
        let help = "`pec:` names the provider's exchangers; `pec: { exchangers: [] }` says that it lies under the provider's domain";
        findings.push(absence(&rules::PEC_MISSING, (index, profile), apex, Type::Mx, message, help));
    }
    if let Some(pec) = &profile.pec {
        certified(index, pec, findings);
    }
    for (name, address, place) in &profile.tenants {
        tenant(index, name, *address, *place, findings);
    }
}

/// The last two labels: of one provider, all its exchangers share them.
fn provider(name: &Name) -> &[String] {
    let labels = name.labels();
    &labels[labels.len().saturating_sub(2)..]
}

fn certified(index: &Index, pec: &Name, findings: &mut Vec<Finding>) {
    let records = index.set(pec, Type::Mx);
    let Some(first) = records.first() else { return };
    let help = "the provider's exchangers alone: it checks daily, and a mistake of a week ends the certified mail";
    let mut tell = |record: &Record, message: String| findings.push(breach(&rules::PEC_MIXED, record, message, help));
    for record in records {
        let Some(target) = record.data.target() else { continue };
        if target.is_root() || target.is_within(&index.zone.name) {
            tell(record, format!("the certified mail of {pec} would go to {target}, which is no provider"));
        }
    }
    let other = records.iter().find(|record| {
        let (one, other) = (record.data.target().map(provider), first.data.target().map(provider));
        one != other
    });
    if let Some(other) = other {
        tell(other, format!("the certified mail of {pec} would go to two providers"));
    }
    for kind in [Type::A, Type::Aaaa] {
        if let Some(record) = index.set(pec, kind).first() {
            tell(record, format!("{pec} takes certified mail and has an address beside"));
        }
    }
}

fn tenant(index: &Index, name: &Name, address: IpAddr, place: u32, findings: &mut Vec<Finding>) {
    let stray =
        [Type::A, Type::Aaaa].into_iter().flat_map(|kind| index.set(name, kind)).find(|record| match record.data {
            Data::A(other) => IpAddr::from(other) != address,
            Data::Aaaa(other) => IpAddr::from(other) != address,
            _ => false,
        });
    if let Some(record) = stray {
        let message = format!("{name} is a tenant's name on {address}, and leads to {} too", record.data);
        let finding =
            breach(&rules::TENANT_ADDRESS, record, message, "take the record away: a tenant's own follows from it");
        findings.push(finding.and(place));
    }
    if index.cut(name).is_some() {
        let message = format!("{name} is a tenant's name and lies below a delegation: nobody would find it");
        let finding =
            Finding::of(&rules::TENANT_ADDRESS, message).help("take the delegation away, or give it another name");
        findings.push(finding.at(name, Some(Type::A), place));
    }
}
