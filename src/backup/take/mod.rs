//! Taking a backup of one tenant: a snapshot of the database is held open, fingerprinted and dumped; the files are
//! hashed; all of it goes into one snapshot of the repository, with a manifest that says what it must be.
//!
//! Whatever happens, the work folder with the plain dump is emptied, and there is a record of it.

mod dump;
mod store;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::configuration::Configuration;
use super::fingerprint;
use super::manifest::{self, Manifest, State};
use super::restic::{self, Progress};
use super::restore;
use super::run::{Ended, FOLDER, Remembered, Run};
use crate::failure::{Failure, Kind, Result};
use crate::machine::{FileKind, Machine, PRIVATE_FILE, make_folder, stopped};

/// Time that is kept for what comes after the upload.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// What goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The database is fingerprinted, then dumped.
    Dumping,
    /// The files are read and hashed.
    Hashing,
    /// All of it goes to the repository.
    Storing(Progress),
}

/// Takes notice of what goes on. When it fails the backup is broken off.
pub type Tell<'a> = dyn FnMut(Step) -> Result<()> + 'a;

/// Takes a backup of a tenant that is ours alone meanwhile. How it ended is in what it answers.
pub fn take(machine: &mut dyn Machine, configuration: &Configuration, by: &str, tell: &mut Tell<'_>) -> Run {
    let mut run = begun(machine, configuration, by);
    let folder = Path::new(FOLDER).join(&configuration.tenant);
    let until = Instant::now() + Duration::from_secs(u64::from(configuration.policy.within_minutes) * 60);
    let taken = empty(machine, &folder).and_then(|killed| {
        Taking { machine, configuration, folder: folder.clone(), until, killed, run: &mut run, tell }.whole()
    });
    // The plain dump never outlives the run.
    let emptied = machine.remove_tree(&folder);
    run.ended = machine.now();
    match taken.and(emptied) {
        Ok(()) => {}
        Err(failure) => {
            run.state = match failure.kind {
                Kind::Interrupted | Kind::Terminated => Ended::Interrupted,
                Kind::Busy => Ended::Busy,
                _ => Ended::Failed,
            };
            run.exit = failure.kind.exit_code();
            let hints = failure.hints.iter().map(|hint| format!("\nhint: {hint}"));
            run.error = Some([failure.message.clone()].into_iter().chain(hints).collect());
        }
    }
    run
}

/// The record of a run that did not begin because somebody else holds the tenant.
pub fn busy(machine: &dyn Machine, configuration: &Configuration, by: &str, who: String) -> Run {
    let mut run = begun(machine, configuration, by);
    run.state = Ended::Busy;
    run.exit = Kind::Busy.exit_code();
    run.error = Some(who);
    run
}

fn begun(machine: &dyn Machine, configuration: &Configuration, by: &str) -> Run {
    let now = machine.now();
    let chance = machine.read(Path::new("/proc/sys/kernel/random/uuid")).ok().flatten().unwrap_or_default();
    let chance = String::from_utf8_lossy(&chance).chars().take(4).collect::<String>();
    let stamp: String = crate::machine::utc(now).chars().filter(|letter| !matches!(letter, '-' | ':')).collect();
    Run {
        kind: "backup".to_string(),
        run: format!("{stamp}-{chance}"),
        tenant: configuration.tenant.clone(),
        member: configuration.member.clone(),
        application: configuration.application.clone(),
        host: configuration.host.clone(),
        by: by.to_string(),
        began: now,
        ended: now,
        state: Ended::Failed,
        snapshot: None,
        bytes: 0,
        added: 0,
        rows: 0,
        files: 0,
        snapshots: 0,
        notes: Vec::new(),
        shrunk: None,
        error: None,
        exit: Kind::Operation.exit_code(),
        restic: String::new(),
        rpo_hours: configuration.policy.rpo_hours,
    }
}

/// What a run that was killed left goes first; whether there was one.
fn empty(machine: &mut dyn Machine, folder: &Path) -> Result<bool> {
    let killed = machine.stat(folder)?.is_some();
    machine.remove_tree(folder)?;
    make_folder(machine, folder)?;
    Ok(killed)
}

