//! A running ssh as a byte channel: its three pipes, none of which may keep us.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process_group};

use super::super::channel::{STDERR_KEPT, UNREAD, ended_early, tail};
use super::super::{Channel, Exit, Read, Session, Target, Traffic};
use super::System;
use super::refusal::{Refusal, lost, not_started, refusal};
use super::session::{LOGGED_IN, SystemSession};
use crate::failure::{Failure, Result};

/// What ssh exits with when the connection fails, or when the remote command was ended by a signal.
const OF_SSH: i32 = 255;

/// How often an ssh is looked at that has closed its output and has not ended yet.
const LOOK: Duration = Duration::from_millis(2);

pub(super) struct SystemChannel {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    unread: VecDeque<u8>,
    words: VecDeque<u8>,
    piece: Box<[u8]>,
    system: Arc<System>,
    target: Target,
    traffic: Traffic,
}

impl SystemChannel {
    /// # Errors
    /// When there is no ssh on this machine.
    pub(super) fn start(mut ssh: Command, system: &Arc<System>, target: &Target) -> Result<SystemChannel> {
        let failed = |error: io::Error| not_started(target, &error);
        let started = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = started.map_err(failed)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let channel = SystemChannel {
            child,
            stdin,
            stdout,
            stderr,
            unread: VecDeque::new(),
            words: VecDeque::new(),
            piece: vec![0; 64 * 1024].into_boxed_slice(),
            system: Arc::clone(system),
            target: target.clone(),
            traffic: Traffic::default(),
        };
        if let (Some(stdin), Some(stdout), Some(stderr)) = (&channel.stdin, &channel.stdout, &channel.stderr) {
            let unblocked =
                ioctl_fionbio(stdin, true).and(ioctl_fionbio(stdout, true)).and(ioctl_fionbio(stderr, true));
            unblocked.map_err(|error| failed(error.into()))?;
        }
        Ok(channel)
    }

    /// Runs it to its end and gives what it wrote to its stderr.
    pub(super) fn words_at_its_end(mut self, until: Instant) -> Result<String> {
        self.stdin = None;
        while self.stdout.is_some() && Instant::now() < until {
            self.pump(until, false)?;
        }
        self.wait_for_words(until);
        Ok(self.stderr())
    }

    /// Waits for the word that ssh has logged in.
    ///
    /// What went over the session before is `traffic`.
    pub(super) fn log_in(&mut self, traffic: Traffic, until: Instant) -> std::result::Result<(), Refusal> {
        let mark = format!("{LOGGED_IN}\n");
        loop {
            let place = self.unread.make_contiguous().windows(mark.len()).position(|piece| piece == mark.as_bytes());
            if let Some(place) = place {
                self.unread.drain(..place + mark.len());
                // Only what the host sends counts.
                self.traffic = Traffic { received: traffic.received + self.unread.len() as u64, ..traffic };
                return Ok(());
            }
            if self.stdout.is_none() {
                self.wait_for_words(until);
                return Err(refusal(&self.target, &self.system.targets, &self.stderr()));
            }
            if Instant::now() >= until {
                let words = format!("{}\nno login in {} s", self.stderr(), self.system.patience().as_secs());
                return Err(refusal(&self.target, &self.system.targets, &words));
            }
            self.pump(until, false).map_err(Refusal::of)?;
        }
    }

