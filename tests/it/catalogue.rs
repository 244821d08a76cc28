//! The catalogue of the repository trusts the archives that the repository's packers lock, and no others.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use comuni::inventory::load;

/// `SHA256  ARCHIVE` of every file of hashes.
fn locked() -> BTreeSet<String> {
    let products = fs::read_dir("packers").unwrap().map(|entry| entry.unwrap().path().join("hashes"));
    let files = products.filter(|path| path.exists()).chain(["tests/apps/albo/hashes".into()]);
    files.flat_map(|path| fs::read_to_string(path).unwrap().lines().map(str::to_string).collect::<Vec<_>>()).collect()
}

#[test]
fn every_release_has_the_hash_that_its_packer_locks_and_every_locked_archive_is_a_release() {
    let inventory =
        load(Path::new("inventories/varese")).unwrap_or_else(|found| panic!("{}", found.render())).inventory;
    let stated: BTreeSet<String> = inventory
        .applications
        .values()
        .flat_map(|application| application.releases.values())
        .map(|release| {
            let archive = Path::new(&release.source).file_name().unwrap().to_string_lossy().into_owned();
            format!("{}  {archive}", release.sha256)
        })
        .collect();
    assert!(stated.len() > 5);
    assert_eq!(stated, locked());
}
