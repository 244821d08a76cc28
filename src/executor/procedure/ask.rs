//! Asks an application for its health page until it is well.

use crate::executor::wire::Wire;
use crate::failure::{Failure, Result};
use crate::health::Health;
use crate::machine::{Command, Machine};

/// Seconds between two questions, as sleep(1) reads them.
const PAUSE: &str = "0.5";

/// Asks until the answer is a healthy one, and asks once at least.
///
/// # Errors
/// When it was not within the patience, with what it was last; when the other side is gone.
pub fn until_healthy(machine: &mut dyn Machine, wire: &Wire, health: &Health) -> Result<()> {
    let end = machine.now() + i64::from(health.patience);
    loop {
        wire.check()?;
        let Some(said) = health.ask(machine, None)? else { return Ok(()) };
        if machine.now() >= end {
            return Err(Failure::operation(format!(
                "{}{} says {said}, not {}, after {} seconds",
                health.host_name, health.path, health.status, health.patience
            )));
        }
        machine.run(&Command::new(["sleep", PAUSE]))?;
    }
}
