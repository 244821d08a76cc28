//! Which version of restic can do what. Read from its change log and tried with 0.14.

use std::fmt;

/// A version: `0.14.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Before the first dot.
    pub major: u32,
    /// After it.
    pub minor: u32,
    /// After the second.
    pub patch: u32,
}

/// The oldest that is known: that of Debian 12.
pub const MINIMUM: Version = Version { major: 0, minor: 14, patch: 0 };

/// The newest whose changes were read.
const NEWEST_KNOWN: Version = Version { major: 0, minor: 19, patch: u32::MAX };

/// What differs between versions, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Exit codes tell no repository (10), a lock (11) and a wrong password (12) apart.
    pub telling_exit_codes: bool,
    /// SIGTERM takes the lock away; before only SIGINT does.
    pub clean_on_terminate: bool,
    /// `backup --json` ends with the full id of the snapshot; before with eight digits of it.
    pub full_snapshot_id: bool,
    /// A path that is not there makes exit 3; before it makes exit 0.
    pub missing_path_is_told: bool,
    /// Nobody has read what changed in it.
    pub unknown: bool,
}

impl Version {
    /// From what `restic version` says: `restic 0.14.0 compiled with go1.19.8 on linux/amd64`.
    pub fn parse(text: &str) -> Option<Version> {
        let word = text.strip_prefix("restic ")?.split_whitespace().next()?;
        let plain = word.split(['-', '+']).next()?;
        let mut numbers = plain.split('.').map(|number| number.parse::<u32>().ok());
        Some(Version { major: numbers.next()??, minor: numbers.next()??, patch: numbers.next().flatten().unwrap_or(0) })
    }

    /// What it can do.
    pub fn capabilities(self) -> Capabilities {
        let from = |minor| self >= Version { major: 0, minor, patch: 0 };
        Capabilities {
            telling_exit_codes: self >= Version { major: 0, minor: 17, patch: 1 },
            clean_on_terminate: from(17),
            full_snapshot_id: from(15),
            missing_path_is_told: from(19),
            unknown: self > NEWEST_KNOWN,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}
