//! Golden documents of a year with every rule.

use std::path::Path;

use super::super::tests::golden;
use super::*;
use crate::costs::{Period, reckon};

const COSTS: &str = r#"
act: "convenzione ex art. 30 TUEL, delibera n. 12 <del> 2018-06-20"
lines:
  contabilita: { title: "Canone contabilità & bilancio", kind: fee, from: 2025-07-01, to: 2026-06-30, net: "24000.00", vat_percent: 22, invoice: "FPA 7/25 del 2025-07-31", cig: "Z123456789", share: fixed_and_residents, fixed_percent: 30, agreed: { comunita-montana-del-piambello: "900.00" } }
  avvio: { title: "Avviamento", kind: one_off, from: 2026-01-01, to: 2026-12-31, net: "1000.01", vat_percent: 22, share: equal }
  classi: { title: "Assistenza", kind: fee, from: 2026-01-01, to: 2026-12-31, net: "5000.00", vat_percent: 0, share: class, classes: [{ up_to: 2999, weight: 1 }, { up_to: 9999, weight: 2 }, { weight: 5 }], agreed: { comunita-montana-del-piambello: "0.00" } }
payments:
  - { member: malnate, date: 2026-03-31, amount: "5000.00" }
"#;

fn made() -> CostsDocument {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/varese");
    let mut inventory = crate::inventory::load(&root).unwrap().inventory;
    inventory
        .members
        .retain(|slug, _| ["varese", "malnate", "lozza", "comunita-montana-del-piambello"].contains(&slug.as_str()));
    inventory.consortium.costs = Some(serde_yaml::from_str(COSTS).unwrap());
    let union = &mut inventory.members.get_mut("comunita-montana-del-piambello").unwrap().member;
    union.membership.since = Some("2025-01-01".to_string());
    let lozza = &mut inventory.members.get_mut("lozza").unwrap().member;
    lozza.membership.since = Some("2026-03-01".to_string());
    lozza.spent_before = Some(serde_yaml::from_str("{ yearly: \"3000.00\", source: consuntivo 2017 }").unwrap());
    let account = reckon(&inventory, Period::parse("2026").unwrap()).unwrap();
    let maker = Maker { made: 1_800_000_000, operator: "ced@ced1".to_string(), inventory: "0".repeat(64) };
    document(&inventory, &account, &maker)
}

#[test]
fn the_sharing_of_a_year_as_text_page_and_spreadsheet() {
    let document = made();
    golden("costs.txt", &text(&document));
    golden("costs.html", &page(&document));
    golden("costs.csv", std::str::from_utf8(&spreadsheet(&document)).unwrap());
}

#[test]
fn nothing_known_is_no_saving_and_sums_are_the_cost() {
    let document = made();
    assert_eq!((document.total.before, document.total.saving), (None, None), "three of four bodies are not known");
    assert!(document.head.iter().any(|field| field.value.contains("(enti di cui è nota la spesa precedente: 1 su 4)")));
    let lines: Cents = document.lines.iter().map(|line| line.net + line.vat).sum();
    assert_eq!(document.total.gross, lines);
    assert_eq!(document.total.balance, lines - Cents(500_000));
}

#[test]
fn the_page_takes_nothing_from_elsewhere_and_the_spreadsheet_has_no_formulas() {
    let mut document = made();
    for strange in ["<script", "http://", "https://", "src=", "@import", "url(", "<del>"] {
        assert!(!page(&document).contains(strange), "{strange}");
    }
    document.lines[0].title = "=HYPERLINK(\"x\")".to_string();
    document.lines[1].title = "a;b\r\nc".to_string();
    let table = String::from_utf8(spreadsheet(&document)).unwrap();
    assert!(
        table.starts_with("\u{feff}dal;al;")
            && table.contains("\"'=HYPERLINK(\"\"x\"\")\"")
            && table.contains("\"a;b\r\nc\"")
    );
}

#[test]
fn amounts_are_written_as_in_italy() {
    assert_eq!(
        [0, 5, 100_000, -123_456_789].map(|cents| euro(Cents(cents))),
        ["0,00", "0,05", "1.000,00", "-1.234.567,89"]
    );
}
