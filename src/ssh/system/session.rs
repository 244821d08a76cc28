//! A session over the system's ssh: every command is a connection of its own.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::host_key::HostKey;
use super::super::{Channel, Proof, Session, Target, Traffic};
use super::System;
use super::channel::SystemChannel;
use super::refusal::{Refusal, not_started};
use crate::failure::Result;

/// Before the second attempt; doubled before each later one, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What ssh prints as soon as it has logged in, before anything that the host sends.
pub(super) const LOGGED_IN: &str = "comuni-logged-in";

/// A host that the system's ssh reaches.
pub(in crate::ssh) struct SystemSession {
    pub(super) system: Arc<System>,
    pub(super) target: Target,
    pub(super) traffic: Traffic,
}

impl SystemSession {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// Exit 65 without a usable proof of who the host is.
    pub(in crate::ssh) fn new(system: Arc<System>, target: &Target) -> Result<SystemSession> {
        if !matches!(target.proof, Proof::Authority { .. }) {
            HostKey::pinned(target)?;
        }
        Ok(SystemSession { system, target: target.clone(), traffic: Traffic::default() })
    }

    fn attempt(&self, command: &str) -> std::result::Result<SystemChannel, Refusal> {
        let mut ssh = self.system.ssh();
        ssh.args(["-oPermitLocalCommand=yes", &format!("-oLocalCommand=echo {LOGGED_IN}")]).args([
            "--",
            &self.target.name,
            command,
        ]);
        let passphrase = self.system.passphrase.as_ref().map(|passphrase| passphrase.ready_for(&mut ssh)).transpose();
        // It lies ready until ssh has logged in, and no longer.
        let _ready = passphrase.map_err(|error| Refusal::of(not_started(&self.target, &error)))?;
        let mut channel = SystemChannel::start(ssh, &self.system, &self.target).map_err(Refusal::of)?;
        channel.log_in(self.traffic, Instant::now() + self.system.patience())?;
        Ok(channel)
    }
}

impl Session for SystemSession {
    fn exec(mut self: Box<Self>, command: &str) -> Result<Box<dyn Channel>> {
        self.traffic.execs += 1;
        let mut pause = FIRST_PAUSE;
        let mut tried = 1;
        loop {
            match self.attempt(command) {
                Ok(channel) => return Ok(Box::new(channel)),
                Err(refusal) if !refusal.dropped => return Err(refusal.failure),
                Err(refusal) if tried >= self.system.limits.attempts => {
                    return Err(refusal.failure.context(format!("{tried} attempts")));
                }
                Err(_) => {
                    // Connections that were dropped together must not come back together.
                    let share = (RandomState::new().hash_one(0) % 1000) as f64 / 1000.0;
                    std::thread::sleep(pause + pause.mul_f64(share));
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    tried += 1;
                }
            }
        }
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }
}
