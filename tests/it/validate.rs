//! What `comuni validate` says: the shipped inventories are sound, and bad input is told with place and remedy.

use std::fs;
use std::path::{Path, PathBuf};

use comuni::failure::Failure;
use comuni::inventory::node::{self, Node, Value};
use comuni::inventory::schema::File;
use comuni::inventory::source::Sources;
use comuni::inventory::{self, Loaded, shape};

fn load(path: &str) -> Loaded {
    match inventory::load(Path::new(path)) {
        Ok(loaded) => loaded,
        Err(diagnostics) => panic!("{}", diagnostics.render()),
    }
}

#[test]
fn the_shipped_inventories_are_sound() {
    let varese = load("inventories/varese");
    let inventory = &varese.inventory;
    assert_eq!(inventory.members.len(), 14);
    assert!(inventory.members.values().all(|body| body.tenants.contains_key("albo")));
    assert_eq!(inventory.members["malnate"].tenants["albo"].host_name, "albo.comune.malnate.va.it");
    assert_eq!(inventory.members["vedano-olona"].tenants["albo"].host_name, "albo.cloud.comune.vedano-olona.va.it");
    let piambello = &inventory.members["comunita-montana-del-piambello"];
    assert_eq!(piambello.code, "cm_piambello");
    assert_eq!(piambello.tenants["albo"].host_name, "albo.comunita-montana-del-piambello.cloud.varese.example");
    assert_eq!(piambello.member.full_name(), "Comunità Montana del Piambello");
    assert_eq!(inventory.members["malnate"].member.full_name(), "Comune di Malnate");
    assert_eq!(
        varese.warnings.counts(),
        (0, 9),
        "five host keys, one domain, a second place for the name servers and how e-mail leaves are still open:\n{}",
        varese.warnings.render()
    );
}

#[test]
fn the_lab_says_only_what_differs() {
    let lab = load("inventories/lab").inventory;
    let varese = load("inventories/varese").inventory;
    assert_eq!(lab.layers, [PathBuf::from("inventories/varese"), PathBuf::from("inventories/lab")]);
    assert_eq!(lab.hosts["db1"].address, "10.77.0.12");
    assert_eq!(lab.hosts["db1"].roles, varese.hosts["db1"].roles);
    assert_eq!(lab.members.keys().collect::<Vec<_>>(), varese.members.keys().collect::<Vec<_>>());
    assert_ne!(lab.digest, varese.digest);
    assert!(
        lab.applications["albo"].releases["1.0.0"].source.ends_with("/inventories/varese/releases/albo-1.0.0.tar.gz")
    );
    assert_eq!(fs::read_dir("inventories/lab").unwrap().count(), 5);
}

/// What a person sees: the exit code, the message, the hints; or that all is well, with the warnings.
fn outcome(folder: &Path) -> String {
    match inventory::load(folder) {
        Ok(loaded) => format!("valid\n\n{}\n", loaded.warnings.render()),
        Err(diagnostics) => {
            let failure = Failure::from(*diagnostics);
            let hints: String = failure.hints.iter().map(|hint| format!("hint: {hint}\n")).collect();
            format!("exit {}\n{}\n{hints}", failure.kind.exit_code(), failure.message)
        }
    }
}

/// Every folder of `tests/golden/inventory` is one case; `UPDATE_GOLDEN=1` writes what is said now.
#[test]
fn bad_input_is_told_with_place_and_remedy() {
    let mut cases: Vec<PathBuf> =
        fs::read_dir("tests/golden/inventory").unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 40);
    let mut different = Vec::new();
    for case in cases {
        let actual = outcome(&case.join("in"));
        let expected = case.join("expected.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&expected, &actual).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != actual {
            different.push(format!("{}:\n{actual}", case.display()));
        }
    }
    assert!(different.is_empty(), "UPDATE_GOLDEN=1 takes these over:\n{}", different.join("\n"));
}

/// The tree as any reader of YAML sees it, free keys included.
fn plain(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), plain(&entry.node))).collect(),
        Value::Seq(items) => items.iter().map(plain).collect(),
        Value::Num(number) => number.value.clone().unwrap_or_else(|| 1.into()).into(),
        _ => node.to_json(),
    }
}