    /// Waits until a pipe is worth looking at, or `until`, and takes what has come.
    fn pump(&mut self, until: Instant, sending: bool) -> Result<()> {
        let timeout = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
        let mut pipes = Vec::with_capacity(3);
        pipes.extend(self.stdout.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        pipes.extend(self.stderr.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        pipes.extend(self.stdin.as_ref().filter(|_| sending).map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        match poll(&mut pipes, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(lost(&self.target, &error.to_string())),
        }
        drop(pipes);
        let taken = take(&mut self.stdout, &mut self.piece, &mut self.unread)
            + take(&mut self.stderr, &mut self.piece, &mut self.words);
        self.traffic.received += taken as u64;
        self.words.drain(..self.words.len().saturating_sub(STDERR_KEPT));
        match self.unread.len() > UNREAD {
            true => Err(lost(&self.target, "it sends without end")),
            false => Ok(()),
        }
    }

    /// The end of stderr, when stdout has ended; a jump host's ssh may hold it open.
    fn wait_for_words(&mut self, until: Instant) {
        let until = until.min(Instant::now() + Duration::from_secs(1));
        while self.stderr.is_some() && Instant::now() < until && self.pump(until, false).is_ok() {}
    }

    fn status(&mut self, until: Instant) -> Result<Option<i32>> {
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(Some(status.code().unwrap_or(OF_SSH))),
                Ok(None) if Instant::now() >= until => return Ok(None),
                Ok(None) => std::thread::sleep(LOOK),
                Err(error) => return Err(lost(&self.target, &error.to_string())),
            }
        }
    }

    /// What it means that ssh takes no more: the connection is gone, or the command has ended.
    fn broken_off(&mut self) -> Failure {
        let until = Instant::now() + Duration::from_secs(2);
        self.wait_for_words(until);
        match self.status(until) {
            Ok(Some(OF_SSH)) => lost(&self.target, self.stderr().trim()),
            _ => ended_early(&self.target.name, &self.stderr()),
        }
    }
}

/// Takes what a pipe has, at most one piece; a pipe that has ended is closed.
fn take(pipe: &mut Option<impl io::Read>, piece: &mut [u8], into: &mut VecDeque<u8>) -> usize {
    let Some(open) = pipe else { return 0 };
    match open.read(piece) {
        Ok(0) => *pipe = None,
        Ok(count) => {
            into.extend(&piece[..count]);
            return count;
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
        Err(_) => *pipe = None,
    }
    0
}

impl Channel for SystemChannel {
    fn write_all(&mut self, bytes: &[u8], until: Instant) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(stdin) = self.stdin.as_mut().filter(|_| self.stdout.is_some()) else {
                return Err(self.broken_off());
            };
            match stdin.write(rest) {
                Ok(count) => {
                    rest = &rest[count..];
                    self.traffic.sent += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if Instant::now() >= until {
                        return Err(Failure::operation(format!(
                            "host `{}` does not take what is sent to it: {} bytes of {} are left",
                            self.target.name,
                            rest.len(),
                            bytes.len()
                        )));
                    }
                    self.pump(until, true)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(self.broken_off()),
            }
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<Read> {
        let until = Instant::now() + timeout;
        loop {
            if !self.unread.is_empty() {
                return Ok(Read::Data(self.unread.read(buffer).unwrap_or(0)));
            }
            if self.stdout.is_none() {
                self.wait_for_words(until.max(Instant::now() + LOOK));
                return match self.status(Instant::now() + Duration::from_secs(1))? {
                    Some(OF_SSH) => Err(self.broken_off()),
                    _ => Ok(Read::Eof),
                };
            }
            if Instant::now() >= until {
                return Ok(Read::Timeout);
            }
            self.pump(until, false)?;
        }
    }

    fn finish(mut self: Box<Self>, within: Duration) -> Result<(Box<dyn Session>, Exit)> {
        let until = Instant::now() + within;
        self.stdin = None;
        while self.stdout.is_some() && Instant::now() < until {
            self.pump(until, false)?;
            self.unread.clear();
        }
        let status = match self.stdout {
            None => self.status(until)?,
            Some(_) => None,
        };
        let Some(status) = status else {
            return Err(Failure::operation(format!(
                "host `{}`: a command did not end within {} s",
                self.target.name,
                within.as_secs()
            )));
        };
        self.wait_for_words(until);
        if status == OF_SSH {
            return Err(self.broken_off());
        }
        let exit = Exit { status, signal: None, stderr: self.stderr() };
        let session =
            SystemSession { system: Arc::clone(&self.system), target: self.target.clone(), traffic: self.traffic };
        Ok((Box::new(session), exit))
    }

    fn stderr(&self) -> String {
        tail(&self.words)
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }
}

impl Drop for SystemChannel {
    fn drop(&mut self) {
        // Its jump hosts' processes are of its group; one that has ended by itself is only taken off the list.
        if let (Ok(None), Some(group)) = (self.child.try_wait(), Pid::from_raw(self.child.id() as i32)) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
