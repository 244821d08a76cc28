//! Zones: served signed by every name server, changed one RRset at a time, held where that would do harm.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{Edited, Lab, eventually, lab, lab_does};

pub const PRIMARY: &str = "mon1";
pub const SECONDARY: &str = "ops1";
pub const SERVERS: [&str; 2] = [PRIMARY, SECONDARY];
pub const ZONE: &str = "comune.lozza.va.it";

/// What a name server answers to one question, without waiting for it; `+dnssec`, `+tcp`... in `options`.
pub fn ask(host: &str, options: &[&str], name: &str, kind: &str) -> Vec<String> {
    let output = Command::new("kdig")
        .args(["+short", "+norec", "+timeout=1", "+retry=0", &format!("@{}", lab_does(&["address", host]))])
        .args(options)
        .args([name, kind])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(ToString::to_string)
        .filter(|line| !line.starts_with(';'))
        .collect()
}

pub fn serial(host: &str) -> u32 {
    let soa = ask(host, &[], ZONE, "SOA");
    soa.first().and_then(|soa| soa.split(' ').nth(2)?.parse().ok()).unwrap_or(0)
}

pub fn lozza(lab: &Lab) -> PathBuf {
    lab.varese().join("members/lozza.yml")
}

/// Moves the site of Lozza until the value is dropped.
pub fn moved(lab: &Lab, to: &str) -> Edited {
    lab.edit(&lozza(lab), |text| text.replace("192.0.2.102", to))
}

pub fn apply(lab: &Lab, allowed: &[&str]) -> crate::harness::Run {
    let allow = allowed.iter().flat_map(|name| ["--allow", name]);
    let words: Vec<&str> = ["apply", "--area", "dns", "--yes"].into_iter().chain(allow).collect();
    lab.comuni(&words)
}

/// The zones that the catalog of the primary has.
pub fn zones(lab: &Lab) -> BTreeSet<String> {
    let shown = lab.comuni(&["show", "catalog", PRIMARY]).ends_with(0).stdout;
    let lines = shown.lines().filter_map(|line| line.trim().strip_prefix("\"id\": \"zone:"));
    lines.filter_map(|rest| rest.split('"').next()).map(ToString::to_string).collect()
}

