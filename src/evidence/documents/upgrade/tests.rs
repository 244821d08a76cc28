use std::collections::BTreeMap;

use super::super::tests::golden;
use super::super::{Maker, page};
use super::*;
use crate::evidence::NoticeRecord;

fn maker() -> Maker {
    Maker { made: 1_795_860_000, operator: "anna@control".to_string(), inventory: "ab".repeat(32) }
}

fn body() -> Body {
    let titles = [("albo", "Albo pretorio"), ("contabilita", "Contabilità")];
    Body {
        name: "Comune di Lozza".to_string(),
        code: "c_e707".to_string(),
        titles: BTreeMap::from(titles.map(|(name, title)| (name.to_string(), title.to_string()))),
    }
}

fn upgrade(application: &str, ending: UpgradeEnding) -> UpgradeRecord {
    UpgradeRecord {
        tenant: format!("c_e707-{application}"),
        member: "c_e707".to_string(),
        application: application.to_string(),
        from: "1.0.0".to_string(),
        to: "2.0.0".to_string(),
        path: vec!["1.1.0".to_string(), "2.0.0".to_string()],
        ending,
        began: 1_795_850_000,
        ended: 1_795_850_100,
        closed: Some(1_795_850_020),
        opened: Some(1_795_850_083),
        snapshot: Some("0123456789abcdef".to_string()),
        reason: None,
        words: None,
        kept: Vec::new(),
        unannounced: None,
    }
}

fn scope() -> Scope {
    Scope { body: body(), period: "novembre 2026".to_string(), problems: Vec::new(), maker: maker() }
}

#[test]
fn the_record_of_upgrades_says_when_a_service_stood_still_to_the_second() {
    let well = upgrade("albo", UpgradeEnding::Done);
    let back = UpgradeRecord {
        reason: Some("the migration failed\u{1b}[2J".to_string()),
        words: Some("ERROR: column does not exist\nexit 1".to_string()),
        kept: vec!["c_e707_albo_failed_20261128".to_string()],
        unannounced: Some("falla di sicurezza".to_string()),
        ..upgrade("contabilita", UpgradeEnding::WentBack)
    };
    let untouched = UpgradeRecord {
        closed: None,
        opened: None,
        snapshot: None,
        reason: Some("the archive is not what it must be".to_string()),
        ..upgrade("albo", UpgradeEnding::NotBegun)
    };
    let document = document(&scope(), &[&well, &back, &untouched]);
    golden("upgrade.txt", &document.text());
    golden("upgrade.html", &page(&[document]));
}

#[test]
fn what_is_not_known_is_said_and_never_good() {
    let document = super::document(&scope(), &[]);
    assert_eq!(document.summary[0].value, "nessun dato: nessun aggiornamento registrato");
    let lost = UpgradeRecord { opened: None, ..upgrade("albo", UpgradeEnding::Down) };
    let document = super::document(&scope(), &[&lost]);
    assert!(document.summary.iter().any(|field| field.label == "Interruzioni senza una fine registrata"));
    assert_eq!(
        (document.parts[0].mark.as_str(), document.summary[0].value.as_str()),
        ("bad", "riusciti 0 su 1: si vedano gli esiti")
    );
    let ends: Vec<_> = document.parts[0].fields.iter().filter(|field| field.label.starts_with("Fine")).collect();
    assert_eq!(ends[0].value, NOTHING);
}

#[test]
fn a_body_is_told_when_it_stands_still_and_for_how_long() {
    let told = NoticeRecord {
        tenant: "c_e707-albo".to_string(),
        member: "c_e707".to_string(),
        application: "albo".to_string(),
        from: "1.0.0".to_string(),
        to: "1.1.0".to_string(),
        told: 1_795_512_600,
        begins: 1_795_899_600,
        ends: 1_795_928_400,
        outage: Some(63),
    };
    let unknown = NoticeRecord { application: "contabilita".to_string(), outage: None, ..told.clone() };
    let document = notice(&body(), &[&told, &unknown], 3, &maker());
    golden("notice.txt", &document.text());
    golden("notice.html", &page(&[document]));
}
