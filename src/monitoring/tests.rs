use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::catalog::{Area, Catalog, Entry, Origin, Stage};
use crate::resources::{File, Resource};

const NOW: i64 = 1_795_000_000;

fn file(path: &str, content: &str) -> Entry {
    let fields = json!({ "path": path, "content": content });
    let file: File = serde_json::from_value(fields).unwrap();
    let resource = Resource::File(file);
    Entry {
        id: resource.id(),
        owner: "host".to_string(),
        tenant: None,
        area: Area::Monitoring,
        stage: Stage::Monitoring,
        origin: Origin { playbook: "monitoring.yml".to_string(), line: 1, play: "p".to_string() },
        resource,
    }
}

/// One member with a tenant and a zone at one server, and one host.
fn catalog() -> Catalog {
    let configuration = "\
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: [\"127.0.0.1:9090\"]
        labels: { host: \"mon1\" }
  - job_name: node
    scrape_interval: 60s
    file_sd_configs:
      - files: [/etc/prometheus/comuni/targets/hosts/node.json]
  - job_name: members
    metrics_path: /probe
    file_sd_configs:
      - files: [/etc/prometheus/comuni/targets/members/*.json]
";
    let node = json!([{ "targets": ["10.0.0.1:9100"], "labels": { "host": "app1" } }]);
    let member = json!([
        { "targets": ["127.0.0.1:9115"], "labels": { "job": "tenant", "instance": "albo.example", "member": "c_e863",
            "tenant": "c_e863-albo", "__param_module": "albo-1", "__param_target": "https://10.0.0.1/" } },
        { "targets": ["127.0.0.1:9115"], "labels": { "job": "zone", "instance": "ns1", "member": "c_e863", "zone": "z" } },
    ]);
    let entries = vec![
        file("/etc/prometheus/prometheus.yml", configuration),
        file("/etc/prometheus/comuni/targets/hosts/node.json", &node.to_string()),
        file("/etc/prometheus/comuni/targets/members/c_e863.json", &member.to_string()),
        file("/etc/prometheus/comuni/targets/members/old/x.json", "no targets"),
    ];
    Catalog { host: "mon1".to_string(), entries }
}

fn demand() -> Demand {
    Demand { targets: wanted(&catalog()).unwrap(), oldest_silence: 86_400, ..Demand::default() }
}

fn active(wanted: &Wanted) -> Value {
    json!({ "labels": wanted.labels, "discoveredLabels": wanted.how, "health": "up", "lastError": "" })
}

fn rule(name: &str, query: &str) -> Value {
    json!({ "name": name, "query": query, "health": "ok", "type": "alerting" })
}

fn answers() -> Vec<Value> {
    let targets: Vec<Value> = demand().targets.iter().map(active).collect();
    let names = ["up", "probe_success"].map(|name| json!({ "metric": { "__name__": name }, "value": [0, "1"] }));
    let at = |seconds: i64| crate::machine::utc(seconds);
    vec![
        json!({ "activeTargets": targets }),
        json!({ "groups": [{ "name": "hosts", "file": "/r/comuni.yml", "interval": 30, "lastEvaluation": at(NOW - 10),
            "rules": [rule("HostDown", "up{job=\"node\"} < 1"), rule("TenantDown", "probe_success < 1")] }] }),
        json!({ "reloadConfigSuccess": true, "lastConfigTime": at(NOW - 500) }),
        json!([{ "path": "/r/comuni.yml", "modified": NOW - 501 }]),
        json!({ "resultType": "vector", "result": names }),
        json!([]),
        json!([{ "labels": { "alertname": "Watchdog" }, "endsAt": at(NOW + 100), "status": { "state": "active" },
            "receivers": [{ "name": "nobody" }] }]),
    ]
}

fn judged_with(demand: &Demand, change: impl FnOnce(&mut Vec<Value>)) -> Judged {
    let mut answers = answers();
    change(&mut answers);
    judge(demand, &answers.into_iter().map(Ok).collect::<Vec<_>>(), NOW)
}

/// The ids of what is found after a change of the answers.
fn found(change: impl FnOnce(&mut Vec<Value>)) -> Vec<&'static str> {
    judged_with(&demand(), change).findings.iter().map(|finding| finding.trouble.id()).collect()
}

#[test]
fn a_catalog_says_what_must_be_asked() {
    let wanted = wanted(&catalog()).unwrap();
    let told: Vec<String> = wanted.iter().map(|wanted| wanted::about(&wanted.labels)).collect();
    assert_eq!(told, ["prometheus mon1", "node app1", "tenant c_e863-albo", "zone z at ns1"]);
    assert_eq!(wanted[1].label("instance"), "10.0.0.1:9100");
    assert_eq!(wanted[2].how["__param_target"], "https://10.0.0.1/");
    assert!(!wanted[2].labels.keys().any(|name| name.starts_with("__")));
}

#[test]
fn nothing_is_said_when_all_is_well() {
    let judged = judged_with(&demand(), |_| {});
    assert_eq!(judged.findings, []);
    assert_eq!((judged.targets, judged.up, judged.rules, judged.metrics), (4, 4, 2, 2));
}

#[test]
fn targets_are_there_asked_as_they_must_be_and_answer() {
    assert_eq!(found(|all| drop(all[0]["activeTargets"].as_array_mut().unwrap().pop())), ["target-missing"]);
    assert_eq!(
        found(|all| all[0]["activeTargets"][2]["discoveredLabels"]["__param_module"] = json!("other")),
        ["target-differs"]
    );
    assert_eq!(found(|all| all[0]["activeTargets"][1]["health"] = json!("down")), ["target-down"]);
    assert_eq!(found(|all| all[0]["activeTargets"][1]["health"] = json!("unknown")), ["target-new"]);
    let strange = |all: &mut Vec<Value>| {
        let mut other = all[0]["activeTargets"][2].clone();
        other["labels"]["tenant"] = json!("c_x-albo");
        all[0]["activeTargets"].as_array_mut().unwrap().push(other);
    };
    assert_eq!(found(strange), ["target-strange"]);
    // Somebody else's label makes it another target: the one that must be is not there.
    assert_eq!(
        found(|all| all[0]["activeTargets"][2]["labels"]["host"] = json!("app9")),
        ["target-missing", "target-strange"]
    );
}

#[test]
fn rules_that_are_loaded_are_those_on_disk_and_are_reckoned() {
    assert_eq!(found(|all| all[2]["reloadConfigSuccess"] = json!(false)), ["reload-failed"]);
    assert_eq!(found(|all| all[3][0]["modified"] = json!(NOW - 499)), ["rule-changed"]);
    assert_eq!(found(|all| all[3][0]["path"] = json!("/r/other.yml")), ["rule-not-loaded", "rule-gone"]);
    assert_eq!(found(|all| all[1]["groups"][0]["rules"][0]["health"] = json!("err")), ["rule-fails"]);
    let still = |all: &mut Vec<Value>| all[1]["groups"][0]["lastEvaluation"] = json!(crate::machine::utc(NOW - 121));
    assert_eq!(found(still), ["rule-still"]);
    let never = |all: &mut Vec<Value>| all[1]["groups"][0]["lastEvaluation"] = json!("0001-01-01T00:00:00Z");
    assert_eq!(found(never), [""; 0]);
}

#[test]
fn a_metric_that_nobody_measures_is_told_with_the_rules_that_are_blind() {
    let judged = judged_with(&demand(), |all| all[1]["groups"][0]["rules"][1]["query"] = json!("probe_sucess < 1"));
    let [finding] = &judged.findings[..] else { panic!("{:?}", judged.findings) };
    assert_eq!((finding.trouble.id(), finding.about.as_str()), ("metric-missing", "probe_sucess"));
    assert!(finding.what.contains("TenantDown"), "{}", finding.what);
}

#[test]
fn the_watchdog_arrives_is_not_muted_and_goes_where_it_must() {
    assert_eq!(found(|all| all[6] = json!([])), ["watchdog-missing"]);
    assert_eq!(found(|all| all[6][0]["endsAt"] = json!(crate::machine::utc(NOW - 1))), ["watchdog-missing"]);
    assert_eq!(found(|all| all[6][0]["status"]["state"] = json!("suppressed")), ["watchdog-unheard"]);
    let with = Demand { dead_man: Some("dead-man".to_string()), ..demand() };
    let troubles = |judged: Judged| judged.findings.iter().map(|finding| finding.trouble).collect::<Vec<_>>();
    assert_eq!(troubles(judged_with(&with, |_| {})), [Trouble::WatchdogUnheard]);
    assert_eq!(troubles(judged_with(&with, |all| all[6][0]["receivers"][0]["name"] = json!("dead-man"))), []);
}

fn silence(matchers: Value, began: i64, until: i64) -> Value {
    json!({ "id": "a-1", "status": { "state": "active" }, "matchers": matchers, "createdBy": "SHA256:x", "comment": "why",
        "startsAt": crate::machine::utc(began), "endsAt": crate::machine::utc(until) })
}

#[test]
fn silences_have_an_end_an_age_and_one_subject() {
    let tenant = |value: &str| json!([{ "name": "member", "value": value, "isRegex": false, "isEqual": true }]);
    let with = |matchers: Value, began, until| found(move |all| all[5] = json!([silence(matchers, began, until)]));
    assert_eq!(with(tenant("c_e863"), NOW - 60, NOW + 60), [""; 0]);
    assert_eq!(with(tenant("c_e863"), NOW - 60, NOW + 86_400), ["silence-long"]);
    assert_eq!(with(tenant("c_e863"), NOW - 86_401, NOW - 1), ["silence-old"]);
    assert_eq!(with(tenant(""), NOW - 60, NOW + 60), ["silence-wide"]);
    let regex = json!([{ "name": "tenant", "value": "c_.*", "isRegex": true, "isEqual": true }]);
    assert_eq!(with(regex, NOW - 60, NOW + 60), ["silence-wide"]);
    let over = |all: &mut Vec<Value>| {
        all[5] = json!([silence(tenant("c_e863"), 1, 2)]);
        all[5][0]["status"]["state"] = json!("expired");
    };
    assert_eq!(found(over), [""; 0]);
    let both = |all: &mut Vec<Value>| {
        all[5] = json!([silence(tenant("c_e863"), NOW - 5, NOW), silence(tenant("c_e707"), NOW - 9, NOW)])
    };
    let all = judged_with(&demand(), both).muted;
    assert_eq!(
        all.iter().map(|muted| muted.matchers.as_str()).collect::<Vec<_>>(),
        ["member=\"c_e707\"", "member=\"c_e863\""]
    );
    let of_one = Demand { members: vec!["c_e863".to_string()], ..demand() };
    assert_eq!(judged_with(&of_one, both).muted.len(), 1);
}

#[test]
fn a_member_alone_is_held_against_its_own_targets() {
    let targets = demand().targets.into_iter().filter(|target| target.label("member") == "c_e863").collect();
    let demand = Demand { targets, members: vec!["c_e863".to_string()], ..demand() };
    let judged = judged_with(&demand, |all| all[1] = json!({ "groups": [] }));
    assert_eq!((judged.findings.len(), judged.up, judged.rules), (0, 2, 0));
}

#[test]
fn what_was_not_answered_is_never_well() {
    let mut given: Vec<Answer> = answers().into_iter().map(Ok).collect();
    given[4] = Err("it does not answer".to_string());
    given.truncate(6);
    let judged = judge(&demand(), &given, NOW);
    assert_eq!(judged.findings.iter().map(|finding| finding.trouble).collect::<Vec<_>>(), [Trouble::NotAsked; 2]);
    assert!(judged.findings.iter().any(|finding| finding.what.contains("it does not answer")));
}

#[test]
fn metrics_say_of_a_host_that_could_not_be_asked_that_it_is_not_well() {
    let judged = judged_with(&demand(), |_| {});
    let hosts = BTreeMap::from([("mon1".to_string(), Some(judged)), ("mon2".to_string(), None)]);
    let page = textfile(&hosts, NOW);
    for line in [
        "comuni_monitoring_check_ok{watcher=\"mon1\"} 1",
        "comuni_monitoring_check_ok{watcher=\"mon2\"} 0",
        "comuni_monitoring_targets_up{watcher=\"mon1\"} 4",
    ] {
        assert!(page.lines().any(|one| one == line), "{line}\n{page}");
    }
    assert!(!page.contains("targets_up{watcher=\"mon2\"}"), "{page}");
}
