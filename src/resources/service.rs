//! A systemd unit: service, timer or socket.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::differences::{Differences, after, yes};
use super::{Action, Check, Context, Kind, Means, SecretTable};
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine};

/// A unit that is or is not enabled and running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Name with its suffix (`nginx.service`).
    pub unit: String,
    /// Started at boot.
    #[serde(deserialize_with = "super::fields::boolean")]
    pub enabled: bool,
    /// Running now.
    #[serde(deserialize_with = "super::fields::boolean")]
    pub running: bool,
    /// Seconds that it may take to start; 180 when not said.
    #[serde(default = "patience", deserialize_with = "super::fields::number")]
    pub within_seconds: u32,
}

/// systemd gives a service 90 s to start, unless its unit says otherwise.
fn patience() -> u32 {
    180
}

const PROPERTIES: &str = "--property=Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,Type,ConditionResult,ConditionTimestampMonotonic";
const SYSTEM: &str = "/etc/systemd/system";
/// What the names of the tenants' units begin with.
const TENANTS: &str = "comuni-";
/// How long a service without a word of its own readiness must have stayed up, in seconds as sleep(1) reads them.
const STAYS_UP: &str = "0.3";

/// What systemd knows of a unit.
#[derive(Debug, Clone, Default)]
struct State {
    properties: BTreeMap<String, String>,
}

impl State {
    fn get(&self, name: &str) -> &str {
        self.properties.get(name).map_or("", String::as_str)
    }

    fn is_running(&self) -> bool {
        matches!(self.get("ActiveState"), "active" | "reloading" | "refreshing") || self.is_not_for_this_host()
    }

    /// It was tried, and its own conditions do not hold here (systemd.unit(5)), such as a clock in a container that has
    /// none of its own: nothing that could be started is missing.
    fn is_not_for_this_host(&self) -> bool {
        self.get("ActiveState") == "inactive"
            && self.get("ConditionResult") == "no"
            && !matches!(self.get("ConditionTimestampMonotonic"), "" | "0")
    }

    /// `enabled-runtime` is what generators say, who run at every boot.
    fn is_enabled(&self) -> bool {
        matches!(self.get("UnitFileState"), "enabled" | "enabled-runtime" | "alias")
    }

    /// Started and stopped by others: there is no `[Install]` section to act upon.
    fn is_static(&self) -> bool {
        matches!(self.get("UnitFileState"), "static" | "generated" | "transient" | "indirect")
    }

    /// systemd has not read the unit file that is on the disk now.
    fn is_stale(&self) -> bool {
        self.get("NeedDaemonReload") == "yes" || !matches!(self.get("LoadState"), "loaded" | "masked")
    }
}

fn states(text: &str) -> impl Iterator<Item = State> {
    text.split("\n\n").map(|block| State {
        properties: block
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
    })
}

