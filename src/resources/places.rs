//! What kinds with a path share: where it may be, whose it is, and what must not be overwritten.

use std::path::{Component, Path};

use super::differences::{Differences, Known, after};
use crate::failure::{Failure, Result};
use crate::machine::{FileKind, Machine, Ownership, Stat, gid_of, uid_of};

/// The path, when it is absolute and goes straight to its place.
pub(super) fn straight(path: &str) -> Result<&Path> {
    let plain = Path::new(path).components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if path.starts_with('/') && path.len() > 1 && plain && !path.contains(['\0', '\n']) {
        return Ok(Path::new(path));
    }
    Err(Failure::operation(format!("{path:?} is no path for a resource"))
        .hint("Write an absolute path without `..` in the playbook."))
}

/// The path, when the directory it shall be in is there.
pub(super) fn placed<'a>(host: &dyn Machine, path: &'a str) -> Result<Known<&'a Path>> {
    let path = straight(path)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    match host.stat(folder)?.map(|stat| stat.kind) {
        Some(FileKind::Directory | FileKind::Symlink) => Ok(Known::Now(path)),
        Some(found) => Err(in_the_way(folder, found, "a directory")),
        None => {
            let folder = folder.display();
            Ok(Known::After(after(format!("directory:{folder}"), format!("{folder} is not there"))))
        }
    }
}

/// Owner and group as numbers, when both are there.
pub(super) fn ownership(host: &dyn Machine, owner: &str, group: &str, mode: u32) -> Result<Known<Ownership>> {
    let Some(uid) = uid_of(host, owner)? else {
        return Ok(Known::After(after(format!("user:{owner}"), format!("there is no user {owner}"))));
    };
    match gid_of(host, group)? {
        Some(gid) => Ok(Known::Now(Ownership { uid, gid, mode })),
        None => Ok(Known::After(after(format!("group:{group}"), format!("there is no group {group}")))),
    }
}

/// Notes where owner, group and mode differ, by name.
pub(super) fn compare_ownership(
    differences: &mut Differences,
    host: &dyn Machine,
    found: &Stat,
    wanted: &Ownership,
) -> Result<()> {
    let name = |database, id| name_of(host, database, id);
    if found.uid != wanted.uid {
        differences.compare("owner", name("/etc/passwd", found.uid)?, name("/etc/passwd", wanted.uid)?);
    }
    if found.gid != wanted.gid {
        differences.compare("group", name("/etc/group", found.gid)?, name("/etc/group", wanted.gid)?);
    }
    differences.compare("mode", format!("{:04o}", found.mode), format!("{:04o}", wanted.mode));
    Ok(())
}

/// Notes owner, group and mode of what is not there yet.
pub(super) fn add_ownership(differences: &mut Differences, owner: &str, group: &str, mode: u32) {
    differences.add("owner", owner);
    differences.add("group", group);
    differences.add("mode", format!("{mode:04o}"));
}

/// The refusal to overwrite something of another kind.
pub(super) fn in_the_way(path: &Path, found: FileKind, wanted: &str) -> Failure {
    let path = path.display();
    Failure::operation(format!("{path} must be {wanted}, but {} is there", described(found)))
        .hint(format!("Look at what is in {path}, move it away by hand, then apply again. It is never overwritten."))
}

/// A kind in words.
pub(super) fn described(kind: FileKind) -> &'static str {
    match kind {
        FileKind::File => "a file",
        FileKind::Directory => "a directory",
        FileKind::Symlink => "a symbolic link",
        FileKind::Other => "a socket, pipe or device",
    }
}

fn name_of(host: &dyn Machine, database: &str, id: u32) -> Result<String> {
    let content = host.read(Path::new(database))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&content);
    let name = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_string())
    });
    Ok(name.unwrap_or_else(|| id.to_string()))
}
