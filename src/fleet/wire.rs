//! The seam between hosts and connections: a stream of lines, and who opens one. Tests script hosts behind it.

use std::time::{Duration, Instant};

use crate::failure::Result;
use crate::ssh::{Exit, Traffic};

/// What a wait for a line brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A line, without its end.
    Line(Vec<u8>),
    /// Nothing in time.
    Nothing,
    /// The other side has closed the stream.
    End,
}

/// What happens while a stream is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Logged in.
    LoggedIn,
    /// The host has another host half or none: ours is sent.
    Installing {
        /// Its size.
        bytes: u64,
    },
}

/// An open stream to a host half.
pub trait Wire: Send {
    /// Sends one line, which ends with a newline.
    ///
    /// # Errors
    /// When the link is lost or `until` passes.
    fn send(&mut self, line: &[u8], until: Instant) -> Result<()>;
    /// Waits for a line, no longer than `timeout`.
    ///
    /// # Errors
    /// When the link is lost, or the stream ends in the middle of a line.
    fn receive(&mut self, timeout: Duration) -> Result<Received>;
    /// Closes the stream and waits for the end of the host half.
    ///
    /// # Errors
    /// When the link is lost or it does not end in time.
    fn finish(self: Box<Self>, within: Duration) -> Result<Exit>;
    /// What went over it so far.
    fn traffic(&self) -> Traffic;
}

/// Who opens streams, by the names of hosts.
pub trait Transport: Send + Sync {
    /// Opens the stream to a host's half; the first line that comes is its Hello.
    ///
    /// # Errors
    /// When the host cannot be reached, is not the one that is pinned, or cannot run our half.
    fn open(&self, host: &str, progress: &dyn Fn(Opening)) -> Result<Box<dyn Wire>>;
    /// Says over a new connection that the host can still be reached.
    ///
    /// # Errors
    /// When it cannot, or the host does not know the token.
    fn confirm(&self, host: &str, token: &str) -> Result<()>;
}
