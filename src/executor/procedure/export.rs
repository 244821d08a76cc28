//! Makes an export of a backup, and tells how far it is.

use std::time::Instant;

use crate::backup::export::{self, Answer, Step};
use crate::backup::restore::From;
use crate::executor::wire::Wire;
use crate::failure::Result;
use crate::machine::Machine;
use crate::protocol::{FromHost, Order};

/// Takes a step with the key that came along. It stays in memory and in the environment of restic.
///
/// # Errors
/// When who asked is gone, or the conversation has to end. How the step ended is in the answer.
pub fn step(machine: &mut dyn Machine, wire: &Wire, order: &Order, step: &Step) -> Result<Answer> {
    let key = match step {
        Step::Make(task) => match &task.from {
            From::Here { key, .. } => order.secrets.value(key),
            From::Own => None,
        },
        Step::Read { .. } | Step::Drop { .. } => None,
    };
    let began = Instant::now();
    let answer = export::step(machine, &order.tenant, step, key, &mut |what, done, total| {
        wire.check()?;
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (tenant, what) = (order.tenant.clone(), what.to_string());
        wire.send(FromHost::Doing { tenant, what, done, total, milliseconds })
    })?;
    Ok(match answer {
        // The words of a program may repeat what it was given.
        Answer::Refused { exit, message, hints } => {
            Answer::Refused { exit, message: order.secrets.mask(&message), hints }
        }
        answer => answer,
    })
}
