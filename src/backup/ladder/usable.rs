//! L6: the application works on the copy.
//!
//! It runs as its own unit would, in the same folders as where it is live, but with no network, no secret that leads
//! anywhere, and a database of its own: a copy that sends letters or pays bills would be worse than no proof.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::climb::Climb;
use super::{Assertion, Check, Outcome, Start};
use crate::backup::scratch::{ACCOUNT, Obstacle, Scratch, chance};
use crate::backup::words::last_words;
use crate::failure::{Failure, Result};
use crate::health::Health;
use crate::machine::{Command, Machine, Ownership, gid_of, uid_of};

/// Between two questions, as sleep(1) reads it.
const PAUSE: &str = "0.2";

impl Climb<'_, '_> {
    /// L6.
    pub(super) fn usable(&mut self) -> Result<Vec<Check>> {
        let mut checks = Vec::new();
        let task = self.task;
        let owner = task.start.as_ref().and_then(|start| start.database_owner.clone());
        for assertion in &task.assertions {
            checks.push(self.holds(assertion, owner.as_deref()));
        }
        let Some(start) = &task.start else {
            checks.push(Check::new("application", Outcome::Inconclusive, "it is not known how to start it"));
            return Ok(checks);
        };
        (self.tell)("starts the application on the copy")?;
        checks.extend(self.application(start)?);
        Ok(checks)
    }

    fn holds(&mut self, assertion: &Assertion, owner: Option<&str>) -> Check {
        let bounds = match (assertion.at_least, assertion.at_most) {
            (Some(least), Some(most)) if least == most => format!("{least}"),
            (Some(least), Some(most)) => format!("{least} to {most}"),
            (Some(least), None) => format!("at least {least}"),
            (None, Some(most)) => format!("at most {most}"),
            (None, None) => "any number".to_string(),
        };
        let Some(cluster) = &self.cluster else {
            return Check::new(&assertion.name, Outcome::Inconclusive, "there is no database to ask").expected(bounds);
        };
        match cluster.number(self.machine, owner, &assertion.query) {
            Ok(number) => {
                let within = assertion.at_least.is_none_or(|least| number >= least)
                    && assertion.at_most.is_none_or(|most| number <= most);
                let outcome = if within { Outcome::Pass } else { Outcome::Fail };
                Check::new(&assertion.name, outcome, number.to_string()).expected(bounds)
            }
            Err(failure) => {
                Check::new(&assertion.name, Outcome::Fail, "it cannot be asked").expected(bounds).said(failure.message)
            }
        }
    }

    fn application(&mut self, start: &Start) -> Result<Vec<Check>> {
        let lacks =
            |words: String, remedy: &str| vec![Check::new("application", Outcome::Inconclusive, words).said(remedy)];
        let remedy = "comuni apply --area backup brings it to the host with the role verification";
        let (Some(uid), Some(gid)) = (uid_of(self.machine, ACCOUNT)?, gid_of(self.machine, ACCOUNT)?) else {
            return Ok(lacks(format!("there is no account {ACCOUNT} on this host"), remedy));
        };
        if self.machine.stat(Path::new(&start.release_path))?.is_none() {
            return Ok(lacks(format!("release {} is not on this host: {}", start.release, start.release_path), remedy));
        }
        if let (Some(cluster), Some(owner)) = (&self.cluster, &start.database_owner) {
            match cluster.let_in(self.machine, owner) {
                Ok(()) => {}
                Err(Obstacle::Here(words) | Obstacle::Damage(words)) => return Ok(lacks(words, "")),
            }
        }
        if let Some(release) = self.out.release.clone().filter(|release| *release != start.release) {
            self.out.notes.push(format!("the backup is of release {release}; it was started with {}", start.release));
        }
        self.scratch()?;
        let Some(data) = self.data() else { return Ok(lacks("nothing was fetched".to_string(), "")) };
        let Some(scratch) = &self.scratch else { return Ok(lacks("nothing was fetched".to_string(), "")) };
        let place = Place { start, scratch, data, uid, gid };
        let environment = self.cluster.as_ref().map(|cluster| cluster.environment()).unwrap_or_default();
        place.furnish(self.machine, environment)?;
        let began = Instant::now();
        let checks = place.run(self.machine);
        if let Ok(checks) = &checks
            && checks.iter().all(|check| check.outcome == Outcome::Pass)
        {
            self.back += u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.out.rto_milliseconds = Some(self.back);
        }
        // The folder over which that of the socket was laid is made by systemd; it goes when it is empty.
        let _ = self.machine.remove(Path::new(&start.runtime_directory));
        checks
    }
}

