use std::path::{Path, PathBuf};

use super::*;
use crate::failure::Kind;
use crate::inventory::types::DomainMode;
use crate::inventory::{load, load_with};

fn varese() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/varese")
}

fn wish(name: &str) -> Wish {
    Wish {
        name: name.to_string(),
        province: None,
        kind: MemberKind::Comune,
        code: None,
        applications: vec!["albo".to_string()],
        size: None,
        domain: None,
        contacts: Contacts { technical: None, pec: None },
        hosts: (None, None),
        since: "2026-11-28".to_string(),
    }
}

fn made(wish: &Wish) -> Result<Newcomer> {
    let inventory = load(&varese()).map_err(|all| all.render()).unwrap().inventory;
    let members = inventory.members.values().map(|body| (body.slug.as_str(), &body.member));
    let mut loads = capacity::loads(members, &inventory.consortium);
    let mut made = newcomer(&inventory, &mut loads, wish)?;
    give_ports(&inventory, &mut Vec::new(), &mut made);
    Ok(made)
}

/// What is written passes every check, as if it were there.
fn is_valid(made: &Newcomer) {
    let path = varese().join("members").join(format!("{}.yml", made.slug));
    let loaded = load_with(&varese(), BTreeMap::from([(path, made.text.clone())]));
    let loaded = loaded.map_err(|all| format!("{}\n{}", made.text, all.render())).unwrap();
    assert_eq!(loaded.inventory.members[&made.slug].member.name, made.member.name);
}

#[test]
fn hard_names_make_valid_files() {
    for (name, slug) in [
        ("Cunardo", "cunardo"),
        ("l'aquila", "l-aquila"),
        ("Ortisei", "ortisei"),
        ("St. Ulrich", "ortisei"),
        ("Samone (TO)", "samone-to"),
        ("Samone (tn)", "samone-tn"),
        ("roccasecca dei volsci", "roccasecca-dei-volsci"),
        ("Ne", "ne"),
        ("VIGGIU'", "viggiu"),
        ("Paterno", "paterno-pz"),
    ] {
        let wish = if name == "Paterno" { Wish { province: Some("PZ".to_string()), ..wish(name) } } else { wish(name) };
        let made = made(&wish).map_err(|failure| failure.told()).unwrap();
        assert_eq!(made.slug, slug);
        is_valid(&made);
    }
}

#[test]
fn the_file_is_as_a_person_would_write_it() {
    let domain: Domain =
        serde_json::from_value(serde_json::json!({ "zone": "comune.cunardo.va.it", "mode": "subzone" })).unwrap();
    assert_eq!(domain.mode, DomainMode::Subzone);
    let made = made(&Wish {
        domain: Some(domain),
        contacts: Contacts { technical: Some("ced@comune.cunardo.va.it".to_string()), pec: None },
        applications: vec!["albo".to_string(), "contabilita".to_string()],
        ..wish("cunardo")
    });
    let made = made.unwrap();
    assert_eq!(
        made.text,
        "# yaml-language-server: $schema=../schema/member.json\n\
         name: Cunardo\nkind: comune\nistat: \"012060\"\nbelfiore: D204\n\
         membership: { status: joining, since: 2026-11-28 }\n\
         population: { residents: 2880, date: 2023-01-01, source: ISTAT }\n\
         domain:\n  zone: comune.cunardo.va.it\n  mode: subzone\n\
         contacts: { technical: ced@comune.cunardo.va.it }\n\
         placement: { application: app1, database: db1 }\n\
         applications:\n  albo: {}\n  contabilita: { port: 8001 }\n"
    );
    is_valid(&made);
}

#[test]
fn a_body_without_a_code_of_its_own_says_one_and_its_size() {
    let montana = Wish { kind: MemberKind::ComunitaMontana, ..wish("Comunità Montana Valli del Verbano") };
    let failure = made(&montana).unwrap_err();
    assert!(failure.hints[0].contains("--code"), "{failure:?}");
    let coded = Wish { code: Some("cm_verbano".to_string()), ..montana };
    let failure = made(&coded).unwrap_err();
    assert!(failure.hints[0].contains("--size, of: large, medium, small"), "{failure:?}");
    let whole = made(&Wish { size: Some("small".to_string()), ..coded }).unwrap();
    assert_eq!(whole.slug, "comunita-montana-valli-del-verbano");
    is_valid(&whole);
}

#[test]
fn a_name_of_two_comuni_and_a_slip_are_told_with_the_remedy() {
    for (name, province, hint) in [
        ("Samone", None, "say which: --province TO"),
        ("Samone", Some("VA"), "there is Samone (TO) and Samone (TN)"),
        ("Cunrado", None, "did you mean Cunardo?"),
    ] {
        let failure = made(&Wish { province: province.map(str::to_string), ..wish(name) }).unwrap_err();
        assert_eq!(failure.kind, Kind::Usage);
        assert!(failure.hints.iter().any(|said| said.contains(hint)), "{failure:?}");
    }
}

#[test]
fn the_application_that_most_members_have_is_the_usual_one() {
    let inventory = load(&varese()).map_err(|all| all.render()).unwrap().inventory;
    assert_eq!(usual_applications(&inventory), ["albo"]);
}

#[test]
fn every_comune_of_the_country_can_be_written_and_read_back() {
    for comune in register::all() {
        let written = yaml::words(comune.name);
        let read: String = serde_yaml::from_str(&written).unwrap();
        assert_eq!(read, comune.name, "{written}");
    }
}
