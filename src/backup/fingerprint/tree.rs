//! Walks a tree of files.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Entry, Kind, Tree};
use crate::digest::sha256;
use crate::failure::{Failure, Result};
use crate::machine::{FileKind, Machine};

/// What lies below `root`, without the paths in `excludes` and all below them (also paths below the root). A file that
/// goes away while it is looked at is left out.
///
/// # Errors
/// When the root is no folder, or something cannot be read.
pub fn tree(machine: &dyn Machine, root: &Path, excludes: &[PathBuf]) -> Result<Tree> {
    let mut unread = Vec::new();
    let tree = tree_as_far(machine, root, excludes, &mut unread)?;
    match unread.into_iter().next() {
        None => Ok(tree),
        Some(failure) => Err(failure),
    }
}

/// As [`tree`]; what cannot be read is left out, and why is added to `unread`.
///
/// # Errors
/// When the root is no folder.
pub fn tree_as_far(
    machine: &dyn Machine,
    root: &Path,
    excludes: &[PathBuf],
    unread: &mut Vec<Failure>,
) -> Result<Tree> {
    let mut entries = BTreeMap::new();
    if machine.stat(root)?.is_none_or(|stat| stat.kind != FileKind::Directory) {
        return Err(Failure::operation(format!("{} is no folder", root.display())));
    }
    // The root itself stands as `.`: its time says whether something was made or removed in it.
    entries.extend(entry(machine, root)?.map(|entry| (".".to_string(), entry)));
    let mut waiting = vec![PathBuf::new()];
    while let Some(folder) = waiting.pop() {
        let names = machine.names(&root.join(&folder)).unwrap_or_else(|failure| {
            unread.push(failure);
            Vec::new()
        });
        for name in names {
            let path = folder.join(name);
            if excludes.contains(&path) {
                continue;
            }
            let entry = match entry(machine, &root.join(&path)) {
                Ok(Some(entry)) => entry,
                Ok(None) => continue,
                Err(failure) => {
                    unread.push(failure);
                    continue;
                }
            };
            let kind = entry.kind;
            entries.insert(shown(path.as_os_str()), entry);
            if kind == Kind::Directory {
                waiting.push(path);
            }
        }
    }
    Ok(Tree { root: shown(root.as_os_str()), entries })
}

fn entry(machine: &dyn Machine, path: &Path) -> Result<Option<Entry>> {
    let Some(stat) = machine.stat(path)? else { return Ok(None) };
    let (kind, bytes, digest) = match stat.kind {
        FileKind::File => match machine.sha256(path)? {
            Some(digest) => (Kind::File, stat.size, digest),
            None => return Ok(None),
        },
        FileKind::Directory => (Kind::Directory, 0, String::new()),
        FileKind::Symlink => match machine.link_target(path)? {
            Some(target) => (Kind::Symlink, 0, sha256(target)),
            None => return Ok(None),
        },
        FileKind::Other => (Kind::Other, 0, String::new()),
    };
    Ok(Some(Entry { kind, mode: stat.mode, bytes, sha256: digest, modified: stat.modified }))
}

/// A path as text that names it exactly: what is no text, and what would move a terminal's cursor, is escaped.
pub fn shown(path: &OsStr) -> String {
    let mut text = String::new();
    for piece in path.as_bytes().utf8_chunks() {
        for letter in piece.valid().chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                letter if letter.is_control() => text.push_str(&format!("\\u{{{:x}}}", u32::from(letter))),
                letter => text.push(letter),
            }
        }
        for byte in piece.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::machine::Local;

    #[test]
    fn every_sort_of_entry_and_odd_names_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("a b/c")).unwrap();
        fs::write(root.join("a b/c/è.txt"), "abc").unwrap();
        fs::write(root.join(OsStr::from_bytes(b"\xff\\\n")), "").unwrap();
        std::os::unix::fs::symlink("../away", root.join("link")).unwrap();
        fs::create_dir(root.join("cache")).unwrap();
        fs::write(root.join("cache/x"), "x").unwrap();
        let tree = tree(&Local::new(), root, &[PathBuf::from("cache")]).unwrap();
        let names: Vec<&str> = tree.entries.keys().map(String::as_str).collect();
        assert_eq!(names, [".", "\\xff\\\\\\u{a}", "a b", "a b/c", "a b/c/è.txt", "link"]);
        assert_eq!(tree.entries["a b/c/è.txt"].sha256, sha256("abc"));
        assert_eq!(tree.entries["link"].kind, Kind::Symlink);
        assert!(tree.entries["a b/c/è.txt"].modified > 1_500_000_000_000_000_000);
        assert_eq!((tree.files(), tree.bytes()), (2, 3));
    }

    #[test]
    fn a_root_that_is_no_folder_is_no_empty_tree() {
        assert!(tree(&Local::new(), Path::new("/nowhere at all"), &[]).is_err());
    }
}
