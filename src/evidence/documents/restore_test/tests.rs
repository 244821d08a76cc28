//! Golden documents, and what must never be shown as good.

use super::*;
use crate::backup::ladder::Check;
use crate::evidence::documents::page;
use crate::evidence::documents::tests::golden;

fn rung(level: Level, outcome: Outcome, found: &str) -> Rung {
    let check =
        Check::new("database", outcome, found).expected("as in the manifest").said("pg_restore: <error> & \"words\"");
    Rung { level, outcome, milliseconds: 100, checks: vec![check] }
}

/// A verification of the night of 2026-11-20 that reached so far.
fn found(tenant: &str, outcomes: &[Outcome]) -> Verification {
    let began = 1_795_140_000;
    let mut found = Verification {
        tenant: tenant.to_string(),
        member: "c_e863".to_string(),
        application: "albo".to_string(),
        host: "ops1".to_string(),
        began,
        ended: began + 95,
        snapshot: Some("ab12".repeat(16)),
        taken: Some(began - 7_200),
        release: Some("1.0.0".to_string()),
        age_seconds: Some(7_200),
        rto_milliseconds: Some(61_500),
        bytes: Some(12_345_678),
        rows: Some(10_250),
        files: Some(321),
        reached: None,
        outcome: Outcome::NotDue,
        rungs: Vec::new(),
        snapshots: Vec::new(),
        slice: None,
        versions: vec![("restic".to_string(), "0.14.0".to_string()), ("postgresql".to_string(), "15.14".to_string())],
        scratch: Some("comuni-scratch-0123456789abcdef".to_string()),
        scratch_removed: Some(true),
        swept: Vec::new(),
        notes: Vec::new(),
    };
    for (level, outcome) in Level::ALL.into_iter().zip(outcomes) {
        found.add(rung(level, *outcome, "10250 rows"));
    }
    found
}

fn scope(month: Option<&str>) -> Scope {
    let subject =
        |name: &str, title: &str| Subject { tenant: format!("c_e863-{name}"), title: title.to_string(), rpo_hours: 26 };
    Scope {
        body: "Comune di Malnate".to_string(),
        code: "c_e863".to_string(),
        tenants: vec![subject("albo", "Albo pretorio"), subject("contabilita", "Contabilità & <bilancio>")],
        month: month.map(str::to_string),
        maker: Maker { made: 1_796_112_000, operator: "ced@ced1".to_string(), inventory: "0".repeat(64) },
        problems: Vec::new(),
    }
}

const PASS: Outcome = Outcome::Pass;

#[test]
fn the_document_of_a_month_as_text_and_as_a_page() {
    let mut reserve = found("c_e863-contabilita", &[PASS, PASS, PASS, PASS, PASS, PASS, Outcome::Inconclusive]);
    reserve.notes.push("restic 0.99.0 is newer than any that was tried".to_string());
    let all = [
        found("c_e863-albo", &[PASS; 7]),
        found("c_e863-albo", &[PASS, PASS, PASS, Outcome::Fail]),
        reserve,
        found("c_e707-albo", &[PASS; 7]),
    ];
    let mut scope = scope(Some("2026-11"));
    scope.problems.push("il registro delle prove è stato alterato".to_string());
    let document = document(&scope, &all);
    golden("restore-test.txt", &document.text());
    golden("restore-test.html", &page(&[document]));
}

#[test]
fn only_what_was_restored_and_found_equal_is_positive() {
    let of = |outcomes: &[Outcome]| Verdict::of(&found("c_e863-albo", outcomes)).words();
    assert_eq!(of(&[PASS; 6]), "positivo");
    assert_eq!(of(&[PASS; 8]), "positivo");
    assert_eq!(of(&[PASS; 5]), "positivo con riserva", "the content was not compared");
    assert_eq!(of(&[PASS, PASS, PASS, PASS, PASS, PASS, Outcome::Inconclusive]), "positivo con riserva");
    assert_eq!(of(&[PASS, Outcome::Stale, PASS, PASS, PASS, PASS]), "positivo con riserva", "older than agreed");
    assert_eq!(of(&[PASS; 4]), "non eseguito");
    assert_eq!(of(&[PASS, PASS, PASS, PASS, Outcome::Inconclusive]), "non eseguito");
    assert_eq!(of(&[PASS, Outcome::Busy]), "non eseguito");
    assert_eq!(of(&[PASS, PASS, PASS, Outcome::Fail]), "negativo");
    assert_eq!(of(&[PASS, PASS, PASS, PASS, PASS, Outcome::Fail]), "negativo");
    let mut left = found("c_e863-albo", &[PASS; 7]);
    left.scratch_removed = Some(false);
    assert_eq!(Verdict::of(&left).words(), "positivo con riserva", "personal data are left over");
}

#[test]
fn no_data_is_never_shown_as_good() {
    for found in [vec![], vec![found("c_e863-albo", &[PASS, PASS])], vec![found("c_e707-albo", &[PASS; 7])]] {
        let document = document(&scope(None), &found);
        let text = document.text();
        assert!(document.parts.iter().all(|part| part.mark == "none" && part.verdict.starts_with(NOTHING)), "{text}");
        let conclusion = document.summary.iter().find(|field| field.label == "Conclusione").unwrap();
        assert!(conclusion.value.starts_with(NOTHING), "{text}");
        assert!(!text.contains("riuscite") && !text.contains(": POSITIVO\n"), "{text}");
    }
    // Another month's tests are none of this month's.
    let document = document(&scope(Some("2026-10")), &[found("c_e863-albo", &[PASS; 7])]);
    assert!(document.parts.iter().all(|part| part.mark == "none"));
    let half = super::document(&scope(Some("2026-11")), &[found("c_e863-albo", &[PASS; 7])]);
    assert!(half.text().contains("per alcuni servizi non c'è nessun dato"));
}

#[test]
fn the_page_takes_nothing_from_elsewhere_and_runs_nothing() {
    let html = page(&[document(&scope(None), &[found("c_e863-albo", &[PASS; 7])])]);
    for strange in ["<script", "http://", "https://", "src=", "@import", "url(", "<bilancio>"] {
        assert!(!html.contains(strange), "{strange}");
    }
    assert!(html.contains("lang=\"it\"") && html.contains("Contabilità &amp; &lt;bilancio&gt;"));
}
