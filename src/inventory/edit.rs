//! Writes single values into the files of an inventory, as a person would: comments and layout stay.
//!
//! A change is tried on the text in the few ways in which YAML may have been written, and the first one that reads back as
//! the old file with exactly that change is taken.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::node::{self, Node};
use super::source::Sources;
use crate::disk;
use crate::failure::{Failure, Result};

/// Writes `host_key` of a host into the `hosts.yml` of this folder, never into an included one: what stands here counts.
///
/// # Errors
/// When the file cannot be read or written, or is written in a way that cannot be changed safely.
pub fn pin_host_key(folder: &Path, host: &str, key: &str) -> Result<PathBuf> {
    let path = folder.join("hosts.yml");
    let failed = |error: std::io::Error| Failure::operation(format!("{}: {error}", path.display()));
    let (text, mode) = match std::fs::read_to_string(&path) {
        Ok(text) => (text, std::fs::metadata(&path).map_err(failed)?.permissions().mode() & 0o777),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => ("hosts:\n".to_string(), 0o644),
        Err(error) => return Err(failed(error)),
    };
    let Some(changed) = with_host_key(&text, host, key) else {
        return Err(Failure::operation(format!("{} is written in a way that we do not change", path.display()))
            .hint(format!("write it yourself, under `{host}`: host_key: {key}")));
    };
    disk::replace(&path, changed.as_bytes(), mode).map_err(failed)?;
    Ok(path)
}

fn with_host_key(text: &str, host: &str, key: &str) -> Option<String> {
    let tree = parse(text)?;
    let mut wanted = tree.to_json();
    let hosts = wanted.as_object_mut()?.entry("hosts").or_insert(Json::Null);
    let known = map_of(map_of(hosts)?.entry(host).or_insert(Json::Null))?;
    known.insert("host_key".to_string(), json!(key));
    let reads_back = |changed: &String| parse(changed).is_some_and(|tree| tree.to_json() == wanted);
    candidates(text, &tree, host, key).into_iter().find(reads_back)
}

/// A value as a map; nothing is an empty one.
fn map_of(value: &mut Json) -> Option<&mut serde_json::Map<String, Json>> {
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut()
}

fn parse(text: &str) -> Option<Node> {
    let (mut sources, mut findings) = (Sources::default(), Vec::new());
    let file = sources.add("hosts.yml", text);
    node::parse(&sources, file, &mut findings).filter(|_| findings.is_empty())
}

/// The text with the key, in the ways that fit how it is written.
fn candidates(text: &str, tree: &Node, host: &str, key: &str) -> Vec<String> {
    let put = |at: usize, to: usize, what: &str| {
        text.get(..at).zip(text.get(to..)).map(|(before, after)| format!("{before}{what}{after}"))
    };
    let insert = |at: usize, what: &str| put(at, at, what);
    let line_start = |at: usize| text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let line_end = |at: usize| text.get(at..).and_then(|after| after.find('\n')).map(|end| at + end + 1);
    let mut ways = Vec::new();
    let Some(hosts) = tree.entry("hosts") else { return ways };
    match hosts.node.entry(host) {
        Some(entry) => {
            if let Some(old) = entry.node.entry("host_key") {
                let (at, length) = (old.node.span.offset as usize, old.node.span.length as usize);
                let written = text.get(at..at + length).map_or(0, |old| old.trim_end().len());
                ways.extend(put(at, at + written, key));
                let colon = (old.key_span.offset + old.key_span.length) as usize;
                ways.extend(insert(colon + 1, &format!(" {key}")));
            }
            if let Some(first) = entry.node.entries().first() {
                let at = first.key_span.offset as usize;
                let indent = text.get(line_start(at)..at).unwrap_or_default();
                let line = format!("{indent}host_key: {key}\n");
                // After the address, which most people write first, else before everything.
                ways.extend(line_end(at).and_then(|at| insert(at, &line)));
                ways.extend(insert(line_start(at), &line));
                ways.extend(insert(at, &format!("host_key: {key}, ")));
            }
            let name = entry.key_span.offset as usize;
            let indent = text.get(line_start(name)..name).unwrap_or_default();
            let line = format!("{indent}  host_key: {key}\n");
            ways.extend(line_end(name).and_then(|at| insert(at, &line)));
            ways.extend(braces(text, name).and_then(|(from, to)| put(from, to, &format!("{{ host_key: {key} }}"))));
        }
        None => {
            let sibling = hosts.node.entries().first().map_or(0, |entry| entry.key_span.offset as usize);
            let indent = text.get(line_start(sibling)..sibling).filter(|indent| !indent.is_empty()).unwrap_or("  ");
            let block = format!("{indent}{host}:\n{indent}{indent}host_key: {key}\n");
            let end = if text.ends_with('\n') { "" } else { "\n" };
            ways.push(format!("{text}{end}{block}"));
            ways.extend(insert(sibling, &format!("{host}: {{ host_key: {key} }}, ")));
            let (from, to) = braces(text, hosts.key_span.offset as usize).unwrap_or_default();
            ways.extend(put(from, to, &format!("{{ {host}: {{ host_key: {key} }} }}")));
        }
    }
    ways
}

