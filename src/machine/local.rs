//! The real host.

#![allow(
    clippy::disallowed_methods,
    reason = "every rename here stands after a sync of the file and before one of the folder"
)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{CWD, OFlags, RenameFlags};

use super::{Command, Conversation, FileKind, Machine, Output, Ownership, Stat};
use super::{conversation, process};
use crate::digest::sha256_of;
use crate::failure::{Failure, Result};

/// Temporary names begin with this, then the writer's process id: what a killed writer left can be told apart.
const TEMPORARY: &str = ".comuni-";

/// The host this process runs on.
#[derive(Debug, Default)]
pub struct Local {
    answers: RefCell<HashMap<Command, Output>>,
}

impl Local {
    /// This host.
    pub fn new() -> Local {
        Local::default()
    }
}

impl Machine for Local {
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        found(fs::read(path)).map_err(|error| failed("read", path, &error))
    }

    fn stat(&self, path: &Path) -> Result<Option<Stat>> {
        let found = found(fs::symlink_metadata(path)).map_err(|error| failed("look at", path, &error))?;
        Ok(found.map(|data| Stat {
            kind: match data.file_type() {
                kind if kind.is_file() => FileKind::File,
                kind if kind.is_dir() => FileKind::Directory,
                kind if kind.is_symlink() => FileKind::Symlink,
                _ => FileKind::Other,
            },
            mode: data.mode() & 0o7777,
            uid: data.uid(),
            gid: data.gid(),
            size: data.size(),
            modified: data.mtime().saturating_mul(1_000_000_000).saturating_add(data.mtime_nsec()),
        }))
    }

    fn link_target(&self, path: &Path) -> Result<Option<String>> {
        match fs::read_link(path) {
            Ok(target) => Ok(Some(target.to_string_lossy().into_owned())),
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput) || is_absent(&error) => Ok(None),
            Err(error) => Err(failed("read the link", path, &error)),
        }
    }

    fn list(&self, path: &Path) -> Result<Vec<String>> {
        let names = found(fs::read_dir(path)).and_then(|entries| {
            entries.into_iter().flatten().map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        });
        let mut names: Vec<String> = names.map_err(|error| failed("list", path, &error))?;
        names.sort();
        Ok(names)
    }

    fn names(&self, path: &Path) -> Result<Vec<OsString>> {
        let entries = found(fs::read_dir(path)).map_err(|error| failed("list", path, &error))?;
        let names: io::Result<Vec<OsString>> =
            entries.into_iter().flatten().map(|entry| Ok(entry?.file_name())).collect();
        let mut names = names.map_err(|error| failed("list", path, &error))?;
        names.sort();
        Ok(names)
    }

    fn sha256(&self, path: &Path) -> Result<Option<String>> {
        let digest = found(File::open(path)).and_then(|file| file.map(sha256_of).transpose());
        digest.map_err(|error| failed("read", path, &error))
    }

    fn query(&self, command: &Command) -> Result<Output> {
        if let Some(answer) = self.answers.borrow().get(command) {
            return Ok(answer.clone());
        }
        let answer = process::execute(command)?;
        self.answers.borrow_mut().insert(command.clone(), answer.clone());
        Ok(answer)
    }

    fn forget(&mut self) {
        self.answers.get_mut().clear();
    }

    fn converse(&self, command: &Command) -> Result<Box<dyn Conversation>> {
        Ok(Box::new(conversation::begin(command)?))
    }

    fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map(|age| age.as_secs()).unwrap_or_default();
        i64::try_from(since).unwrap_or(i64::MAX)
    }

    fn write(&mut self, path: &Path, content: &[u8], ownership: &Ownership) -> Result<()> {
        self.forget();
        in_place(path, |temporary| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
            own(&file, ownership)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(temporary, path)
        })
        .map_err(|error| failed("write", path, &error))
    }

    fn append(&mut self, path: &Path, content: &[u8], ownership: &Ownership) -> Result<()> {
        self.forget();
        append(path, content, ownership).map_err(|error| failed("append to", path, &error))
    }

    fn make_directory(&mut self, path: &Path, ownership: &Ownership) -> Result<()> {
        self.forget();
        in_place(path, |temporary| {
            fs::DirBuilder::new().mode(0o700).create(temporary)?;
            own(&File::open(temporary)?, ownership)?;
            // A plain rename would replace an empty directory that somebody else has just made.
            Ok(rustix::fs::renameat_with(CWD, temporary, CWD, path, RenameFlags::NOREPLACE)?)
        })
        .map_err(|error| failed("make the directory", path, &error))
    }

    fn set_ownership(&mut self, path: &Path, ownership: &Ownership) -> Result<()> {
        self.forget();
        let link = fs::symlink_metadata(path).is_ok_and(|data| data.is_symlink());
        let outcome = if link {
            std::os::unix::fs::lchown(path, Some(ownership.uid), Some(ownership.gid))
        } else {
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
            file.and_then(|file| own(&file, ownership))
        };
        outcome.map_err(|error| failed("set owner and mode of", path, &error))
    }

    fn make_symlink(&mut self, path: &Path, target: &str) -> Result<()> {
        self.forget();
        in_place(path, |temporary| {
            std::os::unix::fs::symlink(target, temporary)?;
            fs::rename(temporary, path)
        })
        .map_err(|error| failed("make the link", path, &error))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        self.forget();
        let outcome = fs::rename(from, to).and_then(|()| sync(folder_of(to))).and_then(|()| sync(folder_of(from)));
        outcome.map_err(|error| failed(&format!("rename to {}:", to.display()), from, &error))
    }

    fn remove(&mut self, path: &Path) -> Result<()> {
        self.forget();
        let outcome = match fs::symlink_metadata(path) {
            Ok(data) if data.is_dir() => fs::remove_dir(path),
            Ok(_) => fs::remove_file(path),
            Err(error) => Err(error),
        };
        absent(outcome.and_then(|()| sync(folder_of(path)))).map_err(|error| failed("remove", path, &error))
    }

    fn remove_tree(&mut self, path: &Path) -> Result<()> {
        self.forget();
        let outcome = fs::remove_dir_all(path).and_then(|()| sync(folder_of(path)));
        absent(outcome).map_err(|error| failed("remove the tree", path, &error))
    }

    fn run(&mut self, command: &Command) -> Result<Output> {
        self.forget();
        process::execute(command)
    }

    fn follow(&mut self, command: &Command, line: &mut dyn FnMut(&str) -> Result<()>) -> Result<Output> {
        self.forget();
        process::follow(command, line)
    }
}

