//! `publiccode.yml` is what the catalogue of Developers Italia takes (publiccode.yml 0.4, https://yml.publiccode.tools).

use std::fs;

use serde_json::Value;

use crate::golden::root;

fn file() -> Value {
    serde_yaml::from_str(&fs::read_to_string(root().join("publiccode.yml")).unwrap()).unwrap()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn every_key_that_the_standard_makes_compulsory_is_there() {
    let file = file();
    for path in [
        "/publiccodeYmlVersion",
        "/name",
        "/url",
        "/releaseDate",
        "/platforms/0",
        "/categories/0",
        "/developmentStatus",
        "/softwareType",
        "/description/it/shortDescription",
        "/description/it/longDescription",
        "/description/it/features/0",
        "/description/en/shortDescription",
        "/description/en/longDescription",
        "/description/en/features/0",
        "/legal/license",
        "/maintenance/type",
        "/maintenance/contacts/0/name",
        "/localisation/availableLanguages/0",
    ] {
        let value = file.pointer(path).unwrap_or_else(|| panic!("{path} is missing"));
        assert!(value.as_str().is_some_and(|text| !text.trim().is_empty()), "{path} is no text: {value}");
    }
    assert!(file["localisation"]["localisationReady"].is_boolean());
}

#[test]
fn words_are_those_of_the_standards_lists() {
    let file = file();
    assert_eq!(file["publiccodeYmlVersion"], "0.4");
    assert!(
        ["concept", "development", "beta", "stable", "obsolete"].contains(&file["developmentStatus"].as_str().unwrap())
    );
    assert!(["standalone/backend", "standalone/other"].contains(&file["softwareType"].as_str().unwrap()));
    // Those of the lists that a command for operating machines can be found under.
    let categories = ["backup", "cloud-management", "it-management", "it-security", "it-service-management"];
    assert!(texts(&file["categories"]).iter().all(|word| categories.contains(word)), "{}", file["categories"]);
    assert_eq!(texts(&file["intendedAudience"]["scope"]), ["local-authorities"]);
    assert_eq!(texts(&file["intendedAudience"]["countries"]), ["IT"]);
    assert_eq!(texts(&file["platforms"]), ["linux"]);
    assert!(
        ["internal", "community"].contains(&file["maintenance"]["type"].as_str().unwrap()),
        "contacts are compulsory"
    );
}

#[test]
fn descriptions_have_the_lengths_of_the_standard() {
    for (language, description) in file()["description"].as_object().unwrap() {
        let length = |key: &str| description[key].as_str().unwrap().chars().count();
        assert!(length("shortDescription") <= 150, "{language}");
        assert!((150..=10_000).contains(&length("longDescription")), "{language}");
    }
}

#[test]
fn it_says_the_same_as_the_package() {
    let file = file();
    assert_eq!(file["name"], env!("CARGO_PKG_NAME"));
    assert_eq!(file["softwareVersion"], env!("CARGO_PKG_VERSION"));
    assert_eq!(file["legal"]["license"], env!("CARGO_PKG_LICENSE"));
    let date: Vec<&str> = file["releaseDate"].as_str().unwrap().split('-').collect();
    assert_eq!(date.iter().map(|part| part.len()).collect::<Vec<_>>(), [4, 2, 2], "an ISO 8601 date in quotes");
}
