//! What `comuni validate` says: the shipped inventories are sound, and bad input is told with place and remedy.

use std::fs;
use std::path::{Path, PathBuf};

use comuni::failure::Failure;
use comuni::inventory::{self, Loaded};

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
    println!("{}", varese.warnings.render());
    assert_eq!(varese.warnings.counts(), (0, 6), "five host keys and one domain are still open");
}

#[test]
fn the_lab_says_only_what_differs() {
    let lab = load("inventories/lab").inventory;
    let varese = load("inventories/varese").inventory;
    assert_eq!(lab.layers, [PathBuf::from("inventories/varese"), PathBuf::from("inventories/lab")]);
    assert_eq!(lab.hosts["db1"].address, "10.77.0.11");
    assert_eq!(lab.hosts["db1"].roles, varese.hosts["db1"].roles);
    assert_eq!(lab.members.keys().collect::<Vec<_>>(), varese.members.keys().collect::<Vec<_>>());
    assert_ne!(lab.digest, varese.digest);
    assert!(
        lab.applications["albo"].releases["1.0.0"].source.ends_with("/inventories/varese/releases/albo-1.0.0.tar.gz")
    );
    assert_eq!(fs::read_dir("inventories/lab").unwrap().count(), 3);
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
