//! Concludes from what was seen. Pure: the same answers at the same moment give the same verdict.

use std::collections::{BTreeMap, BTreeSet};

use hickory_proto::dnssec::rdata::DNSKEY;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::keys::{self, Proof, day, prove};
use super::look::{Answers, Seen, Set};
use super::parent::Delegation;
use super::sets::{SetKey, bare, by_set, is_of_signing, said, same_data};
use super::troubles::{Finding, Findings, Trouble};
use super::{Service, Wanted};
use crate::failure::Kind;

/// A signature that has less than this part of its lifetime left should have been renewed: Knot renews at a half.
const RENEWED_BEFORE: i64 = 3;

/// What a zone's look comes to.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// What is wrong, the most telling first.
    pub findings: Vec<Finding>,
    /// The serial of each address and transport that answered, in the order of what was seen.
    pub serials: Vec<Option<u32>>,
    /// When the first signature ends (seconds since 1970).
    pub signed_until: Option<i64>,
    /// The DS of the keys that are served, as a registrar takes them.
    pub ds: Vec<String>,
    /// Every set is signed by a key that all servers have and that the parent's DS, or the DS seen before, covers.
    pub chain: Option<bool>,
    /// Sets that are not served as they are wanted, and those that are served and not wanted.
    pub drift: usize,
    /// The MX of the certified e-mail are right everywhere; `None` when there is none.
    pub pec: Option<bool>,
    /// Somebody answered.
    pub answered: bool,
}

impl Verdict {
    /// The worst of what was found; `None` is well.
    pub fn kind(&self) -> Option<Kind> {
        Kind::worst(self.findings.iter().filter_map(|finding| finding.trouble.kind()))
    }

    /// The highest serial that was seen.
    pub fn serial(&self) -> Option<u32> {
        newest(self.serials.iter().flatten().copied())
    }
}

/// What else is known of a zone when it is judged.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What the parent says, or why it said nothing; `None` when nobody asked it.
    pub delegation: Option<&'a Result<Delegation, String>>,
    /// The DS seen at an earlier look; empty at the first.
    pub remembered: &'a [String],
    /// The moment of the look (seconds since 1970).
    pub now: i64,
}

/// Compares what was seen with what is wanted.
pub fn judge(wanted: &Wanted, seen: &[Seen], known: Known) -> Verdict {
    let mut look = Look {
        wanted,
        sets: by_set(&wanted.records),
        cuts: cuts(wanted),
        findings: Findings::default(),
        drift: BTreeSet::new(),
        verdict: Verdict { serials: vec![None; seen.len()], ..Verdict::default() },
    };
    let mut places: Vec<(usize, &Answers)> = Vec::new();
    for (place, seen) in seen.iter().enumerate() {
        match &seen.answers {
            Ok(answers) => {
                look.verdict.answered = true;
                if look.serves(place, answers) {
                    places.push((place, answers));
                }
            }
            Err(why) => look.findings.at(place, Trouble::NoAnswer, why),
        }
    }
    look.serials(seen);
    for (place, answers) in &places {
        look.content(*place, answers);
        look.manners(*place, answers);
    }
    if wanted.service == Service::Ours {
        look.signatures(&places, known);
    }
    if let Some(delegation) = known.delegation {
        look.delegation(delegation);
    }
    look.end(seen, places.is_empty())
}

/// When nobody answered for any zone, it is this machine that may be cut off: nothing can be concluded.
pub fn nobody_answers(verdicts: &mut [&mut Verdict]) {
    if verdicts.iter().any(|verdict| verdict.answered) {
        return;
    }
    for finding in verdicts.iter_mut().flat_map(|verdict| &mut verdict.findings) {
        if finding.trouble == Trouble::NoAnswer {
            finding.trouble = Trouble::NobodyAnswers;
        }
    }
}

struct Look<'a> {
    wanted: &'a Wanted,
    sets: BTreeMap<SetKey, Vec<Record>>,
    /// Names below the apex that are delegated to others.
    cuts: BTreeSet<Name>,
    findings: Findings,
    drift: BTreeSet<SetKey>,
    verdict: Verdict,
}

