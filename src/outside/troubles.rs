//! What can be wrong with a zone as the world sees it: words, weight, and what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::line::Transport;
use super::look::Seen;
use super::sets::bare;
use crate::failure::Kind;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// A server gives no answer.
    NoAnswer,
    /// No server of the zone answers, and none of any other zone either.
    NobodyAnswers,
    /// A server answers, but not as an authority for the zone.
    Lame,
    /// A server has an older version than another.
    OldSerial,
    /// A set that is wanted is not served.
    Missing,
    /// A set is served with other data or another TTL.
    Differs,
    /// Something is served that the inventory does not have.
    Unexpected,
    /// The MX of the certified e-mail are not as they must be.
    Pec,
    /// The zone is not signed.
    Unsigned,
    /// The servers have different keys.
    KeysDiffer,
    /// The keys are others than those seen before.
    KeysChanged,
    /// A signature is missing, wrong, or not valid now.
    BadSignature,
    /// A signature is about to expire: it should have been renewed.
    SignatureEnds,
    /// The DS at the parent fit no key: nobody who validates can reach the zone.
    ChainBroken,
    /// The parent has no DS yet.
    NoDs,
    /// The parent names other servers than ours.
    Delegation,
    /// The parent has other addresses for our servers.
    Glue,
    /// The parent could not be asked.
    NoDelegation,
    /// A server looks up foreign names for anybody.
    OpenRecursion,
    /// A server hands out the zone to anybody.
    OpenTransfer,
}

impl Trouble {
    /// Its name in JSON and for searches.
    pub fn id(self) -> &'static str {
        match self {
            Trouble::NoAnswer => "no-answer",
            Trouble::NobodyAnswers => "nobody-answers",
            Trouble::Lame => "lame",
            Trouble::OldSerial => "old-serial",
            Trouble::Missing => "missing",
            Trouble::Differs => "differs",
            Trouble::Unexpected => "unexpected",
            Trouble::Pec => "pec",
            Trouble::Unsigned => "unsigned",
            Trouble::KeysDiffer => "keys-differ",
            Trouble::KeysChanged => "keys-changed",
            Trouble::BadSignature => "bad-signature",
            Trouble::SignatureEnds => "signature-ends",
            Trouble::ChainBroken => "chain-broken",
            Trouble::NoDs => "no-ds",
            Trouble::Delegation => "delegation",
            Trouble::Glue => "glue",
            Trouble::NoDelegation => "no-delegation",
            Trouble::OpenRecursion => "open-recursion",
            Trouble::OpenTransfer => "open-transfer",
        }
    }

    /// What it does to the exit code; `None` for what is worth saying and breaks nothing.
    pub fn kind(self) -> Option<Kind> {
        match self {
            Trouble::NoDs => None,
            Trouble::OldSerial | Trouble::SignatureEnds => Some(Kind::Stale),
            Trouble::NobodyAnswers | Trouble::NoDelegation => Some(Kind::Inconclusive),
            _ => Some(Kind::Damage),
        }
    }

    /// It is looked for over one transport alone, and has nothing to do with it.
    fn shows_over_one(self) -> bool {
        matches!(self, Trouble::Unexpected | Trouble::OpenTransfer | Trouble::OpenRecursion)
    }

    /// What to do.
    pub fn remedy(self) -> &'static str {
        match self {
            Trouble::NoAnswer => {
                "look whether the machine runs, knotd on it, and the firewall lets port 53 in (UDP and TCP)"
            }
            Trouble::NobodyAnswers => "this machine may be cut off itself: check from another network",
            Trouble::Lame => {
                "the zone is not loaded there: `comuni plan --area dns`, and `knotc zone-status` on that host"
            }
            Trouble::OldSerial => "the secondary does not follow: `knotc zone-refresh` there, and look at its log",
            Trouble::Missing | Trouble::Differs => {
                "`comuni plan --area dns` shows the difference, `comuni apply --area dns` brings it"
            }
            Trouble::Unexpected => {
                "somebody changed the zone on the server: `comuni plan --area dns`; what must stay goes into the member's `records:`"
            }
            Trouble::Pec => {
                "certified e-mail stops after a few days of wrong MX: correct the member's `pec:` or apply at once"
            }
            Trouble::Unsigned => "`comuni plan --area dns`; signing is part of the server's configuration",
            Trouble::KeysDiffer => {
                "a rebuilt primary has made new keys: restore the keys from their backup before anything else"
            }
            Trouble::KeysChanged => {
                "if the change was meant, hand the new DS to the registrar and say so with --accept-keys; else restore the keys"
            }
            Trouble::BadSignature => {
                "who validates gets no answer: look at `knotc zone-status` and the clock of the primary"
            }
            Trouble::SignatureEnds => {
                "the server has stopped to sign: `knotc zone-sign` on the primary, and look at its log"
            }
            Trouble::ChainBroken => "hand the DS below to the registrar, or restore the keys that the parent knows",
            Trouble::NoDs => "hand the DS to the registrar",
            Trouble::Delegation | Trouble::Glue => "the registrar must enter the servers that the inventory names",
            Trouble::NoDelegation => {
                "name another --resolver, or the address of a server of the parent zone with --parent"
            }
            Trouble::OpenRecursion => {
                "it can be used to attack others: name servers of zones must not look up anything"
            }
            Trouble::OpenTransfer => "allow transfers to the secondaries' key only",
        }
    }
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What.
    pub trouble: Trouble,
    /// In a technician's words, with what was wanted and what was seen.
    pub what: String,
    /// The servers that show it; empty when it is about the zone as such or all of them show it.
    pub places: Vec<String>,
}

