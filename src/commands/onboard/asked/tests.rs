use std::path::Path;

use clap::Parser;

use super::*;
use crate::cli::{Cli, Verb};
use crate::inventory::load;

/// The inventory of Varese with these members more: slug and file.
fn with(members: &[(&str, String)]) -> (tempfile::TempDir, Inventory) {
    let folder = tempfile::tempdir().unwrap();
    let varese = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/varese");
    std::fs::create_dir(folder.path().join("members")).unwrap();
    std::fs::write(folder.path().join("consortium.yml"), format!("include: {}\n", varese.display())).unwrap();
    for (slug, text) in members {
        std::fs::write(folder.path().join(format!("members/{slug}.yml")), text).unwrap();
    }
    let inventory = load(folder.path()).map_err(|all| all.render()).unwrap().inventory;
    (folder, inventory)
}

fn joined(identity: &str, status: &str) -> String {
    format!(
        "# ours\n{identity}membership: {{ status: {status}, since: 2026-01-01 }}\n\
         placement: {{ application: app1, database: db1 }}\napplications: {{ albo: {{ size: small }} }}\n"
    )
}

fn samone() -> (tempfile::TempDir, Inventory) {
    let comune = &comuni("Samone", Some("TO"))[0];
    let identity = format!("name: Samone\nkind: comune\nistat: \"{}\"\nbelfiore: {}\n", comune.istat, comune.belfiore);
    with(&[("samone-to", joined(&identity, "active"))])
}

/// What these words, without a terminal, come to: for each name its slug, with `+` when its file is going to be written.
fn words(inventory: &Inventory, folder: &Path, words: &[&str]) -> Result<Vec<(String, Result<String>)>> {
    let folder = folder.to_string_lossy();
    let cli = Cli::try_parse_from([&["comuni", "-i", &folder, "onboard", "--yes"], words].concat()).unwrap();
    let Verb::Onboard(wanted) = cli.verb else { panic!("{words:?}") };
    let all = bodies(&cli.global, inventory, &wanted, &Out::new(&cli.global))?;
    let slug = |who: Who| format!("{}{}", if matches!(who, Who::New(_)) { "+" } else { "" }, who.slug());
    Ok(all.into_iter().map(|(title, who)| (title, who.map(slug))).collect())
}

fn one(inventory: &Inventory, folder: &Path, said: &[&str]) -> Result<String> {
    words(inventory, folder, said)?.remove(0).1
}

#[test]
fn a_province_that_somebody_answers_finds_the_member_that_is_there() {
    let (_folder, inventory) = samone();
    let answered = |wished: &Wished, ask: bool| {
        province("Samone", wished, ask, |_, titles| {
            assert_eq!(titles, "Samone (TO) and Samone (TN)");
            Ok("TO".to_string())
        })
        .unwrap()
    };
    let mut wished = Wished::default();
    assert_eq!(answered(&wished, false), None, "nobody is there");
    assert!(known(&inventory, "Samone", &wished).unwrap().is_none());
    wished.province = answered(&wished, true);
    let who = known(&inventory, "Samone", &wished).unwrap().unwrap();
    assert!(matches!(&who, Who::Active(slug) if slug == "samone-to"));
    // Said is not asked.
    let said = Wished { province: Some("TN".to_string()), ..Wished::default() };
    assert_eq!(answered(&said, true).as_deref(), Some("TN"));
    let kind = Wished { kind: Some(BodyKind::Unione), ..Wished::default() };
    assert_eq!(answered(&kind, true), None);
}

#[test]
fn a_file_that_is_there_is_never_written_anew() {
    let (folder, inventory) = samone();
    let said = ["Samone", "--kind", "comune", "--province", "TO"];
    assert_eq!(one(&inventory, folder.path(), &said).unwrap(), "samone-to");
    assert_eq!(one(&inventory, folder.path(), &["Samone", "--province", "TN"]).unwrap(), "+samone-tn");
    let failure =
        one(&inventory, folder.path(), &["Varese", "--kind", "provincia", "--code", "p_va", "--size", "small"]);
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind.exit_code(), 64);
    assert_eq!(failure.message, "members/varese.yml is there already: it is that of Comune di Varese");
}

#[test]
fn a_body_of_another_kind_is_another_body() {
    let identity = "name: Provincia di Varese\nkind: provincia\ncode: p_va\n";
    let (folder, inventory) = with(&[("provincia-di-varese", joined(identity, "joining"))]);
    let said = |words: &[&str]| one(&inventory, folder.path(), words);
    assert_eq!(said(&["Varese"]).unwrap(), "varese");
    assert_eq!(said(&["Provincia di Varese"]).unwrap(), "provincia-di-varese", "it need not be said again");
    assert_eq!(said(&["Provincia di Varese", "--kind", "provincia"]).unwrap(), "provincia-di-varese");
    assert_eq!(said(&["Comunità Montana del Piambello"]).unwrap(), "comunita-montana-del-piambello");
    assert!(said(&["Provincia di Varese", "--kind", "unione", "--code", "u_va"]).is_err());
}

#[test]
fn a_body_that_stands_twice_in_a_table_is_refused_with_its_line_in_every_run() {
    let table = "name;province\nSamone;TO\nCunardo;\nSAMONE (TO);\nSamone;TN\nCunardo;\n";
    let refused = |title: &str, first: u32, second: u32| {
        let title_only = title.split(" (line").next().unwrap();
        (title.to_string(), format!("`{title_only}` stands there twice, in line {first} and in line {second}"))
    };
    for (folder, inventory) in [with(&[]), samone()] {
        let path = folder.path().join("comuni.csv");
        std::fs::write(&path, table).unwrap();
        let all = words(&inventory, folder.path(), &["--from", path.to_str().unwrap()]).unwrap();
        let wrong: Vec<(String, String)> =
            all.into_iter().filter_map(|(title, who)| Some((title, who.err()?.message))).collect();
        assert_eq!(wrong, [refused("SAMONE (TO) (line 4)", 2, 4), refused("Cunardo (line 6)", 3, 6)]);
    }
}
