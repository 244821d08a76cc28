//! A zone of a member on the primary name server: planned RRset by RRset, and changed so that no name is unserved.
//!
//! `records` reads and compares, `steps` parts a move in two, `knot` asks, `swap` is the safe apply, `proof` reads back. The zone file is the only
//! input of Knot; it lies beside Knot's own state, so that a primary that lost its state has no old file to begin from.

mod catalog;
mod knot;
mod previous;
mod proof;
mod records;
mod steps;
mod swap;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use catalog::ZoneCatalog;
pub use previous::previous_zone;
pub use records::{Key, Records, RrSet};

use super::differences::{Known, after};
use super::fields::number;
use super::places::placed;
use super::{Action, Change, Check, Context, Kind, Means};
use crate::failure::{Failure, Result};
use crate::machine::Machine;
use steps::Steps;
use swap::Swap;

/// Where zone files lie on a primary.
pub const ZONES: &str = "/var/lib/knot/zones";
/// Where each member's stanza lies.
const STANZAS: &str = "/etc/knot/comuni.d";

/// Types on which delegation, mail, certified mail and certificates hang.
const PROTECTED: [&str; 5] = ["NS", "MX", "DS", "CAA", "DNSKEY"];

/// A zone that this host serves first, with all its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Its name without a final dot.
    pub name: String,
    /// Its records, one a line (RFC 1035), with absolute names; the SOA first, whose serial the host decides.
    pub records: Vec<String>,
    /// The addresses of all its name servers, this host's among them.
    pub servers: Vec<String>,
    /// RRsets (`NAME/TYPE`) that are changed and removed only when they are allowed by name.
    #[serde(default)]
    pub protected: Vec<String>,
    /// The TTL in seconds that an address gets for the time of its move; 0: it moves at once.
    #[serde(default, deserialize_with = "number")]
    pub move_ttl: u32,
    /// Seconds that the name servers have to serve a change, before it is put back.
    #[serde(default = "half_a_minute", deserialize_with = "number")]
    pub patience: u32,
}

fn half_a_minute() -> u32 {
    30
}

impl Zone {
    /// The zone file.
    fn file(&self) -> PathBuf {
        PathBuf::from(format!("{ZONES}/{}.zone", self.name))
    }

    /// What lies beside the zone file.
    fn beside(&self, what: &str) -> PathBuf {
        PathBuf::from(format!("{ZONES}/{}.zone.{what}", self.name))
    }

    /// The version before the last change, for a way back.
    fn previous(&self) -> PathBuf {
        self.beside("prev")
    }

    /// There from before a swap until it is proven: holds the version that it replaces.
    fn unproven(&self) -> PathBuf {
        self.beside("unproven")
    }

    fn key(&self, kind: &str) -> Key {
        Key::new(&self.name, kind)
    }

    fn validated(&self) -> Result<()> {
        let label = |label: &str| {
            let plain = label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_');
            plain && !label.is_empty() && !label.starts_with('-')
        };
        if self.name.len() > 253 || !self.name.split('.').all(label) {
            return Err(Failure::operation(format!("{:?} is no name of a zone", self.name))
                .hint("write it in lower case without a final dot, such as comune.malnate.va.it"));
        }
        knot::addresses(&self.servers).map(drop)
    }

    /// What the zone must have.
    ///
    /// # Errors
    /// The line that is no record.
    pub fn wanted(&self) -> Result<Records> {
        Records::read(self.records.iter().map(String::as_str))
            .map_err(|failure| failure.context(format!("zone {}", self.name)))
    }

    /// A cold primary whose zone others still serve must have the keys that they publish.
    fn lost_keys(&self, host: &dyn Machine) -> Result<Option<Change>> {
        let question = [self.key("DNSKEY")];
        let mut published = Vec::new();
        for address in knot::addresses(&self.servers)? {
            let answers = knot::ask_quietly(host, address, knot::Way::Udp, &question)?;
            let lines = answers.to(&question[0]).map(|answer| answer.lines.clone()).unwrap_or_default();
            published.extend(lines.iter().filter_map(|line| Some(line.split_whitespace().last()?.to_string())));
        }
        if published.is_empty() || knot::keys(host, &self.name)?.iter().any(|key| published.contains(key)) {
            return Ok(None);
        }
        Ok(Some(Change {
            field: self.key("DNSKEY").to_string(),
            before: Some("the signing keys that the other name servers publish".to_string()),
            after: Some(
                "new keys: the published ones are not on this host; bring them back first (docs/dns.md)".to_string(),
            ),
            secret: false,
            step: None,
        }))
    }
}

impl Zone {
    fn change(&self, host: &mut dyn Machine, allowed: &BTreeSet<String>) -> Result<()> {
        self.validated()?;
        let swap = Swap::prepare(self, host, allowed)?;
        let lost_keys = if swap.is_cold() { self.lost_keys(host)? } else { None };
        self.must_be_allowed(&swap.changes(lost_keys), allowed)?;
        swap.run(host)
    }

