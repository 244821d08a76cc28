//! A session over libssh2, and a command on it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::channel::{Channel, Exit, Read, STDERR_KEPT, Session, UNREAD, ended_early, tail};
use super::link::Link;
use super::{Credentials, Limits, Target, Traffic, connect};
use crate::failure::{Failure, Result};

/// How much is taken from the link before somebody looks at it: a host that sends faster than we read must not keep us here.
const TAKEN_AT_ONCE: usize = 1024 * 1024;

/// A logged-in session without a running command.
pub(super) struct DirectSession {
    link: Link,
}

/// A running command.
struct DirectChannel {
    link: Link,
    channel: ssh2::Channel,
    unread: VecDeque<u8>,
    stderr: VecDeque<u8>,
    piece: Box<[u8]>,
}

impl DirectSession {
    /// Connects and logs in. The host key is compared with the pin before anything of ours is sent.
    ///
    /// # Errors
    /// Exit 65 without a usable pin. Otherwise exit 1: unreachable, another host key, no key accepted.
    pub(super) fn connect(target: &Target, credentials: &Credentials, limits: &Limits) -> Result<DirectSession> {
        let (session, socket) = connect::connect(target, credentials, limits)?;
        Ok(DirectSession { link: Link::new(session, socket, target, limits) })
    }
}

impl Session for DirectSession {
    fn exec(mut self: Box<Self>, command: &str) -> Result<Box<dyn Channel>> {
        let until = Instant::now() + self.link.limits.connect;
        let mut channel = self.link.complete("opening a channel", until, ssh2::Session::channel_session)?;
        self.link.complete("starting a command", until, |_| channel.exec(command))?;
        self.link.traffic.execs += 1;
        let piece = vec![0; 32 * 1024].into_boxed_slice();
        Ok(Box::new(DirectChannel {
            link: self.link,
            channel,
            unread: VecDeque::new(),
            stderr: VecDeque::new(),
            piece,
        }))
    }

    fn traffic(&self) -> Traffic {
        self.link.traffic
    }
}

impl Channel for DirectChannel {
    fn write_all(&mut self, bytes: &[u8], until: Instant) -> Result<()> {
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

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<Read> {
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

    fn finish(mut self: Box<Self>, within: Duration) -> Result<(Box<dyn Session>, Exit)> {
        let until = Instant::now() + within;
        let DirectChannel { link, channel, .. } = &mut *self;
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
        let DirectChannel { mut link, mut channel, stderr, .. } = *self;
        link.complete("closing a channel", until, |_| channel.close())?;
        link.complete("closing a channel", until, |_| channel.wait_close())?;
        let unread = |error: ssh2::Error| Failure::operation(format!("cannot read how a command ended: {error}"));
        let exit = Exit {
            status: channel.exit_status().map_err(unread)?,
            signal: channel.exit_signal().map_err(unread)?.exit_signal,
            stderr: tail(&stderr),
        };
        Ok((Box::new(DirectSession { link }), exit))
    }

    fn stderr(&self) -> String {
        tail(&self.stderr)
    }

    fn traffic(&self) -> Traffic {
        self.link.traffic
    }
}

impl DirectChannel {
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
        ended_early(&self.link.target.name, &self.stderr())
    }
}
