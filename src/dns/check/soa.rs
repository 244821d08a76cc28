//! The SOA and its timers.

use super::{Index, Profile, absence, breach};
use crate::dns::data::{Data, Type};
use crate::dns::finding::{Finding, rules};

/// A week in seconds.
const WEEK: u32 = 604_800;

pub fn check(index: &Index, profile: &Profile, findings: &mut Vec<Finding>) {
    let apex = &index.zone.name;
    let own = index.set(apex, Type::Soa);
    if own.is_empty() {
        let message = format!("the zone {apex} has no SOA");
        findings.push(absence(
            &rules::SOA_MISSING,
            (index, profile),
            apex,
            Type::Soa,
            message,
            "a zone begins with one",
        ));
    }
    for record in index.all(Type::Soa).filter(|record| record.owner != *apex).chain(own.iter().skip(1).copied()) {
        let message = format!("{} has an SOA too", record.owner);
        findings.push(breach(&rules::SOA_MISSING, record, message, "a zone has one, at its own name: take it away"));
    }
    let Some(record) = own.first() else { return };
    let Data::Soa(soa) = &record.data else { return };
    if soa.retry >= soa.refresh {
        let message = format!("the SOA's retry ({}) is not less than its refresh ({})", soa.retry, soa.refresh);
        findings.push(breach(&rules::SOA_RETRY, record, message, "refresh 14400, retry 3600"));
    }
    if soa.expire < WEEK {
        let message = format!("the SOA's expire is {} seconds: secondaries stop to answer soon", soa.expire);
        findings.push(breach(&rules::SOA_EXPIRE, record, message, "1209600 is two weeks"));
    }
    if !(300..=86400).contains(&soa.minimum) {
        let message = format!("the SOA's minimum is {} seconds", soa.minimum);
        findings.push(breach(
            &rules::SOA_MINIMUM,
            record,
            message,
            "300 to 86400: so long a missing name stays missing",
        ));
    }
}
