//! What daemons must still be told. Written down before the change that causes it, so that a cut-off run leaves the
//! debt and not a daemon with old settings; paid by whoever applies next.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::json;

use super::session::Session;
use super::store;
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine};
use crate::protocol::{Debt, FromHost};
use crate::resources::{Notification, Resource};

/// All debts of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    path: PathBuf,
    debts: Vec<Debt>,
    /// Left by earlier runs.
    inherited: BTreeSet<Debt>,
}

/// A notification that could not be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpaid {
    /// What the daemon should have been told.
    pub notification: Notification,
    /// Owners of the changes behind it.
    pub owners: BTreeSet<String>,
    /// The command's own words.
    pub message: String,
    /// Every change behind it is of an earlier run.
    pub inherited: bool,
}

impl Owed {
    /// Reads the debts of a host.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn load(machine: &dyn Machine, path: PathBuf) -> Result<Owed> {
        let debts: Vec<Debt> = store::load(machine, &path)?.unwrap_or_default();
        Ok(Owed { path, inherited: debts.iter().cloned().collect(), debts })
    }

    /// All debts, the oldest first.
    pub fn debts(&self) -> &[Debt] {
        &self.debts
    }

    /// Writes a debt down, before the change that causes it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn owe(&mut self, machine: &mut dyn Machine, notification: &Notification, owner: &str) -> Result<()> {
        let notification = notification.to_string();
        let known = |debt: &Debt| debt.notification == notification && debt.owner == owner;
        if self.debts.iter().any(|debt| known(debt) && !self.inherited.contains(debt)) {
            return Ok(());
        }
        self.debts.retain(|debt| !known(debt));
        self.debts.push(Debt { notification, owner: owner.to_string(), since: machine.now() });
        self.inherited.retain(|debt| self.debts.contains(debt));
        store::save(machine, &self.path, &self.debts)
    }

    fn paid(&mut self, machine: &mut dyn Machine, notification: &Notification) -> Result<()> {
        let words = notification.to_string();
        self.debts.retain(|debt| debt.notification != words);
        store::save(machine, &self.path, &self.debts)
    }

    /// The different notifications, in the order in which they must be paid.
    fn notifications(&self) -> Vec<Notification> {
        let known: BTreeSet<Notification> =
            self.debts.iter().filter_map(|debt| Notification::try_from(debt.notification.clone()).ok()).collect();
        let mut order: Vec<_> = known.into_iter().collect();
        order.sort_by_key(|notification| match notification {
            Notification::DaemonReload => 0,
            Notification::Restart(_) => 1,
            Notification::Reload(_) => 2,
        });
        order
    }

    fn owners(&self, notification: &Notification) -> BTreeSet<String> {
        let words = notification.to_string();
        self.debts.iter().filter(|debt| debt.notification == words).map(|debt| debt.owner.clone()).collect()
    }

    fn is_inherited(&self, notification: &Notification) -> bool {
        let words = notification.to_string();
        self.debts.iter().filter(|debt| debt.notification == words).all(|debt| self.inherited.contains(debt))
    }
}

/// A unit's name with its suffix: a notification may leave `.service` away, as systemctl does.
pub fn unit_name(unit: &str) -> String {
    const SUFFIXES: [&str; 6] = [".service", ".timer", ".socket", ".target", ".path", ".mount"];
    if SUFFIXES.iter().any(|suffix| unit.ends_with(suffix)) { unit.to_string() } else { format!("{unit}.service") }
}

/// The unit a notification is for; none for a daemon-reload.
pub fn unit_of(notification: &Notification) -> Option<String> {
    match notification {
        Notification::Reload(unit) | Notification::Restart(unit) => Some(unit_name(unit)),
        Notification::DaemonReload => None,
    }
}

/// What systemd says of a unit: `active`, `inactive`, `failed`... A unit that it does not know is inactive.
///
/// # Errors
/// When systemctl cannot be asked.
pub fn unit_state(machine: &dyn Machine, unit: &str) -> Result<String> {
    let command = Command::new(["systemctl", "show", "--property=ActiveState", unit]);
    let shown = machine.query(&command)?.succeeded(&command)?.text();
    Ok(shown.lines().find_map(|line| line.strip_prefix("ActiveState=")).unwrap_or("inactive").to_string())
}

/// The unit runs, or is about to.
///
/// # Errors
/// As [`unit_state`].
pub fn is_active(machine: &dyn Machine, unit: &str) -> Result<bool> {
    Ok(matches!(unit_state(machine, unit)?.as_str(), "active" | "reloading" | "activating"))
}

/// systemd has read another unit file than the one on the disk.
fn is_stale(machine: &dyn Machine, unit: &str) -> Result<bool> {
    let command = Command::new(["systemctl", "show", "--property=NeedDaemonReload", unit]);
    Ok(machine.query(&command)?.succeeded(&command)?.text().contains("NeedDaemonReload=yes"))
}

