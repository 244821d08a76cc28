//! A session, and a command on it. One command at a time: starting one takes the session, ending it gives it back.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::link::Link;
use super::{Credentials, Limits, Target, Traffic, connect};
use crate::failure::{Failure, Result};

/// How much of a command's stderr is kept for messages: its end.
const STDERR_KEPT: usize = 16 * 1024;

/// How much is taken from the link before somebody looks at it: a host that sends faster than we read must not keep us here.
const TAKEN_AT_ONCE: usize = 1024 * 1024;

/// More than this unread means that the other side sends without end.
const UNREAD: usize = 128 * 1024 * 1024;

/// A logged-in session without a running command.
pub struct Session {
    link: Link,
}

/// A running command.
pub struct Channel {
    link: Link,
    channel: ssh2::Channel,
    unread: VecDeque<u8>,
    stderr: VecDeque<u8>,
    piece: Box<[u8]>,
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

impl Session {
    /// Connects and logs in. The host key is compared with the pin before anything of ours is sent.
    ///
    /// # Errors
    /// Exit 65 without a usable pin. Otherwise exit 1: unreachable, another host key, no key accepted.
    pub fn connect(target: &Target, credentials: &Credentials, limits: &Limits) -> Result<Session> {
        let (session, socket) = connect::connect(target, credentials, limits)?;
        Ok(Session { link: Link::new(session, socket, target, limits) })
    }

    /// Starts a command by the account's login shell. `command` is made of fixed words and of values that we made.
    ///
    /// # Errors
    /// When the link is lost or sshd refuses.
    pub fn exec(mut self, command: &str) -> Result<Channel> {
        let until = Instant::now() + self.link.limits.connect;
        let mut channel = self.link.complete("opening a channel", until, ssh2::Session::channel_session)?;
        self.link.complete("starting a command", until, |_| channel.exec(command))?;
        self.link.traffic.execs += 1;
        let piece = vec![0; 32 * 1024].into_boxed_slice();
        Ok(Channel { link: self.link, channel, unread: VecDeque::new(), stderr: VecDeque::new(), piece })
    }

    /// What went over this session so far.
    pub fn traffic(&self) -> Traffic {
        self.link.traffic
    }
}

impl Channel {
    /// Writes everything to the command's stdin.
    ///
    /// # Errors
    /// When the link is lost, `until` passes, or the command ends before it has read all.
    pub fn write_all(&mut self, bytes: &[u8], until: Instant) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.link.listen()?;
            match self.channel.write(rest) {
                Ok(count) => {
                    rest = &rest[count..];
                    self.link.traffic.sent += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let drained = self.drain()?;
                    if self.channel.eof() {
                        return Err(self.ended_early());
                    }
                    if Instant::now() >= until {
                        return Err(Failure::operation(format!(
                            "host `{}` does not take what is sent to it: {} bytes of {} are left",
                            self.link.target.name,
                            rest.len(),
                            bytes.len()
                        )));
                    }
                    if drained {
                        self.link.wait(until)?;
                    }
                }
                Err(_) if self.channel.eof() => return Err(self.ended_early()),
                Err(error) => return Err(self.link.lost(&error.to_string())),
            }
        }
        Ok(())
    }

    /// Reads what the command wrote to its stdout; waits for the first byte no longer than `timeout`.
    ///
    /// # Errors
    /// When the link is lost.
    pub fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<Read> {
        let until = Instant::now() + timeout;
        loop {
            if self.unread.is_empty() {
                self.drain()?;
            }
            if !self.unread.is_empty() {
                let count = io::Read::read(&mut self.unread, buffer).unwrap_or(0);
                return Ok(Read::Data(count));
            }
            if self.channel.eof() {
                return Ok(Read::Eof);
            }
            if Instant::now() >= until {
                return Ok(Read::Timeout);
            }
            self.link.wait(until)?;
        }
    }

    /// Closes the command's stdin, waits for its end, and gives the session back. What it still writes is dropped.
    ///
    /// # Errors
    /// When the link is lost or the command does not end in time.
    pub fn finish(mut self, within: Duration) -> Result<(Session, Exit)> {
        let until = Instant::now() + within;
        let Channel { link, channel, .. } = &mut self;
        link.complete("closing a command's input", until, |_| channel.send_eof())?;
        loop {
            let drained = self.drain()?;
            self.unread.clear();
            if self.channel.eof() {
                break;
            }
            if Instant::now() >= until {
                return Err(Failure::operation(format!(
                    "host `{}`: a command did not end within {} s",
                    self.link.target.name,
                    within.as_secs()
                )));
            }
            if drained {
                self.link.wait(until)?;
            }
        }
        let Channel { mut link, mut channel, stderr, .. } = self;
        link.complete("closing a channel", until, |_| channel.close())?;
        link.complete("closing a channel", until, |_| channel.wait_close())?;
        let unread = |error: ssh2::Error| Failure::operation(format!("cannot read how a command ended: {error}"));
        let exit = Exit {
            status: channel.exit_status().map_err(unread)?,
            signal: channel.exit_signal().map_err(unread)?.exit_signal,
            stderr: text(&stderr),
        };
        Ok((Session { link }, exit))
    }

    /// The end of what the command wrote to its stderr so far.
    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// What went over this session so far.
    pub fn traffic(&self) -> Traffic {
        self.link.traffic
    }

    /// Takes what has arrived. Both streams share one window: when one of them is left, both stop.
    /// False when more is there already, for which the socket may not wake us.
    fn drain(&mut self) -> Result<bool> {
        self.link.listen()?;
        let mut taken = 0;
        loop {
            let mut arrived = 0;
            for stream in [0, ssh2::EXTENDED_DATA_STDERR] {
                match io::Read::read(&mut self.channel.stream(stream), &mut self.piece) {
                    Ok(count) if stream == 0 => {
                        self.unread.extend(&self.piece[..count]);
                        arrived += count;
                    }
                    Ok(count) => {
                        self.stderr.extend(&self.piece[..count]);
                        arrived += count;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(self.link.lost(&error.to_string())),
                }
            }
            self.link.traffic.received += arrived as u64;
            self.stderr.drain(..self.stderr.len().saturating_sub(STDERR_KEPT));
            if self.unread.len() > UNREAD {
                return Err(self.link.lost("it sends without end"));
            }
            // Reading one stream may have queued data of the other, for which the socket will not wake us.
            if arrived == 0 && self.channel.read_window().available == 0 {
                return Ok(true);
            }
            taken += arrived;
            if taken >= TAKEN_AT_ONCE {
                return Ok(false);
            }
        }
    }

    fn ended_early(&self) -> Failure {
        let words = self.stderr();
        let words = if words.trim().is_empty() { "it said nothing" } else { words.trim() };
        Failure::operation(format!(
            "a command on host `{}` ended before it had read all: {words}",
            self.link.target.name
        ))
    }
}

fn text(bytes: &VecDeque<u8>) -> String {
    let (front, back) = bytes.as_slices();
    String::from_utf8_lossy(&[front, back].concat()).into_owned()
}
