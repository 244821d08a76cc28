//! Checks of the zones that follow from the inventory, and of the policy that makes them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::super::diagnostics::{Finding, quoted, suggestion};
use super::super::draft::{Doc, Draft};
use super::super::names::is_below;
use super::super::node::{Node, Value};
use super::super::source::Span;
use super::super::syntax;
use super::super::types::{Consortium, Dns, DomainMode, Host, Member, MemberKind, Role, Waiver};
use super::super::zones::{self, Origin, Scene, Served, Waived};
use super::super::{names, register};
use super::syntax as report;
use crate::dns::{self, Network, Rule, Type, rules};

/// Checks the policy, every zone, and that every tenant's name lies in one. What is waived is returned.
pub fn check(draft: &Draft, findings: &mut Vec<Finding>) -> Vec<Waived> {
    let Some(consortium) = &draft.consortium.typed else { return Vec::new() };
    let Some(policy) = &consortium.dns else {
        unserved(draft, findings);
        return Vec::new();
    };
    servers(draft, policy, findings);
    nameless(draft, policy, findings);
    rest_of_policy(draft, policy, findings);
    let hosts: BTreeMap<&str, &Host> =
        draft.hosts.iter().filter_map(|(name, doc)| Some((name.as_str(), doc.typed.as_ref()?))).collect();
    // Without every host every zone would seem to lack addresses.
    if hosts.len() != draft.hosts.len() || !draft.hosts_known {
        return Vec::new();
    }
    let scene = Scene { consortium, dns: policy, hosts };
    let mut waived = Vec::new();
    for (slug, doc) in &draft.members {
        let Some(member) = &doc.typed else { continue };
        tenants(draft, consortium, slug, doc, member, findings);
        if let Some(served) = scene.zone(slug, member) {
            waived.extend(Zone { draft, doc, member, served: &served, policy, scene: &scene }.check(findings));
        }
    }
    waived
}

/// A zone that nobody serves would only be missed by its citizens.
fn unserved(draft: &Draft, findings: &mut Vec<Finding>) {
    for doc in draft.members.values() {
        let Some(domain) = doc.typed.as_ref().and_then(|member| member.domain.as_ref()) else { continue };
        if domain.mode != DomainMode::External && !draft.consortium.tree.says(&["dns"]) {
            let message =
                format!("we would serve a zone for {}, and `consortium.yml` does not say how", quoted(&domain.zone));
            let finding = Finding::error(doc.tree.place(&["domain", "mode"]), message);
            findings.push(finding.help("add `dns:` with name servers to `consortium.yml`, or write `mode: external`"));
        }
    }
}

fn servers(draft: &Draft, policy: &Dns, findings: &mut Vec<Finding>) {
    let tree = &draft.consortium.tree;
    let whole = tree.key_place(&["dns", "servers"]);
    if policy.servers.len() < 2 {
        let finding =
            Finding::error(whole, format!("{} name server, and a zone has at least two", policy.servers.len()));
        findings
            .push(finding.help("a registry asks for two, so that one may fail: add another host with the role `dns`"));
    }
    let mut seen = BTreeSet::new();
    for (at, server) in policy.servers.iter().enumerate() {
        let at = at.to_string();
        let place = |key: &str| spot(tree, &["dns", "servers", &at, key]);
        let help = "a whole name without a final dot: `ns1.cloud.varese.example`";
        report("name server", &server.name, place("name"), syntax::domain(&server.name), help, findings);
        if !seen.insert(&server.name) {
            findings.push(
                Finding::error(place("name"), format!("{} stands twice", quoted(&server.name))).help("take one away"),
            );
        }
        if let Some(address) = server.address.as_ref().filter(|address| address.parse::<IpAddr>().is_err()) {
            findings.push(
                Finding::error(place("address"), format!("{} is not an IP address", quoted(address)))
                    .help("write the address itself, such as 192.0.2.15 or 2001:db8::15"),
            );
        }
        match &server.host {
            Some(name) => host(draft, name, place("host"), findings),
            None if at == "0" => findings.push(
                Finding::error(place("name"), "the first name server is the primary, and it is no host of ours")
                    .help("say which host it is: `host: mon1`"),
            ),
            None if server.address.is_none() => findings.push(
                Finding::error(place("name"), format!("{} has neither host nor address", quoted(&server.name)))
                    .help("`host:` for a host of ours, `address:` for a machine of others"),
            ),
            None => {}
        }
    }
}

