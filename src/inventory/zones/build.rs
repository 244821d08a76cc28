//! From keys to records.

use std::net::IpAddr;

use super::super::types::{Domain, DomainMode, Exchanger, Mail, Member, Pec, Site, Status, ZoneRecord};
use super::{Origin, Scene, Served};
use crate::dns::{Data, Finding, Name, Place, Reading, Record, Soa, Type, Word, Zone, rules, text};

/// What a name without mail says about mail: nobody may send in its name.
pub const NO_SENDER: &str = "v=spf1 -all";
/// And what becomes of mail that claims to come from it.
pub const REJECT: &str = "v=DMARC1; p=reject";

/// Makes the zone of a member.
pub fn zone(scene: &Scene, name: Name, slug: &str, member: &Member) -> Served {
    let mode = member.domain.as_ref().map_or(DomainMode::Subzone, |domain| domain.mode);
    let served = Served {
        mode,
        zone: Zone { name: name.clone(), records: Vec::new() },
        // The first one is where what is missing is told.
        origins: vec![Origin::Member(path(["domain", "zone"]))],
        tenants: Vec::new(),
        pec: None,
        pec_said: member.domain.as_ref().is_some_and(|domain| domain.pec.is_some()),
        unreadable: Vec::new(),
    };
    let mut builder = Builder { scene, served, apex: name, ttl: scene.dns.ttl };
    builder.servers();
    builder.issuers(member.domain.as_ref());
    match &member.domain {
        Some(domain) => builder.domain(domain),
        None => builder.no_mail("@", scene.dns.ttl, Origin::Consortium(path(["domain"]))),
    }
    builder.tenants(slug, member);
    if member.membership.status == Status::Leaving {
        builder.soon();
    }
    builder.served
}

struct Builder<'a> {
    scene: &'a Scene<'a>,
    served: Served,
    apex: Name,
    ttl: u32,
}

fn path<const N: usize>(keys: [&str; N]) -> Vec<String> {
    keys.map(str::to_string).to_vec()
}

