//! A fleet with one of everything, for tests.

use super::*;

/// 2026-11-20T11:20:00+01:00.
pub const NOW: i64 = 1_795_170_000;

fn tenant(code: &str, application: &str, title: &str) -> TenantStatus {
    TenantStatus {
        tenant: format!("{code}-{application}"),
        application: application.to_string(),
        title: title.to_string(),
        release: "1.0.0".to_string(),
        up: Some(true),
        up_grade: Grade::Ok,
        certificate_days: Some(61),
        certificate_grade: Grade::Ok,
        backup_age_seconds: Some(9 * 3600),
        rpo_hours: 26,
        backup_grade: Grade::Ok,
        backup_never: false,
        verified: Some("L6".to_string()),
        verified_age_seconds: Some(2 * 86_400),
        verified_grade: Grade::Ok,
    }
}

fn member(code: &str, name: &str) -> MemberStatus {
    let zone = ZoneStatus {
        zone: format!("{code}.example"),
        ours: true,
        answers: Some(true),
        correct: Some(true),
        drift: Some(0),
        look_age_seconds: Some(600),
        grade: Some(Grade::Ok),
    };
    let changes = ChangesStatus { pending: Some(0), drifted: Some(0), plan_age_seconds: Some(7200), grade: Grade::Ok };
    MemberStatus {
        member: code.to_string(),
        name: name.to_string(),
        membership: "active".to_string(),
        tenants: vec![tenant(code, "albo", "Albo pretorio")],
        zone: Some(zone),
        changes,
        applied: Some("2026-11-19T09:00:00.000+01:00".to_string()),
        ..MemberStatus::default()
    }
}

fn alert(severity: &str, name: &str, summary: &str, notice: &str) -> AlertStatus {
    let word = str::to_string;
    AlertStatus {
        severity: word(severity),
        alert: word(name),
        summary: word(summary),
        notice: word(notice),
        muted: false,
    }
}

/// One that is well, one that fails, one to look at, one of which nothing is known, one that leaves.
pub fn fleet() -> Fleet {
    let well = member("c_e863", "Comune di Malnate");
    let mut broken = member("c_e707", "Comune di Lozza");
    broken.tenants.push(tenant("c_e707", "contabilita", "Contabilità & <bilancio>"));
    broken.tenants[1].up = Some(false);
    broken.tenants[1].up_grade = Grade::Broken;
    broken.tenants[1].backup_age_seconds = None;
    broken.tenants[1].backup_never = true;
    broken.tenants[1].backup_grade = Grade::Broken;
    broken.tenants[1].certificate_days = Some(-1);
    broken.tenants[1].certificate_grade = Grade::Broken;
    let notice = "Il servizio «Contabilità» al momento non è raggiungibile o risponde con errori.";
    broken.alerts = vec![alert("page", "TenantErrorBudgetBurnFast", "c_e707-contabilita on app1 fails", notice)];
    let mut slow = member("c_l682", "Comune di Varese");
    slow.zone = slow.zone.map(|zone| ZoneStatus {
        correct: Some(false),
        drift: Some(2),
        grade: Some(Grade::Attention),
        ..zone
    });
    slow.changes =
        ChangesStatus { pending: Some(3), drifted: Some(1), plan_age_seconds: Some(7200), grade: Grade::Attention };
    slow.tenants[0].verified_age_seconds = Some(12 * 86_400);
    slow.tenants[0].verified_grade = Grade::Attention;
    let mut unknown = member("c_d192", "Comune di Cugliate-Fabiasco");
    unknown.tenants[0] = TenantStatus {
        tenant: "c_d192-albo".to_string(),
        application: "albo".to_string(),
        title: "Albo pretorio".to_string(),
        release: "1.0.0".to_string(),
        rpo_hours: 26,
        ..TenantStatus::default()
    };
    unknown.zone = unknown.zone.map(|zone| ZoneStatus {
        ours: false,
        answers: None,
        correct: None,
        drift: None,
        grade: None,
        ..zone
    });
    unknown.changes = ChangesStatus::default();
    let mut leaving = member("c_f703", "Comune di Monvalle");
    leaving.membership = "leaving".to_string();
    leaving.tenants.clear();
    let past = |days: Vec<Option<f64>>, availability, restores| Past { days, availability, restores };
    let day = |at: usize| match at {
        0..=3 => None,
        17 => Some(0.42),
        22 => Some(0.993),
        _ => Some(1.0),
    };
    let month: Vec<Option<f64>> = (0..DAYS).map(day).collect();
    let host = |name: &str, up: Option<bool>, grade| HostStatus {
        host: name.to_string(),
        roles: vec!["application".to_string()],
        up,
        free_percent: up.filter(|up| *up).map(|_| 61),
        grade,
    };
    Fleet {
        name: "Comuni in cloud, provincia di Varese".to_string(),
        now: NOW,
        members: [unknown, broken, well, leaving, slow].map(MemberStatus::graded).to_vec(),
        hosts: vec![
            host("app1", Some(true), Grade::Ok),
            host("app2", Some(false), Grade::Broken),
            host("db1", None, Grade::Unknown),
        ],
        alerts: vec![alert("ticket", "UnitFailed", "foo.service has failed on \u{1b}[2Japp1", "")],
        unasked: Vec::new(),
        past: BTreeMap::from([
            (
                "c_e863-albo".to_string(),
                past(month, Some(0.977_94), vec![(NOW - 9 * 86_400, 50_000), (NOW - 2 * 86_400, 61_500)]),
            ),
            ("c_e707-albo".to_string(), past(vec![Some(1.0); DAYS], Some(0.999_99), vec![(NOW - 86_400, 184_000)])),
        ]),
    }
}
