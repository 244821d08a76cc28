//! What Prometheus and Alertmanager say of the fleet: plain values by tenant, zone, owner and host. What is not in an answer
//! is not known, and has no value here.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Answer, word};
use crate::prometheus::Question;

const DAY: u32 = 86_400;

/// Instant questions, in the order in which [`read`] takes the answers, and what each is about.
const NOW: [(&str, &str); 13] = [
    ("whether tenants answer", "min by (tenant) (probe_success{job=\"tenant\"})"),
    ("certificates", "min by (tenant) (probe_ssl_earliest_cert_expiry{job=\"tenant\"})"),
    ("whether name servers answer", "min by (zone) (probe_success{job=\"zone\"})"),
    ("zones from outside", "min by (zone) (comune_dns_ok)"),
    ("records of zones", "max by (zone) (comune_dns_drift_records)"),
    ("the look at zones", "max(comune_dns_check_timestamp_seconds)"),
    ("backups", "max by (tenant) (comuni_backup_last_success_timestamp_seconds)"),
    ("pending changes", "max by (owner) (comuni_plan_pending)"),
    ("changes by hand", "max by (owner) (comuni_plan_drifted)"),
    // A plan that did not see all of it says nothing.
    ("the last plan", "max(comuni_plan_timestamp_seconds and comuni_plan_complete == 1)"),
    ("hosts", "max by (host) (up{job=\"node\"})"),
    (
        "disks",
        "min by (host) (node_filesystem_avail_bytes{mountpoint!~\"/(run|dev|sys|proc)(/.*)?\"} / node_filesystem_size_bytes)",
    ),
    ("availability", "avg by (tenant) (avg_over_time(probe_success{job=\"tenant\"}[30d]))"),
];

/// What is measured of the fleet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Whether a tenant answers as a healthy one.
    pub up: BTreeMap<String, bool>,
    /// When its certificate ends, seconds since 1970-01-01T00:00:00Z.
    pub certificates: BTreeMap<String, i64>,
    /// Whether all servers of a zone answer.
    pub answers: BTreeMap<String, bool>,
    /// Whether nothing was wrong with a zone from outside.
    pub correct: BTreeMap<String, bool>,
    /// Sets of its records that differ.
    pub drift: BTreeMap<String, u64>,
    /// When the zones were last looked at, seconds since 1970.
    pub looked: Option<i64>,
    /// When the newest complete backup of a tenant began, seconds since 1970; 0 when there is none.
    pub backups: BTreeMap<String, i64>,
    /// Resources of an owner that an apply would change.
    pub pending: BTreeMap<String, u64>,
    /// Those of them that somebody changed by hand.
    pub drifted: BTreeMap<String, u64>,
    /// When that was last found out of all hosts, seconds since 1970.
    pub planned: Option<i64>,
    /// Whether a host answers.
    pub hosts: BTreeMap<String, bool>,
    /// The free part of its fullest file system.
    pub free: BTreeMap<String, f64>,
    /// The part of the last 30 days' probes of a tenant that were well.
    pub availability: BTreeMap<String, f64>,
    /// The same of each day, by its end in seconds since 1970.
    pub days: BTreeMap<String, BTreeMap<i64, f64>>,
    /// Alerts that fire.
    pub alerts: Vec<Alert>,
    /// What was not answered, one sentence each.
    pub missing: Vec<String>,
}

/// An alert that fires.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// `page` or `ticket`.
    pub severity: String,
    /// Code of the member that it is about; empty when it is about none.
    pub member: String,
    /// For technicians.
    pub summary: String,
    /// For the member, in Italian; empty when there is none.
    pub notice: String,
    /// Nobody is told: it is silenced, or follows from another one.
    pub muted: bool,
}

/// What to ask; with what was measured over `days` days, when it is not 0.
pub fn of_the_fleet(days: u32) -> Vec<Question> {
    let now = NOW.iter().filter(|(what, _)| days > 0 || *what != "availability");
    let mut questions = vec![Question::Alerts];
    questions.extend(now.map(|(_, expression)| Question::Query { expression: expression.to_string() }));
    if days > 0 {
        questions.push(Question::Range {
            expression: "avg by (tenant) (avg_over_time(probe_success{job=\"tenant\"}[1d]))".to_string(),
            seconds: (days - 1) * DAY,
            step: DAY,
        });
    }
    questions
}