    /// Control holds such a plan; but it may not have seen the zone as it is now.
    fn must_be_allowed(&self, changes: &[Change], allowed: &BTreeSet<String>) -> Result<()> {
        let held = changes.iter().filter(|change| self.is_protected(change) && !allowed.contains(&change.field));
        let held: Vec<&str> = held.map(|change| change.field.as_str()).collect();
        if held.is_empty() {
            return Ok(());
        }
        if held.iter().any(|field| field.ends_with("/DNSKEY")) {
            return Err(Failure::operation(format!(
                "the keys that other name servers publish for {} are not on this host: with others it would be bogus",
                self.name
            ))
            .hint("bring the keys back: systemctl start comuni-dns-keys-restore (docs/dns.md, \"A primary that is lost\")"));
        }
        Err(Failure::operation(format!("{} is protected, and its change was not allowed", held.join(", ")))
            .hint("read the plan; when it is what you want, allow each by name (--allow NAME/TYPE)"))
    }

    /// Whether a change is one that must be allowed by name: of a protected RRset that is there, or of the signing keys.
    /// What is there may be no word of the inventory any more, hence also by type.
    pub fn is_protected(&self, change: &Change) -> bool {
        let kind = change.field.rsplit_once('/').map_or("", |(_, kind)| kind);
        let is_known = PROTECTED.contains(&kind) || self.protected.contains(&change.field);
        change.before.is_some() && is_known && !self.is_another_ttl(change)
    }

    /// Whether a change is of a TTL alone, and not the first step of a move: it takes nothing from anybody.
    pub fn is_another_ttl(&self, change: &Change) -> bool {
        let data = |words: &Option<String>| words.as_ref()?.split_once(' ').map(|(_, data)| data.to_string());
        change.step.is_none() && data(&change.before).is_some_and(|before| data(&change.after) == Some(before))
    }
}

/// RRsets that are not as they must be, one change each.
fn changes(before: &Records, wanted: &Records) -> Vec<Change> {
    let keys: BTreeSet<&Key> = before.sets.keys().chain(wanted.sets.keys()).collect();
    let differing = keys.into_iter().filter(|key| before.sets.get(key) != wanted.sets.get(key));
    let change = |key: &Key| Change {
        field: key.to_string(),
        before: before.sets.get(key).map(RrSet::words),
        after: wanted.sets.get(key).map(RrSet::words),
        secret: false,
        step: None,
    };
    differing.map(change).collect()
}

fn note(field: &str, before: impl Into<String>, after: impl Into<String>) -> Change {
    Change {
        field: field.to_string(),
        before: Some(before.into()),
        after: Some(after.into()),
        secret: false,
        step: None,
    }
}

impl Kind for Zone {
    fn id(&self) -> String {
        format!("zone:{}", self.name)
    }

    fn check(&self, host: &dyn Machine, context: &Context) -> Result<Check> {
        self.validated()?;
        let wanted = self.wanted()?;
        let status = match knot::status(host)? {
            Known::Now(status) => status,
            Known::After(check) => return Ok(check),
        };
        let file = self.file();
        let file = file.display().to_string();
        if let Known::After(check) = placed(host, &file)? {
            return Ok(check);
        }
        let Some(state) = status.get(&self.name) else {
            let stanza = format!("file:{STANZAS}/{}.conf", self.name);
            return Ok(after(stanza, format!("Knot has no stanza of {} yet", self.name)));
        };
        let disk = host.read(Path::new(&file))?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let served = if state.serial.is_some() { knot::served(host, &self.name)? } else { Records::default() };
        let mut steps = Steps::of(self, host, &served, &wanted, context.allowed)?;
        let mut found = std::mem::take(&mut steps.changes);
        match (state.serial, &disk) {
            (None, _) => {
                found.insert(0, note("loaded", "no", "yes"));
                found.extend(self.lost_keys(host)?);
            }
            (Some(_), Some(text)) => {
                let known = Records::read(text.lines()).ok();
                if known.as_ref().is_none_or(|known| known.sets != served.sets && known.sets != steps.target.sets) {
                    found.push(note("zone file", "changed by hand", "as it is applied"));
                }
            }
            (Some(_), None) => found.push(note("zone file", "missing", "as it is applied")),
        }
        if host.stat(&self.unproven())?.is_some() {
            found.push(note("proof", "an apply was cut off before all name servers were read back", "read back"));
        }
        let action = match (found.is_empty(), steps.later.is_empty()) {
            (true, true) => return Ok(Check::Correct),
            (true, false) => return Ok(Check::Differs { action: Action::Wait, changes: steps.later }),
            (false, _) if disk.is_none() => Action::Create,
            (false, _) => Action::Change,
        };
        state.must_be_free(&self.name)?;
        steps.examine(self, host)?;
        found.extend(steps.later);
        Ok(Check::Differs { action, changes: found })
    }

    fn fix(&self, host: &mut dyn Machine, means: &mut Means) -> Result<()> {
        self.change(host, means.context.allowed)
    }

    fn remove(&self, host: &mut dyn Machine) -> Result<()> {
        self.validated()?;
        for path in [self.unproven(), self.previous(), steps::path(self), self.file()] {
            host.remove(&path)?;
        }
        Ok(())
    }

    fn paths(&self) -> Vec<String> {
        let paths = [self.file(), self.previous(), self.unproven(), steps::path(self)];
        paths.iter().map(|path| path.display().to_string()).collect()
    }
}
