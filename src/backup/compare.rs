//! What is not as it was, each difference by its name and never with a row's values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fingerprint::{Content, DatabaseFingerprint, Entry, Kind, Tree};

/// One thing that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What: `index public.notice notice_pkey`.
    pub what: String,
    /// What the manifest says; none when it knows no such thing.
    pub expected: Option<String>,
    /// What was found; none when it is missing.
    pub found: Option<String>,
}

impl Difference {
    fn new(what: String, expected: Option<String>, found: Option<String>) -> Difference {
        Difference { what, expected, found }
    }

    /// In one line, for a person.
    pub fn words(&self) -> String {
        match (&self.expected, &self.found) {
            (Some(expected), Some(found)) => format!("{}: {found} in place of {expected}", self.what),
            (Some(_), None) => format!("{}: missing", self.what),
            _ => format!("{}: was not there", self.what),
        }
    }
}

/// Compares two databases; their names, sizes and exact versions may differ.
pub fn databases(expected: &DatabaseFingerprint, found: &DatabaseFingerprint) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut fact = |what: &str, one: &str, other: &str| {
        if one != other {
            differences.push(Difference::new(what.to_string(), Some(one.to_string()), Some(other.to_string())));
        }
    };
    fact("encoding", &expected.encoding, &found.encoding);
    fact("collation", &expected.collate, &found.collate);
    fact("character classes", &expected.ctype, &found.ctype);
    // A definition without words would read as if nothing were there.
    let show = |text: &String| if text.is_empty() { "there".to_string() } else { format!("`{text}`") };
    each(&mut differences, "", &expected.objects, &found.objects, PartialEq::eq, show);
    each(&mut differences, "rows of ", &expected.tables, &found.tables, PartialEq::eq, content);
    let within = |then: &super::fingerprint::Sequence, now: &super::fingerprint::Sequence| {
        (then.before.min(then.after)..=then.before.max(then.after)).contains(&now.before)
    };
    each(&mut differences, "value of ", &expected.sequences, &found.sequences, within, |sequence| {
        format!("{} to {}", sequence.before, sequence.after)
    });
    if expected.large_objects != found.large_objects {
        let (then, now) = (content(&expected.large_objects), content(&found.large_objects));
        differences.push(Difference::new("large objects".to_string(), Some(then), Some(now)));
    }
    differences
}

fn content(content: &Content) -> String {
    format!("{} with checksum {}", content.rows, content.checksum)
}

fn each<T>(
    differences: &mut Vec<Difference>,
    prefix: &str,
    expected: &BTreeMap<String, T>,
    found: &BTreeMap<String, T>,
    equal: impl Fn(&T, &T) -> bool,
    show: impl Fn(&T) -> String,
) {
    let what = |name: &String| format!("{prefix}{name}");
    for (name, then) in expected {
        match found.get(name) {
            Some(now) if equal(then, now) => {}
            now => differences.push(Difference::new(what(name), Some(show(then)), now.map(&show))),
        }
    }
    let strange = found.iter().filter(|(name, _)| !expected.contains_key(*name));
    differences.extend(strange.map(|(name, now)| Difference::new(what(name), None, Some(show(now)))));
}

/// What a tree that came back is like beside what was noted before it was stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trees {
    /// What is not as it was.
    pub differences: Vec<Difference>,
    /// Paths that somebody wrote to or removed after they were noted and before they were stored.
    pub changed: Vec<String>,
    /// Paths that were made in that time.
    pub newer: Vec<String>,
}

/// Compares two trees. A file or folder with a later time than was noted was changed meanwhile: it is counted and is no
/// difference.
pub fn trees(expected: &Tree, found: &Tree) -> Trees {
    let mut out = Trees::default();
    for (path, then) in &expected.entries {
        match found.entries.get(path) {
            Some(now) if same(then, now) => {}
            Some(now) if now.modified > then.modified => out.changed.push(path.clone()),
            None if then.kind == Kind::Other || folder_changed(expected, found, path) => out.changed.push(path.clone()),
            now => out.differences.push(Difference::new(format!("file {path}"), Some(entry(then)), now.map(entry))),
        }
    }
    out.newer = found.entries.keys().filter(|path| !expected.entries.contains_key(*path)).cloned().collect();
    out
}

fn same(then: &Entry, now: &Entry) -> bool {
    (then.kind, then.mode, then.bytes, &then.sha256) == (now.kind, now.mode, now.bytes, &now.sha256)
}

/// Whether something was made in or removed from the folder of this path after it was noted, or a folder above it.
fn folder_changed(expected: &Tree, found: &Tree, path: &str) -> bool {
    if path == "." {
        return false;
    }
    let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
    match (expected.entries.get(folder), found.entries.get(folder)) {
        (Some(then), Some(now)) => now.modified > then.modified,
        _ => folder_changed(expected, found, folder),
    }
}

fn entry(entry: &Entry) -> String {
    let kind = match entry.kind {
        Kind::File => "file",
        Kind::Directory => "folder",
        Kind::Symlink => "link",
        Kind::Other => "special file",
    };
    let start = entry.sha256.get(..12).unwrap_or_default();
    format!("{kind} {:04o} {} bytes {start}", entry.mode, entry.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, &str, i64)]) -> Tree {
        let entry = |(path, content, modified): &(&str, &str, i64)| {
            let kind = if content.is_empty() { Kind::Directory } else { Kind::File };
            let (bytes, sha256) = (content.len() as u64, crate::digest::sha256(content));
            (path.to_string(), Entry { kind, mode: 0o640, bytes, sha256, modified: *modified })
        };
        Tree { root: "/data".to_string(), entries: entries.iter().map(entry).collect() }
    }

    #[test]
    fn damage_is_told_from_a_change_that_happened_meanwhile() {
        let then = tree(&[(".", "", 1), ("a", "one", 1), ("b", "two", 1), ("c", "", 1), ("c/d", "three", 1)]);
        let same = trees(&then, &then);
        assert_eq!((same.differences.len(), same.changed.len(), same.newer.len()), (0, 0, 0));
        let damaged = tree(&[(".", "", 1), ("a", "0ne", 1), ("b", "two", 1), ("c", "", 1)]);
        let words: Vec<String> = trees(&then, &damaged).differences.iter().map(|found| found.what.clone()).collect();
        assert_eq!(words, ["file a", "file c/d"]);
        let written = tree(&[(".", "", 1), ("a", "0ne", 2), ("b", "two", 1), ("c", "", 3), ("c/e", "new", 2)]);
        let found = trees(&then, &written);
        assert_eq!(found.differences, []);
        assert_eq!((found.changed.as_slice(), found.newer.as_slice()), (&["a", "c", "c/d"].map(str::to_string)[..], &["c/e".to_string()][..]));
    }

    #[test]
    fn a_difference_says_what_it_is() {
        let difference = |expected: Option<&str>, found: Option<&str>| {
            let own = |text: Option<&str>| text.map(str::to_string);
            Difference::new("index a".to_string(), own(expected), own(found)).words()
        };
        assert_eq!(difference(Some("x"), None), "index a: missing");
        assert_eq!(difference(None, Some("x")), "index a: was not there");
        assert_eq!(difference(Some("x"), Some("y")), "index a: y in place of x");
    }
}
