//! A command as data: arguments, input, account, deadline. Never a shell string.

use std::time::Duration;

use crate::failure::{Failure, Result};

/// A process to start: argv, what it reads, as whom, and for how long at most.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Command {
    /// Program and arguments. Holds no secret: others can read it in `ps`.
    pub argv: Vec<String>,
    /// Standard input; may hold secrets.
    pub stdin: Vec<u8>,
    /// The Unix account to run as; `None` is our own (root).
    pub user: Option<String>,
    /// Environment beside `PATH`, `LC_ALL=C.UTF-8` and `HOME`.
    pub environment: Vec<(String, String)>,
    /// After this long the process group is ended and the command has failed.
    pub deadline: Duration,
    /// It is asked to end by SIGINT and gets time for it: a program that leaves a lock behind when SIGTERM ends it.
    pub interrupt: bool,
}

/// What a finished process left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Exit status; `128 + signal` when a signal ended it.
    pub status: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Command {
    /// A command with these arguments, no input, our own account and two minutes.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Command {
        Command {
            argv: argv.into_iter().map(Into::into).collect(),
            stdin: Vec::new(),
            user: None,
            environment: Vec::new(),
            deadline: Duration::from_secs(120),
            interrupt: false,
        }
    }

    /// Gives the command something to read.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Command {
        self.stdin = input.into();
        self
    }

    /// Runs it as another Unix account.
    pub fn as_user(mut self, user: impl Into<String>) -> Command {
        self.user = Some(user.into());
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Command {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Has it asked to end by SIGINT.
    pub fn interrupted_gently(mut self) -> Command {
        self.interrupt = true;
        self
    }

    /// Changes the deadline.
    pub fn within(mut self, deadline: Duration) -> Command {
        self.deadline = deadline;
        self
    }
}

impl Output {
    /// Standard output as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Passes the output on when the command ended with 0; otherwise fails with the command's own words.
    pub fn succeeded(self, command: &Command) -> Result<Output> {
        if self.status == 0 {
            return Ok(self);
        }
        let mut words = String::from_utf8_lossy(&self.stderr).trim().to_string();
        if words.is_empty() {
            words = String::from_utf8_lossy(&self.stdout).trim().to_string();
        }
        if words.is_empty() {
            words = "it said nothing".to_string();
        }
        Err(Failure::operation(format!("{} ended with {}: {words}", command.argv.join(" "), self.status)))
    }
}
