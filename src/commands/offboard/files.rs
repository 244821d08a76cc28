//! The files of a member that was deleted, taken away so that a run that is killed between two of them can go on: until
//! the last of them is gone the inventory is valid, and the member is leaving as before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::disk;
use crate::failure::{Failure, Result};
use crate::inventory::{Inventory, load, load_with};

/// What is done with a file.
#[derive(Debug)]
enum Step {
    /// Gets this text.
    Write(PathBuf, String),
    /// Is removed.
    Remove(PathBuf),
}

/// Removes its secrets and its file in every layer, so that an included one does not bring it back.
///
/// # Errors
/// When a file cannot be written or removed; the same command goes on there.
pub(super) fn remove(inventory: &Inventory, slug: &str, code: &str) -> Result<String> {
    let mut names = Vec::new();
    for step in steps(inventory, slug, code)? {
        done(&step)?;
        if let Step::Remove(path) = step {
            names.push(path.display().to_string());
        }
    }
    Ok(format!(
        "removed {}; commit that. The history of git still has them: secrets in it are encrypted",
        names.join(", ")
    ))
}

fn done(step: &Step) -> Result<()> {
    let (path, result) = match step {
        Step::Write(path, text) => (path, disk::replace(path, text.as_bytes(), 0o644)),
        Step::Remove(path) => (path, disk::remove(path)),
    };
    result.map_err(|error| Failure::operation(format!("{}: {error}", path.display())))
}

/// Secrets first. Of several layers the topmost says alone what the member is before the others go, and goes last: without
/// it an included file would say that the member is active, and it alone might not be a whole one.
fn steps(inventory: &Inventory, slug: &str, code: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for folder in ["secrets/control", "secrets"] {
        steps.extend(secrets(&inventory.directory.join(folder), code).into_iter().map(Step::Remove));
    }
    let file = |layer: &PathBuf| layer.join("members").join(format!("{slug}.yml"));
    let top = file(&inventory.directory);
    let there = |path: &PathBuf| path.symlink_metadata().is_ok();
    let included: Vec<PathBuf> = match inventory.layers.split_last() {
        Some((_, included)) => included.iter().map(file).filter(there).collect(),
        None => Vec::new(),
    };
    if !included.is_empty() {
        steps.push(Step::Write(top.clone(), whole(inventory, slug, &top, &included)?));
    }
    steps.extend(included.into_iter().map(Step::Remove));
    steps.push(Step::Remove(top));
    Ok(steps)
}

/// The files of secrets of one owner in a folder.
fn secrets(folder: &Path, code: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_of = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.strip_prefix(code).is_some_and(|rest| rest.starts_with('.'))
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_of).collect();
    files.sort();
    files
}

/// All that its layers say together, as its topmost file (JSON is YAML). It passes all checks without those below.
fn whole(inventory: &Inventory, slug: &str, top: &Path, included: &[PathBuf]) -> Result<String> {
    let read = load(&inventory.directory).map_err(|wrong| Failure::from(*wrong))?;
    let said = read.trees.members.get(slug).map(|tree| tree.to_json());
    let text = serde_json::to_string_pretty(&said)
        .map_err(|error| Failure::operation(format!("{} cannot be written: {error}", top.display())))?;
    let mut alone: BTreeMap<PathBuf, String> = included.iter().map(|path| (path.clone(), "{}\n".to_string())).collect();
    alone.insert(top.to_path_buf(), text.clone());
    load_with(&inventory.directory, alone).map_err(|wrong| Failure::from(*wrong))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::types::Status;

    const OF_LOZZA: [&str; 2] = ["secrets/c_e707.age", "secrets/control/c_e707.age"];

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn copy(from: &Path, to: &Path) {
        for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
            let place = to.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => copy(&entry.path(), &place),
                false => write(&place, &std::fs::read_to_string(entry.path()).unwrap_or_default()),
            }
        }
    }

    /// An inventory with secrets of Lozza, which is leaving, and of another; the upper layer has what `membership` says, and
    /// the lower one the rest.
    fn leaving(layers: usize) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let varese = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/varese");
        copy(&varese, &folder.path().join("varese"));
        let top = folder.path().join(if layers == 2 { "top" } else { "varese" });
        if layers == 2 {
            write(&top.join("consortium.yml"), "include: ../varese\n");
        }
        let id = "00000000000000ab";
        std::fs::create_dir_all(top.join("members")).unwrap();
        crate::inventory::edit::set_status(&top, "lozza", "leaving").unwrap();
        crate::inventory::edit::set_handed_over(&top, "lozza", id).unwrap();
        OF_LOZZA.iter().chain(&["secrets/c_e7070.age"]).for_each(|name| write(&top.join(name), "x"));
        (folder, top)
    }

    #[test]
    fn a_purge_that_is_killed_between_two_files_goes_on_and_nothing_of_the_member_comes_back() {
        for layers in [1, 2] {
            let (_folder, top) = leaving(layers);
            let read = || load(&top).map_err(|all| all.render()).unwrap().inventory;
            let others = read().members.len() - 1;
            let mut killed = 0;
            // Each run is killed after its first step; what is left is what the next one begins with.
            while let Some(body) = read().members.get("lozza") {
                assert_eq!(body.member.membership.status, Status::Leaving, "{killed}");
                assert_eq!(body.member.membership.handed_over.as_deref(), Some("00000000000000ab"), "{killed}");
                let steps = steps(&read(), "lozza", "c_e707").unwrap();
                // The text of the topmost file is written anew until the one below is gone.
                let writes = steps.iter().take_while(|step| matches!(step, Step::Write(..))).count();
                steps.iter().take(writes).for_each(|step| done(step).unwrap());
                assert!(read().members.contains_key("lozza"), "{killed}");
                done(&steps[writes]).unwrap();
                killed += 1;
            }
            assert_eq!((killed, read().members.len()), (2 + layers, others));
            assert!(OF_LOZZA.iter().all(|name| !top.join(name).exists()));
            assert!(top.join("secrets/c_e7070.age").exists());
            let all = std::fs::read_dir(top.join("members"))
                .unwrap()
                .chain(std::fs::read_dir(top.join("../varese/members")).unwrap());
            assert!(all.map(|entry| entry.unwrap().file_name()).all(|name| name != "lozza.yml"));
        }
    }

    #[test]
    fn all_files_go_in_one_run_too() {
        let (_folder, top) = leaving(2);
        let inventory = load(&top).map_err(|all| all.render()).unwrap().inventory;
        let said = remove(&inventory, "lozza", "c_e707").unwrap();
        assert_eq!(said.matches("lozza.yml").count(), 2, "{said}");
        assert!(!load(&top).unwrap().inventory.members.contains_key("lozza"));
    }
}
