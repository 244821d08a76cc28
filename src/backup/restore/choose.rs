//! Which snapshot is meant. `latest` of restic is never asked: it would take anybody's, and one from the future.

use super::{Chosen, Wanted};
use crate::backup::restic::{Repository, Snapshot};
use crate::failure::{Failure, Kind, Result};
use crate::machine::{Machine, moment, utc};

/// A clock may be wrong by so many seconds before a snapshot counts as one from the future.
const SKEW: i64 = 300;

/// The fewest digits of an id.
const DIGITS: usize = 8;

/// Chooses a snapshot of this tenant.
///
/// # Errors
/// Exit 64 when one is asked for by id that is not of this tenant or not there; 5 when there is none.
pub fn choose(machine: &dyn Machine, repository: &Repository, wanted: &Wanted) -> Result<Chosen> {
    // All of the member's repository and not this tenant's alone: so that a wrong id is told from one that is not there.
    let (all, words) = repository.snapshots(machine, &[])?;
    let chosen = match &wanted.snapshot {
        Some(id) => by_id(&all, id, wanted),
        None => by_time(&all, wanted, machine.now()),
    };
    // A snapshot that restic cannot read is left out of its list, and only this tells of it.
    chosen.map_err(|failure| match words {
        Some(words) => failure.hint(format!("restic said: {words}")),
        None => failure,
    })
}

fn by_id(all: &[Snapshot], id: &str, wanted: &Wanted) -> Result<Chosen> {
    let id = id.to_ascii_lowercase();
    if id.len() < DIGITS || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Failure::usage(format!("{id:?} is no id of a snapshot: at least {DIGITS} hexadecimal digits"))
            .hint(format!("comuni backup list --format json names the newest of each tenant, restic snapshots --tag tenant={} all", wanted.tenant)));
    }
    let mut found = all.iter().filter(|snapshot| snapshot.id.starts_with(&id));
    let Some(snapshot) = found.next() else {
        return Err(Failure::usage(format!("there is no snapshot {id} in the repository of {}", wanted.member)).hint(
            "each member has a repository of its own: a snapshot of another member is never restored to this one",
        ));
    };
    if found.next().is_some() {
        return Err(Failure::usage(format!("more than one snapshot begins with {id}")).hint("give more digits of it"));
    }
    let (host, tenant) = (snapshot.hostname.as_str(), snapshot.tag("tenant").unwrap_or("nobody"));
    if host != wanted.member || tenant != wanted.tenant {
        return Err(Failure::usage(format!(
            "refused: the snapshot {} is of {tenant} (host {host}), not of {} (host {})",
            &snapshot.id[..DIGITS.min(snapshot.id.len())],
            wanted.tenant,
            wanted.member
        ))
        .hint("nothing was restored: data of one tenant never come to another"));
    }
    chosen(snapshot)
}

fn by_time(all: &[Snapshot], wanted: &Wanted, now: i64) -> Result<Chosen> {
    let until = wanted.at.unwrap_or(now + SKEW).min(now + SKEW);
    let own = all.iter().filter(|snapshot| {
        snapshot.hostname == wanted.member
            && snapshot.tag("tenant") == Some(wanted.tenant.as_str())
            && snapshot.tag("state") == Some("complete")
    });
    let dated =
        own.filter_map(|snapshot| Some((moment(&snapshot.time)?, snapshot))).filter(|(taken, _)| *taken <= until);
    let (_, newest) = dated.max_by_key(|(taken, _)| *taken).ok_or_else(|| {
        let when = wanted.at.map_or(String::new(), |at| format!(" of {} or before", utc(at)));
        Failure::new(Kind::Stale, format!("there is no complete backup of {}{when}", wanted.tenant)).hint(format!(
            "restic snapshots --tag tenant={} shows what there is; --snapshot ID takes also a partial one",
            wanted.tenant
        ))
    })?;
    chosen(newest)
}

