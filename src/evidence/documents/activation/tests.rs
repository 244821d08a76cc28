use std::path::Path;

use super::*;
use crate::backup::ladder::Level;
use crate::evidence::documents::page;
use crate::evidence::documents::tests::golden;
use crate::evidence::{InventoryRecord, MemberRecord, Who};
use crate::inventory::load;

fn varese() -> Inventory {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/varese");
    load(&path).map_err(|all| all.render()).unwrap().inventory
}

fn run(results: &[(&str, Ending, &str)]) -> Record {
    let mut record = Record::begin("onboard", Who::default(), InventoryRecord::default()).unwrap();
    record.id = "00000000000000aa".to_string();
    record.started = "2026-11-28T11:01:39.000+01:00".to_string();
    let member = MemberRecord { code: "c_e707".to_string(), name: "Lozza".to_string(), result: Ending::Done };
    record.members.push(member);
    record.steps = results
        .iter()
        .map(|(step, result, detail)| StepRecord {
            step: step.to_string(),
            ended: "2026-11-28T11:02:08.000+01:00".to_string(),
            milliseconds: 17_400,
            result: *result,
            detail: detail.to_string(),
        })
        .collect();
    record.exit_code = Some(if results.iter().all(|(_, result, _)| *result == Ending::Done) { 0 } else { 1 });
    record
}

fn restore(outcome: Outcome) -> Verification {
    serde_json::from_value(serde_json::json!({
        "tenant": "c_e707-albo", "member": "c_e707", "application": "albo", "host": "ops1", "began": 1_795_860_100,
        "ended": 1_795_860_116, "snapshot": "ab12", "outcome": outcome, "reached": Level::L6, "rto_milliseconds": 3900,
        "rows": 10_250, "files": 321, "rungs": [], "snapshots": [], "versions": [], "swept": [], "notes": []
    }))
    .unwrap()
}

fn known<'a>(run: Option<&'a Record>, restore: Option<&'a Verification>) -> Known<'a> {
    Known {
        run,
        restores: restore.map(|found| (found.tenant.clone(), found)).into_iter().collect(),
        certificates: BTreeMap::from([("c_e707-albo".to_string(), 1_803_600_000)]),
        problems: Vec::new(),
        maker: Maker { made: 1_795_863_600, operator: "ced@ced1".to_string(), inventory: "0".repeat(64) },
    }
}

fn of(inventory: &Inventory, slug: &str, known: &Known) -> Document {
    document(inventory, &inventory.members[slug], known)
}

#[test]
fn a_body_that_works_has_a_record_of_what_was_proven() {
    let inventory = varese();
    let run = run(&[
        ("secrets", Ending::Done, "7 secrets made"),
        ("apply", Ending::Done, "as the inventory says"),
        ("answers", Ending::Done, "https://albo.comune.lozza.va.it"),
        ("dns", Ending::Done, "comune.lozza.va.it is served and signed on all 2 servers"),
        ("backup", Ending::Done, "the first backup is taken"),
        ("restore", Ending::Done, "restored and proven to L6: c_e707-albo back in 3.9 s"),
        ("monitoring", Ending::Done, "3 of 3 targets up"),
        ("active", Ending::Done, "`joining` has become `active`"),
    ]);
    let restore = restore(Outcome::Pass);
    let made = of(&inventory, "lozza", &known(Some(&run), Some(&restore)));
    golden("activation.txt", &made.text());
    golden("activation.html", &page(&[made]));
}

#[test]
fn what_is_open_is_said_and_never_shown_as_good() {
    let inventory = varese();
    let nothing = of(&inventory, "lozza", &known(None, None));
    let text = nothing.text();
    assert!(text.contains("nel registro non c'è la prova di attivazione"), "{text}");
    assert!(text.contains("c_e707-albo: nessun ripristino di prova"), "{text}");
    assert!(text.contains("restano aperti"), "{text}");
    assert!(nothing.parts.iter().all(|part| part.mark != "good"), "{text}");

    let half = run(&[("apply", Ending::Done, "x"), ("restore", Ending::Failed, "L5: rows\nand more")]);
    let damaged = restore(Outcome::Fail);
    let made = of(&inventory, "lozza", &known(Some(&half), Some(&damaged)));
    assert!(made.parts.iter().all(|part| part.mark != "good"), "{}", made.text());
    assert!(made.text().contains("primo ripristino di prova: NON riuscito (L5: rows)"), "{}", made.text());
}

#[test]
fn a_body_without_codes_and_domain_has_nothing_invented() {
    let inventory = varese();
    let text = of(&inventory, "comunita-montana-del-piambello", &known(None, None)).text();
    assert!(text.contains("Codice ISTAT:      non previsto"), "{text}");
    assert!(text.contains("il dominio dell'ente non è noto"), "{text}");
    assert!(text.contains("Stato dell'adesione: in adesione"), "{text}");
}
