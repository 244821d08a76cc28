//! The state of a host kept in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::{FileKind, Ownership, Stat};
use crate::failure::{Failure, Result};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub(super) content: Content,
    mode: u32,
    uid: u32,
    gid: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    File(Vec<u8>),
    Directory,
    Link(String),
}

/// What systemd knows of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit {
    /// `active`, `inactive`, `failed` or `activating`.
    pub active: String,
    /// Started at boot.
    pub enabled: bool,
    /// It cannot be started, even by hand.
    pub masked: bool,
    /// The definition systemd works with, as it was when it was loaded.
    pub loaded: Vec<u8>,
}

/// The state of a host kept in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    nodes: BTreeMap<PathBuf, Node>,
    /// The clock, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
    /// Units that systemd has loaded.
    pub units: BTreeMap<String, Unit>,
    /// Packages that the archive offers.
    pub offered: BTreeSet<String>,
    /// Packages of the archive that `apt-get update` has not heard of yet.
    pub unheard: BTreeSet<String>,
    /// State of programs that a test models itself.
    pub notes: BTreeMap<String, String>,
    /// How many random things were made so far.
    pub drawn: u32,
}

const DIRECTORIES: [&str; 17] = [
    "/",
    "/etc",
    "/etc/systemd",
    "/etc/systemd/system",
    "/home",
    "/lib",
    "/lib/systemd",
    "/lib/systemd/system",
    "/opt",
    "/root",
    "/run",
    "/srv",
    "/tmp",
    "/var",
    "/var/lib",
    "/var/lib/comuni",
    "/var/lib/dpkg",
];

impl World {
    pub(super) fn debian() -> World {
        let mut world = World {
            nodes: BTreeMap::new(),
            now: 1_529_452_800,
            units: BTreeMap::new(),
            offered: BTreeSet::new(),
            unheard: BTreeSet::new(),
            notes: BTreeMap::new(),
            drawn: 0,
        };
        let root = |mode| Ownership { uid: 0, gid: 0, mode };
        for path in DIRECTORIES {
            world.put(path, Node::directory(&root(0o755)));
        }
        world.put("/etc/passwd", Node::file(b"root:x:0:0:root:/root:/bin/bash\n", &root(0o644)));
        world.put("/etc/group", Node::file(b"root:x:0:\n", &root(0o644)));
        world.put("/var/lib/dpkg/status", Node::file(b"", &root(0o644)));
        world
    }

    /// What is at a path, not following a link.
    pub fn node(&self, path: impl AsRef<Path>) -> Option<&Node> {
        self.nodes.get(path.as_ref())
    }

    pub(super) fn node_mut(&mut self, path: &Path) -> Option<&mut Node> {
        self.nodes.get_mut(path)
    }

    pub(super) fn followed(&self, path: &Path) -> Option<&Node> {
        let mut place = path.to_path_buf();
        for _ in 0..40 {
            match self.nodes.get(&place)? {
                Node { content: Content::Link(target), .. } => place = place.parent()?.join(target),
                node => return Some(node),
            }
        }
        None
    }

    pub(super) fn is(&self, path: &Path, kind: FileKind) -> bool {
        self.node(path).is_some_and(|node| node.stat().kind == kind)
    }

    /// Puts something there, in place of what was.
    pub fn put(&mut self, path: impl AsRef<Path>, node: Node) {
        self.nodes.insert(path.as_ref().to_path_buf(), node);
    }

    /// Takes away what is there, and all below.
    pub fn take(&mut self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        self.nodes.retain(|place, _| place != path && !place.starts_with(path));
    }

    /// The text of a file; empty when there is none.
    pub fn text(&self, path: impl AsRef<Path>) -> String {
        match self.followed(path.as_ref()) {
            Some(Node { content: Content::File(bytes), .. }) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        }
    }

    /// The content of a file, to be changed behind everybody's back.
    pub fn content_mut(&mut self, path: impl AsRef<Path>) -> Option<&mut Vec<u8>> {
        match self.nodes.get_mut(path.as_ref()) {
            Some(Node { content: Content::File(bytes), .. }) => Some(bytes),
            _ => None,
        }
    }

    /// Every path, in order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.nodes.keys().map(PathBuf::as_path)
    }

    pub(super) fn names_in(&self, path: &Path) -> Vec<String> {
        let inside = self.nodes.keys().filter(|place| place.parent() == Some(path));
        inside.filter_map(|place| Some(place.file_name()?.to_str()?.to_string())).collect()
    }

    pub(super) fn below(&mut self, path: &Path) -> impl Iterator<Item = &mut Node> {
        self.nodes.iter_mut().filter(move |(place, _)| place.starts_with(path)).map(|(_, node)| node)
    }

    pub(super) fn room_for(&self, path: &Path, doing: &str) -> Result<()> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        match self.followed(parent) {
            Some(Node { content: Content::Directory, .. }) => Ok(()),
            _ => Err(Failure::operation(format!("cannot {doing} {}: No such file or directory", path.display()))),
        }
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        self.room_for(to, "rename to")?;
        if self.node(from).is_none() {
            return Err(Failure::operation(format!("cannot rename {}: No such file or directory", from.display())));
        }
        if !self.names_in(to).is_empty() {
            return Err(Failure::operation(format!("cannot rename to {}: Directory not empty", to.display())));
        }
        let moved: Vec<PathBuf> = self.nodes.keys().filter(|place| place.starts_with(from)).cloned().collect();
        for place in moved {
            let name = place.strip_prefix(from).map(Path::to_path_buf).unwrap_or_default();
            let target = if name.as_os_str().is_empty() { to.to_path_buf() } else { to.join(name) };
            if let Some(node) = self.nodes.remove(&place) {
                self.nodes.insert(target, node);
            }
        }
        Ok(())
    }

    /// The line of passwd(5) or group(5) that begins with `name:`.
    pub fn line_of(&self, database: &str, name: &str) -> Option<Vec<String>> {
        let text = self.text(database);
        let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
        Some(line.split(':').map(ToString::to_string).collect())
    }
}

impl Node {
    /// A file.
    pub fn file(content: &[u8], ownership: &Ownership) -> Node {
        Node::new(Content::File(content.to_vec()), ownership)
    }

    /// A directory.
    pub fn directory(ownership: &Ownership) -> Node {
        Node::new(Content::Directory, ownership)
    }

    /// A symbolic link.
    pub fn link(target: &str) -> Node {
        Node::new(Content::Link(target.to_string()), &Ownership { uid: 0, gid: 0, mode: 0o777 })
    }

    fn new(content: Content, ownership: &Ownership) -> Node {
        Node { content, mode: ownership.mode, uid: ownership.uid, gid: ownership.gid }
    }

    pub(super) fn own(&mut self, ownership: &Ownership) {
        (self.uid, self.gid, self.mode) = (ownership.uid, ownership.gid, ownership.mode);
    }

    pub(super) fn limit_mode(&mut self, mask: u32) {
        self.mode &= mask;
    }

    /// What lstat(2) says about it.
    pub fn stat(&self) -> Stat {
        let (kind, size) = match &self.content {
            Content::File(bytes) => (FileKind::File, bytes.len() as u64),
            Content::Directory => (FileKind::Directory, 0),
            Content::Link(target) => (FileKind::Symlink, target.len() as u64),
        };
        Stat { kind, mode: self.mode, uid: self.uid, gid: self.gid, size, modified: 0 }
    }
}
