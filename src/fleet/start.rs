//! Starts the host half over ssh: one exec when it is there, two when it must be sent first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::host_half::HostHalf;
use super::wire::{Opening, Received, Transport, Wire};
use crate::failure::{Failure, Result};
use crate::ssh::{Channel, Credentials, Exit, Limits, Read, Session, Target, Traffic};

/// The only architecture that a host half is built for, by `uname -m`.
const ARCHITECTURE: &str = "x86_64";

/// How much may come before the Hello: login banners, a talkative shell profile.
const NOISE: usize = 64 * 1024;

/// Longest line that is read, as in `protocol`.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// How long a host may take to start its half, beside the time for sending it.
const START: Duration = Duration::from_secs(60);

/// How long sending the host half may take.
const INSTALL: Duration = Duration::from_secs(600);

/// How long closing a command may take.
const CLOSE: Duration = Duration::from_secs(15);

/// Begins a line of our own in the output of the start commands.
const MARK: &str = "comuni-start ";

/// Hosts over ssh.
pub struct Ssh {
    /// Where to log in, by the hosts' names.
    pub targets: BTreeMap<String, Target>,
    /// What proves who we are.
    pub credentials: Credentials,
    /// How long to wait for a host.
    pub limits: Limits,
    /// What runs there.
    pub host_half: HostHalf,
    /// Where it is installed: absolute, of letters, digits, `/`, `.`, `-` and `_` only.
    pub folder: String,
}

impl Ssh {
    /// Hosts whose half is installed in `/usr/local/lib/comuni`.
    pub fn new(
        targets: impl IntoIterator<Item = Target>,
        credentials: Credentials,
        limits: Limits,
        host_half: HostHalf,
    ) -> Ssh {
        let targets = targets.into_iter().map(|target| (target.name.clone(), target)).collect();
        Ssh { targets, credentials, limits, host_half, folder: "/usr/local/lib/comuni".to_string() }
    }

    fn target(&self, host: &str) -> Result<&Target> {
        self.targets.get(host).ok_or_else(|| Failure::inventory(format!("there is no host `{host}` in hosts.yml")))
    }

    fn become_root(target: &Target) -> &'static str {
        if target.sudo { "sudo -n -- " } else { "" }
    }

    fn installed(&self) -> String {
        format!("{}/comuni-host-{}", self.folder, self.host_half.sha256)
    }

    /// Tells what is there, and when that is right, becomes it.
    ///
    /// Written without single quotes, for it stands between them: the account's login shell may be any.
    fn probe(&self, target: &Target) -> String {
        let (installed, sha256) = (self.installed(), &self.host_half.sha256);
        let root = Self::become_root(target);
        format!(
            "exec /bin/sh -c 'm=$(uname -m); \
             if [ \"$m\" != {ARCHITECTURE} ]; then printf \"\\n{MARK}architecture %s\\n\" \"$m\"; exit 0; fi; \
             if echo \"{sha256}  {installed}\" | sha256sum -c --status 2>/dev/null; then printf \"\\n{MARK}ready\\n\"; \
             exec {root}{installed} serve --auth-info \"${{SSH_USER_AUTH-}}\"; fi; printf \"\\n{MARK}missing\\n\"'"
        )
    }

    /// Reads the host half from stdin, checks it, puts it in place, removes all but the two newest, becomes it.
    fn install(&self, target: &Target) -> String {
        let (folder, installed, sha256) = (&self.folder, self.installed(), &self.host_half.sha256);
        let size = self.host_half.bytes.len();
        let root = Self::become_root(target);
        let script = format!(
            "set -eu; umask 022; mkdir -p {folder}; t=$(mktemp {folder}/.incoming-XXXXXXXX); \
             trap \"rm -f $t\" EXIT; trap \"exit 1\" HUP INT PIPE TERM; head -c {size} >$t; \
             echo \"{sha256}  $t\" | sha256sum -c --status 2>/dev/null || {{ rm -f $t; printf \"\\n{MARK}damaged\\n\"; exit 1; }}; \
             chmod 0755 $t; sync $t; mv -f $t {installed}; trap - EXIT HUP INT PIPE TERM; \
             ls -1t {folder}/comuni-host-* | tail -n +3 | while read -r old; do rm -f \"$old\"; done; \
             find {folder} -name \".incoming-*\" -mmin +60 -delete; \
             printf \"\\n{MARK}ready\\n\"; exec {installed} serve --auth-info \"$1\""
        );
        format!("exec /bin/sh -c 'exec {root}/bin/sh -c \"$1\" comuni \"${{SSH_USER_AUTH-}}\"' comuni '{script}'")
    }

    fn start(&self, target: &Target, progress: &dyn Fn(Opening)) -> Result<Lines> {
        let session = Session::connect(target, &self.credentials, &self.limits)?;
        progress(Opening::LoggedIn);
        let mut lines = Lines::new(session.exec(&self.probe(target))?);
        match lines.mark(target)?.as_str() {
            "ready" => return lines.greeted(target),
            "missing" => {}
            other => return Err(refused(target, other)),
        }
        let (session, _) = lines.channel.finish(CLOSE)?;
        progress(Opening::Installing { bytes: self.host_half.bytes.len() as u64 });
        let mut lines = Lines::new(session.exec(&self.install(target))?);
        let sent = lines.channel.write_all(&self.host_half.bytes, Instant::now() + INSTALL);
        sent.map_err(|failure| start_failed(target, &failure.message))?;
        match lines.mark(target)?.as_str() {
            "ready" => lines.greeted(target),
            other => Err(refused(target, other)),
        }
    }
}

