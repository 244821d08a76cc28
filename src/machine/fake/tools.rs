//! Models of openssl, tar and small tools.
//!
//! An archive here is text: for each entry a line in the form of `tar -tv`, and for a file its content after a tab.

use std::path::Path;

use super::super::{Command, Output, Ownership};
use super::world::{Node, World};
use super::{option, said};

/// A program that does nothing, well.
pub(super) fn quiet(_world: &mut World, _command: &Command) -> Output {
    said(0, "", "")
}

pub(super) fn openssl(world: &mut World, command: &Command) -> Output {
    match command.argv.get(1).map(String::as_str) {
        Some("genpkey") => {
            world.drawn += 1;
            said(0, format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", world.drawn), "")
        }
        Some("req") => {
            let path = option(&command.argv, "-key").unwrap_or_default();
            if !world.text(path).starts_with("-----BEGIN PRIVATE KEY-----") {
                return said(1, "", format!("Could not read private key from {path}"));
            }
            let names = String::from_utf8_lossy(&command.stdin).replace("-----", "");
            said(0, format!("-----BEGIN CERTIFICATE REQUEST-----\n{names}-----END CERTIFICATE REQUEST-----\n"), "")
        }
        _ => said(1, "", "Invalid command"),
    }
}

pub(super) fn tar(world: &mut World, command: &Command) -> Output {
    let listing = command.argv.iter().any(|word| word == "-tvzf");
    let archive = option(&command.argv, if listing { "-tvzf" } else { "-xzf" }).unwrap_or_default();
    let content = world.text(archive);
    if !content.starts_with(['d', '-']) {
        return said(2, "", "gzip: stdin: not in gzip format\ntar: Child returned status 1");
    }
    if listing {
        let entries: Vec<&str> = content.lines().filter_map(|line| line.split('\t').next()).collect();
        return said(0, entries.join("\n") + "\n", "");
    }
    let Some(folder) = option(&command.argv, "-C") else {
        return said(2, "", "tar: no directory");
    };
    let folder = Path::new(folder).to_path_buf();
    for line in content.lines() {
        let (entry, text) = line.split_once('\t').unwrap_or((line, ""));
        let name = entry.split_whitespace().nth(5).unwrap_or_default();
        let mode = if entry.contains('x') { 0o755 } else { 0o644 };
        let ownership = Ownership { uid: 0, gid: 0, mode };
        let inner: std::path::PathBuf = Path::new(name).components().skip(1).collect();
        if inner.as_os_str().is_empty() {
            continue;
        }
        let node =
            if entry.starts_with('d') { Node::directory(&ownership) } else { Node::file(text.as_bytes(), &ownership) };
        world.put(folder.join(inner), node);
    }
    said(0, "", "")
}

pub(super) fn chmod(world: &mut World, command: &Command) -> Output {
    let path = command.argv.last().cloned().unwrap_or_default();
    for node in world.below(Path::new(&path)) {
        node.limit_mode(0o555);
    }
    said(0, "", "")
}
