//! Encrypted files: read with the identities at hand, replaced whole, one technician at a time.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, Decryptor, Encryptor};
use zeroize::Zeroizing;

use super::document::Document;
use super::identity::Keys;
use super::recipients::{self, Header, Recipients};
use crate::disk;
use crate::failure::{Failure, Kind, Result};
use crate::inventory::types::Consortium;

/// Only for the technician who works here; the others have their own checkout.
const MODE: u32 = 0o600;

/// No secret file is larger: a thousand secrets of 4 KiB.
const LARGEST: u64 = 8 << 20;

/// How long to wait for another technician on the same checkout.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of reading a file.
pub(super) enum Content {
    /// There is none yet.
    Absent,
    /// It was opened.
    Open(Document),
    /// None of the identities opens it; says why, with the names of those who can.
    Closed(String),
}

/// Reads the secret file of an owner.
///
/// # Errors
/// When it is damaged or cannot be read.
pub(super) fn read(path: &Path, keys: &Keys, consortium: &Consortium) -> Result<Content> {
    let armored = match fetch(path) {
        Ok(armored) => armored,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::Absent),
        Err(error) => return Err(damaged(path, &error.to_string())),
    };
    let file = without_armor(path, &armored)?;
    match decrypt(&file, keys) {
        Ok(clear) => Document::parse(&clear).map(Content::Open).map_err(|why| damaged(path, &why)),
        Err(DecryptError::NoMatchingKeys) => {
            let names = recipients::named(&Header::read(&file), consortium);
            Ok(Content::Closed(format!("it is encrypted to {names}; {}", keys.describe())))
        }
        Err(error) => Err(damaged(path, &error.to_string())),
    }
}

/// The recipients of a secret file, without opening it; `None` when there is none.
///
/// # Errors
/// As [`read`].
pub(super) fn header(path: &Path) -> Result<Option<Header>> {
    match fetch(path) {
        Ok(armored) => Ok(Some(Header::read(&without_armor(path, &armored)?))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(damaged(path, &error.to_string())),
    }
}

fn without_armor(path: &Path, armored: &[u8]) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let decoded = ArmoredReader::new(armored).read_to_end(&mut file);
    decoded.map_err(|error| damaged(path, &error.to_string()))?;
    Ok(file)
}

/// Replaces the secret file of an owner. The file is opened again with the identities at hand before it is put in
/// place: what we could not read ourselves never replaces what we can.
///
/// # Errors
/// When none of our keys is among the recipients, or it cannot be written; the old file is then still in place.
pub(super) fn write(path: &Path, document: &Document, recipients: &Recipients, keys: &Keys) -> Result<()> {
    let place = path.display();
    let failed = |why: &dyn std::fmt::Display| Failure::operation(format!("{place}: not written: {why}"));
    let clear = document.text().map_err(|error| failed(&error))?;
    let file = encrypt(&clear, recipients).map_err(|error| failed(&error))?;
    match decrypt(&file, keys) {
        Ok(again) if *again == *clear => {}
        Ok(_) => return Err(failed(&"what was encrypted does not read back the same")),
        Err(DecryptError::NoMatchingKeys) => {
            return Err(Failure::inventory(format!("{place}: not written: you could not read it yourself"))
                .hint(format!("add your public key under `technicians:` in consortium.yml ({})", keys.describe())));
        }
        Err(error) => return Err(failed(&error)),
    }
    let armored = armor(&file).map_err(|error| failed(&error))?;
    disk::replace(path, &armored, MODE).map_err(|error| failed(&error))
}

/// Keeps other technicians on this checkout from writing secrets while it lives.
pub(super) struct Lock {
    _folder: File,
}

impl Lock {
    /// Locks the folder itself, so that no lock file gets into anybody's commit; makes the folder when it is missing.
    ///
    /// # Errors
    /// Exit 6 when somebody holds it for longer than ten seconds.
    pub(super) fn take(folder: &Path) -> Result<Lock> {
        Lock::within(folder, PATIENCE)
    }

    fn within(folder: &Path, patience: Duration) -> Result<Lock> {
        let place = folder.display();
        let failed = |error: io::Error| Failure::operation(format!("{place}: cannot be locked: {error}"));
        fs::create_dir_all(folder).map_err(failed)?;
        let file = File::open(folder).map_err(failed)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _folder: file }),
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => thread::sleep(Duration::from_millis(50)),
                Err(TryLockError::WouldBlock) => {
                    return Err(Failure::new(Kind::Busy, format!("{place}: somebody else is writing secrets here"))
                        .hint(format!("try again; `fuser -v {place}` shows who it is")));
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }
}

/// The secret files of a folder, with the owner of each.
pub(super) fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let failed = |error: io::Error| Failure::inventory(format!("{}: {error}", folder.display()));
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(owner) = name.and_then(|name| name.strip_suffix(".age")).filter(|owner| !owner.starts_with('.')) {
            files.push((owner.to_string(), path.clone()));
        }
    }
    files.sort();
    Ok(files)
}

fn fetch(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut content = Vec::new();
    if file.take(LARGEST + 1).read_to_end(&mut content)? as u64 > LARGEST {
        return Err(io::Error::other("it is larger than any secret file"));
    }
    Ok(content)
}

fn decrypt(file: &[u8], keys: &Keys) -> std::result::Result<Zeroizing<Vec<u8>>, DecryptError> {
    // The clear text is shorter than the file; room for all at once leaves no copies behind.
    let mut clear = Zeroizing::new(Vec::with_capacity(file.len()));
    Decryptor::new_buffered(file)?.decrypt(keys.iter())?.read_to_end(&mut clear)?;
    Ok(clear)
}

fn encrypt(clear: &[u8], recipients: &Recipients) -> std::result::Result<Vec<u8>, age::EncryptError> {
    let mut out = Encryptor::with_recipients(recipients.iter())?.wrap_output(Vec::new())?;
    out.write_all(clear)?;
    Ok(out.finish()?)
}

fn armor(file: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
    out.write_all(file)?;
    out.finish()
}

fn damaged(path: &Path, why: &str) -> Failure {
    Failure::inventory(format!("{}: the secret file is damaged: {why}", path.display()))
        .hint("bring back an earlier version of this file, e.g. `git log -p` and `git checkout COMMIT -- FILE`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writer_at_a_time_and_none_after_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = folder.path().join("secrets");
        let first = Lock::take(&secrets).unwrap();
        let second = Lock::within(&secrets, Duration::ZERO).map(|_| ()).unwrap_err();
        assert_eq!(second.kind, Kind::Busy);
        drop(first);
        Lock::within(&secrets, Duration::ZERO).unwrap();
        assert_eq!(fs::read_dir(&secrets).unwrap().count(), 0, "a lock leaves no file");
    }
}