impl Transport for Ssh {
    fn open(&self, host: &str, progress: &dyn Fn(Opening)) -> Result<Box<dyn Wire>> {
        let lines = self.start(self.target(host)?, progress)?;
        Ok(Box::new(lines))
    }

    fn confirm(&self, host: &str, token: &str) -> Result<()> {
        let target = self.target(host)?;
        let known = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-';
        if token.is_empty() || token.len() > 128 || !token.bytes().all(known) {
            return Err(Failure::operation(format!("host `{host}` asks to confirm something that is no token")));
        }
        let session = Session::connect(target, &self.credentials, &self.limits)?;
        let command = format!("exec {}{} confirm {token}", Self::become_root(target), self.installed());
        let (_, exit) = session.exec(&command)?.finish(CLOSE)?;
        if exit.success() {
            return Ok(());
        }
        Err(Failure::operation(format!("host `{host}` did not take the confirmation: {exit}")))
    }
}

fn refused(target: &Target, mark: &str) -> Failure {
    match mark.split_once(' ') {
        Some(("architecture", found)) => Failure::operation(format!(
            "host `{}` has the architecture {found}; the host half is built for {ARCHITECTURE} only",
            target.name
        )),
        _ => start_failed(target, &format!("what arrived there is {mark}")),
    }
}

fn start_failed(target: &Target, why: &str) -> Failure {
    let failure = Failure::operation(format!("host `{}`: our half does not start there: {why}", target.name));
    match target.sudo {
        true => failure.hint(format!(
            "`sudo -n true` as `{user}` on the machine must work without a password: add `{user} ALL=(ALL) NOPASSWD: ALL` \
             with visudo, or log in as root (`login: {{ user: root }}` in hosts.yml)",
            user = target.user
        )),
        false if target.user != "root" => {
            failure.hint("it must run as root: set `sudo: true` under `login` in hosts.yml, or log in as root")
        }
        false => failure.hint("see that /usr/local is writable there and not mounted noexec"),
    }
}

/// The lines of a command's output.
struct Lines {
    channel: Channel,
    buffer: Vec<u8>,
    /// How much of `buffer` is known to hold no newline.
    searched: usize,
    /// The Hello, read while skipping noise.
    hello: Option<Vec<u8>>,
    piece: Box<[u8]>,
    noise: usize,
}

impl Lines {
    fn new(channel: Channel) -> Lines {
        let piece = vec![0; 64 * 1024].into_boxed_slice();
        Lines { channel, buffer: Vec::new(), searched: 0, hello: None, piece, noise: 0 }
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
            match self.next(until.saturating_duration_since(Instant::now()))? {
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

    fn last_words(&self) -> String {
        match self.channel.stderr().trim() {
            "" => "it ended without a word".to_string(),
            words => words.to_string(),
        }
    }

    fn mark(&mut self, target: &Target) -> Result<String> {
        self.skip_to(target, |line| {
            let line = std::str::from_utf8(line).ok()?;
            line.strip_prefix(MARK).map(|mark| mark.trim_end().to_string())
        })
    }

    /// Waits for the Hello and keeps it as the first line.
    fn greeted(mut self, target: &Target) -> Result<Lines> {
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
        self.channel.finish(within).map(|(_, exit)| exit)
    }

    fn traffic(&self) -> Traffic {
        self.channel.traffic()
    }
}

impl From<Ssh> for Arc<dyn Transport> {
    fn from(ssh: Ssh) -> Arc<dyn Transport> {
        Arc::new(ssh)
    }
}
