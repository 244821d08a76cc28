//! Name servers, delegations, and addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::index::Standing;
use super::{Index, Profile, absence, breach};
use crate::dns::address::{Network, reserved};
use crate::dns::data::{Data, Type};
use crate::dns::finding::{Finding, rules};
use crate::dns::name::Name;
use crate::dns::record::Record;

pub fn check(index: &Index, profile: &Profile, findings: &mut Vec<Finding>) {
    let apex = &index.zone.name;
    if index.set(apex, Type::Ns).is_empty() {
        let message = format!("{apex} has no NS record: nobody would find the zone");
        findings.push(absence(
            &rules::NS_MISSING,
            (index, profile),
            apex,
            Type::Ns,
            message,
            "name at least two servers",
        ));
    }
    for (owner, kind, records) in index.sets() {
        match kind {
            Type::Ns => servers(index, owner, records, findings),
            Type::Ds => signed(index, owner, records, findings),
            Type::A | Type::Aaaa => {
                records.iter().for_each(|record| reachable(record, profile, findings));
            }
            _ => {}
        }
    }
    places(index, profile, findings);
    occluded(index, findings);
}

fn servers(index: &Index, owner: &Name, records: &[&Record], findings: &mut Vec<Finding>) {
    let names: BTreeSet<&Name> = records.iter().filter_map(|record| record.data.target()).collect();
    if let (1, Some(first)) = (names.len(), records.first()) {
        let message = format!("{owner} has one name server only");
        findings.push(breach(&rules::NS_FEW, first, message, "a registry asks for two, so that one may fail"));
    }
    for record in records {
        let Some(name) = record.data.target().filter(|name| name.is_within(&index.zone.name)) else { continue };
        let addressed = [Type::A, Type::Aaaa].iter().any(|kind| !index.set(name, *kind).is_empty());
        let missing = !addressed && index.standing(name) != Standing::Alias;
        // A server below another delegation has its address there; below its own it needs glue.
        if missing && index.cut(name).is_none_or(|cut| cut == owner) {
            let message = format!("{owner} is served by {name}, which has no address in this zone");
            findings.push(breach(&rules::NS_GLUE, record, message, format!("add A or AAAA for {name}")));
        }
    }
}

fn signed(index: &Index, owner: &Name, records: &[&Record], findings: &mut Vec<Finding>) {
    for record in records {
        if *owner == index.zone.name {
            let help = "it belongs in the zone above: hand it to the registrar";
            findings.push(breach(&rules::DS_STRAY, record, format!("{owner} is the zone itself and has a DS"), help));
        } else if index.set(owner, Type::Ns).is_empty() {
            let message = format!("{owner} has a DS and is not delegated");
            findings.push(breach(&rules::DS_STRAY, record, message, "add its NS records, or take the DS away"));
        }
        if let Data::Ds { algorithm, digest_type, .. } = record.data
            && (!matches!(algorithm, 8 | 13) || digest_type != 2)
        {
            let message = format!("the DS of {owner} has algorithm {algorithm} and digest type {digest_type}");
            findings.push(breach(&rules::DS_ALGORITHM, record, message, "algorithm 13 (or 8) with digest type 2"));
        }
    }
}

fn address(record: &Record) -> Option<IpAddr> {
    match record.data {
        Data::A(address) => Some(address.into()),
        Data::Aaaa(address) => Some(address.into()),
        _ => None,
    }
}

fn unreachable(address: IpAddr, profile: &Profile) -> Option<&'static str> {
    reserved(address).filter(|_| !profile.networks.iter().any(|network| network.holds(address)))
}

fn reachable(record: &Record, profile: &Profile, findings: &mut Vec<Finding>) {
    let Some(address) = address(record) else { return };
    if let Some(why) = unreachable(address, profile) {
        let message = format!("{} has the address {address}, which is {why}", record.owner);
        let help = "write the address by which the world reaches it, or except its network in `dns.networks`";
        findings.push(breach(&rules::ADDRESS_RESERVED, record, message, help));
    }
}

/// Where the name servers of the zone stand.
fn places(index: &Index, profile: &Profile, findings: &mut Vec<Finding>) {
    let apex = &index.zone.name;
    let records = index.set(apex, Type::Ns);
    let mut known: Vec<(&Name, IpAddr)> = Vec::new();
    for record in records {
        let Some(name) = record.data.target() else { continue };
        let own = [Type::A, Type::Aaaa]
            .into_iter()
            .flat_map(|kind| index.set(name, kind))
            .filter_map(|record| address(record));
        known.extend(own.map(|address| (name, address)));
        for (_, address) in profile.servers.iter().filter(|(server, _)| server == name) {
            known.push((name, *address));
            if let Some(why) = unreachable(*address, profile).filter(|_| !name.is_within(apex)) {
                let message = format!("the name server {name} has the address {address}, which is {why}");
                let help = "give its public address as `address:`, or except its network in `dns.networks`";
                findings.push(breach(&rules::ADDRESS_RESERVED, record, message, help));
            }
        }
    }
    let names: BTreeSet<&Name> = records.iter().filter_map(|record| record.data.target()).collect();
    let complete = names.len() > 1 && names.iter().all(|name| known.iter().any(|(other, _)| other == name));
    let (Some(first), Some((_, address)), true) = (records.first(), known.first(), complete) else { return };
    if known.iter().all(|(_, other)| other == address) {
        let message = format!("all name servers have the address {address}: they fail together");
        findings.push(breach(&rules::NS_ONE_ADDRESS, first, message, "two machines in two places"));
        return;
    }
    let alone = |(_, other): &(&Name, IpAddr)| Network::around(*address).holds(*other);
    if known.iter().all(alone) {
        let message = format!("all name servers lie in the network {}: they fail together", Network::around(*address));
        findings.push(breach(
            &rules::NS_ONE_NETWORK,
            first,
            message,
            "put one in another place, with another provider",
        ));
    }
}

/// What a delegation hides.
fn occluded(index: &Index, findings: &mut Vec<Finding>) {
    for cut in index.cuts() {
        let glue: BTreeSet<&Name> = index.set(cut, Type::Ns).iter().filter_map(|record| record.data.target()).collect();
        for record in index.zone.records.iter().filter(|record| record.owner.is_within(cut)) {
            let kind = record.kind();
            let at_cut = record.owner == *cut && matches!(kind, Type::Ns | Type::Ds);
            let is_glue = matches!(kind, Type::A | Type::Aaaa) && glue.contains(&record.owner);
            if !at_cut && !is_glue {
                let message =
                    format!("{} {kind} lies below the delegation of {cut}: nobody would see it", record.owner);
                findings.push(breach(&rules::BELOW_CUT, record, message, format!("put it in the zone {cut}")));
            }
        }
    }
}