/// Reads the answers to [`of_the_fleet`].
pub fn read(answers: &[Answer]) -> Measured {
    let mut read = Measured::default();
    let mut series = |at: usize, what: &str| -> Vec<Value> {
        match answers.get(at) {
            Some(Ok(value)) if value.is_array() => value.as_array().cloned().unwrap_or_default(),
            Some(Ok(value)) => value["result"].as_array().cloned().unwrap_or_default(),
            Some(Err(why)) => {
                read.missing.push(format!("{what}: {why}"));
                Vec::new()
            }
            None => Vec::new(),
        }
    };
    let alerts = series(0, "alerts");
    let all: Vec<Vec<Value>> = NOW.iter().enumerate().map(|(at, (what, _))| series(at + 1, what)).collect();
    let days = series(NOW.len() + 1, "availability by day");
    let number = |one: &Value| {
        one["value"][1].as_str().and_then(|text| text.parse::<f64>().ok()).filter(|value| value.is_finite())
    };
    let by = |at: usize, label: &str| -> BTreeMap<String, f64> {
        let named = all[at].iter().filter_map(|one| Some((word(&one["metric"], label).to_string(), number(one)?)));
        named.filter(|(name, _)| !name.is_empty()).collect()
    };
    let one = |at: usize| all[at].first().and_then(number).map(|value| value as i64);
    read.up = whether(by(0, "tenant"));
    read.certificates = whole(by(1, "tenant"));
    read.answers = whether(by(2, "zone"));
    read.correct = whether(by(3, "zone"));
    read.drift = count(by(4, "zone"));
    read.looked = one(5);
    read.backups = whole(by(6, "tenant"));
    read.pending = count(by(7, "owner"));
    read.drifted = count(by(8, "owner"));
    read.planned = one(9);
    read.hosts = whether(by(10, "host"));
    read.free = by(11, "host");
    read.availability = by(12, "tenant");
    for one in &days {
        let values = one["values"].as_array().into_iter().flatten().filter_map(|pair| {
            let share = pair[1].as_str()?.parse::<f64>().ok().filter(|share| share.is_finite())?;
            Some((pair[0].as_f64()? as i64, share))
        });
        read.days.entry(word(&one["metric"], "tenant").to_string()).or_default().extend(values);
    }
    read.alerts = alerts.iter().filter_map(alert).collect();
    read
}

fn alert(value: &Value) -> Option<Alert> {
    let labels = &value["labels"];
    let severity = word(labels, "severity");
    // The Watchdog fires always.
    (severity != "none").then(|| Alert {
        name: word(labels, "alertname").to_string(),
        severity: severity.to_string(),
        member: word(labels, "member").to_string(),
        summary: word(&value["annotations"], "summary").to_string(),
        notice: word(&value["annotations"], "avviso").to_string(),
        muted: word(&value["status"], "state") == "suppressed",
    })
}

fn whether(values: BTreeMap<String, f64>) -> BTreeMap<String, bool> {
    values.into_iter().map(|(name, value)| (name, value >= 1.0)).collect()
}

fn whole(values: BTreeMap<String, f64>) -> BTreeMap<String, i64> {
    values.into_iter().map(|(name, value)| (name, value as i64)).collect()
}

fn count(values: BTreeMap<String, f64>) -> BTreeMap<String, u64> {
    values.into_iter().map(|(name, value)| (name, value.max(0.0) as u64)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vector(label: &str, values: &[(&str, &str)]) -> Answer {
        let series: Vec<Value> =
            values.iter().map(|(name, value)| json!({ "metric": { label: name }, "value": [1, value] })).collect();
        Ok(json!({ "resultType": "vector", "result": series }))
    }

    /// Answers without any series, with one of them given.
    fn with(at: usize, answer: Answer) -> Vec<Answer> {
        let mut all = vec![Ok(json!([]))];
        all.resize(of_the_fleet(30).len(), Ok(json!({ "result": [] })));
        all[at] = answer;
        all
    }

    #[test]
    fn every_question_has_its_answer_and_what_is_not_there_is_not_known() {
        assert_eq!((of_the_fleet(0).len(), of_the_fleet(30).len()), (NOW.len(), NOW.len() + 2));
        let read = read(&with(1, vector("tenant", &[("c_e863-albo", "1"), ("c_e707-albo", "0"), ("c_x-albo", "NaN")])));
        assert_eq!(read.up, BTreeMap::from([("c_e863-albo".into(), true), ("c_e707-albo".into(), false)]));
        assert_eq!(read.certificates, BTreeMap::new());
        assert_eq!((read.looked, read.planned), (None, None));
    }

    #[test]
    fn a_question_without_an_answer_is_told() {
        let read = read(&with(2, Err("too much".into())));
        assert_eq!(read.missing, ["certificates: too much"]);
    }

    #[test]
    fn days_and_moments_are_read() {
        let days = json!({ "result": [{ "metric": { "tenant": "t" }, "values": [[86400, "1"], [172800, "0.5"]] }] });
        let read_days = read(&with(NOW.len() + 1, Ok(days))).days;
        assert_eq!(read_days["t"], BTreeMap::from([(86_400, 1.0), (172_800, 0.5)]));
        assert_eq!(read(&with(10, vector("x", &[("", "1795000000")]))).planned, Some(1_795_000_000));
        assert_eq!(read(&with(7, vector("tenant", &[("t", "0")]))).backups["t"], 0);
    }

    #[test]
    fn the_watchdog_is_no_alert_and_a_muted_one_is_told_as_such() {
        let fired = |name: &str, severity: &str, state: &str| {
            json!({ "labels": { "alertname": name, "severity": severity, "member": "c_e863" }, "status": { "state": state },
                "annotations": { "avviso": "Il servizio", "summary": "it" } })
        };
        let all = json!([fired("Watchdog", "none", "active"), fired("HostDown", "page", "suppressed")]);
        let alerts = read(&with(0, Ok(all))).alerts;
        assert_eq!(alerts.len(), 1);
        assert_eq!(
            (alerts[0].name.as_str(), alerts[0].muted, alerts[0].notice.as_str()),
            ("HostDown", true, "Il servizio")
        );
    }
}
