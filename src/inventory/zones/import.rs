//! From a zone that others served until now to what a member's file says about it.

use std::collections::BTreeMap;

use super::super::types::{Domain, DomainMode, Exchanger, Mail, Member, Pec, Site, ZoneRecord};
use super::{Scene, build};
use crate::dns::{Data, Name, Record, Type, Zone};

/// What was made of a zone.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The keys under `domain:`.
    pub domain: Domain,
    /// Records that were left out, each with why.
    pub left: Vec<String>,
}

/// Reads site, mail and certified mail out of a zone; all else goes to `records:`. The SOA, the name servers, the
/// signatures and the tenants' names are left out: they follow from the inventory.
pub fn import(scene: &Scene, slug: &str, member: &Member, zone: &Zone) -> Imported {
    let before = member.domain.as_ref();
    let subzone = before
        .filter(|domain| domain.mode == DomainMode::Subzone && format!("cloud.{}", domain.zone) == zone.name.plain());
    let domain = Domain {
        zone: subzone.map_or_else(|| zone.name.plain(), |domain| domain.zone.clone()),
        mode: if subzone.is_some() { DomainMode::Subzone } else { DomainMode::Primary },
        site: None,
        mail: None,
        pec: None,
        issuers: None,
        move_ttl: before.and_then(|domain| domain.move_ttl),
        records: Vec::new(),
        waivers: before.map(|domain| domain.waivers.clone()).unwrap_or_default(),
    };
    let mut import = Import { scene, apex: &zone.name, sets: BTreeMap::new(), domain, left: Vec::new() };
    import.sort(slug, member, zone);
    import.site();
    import.mail();
    import.pec();
    import.issuers(slug, member);
    import.rest();
    Imported { domain: import.domain, left: import.left }
}

struct Import<'a> {
    scene: &'a Scene<'a>,
    apex: &'a Name,
    sets: BTreeMap<(Name, &'static str), Vec<Record>>,
    domain: Domain,
    left: Vec<String>,
}

