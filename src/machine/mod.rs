//! The only door to the files, processes and clock of a host.
//!
//! Reading takes `&self`, changing takes `&mut self`: code that was handed a `&dyn Machine` cannot change the host.

mod calendar;
mod command;
mod conversation;
mod fake;
mod local;
mod private;
mod process;
mod stop;

use std::ffi::OsString;
use std::path::Path;

pub use calendar::{moment, utc};
pub use command::{Command, Output};
pub use conversation::Conversation;
pub use fake::{Fake, Fault, Node, Program, Unit, World};
pub use local::Local;
pub use private::{PRIVATE_FILE, PRIVATE_FOLDER, make_folder};
pub use stop::{heed, stopped};

pub use crate::digest::hex;
use crate::failure::Result;

/// What a path is, without following a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A socket, device or pipe.
    Other,
}

/// What `lstat` says about a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// What is there.
    pub kind: FileKind,
    /// Permission bits, at most `0o7777`.
    pub mode: u32,
    /// Owner as a number.
    pub uid: u32,
    /// Group as a number.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// When its content was last changed, in nanoseconds since 1970-01-01T00:00:00Z.
    pub modified: i64,
}

/// Owner, group and mode that a written file or directory gets before it appears under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// Owner as a number.
    pub uid: u32,
    /// Group as a number.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// A host, real ([`Local`]) or kept in memory for tests ([`Fake`]).
///
/// Errors name the path or the command and carry the system's own words.
pub trait Machine {
    /// The content of a file; `None` when nothing is there. Follows symbolic links.
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>>;
    /// What is at `path`, not following a link; `None` when nothing is there.
    fn stat(&self, path: &Path) -> Result<Option<Stat>>;
    /// Where a symbolic link points; `None` when `path` is no link.
    fn link_target(&self, path: &Path) -> Result<Option<String>>;
    /// The names in a directory, sorted; empty when there is none.
    fn list(&self, path: &Path) -> Result<Vec<String>>;
    /// As [`Machine::list`], byte for byte: names need not be text.
    fn names(&self, path: &Path) -> Result<Vec<OsString>>;
    /// Lower-case hex SHA-256 of a file, read in pieces; `None` when nothing is there.
    fn sha256(&self, path: &Path) -> Result<Option<String>>;
    /// Runs a command that changes nothing. The answer is remembered until the next change through this machine,
    /// so that many resources can ask one question (all roles, all units) at the price of one process.
    fn query(&self, command: &Command) -> Result<Output>;
    /// What was answered so far may be over: every question is asked anew.
    fn forget(&mut self);
    /// Starts a program that changes nothing and is then talked with, such as a transaction that is held open.
    fn converse(&self, command: &Command) -> Result<Box<dyn Conversation>>;
    /// Seconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> i64;

    /// Replaces a file atomically: temporary file beside it, owner, mode, fsync, rename, fsync of the directory.
    fn write(&mut self, path: &Path, content: &[u8], ownership: &Ownership) -> Result<()>;
    /// Appends to a file and syncs it; makes it with `ownership` when it is not there.
    fn append(&mut self, path: &Path, content: &[u8], ownership: &Ownership) -> Result<()>;
    /// Makes a directory, whose parent must be there, with `ownership` from the first moment.
    fn make_directory(&mut self, path: &Path, ownership: &Ownership) -> Result<()>;
    /// Sets owner, then mode, of what is at `path`, not following a link.
    fn set_ownership(&mut self, path: &Path, ownership: &Ownership) -> Result<()>;
    /// Makes or replaces a symbolic link atomically.
    fn make_symlink(&mut self, path: &Path, target: &str) -> Result<()>;
    /// Renames atomically within one file system.
    fn rename(&mut self, from: &Path, to: &Path) -> Result<()>;
    /// Removes a file, a link or an empty directory; no error when nothing is there.
    fn remove(&mut self, path: &Path) -> Result<()>;
    /// Removes a directory and all below it; no error when nothing is there.
    fn remove_tree(&mut self, path: &Path) -> Result<()>;
    /// Runs a command that may change the host.
    fn run(&mut self, command: &Command) -> Result<Output>;
    /// As [`Machine::run`], with every line of its standard output handed over as it comes and not kept: for programs
    /// that work for long and say how far they are. When `line` fails the program is ended, and that is the failure.
    fn follow(&mut self, command: &Command, line: &mut dyn FnMut(&str) -> Result<()>) -> Result<Output> {
        let output = self.run(command)?;
        String::from_utf8_lossy(&output.stdout).lines().try_for_each(line)?;
        Ok(Output { stdout: Vec::new(), ..output })
    }
}

/// The numeric id of a Unix user by `/etc/passwd`; `None` when there is no such user.
///
/// A static binary cannot load name service modules, hence the file itself (passwd(5)).
pub fn uid_of(machine: &dyn Machine, name: &str) -> Result<Option<u32>> {
    id_in(machine, "/etc/passwd", name)
}

/// The numeric id of a Unix group by `/etc/group` (group(5)); `None` when there is no such group.
pub fn gid_of(machine: &dyn Machine, name: &str) -> Result<Option<u32>> {
    id_in(machine, "/etc/group", name)
}

fn id_in(machine: &dyn Machine, database: &str, name: &str) -> Result<Option<u32>> {
    let content = machine.read(Path::new(database))?.unwrap_or_default();
    let id = String::from_utf8_lossy(&content).lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    });
    Ok(id)
}
