//! The borders between rooms are those of the table in ARCHITECTURE.md. Tests inside of rooms are free.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const TEST: &str = "#[cfg(test)]\n";

/// What would make a catalog depend on more than the repository. An address (`IpAddr`) is a value like others.
const AMBIENT: &[&str] = &[
    "std::time",
    "std::env",
    "std::process",
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::ToSocketAddrs",
    "std::net::{",
    "rand::",
    "jiff::",
    "rustix::",
    "HashMap",
    "HashSet",
];

#[test]
fn a_room_uses_only_the_rooms_that_the_table_names() {
    let mut wrong = Vec::new();
    for (room, allowed) in &table() {
        let Some(allowed) = allowed else { continue };
        for (file, source) in code(&src(), room) {
            for used in uses(&source) {
                if used != *room && !allowed.contains(&used) {
                    wrong.push(format!("{} uses {used}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "not allowed by the table in ARCHITECTURE.md:\n{}", wrong.join("\n"));
}

#[test]
fn every_room_is_in_the_table_and_the_table_names_no_other() {
    let map = fs::read_to_string(src().join("lib.rs")).unwrap();
    let rooms = map.lines().filter_map(|line| line.strip_prefix("pub mod "));
    let rooms: BTreeSet<String> = rooms.map(|room| room.trim_end_matches(';').to_string()).collect();
    assert_eq!(rooms, table().into_keys().collect());
}

#[test]
fn what_makes_catalogs_asks_no_clock_environment_process_network_or_chance() {
    let mut wrong = Vec::new();
    for room in ["compile", "templates", "playbook", "dns"] {
        for (file, source) in code(&src(), room) {
            wrong.extend(ambient(&source).into_iter().map(|word| format!("{} uses {word}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "a catalog is a function of the repository alone:\n{}", wrong.join("\n"));
}

#[test]
fn these_tests_find_a_crossing() {
    assert!(uses("use crate::fleet::run;").contains("fleet"));
    assert!(uses("let x = crate::ssh::Session::connect();").contains("ssh"));
    assert!(uses("use crate::{fleet, ssh::{Session, Key}, failure::Failure};").contains("ssh"));
    assert!(!uses("// crate::ssh is not used here").contains("ssh"));
    assert_eq!(ambient("let now = std::time::SystemTime::now();"), ["std::time"]);
    assert_eq!(ambient("use std::net::IpAddr;"), [""; 0]);
}

#[test]
fn only_tests_are_free() {
    let folder = tempfile::tempdir().unwrap();
    let room = folder.path().join("ssh");
    fs::create_dir_all(room.join("tests")).unwrap();
    fs::create_dir_all(room.join("link/tests")).unwrap();
    let inline = "#[cfg(test)]\nmod tests {\n    use crate::inline;\n}\nuse crate::below;\n";
    fs::write(room.join("mod.rs"), format!("#[cfg(test)]\nmod sshd;\n#[cfg(test)]\nmod tests;\nmod link;\n{inline}"))
        .unwrap();
    fs::write(room.join("sshd.rs"), "use crate::beside;\n").unwrap();
    fs::write(room.join("tests/mod.rs"), "use crate::under;\n").unwrap();
    fs::write(room.join("link.rs"), "#[cfg(test)]\nmod tests;\nuse crate::fleet;\n").unwrap();
    fs::write(room.join("link/tests/long.rs"), "use crate::deep;\n").unwrap();
    let used: BTreeSet<String> = code(folder.path(), "ssh").iter().flat_map(|(_, source)| uses(source)).collect();
    assert_eq!(used, ["below", "fleet"].map(str::to_string).into());
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Rooms and the rooms they may use, from the table; `None` means all.
fn table() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let page = fs::read_to_string(src().with_file_name("ARCHITECTURE.md")).unwrap();
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

/// Every room that stands after `crate::` in a source.
fn uses(source: &str) -> BTreeSet<String> {
    let text = without_comments(source);
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms = BTreeSet::new();
    for piece in text.split("crate::").skip(1) {
        match piece.strip_prefix('{') {
            None => drop(rooms.insert(word(piece))),
            Some(list) => rooms.extend(outermost(list).map(|item| word(item.trim()))),
        }
    }
    rooms.remove("");
    rooms
}

/// The items of a list in braces, without the lists inside of it.
fn outermost(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 1;
    let mut starts = vec![0];
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => starts.push(at + 1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    starts.into_iter().map(|start| &list[start..])
}

fn ambient(source: &str) -> Vec<&'static str> {
    let text = without_comments(source);
    AMBIENT.iter().copied().filter(|word| text.contains(word)).collect()
}

fn without_comments(source: &str) -> String {
    source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The files of a room with their code, without those that are compiled for tests only and the tests inside of others.
fn code(src: &Path, room: &str) -> Vec<(PathBuf, String)> {
    let folder = src.join(room);
    let files = if folder.is_dir() { files(&folder) } else { vec![folder.with_extension("rs")] };
    let sources = files.into_iter().map(|file| (fs::read_to_string(&file).unwrap(), file));
    let sources: Vec<(String, PathBuf)> = sources.collect();
    let tests: Vec<PathBuf> = sources.iter().flat_map(|(source, file)| test_modules(source, file)).collect();
    sources
        .into_iter()
        .filter(|(_, file)| !tests.iter().any(|module| file.with_extension("").starts_with(module)))
        .map(|(source, file)| (file.strip_prefix(src).unwrap().to_path_buf(), without_tests(&source)))
        .collect()
}

/// The modules for tests that a file names, as paths without `.rs`.
fn test_modules(source: &str, file: &Path) -> Vec<PathBuf> {
    let inside = if file.ends_with("mod.rs") { file.parent().unwrap().to_path_buf() } else { file.with_extension("") };
    let declared = source.split(TEST).skip(1).filter_map(|rest| rest.lines().next()?.strip_suffix(';'));
    declared.filter_map(|line| line.split("mod ").nth(1)).map(|name| inside.join(name)).collect()
}

/// The source without its modules for tests: each ends with a brace at the start of a line.
fn without_tests(source: &str) -> String {
    let mut pieces = source.split(TEST);
    let mut kept = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        let inline = piece.lines().next().is_some_and(|line| line.contains("mod ") && line.ends_with('{'));
        kept.push_str(if inline { piece.split_once("\n}\n").map_or("", |(_, after)| after) } else { piece });
    }
    kept
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
