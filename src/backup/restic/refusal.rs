//! Why restic did not do it. 0.14 says it in words only; later versions by exit codes too.

use crate::failure::{Failure, Kind};
use crate::machine::Output;

/// What is wrong, as far as it has to be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// There is no repository.
    Missing,
    /// The key opens nothing there.
    Key,
    /// Somebody holds an exclusive lock.
    Locked,
    /// The other side cannot be reached, or was lost.
    Away,
    /// The other side has no room left.
    Full,
    /// The other side does not allow it.
    Denied,
    /// A signal asked us to end, or who listens failed: not restic's fault.
    Stopped,
    /// Anything else.
    Other,
}

/// A refusal with restic's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub trouble: Trouble,
    /// As a person reads it.
    pub failure: Failure,
}

impl Trouble {
    /// Whether waiting may help.
    pub fn may_pass(self) -> bool {
        matches!(self, Trouble::Locked | Trouble::Away)
    }

    /// By exit code and words. Codes come from restic's scripting page; words from trying.
    fn of(status: i32, words: &str) -> Trouble {
        let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
        match status {
            10 => Trouble::Missing,
            11 => Trouble::Locked,
            12 => Trouble::Key,
            _ if says(&["wrong password or no key found"]) => Trouble::Key,
            _ if says(&["already locked", "unable to create lock"]) && !says(&["403", "no space left"]) => {
                Trouble::Locked
            }
            _ if says(&["no space left", "disk quota exceeded", "507 "]) => Trouble::Full,
            _ if says(&["403 Forbidden", "(403)", "unexpected HTTP response (403)"]) => Trouble::Denied,
            _ if says(&[
                "Connection refused",
                "Connection timed out",
                "No route to host",
                "Connection reset",
                "Connection closed",
                "Broken pipe",
                "closed by remote host",
                "Could not resolve",
                "not responding",
                "client connection lost",
                "unexpected EOF",
                "error talking HTTP to rclone",
                "stdio connection already closed",
            ]) =>
            {
                Trouble::Away
            }
            _ if says(&["Is there a repository at", "unable to open config file", "does not exist"]) => {
                Trouble::Missing
            }
            _ => Trouble::Other,
        }
    }
}

/// A line of restic without what is around it; none when it is empty or only tells how far it is (`[0:02] 50.00%  1 / 2
/// packs`).
pub(super) fn worth_repeating(line: &str) -> Option<&str> {
    // What is drawn over on a terminal stands in one line: the last counts.
    let line = line.trim().rsplit('\r').next().unwrap_or_default().trim();
    let tells_time = line.strip_prefix('[').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    (!line.is_empty() && !tells_time).then_some(line)
}

impl Refusal {
    /// With words of our own.
    pub fn of(trouble: Trouble, words: impl Into<String>) -> Refusal {
        Refusal { trouble, failure: Failure::operation(words) }
    }

    /// From what a restic that failed has said.
    pub fn read(output: &Output) -> Refusal {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let stdout = String::from_utf8_lossy(&output.stdout);
        let said: Vec<&str> = stderr.lines().chain(stdout.lines()).filter_map(worth_repeating).collect();
        let words = if said.is_empty() { "it said nothing".to_string() } else { said.join("\n") };
        let trouble = Trouble::of(output.status, &words);
        let what = match trouble {
            Trouble::Missing => "there is no repository",
            Trouble::Key => "the key does not open the repository, or the repository has lost its keys",
            Trouble::Locked => "the repository is locked",
            Trouble::Away => "the repository cannot be reached",
            Trouble::Full => "the repository has no room left",
            Trouble::Denied => "the repository does not allow that",
            Trouble::Stopped | Trouble::Other => "restic failed",
        };
        let kind = if trouble == Trouble::Locked { Kind::Busy } else { Kind::Operation };
        let failure = Failure::new(kind, format!("{what} (exit {}): {words}", output.status));
        let failure = match trouble {
            Trouble::Missing => failure.hint(
                "nothing is made anew over a repository that was there: docs/backup.md, \"A repository that is lost\"",
            ),
            Trouble::Key => failure.hint("compare `secrets show` with the repository's keys: docs/backup.md, \"Keys\""),
            Trouble::Locked => {
                failure.hint("see who works on it; a lock that was left behind goes by itself after half an hour")
            }
            Trouble::Full => {
                failure.hint("make room on the host that keeps the repositories, then run again: what was sent is kept")
            }
            _ => failure,
        };
        Refusal { trouble, failure }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        let stopped = matches!(failure.kind, Kind::Interrupted | Kind::Terminated);
        Refusal { trouble: if stopped { Trouble::Stopped } else { Trouble::Other }, failure }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        refusal.failure
    }
}
