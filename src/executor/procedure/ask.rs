//! Asks an application for its health page, by its own socket or port: whether nginx is well is another question.

use std::time::Duration;

use crate::executor::wire::Wire;
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine};
use crate::protocol::Health;

/// Longest time for one answer, in seconds.
const ANSWER: &str = "10";

/// Seconds between two questions, as sleep(1) reads them.
const PAUSE: &str = "0.5";

/// Asks until the page says 200, and asks once at least.
///
/// # Errors
/// When it has not said so within the patience, with what it said last; when the other side is gone.
pub fn until_healthy(machine: &mut dyn Machine, wire: &Wire, health: &Health) -> Result<()> {
    let end = machine.now() + i64::from(health.patience);
    loop {
        wire.check()?;
        let said = ask(machine, health)?;
        if said == "200" {
            return Ok(());
        }
        if machine.now() >= end {
            return Err(Failure::operation(format!(
                "{}{} says {said}, not 200, after {} seconds",
                health.host_name, health.path, health.patience
            )));
        }
        machine.run(&Command::new(["sleep", PAUSE]))?;
    }
}

/// The status that the page gave, or why there was none.
fn ask(machine: &mut dyn Machine, health: &Health) -> Result<String> {
    let mut command = Command::new(["curl", "--silent", "--show-error", "--max-time", ANSWER, "--output", "/dev/null"]);
    command.argv.extend([
        "--write-out".to_string(),
        "%{http_code}".to_string(),
        "--noproxy".to_string(),
        "*".to_string(),
    ]);
    if let Some(socket) = &health.socket {
        command.argv.extend(["--unix-socket".to_string(), socket.clone()]);
    }
    let authority = health.port.map_or("localhost".to_string(), |port| format!("127.0.0.1:{port}"));
    command.argv.extend(["--header".to_string(), format!("Host: {}", health.host_name)]);
    command.argv.extend(["--".to_string(), format!("http://{authority}{}", health.path)]);
    let output = machine.run(&command.within(Duration::from_secs(20)))?;
    match output.status {
        0 => Ok(output.text()),
        _ => Ok(format!("nothing ({})", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
