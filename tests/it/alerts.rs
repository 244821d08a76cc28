//! The alerts for all: each has its tests, its page for who is told, and its row in docs/monitoring.md.

use std::collections::BTreeSet;
use std::fs;

use crate::golden::root;

/// What a rule says of its alert.
struct Alert {
    name: String,
    /// As it stands in the template: `m10` for ten minutes.
    patience: Option<String>,
    severity: String,
    text: String,
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn rules() -> String {
    read("templates/monitoring/rules.yml.tera")
}

fn tests() -> String {
    ["fleet-tests", "member-tests", "window-tests", "hour-tests"]
        .map(|name| read(&format!("templates/monitoring/{name}.yml.tera")))
        .concat()
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}

fn alerts(rules: &str) -> Vec<Alert> {
    let alerts = rules.split("- alert: ").skip(1).map(|text| Alert {
        name: text.lines().next().unwrap_or_default().to_string(),
        patience: between(text, "\n        for: {{ ", " }}").map(str::to_string),
        severity: between(text, "severity: ", " }").unwrap_or_default().to_string(),
        text: text.to_string(),
    });
    alerts.collect()
}

/// Alerts that no test sees fire, or none sees silent.
fn untested(rules: &str, tests: &str) -> Vec<String> {
    let asked = |name: &str, answer: &str| {
        let (bare, within) = (format!("alertname=\"{name}\""), format!("alertname=\"{name}{{{{"));
        tests.lines().any(|line| (line.contains(&bare) || line.contains(&within)) && line.contains(answer))
    };
    let fires = |name: &str| asked(name, "{{ seen }}") || asked(name, "value: 1 }]");
    let silent = |name: &str| name == "Watchdog" || asked(name, "exp_samples: [] }");
    let untested = alerts(rules).into_iter().filter(|alert| !fires(&alert.name) || !silent(&alert.name));
    untested.map(|alert| alert.name).collect()
}

#[test]
fn every_alert_is_seen_to_fire_and_to_be_silent_by_a_test() {
    assert!(alerts(&rules()).len() > 40, "the rules are read");
    assert_eq!(untested(&rules(), &tests()), Vec::<String>::new());
    let added = format!("{}\n      - alert: TenantSlow\n        expr: a > 1\n", rules());
    assert_eq!(untested(&added, &tests()), ["TenantSlow"], "a rule that is added without a test is noticed");
    let half = tests().replace("alertname=\"HostDown", "alertname=\"HostDawn");
    assert_eq!(untested(&rules(), &half), ["HostDown"]);
}

#[test]
fn every_alert_has_a_severity_a_page_and_a_row_and_members_are_told_in_italian() {
    let page = read("docs/monitoring.md");
    let all = alerts(&rules());
    for Alert { name, patience, severity, text } in &all {
        assert!(["page", "ticket", "none"].contains(&severity.as_str()), "{name}: {severity}");
        assert!(text.contains("summary: "), "{name} has no summary");
        assert!(text.contains(&format!("runbook: docs/runbooks/{name}.md\n")), "{name} names another page");
        assert!(read(&format!("docs/runbooks/{name}.md")).starts_with(&format!("# {name}\n")), "{name}");
        let after = patience.as_ref().map_or("–".to_string(), |word| words(word));
        let row = format!("| [{name}](runbooks/{name}.md) | {severity} | {after} |");
        assert!(page.contains(&row), "docs/monitoring.md has no row {row}");
        // Who is told of a tenant or a zone is its member.
        assert_eq!(
            text.contains("by (member"),
            text.contains("avviso: ") && !name.starts_with("TenantErrorBudget"),
            "{name}"
        );
    }
    let names: BTreeSet<String> = all.into_iter().map(|alert| alert.name).collect();
    let pages = fs::read_dir(root().join("docs/runbooks")).unwrap();
    let pages: BTreeSet<String> =
        pages.map(|entry| entry.unwrap().file_name().to_string_lossy().trim_end_matches(".md").to_string()).collect();
    assert_eq!(pages.difference(&names).collect::<Vec<_>>(), Vec::<&String>::new(), "pages of no alert");
}

/// `m10` as docs/monitoring.md writes it.
fn words(patience: &str) -> String {
    let (unit, number) = patience.split_at(1);
    match unit {
        "m" => format!("{number} min"),
        "h" => format!("{number} h"),
        _ => format!("{number} day"),
    }
}
