//! The monitoring: everything is watched, what breaks is told to the right people and to nobody else, and a bad rule
//! changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Edited, Lab, broken, eventually, lab, lab_does, on};

const MONITOR: &str = "mon1";
/// Where the receiver listens: a host that no fault of these tests touches.
const RECEIVER: &str = "ops1";
const RULES: &str = "/etc/prometheus/comuni/rules";

fn asked(path: &str) -> Value {
    let text = on(MONITOR, &format!("curl --silent --fail --max-time 10 'http://127.0.0.1:9090{path}'"));
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"))
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

fn all_are_up() -> bool {
    let targets = targets();
    !targets.is_empty() && targets.values().all(|health| health == "up")
}

fn firing() -> BTreeSet<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let answer = asked("/api/v1/alerts");
    let alerts = answer["data"]["alerts"].as_array().unwrap().iter().filter(|alert| alert["state"] == "firing");
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
    let answered = asked("/api/v1/query?query=count(probe_success{job=\"tenant\"}==1)");
    assert_eq!(answered["data"]["result"][0]["value"][1], "14", "{answered}");
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
    let silent = shipped.replacen("for: {{ m3 }}", "for: {{ d1 }}", 1);
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
    let loaded = asked("/api/v1/query?query=prometheus_config_last_reload_successful");
    assert_eq!(loaded["data"]["result"][0]["value"][1], "1");
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

/// What was POSTed to a path on the receiver: `receiver alertname subject status`.
fn told() -> BTreeSet<String> {
    on(RECEIVER, "cat /run/told 2>/dev/null || true").lines().map(str::to_string).collect()
}

/// A small server on a host that writes down who was told of what.
struct Receiver;

impl Receiver {
    fn start() -> Receiver {
        let program = r#"
import http.server, json
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open("/run/told", "a") as out:
            for alert in said["alerts"]:
                labels = alert["labels"]
                about = labels.get("tenant") or labels.get("zone") or labels.get("host") or ""
                out.write(" ".join([self.path.strip("/"), labels["alertname"], about, alert["status"]]) + "\n")
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 9480), Hook).serve_forever()
"#;
        let address = lab_does(&["address", MONITOR]);
        on(RECEIVER, &format!("rm -f /run/told; cat > /run/hook.py <<'PYTHON'\n{program}PYTHON\n"));
        on(RECEIVER, &format!("nft insert rule inet comuni input ip saddr {address} tcp dport 9480 accept"));
        on(
            RECEIVER,
            "test -x /usr/bin/python3 || DEBIAN_FRONTEND=noninteractive apt-get -qq install -y python3 >/dev/null; systemd-run --quiet --unit=test-hook python3 /run/hook.py",
        );
        Receiver
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        on(RECEIVER, "systemctl stop test-hook; rm -f /run/told /run/hook.py; systemctl reload nftables");
    }
}

/// Windows are a thirtieth, and every notification goes to the receiver too.
fn hurried(lab: &Lab) -> Edited {
    let address = lab_does(&["address", RECEIVER]);
    lab.edit(&lab.inventory().join("consortium.yml"), |text| {
        text.replace("pace: 6", &format!("pace: 30\n  copy_to: http://{address}:9480"))
    })
}

#[test]
fn what_breaks_is_told_to_the_right_people_and_only_that_and_ends_with_the_repair() {
    let lab = lab();
    let receiver = Receiver::start();
    let edited = hurried(lab);
    lab.comuni(&["apply", "--yes", "--area", "monitoring"]).ends_with(0);
    eventually("all targets are up", Duration::from_secs(60), all_are_up);
    let tenant = "c_c922-albo";
    let host = crate::harness::carrier(tenant);
    let textfiles = "/var/lib/prometheus/node-exporter";
    let before = told();

    // None of these hides another: they are of different tenants, zones and hosts.
    on(host, &format!("systemctl stop comuni-{tenant}"));
    let full = broken("fill", "unfill", "app1", &["/var/lib/misc", "2"]);
    on("app1", "dd if=/dev/zero of=/var/lib/misc/full bs=64k count=31 2>/dev/null || true");
    let old = "comuni_backup_last_success_timestamp_seconds{member=\"c_e863\",application=\"albo\",tenant=\"c_e863-albo\"} 1000\n\
               comuni_backup_expected_interval_seconds{member=\"c_e863\",application=\"albo\",tenant=\"c_e863-albo\"} 86400\n";
    on("app1", &format!("printf '%s' '{old}' > {textfiles}/test-backup.prom"));
    let expected = [
        format!("c_c922 TenantErrorBudgetBurnFast {tenant} firing"),
        format!("province TenantErrorBudgetBurnFast {tenant} firing"),
        format!("ancilab TenantErrorBudgetBurnFast {tenant} firing"),
        "province DiskAlmostFull app1 firing".to_string(),
        "c_e863 BackupTooOld c_e863-albo firing".to_string(),
        "province BackupTooOld c_e863-albo firing".to_string(),
    ];
    eventually("all of it is told", Duration::from_secs(90), || expected.iter().all(|line| told().contains(line)));
    let new: BTreeSet<String> = told().difference(&before).cloned().collect();
    // The unit that is down is what follows from it, and others' members hear nothing.
    assert!(!new.iter().any(|line| line.contains(&format!("TenantServiceDown {tenant}"))), "{new:?}");
    let of_members = new.iter().filter(|line| line.starts_with("c_") && line.contains(" firing"));
    let of_members: BTreeSet<&str> = of_members.filter_map(|line| line.split(' ').next()).collect();
    assert!(of_members.contains("c_c922") && of_members.contains("c_e863"), "{new:?}");
    assert!(!new.iter().any(|line| line.starts_with("c_c922 ") && !line.contains(tenant)), "{new:?}");
    assert!(!new.iter().any(|line| line.starts_with("c_") && line.contains("DiskAlmostFull")), "{new:?}");

    on(host, &format!("systemctl start comuni-{tenant}"));
    on("app1", &format!("rm -f {textfiles}/test-backup.prom /var/lib/misc/full"));
    drop(full);
    let over = [
        format!("c_c922 TenantErrorBudgetBurnFast {tenant} resolved"),
        "province DiskAlmostFull app1 resolved".to_string(),
        "c_e863 BackupTooOld c_e863-albo resolved".to_string(),
    ];
    eventually("it is over, and told", Duration::from_secs(90), || over.iter().all(|line| told().contains(line)));
    assert!(!firing().contains(&("BackupTooOld".to_string(), "c_e863-albo".to_string())));
    drop(edited);
    drop(receiver);
    lab.comuni(&["apply", "--yes", "--area", "monitoring"]).ends_with(0);
    lab.is_converged();
}
