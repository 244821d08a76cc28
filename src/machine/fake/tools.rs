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
            let key = String::from_utf8_lossy(&command.stdin).into_owned();
            if !key.contains("PRIVATE KEY") {
                return said(1, "", "Could not read private key");
            }
            let subject = option(&command.argv, "-subj").unwrap_or_default();
            said(0, format!("-----BEGIN CERTIFICATE REQUEST-----\n{subject}\n-----END CERTIFICATE REQUEST-----\n"), "")
        }
        _ => said(1, "", "Invalid command"),
    }
}

pub(super) fn tar(world: &mut World, command: &Command) -> Output {
    let verb = command.argv.get(1).map(String::as_str).unwrap_or_default();
    let content = match option(&command.argv, "--file") {
        Some(archive) => world.text(archive),
        None => String::from_utf8_lossy(&command.stdin).into_owned(),
    };
    if !content.starts_with(['d', '-']) {
        return said(2, "", "gzip: stdin: not in gzip format\ntar: Child returned status 1");
    }
    if verb == "--list" {
        let listing: Vec<&str> = content.lines().filter_map(|line| line.split('\t').next()).collect();
        return said(0, listing.join("\n") + "\n", "");
    }
    let Some(folder) = option(&command.argv, "--directory") else {
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
        let node = if entry.starts_with('d') { Node::directory(&ownership) } else { Node::file(text.as_bytes(), &ownership) };
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