/// One backup on its way.
struct Taking<'a, 't> {
    machine: &'a mut dyn Machine,
    configuration: &'a Configuration,
    folder: PathBuf,
    until: Instant,
    /// The run before was killed: its restic may have left a lock.
    killed: bool,
    run: &'a mut Run,
    tell: &'a mut Tell<'t>,
}

impl Taking<'_, '_> {
    fn whole(mut self) -> Result<()> {
        if restore::is_half(self.machine, &self.configuration.tenant)? {
            return Err(Failure::operation("its data are changing their places: a restore of it was cut off")
                .hint("comuni apply brings it to its end, or the same comuni backup restore"));
        }
        let version = restic::version(self.machine)?;
        self.run.restic = version.to_string();
        if version.capabilities().unknown {
            self.run.notes.push(format!("restic {version} is newer than any that was tried"));
        }
        let mut manifest = self.manifest();
        if let Some(database) = &self.configuration.database {
            (self.tell)(Step::Dumping)?;
            manifest.database = Some(self.dump(database)?);
        }
        (self.tell)(Step::Hashing)?;
        let hashed_from = self.machine.now();
        manifest.files = self.files(&mut manifest.missing)?;
        self.store(&mut manifest, hashed_from)
    }

    fn manifest(&self) -> Manifest {
        let of = self.configuration;
        Manifest {
            version: manifest::VERSION,
            run: self.run.run.clone(),
            tenant: of.tenant.clone(),
            member: of.member.clone(),
            application: of.application.clone(),
            release: of.release.clone(),
            host: of.host.clone(),
            started: self.run.began,
            ended: self.run.began,
            tool: env!("CARGO_PKG_VERSION").to_string(),
            state: State::Complete,
            missing: Vec::new(),
            database: None,
            files: None,
        }
    }

    /// The tenant's data folder. That it is not there makes the backup partial: restic 0.14 itself would not mind.
    fn files(&mut self, missing: &mut Vec<String>) -> Result<Option<fingerprint::Tree>> {
        let data = Path::new(&self.configuration.data);
        if self.machine.stat(data)?.is_none_or(|stat| stat.kind != FileKind::Directory) {
            missing.push(format!("the data folder {} is not there", data.display()));
            return Ok(None);
        }
        let mut unread = Vec::new();
        let tree = fingerprint::tree_as_far(self.machine, data, &[], &mut unread)?;
        missing.extend(unread.into_iter().map(|failure| failure.message));
        Ok(Some(tree))
    }

    /// Time that is left for a program.
    fn left(&self) -> Result<Duration> {
        if let Some(failure) = stopped() {
            return Err(failure);
        }
        let left = self.until.saturating_duration_since(Instant::now()).saturating_sub(LAST_WORDS);
        if left.is_zero() {
            let minutes = self.configuration.policy.within_minutes;
            return Err(Failure::operation(format!("it was not done within {minutes} minutes"))
                .hint("`backup: { within_minutes: … }` in the inventory gives it more"));
        }
        Ok(left)
    }

    /// Compares with the newest backup that was complete: ransomware and mass deletion make it shrink.
    fn judge(&mut self) -> Result<()> {
        let Some(before) = Remembered::read(self.machine, &self.run.tenant)?.measure else { return Ok(()) };
        let limit = u64::from(self.configuration.policy.shrink_percent);
        let less = |then: u64, now: u64| now < then && (then - now) * 100 >= then * limit;
        let said = [
            ("rows", before.rows, self.run.rows),
            ("bytes", before.bytes, self.run.bytes),
            ("files", before.files, self.run.files),
        ];
        let shrunk: Vec<String> = said
            .into_iter()
            // A handful more or less says nothing.
            .filter(|(_, then, now)| *then >= 20 && less(*then, *now))
            .map(|(what, then, now)| format!("{now} {what} where the backup before had {then}"))
            .collect();
        if !shrunk.is_empty() {
            self.run.shrunk = Some(shrunk.join(", "));
            self.run.exit = Kind::Partial.exit_code();
        }
        Ok(())
    }

    fn write_manifest(&mut self, manifest: &mut Manifest) -> Result<()> {
        manifest.ended = self.machine.now();
        manifest.write(self.machine, &self.folder.join("manifest.json"), &PRIVATE_FILE)
    }
}
