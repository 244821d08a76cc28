//! The zones that follow from the inventory: what a member says about its domain, its tenants, and the consortium's policy.

mod build;
mod import;
mod waivers;
pub mod yaml;

pub use import::{Imported, import, is_said};
pub use waivers::covering;

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::diagnostics;
use super::types::{Consortium, Dns, DomainMode, Host, Member};
use super::{Body, Inventory, names};
use crate::dns::{Finding, Name, Network, Profile, Record, Type, Zone};

/// A zone that we serve.
#[derive(Debug, Clone)]
pub struct Served {
    /// Who serves it: `primary` or `subzone`.
    pub mode: DomainMode,
    /// The zone. Its records' places count [`Served::origins`].
    pub zone: Zone,
    /// Where the records were written.
    pub origins: Vec<Origin>,
    /// The tenants that answer below it: name and address of the application host.
    pub tenants: Vec<(Name, IpAddr, u32)>,
    /// The name with certified mail.
    pub pec: Option<Name>,
    /// Who takes the certified mail has been said, also when nobody does.
    pub pec_said: bool,
    /// What could not be read.
    pub unreadable: Vec<Finding>,
}

/// A finding that is borne with for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waived {
    /// The finding, as it is told when the waiver has ended.
    pub finding: diagnostics::Finding,
    /// The rule.
    pub rule: &'static str,
    /// The zone, without a final dot.
    pub zone: String,
    /// What is wrong.
    pub message: String,
    /// Why it is borne with.
    pub reason: String,
    /// The last day on which it is (ISO 8601).
    pub until: String,
}

/// Where a record was written: keys of a file, with the numbers of list entries from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In `consortium.yml`.
    Consortium(Vec<String>),
    /// In the member's file.
    Member(Vec<String>),
}

/// What zones are made of beside the member.
pub struct Scene<'a> {
    /// The aggregation.
    pub consortium: &'a Consortium,
    /// Its policy.
    pub dns: &'a Dns,
    /// The hosts by name.
    pub hosts: BTreeMap<&'a str, &'a Host>,
}

impl Served {
    /// What the zone is held against.
    pub fn profile(&self, scene: &Scene) -> Profile {
        let servers = scene.servers().into_iter();
        Profile {
            whole: self.mode == DomainMode::Primary,
            home: Some(0),
            pec_said: self.pec_said,
            pec: self.pec.clone(),
            networks: scene.dns.networks.iter().filter_map(|network| Network::read(network)).collect(),
            issuers: scene.dns.issuers.clone(),
            servers: servers.filter_map(|(name, address)| Some((Name::absolute(&name).ok()?, address))).collect(),
            tenants: self.tenants.clone(),
        }
    }

    /// Names and types that are not changed or removed before that is allowed by name: `comune.malnate.va.it/MX`.
    pub fn protected(&self) -> Vec<String> {
        let apex = &self.zone.name;
        let mut protected: Vec<String> = [Type::Ns, Type::Mx, Type::Caa].map(|kind| guarded(apex, kind)).to_vec();
        protected.extend(self.pec.iter().map(|pec| guarded(pec, Type::Mx)));
        let guards = |record: &&Record| matches!(record.kind(), Type::Ds | Type::Caa | Type::Ns);
        protected.extend(self.zone.records.iter().filter(guards).map(|record| guarded(&record.owner, record.kind())));
        protected.sort();
        protected.dedup();
        protected
    }
}

fn guarded(name: &Name, kind: Type) -> String {
    format!("{}/{kind}", name.plain())
}

/// The name of the zone that is served for a member, whether its records can be read or not; `None` when others serve it.
pub fn name(slug: &str, member: &Member, consortium: &Consortium) -> Option<String> {
    match &member.domain {
        Some(domain) => match domain.mode {
            DomainMode::Primary => Some(domain.zone.clone()),
            DomainMode::Subzone => Some(format!("cloud.{}", domain.zone)),
            DomainMode::External => None,
        },
        // It answers below the consortium's domain until its own is known.
        None => (!member.applications.is_empty()).then(|| format!("{slug}.{}", consortium.domain)),
    }
}

/// The zone of a member that we serve; `None` when others serve it, or the consortium serves none.
pub fn of(inventory: &Inventory, body: &Body) -> Option<Served> {
    Scene::of(inventory)?.zone(&body.slug, &body.member)
}

/// The addresses of all name servers with their names, the primary first.
pub fn servers(inventory: &Inventory) -> Vec<(String, IpAddr)> {
    Scene::of(inventory).map(|scene| scene.servers()).unwrap_or_default()
}

impl<'a> Scene<'a> {
    /// What a whole inventory says; `None` when it serves no zone.
    pub fn of(inventory: &'a Inventory) -> Option<Scene<'a>> {
        let dns = inventory.consortium.dns.as_ref()?;
        let hosts = inventory.hosts.iter().map(|(name, host)| (name.as_str(), host)).collect();
        Some(Scene { consortium: &inventory.consortium, dns, hosts })
    }

    /// The zone of a member that we serve.
    pub fn zone(&self, slug: &str, member: &Member) -> Option<Served> {
        let name = Name::absolute(&name(slug, member, self.consortium)?).ok()?;
        Some(build::zone(self, name, slug, member))
    }

    /// The names of all zones that we serve, in the order of the members.
    pub fn names(&self, inventory: &Inventory) -> Vec<String> {
        let names = inventory.members.values().filter_map(|body| name(&body.slug, &body.member, self.consortium));
        names.filter_map(|name| Some(Name::absolute(&name).ok()?.plain())).collect()
    }

    /// The addresses of all name servers with their names, the primary first.
    pub fn servers(&self) -> Vec<(String, IpAddr)> {
        let servers = self.dns.servers.iter();
        servers.filter_map(|server| Some((server.name.clone(), self.server_address(server)?))).collect()
    }

    fn server_address(&self, server: &super::types::NameServer) -> Option<IpAddr> {
        let stated = server.address.as_ref().or_else(|| Some(&self.hosts.get(server.host.as_deref()?)?.address));
        stated?.parse().ok()
    }

    /// The tenants of a member with their names and the addresses of their hosts.
    fn tenants(&self, slug: &str, member: &Member) -> Vec<(String, Name, IpAddr)> {
        let Some(placement) = &member.placement else { return Vec::new() };
        let address = self.hosts.get(placement.application.as_str()).and_then(|host| host.address.parse().ok());
        let Some(address) = address else { return Vec::new() };
        let tenants = member.applications.iter().filter_map(|(application, tenant)| {
            let derived = || names::host_name(application, slug, member, self.consortium);
            let name = Name::absolute(&tenant.host_name.clone().unwrap_or_else(derived)).ok()?;
            Some((application.clone(), name, address))
        });
        tenants.collect()
    }
}
