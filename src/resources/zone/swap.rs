//! The safe apply of a zone: nothing is written before every name server was asked, a file that was refused or could not
//! be proven is put back, and a failed file never stays on the disk, where the next start of Knot would read it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::catalog::is_offered;
use super::knot::{self, Way};
use super::proof::Proof;
use super::records::{Key, Records, with_serial};
use super::steps::{self, Steps};
use super::{Change, Zone};
use crate::failure::{Failure, Result};
use crate::machine::{Machine, Ownership, gid_of};

/// What was found before the first write.
pub(super) struct Swap<'a> {
    zone: &'a Zone,
    /// What is served afterwards: what is wanted, but for second steps whose time has not come.
    steps: Steps,
    served: Records,
    /// The serial of this host; none when the zone is not loaded here.
    own: Option<u32>,
    /// The highest of all name servers.
    highest: Option<u32>,
    /// Name servers that must serve it afterwards.
    servers: Vec<IpAddr>,
    /// What is on the disk.
    disk: Option<String>,
    /// The version that a run replaced which was cut off before its proof.
    unproven: Option<String>,
    ownership: Ownership,
}

impl<'a> Swap<'a> {
    /// Asks this host and every name server.
    ///
    /// # Errors
    /// When the zone is not fit, a name server does not answer, or one is ahead of this host.
    pub(super) fn prepare(zone: &'a Zone, host: &mut dyn Machine, allowed: &BTreeSet<String>) -> Result<Swap<'a>> {
        let state = knot::status(host)?.now()?.remove(&zone.name).unwrap_or_default();
        state.must_be_free(&zone.name)?;
        let own = state.serial;
        let served = if own.is_some() { knot::served(host, &zone.name)? } else { Records::default() };
        let steps = Steps::of(zone, host, &served, &zone.wanted()?, allowed)?;
        steps.examine(zone, host)?;
        let disk = host.read(&zone.file())?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let gid = gid_of(host, "knot")?.ok_or_else(|| Failure::operation("there is no group knot"))?;
        let ownership = Ownership { uid: 0, gid, mode: 0o640 };
        let unproven = host.read(&zone.unproven())?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let servers = Vec::new();
        let mut swap = Swap { zone, steps, served, own, highest: own, servers, disk, unproven, ownership };
        swap.ask_servers(host)?;
        Ok(swap)
    }

    /// The zone is not loaded here: nothing says what this primary knew of it.
    pub(super) fn is_cold(&self) -> bool {
        self.own.is_none()
    }

    /// What differs now, with the loss of the keys where they matter.
    pub(super) fn changes(&self, lost_keys: Option<Change>) -> Vec<Change> {
        self.steps.changes.iter().cloned().chain(lost_keys).collect()
    }

    /// The serial never goes back: what any name server has is known before anything is written.
    fn ask_servers(&mut self, host: &mut dyn Machine) -> Result<()> {
        let soa = self.zone.key("SOA");
        let offered = is_offered(host)?;
        for server in knot::addresses(&self.zone.servers)? {
            let answers = knot::ask(host, server, Way::Udp, std::slice::from_ref(&soa))?;
            let Some(answer) = answers.to(&soa) else {
                return Err(Failure::operation(format!("the name server {server} does not answer: {}", answers.words))
                    .hint("no zone is changed while a name server cannot be read back: bring it back, or take it out of the consortium's `dns.servers`"));
            };
            let serial = answer.serial();
            if let (Some(own), Some(theirs)) = (self.own, serial)
                && knot::is_later(theirs, own)
            {
                return Err(Failure::operation(format!(
                    "{server} serves {} with serial {theirs}, and this primary is behind with {own}: it would be ignored, and may have other keys",
                    self.zone.name
                ))
                .hint("bring back the primary's state from its backup, or empty it to have it rebuilt (docs/dns.md)"));
            }
            self.highest = match (self.highest, serial) {
                (Some(highest), Some(theirs)) if !knot::is_later(theirs, highest) => Some(highest),
                (highest, theirs) => theirs.or(highest),
            };
            // Before the catalog is offered a new secondary cannot know the zone; this host itself must, in the end.
            if serial.is_some() || offered || answer.status == "SERVFAIL" {
                self.servers.push(server);
            }
        }
        Ok(())
    }

    /// Writes, reloads, reads back; puts back when anything of it fails.
    pub(super) fn run(self, host: &mut dyn Machine) -> Result<()> {
        let good = self.good();
        let text = format!(
            "{HEAD}{}",
            with_serial(&self.steps.lines(self.zone), self.highest.map_or(1, |serial| serial.wrapping_add(1)))?
        );
        if self.unproven.is_none() {
            let replaced = good.as_deref().unwrap_or_default();
            host.write(&self.zone.unproven(), replaced.as_bytes(), &self.ownership)?;
        }
        host.write(&self.zone.file(), text.as_bytes(), &self.ownership)?;
        if let Err(failure) = self.load_and_prove(host) {
            return Err(self.put_back(host, failure));
        }
        self.settle(host, good.as_deref().unwrap_or_default())
    }

    /// The version that was replaced is kept for a way back.
    fn settle(&self, host: &mut dyn Machine, former: &str) -> Result<()> {
        let known = Records::read(former.lines()).unwrap_or_default();
        if known.sets.is_empty() || known.sets == self.steps.target.sets {
            return host.remove(&self.zone.unproven());
        }
        steps::remember(host, self.zone, &known, &self.steps.target, &self.ownership)?;
        host.rename(&self.zone.unproven(), &self.zone.previous())
    }

    /// The version to go back to: that before an unproven one; else what is on the disk when Knot serves just that; else
    /// what Knot serves.
    fn good(&self) -> Option<String> {
        let own = self.own?;
        if let Some(former) = self.unproven.as_ref().filter(|former| !former.is_empty()) {
            return Some(former.clone());
        }
        let is_served = |text: &&String| Records::read(text.lines()).is_ok_and(|known| known.sets == self.served.sets);
        if let Some(text) = self.disk.as_ref().filter(is_served) {
            return Some(text.clone());
        }
        with_serial(&self.served.lines(), own).ok().map(|text| format!("{HEAD}{text}"))
    }

    fn load_and_prove(&self, host: &mut dyn Machine) -> Result<()> {
        knot::tell(host, &["zone-reload", &self.zone.name])?;
        let Some(serial) = knot::serial(&knot::status(host)?.now()?, &self.zone.name) else {
            return Err(Failure::operation(format!("Knot did not load {}", self.zone.name)));
        };
        // A zone that comes back with its journal keeps its serial; the read-back shows whether it is the same zone.
        let back = self.highest.is_some_and(|highest| knot::is_later(highest, serial));
        let stayed = self.own == Some(serial) && self.served.sets != self.steps.target.sets;
        if back || stayed {
            let highest = self.highest.unwrap_or_default();
            return Err(Failure::operation(format!(
                "Knot serves the new {} with serial {serial}, which is not above {highest}",
                self.zone.name
            )));
        }
        let interrupted = self.served.sets == self.steps.target.sets;
        let differs = |key: &&Key| interrupted || self.served.sets.get(key) != self.steps.target.sets.get(key);
        let proof = Proof {
            zone: self.zone,
            servers: self.servers.clone(),
            changed: self.steps.target.sets.keys().filter(differs).cloned().collect(),
            gone: self.served.sets.keys().filter(|key| !self.steps.target.sets.contains_key(key)).cloned().collect(),
            wanted: &self.steps.target,
            serial,
        };
        proof.read_back(host)?;
        proof.examine_signatures(host)
    }

    /// Brings the former version back and says both what failed and how that went.
    fn put_back(&self, host: &mut dyn Machine, failure: Failure) -> Failure {
        let after = match self.restore(host) {
            Ok(()) if self.own.is_none() => "the new file was taken away".to_string(),
            Ok(()) => "the former version was put back and is served".to_string(),
            Err(again) => format!("putting the former version back failed too: {}", again.message),
        };
        Failure { message: format!("{}; {after}", failure.message), ..failure }
    }

    fn restore(&self, host: &mut dyn Machine) -> Result<()> {
        let former = self.good().or_else(|| self.disk.clone());
        match &former {
            Some(former) => host.write(&self.zone.file(), former.as_bytes(), &self.ownership)?,
            None => host.remove(&self.zone.file())?,
        }
        let Some(own) = self.own else { return host.remove(&self.zone.unproven()) };
        knot::tell(host, &["zone-reload", &self.zone.name])?;
        let before = Records::read(former.iter().flat_map(|former| former.lines()))?;
        let differs = |key: &&Key| before.sets.get(key) != self.steps.target.sets.get(key);
        let proof = Proof {
            zone: self.zone,
            servers: self.answering(host)?,
            changed: before.sets.keys().filter(differs).cloned().collect(),
            gone: self.steps.target.sets.keys().filter(|key| !before.sets.contains_key(key)).cloned().collect(),
            wanted: &before,
            serial: own,
        };
        proof.read_back(host)?;
        host.remove(&self.zone.unproven())
    }

    /// A name server that went away meanwhile is no reason to wait for it.
    fn answering(&self, host: &mut dyn Machine) -> Result<Vec<IpAddr>> {
        let soa = self.zone.key("SOA");
        let mut answering = Vec::new();
        for server in &self.servers {
            if knot::ask(host, *server, Way::Udp, std::slice::from_ref(&soa))?.to(&soa).is_some() {
                answering.push(*server);
            }
        }
        Ok(answering)
    }
}

const HEAD: &str = "; Written by comuni: what is changed here by hand is put back.\n";