impl Builder<'_> {
    /// Whoever serves the zone next is found soon: no record is remembered for long.
    fn soon(&mut self) {
        let longest = self.scene.consortium.leaving.ttl;
        for record in &mut self.served.zone.records {
            record.ttl = record.ttl.min(longest);
        }
    }

    /// Remembers where the records that follow were written.
    fn from(&mut self, origin: Origin) -> Place {
        self.served.origins.push(origin);
        Place::try_from(self.served.origins.len() - 1).unwrap_or(Place::MAX)
    }

    fn put(&mut self, owner: Name, ttl: u32, data: Data, place: Place) {
        self.served.zone.records.push(Record { owner, ttl, data, place });
    }

    /// The name of a key, whose faults are found.
    fn name(&mut self, text: &str, origin: &Name, place: Place) -> Option<Name> {
        let name = Name::relative(text, origin);
        match name {
            Ok(name) => Some(name),
            Err(fault) => {
                let owner = self.apex.to_string();
                Reading { origin, owner, place, findings: &mut self.served.unreadable }.name_fault(None, text, &fault);
                None
            }
        }
    }

    fn servers(&mut self) {
        let dns = self.scene.dns;
        for (at, server) in dns.servers.iter().enumerate() {
            let place = self.from(Origin::Consortium(vec!["dns".into(), "servers".into(), at.to_string()]));
            let Some(name) = self.name(&server.name, &Name::root(), place) else { continue };
            self.put(self.apex.clone(), self.ttl, Data::Ns(name.clone()), place);
            if let Some(address) = self.scene.server_address(server).filter(|_| name.is_within(&self.apex)) {
                self.put(name, self.ttl, address_data(address), place);
            }
        }
        let primary = dns.servers.first().and_then(|server| Name::absolute(&server.name).ok());
        let (Some(primary), Some(contact)) = (primary, contact(&dns.contact)) else { return };
        let place = self.from(Origin::Consortium(path(["dns", "soa"])));
        let timers = &dns.soa;
        let soa = Soa {
            primary,
            contact,
            serial: 0,
            refresh: timers.refresh,
            retry: timers.retry,
            expire: timers.expire,
            minimum: timers.minimum,
        };
        self.put(self.apex.clone(), self.ttl, Data::Soa(soa), place);
    }

    /// Who may issue certificates for names of this zone: the authorities in use, no wildcards, and whom to tell.
    fn issuers(&mut self, domain: Option<&Domain>) {
        let dns = self.scene.dns;
        let own = domain.and_then(|domain| domain.issuers.as_ref());
        let (issuers, origin) = match own {
            Some(own) => (own, Origin::Member(path(["domain", "issuers"]))),
            None => (&dns.issuers, Origin::Consortium(path(["dns", "issuers"]))),
        };
        if issuers.is_empty() {
            return;
        }
        let place = self.from(origin);
        let mut policy: Vec<(&str, String)> = issuers.iter().map(|issuer| ("issue", issuer.clone())).collect();
        policy.push(("issuewild", ";".to_string()));
        policy.push(("iodef", format!("mailto:{}", dns.contact)));
        for (tag, value) in policy {
            let data = Data::Caa { flags: 0, tag: tag.to_string(), value: value.into_bytes() };
            self.put(self.apex.clone(), self.ttl, data, place);
        }
    }

    fn domain(&mut self, domain: &Domain) {
        if let Some(site) = &domain.site {
            self.site(site);
        }
        match &domain.mail {
            Some(mail) => self.mail(mail),
            // The subzone is ours alone, and nobody is written to there.
            None if domain.mode == DomainMode::Subzone => {
                self.no_mail("@", self.ttl, Origin::Member(path(["domain", "zone"])));
            }
            None => {}
        }
        if let Some(pec) = &domain.pec {
            self.pec(pec);
        }
        for (at, record) in domain.records.iter().enumerate() {
            self.record(at, record);
        }
    }

    fn site(&mut self, site: &Site) {
        let ttl = site.ttl.unwrap_or(self.ttl);
        for (at, address) in site.addresses.iter().enumerate() {
            let key = vec!["domain".into(), "site".into(), "addresses".into(), at.to_string()];
            let place = self.from(Origin::Member(key));
            match address.parse() {
                Ok(address) => self.put(self.apex.clone(), ttl, address_data(address), place),
                Err(_) => {
                    let finding = Finding::of(&rules::SYNTAX, format!("{address:?} is no IP address"));
                    let finding = finding.help("`192.0.2.1` or `2001:db8::1`").at(&self.apex, None, place);
                    self.served.unreadable.push(finding);
                }
            }
        }
        if site.www {
            let place = self.from(Origin::Member(path(["domain", "site", "www"])));
            if let Ok(www) = Name::relative("www", &self.apex) {
                self.put(www, ttl, Data::Cname(self.apex.clone()), place);
            }
        }
    }

    fn mail(&mut self, mail: &Mail) {
        let ttl = mail.ttl.unwrap_or(self.ttl);
        let at = |key: &str| Origin::Member(path(["domain", "mail", key]));
        self.exchangers("@", &mail.exchangers, ttl, "mail");
        let none = mail.exchangers.is_empty();
        let spf = mail.spf.as_deref().or(none.then_some(NO_SENDER));
        let dmarc = mail.dmarc.as_deref().or(none.then_some(REJECT));
        for (name, text, key) in [("@", spf, "spf"), ("_dmarc", dmarc, "dmarc")] {
            if let Some(text) = text {
                self.txt(name, text, ttl, at(key));
            }
        }
        for (selector, text) in &mail.dkim {
            let origin = Origin::Member(path(["domain", "mail", "dkim", selector]));
            self.txt(&format!("{selector}._domainkey"), text, ttl, origin);
        }
    }

    /// No mail goes in or out under a name.
    fn no_mail(&mut self, name: &str, ttl: u32, origin: Origin) {
        let place = self.from(origin.clone());
        if let Some(owner) = self.name(name, &self.apex.clone(), place) {
            self.put(owner, ttl, Data::Mx { preference: 0, exchanger: Name::root() }, place);
        }
        self.txt(name, NO_SENDER, ttl, origin.clone());
        self.txt("_dmarc", REJECT, ttl, origin);
    }

    fn pec(&mut self, pec: &Pec) {
        let ttl = pec.ttl.unwrap_or(self.ttl);
        if pec.exchangers.is_empty() {
            return;
        }
        self.served.pec = self.exchangers(&pec.name, &pec.exchangers, ttl, "pec");
    }

    /// The MX records of a name; an empty list is a null MX.
    fn exchangers(&mut self, name: &str, exchangers: &[Exchanger], ttl: u32, key: &str) -> Option<Name> {
        let place = self.from(Origin::Member(path(["domain", key, "exchangers"])));
        let owner = self.name(name, &self.apex.clone(), place)?;
        if exchangers.is_empty() {
            self.put(owner.clone(), ttl, Data::Mx { preference: 0, exchanger: Name::root() }, place);
        }
        for (at, one) in exchangers.iter().enumerate() {
            let key = vec!["domain".into(), key.into(), "exchangers".into(), at.to_string(), "host".into()];
            let place = self.from(Origin::Member(key));
            let words = [one.preference.to_string(), format!("{}.", one.host.trim_end_matches('.'))];
            self.data(&owner, ttl, Type::Mx, &words.map(|text| Word { text, quoted: false }), place);
        }
        Some(owner)
    }

    fn txt(&mut self, name: &str, text: &str, ttl: u32, origin: Origin) {
        let place = self.from(origin);
        if let Some(owner) = self.name(name, &self.apex.clone(), place) {
            self.put(owner, ttl, Data::Txt(text.as_bytes().to_vec()), place);
        }
    }

    fn record(&mut self, at: usize, record: &ZoneRecord) {
        let key = |rest: &[String]| {
            let head = ["domain".to_string(), "records".to_string(), at.to_string()];
            Origin::Member(head.into_iter().chain(rest.iter().cloned()).collect())
        };
        let ttl = record.ttl.unwrap_or(self.ttl);
        let place = self.from(key(&["type".to_string()]));
        let Some(kind) = Type::read(&record.kind).filter(|kind| *kind != Type::Soa) else {
            let known = Type::WRITTEN.map(Type::word).join(", ");
            let finding = Finding::of(&rules::SYNTAX, format!("{:?} is no type of record for `records:`", record.kind));
            self.served.unreadable.push(finding.help(format!("one of: {known}")).at(&self.apex, None, place));
            return;
        };
        let place = self.from(key(&["name".to_string()]));
        let Some(owner) = self.name(&record.name, &self.apex.clone(), place) else { return };
        for (number, value) in record.values.iter().enumerate() {
            let place = self.from(key(&["values".to_string(), number.to_string()]));
            if kind == Type::Txt {
                self.put(owner.clone(), ttl, Data::Txt(value.as_bytes().to_vec()), place);
            } else {
                self.data(&owner, ttl, kind, &text::words(value), place);
            }
        }
    }

    fn data(&mut self, owner: &Name, ttl: u32, kind: Type, words: &[Word], place: Place) {
        let named = owner.to_string();
        let findings = &mut self.served.unreadable;
        let mut reading = Reading { origin: &self.apex, owner: named, place, findings };
        if let Some(data) = reading.data(kind, words) {
            self.put(owner.clone(), ttl, data, place);
        }
    }

    /// A tenant gets its records with no line written.
    fn tenants(&mut self, slug: &str, member: &Member) {
        for (application, name, address) in self.scene.tenants(slug, member) {
            if !name.is_within(&self.apex) {
                continue;
            }
            let place = self.from(Origin::Member(path(["applications", &application])));
            self.put(name.clone(), self.ttl, address_data(address), place);
            self.served.tenants.push((name, address, place));
        }
    }
}

fn address_data(address: IpAddr) -> Data {
    match address {
        IpAddr::V4(address) => Data::A(address),
        IpAddr::V6(address) => Data::Aaaa(address),
    }
}

/// An e-mail address as a name: a dot for its `@`, the dots before it escaped (RFC 1035, 8).
fn contact(address: &str) -> Option<Name> {
    let (user, host) = address.split_once('@')?;
    Name::absolute(&format!("{}.{host}", user.replace('.', "\\."))).ok()
}
