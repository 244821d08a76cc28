//! Proves a backup, and tells how far it is.

use std::time::Instant;

use crate::backup::ladder::{Task, Verification, climb};
use crate::backup::restore;
use crate::executor::wire::Wire;
use crate::failure::{Failure, Result};
use crate::machine::Machine;
use crate::protocol::{FromHost, Order};

/// Climbs the ladder with the key that came along. It stays in memory and in the environment of restic.
///
/// # Errors
/// When the key did not come, or who asked is gone.
pub fn verify(machine: &mut dyn Machine, wire: &Wire, order: &Order, task: &Task) -> Result<Verification> {
    let key = order.secrets.value(&task.key).ok_or_else(|| {
        Failure::operation(format!("the key of the repository of {} did not come along", task.member))
    })?;
    let began = Instant::now();
    let gone = restore::sweep(machine)?;
    let mut found = climb(machine, task, key, &mut |what| {
        wire.check()?;
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (tenant, what) = (order.tenant.clone(), what.to_string());
        wire.send(FromHost::Doing { tenant, what, done: 0, total: 0, milliseconds })
    })?;
    found
        .swept
        .extend(gone.into_iter().map(|folder| format!("{folder}, a restored backup past its time, was removed")));
    // The words of a program may repeat what it was given.
    let failed = |error: serde_json::Error| Failure::operation(format!("cannot encode what was found: {error}"));
    let text = serde_json::to_string(&found).map_err(failed)?;
    serde_json::from_str(&order.secrets.mask(&text)).map_err(failed)
}
