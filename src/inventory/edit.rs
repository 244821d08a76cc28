//! Writes single values into the files of an inventory, as a person would: comments and layout stay.
//!
//! A change is tried on the text in the few ways in which YAML may have been written, and the first one that reads back as
//! the old file with exactly that change is taken.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::node::{self, Entry, Node};
use super::source::Sources;
use crate::disk;
use crate::failure::{Failure, Result};

/// Writes `host_key` of a host into the `hosts.yml` of this folder, never into an included one: what stands here counts.
///
/// # Errors
/// When the file cannot be read or written, or is written in a way that cannot be changed safely.
pub fn pin_host_key(folder: &Path, host: &str, key: &str) -> Result<PathBuf> {
    write(&folder.join("hosts.yml"), "hosts:\n", &["hosts", host, "host_key"], key)
}

/// Writes the release of a tenant into its member's file in this folder, never into an included one.
///
/// # Errors
/// As [`pin_host_key`].
pub fn set_release(folder: &Path, member: &str, application: &str, release: &str) -> Result<PathBuf> {
    let path = members(folder)?.join(format!("{member}.yml"));
    write(&path, MEMBER, &["applications", application, "release"], release)
}

/// Writes where the membership of a body stands into its file in this folder, never into an included one.
///
/// # Errors
/// As [`pin_host_key`].
pub fn set_status(folder: &Path, member: &str, status: &str) -> Result<PathBuf> {
    write(&members(folder)?.join(format!("{member}.yml")), FRESH, &["membership", "status"], status)
}

/// Writes the last day of a membership (ISO 8601) into a body's file in this folder, never into an included one.
///
/// # Errors
/// As [`pin_host_key`].
pub fn set_last_day(folder: &Path, member: &str, day: &str) -> Result<PathBuf> {
    write(&members(folder)?.join(format!("{member}.yml")), FRESH, &["membership", "until"], day)
}

/// Writes the id of the record of its handover into a body's file in this folder, never into an included one.
///
/// # Errors
/// As [`pin_host_key`].
pub fn set_handed_over(folder: &Path, member: &str, id: &str) -> Result<PathBuf> {
    write(&members(folder)?.join(format!("{member}.yml")), FRESH, &["membership", "handed_over"], id)
}

/// The folder of the members' files, which a folder that includes another may not have yet.
fn members(folder: &Path) -> Result<PathBuf> {
    let members = folder.join("members");
    std::fs::create_dir_all(&members).map_err(|error| Failure::operation(format!("{}: {error}", members.display())))?;
    Ok(members)
}

/// As [`MEMBER`], for its membership.
const FRESH: &str = "# yaml-language-server: $schema=../schema/member.json\nmembership:\n";

/// A member's file where the included inventory has all else.
const MEMBER: &str = "# yaml-language-server: $schema=../schema/member.json\napplications:\n";

