//! Debian packages that must be installed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::differences::Differences;
use super::{Action, Check, Context, Kind, Means};
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine};

/// Packages, installed in one transaction when any of them is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Names in Debian, at least one.
    pub names: Vec<String>,
}

const STATUS: &str = "/var/lib/dpkg/status";
const UPDATES: &str = "/var/lib/dpkg/updates";
const DEADLINE: Duration = Duration::from_secs(15 * 60);

impl Package {
    fn validated(&self) -> Result<()> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-".contains(&byte);
        let named = |name: &&String| name.len() > 1 && name.bytes().all(plain) && !name.starts_with(['+', '.', '-']);
        match self.names.iter().find(|name| !named(name)) {
            Some(name) => Err(Failure::operation(format!("{name:?} is no name of a Debian package"))),
            None if self.names.is_empty() => Err(Failure::operation("a package resource names no package")),
            None => Ok(()),
        }
    }

    /// The names that are not installed, each with the state it is in.
    fn missing(&self, host: &dyn Machine) -> Result<Vec<(&str, Option<String>)>> {
        let content = host.read(Path::new(STATUS))?.unwrap_or_default();
        let text = String::from_utf8_lossy(&content);
        let wanted = |name: &str| self.names.iter().any(|wanted| wanted == name);
        let (mut installed, mut unfinished) = (BTreeSet::new(), BTreeMap::new());
        for stanza in text.split("\n\n") {
            let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let (Some(name), Some(status)) = (field("Package"), field("Status")) else {
                continue;
            };
            if status.ends_with(" ok installed") {
                installed.extend(wanted(name).then(|| name.to_string()));
                // A virtual name is installed with whatever provides it: `name (= version), ...`.
                let provided = field("Provides").unwrap_or_default().split(',');
                let provided = provided.filter_map(|one| one.split_whitespace().next());
                installed.extend(provided.filter(|name| wanted(name)).map(str::to_string));
            } else if wanted(name) && !status.ends_with("config-files") {
                unfinished.insert(name.to_string(), status.rsplit(' ').next().unwrap_or(status).to_string());
            }
        }
        let missing = self.names.iter().filter(|name| !installed.contains(*name));
        Ok(missing.map(|name| (name.as_str(), unfinished.remove(name))).collect())
    }
}

fn apt_get<'a>(words: impl IntoIterator<Item = &'a str>) -> Command {
    let options = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold"];
    let command = Command::new(options.into_iter().chain(words)).within(DEADLINE);
    command.env("DEBIAN_FRONTEND", "noninteractive").env("UCF_FORCE_CONFFOLD", "1")
}

impl Kind for Package {
    fn id(&self) -> String {
        format!("package:{}", self.names.join(","))
    }

    fn check(&self, host: &dyn Machine, _context: &Context) -> Result<Check> {
        self.validated()?;
        let mut differences = Differences::new();
        let missing = self.missing(host)?;
        let action = if missing.len() == self.names.len() { Action::Create } else { Action::Change };
        for (name, state) in missing {
            differences.note(name, state, Some("installed".to_string()));
        }
        Ok(differences.into_check(action))
    }

    /// Downloads first: when that fails the lists are out of date, or an installation was cut off, and both are
    /// mended before the second try. So nobody has to read apt-get's words to tell the cases apart.
    fn fix(&self, host: &mut dyn Machine, _means: &mut Means) -> Result<()> {
        self.validated()?;
        let names: Vec<String> = self.missing(host)?.into_iter().map(|(name, _)| name.to_string()).collect();
        let names = || names.iter().map(String::as_str);
        let download = apt_get(["install", "--no-install-recommends", "--download-only"].into_iter().chain(names()));
        if host.run(&download)?.status != 0 {
            if !host.list(Path::new(UPDATES))?.is_empty() {
                let configure = Command::new(["dpkg", "--configure", "--pending", "--force-confold"]).within(DEADLINE);
                let configure = configure.env("DEBIAN_FRONTEND", "noninteractive").env("UCF_FORCE_CONFFOLD", "1");
                host.run(&configure)?.succeeded(&configure)?;
            }
            let update = apt_get(["update"]);
            host.run(&update)?.succeeded(&update)?;
            host.run(&download)?.succeeded(&download)?;
        }
        let install = apt_get(["install", "--no-install-recommends"].into_iter().chain(names()));
        host.run(&install)?.succeeded(&install).map(drop)
    }

    /// Packages stay: others may have come to need them.
    fn remove(&self, _host: &mut dyn Machine) -> Result<()> {
        Ok(())
    }
}
