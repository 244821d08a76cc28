//! The passphrase of a key file on its way to ssh, which asks a program for it (`SSH_ASKPASS`). It lies in a pipe in our
//! own folder and never on a disk, in an argument or in an environment.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{CWD, Mode, mkfifoat};

use super::super::key_file::is_encrypted;
use super::super::{Concealed, Credentials};

/// Answers ssh's question for our key file, and no other: whoever asks for a PIN or a password gets nothing.
const PROGRAM: &str = "#!/bin/sh
case $1 in
\"$COMUNI_QUESTION\"*) IFS= read -r word < \"$COMUNI_ANSWER\" && printf '%s\\n' \"$word\" ;;
*) exit 1 ;;
esac
";

/// The ssh of each jump host may ask too.
const QUESTIONS: usize = 16;

/// A passphrase, the key file that it opens, and the program that tells ssh.
pub(super) struct Passphrase {
    word: Concealed,
    question: String,
    program: PathBuf,
    pipes: AtomicU32,
}

/// A passphrase that lies ready for one ssh until this is dropped.
pub(super) struct Ready {
    path: PathBuf,
    /// Open both ways, so that what is in the pipe stays there without anybody who waits.
    _pipe: File,
}

impl Passphrase {
    /// What ssh would ask for and we know; the program is put into `folder`.
    pub(super) fn of(credentials: &Credentials, folder: &Path) -> io::Result<Option<Passphrase>> {
        let locked = |path: &&PathBuf| std::fs::read_to_string(path).is_ok_and(|text| is_encrypted(&text));
        let (Some(word), Some(key)) = (&credentials.passphrase, credentials.key_files.iter().find(locked)) else {
            return Ok(None);
        };
        let program = folder.join("askpass");
        OpenOptions::new().write(true).create_new(true).mode(0o700).open(&program)?.write_all(PROGRAM.as_bytes())?;
        let question = question(&std::path::absolute(key)?);
        Ok(Some(Passphrase { word: word.clone(), question, program, pipes: AtomicU32::new(0) }))
    }

    /// Lays it ready for this ssh.
    pub(super) fn ready_for(&self, ssh: &mut Command) -> io::Result<Ready> {
        let path = self.program.with_file_name(format!("answer-{}", self.pipes.fetch_add(1, Ordering::Relaxed)));
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)?;
        let mut pipe = OpenOptions::new().read(true).write(true).open(&path)?;
        for _ in 0..QUESTIONS {
            pipe.write_all(self.word.expose().as_bytes())?;
            pipe.write_all(b"\n")?;
        }
        ssh.env("SSH_ASKPASS", &self.program).env("SSH_ASKPASS_REQUIRE", "force");
        ssh.env("COMUNI_QUESTION", &self.question).env("COMUNI_ANSWER", &path);
        Ok(Ready { path, _pipe: pipe })
    }
}

/// How ssh asks for the passphrase of a key file: with the first hundred bytes of its path.
fn question(key: &Path) -> String {
    let path = key.to_string_lossy();
    let end = (0..=path.len().min(100)).rev().find(|end| path.is_char_boundary(*end)).unwrap_or(0);
    let closing = if path.len() <= 100 { "'" } else { "" };
    format!("Enter passphrase for key '{}{closing}", &path[..end])
}

impl Drop for Ready {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
