//! What came of an apply, per host and per owner, as plain data from which the exit code follows.

use std::collections::BTreeMap;

use crate::failure::{Failure, Kind};
use crate::protocol::Holder;
use crate::ssh::Traffic;

/// A resource that could not be fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceFailure {
    /// The resource, or the notification.
    pub id: String,
    /// Its owner.
    pub owner: String,
    /// With the command's own words.
    pub message: String,
}

/// A resource that is as far as it can be now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The resource.
    pub id: String,
    /// Its owner.
    pub owner: String,
    /// When an apply goes on with it: seconds since 1970-01-01T00:00:00Z.
    pub not_before: i64,
}

/// How a host's part ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostState {
    /// All that was wanted there is there.
    Done,
    /// Something was left undone or failed; the host itself answered to the end.
    Partial,
    /// Some of it could not even be compared, nothing else is missing.
    Inconclusive,
    /// It was lost on the way, in this step if one was going on.
    Lost {
        /// Why.
        failure: Failure,
        /// The step that was going on.
        during: Option<String>,
    },
    /// Somebody else works there.
    Busy(Holder),
    /// It could not be reached or compared.
    Unreachable(Failure),
    /// It did not take the request.
    Refused(Failure),
    /// It was compared but not selected for the apply.
    Untouched,
}

/// What happened on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostOutcome {
    /// How it ended.
    pub state: HostState,
    /// Resources that are right now and were not before.
    pub fixed: u32,
    /// Resources that were there as they must be, and were taken over.
    pub adopted: u32,
    /// What could not be fixed.
    pub failed: Vec<ResourceFailure>,
    /// What is left for an apply after its time.
    pub waiting: Vec<Waiting>,
    /// Ids and owners that were left out because their owner failed.
    pub skipped: Vec<(String, String)>,
    /// Ids and owners that were planned and never reached.
    pub remaining: Vec<(String, String)>,
    /// Archives that could not be brought, with why.
    pub archives: Vec<Failure>,
    /// Daemons that were told.
    pub notified: Vec<String>,
    /// The inventory revision is recorded there.
    pub recorded: bool,
    /// What went over its connection. Filled in by [`Outcome::ended`].
    pub traffic: Traffic,
}

impl HostOutcome {
    /// A host in this state on which nothing was done.
    pub fn new(state: HostState) -> HostOutcome {
        HostOutcome {
            state,
            fixed: 0,
            adopted: 0,
            failed: Vec::new(),
            waiting: Vec::new(),
            skipped: Vec::new(),
            remaining: Vec::new(),
            archives: Vec::new(),
            notified: Vec::new(),
            recorded: false,
            traffic: Traffic::default(),
        }
    }
}

/// What happened to one owner's resources over all hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnerOutcome {
    /// Resources that are right now and were not before.
    pub fixed: u32,
    /// Resources that could not be fixed.
    pub failed: u32,
    /// Resources that were left out or never reached.
    pub undone: u32,
    /// Why it was left out, with the host and the resource or the circumstance.
    pub left_out: Option<String>,
}

/// What came of an apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// By host.
    pub hosts: BTreeMap<String, HostOutcome>,
    /// By owner: those for whom something was planned or left out.
    pub owners: BTreeMap<String, OwnerOutcome>,
    /// A signal stopped the run.
    pub stopped: Option<Kind>,
}

/// How the streams ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// Hosts without an end marker and a clean exit.
    pub failures: BTreeMap<String, Failure>,
    /// What went over each connection.
    pub traffic: BTreeMap<String, Traffic>,
}

impl Outcome {
    /// Adds how the streams ended: a host without a clean end is no success.
    pub fn ended(&mut self, ended: Ended) {
        for (host, traffic) in ended.traffic {
            if let Some(outcome) = self.hosts.get_mut(&host) {
                outcome.traffic = traffic;
            }
        }
        for (host, failure) in ended.failures {
            if let Some(outcome) = self.hosts.get_mut(&host)
                && matches!(outcome.state, HostState::Done | HostState::Partial | HostState::Inconclusive)
            {
                outcome.state = HostState::Lost { failure, during: None };
            }
        }
    }