/// Where an application runs on a copy.
struct Place<'a> {
    start: &'a Start,
    scratch: &'a Scratch,
    data: PathBuf,
    uid: u32,
    gid: u32,
}

impl Place<'_> {
    fn folder(&self, name: &str) -> PathBuf {
        self.scratch.folder.join(name)
    }

    /// Makes its folders, settings and environment. Secrets are replaced by chance.
    fn furnish(&self, machine: &mut dyn Machine, mut environment: Vec<(String, String)>) -> Result<()> {
        let own = |mode| Ownership { uid: self.uid, gid: self.gid, mode };
        let withheld = chance(machine)?;
        let blind =
            |text: &str| self.start.tokens.iter().fold(text.to_string(), |text, token| text.replace(token, &withheld));
        machine.make_directory(&self.folder("settings"), &own(0o750))?;
        machine.make_directory(&self.folder("run"), &own(0o750))?;
        for (name, content) in &self.start.files {
            machine.write(&self.folder("settings").join(name), blind(content).as_bytes(), &own(0o640))?;
        }
        environment.extend(self.start.environment.iter().map(|(name, value)| (name.clone(), blind(value))));
        let mut text = String::new();
        for (name, value) in &environment {
            if value.contains(['\n', '\0']) {
                return Err(Failure::operation(format!("the value of {name} has several lines")));
            }
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('`', "\\`");
            text.push_str(&format!("{name}=\"{value}\"\n"));
        }
        machine.write(&self.folder("environment"), text.as_bytes(), &crate::machine::PRIVATE_FILE)?;
        let data = self.data.to_string_lossy().into_owned();
        let owner = format!("{}:{}", self.uid, self.gid);
        let command = Command::new(["chown", "--recursive", "--no-dereference", &owner, "--", &data]);
        machine.run(&command.clone().within(Duration::from_secs(3600)))?.succeeded(&command)?;
        // Folders above are root's alone.
        let mut above = self.data.parent();
        while let Some(folder) = above.filter(|folder| folder.starts_with(self.folder("restored"))) {
            machine.set_ownership(folder, &Ownership { uid: 0, gid: 0, mode: 0o711 })?;
            above = folder.parent();
        }
        Ok(())
    }

    fn run(&self, machine: &mut dyn Machine) -> Result<Vec<Check>> {
        if !self.start.prepare.is_empty() {
            let output = machine.run(&self.unit("prepare", &["--wait", "--service-type=exec"], &self.start.prepare))?;
            if output.status != 0 {
                let unit = self.scratch.unit("prepare");
                return Ok(vec![self.failed("prepare", &unit, output.status, &last_words(&output))]);
            }
        }
        let kind = if self.start.notifies { "--service-type=notify" } else { "--service-type=exec" };
        let output = machine.run(&self.unit("application", &[kind], &self.start.command))?;
        let unit = self.scratch.unit("application");
        if output.status != 0 {
            return Ok(vec![self.failed("start", &unit, output.status, &last_words(&output))]);
        }
        let process = self.process(machine, &unit)?;
        let checks = self.watch(machine, &unit, process)?;
        machine.run(&Command::new(["systemctl", "stop", &unit]))?;
        Ok(checks)
    }

    fn failed(&self, what: &str, unit: &str, status: i32, words: &str) -> Check {
        Check::new("application", Outcome::Fail, format!("its {what} ended with {status}"))
            .expected(format!("release {} works on the copy", self.start.release))
            .said(format!("{words}\nits own words are in the journal of this host: journalctl -u {unit}"))
    }

    fn process(&self, machine: &mut dyn Machine, unit: &str) -> Result<Option<u32>> {
        let output = machine.run(&Command::new(["systemctl", "show", "--property=MainPID", "--value", unit]))?;
        Ok(output.text().trim().parse().ok().filter(|process| *process != 0))
    }

    /// It must be shut in before it is asked: where the kernel cannot do that, systemd would go on without a word.
    fn watch(&self, machine: &mut dyn Machine, unit: &str, process: Option<u32>) -> Result<Vec<Check>> {
        let Some(process) = process else {
            return Ok(vec![self.failed("start", unit, 0, "it is not there any more")]);
        };
        let network = |who: &str| machine.link_target(Path::new(&format!("/proc/{who}/ns/net")));
        let (its, ours) = (network(&process.to_string())?, network("1")?);
        if its.is_none() || its == ours {
            return Ok(vec![
                Check::new("network of the copy", Outcome::Inconclusive, "it cannot be shut in on this host: stopped")
                    .expected("a network of its own, with nobody else in it"),
            ]);
        }
        let shut = Check::pass("network of the copy", "its own, with nobody else in it");
        let health = Health {
            socket: self.start.health.socket.as_ref().map(|socket| {
                let name = Path::new(socket).strip_prefix(&self.start.runtime_directory).unwrap_or(Path::new(socket));
                self.folder("run").join(name).to_string_lossy().into_owned()
            }),
            ..self.start.health.clone()
        };
        let within = health.port.map(|_| process);
        let until = Instant::now() + Duration::from_secs(u64::from(self.start.seconds));
        let began = Instant::now();
        loop {
            let Some(said) = health.ask(machine, within)? else {
                let page =
                    format!("{} answers {} after {} ms", health.path, health.status, began.elapsed().as_millis());
                return Ok(vec![shut, Check::pass("health page", page)]);
            };
            let gone = self.process(machine, unit)?.is_none();
            if gone || Instant::now() >= until {
                let after = if gone { "it has ended".to_string() } else { format!("after {} s", self.start.seconds) };
                let found = format!("{} says {said}; {after}", health.path);
                return Ok(vec![
                    shut,
                    Check::new("health page", Outcome::Fail, found)
                        .expected(format!(
                            "{}{}",
                            health.status,
                            health.contains.as_ref().map_or(String::new(), |words| format!(" with `{words}`"))
                        ))
                        .said(format!("its own words are in the journal of this host: journalctl -u {unit}")),
                ]);
            }
            machine.run(&Command::new(["sleep", PAUSE]))?;
        }
    }

    /// A unit for one of its programs. What follows is argv: nothing is quoted.
    fn unit(&self, purpose: &str, options: &[&str], program: &[String]) -> Command {
        let mut argv = vec!["systemd-run".to_string(), "--quiet".to_string(), "--collect".to_string()];
        argv.extend(options.iter().map(ToString::to_string));
        argv.push(format!("--unit={}", self.scratch.unit(purpose)));
        argv.push(format!("--description=An application on a copy that is being proven ({purpose})"));
        let start = self.start;
        let bind = |from: &Path, to: &str| format!("BindPaths={}:{to}", from.display());
        let properties = [
            format!("User={ACCOUNT}"),
            format!("EnvironmentFile={}", self.folder("environment").display()),
            format!("WorkingDirectory={}", start.data),
            // What is live here, and the backups themselves, are not to be seen.
            "TemporaryFileSystem=/srv /etc/comuni".to_string(),
            bind(&self.data, &start.data),
            bind(&self.folder("settings"), &start.configuration),
            bind(&self.folder("run"), &start.runtime_directory),
            // It reaches nobody: no network but its own, and if that failed, no address.
            "PrivateNetwork=yes".to_string(),
            "IPAddressDeny=any".to_string(),
            "IPAddressAllow=localhost".to_string(),
            "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6".to_string(),
            "ProtectSystem=strict".to_string(),
            format!("ReadWritePaths={} {}", start.data, start.runtime_directory),
            "ProtectHome=yes".to_string(),
            "PrivateTmp=yes".to_string(),
            "PrivateDevices=yes".to_string(),
            "ProtectProc=invisible".to_string(),
            "ProtectKernelTunables=yes".to_string(),
            "ProtectKernelLogs=yes".to_string(),
            "ProtectControlGroups=yes".to_string(),
            "NoNewPrivileges=yes".to_string(),
            "CapabilityBoundingSet=".to_string(),
            "RestrictNamespaces=yes".to_string(),
            "RestrictSUIDSGID=yes".to_string(),
            "SystemCallFilter=@system-service".to_string(),
            "UMask=0027".to_string(),
            format!("MemoryMax={}M", start.memory_mib),
            format!("TimeoutStartSec={}", start.seconds),
            "TimeoutStopSec=20".to_string(),
            "RuntimeMaxSec=2h".to_string(),
        ];
        argv.extend(properties.into_iter().map(|property| format!("--property={property}")));
        argv.push("--".to_string());
        argv.extend(program.iter().cloned());
        Command::new(argv).within(Duration::from_secs(u64::from(start.seconds) + 30))
    }
}
