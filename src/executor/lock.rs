//! Locks of a host and of its tenants: held by a process, gone with it, and they say who holds them.
//!
//! The lock is the kernel's (`flock`), not the file's content: a killed holder leaves no lock behind. The descriptor
//! is closed on exec (the standard library opens nothing else), so no child keeps it alive.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::failure::{Failure, Result};
use crate::machine::utc;
use crate::protocol::{Holder, Operator};

/// A lock that is held until this value is dropped or its process ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// What trying to take a lock gave.
#[derive(Debug)]
pub enum Taken {
    /// It is ours.
    Held(Lock),
    /// Somebody else has it.
    Busy(Holder),
}

/// Tries to take the lock at `path` for `holder`, without waiting.
///
/// # Errors
/// When the file cannot be opened or locked for another reason than a holder.
pub fn take(path: &Path, holder: &Holder) -> Result<Taken> {
    let failed = |error: std::io::Error| Failure::operation(format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        std::fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(failed)?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            let words = serde_json::to_vec(holder)
                .map_err(|error| Failure::operation(format!("cannot encode the lock: {error}")))?;
            file.set_len(0).and_then(|()| file.write_all(&words)).map_err(failed)?;
            Ok(Taken::Held(Lock { file }))
        }
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(Taken::Busy(read_holder(&mut file))),
        Err(error) => Err(failed(error.into())),
    }
}

/// Takes the lock at `path`, waiting at most `patience` for its holder.
///
/// # Errors
/// When it is still held then (busy, with who holds it), or as [`take`].
pub fn wait(path: &Path, holder: &Holder, patience: Duration) -> Result<Lock> {
    match wait_or_say(path, holder, patience)? {
        Taken::Held(lock) => Ok(lock),
        Taken::Busy(other) => {
            Err(Failure::new(crate::failure::Kind::Busy, format!("{} is held by {}", path.display(), words(&other))))
        }
    }
}

/// As [`wait`]; that it is still held then is no error.
///
/// # Errors
/// As [`take`].
pub fn wait_or_say(path: &Path, holder: &Holder, patience: Duration) -> Result<Taken> {
    let begin = Instant::now();
    loop {
        match take(path, holder)? {
            Taken::Busy(_) if begin.elapsed() < patience => std::thread::sleep(Duration::from_millis(50)),
            taken => return Ok(taken),
        }
    }
}

/// Who holds a lock, for a message.
pub fn words(holder: &Holder) -> String {
    let Holder { operator, verb, since } = holder;
    format!("{}@{} ({verb}) since {}", operator.user, operator.machine, utc(*since))
}

/// The holder as it wrote itself down. It may have locked and not written yet, so a few tries; after that the kernel
/// still knows the process.
fn read_holder(file: &mut File) -> Holder {
    for _ in 0..5 {
        let mut content = Vec::new();
        let read = file.rewind().and_then(|()| file.read_to_end(&mut content));
        if let (Ok(_), Ok(holder)) = (read, serde_json::from_slice(&content)) {
            return holder;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let metadata = file.metadata().ok();
    let process = metadata.as_ref().and_then(|metadata| locking_process(metadata.ino()));
    Holder {
        operator: Operator {
            user: process.map_or_else(|| "an unknown process".to_string(), |process| format!("process {process}")),
            machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            fingerprint: None,
        },
        verb: process.and_then(command_line).unwrap_or_else(|| "unknown".to_string()),
        since: metadata.map_or(0, |metadata| metadata.mtime()),
    }
}

/// The process that holds a lock on this inode, by `/proc/locks` (proc(5)).
fn locking_process(inode: u64) -> Option<u32> {
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, process, place, ..] = fields[..] else { return None };
        (place.rsplit(':').next() == Some(inode.to_string().as_str())).then(|| process.parse().ok()).flatten()
    })
}

fn command_line(process: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    Some(name.trim().to_string()).filter(|name| !name.is_empty())
}

impl Drop for Lock {
    fn drop(&mut self) {
        // So that the next holder is never mistaken for us. The kernel would free the lock when the file is closed, but
        // a child that is being started holds a copy of it until its exec.
        let _ = self.file.set_len(0);
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(user: &str) -> Holder {
        let operator = Operator { user: user.to_string(), machine: "ced1".to_string(), fingerprint: None };
        Holder { operator, verb: "apply".to_string(), since: 1_529_488_800 }
    }

    fn held(taken: Taken) -> Lock {
        match taken {
            Taken::Held(lock) => lock,
            Taken::Busy(holder) => panic!("held by {holder:?}"),
        }
    }

    #[test]
    fn the_second_is_told_who_where_since_when_and_for_what() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("comuni/lock");
        let first = held(take(&path, &holder("anna")).unwrap());
        let Taken::Busy(other) = take(&path, &holder("bruno")).unwrap() else { panic!("two holders") };
        assert_eq!(other, holder("anna"));
        drop(first);
        held(take(&path, &holder("bruno")).unwrap());
    }

    #[test]
    fn the_folder_of_locks_is_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("comuni/lock");
        let _lock = held(take(&path, &holder("anna")).unwrap());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_holder_that_wrote_nothing_readable_is_still_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = held(take(&path, &holder("anna")).unwrap());
        std::fs::write(&path, "{ half").unwrap();
        let Taken::Busy(other) = take(&path, &holder("bruno")).unwrap() else { panic!("two holders") };
        assert_eq!(other.operator.user, format!("process {}", std::process::id()));
        drop(lock);
    }

    #[test]
    fn no_child_keeps_the_lock_of_a_gone_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = held(take(&path, &holder("anna")).unwrap());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        drop(lock);
        // Children that other tests are just starting have it until their exec: a moment, where ours lives for long.
        let again = wait(&path, &holder("bruno"), Duration::from_secs(20));
        child.kill().unwrap();
        child.wait().unwrap();
        again.unwrap();
    }

    #[test]
    fn waiting_ends_with_busy_when_the_holder_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let _lock = held(take(&path, &holder("anna")).unwrap());
        let failure = wait(&path, &holder("bruno"), Duration::from_millis(60)).unwrap_err();
        assert_eq!(failure.kind, crate::failure::Kind::Busy);
        assert!(failure.message.contains("anna@ced1 (apply) since 2018-06-20T10:00:00Z"), "{failure}");
    }
}
