//! Which backups go, and taking them away: only on a host that keeps them, by age alone, and never the last good ones.
//!
//! Whoever can add snapshots may add false ones, with any time and any tag. So nothing is counted: what is older than its
//! limit by this host's own clock goes, and a false one more or less changes nothing for the others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::restic::{Repository, Snapshot, Trouble};
use crate::failure::{Failure, Result};
use crate::machine::{Machine, PRIVATE_FILE};

/// A clock may be wrong by so many seconds before a snapshot counts as one from the future.
const SKEW: i64 = 300;

/// How long taking away may last.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// For how long the backups of a tenant are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// The tenant.
    pub tenant: String,
    /// Days.
    pub days: u32,
    /// Why nothing of it may go at present.
    #[serde(default)]
    pub frozen: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Full ids of what went.
    pub removed: Vec<String>,
    /// How many are left.
    pub left: u64,
    /// What a person should know: tenants that are frozen, snapshots that are nobody's or from the future.
    pub notes: Vec<String>,
}

/// The newest snapshot of a tenant that was restored and found right, and how far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Full id.
    pub snapshot: String,
    /// `L4`...
    pub level: String,
    /// When, seconds since 1970-01-01T00:00:00Z.
    pub at: i64,
}

/// Beside the repository, in a folder of root's: whoever brings backups cannot reach it.
fn verified_file(home: &str) -> PathBuf {
    Path::new(home).join("verified.json")
}

/// The newest verified snapshots of a repository, by tenant.
///
/// # Errors
/// When they cannot be read: without them nothing may go.
pub fn verified(machine: &dyn Machine, home: &str) -> Result<BTreeMap<String, Verified>> {
    let path = verified_file(home);
    let Some(content) = machine.read(&path)? else { return Ok(BTreeMap::new()) };
    serde_json::from_slice(&content).map_err(|error| {
        Failure::operation(format!("{} is damaged: {error}", path.display()))
            .hint("the next verification writes it anew once it is moved aside")
    })
}

/// Notes that a snapshot was verified.
///
/// # Errors
/// When the disk refuses.
pub fn note_verified(machine: &mut dyn Machine, home: &str, tenant: &str, found: Verified) -> Result<()> {
    // A damaged file is no reason to lose the newest truth.
    let mut known = verified(machine, home).unwrap_or_default();
    known.insert(tenant.to_string(), found);
    let content = serde_json::to_vec_pretty(&known)
        .map_err(|error| Failure::operation(format!("cannot encode what was verified: {error}")))?;
    machine.write(&verified_file(home), &content, &PRIVATE_FILE)
}

/// Takes away what is older than its tenant's limit, and the data that only those stood on. A second copy (`is_copy`) that
/// its host has not fetched yet has nothing that could go; where backups are stored a repository that is not there is lost.
///
/// # Errors
/// As restic says; nothing went then, or it went whole.
pub fn prune(
    machine: &mut dyn Machine,
    repository: &Repository,
    home: &str,
    keeps: &[Keep],
    is_copy: bool,
) -> Result<Pruned> {
    let (snapshots, words) = match repository.snapshots(machine, &[]) {
        Err(refusal) if is_copy && refusal.trouble == Trouble::Missing => {
            let note = "not fetched yet: comuni-backup-copy.timer fetches it every hour";
            return Ok(Pruned { notes: vec![note.to_string()], ..Pruned::default() });
        }
        answer => answer?,
    };
    let verified = verified(machine, home)?;
    let (now, mut pruned) = (machine.now(), Pruned::default());
    // A snapshot that cannot be read is left out of the list in silence: whoever sees less than there is must not delete.
    if let Some(words) = words {
        return Err(Failure::operation(format!("the list of snapshots is not to be relied on: {words}"))
            .hint("comuni backup verify says what is damaged"));
    }
    for keep in keeps {
        let own: Vec<&Snapshot> =
            snapshots.iter().filter(|snapshot| snapshot.tag("tenant") == Some(keep.tenant.as_str())).collect();
        if let Some(why) = &keep.frozen {
            pruned.notes.push(format!("{}: frozen, nothing goes: {why}", keep.tenant));
            continue;
        }
        pruned.removed.extend(old(&own, keep, verified.get(&keep.tenant), now));
        let future = own.iter().filter(|snapshot| is_future(snapshot, now)).count();
        if future > 0 {
            pruned.notes.push(format!("{}: {future} snapshots are dated in the future: they never count", keep.tenant));
        }
    }
    let strange =
        snapshots.iter().filter(|snapshot| !keeps.iter().any(|keep| snapshot.tag("tenant") == Some(&keep.tenant)));
    let strange = strange.count();
    if strange > 0 {
        pruned.notes.push(format!("{strange} snapshots are of no tenant of this member: they stay"));
    }
    if !pruned.removed.is_empty() {
        repository.forget(machine, &pruned.removed, LONGEST)?;
    }
    pruned.left = (snapshots.len() - pruned.removed.len()) as u64;
    Ok(pruned)
}

