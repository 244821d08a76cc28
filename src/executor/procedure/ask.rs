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

/// How much of an answer is read, in bytes.
const LONGEST: &str = "1048576";

/// Asks until the answer is a healthy one, and asks once at least.
///
/// # Errors
/// When it was not within the patience, with what it was last; when the other side is gone.
pub fn until_healthy(machine: &mut dyn Machine, wire: &Wire, health: &Health) -> Result<()> {
    let end = machine.now() + i64::from(health.patience);
    loop {
        wire.check()?;
        let Some(said) = ask(machine, health)? else { return Ok(()) };
        if machine.now() >= end {
            return Err(Failure::operation(format!(
                "{}{} says {said}, not {}, after {} seconds",
                health.host_name, health.path, health.status, health.patience
            )));
        }
        machine.run(&Command::new(["sleep", PAUSE]))?;
    }
}

/// What was wrong with the answer; nothing when it was a healthy one.
fn ask(machine: &mut dyn Machine, health: &Health) -> Result<Option<String>> {
    let output = machine.run(&question(health).within(Duration::from_secs(20)))?;
    if output.status != 0 {
        return Ok(Some(format!("nothing ({})", String::from_utf8_lossy(&output.stderr).trim())));
    }
    let text = output.text();
    let (page, status) = text.rsplit_once('\n').unwrap_or(("", &text));
    if status != health.status.to_string() {
        return Ok(Some(status.to_string()));
    }
    let missing = health.contains.as_ref().filter(|words| !page.contains(words.as_str()));
    Ok(missing.map(|words| format!("{status} without `{words}`")))
}

fn question(health: &Health) -> Command {
    let mut command =
        Command::new(["curl", "--silent", "--show-error", "--max-time", ANSWER, "--max-filesize", LONGEST]);
    let mut add = |words: &[&str]| command.argv.extend(words.iter().map(ToString::to_string));
    add(&["--write-out", "\n%{http_code}", "--noproxy", "*"]);
    match health.method.as_str() {
        "HEAD" => add(&["--head"]),
        method => add(&["--request", method]),
    }
    if let Some((media_type, body)) = &health.body {
        add(&["--header", &format!("Content-Type: {media_type}"), "--data-raw", body]);
    }
    if let Some(socket) = &health.socket {
        add(&["--unix-socket", socket]);
    }
    let authority = health.port.map_or("localhost".to_string(), |port| format!("127.0.0.1:{port}"));
    add(&["--header", &format!("Host: {}", health.host_name)]);
    add(&["--", &format!("http://{authority}{}", health.path)]);
    command
}
