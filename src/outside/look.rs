//! Asks every address of every name server of a zone, over UDP and TCP, and keeps what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use hickory_proto::dnssec::rdata::DNSSECRData;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::line::{Line, Patience, Question, Transport};
use super::sets::{SetKey, by_set};
use super::transfer::is_handed_out;
use super::{NameServer, Service, Wanted};

/// A zone larger than this is not walked to its end.
const MOST_NAMES: usize = 20_000;

/// What one address of one server said over one transport.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The server.
    pub server: Name,
    /// Where it was asked.
    pub address: SocketAddr,
    /// How it was asked.
    pub transport: Transport,
    /// What it said, or why it said nothing.
    pub answers: Result<Answers, String>,
}

/// What a server said.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// By name and type.
    pub(super) sets: BTreeMap<SetKey, Set>,
    /// Questions after the first that got no answer, and why.
    pub(super) unanswered: BTreeMap<SetKey, String>,
    /// Names of the zone with their types, from its signed chain of names; `None` when it has none.
    pub(super) names: Option<BTreeMap<Name, BTreeSet<RecordType>>>,
    /// The chain of names could not be followed around the zone.
    pub(super) chain_broken: bool,
    /// It looks up foreign names for anybody.
    pub(super) recursion: bool,
    /// It hands out the whole zone to anybody.
    pub(super) handed_out: bool,
}

/// The answer to one question.
#[derive(Debug, Clone)]
pub(super) struct Set {
    pub(super) code: ResponseCode,
    /// The server says that it is an authority for it (AA).
    pub(super) authority: bool,
    pub(super) records: Vec<Record>,
    /// Records of the type under other names, to which an alias led (CNAME).
    pub(super) elsewhere: Vec<Record>,
    /// Signatures over the records.
    pub(super) signatures: Vec<Record>,
}

/// Asks for everything that is wanted of a zone.
pub fn look(wanted: &Wanted, patience: Patience) -> Vec<Seen> {
    let mut seen = Vec::new();
    for NameServer { name, addresses } in &wanted.servers {
        for address in addresses {
            for transport in [Transport::Udp, Transport::Tcp] {
                seen.push(Seen {
                    server: name.clone(),
                    address: *address,
                    transport,
                    answers: one(wanted, *address, transport, patience),
                });
            }
        }
    }
    seen
}

fn one(wanted: &Wanted, address: SocketAddr, transport: Transport, patience: Patience) -> Result<Answers, String> {
    let mut line = Line::open(address, transport, patience)?;
    let mut answers = Answers::default();
    // The first question decides whether anybody is there: a dead server costs the patience for one.
    let first = (wanted.zone.clone(), RecordType::SOA);
    let soa = line.ask(&Question::plain(&first.0, first.1))?;
    let serves = soa.authoritative && soa.response_code == ResponseCode::NoError;
    answers.sets.insert(first.clone(), set(&first, &soa));
    if !serves {
        return Ok(answers);
    }
    for key in questions(wanted).into_iter().filter(|key| *key != first) {
        answers.take(&mut line, key);
    }
    if wanted.service == Service::Ours {
        match transport {
            Transport::Udp => answers.recursion = looks_up(&mut line),
            Transport::Tcp => {
                answers.walk(&mut line, &wanted.zone);
                answers.handed_out = is_handed_out(address, &wanted.zone, patience);
            }
        }
    }
    Ok(answers)
}

/// Every set that is wanted, the keys, and for others' zones their NS.
fn questions(wanted: &Wanted) -> BTreeSet<SetKey> {
    let mut keys: BTreeSet<SetKey> = by_set(&wanted.records).into_keys().collect();
    keys.insert((wanted.zone.clone(), RecordType::NS));
    if wanted.service == Service::Ours {
        keys.insert((wanted.zone.clone(), RecordType::DNSKEY));
    }
    keys
}

/// Whether a server looks up what is not its own. The root's servers are asked for: no third party is named.
fn looks_up(line: &mut Line) -> bool {
    line.ask(&Question::recursive(&Name::root(), RecordType::NS))
        .is_ok_and(|answer| answer.recursion_available && !answer.answers.is_empty())
}

/// The records of an answer that belong to the question. Those of a delegation stand in the section of authorities.
fn set(key: &SetKey, answer: &Message) -> Set {
    let delegated = key.1 == RecordType::NS && answer.answers.is_empty();
    belonging(key, answer, if delegated { &answer.authorities } else { &answer.answers })
}

fn belonging(key: &SetKey, answer: &Message, section: &[Record]) -> Set {
    let covers = |record: &&Record| match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => signature.input().type_covered == key.1,
        _ => false,
    };
    let own = || section.iter().filter(|record| record.name == key.0);
    Set {
        code: answer.response_code,
        authority: answer.authoritative,
        records: own().filter(|record| record.record_type() == key.1).cloned().collect(),
        elsewhere: section
            .iter()
            .filter(|record| record.record_type() == key.1 && record.name != key.0)
            .cloned()
            .collect(),
        signatures: own().filter(covers).cloned().collect(),
    }
}

impl Answers {
    /// Asks one question; after two without an answer no more are asked.
    fn take(&mut self, line: &mut Line, key: SetKey) {
        if self.unanswered.len() >= 2 {
            return;
        }
        match line.ask(&Question::plain(&key.0, key.1)) {
            // The same question over TCP tells what is in it; here only that it is cut matters.
            Ok(answer) if answer.truncation => {}
            Ok(answer) => {
                self.sets.insert(key.clone(), set(&key, &answer));
            }
            Err(why) => {
                self.unanswered.insert(key, why);
            }
        }
    }

    /// Follows the chain of signed names (NSEC, RFC 4034) once around the zone: nothing that is served stays unseen.
    fn walk(&mut self, line: &mut Line, zone: &Name) {
        self.chain_broken = true;
        let mut names = BTreeMap::new();
        let mut name = zone.clone();
        while names.len() < MOST_NAMES {
            let Some(RData::DNSSEC(DNSSECRData::NSEC(nsec))) = self.link(line, &name) else { return };
            let next = nsec.next_domain_name().clone();
            names.insert(name, nsec.type_bit_maps().collect());
            if next == *zone {
                self.names = Some(names);
                self.chain_broken = false;
                return;
            }
            // A chain that turns back would lead around for ever.
            if names.contains_key(&next) || !zone.zone_of(&next) {
                return;
            }
            name = next;
        }
    }

    /// The link of the chain at a name. A server does not give it for a name that it has delegated; there the proof that
    /// the name right after it does not exist has it.
    fn link(&mut self, line: &mut Line, name: &Name) -> Option<RData> {
        let key = (name.clone(), RecordType::NSEC);
        self.take(line, key.clone());
        if self.sets.get(&key).is_none_or(|set| set.records.is_empty()) {
            let proof = line.ask(&Question::plain(&right_after(name)?, RecordType::A)).ok()?;
            self.sets.insert(key.clone(), belonging(&key, &proof, &proof.authorities));
        }
        Some(self.sets.get(&key)?.records.first()?.data.clone())
    }
}

/// The first name after a name and all that lies below it, in the order of the chain (RFC 4034, 6.1).
fn right_after(name: &Name) -> Option<Name> {
    let mut labels = name.iter().map(<[u8]>::to_vec);
    let mut first = labels.next()?;
    first.push(0);
    Name::from_labels(std::iter::once(first).chain(labels)).ok()
}
