//! The hosts that can be logged in on, and all it takes to do so.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::direct::DirectSession;
use super::system::{System, SystemSession};
use super::{Credentials, Limits, Session, ShownKey, Target, Transport, shown};
use crate::failure::{Failure, Result};

/// Hosts by name, with what proves who we are.
pub struct Logins {
    targets: BTreeMap<String, Target>,
    credentials: Credentials,
    limits: Limits,
    /// Made when the first host needs it.
    system: OnceLock<Result<Arc<System>>>,
}

impl Logins {
    /// Nothing is connected, read or written yet.
    pub fn new(targets: impl IntoIterator<Item = Target>, credentials: Credentials, limits: Limits) -> Logins {
        let targets = targets.into_iter().map(|target| (target.name.clone(), target)).collect();
        Logins { targets, credentials, limits, system: OnceLock::new() }
    }

    /// A host by its name.
    ///
    /// # Errors
    /// Exit 65 when there is none.
    pub fn target(&self, host: &str) -> Result<&Target> {
        self.targets.get(host).ok_or_else(|| Failure::inventory(format!("there is no host `{host}` in hosts.yml")))
    }

    /// What proves who we are.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Connects; over the system's ssh only when the first command starts.
    ///
    /// # Errors
    /// Exit 65 without a usable proof of who the host is. Otherwise exit 1: unreachable, another host key, no key
    /// accepted.
    pub fn connect(&self, host: &str) -> Result<Box<dyn Session>> {
        let target = self.target(host)?;
        Ok(match target.transport {
            Transport::Direct => Box::new(DirectSession::connect(target, &self.credentials, &self.limits)?),
            Transport::System => Box::new(SystemSession::new(self.system()?, target)?),
        })
    }

    /// Asks a host for its key, proven or not. Nothing of ours is sent, not even the account's name.
    ///
    /// # Errors
    /// When it cannot be reached or has no key that can be pinned.
    pub fn shown_key(&self, host: &str) -> Result<ShownKey> {
        let target = self.target(host)?;
        match target.transport {
            Transport::Direct => shown::direct(target, &self.limits),
            Transport::System => self.system()?.shown_key(target),
        }
    }

    fn system(&self) -> Result<Arc<System>> {
        self.system.get_or_init(|| System::new(&self.targets, &self.credentials, &self.limits).map(Arc::new)).clone()
    }
}
