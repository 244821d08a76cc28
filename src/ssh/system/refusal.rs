//! What ssh's words mean when it has not logged in.

use std::collections::BTreeMap;
use std::io;

use super::super::host_key::{self, HostKey};
use super::super::shown::ShownKey;
use super::super::{Proof, Target};
use crate::failure::Failure;

/// Why there is no login.
pub(super) struct Refusal {
    pub(super) failure: Failure,
    /// sshd closed the connection before its banner: too many at once, worth another attempt.
    pub(super) dropped: bool,
}

impl Refusal {
    pub(super) fn of(failure: Failure) -> Refusal {
        Refusal { failure, dropped: false }
    }
}

pub(super) fn refusal(target: &Target, targets: &BTreeMap<String, Target>, words: &str) -> Refusal {
    let words = words.trim();
    let cut = |line: &str| {
        line.starts_with("kex_exchange_identification:")
            || line.starts_with("Connection closed by")
            || line.starts_with("Connection reset by")
    };
    if words.lines().next().is_some_and(|line| line.starts_with("kex_exchange_identification:"))
        && words.lines().all(cut)
    {
        let failure = unreachable(target, words).hint(
            "sshd turned us away before its banner: look at `MaxStartups` in its configuration, at its log, and at what \
             else logs in there",
        );
        return Refusal { failure, dropped: true };
    }
    Refusal::of(explained(target, targets, words))
}

fn explained(target: &Target, targets: &BTreeMap<String, Target>, words: &str) -> Failure {
    if let Some(changed) = changed(target, targets, words) {
        return changed;
    }
    if words.contains("Host key verification failed") || words.contains("no matching host key type") {
        return unproven(target, words);
    }
    if words.contains("Permission denied (") || words.contains("Too many authentication failures") {
        return not_let_in(target, words);
    }
    unreachable(target, words)
}

/// Another key than the pinned one: of the host, or of one on the way.
fn changed(target: &Target, targets: &BTreeMap<String, Target>, words: &str) -> Option<Failure> {
    let name = words.split_once("Host key for ")?.1.split_once(" has changed")?.0;
    let shown = words.split_ascii_whitespace().find(|word| word.starts_with("SHA256:"))?.trim_end_matches('.');
    let changed = targets.get(name).or_else(|| (name == target.name).then_some(target))?;
    let pinned = HostKey::pinned(changed).ok()?;
    let failure = host_key::changed(changed, &pinned.fingerprint(), shown);
    Some(if changed.name == target.name {
        failure
    } else {
        failure.context(format!("on the way to host `{}`", target.name))
    })
}

fn unproven(target: &Target, words: &str) -> Failure {
    match &target.proof {
        Proof::Authority { key, principal } => {
            let authority = ShownKey::of_line(key).map(|key| key.fingerprint).unwrap_or_default();
            Failure::operation(format!(
                "host `{}` ({} port {}) shows no valid certificate for `{principal}` of the authority {authority}; \
                 nothing was sent\n{}",
                target.name,
                target.address,
                target.port,
                indented(words)
            ))
            .hint(format!(
                "`ssh-keygen -L -f /etc/ssh/ssh_host_ed25519_key-cert.pub` on the machine shows its names and its time; \
                 `HostCertificate` in sshd's configuration must name it, and `host_ca: {{ principal }}` of `{}` in \
                 hosts.yml one of its names",
                target.name
            ))
        }
        _ => Failure::operation(format!(
            "host `{}` ({} port {}): who is on the way cannot be proven; nothing was sent\n{}",
            target.name,
            target.address,
            target.port,
            indented(words)
        ))
        .hint(format!(
            "a jump host of your own ~/.ssh/config must be in your known_hosts: log in there once by hand; if it is \
             `{0}` itself that shows no key of the pinned type, see `comuni hosts trust {0}`",
            target.name
        )),
    }
}

fn not_let_in(target: &Target, words: &str) -> Failure {
    Failure::operation(format!(
        "host `{}` ({} port {}) let us in as `{}` with none of our keys\n{}",
        target.name,
        target.address,
        target.port,
        target.user,
        indented(words)
    ))
    .hint(format!(
        "put the public key into `~{}/.ssh/authorized_keys` on the machine, or load a key that is there with `ssh-add`: \
         over the system's ssh a key with a passphrase works from the agent, or when `--key` names it",
        target.user
    ))
}

fn unreachable(target: &Target, words: &str) -> Failure {
    let via = target.via.as_ref().map(|via| format!(" through `{via}`")).unwrap_or_default();
    let words = if words.is_empty() { "ssh ended without a word" } else { words };
    Failure::operation(format!(
        "cannot reach host `{}` ({} port {}){via}: {}",
        target.name,
        target.address,
        target.port,
        words.replace('\n', "\n  ")
    ))
    .hint(
        "see that the machine runs, that `address`, `port` and `via` in hosts.yml are right, that no firewall is \
         between, and what your ~/.ssh/config says of it",
    )
}

/// A link that was there.
pub(super) fn lost(target: &Target, why: &str) -> Failure {
    let why = if why.is_empty() { "ssh has ended, or what it ran was killed" } else { why };
    Failure::operation(format!(
        "connection lost to host `{}` ({} port {}): {why}",
        target.name, target.address, target.port
    ))
    .hint(format!("see that `{}` runs and can be reached, then run the same command again", target.name))
}

pub(super) fn not_started(target: &Target, error: &io::Error) -> Failure {
    Failure::operation(format!("cannot start ssh for host `{}`: {error}", target.name))
        .hint("`transport: openssh` in hosts.yml needs the system's ssh: apt install openssh-client")
}

fn indented(words: &str) -> String {
    words.lines().map(|line| format!("  ssh: {line}")).collect::<Vec<_>>().join("\n")
}
