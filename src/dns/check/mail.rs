//! Where mail and services lead.

use super::index::Standing;
use super::{Index, Profile, absence, breach};
use crate::dns::data::{Data, Type};
use crate::dns::finding::{Finding, rules};
use crate::dns::record::Record;

pub fn check(index: &Index, profile: &Profile, findings: &mut Vec<Finding>) {
    let apex = &index.zone.name;
    if profile.whole && index.set(apex, Type::Mx).is_empty() {
        let message = format!("{apex} does not say who takes its mail");
        let help = "`mail:` names the exchangers; `mail: { exchangers: [] }` says that there is no mail";
        findings.push(absence(&rules::MAIL_MISSING, (index, profile), apex, Type::Mx, message, help));
    }
    for (owner, kind, records) in index.sets() {
        if kind == Type::Mx
            && let Some(null) = records.iter().find(|record| is_null(record))
            && (records.len() > 1 || !matches!(null.data, Data::Mx { preference: 0, .. }))
        {
            let message =
                format!("{owner} has an exchanger `.`, which says that it takes no mail, and not as `0 .` alone");
            findings.push(breach(&rules::MX_NULL, null, message, "`0 .` alone, or the exchangers alone"));
        }
        if matches!(kind, Type::Mx | Type::Srv) {
            records.iter().for_each(|record| leads(index, record, findings));
        }
    }
}

/// Whether a record says that its name takes no mail (RFC 7505).
pub fn is_null(record: &Record) -> bool {
    matches!(&record.data, Data::Mx { exchanger, .. } if exchanger.is_root())
}

fn leads(index: &Index, record: &Record, findings: &mut Vec<Finding>) {
    let Some(target) = record.data.target() else { return };
    if matches!(index.standing(target), Standing::Missing | Standing::There) {
        let message = format!("{} of {} points to {target}, which has no address", record.kind(), record.owner);
        findings.push(breach(
            &rules::TARGET_MISSING,
            record,
            message,
            format!("add A or AAAA for {target}, or correct it"),
        ));
    }
}
