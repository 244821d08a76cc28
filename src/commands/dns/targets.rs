//! Which zones are to be looked at, and what they must be.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::rr::Name;

use crate::dns::{Data, Record, Zone};
use crate::failure::{Failure, Result};
use crate::inventory::diagnostics::near;
use crate::inventory::types::{DomainMode, Pec};
use crate::inventory::{Body, Inventory, select, zones};
use crate::outside::{NameServer, Patience, Service, Wanted, name, records, servers_of};

/// A zone that is to be looked at.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// What it must be.
    pub(super) wanted: Wanted,
    /// The member's whole name.
    pub(super) member: String,
    /// The name of its file.
    pub(super) slug: String,
    /// Why nobody can be asked, when others serve it and their servers are not known.
    pub(super) not_asked: Option<String>,
    /// Somebody was asked for those servers.
    pub(super) searched: bool,
}

/// The zones of the selected members, or the selected zones.
///
/// # Errors
/// Wrong usage (64) with near names when a selector matches nothing, or nothing is left to look at.
pub(super) fn targets(inventory: &Inventory, members: &[String], chosen: &[String]) -> Result<Vec<Target>> {
    let slugs = select::members(inventory, members)?;
    let mut targets = Vec::new();
    for body in slugs.iter().map(|slug| &inventory.members[slug]) {
        targets.extend(target(inventory, body)?);
    }
    let names: Vec<String> = targets.iter().map(Target::zone).collect();
    for zone in chosen {
        let zone = zone.trim_end_matches('.').to_ascii_lowercase();
        if !names.contains(&zone) {
            let failure = Failure::usage(format!("no zone of the selected members is called {zone}"));
            let near = near(&zone, names.iter().map(String::as_str));
            return Err(near.iter().fold(failure, |failure, name| failure.hint(format!("did you mean {name}?"))));
        }
    }
    let is_chosen = |target: &Target| {
        chosen.is_empty() || chosen.iter().any(|zone| zone.trim_end_matches('.').eq_ignore_ascii_case(&target.zone()))
    };
    targets.retain(is_chosen);
    if targets.is_empty() {
        return Err(Failure::usage("the selected members have no zone")
            .hint("a member's zone stands under `domain:`; what we serve also takes `dns:` in consortium.yml"));
    }
    Ok(targets)
}

/// The zone of a member, whoever serves it.
///
/// # Errors
/// When a name or record of it cannot be asked for.
pub(super) fn target(inventory: &Inventory, body: &Body) -> Result<Option<Target>> {
    let (member, slug) = (body.member.full_name(), body.slug.clone());
    if let Some(served) = zones::of(inventory, body) {
        let server = |(name, address): (String, IpAddr)| (name, vec![SocketAddr::new(address, 53)]);
        let servers = zones::servers(inventory).into_iter().map(server);
        let servers = servers.map(|(text, addresses)| Ok(NameServer { name: name(&text)?, addresses }));
        let wanted = Wanted {
            zone: name(&served.zone.name.to_string())?,
            owner: body.code.clone(),
            service: Service::Ours,
            records: records(&served.zone)?,
            servers: servers.collect::<Result<_>>()?,
            pec: served.pec.map(|pec| name(&pec.to_string())).transpose()?,
        };
        return Ok(Some(Target { wanted, member, slug, not_asked: None, searched: false }));
    }
    let Some(domain) = body.member.domain.as_ref().filter(|domain| domain.mode == DomainMode::External) else {
        return Ok(None);
    };
    let mut needed = needed(inventory, body, &domain.zone);
    let pec = domain.pec.as_ref().and_then(|pec| certified(&mut needed, pec));
    let wanted = Wanted {
        zone: name(&domain.zone)?,
        owner: body.code.clone(),
        service: Service::Others,
        records: records(&needed)?,
        servers: Vec::new(),
        pec: pec.map(|pec| name(&pec.to_string())).transpose()?,
    };
    let why = "name a --resolver that finds its servers".to_string();
    Ok(Some(Target { wanted, member, slug, not_asked: Some(why), searched: false }))
}

impl Target {
    /// Its zone, without a final dot.
    pub(super) fn zone(&self) -> String {
        bare(&self.wanted.zone)
    }

    /// Finds the servers of a zone that others serve.
    pub(super) fn find_servers(&mut self, resolver: Option<SocketAddr>, patience: Patience) {
        if let (Service::Others, Some(resolver)) = (self.wanted.service, resolver) {
            self.searched = true;
            match servers_of(&self.wanted.zone, resolver, patience) {
                Ok(servers) => (self.wanted.servers, self.not_asked) = (servers, None),
                Err(why) => self.not_asked = Some(why),
            }
        }
    }
}

/// A name without its final dot.
pub(super) fn bare(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_string()
}

/// The records that a zone of others must hold: a name for every tenant.
fn needed(inventory: &Inventory, body: &Body, zone: &str) -> Zone {
    let Ok(apex) = crate::dns::Name::absolute(zone) else {
        // The checks of the inventory let no such name pass.
        return Zone { name: crate::dns::Name::root(), records: Vec::new() };
    };
    let ttl = inventory.consortium.dns.as_ref().map_or(3600, |dns| dns.ttl);
    let record = |plan: &crate::inventory::TenantPlan| {
        let owner = crate::dns::Name::absolute(&plan.host_name).ok().filter(|name| name.is_within(&apex))?;
        let data = match inventory.hosts.get(&plan.application_host)?.address.parse().ok()? {
            IpAddr::V4(address) => Data::A(address),
            IpAddr::V6(address) => Data::Aaaa(address),
        };
        Some(Record { owner, ttl, data, place: 0 })
    };
    let records = body.tenants.values().filter_map(record).collect();
    Zone { name: apex, records }
}

/// Adds the MX of the certified e-mail where the member's file states them, whoever serves the zone.
fn certified(zone: &mut Zone, pec: &Pec) -> Option<crate::dns::Name> {
    let owner = crate::dns::Name::relative(&pec.name, &zone.name).ok()?;
    let ttl = pec.ttl.unwrap_or_default();
    for server in &pec.exchangers {
        let exchanger = crate::dns::Name::absolute(&server.host).ok()?;
        let data = Data::Mx { preference: server.preference, exchanger };
        zone.records.push(Record { owner: owner.clone(), ttl, data, place: 0 });
    }
    (!pec.exchangers.is_empty()).then_some(owner)
}
