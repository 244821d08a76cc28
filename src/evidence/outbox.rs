//! Records on the operator's machine that the control host does not have yet: one file each, delivered oldest first.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use super::Record;
use crate::digest::sha256;
use crate::disk;
use crate::failure::{Failure, Result};
use crate::inventory::Inventory;

/// Only for the operator: records name people and machines.
const MODE: u32 = 0o600;

/// The outbox of one inventory on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbox {
    folder: PathBuf,
}

/// Where this machine keeps something about an inventory: `$XDG_STATE_HOME/comuni/<what>/<folder>-<hash>`. The hash is
/// that of the inventory's place, so that two inventories of one name never get each other's records.
///
/// # Errors
/// When neither `XDG_STATE_HOME` nor `HOME` says where.
pub fn state(inventory: &Inventory, what: &str, environment: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let absolute = |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .ok_or_else(|| {
            Failure::operation("there is no place to keep the record of this run")
                .hint("set HOME or XDG_STATE_HOME to an absolute path")
        })?;
    let place = fs::canonicalize(&inventory.directory).unwrap_or_else(|_| inventory.directory.clone());
    let name = place.file_name().map_or_else(|| "inventory".into(), |name| name.to_string_lossy());
    let hash = &sha256(place.as_os_str().as_bytes())[..8];
    Ok(state.join("comuni").join(what).join(format!("{name}-{hash}")))
}

/// A record that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Where it lies.
    pub path: PathBuf,
    /// As it is to be delivered.
    pub record: Value,
}

/// All that waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undelivered {
    /// The records, oldest first.
    pub pending: Vec<Pending>,
    /// Files that are no records, each with its path and why. They stay where they are.
    pub damaged: Vec<String>,
}

/// A run that goes on: its record is in the outbox, and nobody delivers it before it ends or its process dies.
#[derive(Debug)]
pub struct Running {
    path: PathBuf,
    _lock: File,
}

impl Outbox {
    /// The outbox of an inventory, in its [`state`].
    ///
    /// # Errors
    /// When neither `XDG_STATE_HOME` nor `HOME` says where.
    pub fn of(inventory: &Inventory, environment: impl Fn(&str) -> Option<OsString>) -> Result<Outbox> {
        state(inventory, "outbox", environment).map(Outbox::at)
    }

    /// An outbox in a folder, which is made when something is put there.
    pub fn at(folder: impl Into<PathBuf>) -> Outbox {
        Outbox { folder: folder.into() }
    }

    /// Keeps the record of a run that begins. If its process dies, the record is delivered as it was then.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(&self, record: &Record) -> Result<Running> {
        let path = self.put(record)?;
        let lock = File::open(&path).and_then(|file| file.lock().map(|()| file)).map_err(failed(&path))?;
        Ok(Running { path, _lock: lock })
    }

    /// Keeps a record until it is delivered; one with the same id and beginning is replaced. On disk on return.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, record: &Record) -> Result<PathBuf> {
        disk::private_folder(&self.folder).map_err(failed(&self.folder))?;
        let path = self.folder.join(file_name(record)?);
        write(&path, record)?;
        Ok(path)
    }

    /// Whoever delivers, alone: two at a time would deliver the same records twice. Waits for the other; given back when dropped.
    ///
    /// # Errors
    /// When the lock cannot be made.
    pub fn deliverer(&self) -> Result<File> {
        disk::private_folder(&self.folder).map_err(failed(&self.folder))?;
        let path = self.folder.join("deliverer.lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed(&path))?;
        file.lock().map_err(failed(&path))?;
        Ok(file)
    }

    /// What waits. Records of runs that still go on are left out.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn undelivered(&self) -> Result<Undelivered> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Undelivered::default()),
            entries => entries.map_err(failed(&self.folder))?,
        };
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(failed(&self.folder))?.path());
        }
        // Names begin with the time in UTC: their order is that of the runs.
        paths.sort();
        let mut found = Undelivered::default();
        for path in paths.into_iter().filter(|path| is_record(path)) {
            match read(&path) {
                Ok(Some(record)) => found.pending.push(Pending { path, record }),
                Ok(None) => {}
                Err(error) => found.damaged.push(format!("{}: {error}", path.display())),
            }
        }
        Ok(found)
    }

    /// Takes records out that the control host has confirmed. One that is gone already is no error; one that has been
    /// replaced since stays and is delivered next time.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn delivered(&self, records: &[Pending]) -> Result<()> {
        for pending in records {
            if read(&pending.path).is_ok_and(|now| now.is_some_and(|now| now != pending.record)) {
                continue;
            }
            match disk::remove(&pending.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(&pending.path)(error)),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Running {
    /// Puts the final record in place of the first one; from now on it can be delivered.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self, record: &Record) -> Result<()> {
        write(&self.path, record)
    }
}

fn write(path: &Path, record: &Record) -> Result<()> {
    let text = serde_json::to_vec(record).map_err(io::Error::from).map_err(failed(path))?;
    disk::replace(path, &text, MODE).map_err(failed(path))
}