/// Gathers what many servers show, so that one thing wrong is said once.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: BTreeMap<(Trouble, String), BTreeSet<usize>>,
}

impl Findings {
    /// Something about the zone as such.
    pub(super) fn zone(&mut self, trouble: Trouble, what: impl Into<String>) {
        self.found.entry((trouble, what.into())).or_default();
    }

    /// Something that the answers at `place` show.
    pub(super) fn at(&mut self, place: usize, trouble: Trouble, what: impl Into<String>) {
        self.found.entry((trouble, what.into())).or_default().insert(place);
    }

    /// All of it, each once, with its places in words.
    pub(super) fn list(self, seen: &[Seen]) -> Vec<Finding> {
        let answering = seen.iter().filter(|seen| seen.answers.is_ok()).count();
        let finding = |((trouble, what), mut places): ((Trouble, String), BTreeSet<usize>)| {
            if trouble.shows_over_one() {
                // What both transports would show, and only one is asked for.
                let addresses: BTreeSet<SocketAddr> = places.iter().map(|place| seen[*place].address).collect();
                let all = seen.iter().enumerate().filter(|(_, seen)| seen.answers.is_ok());
                places = all.filter(|(_, seen)| addresses.contains(&seen.address)).map(|(place, _)| place).collect();
            }
            let everywhere = trouble != Trouble::NoAnswer && places.len() == answering && answering > 2;
            let places = if everywhere { Vec::new() } else { words(&places, seen) };
            Finding { trouble, what, places }
        };
        self.found.into_iter().map(finding).collect()
    }
}

/// `ns1.example (192.0.2.1)`, and the transport where it is only one of both.
fn words(places: &BTreeSet<usize>, seen: &[Seen]) -> Vec<String> {
    let mut by_address: BTreeMap<(String, SocketAddr), BTreeSet<Transport>> = BTreeMap::new();
    for seen in places.iter().filter_map(|place| seen.get(*place)) {
        by_address.entry((bare(&seen.server), seen.address)).or_default().insert(seen.transport);
    }
    let word = |((server, address), transports): ((String, SocketAddr), BTreeSet<Transport>)| {
        let over = match transports.iter().collect::<Vec<_>>()[..] {
            [only] => format!(" over {}", only.word().to_uppercase()),
            _ => String::new(),
        };
        let shown = if address.port() == 53 { address.ip().to_string() } else { address.to_string() };
        format!("{server} ({shown}){over}")
    };
    by_address.into_iter().map(word).collect()
}
