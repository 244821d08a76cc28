//! A whole province, written from the register as the benchmark `scale` writes it.

use std::collections::{BTreeMap, BTreeSet};

use comuni::compile::{Selection, compile};
use comuni::inventory::{self, register};

#[path = "../../benches/scale/generate.rs"]
mod generate;

/// Kind and count of what one tenant or member has, whatever it is called.
type Share = BTreeMap<String, usize>;

#[test]
fn all_136_comuni_of_the_province_are_valid_and_each_gets_what_every_other_gets() {
    let province: Vec<_> = register::all().iter().filter(|comune| comune.province == "VA").collect();
    let folder = tempfile::tempdir().unwrap();
    generate::write(folder.path(), &province, generate::WHOLE).unwrap();
    let loaded = inventory::load(folder.path()).unwrap_or_else(|wrong| panic!("{}", wrong.render()));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render());
    let mut inventory = loaded.inventory;
    inventory.authority = Some(comuni::authority::make(&inventory.consortium).unwrap().0);
    assert_eq!(inventory.members.len(), 136);

    let whole = compile(&inventory, &Selection::default()).unwrap();
    let mut shares: BTreeMap<&str, Share> = BTreeMap::new();
    for entry in whole.catalogs.values().flat_map(|catalog| &catalog.entries) {
        let kind = entry.id.split(':').next().unwrap();
        *shares.entry(&entry.owner).or_default().entry(kind.to_string()).or_default() += 1;
    }
    shares.remove("host");
    assert_eq!(shares.len(), 136);
    let different: BTreeSet<&Share> = shares.values().collect();
    assert_eq!(different.len(), 1, "{different:?}");

    // The last one as well: no place in a list is special.
    let code = inventory.members.values().next_back().unwrap().code.clone();
    let selection = Selection { owners: [code.clone()].into(), ..Selection::default() };
    let one = compile(&inventory, &selection).unwrap();
    let count = |compiled: &comuni::compile::Compiled| {
        compiled.catalogs.values().flat_map(|catalog| &catalog.entries).filter(|entry| entry.owner == code).count()
    };
    assert_eq!(count(&one), count(&whole));
    assert!(one.catalogs.values().flat_map(|catalog| &catalog.entries).all(|entry| entry.owner == code));
}
