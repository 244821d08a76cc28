//! Aliases, and what must not be one.

use std::collections::BTreeSet;

use super::index::Standing;
use super::{Index, breach};
use crate::dns::data::{Data, Type};
use crate::dns::finding::{Finding, rules};
use crate::dns::name::Name;
use crate::dns::record::Record;

pub fn check(index: &Index, findings: &mut Vec<Finding>) {
    let mut looped: BTreeSet<Name> = BTreeSet::new();
    for (owner, kind, records) in index.sets() {
        match kind {
            Type::Cname => alias(index, owner, records, &mut looped, findings),
            Type::Ns | Type::Mx | Type::Srv | Type::Soa => {
                records.iter().for_each(|record| target(index, record, findings))
            }
            _ => {}
        }
    }
}

fn alias<'z>(
    index: &Index<'z>,
    owner: &'z Name,
    records: &[&'z Record],
    looped: &mut BTreeSet<Name>,
    findings: &mut Vec<Finding>,
) {
    let Some(first) = records.first() else { return };
    if *owner == index.zone.name {
        let help = "write the addresses themselves: A and AAAA";
        findings.push(breach(&rules::CNAME_APEX, first, format!("{owner} is the zone itself and has a CNAME"), help));
        return;
    }
    if let Some(second) = records.iter().find(|record| record.data != first.data) {
        let message = format!("{owner} has two CNAMEs: {} and {}", first.data, second.data);
        findings.push(breach(&rules::CNAME_TWICE, second, message, "keep the right one").and(first.place));
    }
    if let Some(other) = index.kinds(owner).find(|kind| *kind != Type::Cname && !kind.is_of_signing()) {
        let beside = index.set(owner, other).first().map_or(first.place, |record| record.place);
        let message = format!("{owner} has a CNAME and {other} beside it: nobody would see the {other}");
        let help = "take one away, or write the addresses in the place of the CNAME";
        findings.push(breach(&rules::CNAME_BESIDE, first, message, help).and(beside));
    }
    let Data::Cname(target) = &first.data else { return };
    if let Some(round) = circle(index, owner) {
        if looped.insert(round.iter().min().cloned().unwrap_or_else(|| owner.clone())) {
            let way: Vec<String> = round.iter().chain([owner]).map(Name::to_string).collect();
            let message = format!("the CNAMEs lead in a circle: {}", way.join(" → "));
            findings.push(breach(&rules::CNAME_LOOP, first, message, "let one of them lead to a name with addresses"));
        }
        return;
    }
    match index.standing(target) {
        Standing::Missing => {
            let message = format!("{owner} leads to {target}, which is not there");
            findings.push(breach(&rules::CNAME_DANGLING, first, message, "correct the target, or take the CNAME away"));
        }
        Standing::Alias => {
            let message = format!("{owner} leads to {target}, which is a CNAME itself");
            findings.push(breach(&rules::CNAME_CHAIN, first, message, "let it lead to where that one leads"));
        }
        Standing::Outside | Standing::Address | Standing::There => {}
    }
}

/// The names of a circle of CNAMEs that begins at `owner`; `None` when following them ends.
fn circle(index: &Index, owner: &Name) -> Option<Vec<Name>> {
    let mut round = vec![owner.clone()];
    loop {
        let here = round.last()?;
        let Some(Data::Cname(next)) = index.set(here, Type::Cname).first().map(|record| &record.data) else {
            return None;
        };
        if next == owner {
            return Some(round);
        }
        // A circle further on is told at the names that are in it.
        if round.contains(next) {
            return None;
        }
        round.push(next.clone());
    }
}

fn target(index: &Index, record: &Record, findings: &mut Vec<Finding>) {
    let Some(name) = record.data.target().filter(|name| index.standing(name) == Standing::Alias) else { return };
    let kind = record.kind();
    let place = index.set(name, Type::Cname).first().map_or(record.place, |alias| alias.place);
    let message = format!("{kind} of {} points to {name}, which is a CNAME", record.owner);
    findings.push(breach(&rules::TARGET_CNAME, record, message, "point to the name that has the addresses").and(place));
}
