//! Starts the host half over ssh: one exec when it is there, two when it must be sent first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::host_half::HostHalf;
use super::lines::{Lines, PROMPT};
use super::wire::{Opening, Transport, Wire};
use crate::failure::{Failure, Result};
use crate::ssh::{Concealed, Credentials, Limits, Logins, Sudo, Target};

/// The only architecture that a host half is built for, by `uname -m`.
pub(super) const ARCHITECTURE: &str = "x86_64";

/// How long sending the host half may take.
const INSTALL: Duration = Duration::from_secs(600);

/// How long closing a command may take.
const CLOSE: Duration = Duration::from_secs(15);

/// Begins a line of our own in the output of the start commands.
pub(super) const MARK: &str = "comuni-start ";

/// Hosts over ssh.
pub struct Ssh {
    /// Where and how to log in.
    pub logins: Logins,
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
        let logins = Logins::new(targets, credentials, limits);
        Ssh { logins, host_half, folder: "/usr/local/lib/comuni".to_string() }
    }

    /// The password for a host on which sudo asks for one.
    pub(super) fn password(&self, target: &Target) -> Result<Option<Concealed>> {
        match (target.sudo, &self.logins.credentials().sudo_password) {
            (Sudo::Password, Some(password)) => Ok(Some(password.clone())),
            (Sudo::Password, None) => Err(no_password(&target.name)),
            _ => Ok(None),
        }
    }

    /// `-k`: a password that is remembered from before is not counted on, so that sudo either asks or never will.
    pub(super) fn become_root(target: &Target) -> String {
        match target.sudo {
            Sudo::No => String::new(),
            Sudo::Free => "sudo -n -- ".to_string(),
            Sudo::Password => format!("sudo -k -S -p {PROMPT} -- "),
        }
    }

    pub(super) fn installed(&self) -> String {
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
        // What is sent before sudo has its answer would be taken for it.
        let begun =
            if target.sudo == Sudo::Password { format!("printf \"\\n{MARK}root\\n\"; ") } else { String::new() };
        let root = Self::become_root(target);
        let script = format!(
            "{begun}set -eu; umask 022; mkdir -p {folder}; t=$(mktemp {folder}/.incoming-XXXXXXXX); \
             trap \"rm -f $t\" EXIT; trap \"exit 1\" HUP INT PIPE TERM; head -c {size} >$t; \
             echo \"{sha256}  $t\" | sha256sum -c --status 2>/dev/null || {{ rm -f $t; printf \"\\n{MARK}damaged\\n\"; exit 1; }}; \
             chmod 0755 $t; sync $t; mv -f $t {installed}; trap - EXIT HUP INT PIPE TERM; \
             ls -1t {folder}/comuni-host-* | tail -n +3 | while read -r old; do rm -f \"$old\"; done; \
             ln -s comuni-host-{sha256} $t.link; mv -fT $t.link {folder}/comuni-host; \
             find {folder} -name \".incoming-*\" -mmin +60 -delete; \
             printf \"\\n{MARK}ready\\n\"; exec {installed} serve --auth-info \"$1\""
        );
        format!("exec /bin/sh -c 'exec {root}/bin/sh -c \"$1\" comuni \"${{SSH_USER_AUTH-}}\"' comuni '{script}'")
    }

    fn start(&self, target: &Target, progress: &dyn Fn(Opening)) -> Result<Lines> {
        let password = self.password(target)?;
        let session = self.logins.connect(&target.name)?;
        let mut lines = Lines::new(session.exec(&self.probe(target))?, password.clone());
        progress(Opening::LoggedIn);
        match lines.mark(target)?.as_str() {
            "ready" => return lines.greeted(target),
            "missing" => {}
            other => return Err(refused(target, other)),
        }
        let session = lines.close(CLOSE)?;
        progress(Opening::Installing { bytes: self.host_half.bytes.len() as u64 });
        let mut lines = Lines::new(session.exec(&self.install(target))?, password);
        if target.sudo == Sudo::Password && lines.mark(target)? != "root" {
            return Err(start_failed(target, "it says something else than that it is root"));
        }
        let sent = lines.send_raw(&self.host_half.bytes, Instant::now() + INSTALL);
        sent.map_err(|failure| start_failed(target, &failure.message))?;
        match lines.mark(target)?.as_str() {
            "ready" => lines.greeted(target),
            other => Err(refused(target, other)),
        }
    }
}

impl Transport for Ssh {
    fn open(&self, host: &str, progress: &dyn Fn(Opening)) -> Result<Box<dyn Wire>> {
        let lines = self.start(self.logins.target(host)?, progress)?;
        Ok(Box::new(lines))
    }

    fn confirm(&self, host: &str, token: &str) -> Result<()> {
        let target = self.logins.target(host)?;
        let known = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-';
        if token.is_empty() || token.len() > 128 || !token.bytes().all(known) {
            return Err(Failure::operation(format!("host `{host}` asks to confirm something that is no token")));
        }
        let password = self.password(target)?;
        let session = self.logins.connect(host)?;
        let command = format!("exec {}{} confirm {token}", Self::become_root(target), self.installed());
        let exit = Lines::new(session.exec(&command)?, password).read_out(target, CLOSE)?;
        if exit.success() {
            return Ok(());
        }
        Err(Failure::operation(format!("host `{host}` did not take the confirmation: {exit}")))
    }
}

fn no_password(host: &str) -> Failure {
    Failure::usage(format!("host `{host}` asks for a password for sudo, and there is none"))
        .hint("name a file that holds it by --sudo-password-file or COMUNI_SUDO_PASSWORD_FILE, or run on a terminal")
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

pub(super) fn start_failed(target: &Target, why: &str) -> Failure {
    let failure = Failure::operation(format!("host `{}`: our half does not start there: {why}", target.name));
    match target.sudo {
        Sudo::Free => failure.hint(format!(
            "`sudo -n true` as `{user}` on the machine must work without a password: add `{user} ALL=(ALL) NOPASSWD: ALL` \
             with visudo, say `sudo: password` under `login` in hosts.yml, or log in as root",
            user = target.user
        )),
        Sudo::Password => failure.hint(format!(
            "`sudo true` as `{user}` on the machine must work with the password of `{user}`: add `{user} ALL=(ALL) ALL` \
             with visudo",
            user = target.user
        )),
        Sudo::No if target.user != "root" => {
            failure.hint("it must run as root: set `sudo: true` under `login` in hosts.yml, or log in as root")
        }
        Sudo::No => failure.hint("see that /usr/local is writable there and not mounted noexec"),
    }
}

impl From<Ssh> for Arc<dyn Transport> {
    fn from(ssh: Ssh) -> Arc<dyn Transport> {
        Arc::new(ssh)
    }
}
