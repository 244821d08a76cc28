//! Kinds of failure, their exit codes, and the hints that say what to do next. Open to every room.

use std::fmt;

/// What went wrong, as far as the caller of the command has to tell cases apart.
///
/// The kind alone decides the exit code; `reference` is the table in `comuni --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An operation failed (exit 1).
    Operation,
    /// Changes are pending (exit 2, only with `--detailed-exitcode`).
    Pending,
    /// Some done and some not (exit 3).
    Partial,
    /// Verification found damage (exit 4).
    Damage,
    /// Stale or missing beyond the recovery point objective (exit 5).
    Stale,
    /// Somebody holds the lock (exit 6).
    Busy,
    /// Nothing could be concluded (exit 7).
    Inconclusive,
    /// The command line is wrong (exit 64).
    Usage,
    /// The inventory is invalid, or older than what was last applied (exit 65).
    Inventory,
    /// Interrupted by SIGINT (exit 130).
    Interrupted,
    /// Ended by SIGTERM (exit 143).
    Terminated,
}

impl Kind {
    /// The process exit code of this kind.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Operation => 1,
            Kind::Pending => 2,
            Kind::Partial => 3,
            Kind::Damage => 4,
            Kind::Stale => 5,
            Kind::Busy => 6,
            Kind::Inconclusive => 7,
            Kind::Usage => 64,
            Kind::Inventory => 65,
            Kind::Interrupted => 130,
            Kind::Terminated => 143,
        }
    }

    /// Rank over many hosts or members, the worst first: 4, 5, 1, 3, 7, 6, 2.
    ///
    /// What stops the whole command (usage, inventory, signals) is worse than any of them.
    fn severity(self) -> u8 {
        match self {
            Kind::Terminated | Kind::Interrupted => 10,
            Kind::Usage | Kind::Inventory => 9,
            Kind::Damage => 7,
            Kind::Stale => 6,
            Kind::Operation => 5,
            Kind::Partial => 4,
            Kind::Inconclusive => 3,
            Kind::Busy => 2,
            Kind::Pending => 1,
        }
    }

    /// The worst of many kinds, or `None` when there is none.
    pub fn worst(kinds: impl IntoIterator<Item = Kind>) -> Option<Kind> {
        kinds.into_iter().max_by_key(|kind| kind.severity())
    }

    /// What a verb that changes comes to over many: partial when some of them were done, the worst when none was.
    pub fn of_many(kinds: impl IntoIterator<Item = Kind>, done: usize) -> Option<Kind> {
        match Kind::worst(kinds) {
            kind @ Some(Kind::Interrupted | Kind::Terminated) => kind,
            Some(_) if done > 0 => Some(Kind::Partial),
            kind => kind,
        }
    }
}

/// A failure as a person reads it: what, where and why in the message, the remedy in the hints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Decides the exit code.
    pub kind: Kind,
    /// What went wrong, where, and why. May have several lines; holds no secret.
    pub message: String,
    /// What to do next, one sentence each.
    pub hints: Vec<String>,
}

/// The result of anything that can fail in front of a person.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure of `kind` with `message`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into(), hints: Vec::new() }
    }

    /// A failed operation (exit 1).
    pub fn operation(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Operation, message)
    }

    /// Wrong use of the command line (exit 64).
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Usage, message)
    }

    /// An invalid inventory (exit 65).
    pub fn inventory(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Inventory, message)
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }

    /// All of it as one text, what to do next in lines of its own: for where a failure is told and not returned.
    pub fn told(&self) -> String {
        let hints = self.hints.iter().map(|hint| format!("\nhint: {hint}"));
        [self.message.clone()].into_iter().chain(hints).collect()
    }

    /// Puts the circumstance before the message: `circumstance: message`.
    pub fn context(mut self, circumstance: impl fmt::Display) -> Failure {
        self.message = format!("{circumstance}: {}", self.message);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_next_is_told_behind_the_message() {
        let failure = Failure::operation("no room").hint("free some").hint("or add a disk");
        assert_eq!(failure.told(), "no room\nhint: free some\nhint: or add a disk");
    }

    #[test]
    fn the_worst_of_many_wins_in_the_order_of_the_contract() {
        let order =
            [Kind::Damage, Kind::Stale, Kind::Operation, Kind::Partial, Kind::Inconclusive, Kind::Busy, Kind::Pending];
        for (place, worse) in order.iter().enumerate() {
            for better in &order[place..] {
                assert_eq!(Kind::worst([*better, *worse]), Some(*worse));
            }
        }
        assert_eq!(Kind::worst([]), None);
    }

    #[test]
    fn who_did_some_of_many_did_a_part_unless_somebody_stopped_it() {
        assert_eq!(Kind::of_many([], 3), None);
        assert_eq!(Kind::of_many([Kind::Busy, Kind::Operation], 1), Some(Kind::Partial));
        assert_eq!(Kind::of_many([Kind::Busy, Kind::Operation], 0), Some(Kind::Operation));
        assert_eq!(Kind::of_many([Kind::Interrupted], 2), Some(Kind::Interrupted));
    }
}
