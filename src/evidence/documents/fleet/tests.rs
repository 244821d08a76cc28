use super::sample::fleet;
use super::*;
use crate::backup::ladder::{Level, Outcome};

fn golden(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/documents").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(wanted == text, "{} differs: UPDATE_GOLDEN=1 writes it anew\n{text}", path.display());
}

#[test]
fn the_page_of_a_fleet() {
    golden("fleet.html", &page(&fleet()));
    let mut partly = fleet();
    partly.unasked = vec!["mon1: host `mon1` cannot be reached".to_string()];
    partly.past.clear();
    partly.members.retain(|member| member.grade == Grade::Unknown);
    partly.alerts.clear();
    golden("fleet-unknown.html", &page(&partly));
}

#[test]
fn the_worst_counts_and_what_is_not_known_is_not_ok() {
    let grades: Vec<Grade> = fleet().members.iter().map(|member| member.grade).collect();
    assert_eq!(grades, [Grade::Unknown, Grade::Broken, Grade::Ok, Grade::Ok, Grade::Attention]);
    assert_eq!(fleet().counts(), [2, 1, 1, 1]);
    assert_eq!(MemberStatus::default().graded().grade, Grade::Unknown);
    let mut muted = fleet().members.remove(2);
    muted.alerts = vec![AlertStatus { severity: "page".into(), muted: true, ..AlertStatus::default() }];
    assert_eq!(muted.clone().graded().grade, Grade::Ok);
    muted.alerts[0].muted = false;
    assert_eq!(muted.graded().grade, Grade::Broken);
}

#[test]
fn the_page_takes_nothing_from_elsewhere_and_runs_nothing() {
    let html = page(&fleet());
    for strange in ["<script", "http://", "https://", "src=", "@import", "url(", "<bilancio>", "\u{1b}"] {
        assert!(!html.contains(strange), "{strange}");
    }
    assert!(html.contains("lang=\"it\"") && html.contains("Contabilità &amp; &lt;bilancio&gt;"));
    assert!(html.contains("97,79 % (26 giorni misurati su 30)") && html.contains("99,99 %"), "cut, not rounded to 100");
    assert!(html.contains("20 novembre 2026, ore 11:20 (+01:00)"));
}

#[test]
fn certificates_and_backups_are_graded_as_the_alerts_judge() {
    const DAY: i64 = 86_400;
    let certificate = |days: i64| grade_certificate(Some(days * DAY), 30);
    assert_eq!((certificate(21), certificate(19), certificate(2)), (Grade::Ok, Grade::Attention, Grade::Broken));
    assert_eq!(grade_certificate(None, 30), Grade::Unknown);
    let backup = |age: i64| grade_backup(Some(age), false, 26);
    assert_eq!((backup(26 * 3600), backup(26 * 3600 + 1), backup(-301)), (Grade::Ok, Grade::Broken, Grade::Broken));
    assert_eq!((grade_backup(None, true, 26), grade_backup(None, false, 26)), (Grade::Broken, Grade::Unknown));
}

#[test]
fn only_a_restore_of_late_proves_a_backup() {
    let of = |level, outcome, days: i64| grade_verified(level, outcome, days * 86_400);
    assert_eq!(of(Some(Level::L6), Outcome::Pass, 8), Grade::Ok);
    assert_eq!(of(Some(Level::L6), Outcome::Pass, 9), Grade::Attention);
    assert_eq!(of(Some(Level::L3), Outcome::Pass, 1), Grade::Attention);
    assert_eq!(of(Some(Level::L5), Outcome::Inconclusive, 1), Grade::Attention);
    assert_eq!(of(Some(Level::L3), Outcome::Fail, 1), Grade::Broken);
    assert_eq!(of(None, Outcome::Pass, 1), Grade::Unknown);
}

#[test]
fn a_zone_that_nobody_looked_at_lately_is_not_known() {
    let well = ZoneStatus {
        ours: true,
        answers: Some(true),
        correct: Some(true),
        drift: Some(0),
        look_age_seconds: Some(60),
        ..ZoneStatus::default()
    };
    let of = |change: fn(&mut ZoneStatus)| {
        let mut zone = well.clone();
        change(&mut zone);
        grade_zone(&zone)
    };
    assert_eq!(of(|_| {}), Some(Grade::Ok));
    assert_eq!(of(|zone| zone.look_age_seconds = Some(3 * 3600 + 1)), Some(Grade::Unknown));
    assert_eq!(of(|zone| zone.answers = None), Some(Grade::Unknown));
    assert_eq!(of(|zone| zone.answers = Some(false)), Some(Grade::Broken));
    assert_eq!(of(|zone| (zone.correct, zone.drift) = (Some(false), Some(1))), Some(Grade::Attention));
    assert_eq!(of(|zone| zone.correct = Some(false)), Some(Grade::Broken));
    assert_eq!(of(|zone| (zone.ours, zone.answers, zone.correct) = (false, None, None)), None);
    assert_eq!(of(|zone| (zone.ours, zone.answers, zone.correct) = (false, None, Some(false))), Some(Grade::Broken));
}

#[test]
fn an_old_plan_says_nothing() {
    let of = |pending, drifted, hours: Option<i64>| {
        let plan_age_seconds = hours.map(|hours| hours * 3600);
        grade_changes(&ChangesStatus { pending, drifted, plan_age_seconds, grade: Grade::Unknown })
    };
    assert_eq!(of(Some(0), Some(0), Some(26)), Grade::Ok);
    assert_eq!(of(Some(1), Some(0), Some(1)), Grade::Attention);
    assert_eq!(of(Some(0), Some(0), Some(27)), Grade::Unknown);
    assert_eq!((of(Some(0), Some(0), None), of(None, None, Some(1))), (Grade::Unknown, Grade::Unknown));
}