/// The record in a file; `None` while its run goes on or when somebody else has just delivered it.
fn read(path: &Path) -> io::Result<Option<Value>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    match file.try_lock_shared() {
        Ok(()) => serde_json::from_reader(io::BufReader::new(file)).map(Some).map_err(io::Error::from),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn file_name(record: &Record) -> Result<String> {
    let started: Timestamp = record
        .started
        .parse()
        .map_err(|error| Failure::operation(format!("`{}` is no time for a record: {error}", record.started)))?;
    Ok(format!("{}-{}.json", started.strftime("%Y%m%dT%H%M%S%.3fZ"), record.id))
}

fn is_record(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    name.ends_with(b".json") && !name.starts_with(b".")
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Failure {
    let place = path.display().to_string();
    move |error| Failure::operation(format!("{place}: the record of the run cannot be kept: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::record::tests::example;
    use super::*;
    use crate::secrets::example as desk;

    fn ids(outbox: &Outbox) -> Vec<String> {
        let waiting = outbox.undelivered().unwrap().pending;
        waiting.iter().map(|pending| pending.record["id"].as_str().unwrap().to_string()).collect()
    }

    #[test]
    fn records_wait_oldest_first_until_they_are_delivered() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::at(folder.path().join("a/b"));
        assert_eq!(outbox.undelivered().unwrap(), Undelivered::default(), "no folder, nothing waits");
        // By the clock on the wall the second begins earlier: summer time ended between them.
        outbox.put(&example("bb", "2026-10-25T02:10:00.000+01:00", &[])).unwrap();
        outbox.put(&example("aa", "2026-10-25T02:50:00.000+02:00", &[])).unwrap();
        assert_eq!(ids(&outbox), ["aa", "bb"]);

        let waiting = outbox.undelivered().unwrap().pending;
        outbox.delivered(&waiting[..1]).unwrap();
        assert_eq!(ids(&outbox), ["bb"]);
        outbox.delivered(&waiting).expect("somebody else may have delivered the first one");
        assert!(ids(&outbox).is_empty());
    }

    #[test]
    fn nobody_else_reads_the_outbox() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::at(folder.path().join("outbox"));
        let path = outbox.put(&example("aa", "2026-11-23T18:20:05.000+01:00", &[])).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn a_run_is_delivered_after_it_ended_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::at(folder.path());
        let mut record = example("aa", "2026-11-23T18:20:05.000+01:00", &[]);
        (record.ended, record.exit_code) = (None, None);
        let running = outbox.begin(&record).unwrap();
        assert!(ids(&outbox).is_empty());

        record.end(3);
        running.finish(&record).unwrap();
        let waiting = outbox.undelivered().unwrap().pending;
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].record["exit_code"], 3);
    }

    #[test]
    fn a_run_that_was_killed_leaves_what_was_known_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::at(folder.path());
        let mut record = example("aa", "2026-11-23T18:20:05.000+01:00", &[]);
        (record.ended, record.exit_code) = (None, None);
        // The kernel lets the lock go when a process dies, as it does when the file is closed.
        drop(outbox.begin(&record).unwrap());
        assert_eq!(outbox.undelivered().unwrap().pending[0].record.get("ended"), None);
        assert_eq!(ids(&outbox), ["aa"]);
    }

    #[test]
    fn a_record_that_was_replaced_while_it_was_delivered_stays() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::at(folder.path());
        let mut record = example("aa", "2026-11-23T18:20:05.000+01:00", &[]);
        outbox.put(&record).unwrap();
        let waiting = outbox.undelivered().unwrap().pending;
        record.end(4);
        outbox.put(&record).unwrap();
        outbox.delivered(&waiting).unwrap();
        assert_eq!(outbox.undelivered().unwrap().pending[0].record["exit_code"], 4);
    }

    #[test]
    fn a_damaged_file_is_told_and_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::at(folder.path());
        fs::write(folder.path().join("20260101T000000.000Z-00.json"), "{\"ver").unwrap();
        fs::write(folder.path().join(".half.json.unfinished"), "{").unwrap();
        outbox.put(&example("aa", "2026-11-23T18:20:05.000+01:00", &[])).unwrap();
        let found = outbox.undelivered().unwrap();
        assert_eq!(found.pending.len(), 1);
        assert_eq!(found.damaged.len(), 1);
        assert!(found.damaged[0].contains("00.json"));
    }

    #[test]
    fn two_that_deliver_at_the_same_time_deliver_each_record_once() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::at(folder.path());
        for id in 0..20 {
            outbox.put(&example(&format!("{id:02}"), "2026-11-23T18:20:05.000+01:00", &[])).unwrap();
        }
        let delivered = std::sync::Mutex::new(Vec::new());
        let deliver = || {
            let _alone = outbox.deliverer().unwrap();
            let waiting = outbox.undelivered().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
            delivered.lock().unwrap().extend(waiting.pending.iter().map(|pending| pending.path.clone()));
            outbox.delivered(&waiting.pending).unwrap();
        };
        std::thread::scope(|scope| {
            scope.spawn(deliver);
            scope.spawn(deliver);
        });
        assert_eq!(delivered.into_inner().unwrap().len(), 20);
    }

    #[test]
    fn two_inventories_of_one_name_have_two_outboxes() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = |place: &str, variable: &'static str, value: &'static str| {
            let directory = folder.path().join(place).join("lab");
            fs::create_dir_all(&directory).unwrap();
            let inventory = desk::inventory(&directory, desk::consortium(&[], None));
            Outbox::of(&inventory, move |name| (name == variable).then(|| OsString::from(value)))
        };
        let one = outbox("one", "XDG_STATE_HOME", "/state").unwrap();
        assert!(one.folder.to_string_lossy().starts_with("/state/comuni/outbox/lab-"));
        assert_ne!(one, outbox("two", "XDG_STATE_HOME", "/state").unwrap());
        let home = outbox("one", "HOME", "/home/anna").unwrap();
        assert!(home.folder.starts_with("/home/anna/.local/state/comuni/outbox"));
        assert!(outbox("one", "HOME", "relative").is_err());
    }
}
