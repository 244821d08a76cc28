//! What watches is itself looked at: `monitoring check`, and silences of one tenant.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{LOZZA, Lab, Run, eventually, lab, on};

const MONITOR: &str = "mon1";
const TARGETS: &str = "/etc/prometheus/comuni/targets/members";
const RULES: &str = "/etc/prometheus/comuni/rules";
/// The exporter that measures what nobody else measures in a lab.
const CARRIER: &str = "ops1";
const MEASURES: &str = "/var/lib/prometheus/node-exporter/test-check.prom";
const AMTOOL: &str = "amtool --alertmanager.url=http://127.0.0.1:9093";

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

/// Ids of what is wrong, and what each is about.
fn found(run: &Run) -> Vec<(String, String)> {
    let all = run.objects();
    let findings = all.iter().filter(|object| object["type"] == "monitoring_finding");
    findings.map(|finding| (word(&finding["id"]), word(&finding["about"]))).collect()
}

fn checked(lab: &Lab, words: &[&str]) -> Run {
    lab.comuni(&[&["monitoring", "check", "--format", "json"], words].concat())
}

/// Something on a host that is put back by a shell line, also by a failing test.
#[must_use]
struct Until(&'static str, String);

impl Drop for Until {
    fn drop(&mut self) {
        on(self.0, &self.1);
    }
}

/// Has every metric measured that no exporter of a lab has: who looks at zones and restores backups by a timer, and the
/// kernel's own clock, which a container may not ask for.
fn all_is_measured(lab: &Lab) -> Until {
    let measured = Until(CARRIER, format!("rm -f {MEASURES}"));
    let missing = found(&checked(lab, &[])).into_iter().filter(|(id, _)| id == "metric-missing");
    // Rules over time look for what is fresh: the present is good for all of them.
    let lines: Vec<String> = missing.map(|(_, name)| format!("echo {name} $(date +%s)")).collect();
    if !lines.is_empty() {
        on(CARRIER, &format!("({}) > {MEASURES}", lines.join("; ")));
    }
    eventually("nothing is wrong", Duration::from_secs(90), || checked(lab, &[]).status == 0);
    measured
}

#[test]
fn it_is_silent_when_all_is_well_and_tells_what_is_not_watched_and_what_should_not_be() {
    let lab = lab();
    let measured = all_is_measured(lab);
    let quiet = lab.comuni(&["monitoring", "check", "--quiet"]).ends_with(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let textfile = lab.state().join("check.prom");
    let well = lab.comuni(&["monitoring", "check", "--textfile", textfile.to_str().unwrap()]).ends_with(0);
    assert!(well.stdout.contains("targets up") && well.stdout.contains("all as the inventory says"), "{}", well.stdout);
    let page = std::fs::read_to_string(&textfile).unwrap();
    assert!(page.contains("comuni_monitoring_check_ok{watcher=\"mon1\"} 1"), "{page}");

    let back = Until(
        MONITOR,
        format!("test ! -e /root/kept.json || mv /root/kept.json {TARGETS}/{LOZZA}.json; rm -f {TARGETS}/strange.json"),
    );
    let strange = "[{\"targets\":[\"127.0.0.1:9115\"],\"labels\":{\"job\":\"tenant\",\"tenant\":\"c_x-albo\",\"member\":\"c_x\"}}]";
    on(MONITOR, &format!("mv {TARGETS}/{LOZZA}.json /root/kept.json; echo '{strange}' > {TARGETS}/strange.json"));
    let mut last = Vec::new();
    let told = |all: &[(String, String)]| {
        let has = |id: &str, about: &str| all.contains(&(id.to_string(), about.to_string()));
        has("target-missing", &format!("tenant {LOZZA}-albo")) && has("target-strange", "tenant c_x-albo")
    };
    eventually("both are told", Duration::from_secs(30), || {
        last = found(&checked(lab, &[]));
        told(&last)
    });
    // A tenant and its zone at two servers are missing, and only Lozza's are.
    assert!(
        last.iter().all(|(id, about)| id != "target-missing" || about.contains("lozza") || about.contains(LOZZA)),
        "{last:?}"
    );
    checked(lab, &[]).ends_with(4);
    checked(lab, &["--member", "lozza"]).ends_with(4);
    checked(lab, &["--member", "malnate"]).ends_with(0);
    drop(back);
    eventually("all is well again", Duration::from_secs(30), || checked(lab, &[]).status == 0);
    drop(measured);
}

#[test]
fn rules_that_were_changed_after_they_were_loaded_are_told() {
    let lab = lab();
    let back = Until(MONITOR, format!("mv /root/kept.yml {RULES}/{LOZZA}.yml; rm -f {RULES}/more.yml"));
    on(MONITOR, &format!("cp -p {RULES}/{LOZZA}.yml /root/kept.yml; echo '# more' >> {RULES}/{LOZZA}.yml"));
    on(MONITOR, &format!("cp {RULES}/{LOZZA}.yml {RULES}/more.yml"));
    let all = found(&checked(lab, &[]).ends_with(4));
    assert!(all.contains(&("rule-changed".to_string(), format!("{RULES}/{LOZZA}.yml"))), "{all:?}");
    assert!(all.contains(&("rule-not-loaded".to_string(), format!("{RULES}/more.yml"))), "{all:?}");
    drop(back);
    let all = found(&checked(lab, &[]));
    assert!(!all.iter().any(|(id, _)| id.starts_with("rule-")), "{all:?}");
    lab.is_converged();
}

/// The silences that are not over.
fn silences() -> Vec<Value> {
    serde_json::from_str(&on(MONITOR, &format!("{AMTOOL} silence query -o json"))).unwrap()
}

#[test]
fn a_silence_mutes_one_tenant_for_a_while_and_is_lifted_and_recorded() {
    let lab = lab();
    let lozza = ["monitoring", "silence", "--member", "lozza", "--application", "albo"];
    let over = Until(MONITOR, format!("{AMTOOL} silence expire $({AMTOOL} silence query -q) || true"));
    lab.comuni(&[&lozza[..], &["--for", "25h", "--reason", "x"]].concat()).ends_with(64);
    lab.comuni(&[&lozza[..], &["--for", "1h", "--reason", " "]].concat()).ends_with(64);
    lab.comuni(&[&lozza[..], &["--for", "1h", "--reason", "ticket 4711"]].concat()).ends_with(0).says("muted until");
    let [silence] = &silences()[..] else { panic!("{:?}", silences()) };
    let mut matchers: Vec<String> = silence["matchers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{}={} {} {}", word(&one["name"]), word(&one["value"]), one["isRegex"], one["isEqual"]))
        .collect();
    matchers.sort();
    assert_eq!(matchers, ["application=albo false true", &format!("member={LOZZA} false true")]);
    assert!(word(&silence["createdBy"]).starts_with("SHA256:"), "by the key that sshd saw: {silence}");
    assert!(word(&silence["comment"]).contains("ticket 4711"), "{silence}");

    // Its alerts are muted and no others, not even of its zone.
    for labels in [
        &format!("member={LOZZA} application=albo tenant={LOZZA}-albo"),
        &format!("member={LOZZA} zone=comune.lozza.va.it"),
        "member=c_e863 application=albo tenant=c_e863-albo",
    ] {
        on(MONITOR, &format!("{AMTOOL} alert add Tried severity=ticket {labels}"));
    }
    let state = |state: &str| {
        let all: Vec<Value> =
            serde_json::from_str(&on(MONITOR, &format!("{AMTOOL} alert query --{state} alertname=Tried -o json")))
                .unwrap();
        all.iter().map(|alert| word(&alert["labels"]["member"])).collect::<Vec<_>>()
    };
    eventually("it is muted", Duration::from_secs(20), || state("silenced") == [LOZZA]);
    assert_eq!(state("active").len(), 2);

    let told = checked(lab, &["--member", "lozza"]);
    assert!(
        told.objects().iter().any(|object| object["type"] == "silence" && word(&object["reason"]).contains("4711"))
    );
    lab.comuni(&["history", "--member", "lozza", "--last", "1"]).ends_with(0).says("monitoring silence");
    lab.comuni(&["monitoring", "silence", "--member", "malnate", "--lift"]).ends_with(0).says("was not muted");
    assert_eq!(silences().len(), 1, "another member's stays");
    lab.comuni(&[&lozza[..], &["--lift"]].concat()).ends_with(0).says("lifted");
    assert_eq!(silences().len(), 0);
    eventually("it is told again", Duration::from_secs(20), || state("silenced").is_empty());

    // What somebody set by hand and forgot.
    on(MONITOR, &format!("{AMTOOL} silence add alertname=~.+ --duration 72h --author anna --comment 'for now'"));
    let ids = || found(&checked(lab, &[])).into_iter().map(|(id, _)| id).collect::<Vec<String>>();
    let now = ids();
    assert!(now.contains(&"silence-long".to_string()) && now.contains(&"silence-wide".to_string()), "{now:?}");
    // It mutes the Watchdog too, which comes again within a minute when Alertmanager was just begun.
    eventually("the Watchdog is muted", Duration::from_secs(90), || ids().contains(&"watchdog-unheard".to_string()));
    drop(over);
}