    /// What the exit code says; `None` when all went well.
    ///
    /// Some done and some not is 3; nothing done is the worst of the reasons. What waits for its time is pending.
    pub fn kind(&self) -> Option<Kind> {
        if let Some(kind) = self.stopped {
            return Some(kind);
        }
        let mut well = false;
        let mut reasons = Vec::new();
        for host in self.hosts.values() {
            well |= host.fixed > 0;
            if !host.waiting.is_empty() {
                reasons.push(Kind::Pending);
            }
            match &host.state {
                HostState::Done => well = true,
                HostState::Untouched => {}
                HostState::Busy(_) => reasons.push(Kind::Busy),
                HostState::Inconclusive => reasons.push(Kind::Inconclusive),
                HostState::Partial => reasons.push(Kind::Operation),
                HostState::Lost { failure, .. } | HostState::Unreachable(failure) | HostState::Refused(failure) => {
                    reasons.push(failure.kind)
                }
            }
        }
        let worst = Kind::worst(reasons)?;
        match worst {
            Kind::Operation | Kind::Busy if well => Some(Kind::Partial),
            worst => Some(worst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Operator;

    fn busy() -> HostState {
        HostState::Busy(Holder { operator: Operator::default(), verb: "apply".to_string(), since: 0 })
    }

    fn lost() -> HostState {
        HostState::Lost { failure: Failure::operation("cut off"), during: None }
    }

    fn unreachable() -> HostState {
        HostState::Unreachable(Failure::operation("no route"))
    }

    fn unpinned() -> HostState {
        HostState::Unreachable(Failure::inventory("no host key"))
    }

    /// Each host with how many resources were fixed there.
    fn outcome(hosts: &[(HostState, u32)]) -> Outcome {
        let hosts = hosts.iter().enumerate().map(|(number, (state, fixed))| {
            (format!("h{number}"), HostOutcome { fixed: *fixed, ..HostOutcome::new(state.clone()) })
        });
        Outcome { hosts: hosts.collect(), ..Outcome::default() }
    }

    #[test]
    fn the_exit_code_follows_from_the_hosts() {
        use HostState::{Done, Inconclusive, Partial, Untouched};
        for (hosts, code) in [
            (vec![], 0),
            (vec![(Done, 0), (Done, 3)], 0),
            (vec![(Done, 0), (Untouched, 0)], 0),
            (vec![(Done, 0), (lost(), 0)], 3),
            (vec![(Done, 0), (unreachable(), 0)], 3),
            (vec![(Partial, 2)], 3),
            (vec![(Partial, 0)], 1),
            (vec![(Partial, 0), (Done, 0)], 3),
            (vec![(lost(), 0)], 1),
            (vec![(lost(), 1)], 3),
            (vec![(unreachable(), 0), (unreachable(), 0)], 1),
            (vec![(busy(), 0)], 6),
            (vec![(busy(), 0), (Untouched, 0)], 6),
            (vec![(busy(), 0), (Done, 1)], 3),
            (vec![(busy(), 0), (unreachable(), 0)], 1),
            (vec![(Inconclusive, 0), (Done, 0)], 7),
            (vec![(Inconclusive, 0), (busy(), 0)], 7),
            (vec![(unpinned(), 0), (Done, 0)], 65),
        ] {
            let outcome = outcome(&hosts);
            assert_eq!(outcome.kind().map_or(0, Kind::exit_code), code, "{hosts:?}");
        }
    }

    #[test]
    fn what_waits_for_its_time_is_pending_unless_worse_happened() {
        let mut outcome = outcome(&[(HostState::Done, 1), (HostState::Done, 0)]);
        let waiting = Waiting { id: "zone:b.it".to_string(), owner: "c_e707".to_string(), not_before: 9 };
        outcome.hosts.entry("h0".to_string()).and_modify(|host| host.waiting.push(waiting));
        assert_eq!(outcome.kind(), Some(Kind::Pending));
        outcome.hosts.insert("h2".to_string(), HostOutcome::new(lost()));
        assert_eq!(outcome.kind(), Some(Kind::Partial));
    }

    #[test]
    fn a_signal_decides_alone() {
        for (kind, code) in [(Kind::Interrupted, 130), (Kind::Terminated, 143)] {
            let outcome = Outcome { stopped: Some(kind), ..outcome(&[(HostState::Done, 1), (lost(), 0)]) };
            assert_eq!(outcome.kind().map(Kind::exit_code), Some(code));
        }
    }

    #[test]
    fn a_host_without_a_clean_end_is_no_success() {
        let mut outcome = outcome(&[(HostState::Done, 1), (HostState::Done, 0)]);
        let traffic = Traffic { execs: 1, sent: 10, received: 20 };
        outcome.ended(Ended {
            failures: [("h0".to_string(), Failure::operation("ended by SIGSEGV"))].into(),
            traffic: [("h1".to_string(), traffic)].into(),
        });
        assert_eq!(outcome.kind(), Some(Kind::Partial));
        assert_eq!(outcome.hosts["h1"].traffic, traffic);
    }
}
