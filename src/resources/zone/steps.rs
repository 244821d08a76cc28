//! Moves in two steps. Resolvers keep an address for as long as its TTL said: one that moves at once is two addresses
//! for that long. Where the zone has a `move_ttl`, the first apply lowers the TTL only, and the address moves with an
//! apply after the old TTL has passed. When that is, is remembered beside the zone's file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::knot;
use super::records::{Key, Records, RrSet, with_serial};
use super::{Zone, changes};
use crate::failure::Result;
use crate::machine::{Machine, Ownership};
use crate::resources::{Change, Step};

/// A TTL (seconds) up to which nobody minds: without a `move_ttl`, a longer one is worth a word.
const SHORT: u32 = 300;
/// Types that say where somebody is.
const PLACES: [&str; 4] = ["A", "AAAA", "CNAME", "MX"];

/// What a zone is brought to now, and what has its time.
pub(super) struct Steps {
    /// What must be served now.
    pub(super) target: Records,
    /// What differs from that.
    pub(super) changes: Vec<Change>,
    /// Second steps whose time has not come.
    pub(super) later: Vec<Change>,
}

/// Why an RRset stays as it is.
enum Hold {
    /// Its TTL goes down first.
    Lower,
    /// Resolvers may have it with its old TTL until then.
    Until(i64),
}

/// Where it is kept how long resolvers may have RRsets with a TTL that was lowered.
pub(super) fn path(zone: &Zone) -> PathBuf {
    zone.beside("lowered")
}

impl Steps {
    /// What is to be served now, one record a line, the SOA first.
    pub(super) fn lines(&self, zone: &Zone) -> Vec<String> {
        let whole = zone.wanted().is_ok_and(|wanted| wanted == self.target);
        if whole { zone.records.clone() } else { self.target.lines() }
    }

    /// Has the checker of Knot look at what is to be served now, and at what comes after it.
    ///
    /// # Errors
    /// With the checker's words.
    pub(super) fn examine(&self, zone: &Zone, host: &dyn Machine) -> Result<()> {
        knot::examine(host, &zone.name, &with_serial(&zone.records, 1)?)?;
        let lines = self.lines(zone);
        if lines == zone.records { Ok(()) } else { knot::examine(host, &zone.name, &with_serial(&lines, 1)?) }
    }

    /// Parts the way from what is served to what is wanted. What is allowed as `NAME/TYPE/now` moves at once.
    pub(super) fn of(
        zone: &Zone,
        host: &dyn Machine,
        served: &Records,
        wanted: &Records,
        allowed: &BTreeSet<String>,
    ) -> Result<Steps> {
        let lowered = lowered(host, zone, served)?;
        let now = host.now();
        let mut holds: BTreeMap<&Key, Hold> = BTreeMap::new();
        for (key, before) in &served.sets {
            if !moves(key, before, wanted) || allowed.contains(&format!("{key}/now")) {
                continue;
            }
            if zone.move_ttl > 0 && before.ttl > zone.move_ttl {
                holds.insert(key, Hold::Lower);
            } else if let Some(until) = lowered.get(&key.to_string()).filter(|until| **until > now) {
                holds.insert(key, Hold::Until(*until));
            }
        }
        let target = held_back(served, wanted, &holds, zone.move_ttl);
        let mut steps = Steps { changes: changes(served, &target), target, later: Vec::new() };
        for change in &mut steps.changes {
            let key = served.sets.iter().find(|(key, _)| key.to_string() == change.field);
            let Some((key, before)) = key else { continue };
            change.step = match holds.get(key) {
                Some(Hold::Lower) => {
                    Some(Step::First { then: wanted.sets.get(key).map(RrSet::words), after: before.ttl })
                }
                None if moves(key, before, wanted) && before.ttl > SHORT => {
                    Some(Step::Whole { remembered: before.ttl })
                }
                _ => None,
            };
        }
        for (key, hold) in &holds {
            let Hold::Until(until) = hold else { continue };
            steps.later.push(Change {
                field: key.to_string(),
                before: served.sets.get(key).map(RrSet::words),
                after: wanted.sets.get(key).map(RrSet::words),
                secret: false,
                step: Some(Step::Second { not_before: *until }),
            });
        }
        Ok(steps)
    }
}