impl Import<'_> {
    fn sort(&mut self, slug: &str, member: &Member, zone: &Zone) {
        let tenants: Vec<Name> = self.scene.tenants(slug, member).into_iter().map(|(_, name, _)| name).collect();
        for record in zone.sorted() {
            let kind = record.kind();
            let address = matches!(kind, Type::A | Type::Aaaa);
            let why = match kind {
                Type::Soa => "it follows from `dns:` of the consortium",
                Type::Ns if record.owner == zone.name => "the name servers of the consortium take their place",
                _ if kind.is_of_signing() => "the primary signs by itself",
                _ if address && tenants.contains(&record.owner) => {
                    "it is a tenant's name, whose address follows from its host"
                }
                Type::Txt if !is_writable(&record) => "its text is not UTF-8 or holds control characters",
                _ => {
                    self.sets.entry((record.owner.clone(), kind.word())).or_default().push(record);
                    continue;
                }
            };
            self.left.push(format!("{record}: {why}"));
        }
    }

    fn name(&self, text: &str) -> Option<Name> {
        Name::relative(text, self.apex).ok()
    }

    fn set(&self, name: &Name, kind: Type) -> &[Record] {
        self.sets.get(&(name.clone(), kind.word())).map_or(&[], Vec::as_slice)
    }

    fn take(&mut self, name: &Name, kind: Type) -> Vec<Record> {
        self.sets.remove(&(name.clone(), kind.word())).unwrap_or_default()
    }

    /// The TTL to write: none when it is that of the consortium.
    fn ttl(&self, seconds: u32) -> Option<u32> {
        (seconds != self.scene.dns.ttl).then_some(seconds)
    }

    fn site(&mut self) {
        let apex = self.apex.clone();
        let ttls: Vec<u32> =
            [Type::A, Type::Aaaa].iter().flat_map(|kind| self.set(&apex, *kind)).map(|record| record.ttl).collect();
        let Some(ttl) = same(&ttls) else { return };
        let addresses = [Type::A, Type::Aaaa].into_iter().flat_map(|kind| self.take(&apex, kind));
        let addresses = addresses.map(|record| record.data.to_string()).collect();
        let Some(name) = self.name("www") else { return };
        let is_alias = matches!(self.set(&name, Type::Cname), [one] if one.ttl == ttl && one.data == Data::Cname(apex));
        if is_alias {
            self.take(&name, Type::Cname);
        }
        self.domain.site = Some(Site { addresses, www: is_alias, ttl: self.ttl(ttl) });
    }

    /// The exchangers of a name when `mail:` or `pec:` can say them.
    fn exchangers(&self, name: &Name) -> Option<(Vec<Exchanger>, u32)> {
        let records = self.set(name, Type::Mx);
        let ttl = same(&records.iter().map(|record| record.ttl).collect::<Vec<_>>())?;
        let exchangers = records.iter().map(|record| match &record.data {
            Data::Mx { preference, exchanger } if !exchanger.is_root() => {
                Some(Exchanger { preference: *preference, host: exchanger.plain() })
            }
            _ => None,
        });
        Some((exchangers.collect::<Option<Vec<_>>>()?, ttl))
    }

    fn is_silent(&self, name: &Name) -> Option<u32> {
        match self.set(name, Type::Mx) {
            [one] if one.data == (Data::Mx { preference: 0, exchanger: Name::root() }) => Some(one.ttl),
            _ => None,
        }
    }

    fn mail(&mut self) {
        let apex = self.apex.clone();
        let (exchangers, ttl) = match (self.is_silent(&apex), self.exchangers(&apex)) {
            (Some(ttl), _) => (Vec::new(), ttl),
            (None, Some(said)) => said,
            (None, None) => return,
        };
        let spf = self.text(&apex, ttl, |text| text.starts_with("v=spf1 "));
        let dmarc = self.name("_dmarc").and_then(|name| self.text(&name, ttl, |text| text.starts_with("v=DMARC1")));
        // Without mail both would be made where the zone has none: then `mail:` cannot say what the zone says.
        if exchangers.is_empty() && (spf.is_none() || dmarc.is_none()) {
            return;
        }
        self.take(&apex, Type::Mx);
        let mut dkim = BTreeMap::new();
        let names: Vec<Name> =
            self.sets.keys().filter(|(_, kind)| *kind == "TXT").map(|(name, _)| name.clone()).collect();
        for name in names {
            let Some(selector) = name.below(self.apex).strip_suffix("._domainkey").map(str::to_string) else {
                continue;
            };
            if let ([one], false) = (self.set(&name, Type::Txt), selector.contains('.'))
                && let (Some(text), true) = (one.data.text().map(str::to_string), one.ttl == ttl)
            {
                self.take(&name, Type::Txt);
                dkim.insert(selector, text);
            }
        }
        self.forget(&apex, spf.as_deref());
        if let Some(name) = self.name("_dmarc") {
            self.forget(&name, dmarc.as_deref());
        }
        self.domain.mail = Some(Mail { exchangers, spf, dmarc, dkim, ttl: self.ttl(ttl) });
    }

    /// The one text of a name that is of a kind, when it has the TTL.
    fn text(&self, name: &Name, ttl: u32, of_kind: fn(&str) -> bool) -> Option<String> {
        let texts = self.set(name, Type::Txt).iter().filter(|record| record.data.text().is_some_and(of_kind));
        match texts.collect::<Vec<_>>().as_slice() {
            [one] if one.ttl == ttl => one.data.text().map(str::to_string),
            _ => None,
        }
    }

    /// A text that has been said elsewhere.
    fn forget(&mut self, name: &Name, text: Option<&str>) {
        let Some(text) = text else { return };
        if let Some(records) = self.sets.get_mut(&(name.clone(), "TXT")) {
            records.retain(|record| record.data.text() != Some(text));
        }
    }

    fn pec(&mut self) {
        let Some(name) = self.name("pec") else { return };
        if let Some((exchangers, ttl)) = self.exchangers(&name) {
            self.take(&name, Type::Mx);
            self.domain.pec = Some(Pec { exchangers, name: "pec".to_string(), ttl: self.ttl(ttl) });
        }
    }

    /// When the zone allows exactly whom the consortium would allow, nothing is to be said.
    fn issuers(&mut self, slug: &str, member: &Member) {
        let apex = self.apex.clone();
        let bare = Member { domain: Some(Domain { issuers: None, ..self.domain.clone() }), ..member.clone() };
        let made = build::zone(self.scene, apex.clone(), slug, &bare);
        let mut made: Vec<String> = made.zone.at(&apex, Type::Caa).map(Record::to_string).collect();
        made.sort();
        let mut own: Vec<String> = self.set(&apex, Type::Caa).iter().map(Record::to_string).collect();
        own.sort();
        if own == made {
            self.take(&apex, Type::Caa);
        } else {
            self.domain.issuers = Some(Vec::new());
        }
    }

    fn rest(&mut self) {
        for ((owner, kind), records) in std::mem::take(&mut self.sets) {
            // A zone with two TTLs in one RRset is wrong, and its records are written one by one, so that this is told.
            let mut by_ttl: BTreeMap<u32, Vec<String>> = BTreeMap::new();
            for record in records {
                let value = record.data.text().map_or_else(|| record.data.to_string(), str::to_string);
                by_ttl.entry(record.ttl).or_default().push(value);
            }
            for (ttl, values) in by_ttl {
                let name = owner.below(self.apex);
                self.domain.records.push(ZoneRecord { name, kind: kind.to_string(), values, ttl: self.ttl(ttl) });
            }
        }
    }
}

/// Whether a record is said in the member's file, and does not follow from the consortium, the signing or a tenant.
pub fn is_said(record: &Record, apex: &Name, tenants: &[&Name]) -> bool {
    match record.kind() {
        Type::Soa => false,
        Type::Ns => record.owner != *apex,
        Type::A | Type::Aaaa => !tenants.contains(&&record.owner),
        kind => !kind.is_of_signing(),
    }
}

fn is_writable(record: &Record) -> bool {
    record.data.text().is_some_and(|text| !text.chars().any(char::is_control))
}

fn same(ttls: &[u32]) -> Option<u32> {
    let first = ttls.first()?;
    ttls.iter().all(|ttl| ttl == first).then_some(*first)
}