/// The first pair of braces after a place.
fn braces(text: &str, after: usize) -> Option<(usize, usize)> {
    let from = after + text.get(after..)?.find('{')?;
    let to = from + text.get(from..)?.find('}')? + 1;
    Some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAA";

    #[test]
    fn a_key_is_written_where_a_person_would_and_everything_else_stays() {
        for (name, before, after) in [
            (
                "a block",
                "# ours\nhosts:\n  app1:   # the first\n    address: 192.0.2.1 # far\n    roles: [dns]\n  db1:\n    port: 22\n",
                "# ours\nhosts:\n  app1:   # the first\n    address: 192.0.2.1 # far\n    host_key: ssh-ed25519 AAAA\n    roles: [dns]\n  db1:\n    port: 22\n",
            ),
            (
                "another key",
                "hosts:\n  app1:\n    host_key: ssh-ed25519 BBBB  # old\n    port: 22\n",
                "hosts:\n  app1:\n    host_key: ssh-ed25519 AAAA  # old\n    port: 22\n",
            ),
            (
                "another key in quotes",
                "hosts:\n  app1: { host_key: \"ssh-ed25519 BBBB\", port: 22 }\n",
                "hosts:\n  app1: { host_key: ssh-ed25519 AAAA, port: 22 }\n",
            ),
            (
                "a key with nothing",
                "hosts:\n  app1:\n    host_key:\n",
                "hosts:\n  app1:\n    host_key: ssh-ed25519 AAAA\n",
            ),
            (
                "braces",
                "hosts:\n  app1: { address: 192.0.2.1 }\n  db1: {}\n",
                "hosts:\n  app1: { host_key: ssh-ed25519 AAAA, address: 192.0.2.1 }\n  db1: {}\n",
            ),
            (
                "a list under it",
                "hosts:\n  app1:\n    roles:\n      - dns\n    port: 22\n",
                "hosts:\n  app1:\n    host_key: ssh-ed25519 AAAA\n    roles:\n      - dns\n    port: 22\n",
            ),
            (
                "nothing of the host",
                "hosts:\n  app1:\n  db1:\n",
                "hosts:\n  app1:\n    host_key: ssh-ed25519 AAAA\n  db1:\n",
            ),
            ("no host in braces", "hosts: {}\n", "hosts: { app1: { host_key: ssh-ed25519 AAAA } }\n"),
            ("empty braces", "hosts:\n  app1: {}\n", "hosts:\n  app1: { host_key: ssh-ed25519 AAAA }\n"),
            (
                "a host of the included inventory",
                "hosts:\n  db1:\n    port: 22",
                "hosts:\n  db1:\n    port: 22\n  app1:\n    host_key: ssh-ed25519 AAAA\n",
            ),
            ("no host at all", "hosts:\n", "hosts:\n  app1:\n    host_key: ssh-ed25519 AAAA\n"),
            (
                "everything in braces",
                "hosts: { db1: { port: 22 } }\n",
                "hosts: { app1: { host_key: ssh-ed25519 AAAA }, db1: { port: 22 } }\n",
            ),
        ] {
            assert_eq!(with_host_key(before, "app1", KEY).as_deref(), Some(after), "{name}");
        }
    }

    #[test]
    fn what_would_change_more_than_the_key_is_left_alone() {
        let shared = "hosts:\n  app1: &same\n    port: 22\n  db1: *same\n";
        assert_eq!(with_host_key(shared, "app1", KEY), None, "db1 would get the key too");
        assert_eq!(with_host_key("hosts: [", "app1", KEY), None);
    }

    #[test]
    fn a_folder_without_a_file_of_hosts_gets_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = pin_host_key(folder.path(), "app1", KEY).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "hosts:\n  app1:\n    host_key: ssh-ed25519 AAAA\n");
    }
}