fn chosen(snapshot: &Snapshot) -> Result<Chosen> {
    let taken = moment(&snapshot.time)
        .ok_or_else(|| Failure::operation(format!("the snapshot {} does not say when it was taken", snapshot.id)))?;
    Ok(Chosen {
        id: snapshot.id.clone(),
        taken,
        run: snapshot.tag("run").unwrap_or_default().to_string(),
        state: snapshot.tag("state").unwrap_or("unknown").to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(id: char, time: &str, host: &str, tags: &[&str]) -> Snapshot {
        Snapshot {
            id: id.to_string().repeat(64),
            time: time.to_string(),
            hostname: host.to_string(),
            tags: tags.iter().map(ToString::to_string).collect(),
            paths: Vec::new(),
        }
    }

    fn wanted(snapshot: Option<&str>, at: Option<i64>) -> Wanted {
        let (tenant, member) = ("c_e863-albo".to_string(), "c_e863".to_string());
        Wanted { tenant, member, snapshot: snapshot.map(str::to_string), at }
    }

    fn some() -> Vec<Snapshot> {
        let (own, complete) = ("tenant=c_e863-albo", "state=complete");
        vec![
            snapshot('a', "2026-11-01T01:00:00Z", "c_e863", &[own, complete]),
            snapshot('b', "2026-11-02T01:00:00Z", "c_e863", &[own, complete, "run=2"]),
            snapshot('c', "2026-11-03T01:00:00Z", "c_e863", &[own, "state=partial"]),
            snapshot('d', "2026-11-03T01:00:00Z", "c_e863", &["tenant=c_e863-protocollo", complete]),
            snapshot('e', "2026-11-03T01:00:00Z", "c_e707", &[own, complete]),
            snapshot('f', "2031-01-01T01:00:00Z", "c_e863", &[own, complete]),
        ]
    }

    const NOW: i64 = 1_793_700_000;

    #[test]
    fn the_newest_complete_one_of_the_tenant_is_chosen_and_none_from_the_future() {
        assert!(choose_at(None).unwrap().id.starts_with("bbbb"));
        let first = moment("2026-11-01T12:00:00Z");
        assert!(choose_at(first).unwrap().id.starts_with("aaaa"));
        let before = choose_at(moment("2026-10-01T00:00:00Z")).unwrap_err();
        assert_eq!(before.kind, Kind::Stale);
    }

    fn choose_at(at: Option<i64>) -> Result<Chosen> {
        assert!(moment("2026-11-03T01:00:00Z").unwrap() < NOW);
        by_time(&some(), &wanted(None, at), NOW)
    }

    #[test]
    fn row_37_a_snapshot_of_another_is_refused_also_by_its_id() {
        let ask = |id: &str| by_id(&some(), id, &wanted(Some(id), None));
        assert_eq!(ask(&"c".repeat(64)).unwrap().state, "partial");
        assert!(ask("bbbbbbbb").unwrap().id.len() == 64);
        for (id, words) in [
            ("d".repeat(64), "is of c_e863-protocollo"),
            ("e".repeat(64), "(host c_e707)"),
            ("1".repeat(64), "there is no snapshot"),
            ("latest".to_string(), "is no id"),
            ("bbb".to_string(), "is no id"),
        ] {
            let failure = ask(&id).unwrap_err();
            assert_eq!(failure.kind, Kind::Usage, "{failure}");
            assert!(failure.message.contains(words), "{failure}");
        }
    }

    #[test]
    fn a_snapshot_that_restic_cannot_read_is_told_in_its_words() {
        let mut host = crate::machine::Fake::new();
        host.answer(&["restic"], 0, "[]", "Ignoring \"bbbb\": permission denied");
        let repository = Repository::here("/srv/backup/c_e863/repository", None, "key".to_string());
        let failure = choose(&host, &repository, &wanted(Some(&"b".repeat(64)), None)).unwrap_err();
        assert!(failure.hints.last().unwrap().contains("permission denied"), "{failure:?}");
    }
}
