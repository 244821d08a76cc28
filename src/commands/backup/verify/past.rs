//! What was proven before, by the evidence of the control host and what waits in the outbox.

use std::collections::BTreeMap;

use super::due::counts;
use crate::backup::ladder::{Known, Level, Slice, Verification};
use crate::commands::procedure::Procedure;
use crate::commands::survey::control_host;
use crate::evidence::history::{Chains, merge};
use crate::evidence::{Outbox, clock};
use crate::failure::{Failure, Result};
use crate::inventory::Inventory;
use crate::report::Out;

/// Records of each chain that are read: more than a quarter of a year of a province.
const NEWEST: u32 = 5000;

/// What was proven of one tenant.
#[derive(Debug, Clone, Default)]
pub(super) struct Proven {
    /// The day in Italy on which each level last passed.
    pub(super) days: BTreeMap<Level, i64>,
    /// When the backup was taken that last passed each level, in seconds since 1970.
    pub(super) taken: BTreeMap<Level, i64>,
    /// The snapshots that were there last time.
    pub(super) known: Vec<Known>,
    /// Bytes of the backup that was last found readable.
    pub(super) bytes: Option<u64>,
    /// Rows of it.
    pub(super) rows: Option<u64>,
    /// The part of the repository that was read last.
    pub(super) slice: Option<Slice>,
    /// The last verification that came as far as a restore.
    pub(super) restore: Option<Verification>,
}

impl Proven {
    pub(super) fn day_of(&self, level: Level) -> Option<i64> {
        self.days.get(&level).copied()
    }

    /// Takes notice of what came after all that is known.
    pub(super) fn add(&mut self, found: &Verification) {
        let passed = found
            .rungs
            .iter()
            .take_while(|rung| counts(rung.outcome) || rung.outcome.kind() == Some(crate::failure::Kind::Stale));
        for rung in passed.filter(|rung| counts(rung.outcome)) {
            self.days.insert(rung.level, clock::day(found.ended));
            self.taken.extend(found.taken.map(|taken| (rung.level, taken)));
        }
        if found.rung(Level::L1).is_some() && !found.snapshots.is_empty() {
            self.known.clone_from(&found.snapshots);
        }
        if found.rung(Level::L3).is_some_and(|rung| counts(rung.outcome)) {
            self.bytes = found.bytes.or(self.bytes);
            self.rows = found.rows.or(self.rows);
            self.slice = found.slice.or(self.slice);
        }
        if found.rung(Level::L4).is_some() {
            self.restore = Some(found.clone());
        }
    }
}

/// What was proven of all tenants.
#[derive(Debug, Default)]
pub(super) struct Past {
    tenants: BTreeMap<String, Proven>,
    nothing: Proven,
}

impl Past {
    /// Reads it. A chain that is broken is told; what stands before the break counts.
    ///
    /// # Errors
    /// When there is no control host, or it cannot be reached: nobody could say what is due.
    pub(super) fn read(procedure: &Procedure, inventory: &Inventory, out: &Out) -> Result<Past> {
        let control = control_host(inventory).ok_or_else(|| Failure::inventory("no host has the role `control`"))?;
        let evidence = procedure.evidence(control, NEWEST)?;
        for broken in &evidence.broken {
            out.remark(&format!("the chain of evidence is broken: {broken}"));
        }
        let chains = Chains { lines: evidence.chains, broken: Vec::new() };
        let outbox = Outbox::of(inventory, |name| std::env::var_os(name))?.undelivered()?;
        let mut past = Past::default();
        for line in merge(&chains, &outbox).lines {
            if let Some(found) = &line.record.verification {
                past.tenants.entry(found.tenant.clone()).or_default().add(found);
            }
        }
        Ok(past)
    }

    /// What was proven of a tenant.
    pub(super) fn of(&self, tenant: &str) -> &Proven {
        self.tenants.get(tenant).unwrap_or(&self.nothing)
    }
}
