//! A session, and a command on it as a byte channel. One command at a time: starting one takes the session, ending it
//! gives it back.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Traffic;
use crate::failure::{Failure, Result};

/// How much of a command's stderr is kept for messages: its end.
pub(super) const STDERR_KEPT: usize = 16 * 1024;

/// More than this unread means that the other side sends without end.
pub(super) const UNREAD: usize = 128 * 1024 * 1024;

/// A session without a running command. The host key is proven before anything of ours is sent.
pub trait Session: Send {
    /// Starts a command by the account's login shell. `command` is made of fixed words and of values that we made.
    ///
    /// # Errors
    /// When the link is lost or sshd refuses; over the system's ssh, which logs in now, also all that can go wrong there.
    fn exec(self: Box<Self>, command: &str) -> Result<Box<dyn Channel>>;
    /// What went over this session so far.
    fn traffic(&self) -> Traffic;
}

/// A running command.
pub trait Channel: Send {
    /// Writes everything to the command's stdin.
    ///
    /// # Errors
    /// When the link is lost, `until` passes, or the command ends before it has read all.
    fn write_all(&mut self, bytes: &[u8], until: Instant) -> Result<()>;
    /// Reads what the command wrote to its stdout; waits for the first byte no longer than `timeout`.
    ///
    /// # Errors
    /// When the link is lost.
    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<Read>;
    /// Closes the command's stdin, waits for its end, and gives the session back. What it still writes is dropped.
    ///
    /// # Errors
    /// When the link is lost or the command does not end in time.
    fn finish(self: Box<Self>, within: Duration) -> Result<(Box<dyn Session>, Exit)>;
    /// The end of what the command wrote to its stderr so far, at most 16 KiB.
    fn stderr(&self) -> String;
    /// What went over this session so far.
    fn traffic(&self) -> Traffic;
}

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// So many bytes.
    Data(usize),
    /// Nothing in time.
    Timeout,
    /// The command has closed its stdout and will send nothing more.
    Eof,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Exit status. Says nothing when there is a signal: libssh2 answers 0 then.
    pub status: i32,
    /// The signal that ended it, without `SIG`.
    pub signal: Option<String>,
    /// The end of its stderr, at most 16 KiB.
    pub stderr: String,
}

impl Exit {
    /// Ended by itself, with status 0.
    pub fn success(&self) -> bool {
        self.status == 0 && self.signal.is_none()
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.signal {
            Some(signal) => write!(out, "ended by SIG{signal}")?,
            None => write!(out, "exit status {}", self.status)?,
        }
        match self.stderr.trim() {
            "" => Ok(()),
            words => write!(out, ": {words}"),
        }
    }
}

pub(super) fn ended_early(host: &str, stderr: &str) -> Failure {
    let words = if stderr.trim().is_empty() { "it said nothing" } else { stderr.trim() };
    Failure::operation(format!("a command on host `{host}` ended before it had read all: {words}"))
}

pub(super) fn tail(bytes: &VecDeque<u8>) -> String {
    let (front, back) = bytes.as_slices();
    String::from_utf8_lossy(&[front, back].concat()).into_owned()
}
