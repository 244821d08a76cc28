//! Looks at hosts without working on them: whether they can be worked on.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::lines::Lines;
use super::start::{ARCHITECTURE, MARK, Ssh, start_failed};
use crate::failure::{Failure, Result};
use crate::ssh::{Sudo, Target};

/// How long a look may take, once logged in.
const LOOK: Duration = Duration::from_secs(60);

/// A clock that is further off breaks certificates and the order of records.
const CLOCK: f64 = 2.0;

/// With less than this a release cannot be unpacked (512 MiB).
const ROOM: u64 = 512 << 20;

/// What was seen on a host that let us in and let us become root.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    /// By `uname -m`.
    pub architecture: String,
    /// Seconds by which its clock is ahead of ours; the time on the way is in it.
    pub clock: f64,
    /// Bytes that are free, by folder.
    pub free: BTreeMap<String, u64>,
    /// Our half there: `ready`, `missing` or `damaged`.
    pub half: String,
    /// Files of installations that were broken off.
    pub leftovers: u64,
}

impl Look {
    /// What stands against working there.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.architecture != ARCHITECTURE {
            problems.push(format!("its architecture is {}; ours is built for {ARCHITECTURE}", self.architecture));
        }
        if self.clock.abs() > CLOCK {
            let way = if self.clock > 0.0 { "ahead of" } else { "behind" };
            problems.push(format!("its clock is {:.1} s {way} ours: start systemd-timesyncd there", self.clock.abs()));
        }
        for (folder, free) in self.free.iter().filter(|(_, free)| **free < ROOM) {
            problems.push(format!("{folder} has {} MiB of room, {} are needed", free >> 20, ROOM >> 20));
        }
        problems
    }
}

impl Ssh {
    /// Connects to hosts, so many at a time, and looks.
    pub fn look(&self, hosts: &[String], parallel: usize) -> BTreeMap<String, Result<Look>> {
        let waiting = Mutex::new(hosts.iter());
        let seen = Mutex::new(BTreeMap::new());
        let next = || waiting.lock().ok().and_then(|mut hosts| hosts.next());
        std::thread::scope(|scope| {
            for _ in 0..parallel.min(hosts.len()) {
                scope.spawn(|| {
                    while let Some(host) = next() {
                        let look = self.look_at(host);
                        if let Ok(mut seen) = seen.lock() {
                            seen.insert(host.clone(), look);
                        }
                    }
                });
            }
        });
        seen.into_inner().unwrap_or_default()
    }

    fn look_at(&self, host: &str) -> Result<Look> {
        let target = self.logins.target(host)?;
        let password = self.password(target)?;
        let session = self.logins.connect(host)?;
        let mut lines = Lines::new(session.exec(&self.looking(target))?, password);
        if lines.mark(target)? != "look" {
            return Err(start_failed(target, "it says something else than what was asked"));
        }
        let mut look = Look::default();
        loop {
            let line = lines.line(target, LOOK)?;
            let (word, value) = line.split_once(' ').unwrap_or((&line, ""));
            let number = || value.parse::<u64>().map_err(|_| strange(target, &line));
            match word {
                "machine" => look.architecture = value.to_string(),
                "clock" => look.clock = value.parse::<f64>().map_err(|_| strange(target, &line))? - now(),
                "half" => look.half = value.to_string(),
                "leftovers" => look.leftovers = number()?,
                "free" => {
                    let (folder, kibibytes) = value.split_once(' ').ok_or_else(|| strange(target, &line))?;
                    let kibibytes: u64 = kibibytes.parse().map_err(|_| strange(target, &line))?;
                    look.free.insert(folder.to_string(), kibibytes << 10);
                }
                "user" if value == "0" => {}
                "user" => return Err(start_failed(target, &format!("it is not root there but uid {value}"))),
                "end" => break,
                _ => return Err(strange(target, &line)),
            }
        }
        lines.read_out(target, LOOK)?;
        Ok(look)
    }

    /// Everything in one command, as root.
    fn looking(&self, target: &Target) -> String {
        let (folder, installed, sha256) = (&self.folder, self.installed(), &self.host_half.sha256);
        let script = format!(
            "printf \"\\n{MARK}look\\n\"; printf \"clock %s\\n\" \"$(date +%s.%N)\"; printf \"user %s\\n\" \"$(id -u)\"; \
             printf \"machine %s\\n\" \"$(uname -m)\"; \
             for f in / /var/lib /usr/local; do printf \"free %s %s\\n\" \"$f\" \
             \"$(df -Pk \"$f\" | tail -n 1 | tr -s \" \" | cut -d \" \" -f 4)\"; done; \
             h=missing; if [ -e {installed} ]; then h=damaged; \
             if echo \"{sha256}  {installed}\" | sha256sum -c --status 2>/dev/null; then h=ready; fi; fi; \
             printf \"half %s\\n\" \"$h\"; \
             printf \"leftovers %s\\n\" \"$(find {folder} -name \".incoming-*\" 2>/dev/null | wc -l)\"; printf \"end\\n\""
        );
        let root = Self::become_root(target);
        match target.sudo {
            Sudo::No => format!("exec /bin/sh -c '{script}'"),
            _ => format!("exec {root}/bin/sh -c '{script}'"),
        }
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn strange(target: &Target, line: &str) -> Failure {
    start_failed(
        target,
        &format!("it says something that was not asked: {:?}", line.chars().take(80).collect::<String>()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_against_working_there_is_told_in_words() {
        let fit = Look {
            architecture: ARCHITECTURE.to_string(),
            clock: -0.2,
            free: [("/".to_string(), ROOM)].into(),
            half: "missing".to_string(),
            leftovers: 1,
        };
        assert_eq!(fit.problems(), [""; 0], "the next apply installs and tidies");
        let unfit = Look {
            architecture: "aarch64".to_string(),
            clock: -3661.5,
            free: [("/var/lib".to_string(), ROOM - 1)].into(),
            ..fit
        };
        let problems = unfit.problems().join("\n");
        for words in ["architecture is aarch64", "3661.5 s behind ours", "/var/lib has 511 MiB of room, 512 are needed"]
        {
            assert!(problems.contains(words), "{problems}");
        }
    }
}
