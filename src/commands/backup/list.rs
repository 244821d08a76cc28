//! `comuni backup list`: the newest backup of every tenant, by the records of the hosts that take them, and how far it was
//! proven, by the evidence of the control host.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::past::{self, Past, Proven};
use super::tenants::{Tenant, by_host, chosen};
use crate::backup::ladder::{Level, Outcome};
use crate::backup::run::Run;
use crate::cli::{Global, Tenants, Way};
use crate::commands::inventory::read;
use crate::commands::survey::{connect, control_host};
use crate::evidence::clock;
use crate::failure::{Failure, Kind, Result};
use crate::fleet::BackupRuns;
use crate::report::json::{BackupLine, Object};
use crate::report::{Out, Progress, ago, bytes, table};

/// Records that are read of each host: a year of nights of ten tenants.
const NEWEST: u32 = 4000;

/// How many backups make a trend.
const TREND: usize = 8;

/// # Errors
/// Exit 5 when a tenant has no backup within its RPO, 4 when a chain of records is broken, 7 when a host cannot be asked.
pub(super) fn run(global: &Global, wanted: &Tenants, way: &Way, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let tenants = chosen(&inventory, wanted)?;
    let hosts = by_host(&tenants);
    let asked: Vec<&str> = hosts.keys().map(String::as_str).collect();
    let control = control_host(&inventory);
    let all: Vec<&str> = asked.iter().copied().chain(control).collect();
    let progress = Arc::new(Progress::new(out.clone(), "backup list", true));
    let sign = Arc::new(|_: &str, _| Err("nothing is signed here".to_string()));
    let fleet = connect(&inventory, &all, way, &progress, sign, out)?;
    let read: BTreeMap<&str, Result<BackupRuns>> =
        asked.iter().map(|host| (*host, fleet.read_backup_runs(host, NEWEST))).collect();
    let evidence = control.map(|control| fleet.read_evidence(control, past::NEWEST));
    fleet.end();
    progress.finish();
    let mut kinds = Vec::new();
    let past = match evidence.transpose() {
        Ok(evidence) => Past::of_evidence(evidence.unwrap_or_default(), &inventory, out)?,
        Err(failure) => {
            out.remark(&format!("what was verified is not known: {}", failure.message));
            kinds.push(Kind::Inconclusive);
            Past::default()
        }
    };
    for (host, answer) in &read {
        match answer {
            Ok(BackupRuns { broken: Some(where_), .. }) => {
                out.remark(&format!("{host}: its records of backups are damaged from {where_}"));
                kinds.push(Kind::Damage);
            }
            Ok(_) => {}
            Err(failure) => {
                out.remark(&format!("{host}: {}", failure.message));
                kinds.push(Kind::Inconclusive);
            }
        }
    }
    let head = ["TENANT", "NEWEST", "AGE", "RPO", "STATE", "SIZE", "TREND", "BACKUPS", "VERIFIED", "RESTORED"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for tenant in &tenants {
        let Some(Ok(known)) = read.get(tenant.host.as_str()) else { continue };
        let line = line(tenant, known, past.of(&tenant.subject.tenant));
        if line.state != "fresh" {
            kinds.push(Kind::Stale);
        }
        rows.push(row(&line));
        out.object(&Object::Backup(line));
    }
    out.text(&table(&rows));
    match Kind::worst(kinds) {
        None => Ok(()),
        Some(Kind::Stale) => Err(Failure::new(Kind::Stale, "not every tenant has a backup within its RPO")
            .hint("comuni backup run takes them now; journalctl -u comuni-backup-TENANT on its host says why none came")),
        Some(Kind::Damage) => Err(Failure::new(Kind::Damage, "records of backups were changed or cut off")
            .hint("keep /var/lib/comuni/backup/runs.jsonl of that host for inquiry; verify what there is: comuni backup verify")),
        Some(kind) => Err(Failure::new(kind, "not every host could be asked")),
    }
}

/// What is known of a tenant.
fn line(tenant: &Tenant, known: &BackupRuns, proven: &Proven) -> BackupLine {
    let own = |value: &serde_json::Value| {
        let run: Run = serde_json::from_value(value.clone()).ok()?;
        (run.tenant == tenant.subject.tenant).then_some(run)
    };
    let runs: Vec<Run> = known.runs.iter().filter_map(own).collect();
    let good: Vec<&Run> = runs.iter().filter(|run| run.is_good()).collect();
    let newest = good.last();
    let age = newest.map(|run| known.now - run.began);
    let limit = i64::from(tenant.rpo_hours) * 3600;
    let state = match age {
        None => "never",
        // A clock that was set back would make a backup fresh for ever.
        Some(age) if age < -300 => "future",
        Some(age) if age > limit => "stale",
        Some(_) => "fresh",
    };
    let verified =
        proven.newest.as_ref().filter(|seen| newest.is_some_and(|run| run.snapshot.as_ref() == Some(&seen.snapshot)));
    let restored = proven.restore.as_ref();
    let level = |reached: Option<Level>| reached.map(|level| level.name().to_string());
    BackupLine {
        tenant: tenant.subject.tenant.clone(),
        member: tenant.subject.owner.clone(),
        application: tenant.application.clone(),
        host: tenant.host.clone(),
        newest: newest.map(|run| clock::local_time(run.began)),
        age_seconds: age,
        rpo_hours: tenant.rpo_hours,
        state: state.to_string(),
        bytes: newest.map(|run| run.bytes),
        trend: good.iter().rev().take(TREND).rev().map(|run| run.bytes).collect(),
        snapshots: newest.map(|run| run.snapshots),
        snapshot: newest.and_then(|run| run.snapshot.clone()),
        last: runs.last().map(|run| run.state.word().to_string()),
        error: runs.last().and_then(|run| run.error.clone()),
        shrunk: runs.last().and_then(|run| run.shrunk.clone()),
        verified: verified.and_then(|seen| level(seen.level)),
        verified_at: verified.map(|seen| clock::local_time(seen.at)),
        verified_outcome: verified.map(|seen| seen.outcome),
        restored: restored.and_then(|found| level(found.reached)),
        restored_at: restored.map(|found| clock::local_time(found.ended)),
        restored_outcome: restored.map(|found| found.outcome),
    }
}

fn row(line: &BackupLine) -> Vec<String> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_string());
    let state = match &line.last {
        Some(last) if last != "complete" => format!("{}, last {last}", line.state),
        _ if line.shrunk.is_some() => format!("{}, shrunk", line.state),
        _ => line.state.clone(),
    };
    vec![
        line.tenant.clone(),
        or_none(line.newest.clone()),
        or_none(line.age_seconds.map(ago)),
        format!("{} h", line.rpo_hours),
        state,
        or_none(line.bytes.map(bytes)),
        trend(&line.trend),
        or_none(line.snapshots.map(|count| count.to_string())),
        proven(&line.verified, line.verified_outcome, &line.verified_at),
        proven(&line.restored, line.restored_outcome, &line.restored_at),
    ]
}

