//! Names of records.

use std::collections::BTreeSet;

use super::{Index, breach};
use crate::dns::data::Type;
use crate::dns::finding::{Finding, rules};
use crate::dns::name::Name;

pub fn check(index: &Index, findings: &mut Vec<Finding>) {
    let apex = &index.zone.name;
    let mut told: BTreeSet<&Name> = BTreeSet::new();
    for record in &index.zone.records {
        let owner = &record.owner;
        if !told.insert(owner) {
            continue;
        }
        if !owner.is_within(apex) {
            let message = format!("{owner} does not lie in the zone {apex}");
            let help = format!("write a name below {apex}, or put the record in its own zone");
            findings.push(breach(&rules::OUT_OF_ZONE, record, message, help));
            continue;
        }
        let own = &owner.labels()[..owner.labels().len() - apex.labels().len()];
        if own.ends_with(apex.labels()) {
            let short = own[..own.len() - apex.labels().len()].join(".");
            let short = if short.is_empty() { "@".to_string() } else { short };
            let message = format!("{owner} repeats the name of its zone");
            findings.push(breach(&rules::REPEATS_ZONE, record, message, format!("write `{short}`")));
            continue;
        }
        if let Some(label) =
            own.iter().enumerate().find(|(at, label)| !is_label(label, *at == 0)).map(|(_, label)| label)
        {
            let message = format!("the label `{label}` of {owner} holds what names do not");
            let help = "letters, digits and hyphens inside; `*` alone and first";
            findings.push(breach(&rules::NAME_LETTERS, record, message, help));
        }
        let host = [Type::A, Type::Aaaa, Type::Mx].iter().any(|kind| !index.set(owner, *kind).is_empty());
        let odd =
            |label: &&String| label.get(1..).is_some_and(|rest| rest.contains('_')) || host && label.starts_with('_');
        if let Some(label) = own.iter().find(odd) {
            let message = format!("the label `{label}` of {owner} holds an underscore and is no name of a service");
            findings.push(breach(
                &rules::NAME_UNDERSCORE,
                record,
                message,
                "a hyphen reads better: many programs refuse `_`",
            ));
        }
    }
}

fn is_label(label: &str, first: bool) -> bool {
    let letters = label.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    first && label == "*" || letters && !label.starts_with('-') && !label.ends_with('-')
}