/// Every file of the inventories below `folder` with what it is.
fn files_below(folder: &Path, found: &mut Vec<(PathBuf, File)>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let parent = folder.file_name().unwrap().to_str().unwrap();
        match entry.file_name().unwrap().to_str().unwrap() {
            _ if entry.is_dir() => files_below(&entry, found),
            "consortium.yml" => found.push((entry, File::Consortium)),
            "hosts.yml" => found.push((entry, File::Hosts)),
            name if name.ends_with(".yml") && parent == "members" => found.push((entry, File::Member)),
            name if name.ends_with(".yml") && parent == "applications" => found.push((entry, File::Application)),
            _ => {}
        }
    }
}

#[test]
fn our_walker_and_a_full_validator_agree_on_every_file() {
    let mut files = Vec::new();
    files_below(Path::new("inventories"), &mut files);
    files_below(Path::new("tests/golden/inventory"), &mut files);
    let (mut good, mut bad) = (0, 0);
    for (path, kind) in files {
        let mut sources = Sources::default();
        let Ok(file) = sources.read(&path) else { continue };
        let Some(tree) = node::parse(&sources, file, &mut Vec::new()) else { continue };
        if tree.value == Value::Null {
            continue;
        }
        for schema in [kind.part(), kind.whole()] {
            let mut findings = Vec::new();
            shape::wrong(&tree, schema, &mut findings);
            shape::missing(&tree, schema, tree.span, &mut findings);
            let full = jsonschema::validator_for(schema).unwrap();
            let errors: Vec<String> = full.iter_errors(&plain(&tree)).map(|error| error.to_string()).collect();
            assert_eq!(findings.is_empty(), errors.is_empty(), "{}: {findings:#?} {errors:#?}", path.display());
            if errors.is_empty() { good += 1 } else { bad += 1 }
        }
        if path.starts_with("inventories") {
            assert!(jsonschema::is_valid(kind.part(), &plain(&tree)), "{}", path.display());
        }
    }
    assert!(good > 60 && bad > 40, "{good} {bad}");
}

#[test]
fn a_file_of_ten_megabytes_is_refused_by_its_size() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("consortium.yml"), "a".repeat(10_000_000)).unwrap();
    let begin = std::time::Instant::now();
    let said = outcome(folder.path());
    assert!(said.contains("consortium.yml: larger than 1 MiB (10000000 bytes)"), "{said}");
    assert!(begin.elapsed().as_millis() < 500, "it was not parsed");
}

#[test]
fn a_missing_folder_says_how_to_make_one() {
    let failure = Failure::from(*inventory::load(Path::new("no/such/folder")).unwrap_err());
    assert_eq!(failure.kind.exit_code(), 65);
    assert_eq!(failure.message, "there is no inventory: the folder no/such/folder does not exist");
    assert!(failure.hints[0].contains("comuni init no/such/folder"));
    assert!(failure.hints[1].contains("COMUNI_INVENTORY"));
    let failure = Failure::from(*inventory::load(Path::new("Cargo.toml")).unwrap_err());
    assert!(failure.message.contains("is a file"), "{failure}");
}

#[test]
fn machines_get_the_same_places_as_people() {
    let diagnostics = inventory::load(Path::new("tests/golden/inventory/unknown-key/in")).unwrap_err();
    let first = serde_json::to_value(&diagnostics.list()[0]).unwrap();
    let expected = serde_json::json!({
        "severity": "error", "message": "unknown key `adress`", "help": "did you mean `address`?",
        "file": "tests/golden/inventory/unknown-key/in/hosts.yml", "line": 3, "column": 5, "length": 6,
    });
    assert_eq!(first, expected);
}

#[test]
fn the_digest_tells_any_two_inventories_apart() {
    let folder = tempfile::tempdir().unwrap();
    inventory::init::init(folder.path(), None).unwrap();
    let digest = || load(folder.path().to_str().unwrap()).inventory.digest;
    let before = digest();
    assert_eq!(before, digest());
    let file = folder.path().join("members/malnate.yml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}# a word\n")).unwrap();
    assert_ne!(before, digest());
    fs::write(&file, text).unwrap();
    assert_eq!(before, digest());
}