/// Gives a key of a file a value. `fresh` is the file where there is none.
fn write(path: &Path, fresh: &str, keys: &[&str], value: &str) -> Result<PathBuf> {
    let failed = |error: std::io::Error| Failure::operation(format!("{}: {error}", path.display()));
    let (text, mode) = match std::fs::read_to_string(path) {
        Ok(text) => (text, std::fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (fresh.to_string(), 0o644),
        Err(error) => return Err(failed(error)),
    };
    let Some(changed) = with_value(&text, keys, value) else {
        return Err(Failure::operation(format!("{} is written in a way that we do not change", path.display()))
            .hint(format!("write it yourself: {} with the value {value}", keys.join(" > "))));
    };
    disk::replace(path, changed.as_bytes(), mode).map_err(failed)?;
    Ok(path.to_path_buf())
}

fn with_value(text: &str, keys: &[&str], value: &str) -> Option<String> {
    let tree = parse(text)?;
    let mut wanted = tree.to_json();
    let (last, folders) = keys.split_last()?;
    let mut place = &mut wanted;
    for key in folders {
        place = map_of(place)?.entry(*key).or_insert(Json::Null);
    }
    map_of(place)?.insert((*last).to_string(), json!(value));
    let reads_back = |changed: &String| parse(changed).is_some_and(|tree| tree.to_json() == wanted);
    // Quotes only where it would be a number without.
    let written = [value.to_string(), json!(value).to_string()];
    written.iter().find_map(|value| candidates(text, &tree, keys, value).into_iter().find(reads_back))
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
    let file = sources.add("file.yml", text);
    node::parse(&sources, file, &mut findings).filter(|_| findings.is_empty())
}

/// The text with the value, in the ways that fit how it is written.
fn candidates(text: &str, tree: &Node, keys: &[&str], value: &str) -> Vec<String> {
    let put = |at: usize, to: usize, what: &str| {
        text.get(..at).zip(text.get(to..)).map(|(before, after)| format!("{before}{what}{after}"))
    };
    let insert = |at: usize, what: &str| put(at, at, what);
    let line_start = |at: usize| text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let line_end = |at: usize| text.get(at..).and_then(|after| after.find('\n')).map(|end| at + end + 1);
    let indent_of = |at: usize| {
        let line = text.get(line_start(at)..at).unwrap_or_default();
        if line.trim().is_empty() { line } else { "" }
    };
    let mut ways = Vec::new();
    // As far as the file has the keys: the last of them, and the map that it is in.
    let (mut entry, mut map, mut depth) = (None::<&Entry>, tree, 0);
    while let Some(found) = keys.get(depth).and_then(|key| map.entry(key)) {
        (entry, map) = (Some(found), &found.node);
        depth += 1;
    }
    let missing = keys.get(depth..).unwrap_or_default();
    if missing.is_empty() {
        let Some(old) = entry else { return ways };
        let (at, length) = (old.node.span.offset as usize, old.node.span.length as usize);
        let written = text.get(at..at + length).map_or(0, |old| old.trim_end().len());
        ways.extend(put(at, at + written, value));
        let colon = (old.key_span.offset + old.key_span.length) as usize;
        ways.extend(insert(colon + 1, &format!(" {value}")));
        return ways;
    }
    let flow = flowing(missing, value);
    let is_last = missing.len() == 1;
    if let Some(first) = map.entries().first() {
        let at = first.key_span.offset as usize;
        let indent = indent_of(at);
        let block = block(missing, value, indent, if indent.is_empty() { "  " } else { indent_step(tree, text) });
        // A single value after the first, which most people write first; a whole part at the end.
        if is_last {
            ways.extend(line_end(at).and_then(|at| insert(at, &block)));
        }
        let end = if text.ends_with('\n') { "" } else { "\n" };
        if !is_last {
            ways.extend(past(map, text).and_then(|at| insert(at, &block)));
            ways.push(format!("{text}{end}{block}"));
        }
        ways.extend(insert(line_start(at), &block));
        ways.extend(insert(at, &format!("{flow}, ")));
    }
    if let Some(entry) = entry {
        let name = entry.key_span.offset as usize;
        let step = indent_step(tree, text);
        let indent = format!("{}{step}", indent_of(name));
        ways.extend(line_end(name).and_then(|at| insert(at, &block(missing, value, &indent, step))));
        ways.extend(braces(text, name).and_then(|(from, to)| put(from, to, &format!("{{ {flow} }}"))));
        let colon = (entry.key_span.offset + entry.key_span.length) as usize;
        ways.extend(insert(colon + 1, &format!(" {{ {flow} }}")));
    }
    ways
}

/// `host: { host_key: K }`
fn flowing(keys: &[&str], value: &str) -> String {
    match keys {
        [] => value.to_string(),
        [last] => format!("{last}: {value}"),
        [first, rest @ ..] => format!("{first}: {{ {} }}", flowing(rest, value)),
    }
}

/// The same, a line for each key.
fn block(keys: &[&str], value: &str, indent: &str, step: &str) -> String {
    let mut text = String::new();
    for (depth, key) in keys.iter().enumerate() {
        let tail = if depth + 1 == keys.len() { format!(" {value}") } else { String::new() };
        text.push_str(&format!("{indent}{}{key}:{tail}\n", step.repeat(depth)));
    }
    text
}

/// How far this file indents.
fn indent_step<'t>(tree: &Node, text: &'t str) -> &'t str {
    let inner = tree.entries().iter().find_map(|entry| entry.node.entries().first());
    let at = inner.map_or(0, |entry| entry.key_span.offset as usize);
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let line = text.get(start..at).unwrap_or_default();
    if line.is_empty() || !line.trim().is_empty() { "  " } else { line }
}

