//! A change that can lock us out is put back by the host itself unless a new connection confirms it.
//!
//! The timer does not outlive a reboot, so a unit that is there only while a change is pending puts it back at boot.
//!
//! A pending change is a folder `revert/TOKEN`. Whoever renames it first decides: `comuni-host confirm TOKEN` to
//! `TOKEN.confirmed`, the timer's `comuni-host revert TOKEN` to `TOKEN.reverting`, and when all is put back to
//! `TOKEN.reverted`. A pending folder that an apply finds at its start was never confirmed (its run was killed, or the
//! host booted and lost the timer): it is put back first.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::before::Before;
use super::key;
use super::owed;
use super::session::Session;
use super::store::{self, Settings};
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, Ownership, hex};
use crate::protocol::FromHost;
use crate::resources::Notification;

/// How much longer than the timer is waited before we put back ourselves.
const GRACE: Duration = Duration::from_secs(10);

/// Where units of the host itself lie.
const UNITS: &str = "/etc/systemd/system";

/// All that is needed to put a change back.
#[derive(Serialize, Deserialize)]
struct Kept {
    files: Vec<Before>,
    daemons: Vec<Daemon>,
}

#[derive(Serialize, Deserialize)]
struct Daemon {
    notification: Notification,
    was_running: bool,
}

/// A change that will be put back unless it is confirmed.
pub struct Guard {
    token: String,
}

/// Keeps what is at `paths` and starts the timer, before anything is changed.
///
/// # Errors
/// When the files cannot be kept or the timer cannot be started: then nothing may be changed.
pub fn arm(session: &mut Session, paths: &[&str], told: &[Notification]) -> Result<Guard> {
    let token = hex(&key::random_bytes::<16>()?);
    let files = paths.iter().map(|path| Before::of(session.machine, path)).collect::<Result<Vec<_>>>()?;
    let mut daemons = Vec::new();
    for notification in told {
        let unit = owed::unit_of(notification);
        let was_running = unit.map(|unit| owed::is_active(session.machine, &unit)).transpose()?.unwrap_or(true);
        daemons.push(Daemon { notification: notification.clone(), was_running });
    }
    let folder = session.settings.reverts().join(&token);
    let kept = Kept { files, daemons };
    store::save(session.machine, &folder.join("kept.json"), &kept)?;
    arm_for_boot(session.machine, &session.settings.executable, &token, &kept)?;
    let seconds = session.settings.confirm_within.as_secs();
    let command = Command::new([
        "systemd-run".to_string(),
        format!("--unit={}", unit(&token)),
        format!("--on-active={seconds}s"),
        "--timer-property=AccuracySec=1s".to_string(),
        session.settings.executable.display().to_string(),
        "revert".to_string(),
        token.clone(),
    ]);
    let started = session.machine.run(&command).and_then(|output| output.succeeded(&command));
    if let Err(failure) = started {
        session.machine.remove_tree(&folder)?;
        disarm_for_boot(session.machine, &token)?;
        return Err(failure.context("nothing was changed, because the timer that would put it back cannot be started"));
    }
    Ok(Guard { token })
}

impl Guard {
    /// Asks control for a new connection and waits until it confirms, or the change is put back.
    ///
    /// # Errors
    /// Outer: the machine cannot be asked. Inner: the change was put back.
    pub fn wait(self, session: &mut Session, id: &str) -> Result<Result<()>> {
        let patience = session.settings.confirm_within;
        let seconds = u32::try_from(patience.as_secs()).unwrap_or(u32::MAX);
        // When control is gone nobody will confirm, and the timer does its work: that is waited for all the same,
        // so that the next apply finds the host at rest.
        let asked = session.wire.send(FromHost::Confirm { id: id.to_string(), token: self.token.clone(), seconds });
        let begin = Instant::now();
        let folder = session.settings.reverts();
        let place = |suffix: &str| folder.join(format!("{}{suffix}", self.token));
        loop {
            if session.machine.stat(&place(".confirmed"))?.is_some() {
                session.machine.remove_tree(&place(".confirmed"))?;
                return asked.map(Ok);
            }
            if session.machine.stat(&place(".reverted"))?.is_some() {
                session.machine.remove_tree(&place(".reverted"))?;
                return Ok(Err(put_back()));
            }
            if session.wire.is_ending() {
                self.give_up(session)?;
                return Ok(Err(Failure::operation("put back: interrupted")));
            }
            if begin.elapsed() > patience + GRACE.min(patience) {
                self.give_up(session)?;
                return Ok(Err(put_back()));
            }
            std::thread::sleep(Duration::from_millis(100).min(patience / 10));
        }
    }

    /// Puts the change back at once and stops the timer.
    ///
    /// # Errors
    /// When something cannot be put back.
    pub fn give_up(self, session: &mut Session) -> Result<()> {
        stop_timer(session.machine, &self.token)?;
        revert(session.machine, session.settings, &self.token)?;
        session.machine.remove_tree(&session.settings.reverts().join(format!("{}.reverted", self.token)))
    }
}

fn put_back() -> Failure {
    Failure::operation("put back: no new connection could be made")
}

fn unit(token: &str) -> String {
    format!("comuni-revert-{token}")
}

fn stop_timer(machine: &mut dyn Machine, token: &str) -> Result<()> {
    // It may have run already: its failure to stop says nothing.
    machine.run(&Command::new(["systemctl", "stop", &format!("{}.timer", unit(token))])).map(|_| ())
}