/// Something that is served goes, and the name has another place afterwards. What merely comes or goes harms nobody
/// by doing it at once.
fn moves(key: &Key, before: &RrSet, wanted: &Records) -> bool {
    let is_place = |kind: &str| PLACES.contains(&kind);
    let stays = wanted.sets.get(key).is_some_and(|after| before.data.is_subset(&after.data));
    let instead =
        |other: &Key| other.name == key.name && is_place(&other.kind) && (other.kind == "MX") == (key.kind == "MX");
    is_place(&key.kind) && !stays && wanted.sets.keys().any(instead)
}

/// What is wanted, but for what is held. A CNAME stands alone: a name that has or gets one is held as a whole.
fn held_back(served: &Records, wanted: &Records, holds: &BTreeMap<&Key, Hold>, ttl: u32) -> Records {
    let mut target = wanted.clone();
    for key in holds.keys() {
        let alias = Key::new(&key.name, "CNAME");
        if served.sets.contains_key(&alias) || wanted.sets.contains_key(&alias) {
            target.sets.retain(|other, _| other.name != key.name);
            let there = served.sets.iter().filter(|(other, _)| other.name == key.name);
            target.sets.extend(there.map(|(other, set)| (other.clone(), set.clone())));
        }
    }
    for (key, hold) in holds {
        let Some(before) = served.sets.get(key) else { continue };
        let lowered = if matches!(hold, Hold::Lower) { ttl } else { before.ttl };
        target.sets.insert((*key).clone(), RrSet { ttl: lowered, data: before.data.clone() });
    }
    target
}

/// A TTL from which, down to which, an RRset is lowered.
fn threshold(zone: &Zone) -> u32 {
    if zone.move_ttl > 0 { zone.move_ttl } else { SHORT }
}

/// The same place with a TTL that was long and is short now.
fn is_lowered(zone: &Zone, key: &Key, old: &RrSet, new: &RrSet) -> bool {
    let limit = threshold(zone);
    PLACES.contains(&key.kind.as_str()) && old.data == new.data && old.ttl > limit && new.ttl <= limit
}

/// When nobody has an answer any more that was given with this TTL (seconds) up to now: the second of `now` is not over.
fn until(now: i64, ttl: u32) -> i64 {
    now + i64::from(ttl) + 1
}

/// RRsets whose TTL was lowered, and until when (seconds since 1970) resolvers may have them with the old one. A run that
/// was cut off before it had written that down left the version that it replaced.
fn lowered(host: &dyn Machine, zone: &Zone, served: &Records) -> Result<BTreeMap<String, i64>> {
    let mut known = written(host, zone)?;
    if let Some(former) = host.read(&zone.unproven())? {
        let former = Records::read(String::from_utf8_lossy(&former).lines()).unwrap_or_default();
        for (key, old) in &former.sets {
            if served.sets.get(key).is_some_and(|new| is_lowered(zone, key, old, new)) {
                known.insert(key.to_string(), until(host.now(), old.ttl));
            }
        }
    }
    Ok(known)
}

fn written(host: &dyn Machine, zone: &Zone) -> Result<BTreeMap<String, i64>> {
    let text = host.read(&path(zone))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let entries = text.lines().filter_map(|line| line.split_once(' '));
    Ok(entries.filter_map(|(until, key)| Some((key.to_string(), until.parse().ok()?))).collect())
}

/// Remembers the first steps of a change that every name server has now, and forgets what is over.
pub(super) fn remember(
    host: &mut dyn Machine,
    zone: &Zone,
    before: &Records,
    after: &Records,
    ownership: &Ownership,
) -> Result<()> {
    let known = written(host, zone)?;
    let now = host.now();
    let mut kept: BTreeMap<String, i64> =
        known.iter().filter(|(_, until)| **until > now).map(|(key, until)| (key.clone(), *until)).collect();
    for (key, old) in &before.sets {
        let Some(new) = after.sets.get(key) else { continue };
        if is_lowered(zone, key, old, new) {
            kept.insert(key.to_string(), until(now, old.ttl));
        } else if old.data != new.data || new.ttl > threshold(zone) {
            kept.remove(&key.to_string());
        }
    }
    if kept == known {
        return Ok(());
    }
    if kept.is_empty() {
        return host.remove(&path(zone));
    }
    let text: String = kept.iter().map(|(key, until)| format!("{until} {key}\n")).collect();
    host.write(&path(zone), text.as_bytes(), ownership)
}
