//! Reads a zone back from every address of every name server, over UDP and TCP, and looks at its signatures.

use std::net::IpAddr;
use std::path::Path;

use super::Zone;
use super::knot::{self, Answers, Way};
use super::records::{Key, Records};
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine};

/// Looks of the first second, and how long lies between two, in seconds as sleep(1) reads them.
const SOON: (&str, usize) = ("0.05", 20);
/// How long lies between two looks later.
const LATER: &str = "0.5";
/// The look after which the secondaries are notified once more: a lost NOTIFY is else repeated after an hour.
const NOTIFY_AT: usize = 22;
/// Where Knot writes the signed zone for the checker.
pub(super) const FLUSHED: &str = "/var/lib/knot/check";

/// What every name server must answer.
pub(super) struct Proof<'a> {
    pub(super) zone: &'a Zone,
    pub(super) servers: Vec<IpAddr>,
    /// RRsets that must be answered so.
    pub(super) changed: Vec<Key>,
    /// RRsets that must be gone.
    pub(super) gone: Vec<Key>,
    pub(super) wanted: &'a Records,
    /// The least serial.
    pub(super) serial: u32,
}

impl Proof<'_> {
    /// Waits until all is as it must be.
    ///
    /// # Errors
    /// What is still wrong when the zone's patience has come to its end.
    pub(super) fn read_back(&self, host: &mut dyn Machine) -> Result<()> {
        let mut left: Vec<(IpAddr, Way)> =
            self.servers.iter().flat_map(|server| [(*server, Way::Udp), (*server, Way::Tcp)]).collect();
        let (mut wrong, begin) = (Vec::new(), host.now());
        let (patience, later) = (self.zone.patience, 2 * self.zone.patience.saturating_sub(1) as usize);
        let pauses = [SOON, (LATER, later)].into_iter().flat_map(|(pause, times)| std::iter::repeat_n(pause, times));
        for (look, pause) in pauses.enumerate() {
            wrong.clear();
            let mut still = Vec::new();
            for (server, way) in left {
                if let Some(words) = self.differs(host, server, way)? {
                    wrong.push(format!("{server} over {way}: {words}"));
                    still.push((server, way));
                }
            }
            left = still;
            if left.is_empty() {
                return Ok(());
            }
            // A server that is silent costs a second for each question.
            if host.now() - begin >= i64::from(patience) {
                break;
            }
            if look == NOTIFY_AT {
                knot::tell(host, &["zone-notify", &self.zone.name])?;
            }
            let wait = Command::new(["sleep", pause]);
            host.run(&wait)?.succeeded(&wait)?;
        }
        Err(Failure::operation(format!(
            "after {patience} seconds not every name server serves the new zone:\n  {}",
            wrong.join("\n  ")
        ))
        .hint("look at that server: `comuni dns check -v` has the serials; one that is only slow needs more `dns.patience`"))
    }

    /// What one server answers otherwise, the serial first: until that is right nothing else is asked.
    fn differs(&self, host: &mut dyn Machine, server: IpAddr, way: Way) -> Result<Option<String>> {
        let soa = self.zone.key("SOA");
        let answers = knot::ask(host, server, way, std::slice::from_ref(&soa))?;
        let Some(serial) = answers.to(&soa).and_then(knot::Answer::serial) else {
            return Ok(Some(words(&answers, &soa)));
        };
        if knot::is_later(self.serial, serial) {
            return Ok(Some(format!("serial {serial}, not {}", self.serial)));
        }
        let questions: Vec<Key> =
            self.changed.iter().chain(&self.gone).filter(|key| self.is_answered(key)).cloned().collect();
        if questions.is_empty() {
            return Ok(None);
        }
        let answers = knot::ask(host, server, way, &questions)?;
        Ok(questions.iter().find_map(|key| self.wrong_answer(&answers, key)))
    }

    /// Data at and below a delegation are answered by others, and a wildcard answers for what is gone.
    fn is_answered(&self, key: &Key) -> bool {
        let apex = self.zone.key("NS").name;
        let below = |cut: &Key| {
            cut.kind == "NS"
                && cut.name != apex
                && (key.name == cut.name || key.name.ends_with(&format!(".{}", cut.name)))
        };
        let is_gone = !self.wanted.sets.contains_key(key);
        let wildcard = self.wanted.sets.keys().any(|other| other.name.starts_with("*."));
        let alias = self.wanted.sets.contains_key(&Key { name: key.name.clone(), kind: "CNAME".to_string() });
        key.kind != "SOA" && !self.wanted.sets.keys().any(below) && !(is_gone && (wildcard || alias))
    }

    fn wrong_answer(&self, answers: &Answers, key: &Key) -> Option<String> {
        let Some(answer) = answers.to(key).filter(|answer| answer.authoritative) else {
            return Some(words(answers, key));
        };
        let served = Records::read(answer.lines.iter().map(String::as_str)).ok();
        let served = served.as_ref().and_then(|served| served.sets.get(key));
        match (served, self.wanted.sets.get(key)) {
            (served, wanted) if served == wanted => None,
            (Some(served), None) => Some(format!("{key} is still {}", served.words())),
            (None, _) => Some(format!("{key} is not there ({})", answer.status)),
            (Some(served), Some(wanted)) => Some(format!("{key} is {}, not {}", served.words(), wanted.words())),
        }
    }

    /// The signatures must be right and last for six more days: Knot makes new ones at seven.
    ///
    /// # Errors
    /// With the checker's words.
    pub(super) fn examine_signatures(&self, host: &mut dyn Machine) -> Result<()> {
        let copy = format!("{FLUSHED}/{}.zone", self.zone.name);
        let copy = Path::new(&copy);
        // Knot does not write over what is there.
        host.remove(copy)?;
        knot::tell(host, &["zone-flush", &self.zone.name, "+outdir", FLUSHED])?;
        let name = copy.display().to_string();
        let command = Command::new(["kzonecheck", "-o", &self.zone.name, "-d", "on", "-t", "+6D", &name]);
        let verdict = host.run(&command)?.succeeded(&command).map(drop);
        host.remove(copy)?;
        verdict.map_err(|failure| failure.context("the signatures are not right"))
    }
}

fn words(answers: &Answers, key: &Key) -> String {
    match answers.to(key) {
        Some(answer) if answer.status == "NOERROR" && !answer.authoritative => format!("it does not speak for {key}"),
        Some(answer) if answer.status == "NOERROR" => format!("{key} is not there"),
        Some(answer) => format!("{} to {key}", answer.status),
        None if answers.words.is_empty() => format!("no answer to {key}"),
        None => answers.words.clone(),
    }
}