/// Asks a validating resolver that trusts the zone's key alone.
fn validated(zone: &str, host: &str, name: &str, kind: &str) -> String {
    let keys: Vec<String> = ask(PRIMARY, &[], zone, "DNSKEY")
        .iter()
        .map(|key| {
            let words: Vec<&str> = key.split(' ').collect();
            format!("\"{zone}.\" static-key {} {} {} \"{}\";\n", words[0], words[1], words[2], words[3..].concat())
        })
        .collect();
    let anchor = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(anchor.path(), format!("trust-anchors {{ {} }};\n", keys.concat())).unwrap();
    let output = Command::new("delv")
        .args([
            &format!("@{}", lab_does(&["address", host])),
            "-a",
            anchor.path().to_str().unwrap(),
            &format!("+root={zone}."),
        ])
        .args([name, kind])
        .output()
        .unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn every_name_of_a_tenant_is_answered_signed_by_every_server_over_udp_and_tcp_and_validates() {
    let lab = lab();
    let zones = zones(lab);
    assert!(zones.len() >= 10, "{zones:?}");
    let mut answered = 0;
    for carrier in ["app1", "app2"] {
        let address = lab_does(&["address", carrier]);
        let shown = lab.comuni(&["show", "host", carrier]).ends_with(0).stdout;
        for line in shown.lines().filter(|line| line.starts_with("tenant ")) {
            let name = line.split_whitespace().nth(2).unwrap();
            let Some(zone) = zones.iter().find(|zone| name.ends_with(&format!(".{zone}"))) else { continue };
            for server in SERVERS {
                for way in ["+notcp", "+tcp"] {
                    let answer = ask(server, &[way, "+dnssec"], name, "A");
                    assert!(answer.contains(&address), "{name} on {server} {way}: {answer:?}");
                    assert!(
                        answer.iter().any(|line| line.starts_with("A 13 ")),
                        "{name} on {server} is not signed: {answer:?}"
                    );
                }
                let verdict = validated(zone, server, name, "A");
                assert!(verdict.contains("; fully validated") && verdict.contains(&address), "{name}: {verdict}");
            }
            answered += 1;
        }
    }
    assert_eq!(answered, zones.len(), "one tenant in each zone");
    for server in SERVERS {
        assert_eq!(ask(server, &[], ZONE, "A"), ["192.0.2.102"], "the apex answers without www");
        let denied = validated(ZONE, server, &format!("no-such-name.{ZONE}"), "A");
        assert!(denied.contains("negative response, fully validated"), "{denied}");
    }
}

#[test]
fn a_changed_address_is_one_line_of_the_plan_and_served_by_both_within_two_seconds_with_a_higher_serial() {
    let lab = lab();
    let before = serial(PRIMARY);
    let edited = moved(lab, "192.0.2.210");
    let plan = lab.comuni(&["plan", "--area", "dns", "--detailed-exitcode"]).ends_with(2);
    let lines: Vec<&str> = plan.stdout.lines().filter(|line| line.contains(" -> ")).map(str::trim).collect();
    assert_eq!(lines, ["comune.lozza.va.it/A: 3600 192.0.2.102 -> 3600 192.0.2.210"]);
    let run = lab.comuni(&["apply", "--area", "dns", "--yes", "--format", "json"]).ends_with(0);
    // The apply reads back itself: what it took is what it took until both served it.
    let step = run
        .objects()
        .into_iter()
        .find(|step| step["event"] == "fixed" && step["id"] == format!("zone:{ZONE}"))
        .unwrap();
    let milliseconds = step["milliseconds"].as_u64().unwrap();
    assert!(milliseconds < 2_000, "{step}");
    for server in SERVERS {
        assert_eq!(ask(server, &[], ZONE, "A"), ["192.0.2.210"]);
        assert!(serial(server) > before);
    }
    let before = serial(PRIMARY);
    apply(lab, &[]).ends_with(0).says("no changes");
    assert_eq!(serial(PRIMARY), before, "no change: the serial stays");
    drop(edited);
    apply(lab, &[]).ends_with(0);
    lab.is_converged();
}

#[test]
fn the_mail_of_a_comune_is_not_taken_away_unless_it_is_named() {
    let lab = lab();
    let file = lab.varese().join("members/malnate.yml");
    let before = ask(PRIMARY, &[], "pec.comune.malnate.va.it", "MX");
    assert_eq!(before.len(), 1, "{before:?}");
    {
        let _edited = lab.edit(&file, |text| {
            text.replace("pec: { exchangers: [{ preference: 10, host: mx.pec.example }] }", "pec: { exchangers: [] }")
        });
        apply(lab, &["changes", "removals", "comune.malnate.va.it"])
            .ends_with(1)
            .says("pec.comune.malnate.va.it/MX is protected and would be removed: --allow pec.comune.malnate.va.it/MX");
        for server in SERVERS {
            assert_eq!(ask(server, &[], "pec.comune.malnate.va.it", "MX"), before);
        }
        apply(lab, &["pec.comune.malnate.va.it/MX"]).ends_with(0);
        assert_eq!(ask(SECONDARY, &[], "pec.comune.malnate.va.it", "MX"), Vec::<String>::new());
    }
    apply(lab, &[]).ends_with(0);
    assert_eq!(ask(SECONDARY, &[], "pec.comune.malnate.va.it", "MX"), before);
    lab.is_converged();
}

#[test]
fn a_mass_delete_in_a_small_zone_is_held_although_it_is_only_a_few_records() {
    let lab = lab();
    let before = serial(PRIMARY);
    let more = "  records:\n    - { name: a, type: A, values: [192.0.2.211] }\n    - { name: b, type: A, values: [192.0.2.212] }\n    \
                - { name: c, type: A, values: [192.0.2.213] }\n    - { name: d, type: A, values: [192.0.2.214] }\nplacement:";
    {
        let _edited = lab.edit(&lozza(lab), |text| text.replacen("placement:", more, 1));
        apply(lab, &[]).ends_with(0);
        assert_eq!(ask(SECONDARY, &[], "d.comune.lozza.va.it", "A"), ["192.0.2.214"]);
    }
    let small = lab.edit(&lozza(lab), |text| text.replace(", \"2001:db8::2:80\"", "").replace(", www: true", ""));
    apply(lab, &["changes", "removals"])
        .ends_with(1)
        .says("comune.lozza.va.it: 6 of ")
        .says("--allow comune.lozza.va.it");
    assert_eq!(ask(SECONDARY, &[], "d.comune.lozza.va.it", "A"), ["192.0.2.214"]);
    drop(small);
    apply(lab, &[ZONE]).ends_with(0);
    assert_eq!(ask(SECONDARY, &[], "d.comune.lozza.va.it", "A"), Vec::<String>::new());
    assert!(serial(PRIMARY) > before);
    lab.is_converged();
}

#[test]
fn an_address_moves_in_two_steps_and_nobody_has_to_watch_the_clock() {
    let lab = lab();
    let site = "  site: { addresses: [192.0.2.102, \"2001:db8::2:80\"], www: true }";
    let short = site.replace(" }", ", ttl: 6 }");
    let calm = lab.edit(&lozza(lab), |text| text.replace(site, &format!("  move_ttl: 2\n{short}")));
    apply(lab, &[]).ends_with(0);
    let moving = lab.edit(&lozza(lab), |text| text.replace("192.0.2.102", "192.0.2.210"));
    let plan = lab.comuni(&["plan", "--area", "dns"]).ends_with(0);
    let step = plan.says("comune.lozza.va.it/A: 6 192.0.2.102 -> 2 192.0.2.102").says("step 1 of 2: 6 192.0.2.210");
    step.says("comes with an apply 6 s after");
    let began = Instant::now();
    apply(lab, &[]).ends_with(2).says("waits: apply again after 20").says("Applied so far:");
    assert_eq!(ask(SECONDARY, &[], ZONE, "A"), ["192.0.2.102"], "only its TTL is another");
    let early = lab.comuni(&["plan", "--area", "dns", "--detailed-exitcode"]);
    let in_time = began.elapsed() < Duration::from_secs(5);
    if in_time {
        early
            .ends_with(2)
            .says("step 2 of 2, not before 20")
            .says("comune.lozza.va.it/A: 2 192.0.2.102 -> 6 192.0.2.210");
    }
    eventually("its time comes", Duration::from_secs(30), || apply(lab, &[]).status == 0);
    assert!(began.elapsed() > Duration::from_secs(6), "too early: after {:?}", began.elapsed());
    for server in SERVERS {
        assert_eq!(ask(server, &[], ZONE, "A"), ["192.0.2.210"]);
    }
    drop(moving);
    // Back at once: somebody says that he does not want to wait.
    apply(lab, &["comune.lozza.va.it/A/now"]).ends_with(0);
    assert_eq!(ask(SECONDARY, &[], ZONE, "A"), ["192.0.2.102"]);
    drop(calm);
    apply(lab, &[]).ends_with(0);
    lab.is_converged();
}

/// Asks both name servers again and again for the names of a zone, until it is asked how that went.
pub struct Watch {
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: std::thread::JoinHandle<(u32, Vec<String>)>,
}

/// Right is any of `right`.
pub fn watch(right: &'static [&'static str]) -> Watch {
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let began = Instant::now();
    let thread = std::thread::spawn(move || {
        let (mut asked, mut dark) = (0, Vec::new());
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            let answers: Vec<Vec<String>> = SERVERS.iter().map(|server| ask(server, &[], ZONE, "A")).collect();
            asked += 1;
            if !answers.iter().any(|answer| answer.iter().any(|line| right.contains(&line.as_str()))) {
                dark.push(format!("after {:?}: {answers:?}", began.elapsed()));
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        (asked, dark)
    });
    Watch { stop, thread }
}

impl Watch {
    /// At every moment one name server at least gave a right answer.
    #[track_caller]
    pub fn was_never_dark(self) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let (asked, dark) = self.thread.join().unwrap();
        assert!(dark.is_empty(), "{dark:?}");
        assert!(asked > 3, "it was asked {asked} times only");
    }
}

/// Both name servers serve the same serial.
#[track_caller]
pub fn agree() {
    eventually("both name servers agree", Duration::from_secs(10), || {
        serial(PRIMARY) == serial(SECONDARY) && serial(PRIMARY) > 0
    });
}

#[test]
fn nobody_else_may_transfer_a_zone_or_be_resolved_for() {
    let _lab = lab();
    for server in SERVERS {
        let address = lab_does(&["address", server]);
        let output = Command::new("kdig").args([&format!("@{address}"), ZONE, "AXFR"]).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("NOTAUTH") || said.contains("REFUSED"), "{server}: {said}");
        assert!(ask(server, &[], "www.example.com", "A").is_empty(), "{server} answers for others");
    }
}