impl Service {
    fn validated(&self) -> Result<()> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        let suffix = self.unit.rsplit_once('.').map_or("", |(_, suffix)| suffix);
        let known = ["service", "timer", "socket", "path", "target", "mount", "slice"].contains(&suffix);
        if known && self.unit.bytes().all(plain) && !self.unit.starts_with('-') {
            return Ok(());
        }
        Err(Failure::operation(format!("{:?} is no name of a systemd unit", self.unit))
            .hint("Write it with its suffix, such as nginx.service."))
    }

    /// Whether it runs now.
    ///
    /// # Errors
    /// When systemd cannot be asked.
    pub fn runs(&self, host: &dyn Machine) -> Result<bool> {
        Ok(self.state(host)?.get("ActiveState") == "active")
    }

    /// As it is now: after each change the answer to a shared question is stale.
    fn state(&self, host: &dyn Machine) -> Result<State> {
        let one = Command::new(["systemctl", "show", self.unit.as_str(), PROPERTIES]);
        let output = host.query(&one)?.succeeded(&one)?;
        Ok(states(&output.text()).next().unwrap_or_default())
    }

    /// One question covers the units of all tenants. Any other is asked for by itself: systemd gathers all that it
    /// knows of every unit that a question covers, so that one about all units of the host costs most.
    fn state_with_others(&self, host: &dyn Machine) -> Result<State> {
        if self.unit.starts_with(TENANTS) && self.unit.ends_with(".service") {
            let all = Command::new(["systemctl", "show", &format!("{TENANTS}*.service"), PROPERTIES]);
            let output = host.query(&all)?.succeeded(&all)?;
            if let Some(state) = states(&output.text()).find(|state| state.get("Id") == self.unit) {
                return Ok(state);
            }
        }
        self.state(host)
    }

    /// The file that defines the unit; that of the template for `name@instance.service`.
    fn file(&self) -> String {
        match (self.unit.split_once('@'), self.unit.rsplit_once('.')) {
            (Some((head, _)), Some((_, suffix))) => format!("{SYSTEM}/{head}@.{suffix}"),
            _ => format!("{SYSTEM}/{}", self.unit),
        }
    }

    fn systemctl(&self, host: &mut dyn Machine, words: &[&str]) -> Result<()> {
        let command = Command::new(["systemctl"].iter().chain(words).copied())
            .within(Duration::from_secs(u64::from(self.within_seconds)));
        host.run(&command)?.succeeded(&command).map(drop)
    }

    /// Adds the unit's own last words, with secrets hidden.
    fn explained(&self, host: &dyn Machine, failure: Failure, secrets: &SecretTable) -> Failure {
        let journal = Command::new(["journalctl", "-u", &self.unit, "-n", "20", "--no-pager", "-o", "cat"]);
        // Without a journal the failure alone must do.
        let words = host.query(&journal).map(|output| output.text()).unwrap_or_default();
        let words = secrets.mask(words.trim());
        let message = if words.is_empty() {
            failure.message.clone()
        } else {
            format!("{}\nlast lines of {}:\n{words}", failure.message, self.unit)
        };
        Failure { message, ..failure }.hint(format!("See `systemctl status {}` on the host.", self.unit))
    }

    fn start(&self, host: &mut dyn Machine, before: &State) -> Result<()> {
        if before.get("ActiveState") == "failed" {
            // Otherwise a unit that failed too often would not even be tried.
            self.systemctl(host, &["reset-failed", &self.unit])?;
        }
        self.systemctl(host, &["start", &self.unit])?;
        if matches!(before.get("Type"), "simple" | "exec" | "idle") {
            let wait = Command::new(["sleep", STAYS_UP]);
            host.run(&wait)?.succeeded(&wait)?;
        }
        let state = self.state(host)?;
        if state.is_running() {
            return Ok(());
        }
        let (active, sub) = (state.get("ActiveState"), state.get("SubState"));
        Err(Failure::operation(format!("{} was started but did not stay up: it is {active} ({sub})", self.unit)))
    }

    fn act(&self, host: &mut dyn Machine) -> Result<()> {
        let mut state = self.state(host)?;
        if state.is_stale() {
            self.systemctl(host, &["daemon-reload"])?;
            state = self.state(host)?;
        }
        if (self.enabled || self.running) && state.get("LoadState") == "masked" {
            self.systemctl(host, &["unmask", &self.unit])?;
            state = self.state(host)?;
        }
        if self.enabled && !state.is_enabled() {
            self.systemctl(host, &["enable", &self.unit])?;
        } else if !self.enabled && state.is_enabled() {
            self.systemctl(host, &["disable", &self.unit])?;
        }
        if self.running && !state.is_running() {
            return self.start(host, &state);
        }
        if !self.running && !is_stopped(&state) {
            return self.systemctl(host, &["stop", &self.unit]);
        }
        Ok(())
    }
}

fn is_stopped(state: &State) -> bool {
    matches!(state.get("ActiveState"), "inactive" | "failed" | "")
}

fn running_word(state: &State) -> String {
    match (state.get("ActiveState"), state.get("SubState")) {
        ("active", _) => "yes".to_string(),
        ("inactive" | "", _) => "no".to_string(),
        (active, sub) if active == sub => format!("no ({active})"),
        (active, sub) => format!("no ({active}, {sub})"),
    }
}

impl Kind for Service {
    fn id(&self) -> String {
        format!("service:{}", self.unit)
    }

    fn check(&self, host: &dyn Machine, _context: &Context) -> Result<Check> {
        self.validated()?;
        let state = self.state_with_others(host)?;
        // A unit file that systemd has not read yet is read by the fix.
        if state.get("LoadState") == "not-found" && host.stat(Path::new(&self.file()))?.is_none() {
            if !self.enabled && is_stopped(&state) && !self.running {
                return Ok(Check::Correct);
            }
            return Ok(after(format!("file:{}", self.file()), format!("systemd knows no unit {}", self.unit)));
        }
        if self.enabled && state.is_static() {
            let why = format!("{} has no [Install] section, so it cannot be enabled", self.unit);
            return Ok(after(format!("file:{}", self.file()), why));
        }
        let mut differences = Differences::new();
        if matches!(state.get("LoadState"), "error" | "bad-setting") {
            differences.compare("definition", state.get("LoadState"), "loaded");
        }
        if state.get("LoadState") == "masked" && (self.enabled || self.running) {
            differences.compare("masked", "yes", "no");
        }
        differences.compare("enabled", yes(state.is_enabled()), yes(self.enabled));
        if self.running && !state.is_running() || !self.running && !is_stopped(&state) {
            differences.compare("running", running_word(&state), yes(self.running));
        }
        let fresh = is_stopped(&state) && state.get("ActiveState") != "failed" && !state.is_enabled();
        Ok(differences.into_check(if fresh && self.running { Action::Create } else { Action::Change }))
    }

    fn fix(&self, host: &mut dyn Machine, means: &mut Means) -> Result<()> {
        self.act(host).map_err(|failure| self.explained(host, failure, means.context.secrets))
    }

    fn remove(&self, host: &mut dyn Machine) -> Result<()> {
        self.validated()?;
        if self.state(host)?.get("LoadState") == "not-found" {
            return Ok(());
        }
        self.systemctl(host, &["disable", "--now", &self.unit])
    }
}
