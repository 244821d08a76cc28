//! The borders between rooms are those of the table in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms and the rooms they may use, from the table; `None` means all.
fn table() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_string).collect::<BTreeSet<_>>();
    page.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            let room = words(cells[1]).pop_first().unwrap();
            (room, if cells[3].trim() == "all" { None } else { Some(words(cells[3])) })
        })
        .collect()
}

/// Every `crate::room` that stands in the code of a room, with its file.
fn uses(source: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for piece in line.split("crate::").skip(1) {
            rooms.insert(piece.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect());
        }
    }
    rooms
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_room_uses_only_the_rooms_that_the_table_names() {
    let table = table();
    let mut wrong = Vec::new();
    for (room, allowed) in &table {
        let Some(allowed) = allowed else { continue };
        for file in room_files(room) {
            let source = fs::read_to_string(&file).unwrap();
            for used in uses(&source) {
                if used != *room && !allowed.contains(&used) {
                    wrong.push(format!("{} uses {used}", file.strip_prefix(root()).unwrap().display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "not allowed by the table in ARCHITECTURE.md:\n{}", wrong.join("\n"));
}

#[test]
fn every_room_is_in_the_table() {
    let table = table();
    let map = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for room in map.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        assert!(table.contains_key(room.trim_end_matches(';')), "{room} is not in ARCHITECTURE.md");
    }
}

#[test]
fn this_test_finds_a_crossing() {
    assert!(uses("use crate::fleet::run;").contains("fleet"));
    assert!(uses("let x = crate::ssh::Session::connect();").contains("ssh"));
    assert!(!uses("// crate::ssh is not used here").contains("ssh"));
}

fn room_files(room: &str) -> Vec<PathBuf> {
    let folder = root().join("src").join(room);
    if folder.is_dir() { files(&folder) } else { vec![folder.with_extension("rs")] }
}
