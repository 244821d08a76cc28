//! What resolvers may still remember. A host name that moves while its old address is kept for an hour is two names for
//! an hour: lowering the TTL first and moving later avoids that, and this remembers when later is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::records::{Key, Records, RrSet};
use super::{Change, Zone};
use crate::failure::Result;
use crate::machine::{Machine, Ownership, utc};

/// An RRset with a longer TTL than this (seconds) that moves is worth two steps.
pub(super) const SHORT: u32 = 300;
/// Types that say where somebody is.
const PLACES: [&str; 3] = ["A", "AAAA", "MX"];

pub(super) fn path(zone: &Zone) -> PathBuf {
    zone.beside("lowered")
}

/// RRsets whose TTL was lowered, and until when (seconds since 1970) resolvers may have them with the old one.
fn lowered(host: &dyn Machine, zone: &Zone) -> Result<BTreeMap<String, i64>> {
    let text = host.read(&path(zone))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let entries = text.lines().filter_map(|line| line.split_once(' '));
    Ok(entries.filter_map(|(until, key)| Some((key.to_string(), until.parse().ok()?))).collect())
}

fn moves(key: &Key, before: &RrSet, after: Option<&RrSet>) -> bool {
    PLACES.contains(&key.kind.as_str()) && after.is_none_or(|after| after.data != before.data)
}

/// Second steps that come too early: a change each, which the brake holds.
pub(super) fn waits(host: &dyn Machine, zone: &Zone, served: &Records, wanted: &Records) -> Result<Vec<Change>> {
    let lowered = lowered(host, zone)?;
    let now = host.now();
    let early = served.sets.iter().filter_map(|(key, before)| {
        let until = *lowered.get(&key.to_string())?;
        (until > now && moves(key, before, wanted.sets.get(key))).then(|| Change {
            field: format!("wait {key}"),
            before: None,
            after: Some(format!(
                "until {}: its TTL was lowered, and resolvers may still have it with the old one",
                utc(until)
            )),
            secret: false,
        })
    });
    Ok(early.collect())
}

/// Remembers the first steps of a change, and forgets what is over.
pub(super) fn remember(
    host: &mut dyn Machine,
    zone: &Zone,
    before: &Records,
    wanted: &Records,
    ownership: &Ownership,
) -> Result<()> {
    let known = lowered(host, zone)?;
    let now = host.now();
    let mut kept: BTreeMap<String, i64> =
        known.iter().filter(|(_, until)| **until > now).map(|(key, until)| (key.clone(), *until)).collect();
    for (key, old) in &before.sets {
        let Some(new) = wanted.sets.get(key) else { continue };
        if PLACES.contains(&key.kind.as_str()) && old.data == new.data && old.ttl > SHORT && new.ttl <= SHORT {
            kept.insert(key.to_string(), now + i64::from(old.ttl));
        } else if old.data != new.data {
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