fn failed(doing: &str, path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::operation(format!("cannot {doing} {}: {error}", path.display()));
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            failure.hint(format!("Free space on the file system of {}, then apply again.", path.display()))
        }
        ErrorKind::ReadOnlyFilesystem => failure.hint("Find out why it is read-only (dmesg), then apply again."),
        _ => failure,
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn found<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn absent(outcome: io::Result<()>) -> io::Result<()> {
    found(outcome).map(|_| ())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Owner before mode: chown(2) clears the set-id bits, and a mode must never be open to the wrong owner.
fn own(file: &File, ownership: &Ownership) -> io::Result<()> {
    std::os::unix::fs::fchown(file, Some(ownership.uid), Some(ownership.gid))?;
    file.set_permissions(fs::Permissions::from_mode(ownership.mode))
}

/// Hands a fresh name beside `path` to `make`, which ends by renaming it; nothing stays under that name on failure.
fn in_place(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let folder = folder_of(path);
    sweep(folder);
    // The time keeps apart a killed writer and a later one that was given the same process id.
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map(|age| age.as_nanos()).unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let temporary: PathBuf = folder.join(format!("{TEMPORARY}{}-{time:x}-{count}", std::process::id()));
    make(&temporary).and_then(|()| sync(folder)).inspect_err(|_| discard(&temporary))
}

/// Removes what writers left that were killed between making and renaming.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let writer = name.to_str().and_then(|name| name.strip_prefix(TEMPORARY)).and_then(|rest| rest.split_once('-'));
        let process = writer.and_then(|(process, _)| process.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            discard(&entry.path());
        }
    }
}

fn discard(temporary: &Path) {
    // Best effort: the failure that led here, or the work that follows, is what a person must hear of.
    let _ = fs::remove_file(temporary).or_else(|_| fs::remove_dir(temporary));
}

fn append(path: &Path, content: &[u8], ownership: &Ownership) -> io::Result<()> {
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.append(true).mode(0o600).custom_flags(flags);
    let (mut file, new) = match options.clone().create_new(true).open(path) {
        Ok(file) => (file, true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => (options.open(path)?, false),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    if new {
        own(&file, ownership)?;
    }
    if let Err(error) = file.write_all(content).and_then(|()| file.sync_all()) {
        // Half a record at the end would damage the next one.
        let _ = file.set_len(length);
        return Err(error);
    }
    if new { sync(folder_of(path)) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