/// Tells one daemon, whatever state it is in. systemd itself is told first of a unit file that changed.
///
/// # Errors
/// With the command's own words, or when a restarted unit does not stay up.
pub fn tell(machine: &mut dyn Machine, notification: &Notification) -> Result<()> {
    if let Some(unit) = unit_of(notification)
        && is_stale(machine, &unit)?
    {
        tell(machine, &Notification::DaemonReload)?;
    }
    let command = match notification {
        Notification::DaemonReload => Command::new(["systemctl", "daemon-reload"]),
        Notification::Restart(unit) => Command::new(["systemctl", "restart", &unit_name(unit)]),
        Notification::Reload(unit) => Command::new(["systemctl", "reload-or-restart", &unit_name(unit)]),
    };
    machine.run(&command)?.succeeded(&command)?;
    if let Notification::Restart(unit) = notification {
        let unit = unit_name(unit);
        let state = unit_state(machine, &unit)?;
        if state != "active" {
            return Err(Failure::operation(format!(
                "{unit} was restarted but is {state}; its own words are in `journalctl --unit={unit}`"
            )));
        }
    }
    Ok(())
}

/// Pays the debts that `which` selects: daemon-reload first, then restarts, then reloads, each once.
///
/// A unit that does not run needs no reload: it reads everything when it starts. So such a debt waits when the catalog
/// is about to start the unit, and starts it when it should be running already. Nothing starts or restarts a unit that
/// is not wanted running: its debts count as paid.
///
/// # Errors
/// When the disk refuses or the other side is gone. What cannot be paid is given back and stays owed.
pub fn pay(session: &mut Session, which: impl Fn(&Notification) -> bool) -> Result<Vec<Unpaid>> {
    let mut unpaid = Vec::new();
    let mut restarted: BTreeSet<String> = BTreeSet::new();
    for notification in session.owed.notifications().into_iter().filter(|notification| which(notification)) {
        if session.refused.contains(&notification) {
            continue;
        }
        let told = match due(session, &notification, &restarted) {
            Ok(Due::Later) => continue,
            Ok(Due::Already) => Ok(()),
            Ok(Due::Now) => tell(session.machine, &notification),
            Err(failure) => Err(failure),
        };
        match told {
            Ok(()) => {
                if let Notification::Restart(unit) = &notification {
                    restarted.insert(unit_name(unit));
                }
                settle(session, &notification)?;
            }
            Err(failure) => {
                session.refused.insert(notification.clone());
                unpaid.push(Unpaid {
                    owners: session.owed.owners(&notification),
                    inherited: session.owed.is_inherited(&notification),
                    message: failure.message,
                    notification,
                });
            }
        }
    }
    Ok(unpaid)
}

enum Due {
    Now,
    Later,
    Already,
}

fn due(session: &Session, notification: &Notification, restarted: &BTreeSet<String>) -> Result<Due> {
    let Some(unit) = unit_of(notification) else { return Ok(Due::Now) };
    if restarted.contains(&unit) {
        return Ok(Due::Already);
    }
    if is_wanted(session, &unit) == Some(false) {
        return Ok(Due::Already);
    }
    if is_active(session.machine, &unit)? {
        return Ok(Due::Now);
    }
    let entry = session.request.catalog.entries.iter().find(|entry| {
        let Resource::Service(service) = &entry.resource else { return false };
        service.unit == unit
    });
    Ok(match entry {
        // A start that has just failed would only fail once more as a restart: it stays owed.
        Some(entry) if session.pending.contains(&entry.id) || session.failed.contains(&entry.owner) => Due::Later,
        _ if is_wanted(session, &unit) == Some(true) => Due::Now,
        _ => Due::Already,
    })
}

/// Whether a unit is to run, by the catalog, or else by what was applied last; `None` when it is not ours to say.
pub fn is_wanted(session: &Session, unit: &str) -> Option<bool> {
    let catalog = session.request.catalog.entries.iter().map(|entry| &entry.resource);
    let applied = session.manifest.records.iter().map(|record| &record.resource);
    catalog.chain(applied).find_map(|resource| match resource {
        Resource::Service(service) if service.unit == unit => Some(service.running),
        _ => None,
    })
}

/// Notes that a notification was paid.
///
/// # Errors
/// As [`pay`].
pub fn settle(session: &mut Session, notification: &Notification) -> Result<()> {
    session.owed.paid(session.machine, notification)?;
    session.journal.write(session.machine, "notified", json!({ "notification": notification }))?;
    session.wire.send(FromHost::Notified { notification: notification.to_string() })
}

/// Notes that a unit was just started, which pays all that it was to be told.
///
/// # Errors
/// As [`pay`].
pub fn settle_started(session: &mut Session, unit: &str) -> Result<()> {
    for notification in session.owed.notifications() {
        if unit_of(&notification).as_deref() == Some(unit) {
            settle(session, &notification)?;
        }
    }
    Ok(())
}
