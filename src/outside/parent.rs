//! What the parent of a zone says: its delegation, addresses beside it, and DS.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use hickory_proto::dnssec::rdata::{DNSSECRData, DS};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::NameServer;
use super::line::{Patience, Question, ask_once};
use super::sets::bare;

/// Servers of the parent that are tried before it counts as not to be asked.
const TRIED: usize = 4;

/// What the parent says of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Who said it.
    pub from: String,
    /// The name servers.
    pub servers: BTreeSet<Name>,
    /// The addresses that stand beside the delegation.
    pub glue: BTreeMap<Name, BTreeSet<IpAddr>>,
    /// The DS; none while the registrar has none.
    pub ds: Vec<DS>,
}

/// Whom to ask for a delegation.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    /// A server of the parent zone.
    Parent(SocketAddr),
    /// A resolver that finds the servers of the parent zone.
    Resolver(SocketAddr),
}

/// Asks the parent.
///
/// # Errors
/// Why nothing could be seen, in words.
pub fn delegation(zone: &Name, way: Way, patience: Patience) -> Result<Delegation, String> {
    match way {
        Way::Parent(address) => at(address, zone, patience),
        Way::Resolver(resolver) => {
            let parent = parent_of(zone, resolver, patience)?;
            let servers = servers_of(&parent, resolver, patience)?;
            let mut why = format!("no server of {} is known", bare(&parent));
            for address in servers.iter().flat_map(|server| &server.addresses).take(TRIED) {
                match at(*address, zone, patience) {
                    Ok(delegation) => return Ok(delegation),
                    Err(reason) => why = reason,
                }
            }
            Err(why)
        }
    }
}

/// The name servers of a zone with their addresses, as a resolver knows them.
///
/// # Errors
/// Why it knows none, in words.
pub fn servers_of(zone: &Name, resolver: SocketAddr, patience: Patience) -> Result<Vec<NameServer>, String> {
    let answer = resolved(zone, RecordType::NS, resolver, patience)?;
    let mut servers = Vec::new();
    for name in names(answer.answers.iter().filter(|record| record.name == *zone)) {
        let mut addresses = Vec::new();
        for kind in [RecordType::A, RecordType::AAAA] {
            let answer = resolved(&name, kind, resolver, patience)?;
            addresses.extend(answer.answers.iter().filter_map(|record| record.data.ip_addr()));
        }
        servers.push(NameServer { name, addresses: addresses.into_iter().map(|ip| SocketAddr::new(ip, 53)).collect() });
    }
    if servers.iter().all(|server| server.addresses.is_empty()) {
        return Err(format!("{resolver} knows no name server of {}", bare(zone)));
    }
    Ok(servers)
}

fn at(address: SocketAddr, zone: &Name, patience: Patience) -> Result<Delegation, String> {
    let from = if address.port() == 53 { address.ip().to_string() } else { address.to_string() };
    let ask = |kind| ask_once(address, &Question::plain(zone, kind), patience).map_err(|why| format!("{from}: {why}"));
    let referral = ask(RecordType::NS)?;
    if referral.response_code != ResponseCode::NoError {
        return Err(format!("{from} answers {} for {}", referral.response_code, bare(zone)));
    }
    let both = || referral.answers.iter().chain(&referral.authorities);
    let servers: BTreeSet<Name> = names(both().filter(|record| record.name == *zone)).collect();
    if servers.is_empty() {
        return Err(format!("{from} has no delegation of {}", bare(zone)));
    }
    let mut glue: BTreeMap<Name, BTreeSet<IpAddr>> = BTreeMap::new();
    for record in referral.additionals.iter().filter(|record| servers.contains(&record.name)) {
        if let Some(address) = record.data.ip_addr() {
            glue.entry(record.name.clone()).or_default().insert(address);
        }
    }
    let ds = |record: &Record| match &record.data {
        RData::DNSSEC(DNSSECRData::DS(ds)) => Some(ds.clone()),
        _ => None,
    };
    let ds = ask(RecordType::DS)?.answers.iter().filter_map(ds).collect();
    Ok(Delegation { from, servers, glue, ds })
}

/// The zone above: the one whose SOA answers for the name above.
fn parent_of(zone: &Name, resolver: SocketAddr, patience: Patience) -> Result<Name, String> {
    let answer = resolved(&zone.base_name(), RecordType::SOA, resolver, patience)?;
    let soa = answer.answers.iter().chain(&answer.authorities).find(|record| record.record_type() == RecordType::SOA);
    soa.map(|record| record.name.clone())
        .ok_or_else(|| format!("{resolver} does not know the zone above {}", bare(zone)))
}

fn resolved(name: &Name, kind: RecordType, resolver: SocketAddr, patience: Patience) -> Result<Message, String> {
    let answer = ask_once(resolver, &Question::recursive(name, kind), patience)
        .map_err(|why| format!("the resolver {resolver}: {why}"))?;
    match answer.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => Ok(answer),
        code => Err(format!("the resolver {resolver} answers {code} for {}", bare(name))),
    }
}

fn names<'a>(records: impl Iterator<Item = &'a Record> + 'a) -> impl Iterator<Item = Name> + 'a {
    records.filter_map(|record| match &record.data {
        RData::NS(server) => Some(server.0.clone()),
        _ => None,
    })
}
