use std::collections::HashSet;

use super::*;

#[test]
fn the_register_is_whole() {
    assert_eq!(all().len(), 7894);
    assert_eq!(all().iter().filter(|comune| comune.province == "VA").count(), 136);
    assert_eq!(all().iter().filter(|comune| comune.population.is_none()).count(), 3);
}

#[test]
fn codes_find_their_comune() {
    assert_eq!(by_istat("012096").unwrap().name, "Malnate");
    assert_eq!(by_belfiore("E863").unwrap().istat, "012096");
    assert_eq!(by_istat("12096"), None);
    assert_eq!(by_istat("999999"), None);
}

#[test]
fn names_are_found_however_they_are_written() {
    let found = |name: &str| by_name(name).iter().map(|comune| comune.istat).collect::<Vec<_>>();
    assert_eq!(found("VIGGIU'"), found("Viggiù"));
    assert_eq!(found("Viggiù"), ["012139"]);
    assert_eq!(found("sant’angelo lodigiano"), found("Sant'Angelo Lodigiano"));
    assert_eq!(found("cugliate fabiasco"), ["012059"]);
    assert_eq!(found("Bozen"), found("Bolzano/Bozen"));
    assert_eq!(found("Duino Aurisina"), found("Devin Nabrežina"));
    assert_eq!(found("Fabiasco"), Vec::<&str>::new());
    assert_eq!(found("Kurtatsch an der Weinstrasse").len(), 1);
    assert_eq!(found("Samone"), ["001235", "022165"]);
    assert_eq!(found("Treville"), ["006175"]);
    assert_eq!(found("Tre Ville"), ["022247"]);
}

#[test]
fn hard_names_have_the_slugs_of_the_contract() {
    for (name, expected) in [
        ("Sant'Angelo Lodigiano", "sant-angelo-lodigiano"),
        ("L'Aquila", "l-aquila"),
        ("Cassina de' Pecchi", "cassina-de-pecchi"),
        ("Viggiù", "viggiu"),
        ("Bolzano/Bozen", "bolzano"),
        ("Ortisei/St. Ulrich", "ortisei"),
        ("Straße", "strasse"),
        ("Tripi - Abakainon", "tripi-abakainon"),
        ("San Floriano del Collio-Števerjan", "san-floriano-del-collio-steverjan"),
        ("Comunità Montana del Piambello", "comunita-montana-del-piambello"),
        ("../../etc/passwd\n", ""),
    ] {
        assert_eq!(slug(name), expected, "{name}");
    }
}

#[test]
fn slug_and_province_are_unique_in_the_whole_country() {
    let pairs: HashSet<(String, &str)> = all().iter().map(|comune| (slug(comune.name), comune.province)).collect();
    assert_eq!(pairs.len(), all().len());
    let doubled: HashSet<&str> =
        all().iter().map(|comune| comune.name).filter(|name| by_slug(&slug(name)).len() > 1).collect();
    assert!(doubled.is_superset(&HashSet::from([
        "Samone",
        "Livo",
        "Peglio",
        "Castro",
        "San Teodoro",
        "Paterno",
        "Paternò"
    ])));
}

#[test]
fn near_names_help_after_a_slip() {
    assert_eq!(near_names("Malnete")[0], "Malnate");
    assert!(near_names("Vedano Ollona").contains(&"Vedano Olona"));
    assert!(near_names("qqqqqqq").is_empty());
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_slug_is_always_safe_in_file_and_host_names(name in "\\PC{0,40}") {
        let slug = slug(&name);
        proptest::prop_assert!(slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        proptest::prop_assert!(!slug.starts_with('-') && !slug.ends_with('-') && !slug.contains("--"));
        proptest::prop_assert_eq!(super::slug(&slug), slug);
    }

    #[test]
    fn every_comune_is_found_by_its_own_name_and_slug(at in 0usize..7894) {
        let comune = all()[at];
        proptest::prop_assert!(by_name(comune.name).iter().any(|found| found.istat == comune.istat));
        proptest::prop_assert!(by_name(&comune.name.to_uppercase()).iter().any(|found| found.istat == comune.istat));
        proptest::prop_assert!(by_slug(&slug(comune.name)).iter().any(|found| found.istat == comune.istat));
    }
}
