//! Files of the control machine that must survive a crash: replaced whole or not at all.

#![allow(
    clippy::disallowed_methods,
    reason = "a rename here stands after a sync of the file and before one of the folder"
)]

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Ends the name of a file that is being written. What a crash leaves under such a name was never in force.
const UNFINISHED: &str = ".unfinished";

/// Replaces a file, or makes it, with these bytes and this mode. After a return the new content survives a crash; after
/// a crash before it, the old content is there unharmed.
///
/// # Errors
/// Those of the file system; the old content is then still in place.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = folder_of(path);
    let unfinished = folder.join(unfinished_name(path)?);
    let written = write_through(&unfinished, content, mode).and_then(|()| fs::rename(&unfinished, path));
    if let Err(error) = written {
        // The first error says more than a failed tidying up; the leftover is replaced by the next write.
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    sync(folder)
}

/// Puts a file that was written beside its place, and synced, into that place. What stood there is replaced at once.
///
/// # Errors
/// Those of the file system.
pub fn put(unfinished: &Path, path: &Path) -> io::Result<()> {
    fs::rename(unfinished, path)?;
    sync(folder_of(path))
}

/// Makes a folder, and what is missing above it, for our account only.
///
/// # Errors
/// Those of the file system.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Adds one line to a file and waits until it is on the disk. A last line that a crash cut off stays a line of its own.
///
/// # Errors
/// Those of the file system.
pub fn append_line(path: &Path, line: &str) -> io::Result<()> {
    let whole = match fs::read(path) {
        Ok(content) => content.last().is_none_or(|&last| last == b'\n'),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(error),
    };
    let mut file = OpenOptions::new().append(true).create(true).mode(0o644).open(path)?;
    let start = if whole { "" } else { "\n" };
    file.write_all(format!("{start}{line}\n").as_bytes())?;
    file.sync_all()?;
    sync(folder_of(path))
}

/// Removes a file for good.
///
/// # Errors
/// Those of the file system.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync(folder_of(path))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unfinished_name(path: &Path) -> io::Result<OsString> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    // Without a number: a leftover of a crash is overwritten and does not gather dust.
    hidden.push(UNFINISHED);
    Ok(hidden)
}

fn write_through(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    // The umask may have taken bits away that the caller asked for.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_has_the_new_content_and_mode_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "old").unwrap();

        replace(&path, b"new", 0o600).unwrap();

        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_keeps_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "old").unwrap();
        // A folder in the way of the new file makes the write fail for root as well.
        fs::create_dir(folder.path().join(".key.unfinished")).unwrap();

        assert!(replace(&path, b"new", 0o600).is_err());

        assert_eq!(fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn a_line_after_a_torn_one_stands_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        append_line(&path, "one").unwrap();
        fs::write(&path, "one\ntw").unwrap();

        append_line(&path, "three").unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntw\nthree\n");
    }
}
