//! What was proven before, by the evidence of the control host and what waits in the outbox.

use std::collections::BTreeMap;

use crate::backup::ladder::{Known, Level, Outcome, Slice, Verification};
use crate::evidence::history::{Chains, merge};
use crate::evidence::{Outbox, clock};
use crate::failure::Result;
use crate::fleet::Evidence;
use crate::inventory::Inventory;
use crate::report::Out;

/// Records of each chain that are read: more than a quarter of a year of a province.
pub(in crate::commands) const NEWEST: u32 = 5000;

/// How far one backup was proven, by all that looked at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Reached {
    /// Its full id.
    pub(in crate::commands) snapshot: String,
    /// The highest level that passed with all below it.
    pub(in crate::commands) level: Option<Level>,
    /// When that was, in seconds since 1970.
    pub(in crate::commands) at: i64,
    /// What the last look came to.
    pub(in crate::commands) outcome: Outcome,
}

/// What was proven of one tenant.
#[derive(Debug, Clone, Default)]
pub(in crate::commands) struct Proven {
    /// The day in Italy on which each level last passed.
    pub(in crate::commands) days: BTreeMap<Level, i64>,
    /// When the backup was taken that last passed each level, in seconds since 1970.
    pub(in crate::commands) taken: BTreeMap<Level, i64>,
    /// The snapshots that were there last time.
    pub(in crate::commands) known: Vec<Known>,
    /// Bytes of the backup that was last found readable.
    pub(in crate::commands) bytes: Option<u64>,
    /// Rows of it.
    pub(in crate::commands) rows: Option<u64>,
    /// The part of the repository that was read last.
    pub(in crate::commands) slice: Option<Slice>,
    /// The last verification that came as far as a restore.
    pub(in crate::commands) restore: Option<Verification>,
    /// The backup that was looked at last.
    pub(in crate::commands) newest: Option<Reached>,
}

impl Proven {
    pub(in crate::commands) fn day_of(&self, level: Level) -> Option<i64> {
        self.days.get(&level).copied()
    }

    /// Takes notice of what came after all that is known.
    pub(in crate::commands) fn add(&mut self, found: &Verification) {
        let passed = found.rungs.iter().take_while(|rung| matches!(rung.outcome, Outcome::Pass | Outcome::Stale));
        for rung in passed.filter(|rung| rung.outcome == Outcome::Pass) {
            self.days.insert(rung.level, clock::day(found.ended));
            self.taken.extend(found.taken.map(|taken| (rung.level, taken)));
        }
        if found.rung(Level::L1).is_some() && !found.snapshots.is_empty() {
            self.known.clone_from(&found.snapshots);
        }
        if found.rung(Level::L3).is_some_and(|rung| rung.outcome == Outcome::Pass) {
            self.bytes = found.bytes.or(self.bytes);
            self.rows = found.rows.or(self.rows);
            self.slice = found.slice.or(self.slice);
        }
        if found.rung(Level::L4).is_some() {
            self.restore = Some(found.clone());
        }
        if let Some(snapshot) = &found.snapshot {
            let now =
                Reached { snapshot: snapshot.clone(), level: found.reached, at: found.ended, outcome: found.outcome };
            self.newest = match self.newest.take().filter(|known| known.snapshot == *snapshot) {
                // A day's short look at what was proven further before takes nothing away.
                Some(known) if known.level > now.level => Some(Reached { outcome: now.outcome, ..known }),
                _ => Some(now),
            };
        }
    }
}

/// What was proven of all tenants.
#[derive(Debug, Clone, Default)]
pub(in crate::commands) struct Past {
    tenants: BTreeMap<String, Proven>,
    nothing: Proven,
}

