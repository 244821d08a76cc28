//! The output of a started command as lines: noise before the first of ours, and sudo's question, which is answered once.

use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::start::{MARK, start_failed};
use super::wire::{Received, Wire};
use crate::failure::{Failure, Result};
use crate::ssh::{Channel, Concealed, Exit, Read, Session, Target, Traffic};

/// How much may come before the Hello: login banners, a talkative shell profile.
const NOISE: usize = 64 * 1024;

/// Longest line that is read, as in `protocol`.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// How long a host may take to start its half, beside the time for sending it.
const START: Duration = Duration::from_secs(60);

/// What sudo asks with. It comes on stderr, where its turn is not told: we look again after so long.
pub(super) const PROMPT: &str = "comuni-asks-for-the-password:";
const LOOK: Duration = Duration::from_millis(10);

/// The lines of a command's output.
pub(super) struct Lines {
    channel: Box<dyn Channel>,
    buffer: Vec<u8>,
    /// How much of `buffer` is known to hold no newline.
    searched: usize,
    /// The Hello, read while skipping noise.
    hello: Option<Vec<u8>>,
    piece: Box<[u8]>,
    noise: usize,
    /// What sudo is answered when it asks, until it did.
    password: Option<Concealed>,
    /// The command has a sudo that may ask.
    watches_sudo: bool,
}

impl Lines {
    /// The output of a command whose sudo, if it has one, is answered with `password`, once.
    pub(super) fn new(channel: Box<dyn Channel>, password: Option<Concealed>) -> Lines {
        let piece = vec![0; 64 * 1024].into_boxed_slice();
        let watches_sudo = password.is_some();
        Lines { channel, buffer: Vec::new(), searched: 0, hello: None, piece, noise: 0, password, watches_sudo }
    }

    fn next(&mut self, timeout: Duration) -> Result<Received> {
        let until = Instant::now() + timeout;
        loop {
            if let Some(end) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(self.searched + end + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.pop();
                self.searched = 0;
                return Ok(Received::Line(line));
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > LONGEST_LINE {
                return Err(Failure::operation("the host sends a line that is longer than 64 MiB"));
            }
            match self.channel.read(&mut self.piece, until.saturating_duration_since(Instant::now()))? {
                Read::Data(count) => self.buffer.extend_from_slice(&self.piece[..count]),
                Read::Timeout => return Ok(Received::Nothing),
                Read::Eof if self.buffer.is_empty() => return Ok(Received::End),
                Read::Eof => {
                    let words = self.channel.stderr();
                    return Err(Failure::operation(format!("the host half ended in the middle of a line\n{words}")));
                }
            }
        }
    }

    /// Skips noise up to a line that `wanted` knows.
    fn skip_to<T>(&mut self, target: &Target, wanted: impl Fn(&[u8]) -> Option<T>) -> Result<T> {
        let until = Instant::now() + START;
        loop {
            match self.next_or_password(target, until)? {
                Received::Line(line) => {
                    if let Some(found) = wanted(&line) {
                        return Ok(found);
                    }
                    self.noise += line.len() + 1;
                    if self.noise > NOISE {
                        let start = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
                        return Err(start_failed(target, &format!("the login shell prints without end: {start:?}..."))
                            .hint("let the account's shell profile print nothing when there is no terminal"));
                    }
                }
                Received::Nothing => return Err(start_failed(target, &format!("no answer in {} s", START.as_secs()))),
                Received::End => return Err(start_failed(target, &self.last_words())),
            }
        }
    }

    /// As `next`; meanwhile answers sudo when it asks.
    fn next_or_password(&mut self, target: &Target, until: Instant) -> Result<Received> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let patience = if self.watches_sudo { left.min(LOOK) } else { left };
            let received = self.next(patience)?;
            if self.watches_sudo {
                self.answer_sudo(target)?;
            }
            if received != Received::Nothing || left <= patience {
                return Ok(received);
            }
        }
    }

    /// sudo asks on its stderr. A wrong answer is not repeated: accounts are locked after some.
    fn answer_sudo(&mut self, target: &Target) -> Result<()> {
        match (self.channel.stderr().matches(PROMPT).count(), self.password.take()) {
            (0, password) => self.password = password,
            (1, Some(password)) => {
                let line = Zeroizing::new(format!("{}\n", password.expose()));
                self.channel.write_all(line.as_bytes(), Instant::now() + START)?;
            }
            (1, None) => {}
            _ => return Err(wrong_password(target)),
        }
        Ok(())
    }

    /// Reads to the end of the output, and answers sudo meanwhile.
    pub(super) fn read_out(mut self, target: &Target, within: Duration) -> Result<Exit> {
        let until = Instant::now() + within;
        while let Received::Line(_) = self.next_or_password(target, until)? {}
        Box::new(self).finish(within)
    }

    /// The next line as text.
    pub(super) fn line(&mut self, target: &Target, within: Duration) -> Result<String> {
        match self.next_or_password(target, Instant::now() + within)? {
            Received::Line(line) => Ok(String::from_utf8_lossy(&line).into_owned()),
            Received::Nothing => Err(start_failed(target, &format!("no answer in {} s", within.as_secs()))),
            Received::End => Err(start_failed(target, &self.last_words())),
        }
    }

    /// Sends bytes that are no line.
    pub(super) fn send_raw(&mut self, bytes: &[u8], until: Instant) -> Result<()> {
        self.channel.write_all(bytes, until)
    }

    /// Ends the command and gives the session back.
    pub(super) fn close(self, within: Duration) -> Result<Box<dyn Session>> {
        self.channel.finish(within).map(|(session, _)| session)
    }

    fn last_words(&self) -> String {
        match without_prompt(&self.channel.stderr()).trim() {
            "" => "it ended without a word".to_string(),
            words => words.to_string(),
        }
    }

    pub(super) fn mark(&mut self, target: &Target) -> Result<String> {
        self.skip_to(target, |line| {
            let line = std::str::from_utf8(line).ok()?;
            line.strip_prefix(MARK).map(|mark| mark.trim_end().to_string())
        })
    }

    /// Waits for the Hello and keeps it as the first line.
    pub(super) fn greeted(mut self, target: &Target) -> Result<Lines> {
        let hello = self.skip_to(target, |line| line.starts_with(b"{\"hello\"").then(|| line.to_vec()))?;
        self.hello = Some(hello);
        Ok(self)
    }
}

impl Wire for Lines {
    fn send(&mut self, line: &[u8], until: Instant) -> Result<()> {
        self.channel.write_all(line, until)
    }

    fn receive(&mut self, timeout: Duration) -> Result<Received> {
        match self.hello.take() {
            Some(hello) => Ok(Received::Line(hello)),
            None => self.next(timeout),
        }
    }

    fn finish(self: Box<Self>, within: Duration) -> Result<Exit> {
        let (_, exit) = self.channel.finish(within)?;
        Ok(Exit { stderr: without_prompt(&exit.stderr), ..exit })
    }

    fn traffic(&self) -> Traffic {
        self.channel.traffic()
    }
}

fn without_prompt(words: &str) -> String {
    words.replace(PROMPT, "")
}

fn wrong_password(target: &Target) -> Failure {
    Failure::operation(format!(
        "host `{}`: sudo does not take the password of `{}`; it was tried once and will not be tried again in this run",
        target.name, target.user
    ))
    .hint(format!("try it by hand (`ssh {}@{} sudo -v`), then run again", target.user, target.address))
}
