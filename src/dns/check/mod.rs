//! The rules that a zone is held against, before any server sees it.

mod caa;
mod cname;
mod comune;
mod delegation;
mod dkim;
mod dmarc;
mod index;
mod mail;
mod names;
mod rrsets;
mod soa;
mod spf;

use std::net::IpAddr;

use super::address::Network;
use super::data::Type;
use super::finding::{Finding, Rule};
use super::name::Name;
use super::record::{Place, Record, Zone};
use index::Index;

/// What a zone is held against beside itself.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// It is the whole zone of a body, which has a site, mail and certified mail; otherwise a part that is ours alone.
    pub whole: bool,
    /// Where to tell what is not there; at the SOA when not said.
    pub home: Option<Place>,
    /// Who takes the certified mail has been said, also when nobody does.
    pub pec_said: bool,
    /// The name with certified mail.
    pub pec: Option<Name>,
    /// Reserved networks whose addresses may stand in it all the same.
    pub networks: Vec<Network>,
    /// The certificate authorities in use, as in CAA records.
    pub issuers: Vec<String>,
    /// The addresses of name servers outside of the zone, as far as they are known.
    pub servers: Vec<(Name, IpAddr)>,
    /// The tenants that answer below it: name, address of the host, and where they are written.
    pub tenants: Vec<(Name, IpAddr, Place)>,
}

/// All breaches of all rules, in the order of the places.
pub fn check(zone: &Zone, profile: &Profile) -> Vec<Finding> {
    let index = Index::of(zone);
    let mut findings = Vec::new();
    names::check(&index, &mut findings);
    rrsets::check(&index, &mut findings);
    soa::check(&index, profile, &mut findings);
    cname::check(&index, &mut findings);
    delegation::check(&index, profile, &mut findings);
    mail::check(&index, profile, &mut findings);
    spf::check(&index, profile, &mut findings);
    dmarc::check(&index, profile, &mut findings);
    dkim::check(&index, &mut findings);
    caa::check(&index, profile, &mut findings);
    comune::check(&index, profile, &mut findings);
    findings.sort_by_key(|finding| finding.place);
    findings
}

/// A breach by one record.
fn breach(rule: &'static Rule, record: &Record, message: impl Into<String>, help: impl Into<String>) -> Finding {
    Finding::of(rule, message).help(help).at(&record.owner, Some(record.kind()), record.place)
}

/// A breach by what is not there.
fn absence(
    rule: &'static Rule,
    (index, profile): (&Index, &Profile),
    owner: &Name,
    kind: Type,
    message: String,
    help: &str,
) -> Finding {
    let soa = index.set(&index.zone.name, Type::Soa).first().copied();
    let place = || soa.or(index.zone.records.first()).map_or(0, |record| record.place);
    Finding::of(rule, message).help(help).at(owner, Some(kind), profile.home.unwrap_or_else(place))
}