impl Past {
    /// Makes it of the control host's evidence. A chain that is broken is told; what stands before the break counts.
    ///
    /// # Errors
    /// When the outbox cannot be read.
    pub(in crate::commands) fn of_evidence(evidence: Evidence, inventory: &Inventory, out: &Out) -> Result<Past> {
        for broken in &evidence.broken {
            out.remark(&format!("the chain of evidence is broken: {broken}"));
        }
        let chains = Chains { lines: evidence.chains, broken: Vec::new() };
        let outbox = Outbox::of(inventory, |name| std::env::var_os(name))?.undelivered()?;
        let lines = merge(&chains, &outbox).lines;
        let mut past = Past::default();
        for line in lines {
            line.record.verification.iter().for_each(|found| past.add(found));
            line.record.deletion.iter().for_each(|deletion| past.forget(&deletion.code));
        }
        Ok(past)
    }

    /// The backups of a member are gone. When it comes back it begins anew: that they are not there is no damage.
    fn forget(&mut self, code: &str) {
        let its = format!("{code}-");
        self.tenants.retain(|tenant, _| !tenant.starts_with(&its));
    }

    /// When the newest backup of a tenant was taken that was proven to be restorable, in seconds since 1970.
    pub(in crate::commands) fn restorable(&self, tenant: &str) -> Option<i64> {
        self.of(tenant).taken.get(&Level::L4).copied()
    }

    /// Takes notice of what was proven after all that is known.
    pub(in crate::commands) fn add(&mut self, found: &Verification) {
        self.tenants.entry(found.tenant.clone()).or_default().add(found);
    }

    /// What was proven of a tenant.
    pub(in crate::commands) fn of(&self, tenant: &str) -> &Proven {
        self.tenants.get(tenant).unwrap_or(&self.nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::ladder::Rung;

    fn found(snapshot: &str, ended: i64, up_to: Level, worst: Outcome) -> Verification {
        let mut found: Verification = serde_json::from_value(serde_json::json!({
            "tenant": "c_e863-albo", "member": "c_e863", "application": "albo", "host": "ops1", "began": ended, "ended": ended,
            "snapshot": snapshot, "outcome": "not_due", "rungs": [], "snapshots": [], "versions": [], "swept": [], "notes": []
        }))
        .unwrap();
        for level in Level::ALL.into_iter().filter(|level| *level <= up_to) {
            let outcome = if level == up_to { worst } else { Outcome::Pass };
            found.add(Rung { level, outcome, milliseconds: 1, checks: Vec::new() });
        }
        found
    }

    fn newest(all: &[Verification]) -> Reached {
        let mut proven = Proven::default();
        all.iter().for_each(|one| proven.add(one));
        proven.newest.unwrap()
    }

    #[test]
    fn a_short_look_takes_no_level_away_and_a_newer_backup_begins_anew() {
        let restored = found("a", 10, Level::L6, Outcome::Pass);
        let looked_at = found("a", 20, Level::L1, Outcome::Pass);
        let both = newest(&[restored.clone(), looked_at]);
        assert_eq!((both.level, both.at, both.outcome), (Some(Level::L6), 10, Outcome::Pass));
        let next = newest(&[restored, found("b", 30, Level::L3, Outcome::Pass)]);
        assert_eq!((next.snapshot.as_str(), next.level, next.at), ("b", Some(Level::L3), 30));
    }

    #[test]
    fn who_was_deleted_and_comes_back_begins_anew_and_the_others_do_not() {
        let mut past = Past::default();
        for tenant in ["c_e863-albo", "c_e8631-albo"] {
            past.add(&Verification { tenant: tenant.to_string(), ..found("a", 10, Level::L4, Outcome::Pass) });
        }
        past.forget("c_e863");
        assert_eq!(past.of("c_e863-albo").newest, None);
        assert!(past.of("c_e8631-albo").newest.is_some());
    }

    #[test]
    fn damage_that_is_seen_later_is_what_the_last_look_came_to() {
        let seen = newest(&[found("a", 10, Level::L6, Outcome::Pass), found("a", 20, Level::L2, Outcome::Fail)]);
        assert_eq!((seen.level, seen.outcome), (Some(Level::L6), Outcome::Fail));
    }
}