impl Look<'_> {
    /// Whether a server is an authority for the zone.
    fn serves(&mut self, place: usize, answers: &Answers) -> bool {
        let Some(set) = answers.sets.get(&(self.wanted.zone.clone(), RecordType::SOA)) else { return false };
        let why = match set.records.first().map(|record| &record.data) {
            _ if set.code != ResponseCode::NoError => format!("it answers {}", set.code),
            _ if !set.authority => "it answers without authority".to_string(),
            Some(RData::SOA(soa)) => {
                self.verdict.serials[place] = Some(soa.serial);
                return true;
            }
            _ => "it answers without a SOA record".to_string(),
        };
        self.findings.at(place, Trouble::Lame, why);
        false
    }

    fn serials(&mut self, seen: &[Seen]) {
        let Some(newest) = self.verdict.serial() else { return };
        for place in 0..seen.len() {
            if let Some(serial) = self.verdict.serials[place].filter(|serial| *serial != newest) {
                self.findings.at(place, Trouble::OldSerial, format!("it has serial {serial}, the newest is {newest}"));
            }
        }
    }

    /// Every set that is wanted, and nothing else.
    fn content(&mut self, place: usize, answers: &Answers) {
        let different = |(key, records): (&SetKey, &Vec<Record>)| {
            let (trouble, what) = self.compared(key, records, answers)?;
            Some((key.clone(), trouble, what))
        };
        let different: Vec<_> =
            self.sets.iter().filter(|(key, _)| !self.is_elsewhere(key)).filter_map(different).collect();
        for (key, trouble, what) in different {
            self.drift.insert(key);
            self.findings.at(place, trouble, what);
        }
        for (name, kinds) in answers.names.iter().flatten() {
            for kind in kinds.iter().filter(|kind| !is_of_signing(**kind)) {
                let key = (name.clone(), *kind);
                if !self.sets.contains_key(&key) {
                    self.findings.at(place, Trouble::Unexpected, format!("{} is served", word(&key)));
                    self.drift.insert(key);
                }
            }
        }
    }

    fn compared(&self, key: &SetKey, records: &[Record], answers: &Answers) -> Option<(Trouble, String)> {
        let pec = key.1 == RecordType::MX && self.wanted.pec.as_ref() == Some(&key.0);
        let trouble = |trouble| if pec { Trouble::Pec } else { trouble };
        let wanted = said(records);
        let Some(set) = answers.sets.get(key) else {
            // Not asked: the questions before it got no answer either, or its answer comes over TCP alone.
            let why = answers.unanswered.get(key)?;
            return Some((Trouble::NoAnswer, format!("asked for {}: {why}", word(key))));
        };
        let served = if set.records.is_empty() { &set.elsewhere } else { &set.records };
        let ours = self.wanted.service == Service::Ours;
        let missing = |why: &str| Some((trouble(Trouble::Missing), format!("{} {why}; wanted: {wanted}", word(key))));
        match set {
            Set { code: ResponseCode::NXDomain, .. } => missing("does not exist"),
            Set { code, .. } if *code != ResponseCode::NoError => missing(&format!("is answered with {code}")),
            Set { authority: false, .. } if !self.cuts.contains(&key.0) => missing("is answered without authority"),
            _ if served.is_empty() => missing("is not there"),
            _ if !same_data(served, records) => {
                let what = format!("{} is {}; wanted: {wanted}", word(key), said(served));
                Some((trouble(Trouble::Differs), what))
            }
            _ => {
                let ttls = served.iter().map(|record| record.ttl).zip(records.iter().map(|record| record.ttl));
                let (served, wanted) = ttls.into_iter().find(|(served, wanted)| ours && served != wanted)?;
                Some((trouble(Trouble::Differs), format!("{} has TTL {served}; wanted: {wanted}", word(key))))
            }
        }
    }

    fn manners(&mut self, place: usize, answers: &Answers) {
        if answers.recursion {
            self.findings.at(place, Trouble::OpenRecursion, "it looks up foreign names for anybody");
        }
        if answers.handed_out {
            self.findings.at(place, Trouble::OpenTransfer, "it hands out the whole zone to anybody (AXFR)");
        }
    }

    fn signatures(&mut self, places: &[(usize, &Answers)], known: Known) {
        let zone = &self.wanted.zone;
        let mut versions: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
        let mut proven = !places.is_empty();
        for (place, answers) in places {
            let apex = answers.sets.get(&(zone.clone(), RecordType::DNSKEY));
            let keys = apex.map(|set| keys::keys(&set.records)).unwrap_or_default();
            if keys.is_empty() {
                // Cut over UDP: the same question over TCP has it.
                if apex.is_some() {
                    self.findings.at(*place, Trouble::Unsigned, format!("{} has no keys", bare(zone)));
                    proven = false;
                }
                continue;
            }
            versions.entry(keys::ds(zone, &keys)).or_default().push(*place);
            if answers.chain_broken {
                let what =
                    "the chain of its names (NSEC) does not lead around the zone: what else it serves is not seen";
                self.findings.at(*place, Trouble::BadSignature, what);
                proven = false;
            }
            proven &= self.anchored(&keys, known);
            proven &= self.proofs(*place, answers, &keys, known.now);
        }
        if versions.len() > 1 {
            for (ds, places) in &versions {
                for place in places {
                    self.findings.at(
                        *place,
                        Trouble::KeysDiffer,
                        format!("its keys are those of DS {}", ds.join(", ")),
                    );
                }
            }
            proven = false;
        }
        self.verdict.ds = versions.into_keys().next().unwrap_or_default();
        self.verdict.chain = Some(proven);
    }

    /// Whether the keys are those that the parent, or an earlier look, vouches for.
    fn anchored(&mut self, keys: &[DNSKEY], known: Known) -> bool {
        let zone = &self.wanted.zone;
        let served = keys::ds(zone, keys);
        if let Some(Ok(Delegation { ds, from, .. })) = known.delegation {
            if ds.is_empty() {
                let what = format!("{from} has no DS for {}: hand over {}", bare(zone), served.join(", "));
                self.findings.zone(Trouble::NoDs, what);
            } else if keys::covered(zone, keys, ds).is_empty() {
                let theirs: Vec<String> = ds.iter().map(keys::line).collect();
                let what = format!("{from} has DS {}, the keys are those of {}", theirs.join(", "), served.join(", "));
                self.findings.zone(Trouble::ChainBroken, what);
                return false;
            }
        }
        if known.remembered.is_empty() || served.iter().any(|ds| known.remembered.contains(ds)) {
            return true;
        }
        let what = format!("the DS is {}, and was {}", served.join(", "), known.remembered.join(", "));
        self.findings.zone(Trouble::KeysChanged, what);
        false
    }

    fn proofs(&mut self, place: usize, answers: &Answers, keys: &[DNSKEY], now: i64) -> bool {
        let mut proven = true;
        for (key, set) in &answers.sets {
            let delegated = self.cuts.contains(&key.0) && key.1 == RecordType::NS;
            if set.records.is_empty() || delegated || self.is_elsewhere(key) {
                continue;
            }
            match prove(&key.0, &set.records, &set.signatures, keys, now) {
                Proof::Bad(why) => {
                    proven = false;
                    self.findings.at(place, Trouble::BadSignature, format!("{}: {why}", word(key)));
                }
                Proof::Good { until, lifetime } => {
                    let first = &mut self.verdict.signed_until;
                    *first = Some(first.map_or(until, |first| first.min(until)));
                    if until - now < lifetime / RENEWED_BEFORE {
                        let what = format!("signatures end, the first on {}", day(until));
                        self.findings.at(place, Trouble::SignatureEnds, what);
                    }
                }
            }
        }
        proven
    }

    fn delegation(&mut self, delegation: &Result<Delegation, String>) {
        let delegation = match delegation {
            Ok(delegation) => delegation,
            Err(why) => {
                self.findings.zone(Trouble::NoDelegation, format!("the delegation could not be seen: {why}"));
                return;
            }
        };
        let from = &delegation.from;
        let ours: BTreeSet<&Name> = self.wanted.servers.iter().map(|server| &server.name).collect();
        let theirs: BTreeSet<&Name> = delegation.servers.iter().collect();
        let names = |names: &BTreeSet<&Name>| names.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", ");
        if ours != theirs {
            let what = format!("{from} names {}; ours are {}", names(&theirs), names(&ours));
            self.findings.zone(Trouble::Delegation, what);
        }
        for server in &self.wanted.servers {
            let ours: BTreeSet<_> = server.addresses.iter().map(std::net::SocketAddr::ip).collect();
            if let Some(glue) = delegation.glue.get(&server.name).filter(|glue| **glue != ours) {
                let list = |set: &BTreeSet<std::net::IpAddr>| {
                    set.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                };
                let what = format!("{from} has {} for {}; it is {}", list(glue), bare(&server.name), list(&ours));
                self.findings.zone(Trouble::Glue, what);
            }
        }
    }

    /// Whether a set is only there to help on the way to a delegated name.
    fn is_elsewhere(&self, key: &SetKey) -> bool {
        let below = |cut: &Name| cut.zone_of(&key.0) && (*cut != key.0 || is_address(key.1));
        self.cuts.iter().any(below)
    }

    fn end(mut self, seen: &[Seen], unseen: bool) -> Verdict {
        if unseen {
            self.drift.extend(self.sets.into_keys());
        }
        let mut verdict = self.verdict;
        verdict.drift = self.drift.len();
        verdict.findings = self.findings.list(seen);
        let wrong = verdict.findings.iter().any(|finding| finding.trouble == Trouble::Pec);
        verdict.pec = self.wanted.pec.as_ref().map(|_| !wrong && !unseen);
        verdict
    }
}

/// Delegations below the apex.
fn cuts(wanted: &Wanted) -> BTreeSet<Name> {
    let cut = |record: &&Record| record.record_type() == RecordType::NS && record.name != wanted.zone;
    wanted.records.iter().filter(cut).map(|record| record.name.clone()).collect()
}

fn is_address(kind: RecordType) -> bool {
    matches!(kind, RecordType::A | RecordType::AAAA)
}

fn word(key: &SetKey) -> String {
    format!("{} {}", bare(&key.0), key.1)
}

/// The newest of serials: they count around the end of 32 bits (RFC 1982).
fn newest(serials: impl Iterator<Item = u32>) -> Option<u32> {
    serials.reduce(|one, other| if (other.wrapping_sub(one) as i32) > 0 { other } else { one })
}

#[cfg(test)]
mod tests {
    use super::newest;

    #[test]
    fn the_newest_serial_counts_around_the_end_of_32_bits() {
        assert_eq!(newest([u32::MAX - 1, 3].into_iter()), Some(3));
        assert_eq!(newest([2026112503, 2026112501].into_iter()), Some(2026112503));
        assert_eq!(newest([].into_iter()), None);
    }
}