fn is_future(snapshot: &Snapshot, now: i64) -> bool {
    snapshot.seconds().is_none_or(|time| time > now + SKEW)
}

/// The ids of a tenant's snapshots that may go.
fn old(own: &[&Snapshot], keep: &Keep, verified: Option<&Verified>, now: i64) -> Vec<String> {
    let limit = now - i64::from(keep.days) * 86_400;
    let counted: Vec<(&Snapshot, i64)> = own
        .iter()
        .filter(|snapshot| !is_future(snapshot, now))
        .filter_map(|snapshot| Some((*snapshot, snapshot.seconds()?)))
        .collect();
    let newest =
        counted.iter().filter(|(snapshot, _)| snapshot.tag("state") == Some("complete")).max_by_key(|(_, time)| *time);
    let newest = newest.map(|(snapshot, _)| snapshot.id.as_str());
    let stays = |snapshot: &Snapshot| {
        newest == Some(snapshot.id.as_str()) || verified.is_some_and(|known| known.snapshot == snapshot.id)
    };
    let gone = counted.iter().filter(|(snapshot, time)| *time < limit && !stays(snapshot));
    gone.map(|(snapshot, _)| snapshot.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Fake;

    const DAY: i64 = 86_400;
    const NOW: i64 = 1_800_000_000;

    fn snapshot(id: &str, days_ago: i64, state: &str) -> Snapshot {
        Snapshot {
            id: id.to_string(),
            time: crate::machine::utc(NOW - days_ago * DAY),
            hostname: "c_e863".to_string(),
            tags: vec!["tenant=c_e863-albo".to_string(), format!("state={state}")],
            paths: Vec::new(),
        }
    }

    fn gone(snapshots: &[Snapshot], verified: Option<&str>) -> Vec<String> {
        let keep = Keep { tenant: "c_e863-albo".to_string(), days: 30, frozen: None };
        let verified = verified.map(|id| Verified { snapshot: id.to_string(), level: "L4".to_string(), at: NOW });
        old(&snapshots.iter().collect::<Vec<_>>(), &keep, verified.as_ref(), NOW)
    }

    #[test]
    fn what_is_older_than_its_limit_goes() {
        let all = [snapshot("a", 40, "complete"), snapshot("b", 31, "partial"), snapshot("c", 3, "complete")];
        assert_eq!(gone(&all, None), ["a", "b"]);
    }

    #[test]
    fn the_newest_verified_one_stays_however_old_it_is() {
        let all = [snapshot("a", 400, "complete"), snapshot("b", 300, "complete"), snapshot("c", 3, "complete")];
        assert_eq!(gone(&all, Some("a")), ["b"]);
    }

    #[test]
    fn the_newest_complete_one_stays_when_nothing_newer_came() {
        let all = [snapshot("a", 400, "complete"), snapshot("b", 300, "complete"), snapshot("c", 200, "partial")];
        assert_eq!(gone(&all, None), ["a", "c"]);
    }

    #[test]
    fn row_38_false_snapshots_push_out_nothing() {
        let mut all = vec![snapshot("good", 20, "complete"), snapshot("old", 400, "complete")];
        all.extend((0..500).map(|number| snapshot(&format!("false {number}"), 0, "complete")));
        all.extend((0..500).map(|number| snapshot(&format!("future {number}"), -4000, "complete")));
        assert_eq!(gone(&all, None), ["old"]);
    }

    #[test]
    fn one_from_the_future_is_never_the_newest() {
        let all = [snapshot("good", 400, "complete"), snapshot("future", -4000, "complete")];
        assert_eq!(gone(&all, None), [""; 0]);
    }

    /// What comes of pruning where restic finds no repository.
    fn without_repository(is_copy: bool) -> Result<Pruned> {
        let mut host = Fake::new();
        host.answer(
            &["restic"],
            1,
            "",
            "Fatal: unable to open config file: no such file\nIs there a repository there?",
        );
        let repository = Repository::here("/srv/backup/c_e863/repository", None, "poison".to_string());
        prune(&mut host, &repository, "/srv/backup/c_e863", &[], is_copy)
    }

    #[test]
    fn a_second_copy_that_was_not_fetched_yet_is_a_note_and_a_lost_repository_is_a_failure() {
        let pruned = without_repository(true).unwrap();
        assert_eq!((pruned.removed.len(), pruned.left), (0, 0));
        assert!(pruned.notes[0].contains("not fetched yet"), "{:?}", pruned.notes);
        let failure = without_repository(false).unwrap_err();
        assert!(failure.message.contains("there is no repository"), "{}", failure.message);
    }
}
