//! The health page of an application, asked at its own socket or port: whether nginx is well is another question.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::Result;
use crate::machine::{Command, Machine};

/// Longest time for one answer, in seconds.
const ANSWER: &str = "10";

/// How much of an answer is read, in bytes.
const LONGEST: &str = "1048576";

/// Where an application answers for its health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Its unix socket, or none when it listens on a port.
    pub socket: Option<String>,
    /// Its port on the loopback address.
    pub port: Option<u16>,
    /// The name it answers under.
    pub host_name: String,
    /// The path of the page.
    pub path: String,
    /// HTTP method.
    pub method: String,
    /// What is sent along, with its media type.
    pub body: Option<(String, String)>,
    /// The status of a healthy answer.
    pub status: u16,
    /// Words that a healthy answer has in it.
    pub contains: Option<String>,
    /// Seconds after which it counts as unhealthy.
    pub patience: u32,
}

impl Health {
    /// What is wrong with the answer; nothing when it is a healthy one. `within` is a process whose network is asked
    /// from, when it has one of its own.
    ///
    /// # Errors
    /// When the question cannot be asked.
    pub fn ask(&self, machine: &mut dyn Machine, within: Option<u32>) -> Result<Option<String>> {
        let mut question = self.question();
        if let Some(process) = within {
            let enter = ["nsenter".to_string(), format!("--target={process}"), "--net".to_string(), "--".to_string()];
            question.argv.splice(0..0, enter);
        }
        let output = machine.run(&question.within(Duration::from_secs(20)))?;
        if output.status != 0 {
            return Ok(Some(format!("nothing ({})", String::from_utf8_lossy(&output.stderr).trim())));
        }
        let text = output.text();
        let (page, status) = text.rsplit_once('\n').unwrap_or(("", &text));
        if status != self.status.to_string() {
            return Ok(Some(status.to_string()));
        }
        let missing = self.contains.as_ref().filter(|words| !page.contains(words.as_str()));
        Ok(missing.map(|words| format!("{status} without `{words}`")))
    }

    fn question(&self) -> Command {
        let mut command =
            Command::new(["curl", "--silent", "--show-error", "--max-time", ANSWER, "--max-filesize", LONGEST]);
        let mut add = |words: &[&str]| command.argv.extend(words.iter().map(ToString::to_string));
        add(&["--write-out", "\n%{http_code}", "--noproxy", "*"]);
        match self.method.as_str() {
            "HEAD" => add(&["--head"]),
            method => add(&["--request", method]),
        }
        if let Some((media_type, body)) = &self.body {
            add(&["--header", &format!("Content-Type: {media_type}"), "--data-raw", body]);
        }
        if let Some(socket) = &self.socket {
            add(&["--unix-socket", socket]);
        }
        let authority = self.port.map_or("localhost".to_string(), |port| format!("127.0.0.1:{port}"));
        add(&["--header", &format!("Host: {}", self.host_name)]);
        add(&["--", &format!("http://{authority}{}", self.path)]);
        command
    }
}
