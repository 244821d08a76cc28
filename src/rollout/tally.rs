//! The stop rule.

/// How a run goes. What failed and what could not be reached count alike: of both nobody can say that it is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    stop_after: u32,
    bad: u32,
}

impl Tally {
    /// A run that stops after so many; after one at least.
    pub fn new(stop_after: u32) -> Tally {
        Tally { stop_after: stop_after.max(1), bad: 0 }
    }

    /// One more failed, or could not be reached.
    pub fn bad(&mut self) {
        self.bad += 1;
    }

    /// Nobody else is begun with.
    pub fn stops(&self) -> bool {
        self.bad >= self.stop_after
    }
}