/// The unit that puts back at boot, and the link that makes the boot want it.
fn at_boot(token: &str) -> (PathBuf, PathBuf) {
    let name = format!("comuni-revert-at-boot-{token}.service");
    (Path::new(UNITS).join(&name), Path::new(UNITS).join("multi-user.target.wants").join(name))
}

fn arm_for_boot(machine: &mut dyn Machine, executable: &Path, token: &str, kept: &Kept) -> Result<()> {
    let (unit, wanted) = at_boot(token);
    // After the daemons have read what is put back, so that telling them waits for no start of theirs.
    let daemons: Vec<_> = kept.daemons.iter().filter_map(|daemon| owed::unit_of(&daemon.notification)).collect();
    let text = format!(
        "[Unit]\nDescription=Puts back an unconfirmed change of comuni\nAfter={}\n\n\
         [Service]\nType=oneshot\nExecStart={} revert {token}\n",
        daemons.join(" "),
        executable.display(),
    );
    let everybody = |mode| Ownership { uid: 0, gid: 0, mode };
    for folder in [UNITS, &format!("{UNITS}/multi-user.target.wants")].map(Path::new) {
        if machine.stat(folder)?.is_none() {
            machine.make_directory(folder, &everybody(0o755))?;
        }
    }
    machine.write(&unit, text.as_bytes(), &everybody(0o644))?;
    machine.make_symlink(&wanted, &unit.display().to_string())
}

fn disarm_for_boot(machine: &mut dyn Machine, token: &str) -> Result<()> {
    let (unit, wanted) = at_boot(token);
    machine.remove(&wanted)?;
    machine.remove(&unit)
}

/// `comuni-host confirm TOKEN`, by a new connection: the change stays.
///
/// # Errors
/// When there is no such change, or it was put back already.
pub fn confirm(machine: &mut dyn Machine, settings: &Settings, token: &str) -> Result<()> {
    let pending = pending(settings, token)?;
    if machine.stat(&pending)?.is_none() {
        return Err(Failure::operation(format!("nothing waits for the confirmation {token}: it was put back")));
    }
    machine.rename(&pending, &with_suffix(&pending, ".confirmed"))?;
    stop_timer(machine, token)?;
    disarm_for_boot(machine, token)
}

/// `comuni-host revert TOKEN`, by the timer: the change is put back, unless it was confirmed.
///
/// # Errors
/// When a file cannot be put back (a second try continues), or a daemon refuses what was put back.
pub fn revert(machine: &mut dyn Machine, settings: &Settings, token: &str) -> Result<()> {
    let pending = pending(settings, token)?;
    let reverting = with_suffix(&pending, ".reverting");
    if machine.stat(&pending)?.is_some() {
        machine.rename(&pending, &reverting)?;
    }
    let Some(kept) = store::load::<Kept>(machine, &reverting.join("kept.json"))? else { return Ok(()) };
    for file in kept.files.iter().rev() {
        file.put_back(machine)?;
    }
    let mut told = Ok(());
    for daemon in &kept.daemons {
        let done = match owed::unit_of(&daemon.notification) {
            Some(unit) if !daemon.was_running => {
                let command = Command::new(["systemctl", "stop", &unit]);
                machine.run(&command).and_then(|output| output.succeeded(&command)).map(drop)
            }
            _ => owed::tell(machine, &daemon.notification),
        };
        told = told.and(done);
    }
    disarm_for_boot(machine, token)?;
    machine.rename(&reverting, &with_suffix(&pending, ".reverted"))?;
    told
}

/// Puts back what an earlier run left unconfirmed, and gives the tokens.
///
/// # Errors
/// When something cannot be put back.
pub fn sweep(machine: &mut dyn Machine, settings: &Settings) -> Result<Vec<String>> {
    let mut put_back = Vec::new();
    for name in machine.list(&settings.reverts())? {
        let (token, state) = name.split_once('.').unwrap_or((&name, ""));
        if matches!(state, "" | "reverting") && is_token(token) {
            stop_timer(machine, token)?;
            let reverted = revert(machine, settings, token);
            // A daemon that refuses its old file is still owed a word, and the files to come may be the remedy.
            if machine.stat(&settings.reverts().join(format!("{token}.reverted")))?.is_none() {
                reverted?;
            }
            put_back.push(token.to_string());
        } else if is_token(token) {
            // A confirmation that was cut off may have left it.
            disarm_for_boot(machine, token)?;
        }
        machine.remove_tree(&settings.reverts().join(format!("{token}.reverted")))?;
        machine.remove_tree(&settings.reverts().join(format!("{token}.confirmed")))?;
    }
    Ok(put_back)
}

/// Refuses a host on which a change still waits for its confirmation: what is there now may be put back any moment.
///
/// # Errors
/// When one waits.
pub fn must_be_at_rest(machine: &dyn Machine, settings: &Settings) -> Result<()> {
    let waits = |name: &String| {
        let (token, state) = name.split_once('.').unwrap_or((name, ""));
        matches!(state, "" | "reverting") && is_token(token)
    };
    if machine.list(&settings.reverts())?.iter().any(waits) {
        return Err(Failure::operation(
            "a change of an earlier run was never confirmed and is about to be put back; plan again when that is done",
        ));
    }
    Ok(())
}

fn pending(settings: &Settings, token: &str) -> Result<PathBuf> {
    if is_token(token) {
        return Ok(settings.reverts().join(token));
    }
    Err(Failure::usage(format!("{token:?} is no token: 32 digits of lower-case hex")))
}

fn is_token(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}