/// A host with the role and no name would serve zones that nobody asks it for.
fn nameless(draft: &Draft, policy: &Dns, findings: &mut Vec<Finding>) {
    for (name, doc) in &draft.hosts {
        let serves = doc.typed.as_ref().is_some_and(|host| host.roles.contains(&Role::Dns));
        if serves && !policy.servers.iter().any(|server| server.host.as_ref() == Some(name)) {
            findings.push(
                Finding::warning(
                    doc.tree.place(&["roles"]),
                    format!("the host {} has the role `dns` and is no name server", quoted(name)),
                )
                .also(draft.consortium.tree.key_place(&["dns", "servers"]), "the name servers")
                .help("add it to `dns.servers` with a name, or take the role away"),
            );
        }
    }
}

fn host(draft: &Draft, name: &str, span: Span, findings: &mut Vec<Finding>) {
    let known: Vec<&str> = draft.hosts.keys().map(String::as_str).collect();
    match draft.hosts.get(name) {
        None if draft.hosts_known => findings.push(
            Finding::error(span, format!("there is no host {}", quoted(name)))
                .label("unknown host")
                .help(suggestion(name, &known)),
        ),
        Some(doc) if doc.typed.as_ref().is_some_and(|host| !host.roles.contains(&Role::Dns)) => findings.push(
            Finding::error(span, format!("the host {} has not the role `dns`", quoted(name)))
                .also(doc.tree.place(&["roles"]), "its roles")
                .help("add `dns` to its roles, or name another host"),
        ),
        _ => {}
    }
}

fn rest_of_policy(draft: &Draft, policy: &Dns, findings: &mut Vec<Finding>) {
    let tree = &draft.consortium.tree;
    let help = "an e-mail address: `dns@cloud.varese.example`";
    report("address", &policy.contact, tree.place(&["dns", "contact"]), syntax::mail(&policy.contact), help, findings);
    for (at, network) in policy.networks.iter().enumerate() {
        if Network::read(network).is_none() {
            let span = spot(tree, &["dns", "networks", &at.to_string()]);
            let finding = Finding::error(span, format!("{} is no network", quoted(network)));
            findings.push(finding.help("address and bits: `10.0.0.0/8`, `2001:db8::/32`"));
        }
    }
    for (at, issuer) in policy.issuers.iter().enumerate() {
        let span = spot(tree, &["dns", "issuers", &at.to_string()]);
        report("authority", issuer, span, syntax::domain(issuer), "as in its CAA records: `letsencrypt.org`", findings);
    }
    waivers(tree, &["dns", "waivers"], &policy.waivers, findings);
}

/// Every waiver names a rule that there is and that can be waived, and ends on a day of the calendar.
fn waivers(tree: &Node, path: &[&str], waivers: &[Waiver], findings: &mut Vec<Finding>) {
    for (at, waiver) in waivers.iter().enumerate() {
        let at = at.to_string();
        let place = |key: &str| spot(tree, &[path, &[at.as_str(), key]].concat());
        match Rule::of(&waiver.rule) {
            None => {
                let known: Vec<&str> = rules::ALL.iter().filter(|rule| rule.waivable).map(|rule| rule.id).collect();
                findings.push(
                    Finding::error(place("rule"), format!("there is no rule {}", quoted(&waiver.rule)))
                        .help(suggestion(&waiver.rule, &known)),
                );
            }
            Some(rule) if !rule.waivable => findings.push(
                Finding::error(place("rule"), format!("{} cannot be borne with: {}", rule.id, rule.asks))
                    .help("correct the zone"),
            ),
            Some(_) => {}
        }
        if let Some(kind) = waiver.kind.as_ref().filter(|kind| Type::read(kind).is_none()) {
            let known = Type::WRITTEN.map(Type::word);
            findings.push(
                Finding::error(place("type"), format!("there is no type {}", quoted(kind)))
                    .help(suggestion(kind, &known)),
            );
        }
        if waiver.until.parse::<jiff::civil::Date>().is_err() {
            findings.push(
                Finding::error(place("until"), format!("{} is no day of the calendar", quoted(&waiver.until)))
                    .help("year, month, day: 2027-01-31"),
            );
        }
    }
}

/// A tenant's name lies in the zone that we serve for its member, or in one that others serve for it.
fn tenants(
    draft: &Draft,
    consortium: &Consortium,
    slug: &str,
    doc: &Doc<Member>,
    member: &Member,
    findings: &mut Vec<Finding>,
) {
    let served = zones::name(slug, member, consortium);
    let zone =
        member.domain.as_ref().filter(|domain| domain.mode == DomainMode::External).map(|domain| domain.zone.clone());
    let Some(zone) = served.or(zone) else { return };
    for (application, tenant) in &member.applications {
        let derived = || names::host_name(application, slug, member, consortium);
        let name = tenant.host_name.clone().unwrap_or_else(derived);
        if is_below(&name, &zone) {
            continue;
        }
        let span = doc.tree.place(&["applications", application, "host_name"]);
        let other = draft.members.iter().find(|(other, doc)| {
            let zone = doc.typed.as_ref().and_then(|member| zones::name(other, member, consortium));
            *other != slug && zone.is_some_and(|zone| is_below(&name, &zone))
        });
        let message = match other {
            Some((other, _)) => format!("{} lies in the zone of {}", quoted(&name), quoted(other)),
            None => format!("{} lies in no zone that is served or known", quoted(&name)),
        };
        let help = format!("give {application} of {slug} a name below {zone}");
        findings.push(
            Finding::error(span, message).also(doc.tree.key_place(&["domain", "zone"]), "its own zone").help(help),
        );
    }
}

