//! What a database and a tree of files hold, in few words: enough to tell whether what came back is what was there, and
//! never a row's own values.

pub(super) mod database;
mod loosely;
mod tree;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use tree::{shown, tree, tree_as_far};

/// What a database holds in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseFingerprint {
    /// Major version of the server.
    pub server: u32,
    /// Its full version, as it says it.
    pub server_version: String,
    /// Name of the database.
    pub name: String,
    /// Encoding: `UTF8`.
    pub encoding: String,
    /// `LC_COLLATE` of the database.
    pub collate: String,
    /// `LC_CTYPE` of the database.
    pub ctype: String,
    /// Bytes on the server's disk.
    pub bytes: u64,
    /// Roles that own or may do something in it.
    pub roles: Vec<String>,
    /// Extensions and their versions.
    pub extensions: BTreeMap<String, String>,
    /// Everything with a name and its definition, by `kind name`: what is long is a digest.
    pub objects: BTreeMap<String, String>,
    /// Content of each table by name.
    pub tables: BTreeMap<String, Content>,
    /// Sequences by name.
    pub sequences: BTreeMap<String, Sequence>,
    /// Content of the large objects: how many, and a checksum over all of them.
    pub large_objects: Content,
}

impl DatabaseFingerprint {
    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.rows).sum()
    }
}

/// How many rows, and a checksum over them that does not hang on their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// How many.
    pub rows: u64,
    /// The sum of a 64-bit hash of each row as text: a row that is there twice counts twice.
    pub checksum: String,
}

/// The position of a sequence. It stands outside of snapshots, so a dump has a position between two looks at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Before the dump: the number it gives next.
    pub before: i64,
    /// After the dump.
    pub after: i64,
}

/// A tree of files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// The folder that its paths start from.
    pub root: String,
    /// What is in it, by path below the root. Bytes that are no text stand as `\xNN`, a backslash as `\\`.
    pub entries: BTreeMap<String, Entry>,
}

impl Tree {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.entries.values().map(|entry| entry.bytes).sum()
    }

    /// How many files.
    pub fn files(&self) -> u64 {
        self.entries.values().filter(|entry| entry.kind == Kind::File).count() as u64
    }
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Length in bytes, of a file; else 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// SHA-256 (hex) of a file's content, or of where a link points.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// When it was last changed, in nanoseconds since 1970: a file that was written to while it was being backed up
    /// comes back with a later time.
    pub modified: i64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A socket, pipe or device: it has no content of its own.
    Other,
}