/// The beginning of the line after all of a map.
fn past(map: &Node, text: &str) -> Option<usize> {
    let last = map.entries().last()?;
    let inner = past(&last.node, text);
    let end = (last.node.span.offset + last.node.span.length).max(last.key_span.offset) as usize;
    let line = text.get(..end)?.trim_end().len();
    inner.or_else(|| text.get(line..)?.find('\n').map(|newline| line + newline + 1))
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
    fn a_status_is_written_in_its_place_and_everything_else_stays() {
        let set = |text: &str| with_value(text, &["membership", "status"], "active");
        for (before, after) in [
            (
                "# ours\nmembership: { status: joining, since: 2026-11-28 } # new\nname: Ne\n",
                Some("# ours\nmembership: { status: active, since: 2026-11-28 } # new\nname: Ne\n"),
            ),
            (
                "membership:\n  status: joining   # since spring\n",
                Some("membership:\n  status: active   # since spring\n"),
            ),
            ("membership:\n", Some("membership:\n  status: active\n")),
            ("membership: joining\n", None),
        ] {
            assert_eq!(set(before).as_deref(), after, "{before}");
        }
    }

    #[test]
    fn a_handover_is_written_beside_the_status_and_stays_a_text() {
        let set = |text: &str, id: &str| with_value(text, &["membership", "handed_over"], id);
        for (before, id, after) in [
            (
                "membership: { status: leaving, until: 2026-11-28 } # ours\nname: Ne\n",
                "00000000000000ab",
                "membership: { handed_over: 00000000000000ab, status: leaving, until: 2026-11-28 } # ours\nname: Ne\n",
            ),
            (
                "membership:\n  status: leaving   # since spring\n",
                "1234567890123456",
                "membership:\n  status: leaving   # since spring\n  handed_over: \"1234567890123456\"\n",
            ),
            (
                "membership:\n  status: leaving\n  handed_over: 00000000000000ab\n",
                "12345678901234e5",
                "membership:\n  status: leaving\n  handed_over: \"12345678901234e5\"\n",
            ),
        ] {
            assert_eq!(set(before, id).as_deref(), Some(after), "{before}");
        }
    }

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
            assert_eq!(with_value(before, &["hosts", "app1", "host_key"], KEY).as_deref(), Some(after), "{name}");
        }
    }

    #[test]
    fn what_would_change_more_than_the_key_is_left_alone() {
        let shared = "hosts:\n  app1: &same\n    port: 22\n  db1: *same\n";
        assert_eq!(with_value(shared, &["hosts", "app1", "host_key"], KEY), None, "db1 would get the key too");
        assert_eq!(with_value("hosts: [", &["hosts", "app1", "host_key"], KEY), None);
    }

    #[test]
    fn a_folder_without_a_file_of_hosts_gets_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = pin_host_key(folder.path(), "app1", KEY).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "hosts:\n  app1:\n    host_key: ssh-ed25519 AAAA\n");
    }

    #[test]
    fn a_release_is_written_where_the_tenant_stands() {
        for (name, before, value, after) in [
            (
                "a line of its own",
                "name: Lozza\napplications:\n  albo:          # the notice board\n    release: 1.0.0   # since spring\n    size: small\n",
                "1.1.0",
                "name: Lozza\napplications:\n  albo:          # the notice board\n    release: 1.1.0   # since spring\n    size: small\n",
            ),
            (
                "braces",
                "applications:\n  albo: { release: 1.0.0 }   # ours\n  dati: {}\n",
                "1.1.0",
                "applications:\n  albo: { release: 1.1.0 }   # ours\n  dati: {}\n",
            ),
            (
                "the default until now",
                "placement: { application: app2 }\napplications:\n  albo: {}\n",
                "1.1.0",
                "placement: { application: app2 }\napplications:\n  albo: { release: 1.1.0 }\n",
            ),
            (
                "a tenant with nothing",
                "applications:\n  albo:\n  dati: {}\n",
                "1.1.0",
                "applications:\n  albo:\n    release: 1.1.0\n  dati: {}\n",
            ),
            (
                "other keys",
                "applications:\n  contabilita: { port: 8001 }\n",
                "8.0.12",
                "applications:\n  contabilita: { release: 8.0.12, port: 8001 }\n",
            ),
            (
                "what would be a number",
                "applications:\n  contabilita: { release: \"7.8\" }\n",
                "8.0",
                "applications:\n  contabilita: { release: \"8.0\" }\n",
            ),
            (
                "another application beside it",
                "applications:\n  dati:\n    size: small\n\nx-note: ours\n",
                "8.0.12",
                "applications:\n  dati:\n    size: small\n  contabilita:\n    release: 8.0.12\n\nx-note: ours\n",
            ),
        ] {
            let application = if before.contains("contabilita") || value == "8.0.12" { "contabilita" } else { "albo" };
            let written = with_value(before, &["applications", application, "release"], value);
            assert_eq!(written.as_deref(), Some(after), "{name}");
        }
    }

    #[test]
    fn a_member_of_the_included_inventory_gets_a_file_with_the_release_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = set_release(folder.path(), "lozza", "albo", "1.1.0").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("applications:\n  albo:\n    release: 1.1.0\n"), "{text}");
        set_release(folder.path(), "lozza", "albo", "2.0.0").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text.replace("1.1.0", "2.0.0"));
    }
}
