//! The monitoring: everything is watched and answers, and a bad rule changes nothing. What is told to whom is in `alarms`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{eventually, lab, lab_does, on};

pub const MONITOR: &str = "mon1";
const RULES: &str = "/etc/prometheus/comuni/rules";

fn asked(path: &str) -> Value {
    let text = on(MONITOR, &format!("curl --silent --fail --max-time 10 'http://127.0.0.1:9090{path}'"));
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"))
}

/// The value of a query that has one.
pub fn reckoned(query: &str) -> String {
    let line = format!(
        "curl --silent --fail --max-time 10 --get --data-urlencode 'query={query}' http://127.0.0.1:9090/api/v1/query"
    );
    let answer: Value = serde_json::from_str(&on(MONITOR, &line)).unwrap();
    answer["data"]["result"][0]["value"][1].as_str().unwrap_or_default().to_string()
}

/// Job and instance of every target, with its health.
fn targets() -> BTreeMap<(String, String), String> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let answer = asked("/api/v1/targets?state=active");
    let targets = answer["data"]["activeTargets"].as_array().unwrap().iter();
    targets
        .map(|target| {
            let labels = &target["labels"];
            let name = [&labels["tenant"], &labels["zone"], &labels["host"]].map(word).join(" ");
            ((word(&labels["job"]), name.trim().to_string()), word(&target["health"]))
        })
        .collect()
}

pub fn all_are_up() -> bool {
    let targets = targets();
    !targets.is_empty() && targets.values().all(|health| health == "up")
}

/// The alerts that fire, each with the tenant, zone or host that it is about.
pub fn firing() -> BTreeSet<(String, String)> {
    alerts(&["firing"])
}

/// As [`firing`], with those whose patience has not ended; the Watchdog is none.
pub fn active() -> BTreeSet<(String, String)> {
    let active = alerts(&["firing", "pending"]);
    active.into_iter().filter(|(alert, _)| alert != "Watchdog").collect()
}

fn alerts(states: &[&str]) -> BTreeSet<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let answer = asked("/api/v1/alerts");
    let alerts = answer["data"]["alerts"].as_array().unwrap().iter();
    let alerts = alerts.filter(|alert| states.contains(&alert["state"].as_str().unwrap_or_default()));
    alerts
        .map(|alert| {
            let labels = &alert["labels"];
            let about = ["tenant", "zone", "host"].iter().map(|name| word(&labels[*name]));
            (word(&labels["alertname"]), about.into_iter().find(|word| !word.is_empty()).unwrap_or_default())
        })
        .collect()
}

#[test]
fn every_host_tenant_and_zone_is_watched_and_answers() {
    lab().is_converged();
    eventually("all targets are up", Duration::from_secs(60), all_are_up);
    let targets = targets();
    let of = |job: &str| targets.keys().filter(|(name, _)| name == job).count();
    assert_eq!((of("tenant"), of("postgres"), of("prometheus"), of("alertmanager"), of("blackbox")), (14, 1, 1, 1, 1));
    assert!(of("node") >= 5 && of("zone") >= 20, "{targets:?}");
    assert_eq!(reckoned("count(probe_success{job=\"tenant\"} == 1)"), "14");
}

#[test]
fn exporters_answer_the_monitoring_host_and_nobody_else() {
    lab();
    for (host, port) in [("app1", 9100), ("db1", 9100), ("db1", 9187)] {
        let address = lab_does(&["address", host]);
        let ask = format!(
            "curl --silent --max-time 3 --output /dev/null --write-out %{{http_code}} http://{address}:{port}/metrics"
        );
        assert_eq!(on(MONITOR, &ask), "200", "{host} {port}");
        assert_eq!(on("app2", &format!("{ask} || true")), "000", "{host} {port}");
    }
    let open = on(MONITOR, "ss -Htln | awk '{print $4}' | grep -E ':(9090|9093|9115)$' | grep -v ^127.0.0.1: || true");
    assert_eq!(open, "");
}