/// One zone that we serve, with everything that its check needs.
struct Zone<'a> {
    draft: &'a Draft,
    doc: &'a Doc<Member>,
    member: &'a Member,
    served: &'a Served,
    policy: &'a Dns,
    scene: &'a Scene<'a>,
}

impl Zone<'_> {
    fn check(&self, findings: &mut Vec<Finding>) -> Vec<Waived> {
        let own: &[Waiver] = self.member.domain.as_ref().map_or(&[], |domain| &domain.waivers);
        waivers(&self.doc.tree, &["domain", "waivers"], own, findings);
        let mut found = self.served.unreadable.clone();
        found.extend(dns::check(&self.served.zone, &self.served.profile(self.scene)));
        found.extend(self.reserved_name());
        let apex = &self.served.zone.name;
        let mut used = BTreeSet::new();
        let mut waived = Vec::new();
        for breach in found {
            let finding = self.told(&breach);
            let mine = zones::covering(&breach, apex, own);
            used.extend(mine.map(|(at, _)| at));
            match mine.or_else(|| zones::covering(&breach, apex, &self.policy.waivers)) {
                Some((_, waiver)) => waived.push(Waived {
                    finding,
                    rule: breach.rule.id,
                    zone: apex.plain(),
                    message: breach.message,
                    reason: waiver.reason.clone(),
                    until: waiver.until.clone(),
                }),
                None => findings.push(finding),
            }
        }
        for (at, waiver) in own.iter().enumerate().filter(|(at, _)| !used.contains(at)) {
            if Rule::of(&waiver.rule).is_some_and(|rule| rule.waivable) {
                let span = spot(&self.doc.tree, &["domain", "waivers", &at.to_string(), "rule"]);
                let message = format!("nothing breaks {} here: this waiver covers nothing", waiver.rule);
                findings.push(Finding::warning(span, message).help("take it away"));
            }
        }
        waived
    }

    /// The zone of a comune has a name that is reserved for it; the list itself is longer than this program.
    fn reserved_name(&self) -> Option<dns::Finding> {
        let domain = self.member.domain.as_ref().filter(|_| self.member.kind == MemberKind::Comune)?;
        let comune = register::by_istat(self.member.istat.as_deref()?)?;
        if register::reserves(comune, &domain.zone) {
            return None;
        }
        let message = format!("{} is not one of the names that are reserved for {}", domain.zone, comune.title());
        let help = format!("such as `comune.{}.{}.it`", register::slug(comune.name), comune.province.to_lowercase());
        Some(dns::Finding::of(&rules::ZONE_NAME, message).help(help).at(&self.served.zone.name, None, 0))
    }

    fn told(&self, breach: &dns::Finding) -> Finding {
        let span = self.span(breach.place);
        let message = format!("{} ({})", breach.message, breach.rule.id);
        let finding = if breach.rule.error { Finding::error(span, message) } else { Finding::warning(span, message) };
        let finding = match breach.also.map(|place| self.span(place)).filter(|place| *place != span) {
            Some(place) => finding.also(place, "the other one"),
            None => finding,
        };
        finding.help(breach.help.as_str())
    }

    fn span(&self, place: dns::Place) -> Span {
        let (tree, path) = match self.served.origins.get(place as usize) {
            Some(Origin::Consortium(path)) => (&self.draft.consortium.tree, path),
            Some(Origin::Member(path)) => (&self.doc.tree, path),
            None => return self.doc.head,
        };
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        if tree.entry(path.first().copied().unwrap_or_default()).is_none() {
            return self.doc.head;
        }
        spot(tree, &path)
    }
}

/// Where a path leads, through maps by key and through lists by number; as far as it goes.
fn spot(tree: &Node, path: &[&str]) -> Span {
    let Some(list) = path.iter().position(|key| key.parse::<usize>().is_ok()) else { return tree.place(path) };
    let (before, after) = (&path[..list], &path[list + 1..]);
    let item = match tree.at(before).map(|node| &node.value) {
        Some(Value::Seq(items)) => path[list].parse::<usize>().ok().and_then(|at| items.get(at)),
        _ => None,
    };
    match item {
        Some(item) => spot(item, after),
        None => tree.place(before),
    }
}
