//! The store of an inventory that two technicians and the recovery key can read.

mod access;
mod control;
mod keeping;
mod missing;
mod poison;
mod rekey;
mod rotation;

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::example::{self, Person};
use super::*;
use crate::failure::Kind;

const TOKEN: &str = "secret://c_e863/albo/database_password_a";

/// An inventory whose secrets anna (ssh), bruno (age) and the recovery key can read.
struct Desk {
    folder: TempDir,
    anna: Person,
    bruno: Person,
    recovery: Person,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let anna = example::ssh_person(folder.path(), "anna", "");
        let bruno = example::age_person(folder.path(), "bruno");
        let recovery = example::age_person(folder.path(), "recovery");
        fs::create_dir(folder.path().join("inventory")).unwrap();
        Desk { folder, anna, bruno, recovery }
    }

    fn inventory(&self) -> Inventory {
        self.inventory_of(&[("anna", &self.anna), ("bruno", &self.bruno)])
    }

    fn inventory_of(&self, technicians: &[(&str, &Person)]) -> Inventory {
        example::inventory(&self.directory(), example::consortium(technicians, Some(&self.recovery)))
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("inventory")
    }

    fn file(&self, owner: &str) -> PathBuf {
        self.directory().join("secrets").join(format!("{owner}.age"))
    }

    fn open(&self, person: &Person) -> Store {
        Store::open(&self.inventory(), &person.identities).unwrap()
    }

    fn stranger(&self) -> Person {
        example::ssh_person(self.folder.path(), "stranger", "")
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_string())
}

fn value(store: &Store, token: &str) -> Option<String> {
    store.get(token).unwrap().map(|secret| secret.expose().to_string())
}

/// Every file below a folder with its content.
fn snapshot(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else {
            files.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

/// A tenant whose passwords are `uno` (a, in use) and `due` (b).
fn with_passwords(desk: &Desk) -> Store {
    let mut store = desk.open(&desk.anna);
    store.set(TOKEN, secret("uno"), false).unwrap();
    store.set("secret://c_e863/albo/database_password_b", secret("due"), false).unwrap();
    store
}