#[test]
fn a_rule_broken_by_hand_is_mended_and_a_template_with_a_bad_rule_changes_nothing() {
    let lab = lab();
    let rules = format!("{RULES}/comuni.yml");
    let before = on(MONITOR, &format!("sha256sum {rules}"));
    on(MONITOR, &format!("sed -i s/HostDown/HostDawn/ {rules}"));
    lab.comuni(&["apply", "--yes", "--area", "monitoring"]).ends_with(0);
    assert_eq!(on(MONITOR, &format!("sha256sum {rules}")), before);

    let template = lab.inventory().join("templates/monitoring/rules.yml.tera");
    let shipped = std::fs::read_to_string(crate::harness::root().join("templates/monitoring/rules.yml.tera")).unwrap();
    std::fs::create_dir_all(template.parent().unwrap()).unwrap();
    // It is a rule, but its tests do not hold: a host that is down for a day would tell nobody.
    let silent = shipped.replacen("for: {{ m2 }}", "for: {{ d1 }}", 1);
    assert_ne!(silent, shipped);
    for (bad, words) in
        [(silent, "HostDown"), (shipped.replacen("max by (host, database)", "max by host, database", 1), "parse")]
    {
        std::fs::write(&template, bad).unwrap();
        let refused = lab.comuni(&["apply", "--yes", "--area", "monitoring"]);
        std::fs::remove_file(&template).unwrap();
        assert_ne!(refused.status, 0, "{}", refused.text());
        assert!(refused.text().contains("promtool") && refused.text().contains(words), "{}", refused.text());
        assert_eq!(on(MONITOR, &format!("sha256sum {rules}")), before, "the old rules go on");
    }
    std::fs::remove_dir_all(lab.inventory().join("templates")).unwrap();
    assert_eq!(reckoned("prometheus_config_last_reload_successful"), "1");
    lab.is_converged();
}

#[test]
fn a_tenant_that_is_no_more_is_asked_no_more() {
    let lab = lab();
    let file = lab.varese().join("members/monvalle.yml");
    let tenant = ("tenant".to_string(), "c_f703-albo".to_string());
    let seen =
        |wanted: bool| targets().keys().any(|(job, name)| *job == tenant.0 && name.starts_with(&tenant.1)) == wanted;
    assert!(seen(true), "{:?}", targets());
    let edited = lab.edit(&file, |text| text.replace("status: active", "status: leaving"));
    lab.comuni(&["apply", "--yes", "--area", "monitoring", "--member", "monvalle"]).ends_with(0);
    eventually("the target is gone", Duration::from_secs(20), || seen(false));
    drop(edited);
    lab.comuni(&["apply", "--yes", "--area", "monitoring", "--member", "monvalle"]).ends_with(0);
    eventually("the target is back", Duration::from_secs(20), || seen(true));
    lab.is_converged();
}

#[test]
#[ignore = "with ./check --all"]
fn a_new_zone_and_its_tenant_are_watched_after_an_apply_for_their_member_alone() {
    const NEW: &str = "cloud.comune.varese.it";
    let lab = lab();
    let of_member = || -> BTreeMap<(String, String), String> {
        let about = |name: &str| name.contains(NEW) || name.starts_with("c_l682-albo");
        targets().into_iter().filter(|((_, name), _)| about(name)).collect()
    };
    let before: BTreeSet<(String, String)> = targets().into_keys().collect();
    let zones = |all: &BTreeMap<(String, String), String>| all.keys().filter(|(job, _)| job == "zone").count();
    assert_eq!(zones(&of_member()), 0, "others serve its zone: {:?}", of_member());
    let edited =
        lab.edit(&lab.varese().join("members/varese.yml"), |text| text.replace("mode: external", "mode: subzone"));
    lab.comuni(&["apply", "--yes", "--member", "varese"]).ends_with(0);
    eventually("its zone and its tenant are asked, and answer", Duration::from_secs(90), || {
        let all = of_member();
        zones(&all) == 2 && all.len() == 3 && all.values().all(|health| health == "up")
    });
    // What answers is the new name, by the module for the new zone; and for all servers.
    eventually("all is well from within", Duration::from_secs(60), || {
        reckoned(&format!("count(probe_dns_serial{{zone=\"{NEW}\"}} > 0)")) == "2"
            && reckoned(&format!("sum(probe_success{{zone=\"{NEW}\"}})")) == "2"
            && reckoned("min(probe_success{tenant=\"c_l682-albo\"})") == "1"
    });
    let others = |all: BTreeSet<(String, String)>| -> BTreeSet<(String, String)> {
        all.into_iter().filter(|(_, name)| !name.contains(NEW)).collect()
    };
    assert_eq!(others(targets().into_keys().collect()), others(before.clone()), "nobody else's were touched");
    lab.is_converged();
    drop(edited);
    lab.comuni(&["apply", "--yes", "--member", "varese", "--allow", &format!("{NEW}/SOA")]).ends_with(0);
    eventually("it is asked no more", Duration::from_secs(60), || {
        targets().into_keys().collect::<BTreeSet<_>>() == before
    });
    lab.is_converged();
}