/// `L6 2026-11-28T04:10:22+01:00`, with what it came to when that is no pass.
fn proven(level: &Option<String>, outcome: Option<Outcome>, at: &Option<String>) -> String {
    let (Some(outcome), Some(at)) = (outcome, at) else { return "-".to_string() };
    let words: Vec<&str> =
        level.as_deref().into_iter().chain(Some(outcome.word()).filter(|_| outcome != Outcome::Pass)).collect();
    format!("{} {at}", words.join(", "))
}

/// How much the newest differs from the first of the last few.
fn trend(sizes: &[u64]) -> String {
    let (Some(first), Some(last)) = (sizes.first(), sizes.last()) else { return "-".to_string() };
    if sizes.len() < 2 || *first == 0 {
        return "-".to_string();
    }
    let percent = (i128::from(*last) - i128::from(*first)) * 100 / i128::from(*first);
    format!("{percent:+} % in {}", sizes.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commands::procedure::Subject;

    fn tenant() -> Tenant {
        let subject = Subject { tenant: "c_e863-albo".to_string(), owner: "c_e863".to_string() };
        Tenant { subject, application: "albo".to_string(), host: "app1".to_string(), rpo_hours: 26, keep_days: 90 }
    }

    fn run(tenant: &str, began: i64, state: &str) -> serde_json::Value {
        json!({ "kind": "backup", "run": "r", "tenant": tenant, "member": "c_e863", "application": "albo", "host": "app1",
            "by": "timer", "began": began, "ended": began + 9, "state": state, "bytes": 1000, "exit": 0, "rpo_hours": 26 })
    }

    fn state(runs: Vec<serde_json::Value>, now: i64) -> String {
        line(&tenant(), &BackupRuns { runs, broken: None, now }, &Proven::default()).state
    }

    const NIGHT: i64 = 1_793_577_600;

    #[test]
    fn row_21_and_23_only_a_complete_one_of_this_tenant_within_the_rpo_is_fresh() {
        let hours = |count: i64| NIGHT + count * 3600;
        assert_eq!(state(vec![], NIGHT), "never");
        assert_eq!(state(vec![run("c_e863-albo", NIGHT, "complete")], hours(26)), "fresh");
        assert_eq!(state(vec![run("c_e863-albo", NIGHT, "complete")], hours(26) + 1), "stale");
        assert_eq!(state(vec![run("c_e863-albo", NIGHT, "partial")], NIGHT), "never");
        assert_eq!(state(vec![run("c_e863-albo-due", NIGHT, "complete")], NIGHT), "never");
        let both = vec![run("c_e863-albo", NIGHT, "complete"), run("c_e863-albo", hours(24), "failed")];
        assert_eq!(state(both.clone(), hours(25)), "fresh");
        let line = line(&tenant(), &BackupRuns { runs: both, broken: None, now: hours(25) }, &Proven::default());
        assert_eq!(row(&line)[4], "fresh, last failed");
    }

    #[test]
    fn row_22_one_from_the_future_is_not_fresh() {
        assert_eq!(state(vec![run("c_e863-albo", NIGHT + 86_400, "complete")], NIGHT), "future");
    }

    #[test]
    fn row_46_the_age_over_a_change_of_the_clocks_is_counted_in_utc() {
        // 2026-10-25T01:00+02:00, and 26 hours later by the sun: the clocks on the wall say 27 hours less one.
        let began = crate::machine::moment("2026-10-25T01:00:00+02:00").unwrap();
        let now = crate::machine::moment("2026-10-26T02:00:00+01:00").unwrap();
        assert_eq!(state(vec![run("c_e863-albo", began, "complete")], now), "fresh");
        assert_eq!(state(vec![run("c_e863-albo", began, "complete")], now + 1), "stale");
    }

    #[test]
    fn only_what_was_proven_of_the_newest_one_stands_beside_it() {
        use crate::commands::backup::past::Reached;
        let mut taken = run("c_e863-albo", NIGHT, "complete");
        taken["snapshot"] = json!("b");
        let known = BackupRuns { runs: vec![taken], broken: None, now: NIGHT };
        let told = |snapshot: &str, outcome| {
            let newest = Some(Reached { snapshot: snapshot.to_string(), level: Some(Level::L6), at: NIGHT, outcome });
            row(&line(&tenant(), &known, &Proven { newest, ..Proven::default() }))[8].clone()
        };
        assert_eq!(told("a", Outcome::Pass), "-", "an older one was verified, not this");
        assert_eq!(told("b", Outcome::Pass), "L6 2026-11-02T01:00:00+01:00");
        assert_eq!(told("b", Outcome::Fail), "L6, fail 2026-11-02T01:00:00+01:00");
    }

    #[test]
    fn a_trend_is_told_in_percent() {
        assert_eq!(
            (trend(&[]), trend(&[5]), trend(&[100, 90, 150])),
            ("-".to_string(), "-".to_string(), "+50 % in 3".to_string())
        );
    }
}
