//! Upgrades: one tenant after the other, with visitors beside; what fails before the point of no return goes back by
//! itself with its data; cut off anywhere, the next run brings it to an end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::backup::{DATA, seeded};
use crate::harness::{Edited, Lab, Run, Undo, eventually, https, on, tries_on};
use crate::upgrade_faults::{STEPS, UPGRADE, is_moment};

pub const SITE: &str = "albo.comune.lozza.va.it";
const SOCKET: &str = "/run/comuni-c_e707-albo/http.sock";

/// All columns that 1.0.0 knows of, and all files: a migration to 1.1.0 or 2.0.0 must leave them as they are.
pub fn content(host: &str) -> String {
    let rows = on(
        "db1",
        "runuser -u postgres -- psql -qtA -d c_e707_albo -c \"select count(*), md5(string_agg(concat_ws('|', id, year, number, \
         office, subject, body, published_from, published_to), ';' order by id)) from notice\"",
    );
    let files = on(host, &format!("cd {DATA} && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum"));
    format!("{rows} {files}")
}

/// The release that answers, and whether it is well.
pub fn release(host: &str) -> String {
    on(host, &format!("curl --silent --fail --unix-socket {SOCKET} http://localhost/version"))
}

/// Somebody of the office publishes an act, on the host.
pub fn publish(host: &str, subject: &str) {
    on(
        host,
        &format!(
            "curl --silent --show-error --fail --unix-socket {SOCKET} --header 'Content-Type: application/json' \
             --data '{{\"office\": \"Segreteria\", \"subject\": \"{subject}\", \"body\": \"x\"}}' http://localhost/notices"
        ),
    );
}

fn published(subject: &str) -> String {
    on(
        "db1",
        &format!(
            "runuser -u postgres -- psql -qtA -d c_e707_albo -c \"select count(*) from notice where subject = '{subject}'\""
        ),
    )
}

fn rollout(lab: &Lab) -> PathBuf {
    lab.inventory().join("playbooks/upgrade.yml")
}

/// How a run is rolled out for the length of a test.
pub fn policy(lab: &Lab, words: &str) -> Edited {
    let words = format!("{{ notice_days: 0, fresh_minutes: 10000, {words} }}\n");
    lab.edit(&rollout(lab), |_| words)
}

/// Upgrades when no lock is in the way: a host half that lost its control needs some seconds to notice.
pub fn when_free(lab: &Lab, words: &[&str]) -> Run {
    let began = Instant::now();
    loop {
        let run = lab.comuni(words);
        if run.status != 6 || began.elapsed() > Duration::from_secs(60) {
            return run;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

pub fn upgrade(lab: &Lab, to: &str) -> Run {
    when_free(lab, &["--format", "json", "upgrade", "albo", "--to", to, "--member", "lozza", "--yes"])
}

/// What became of the tenant.
pub fn record(run: &Run) -> Value {
    run.objects().into_iter().rfind(|object| object["type"] == "upgrade").unwrap()
}

/// Back to where all tests begin: with its data, whatever they are by now.
pub fn to_the_first(lab: &Lab, host: &str) {
    if !release(host).contains("1.0.0") {
        when_free(lab, &["rollback", "albo", "--member", "lozza", "--yes"]).ends_with(0);
    }
    lab.is_converged();
    assert!(release(host).contains("1.0.0"), "{}", release(host));
}

#[test]
fn a_body_is_told_three_working_days_before_or_its_tenant_is_left_alone() {
    let (lab, host) = seeded();
    to_the_first(lab, host);
    let policy = policy(lab, "healthy_seconds: 0, soak_seconds: 0");
    let three = lab.edit(&rollout(lab), |text| text.replace("notice_days: 0", "notice_days: 3"));
    let words = ["upgrade", "albo", "--to", "1.1.0", "--member", "lozza"];
    let with = |more: &[&str]| lab.comuni(&[&words[..], more].concat());

    with(&["--yes"]).ends_with(64).says("nobody was told of this upgrade 3 working days before").says("--announce");
    assert!(with(&["--plan"]).ends_with(0).stdout.contains("left alone: not announced to its body early enough"));
    with(&["--announce", "2000-01-01T22:00"])
        .ends_with(64)
        .says("is too early to be announced now")
        .says("at the earliest");
    let soon = with(&["--announce", &on("ops1", "date -d '1 hour' +%Y-%m-%dT%H:%M")]);
    soon.ends_with(64).says("it must be told 3 working days before: on 20");
    with(&["--announce", "next Saturday"]).ends_with(64).says("is no time to announce").says("2026-12-05T22:00");

    let when = on("ops1", "date -d '14 days 22:00' +%Y-%m-%dT%H:%M");
    let page = lab.state().join("avviso.html");
    let told = with(&["--announce", &when, "--html", page.to_str().unwrap()]).ends_with(0);
    assert!(
        told.stdout.contains("AVVISO DI MANUTENZIONE PROGRAMMATA") && told.stdout.contains("Comune di Lozza"),
        "{}",
        told.text()
    );
    assert!(std::fs::read_to_string(&page).unwrap().contains("Versione nuova"));
    // It lets the upgrade through then, and not before.
    let early = with(&["--plan"]).ends_with(0);
    assert!(early.stdout.contains(&format!("left alone: announced to its body for {when}:00")), "{}", early.stdout);
    with(&["--yes"]).ends_with(64);
    assert!(release(host).contains("1.0.0"));

    with(&["--yes", "--without-notice", "falla di sicurezza"]).ends_with(0).says("1 of 1 tenant upgraded");
    let report = lab.comuni(&["report", "upgrade", "albo", "--member", "lozza"]).ends_with(0).stdout;
    for said in [
        "VERBALE DI AGGIORNAMENTO",
        "Albo pretorio: RIUSCITO",
        "non dato: falla di sicurezza",
        "Durata dell'interruzione",
    ] {
        assert!(report.contains(said), "{said}: {report}");
    }
    drop((three, policy));
    to_the_first(lab, host);
}

#[test]
fn a_tenant_that_is_healthy_for_itself_and_not_from_outside_gets_its_old_code_back() {
    let (lab, host) = seeded();
    to_the_first(lab, host);
    let policy = policy(lab, "healthy_seconds: 0, soak_seconds: 60");
    let run = std::thread::spawn(|| upgrade(crate::harness::lab(), "1.1.0"));
    eventually("it is open on the new release", Duration::from_secs(120), || {
        tries_on(host, &format!("curl --silent --fail --unix-socket {SOCKET} http://localhost/version"))
            .1
            .contains("1.1.0")
            && https(lab, host, SITE, "/").0 == "200"
    });
    let site = "/etc/nginx/comuni.d/c_e707-albo.conf";
    let broken = Undo(host, format!("mv {site}.away {site}; systemctl reload nginx"));
    on(host, &format!("mv {site} {site}.away && systemctl reload nginx"));
    let run = run.join().unwrap();
    assert_eq!(run.status, 1, "{}", run.text());
    let record = record(&run);
    assert_eq!((&record["ending"], &record["to"]), (&json!("code_back"), &json!("1.0.0")), "{record}");
    assert!(record["reason"].as_str().unwrap().contains("does not answer well from outside"), "{record}");
    drop((broken, policy));
    to_the_first(lab, host);
}

/// Visitors of a site, all the time.
pub struct Visitors {
    stop: Arc<AtomicBool>,
    answers: JoinHandle<Vec<(Instant, String, String)>>,
}

impl Visitors {
    pub fn come(lab: &'static Lab, host: &'static str, site: &str, pause: Duration) -> Visitors {
        let (stop, site) = (Arc::new(AtomicBool::new(false)), site.to_string());
        let stopped = Arc::clone(&stop);
        let answers = std::thread::spawn(move || {
            let mut answers = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let (status, body) = https(lab, host, &site, "/");
                answers.push((Instant::now(), status, body));
                std::thread::sleep(pause);
            }
            answers
        });
        Visitors { stop, answers }
    }

    /// They met the site or its maintenance page and nothing else; gives the seconds of the page.
    pub fn go(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        let answers = self.answers.join().unwrap();
        for (_, status, body) in &answers {
            let page = status == "503" && body.contains("Manutenzione in corso");
            assert!(status == "200" || page, "a visitor met {status}: {body}");
        }
        let closed: Vec<Instant> =
            answers.iter().filter(|(_, status, _)| status == "503").map(|(at, _, _)| *at).collect();
        match (closed.first(), closed.last()) {
            (Some(first), Some(last)) => (*last - *first).as_secs_f64(),
            _ => 0.0,
        }
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "the figures of an upgrade")]
fn a_tenant_comes_to_another_release_with_visitors_beside_a_frozen_one_is_left_alone_and_the_code_goes_back() {
    let (lab, host) = seeded();
    to_the_first(lab, host);
    let policy = policy(lab, "healthy_seconds: 2, soak_seconds: 4, canary: [lozza]");
    let frozen = "\nmaintenance: { frozen: [{ from: 2000-01-01, to: 2999-12-31, why: elezioni comunali }] }\n";
    let frozen = lab.edit(&lab.varese().join("members/malnate.yml"), |text| text + frozen);
    let before = content(host);
    let visitors = Visitors::come(lab, host, SITE, Duration::from_millis(100));
    let words =
        ["--format", "json", "upgrade", "albo", "--to", "1.1.0", "--member", "lozza", "--member", "malnate", "--yes"];
    let run = when_free(lab, &words).ends_with(0);
    let seen = visitors.go();
    let steps = run.objects().iter().filter(|line| is_moment(line)).count();
    assert!(steps >= STEPS, "it had {steps} steps; faults are drawn from {STEPS}");
    let record = record(&run);
    let outage = record["opened"].as_i64().unwrap() - record["closed"].as_i64().unwrap();
    eprintln!("outage: {outage} s by the host's clock, {seen:.1} s seen by visitors");
    assert!(seen > 0.5, "visitors met the maintenance page");
    assert!((seen - outage as f64).abs() < 3.0, "{seen} s seen, {outage} s recorded");
    let plan: Vec<Value> = run.objects().into_iter().filter(|object| object["type"] == "upgrade_plan").collect();
    let malnate = plan.iter().find(|line| line["tenant"] == "c_e863-albo").unwrap();
    assert_eq!(malnate["left_alone"], "frozen until 2999-12-31: elezioni comunali");
    drop(frozen);
    assert!(release(host).contains("1.1.0"));
    assert_eq!(content(host), before);
    let kinds = "runuser -u postgres -- psql -qtA -d c_e707_albo -c 'select count(*) from notice where kind is null'";
    assert_eq!(on("db1", kinds), "0", "the migration was here");
    let file = std::fs::read_to_string(lab.inventory().join("members/lozza.yml")).unwrap();
    assert!(file.ends_with("applications:\n  albo:\n    release: 1.1.0\n"), "{file}");
    drop(policy);
    lab.is_converged();
    when_free(lab, &["upgrade", "albo", "--to", "1.1.0", "--member", "lozza", "--yes"])
        .ends_with(0)
        .says("1 tenant already there");
    // By hand to another release: that is no apply.
    let by_hand = lab.edit(&lab.inventory().join("members/lozza.yml"), |text| text.replace("1.1.0", "2.0.0"));
    lab.comuni(&["apply", "--yes"])
        .ends_with(1)
        .says("does not change the release")
        .says("comuni upgrade albo --to 2.0.0");
    drop(by_hand);
    assert!(release(host).contains("1.1.0"));
    publish(host, "scritto sulla nuova");
    when_free(lab, &["rollback", "albo", "--member", "lozza", "--yes"])
        .ends_with(0)
        .says("nothing that was written is lost");
    assert!(release(host).contains("1.0.0"));
    assert_eq!(published("scritto sulla nuova"), "1");
    lab.is_converged();
}

#[test]
fn a_migration_that_fails_half_way_brings_the_tenant_back_with_its_data_and_the_run_stops() {
    let (lab, host) = seeded();
    to_the_first(lab, host);
    let policy = policy(lab, "healthy_seconds: 2, soak_seconds: 2");
    let before = content(host);
    let run = upgrade(lab, "1.3.0").ends_with(1).says("healthy on 1.0.0 again, with its data as they were");
    let record = record(&run);
    assert_eq!(record["ending"], "went_back");
    assert!(record["words"].as_str().unwrap().contains("migrate"), "its own words are kept: {record}");
    assert_eq!(record["kept"].as_array().unwrap().len(), 2, "what failed is kept for study: {record}");
    assert_eq!(content(host), before);
    assert_eq!(https(lab, host, SITE, "/health").0, "200");
    drop(policy);
    lab.is_converged();
}

#[test]
fn who_is_unhealthy_at_the_gate_goes_back_with_its_data_and_who_is_later_goes_back_with_all_that_was_written() {
    let (lab, host) = seeded();
    to_the_first(lab, host);
    // 1.2.0 is well for 20 seconds.
    let strict = policy(lab, "healthy_seconds: 30, soak_seconds: 1");
    let before = content(host);
    let run = upgrade(lab, "1.2.0").ends_with(1).says("the cache of pages is full");
    assert_eq!(record(&run)["ending"], "went_back");
    assert_eq!(content(host), before);
    drop(strict);
    lab.is_converged();
    let hasty = policy(lab, "healthy_seconds: 1, soak_seconds: 60");
    let (published_on, writer) = (
        host,
        std::thread::spawn(move || {
            let began = Instant::now();
            while !tries_on(host, &format!("curl --silent --unix-socket {SOCKET} http://localhost/version"))
                .1
                .contains("1.2.0")
            {
                assert!(began.elapsed() < Duration::from_secs(200), "1.2.0 did not come");
                std::thread::sleep(Duration::from_millis(200));
            }
            // Until the page is gone, nobody else writes either.
            while tries_on(host, "test -e /var/lib/comuni-maintenance/c_e707-albo").0 == 0 {
                std::thread::sleep(Duration::from_millis(200));
            }
            publish(host, "scritto dopo");
        }),
    );
    let run = upgrade(lab, "1.2.0").ends_with(1).says("nothing that was written is lost");
    writer.join().unwrap();
    assert_eq!(record(&run)["ending"], "code_back");
    assert!(release(published_on).contains("1.0.0"));
    assert_eq!(published("scritto dopo"), "1");
    drop(hasty);
    lab.is_converged();
}

#[test]
fn a_release_that_requires_another_is_reached_through_it_and_going_back_from_it_says_what_is_lost() {
    let (lab, host) = seeded();
    to_the_first(lab, host);
    let policy = policy(lab, "healthy_seconds: 1, soak_seconds: 1");
    let before = content(host);
    let run = upgrade(lab, "2.0.0").ends_with(0);
    assert_eq!(record(&run)["path"], serde_json::json!(["1.1.0", "2.0.0"]));
    assert!(release(host).contains("2.0.0"));
    assert_eq!(content(host), before);
    lab.is_converged();
    publish(host, "scritto sulla 2");
    when_free(lab, &["rollback", "albo", "--member", "lozza"]).ends_with(64).says("ALL THAT WAS WRITTEN SINCE");
    assert!(release(host).contains("2.0.0"), "nobody agreed");
    when_free(lab, &["rollback", "albo", "--member", "lozza", "--yes"]).ends_with(0);
    assert!(release(host).contains("1.0.0"));
    assert_eq!(content(host), before);
    drop(policy);
    lab.is_converged();
}

#[test]
fn an_archive_that_is_not_what_it_must_be_stops_before_anything_is_stopped() {
    let (lab, host) = seeded();
    to_the_first(lab, host);
    let archive = lab.varese().join("releases/albo-1.1.0.tar.gz");
    let right = std::fs::read(&archive).unwrap();
    std::fs::write(&archive, b"something else").unwrap();
    let visitors = Visitors::come(lab, host, SITE, Duration::from_millis(100));
    let run = upgrade(lab, "1.1.0");
    std::fs::write(&archive, right).unwrap();
    assert!(visitors.go() < 0.1, "nobody met the maintenance page");
    run.ends_with(65).says("the archive has the sha256");
    lab.is_converged();
}

#[test]
fn a_second_technician_sees_who_is_at_the_tenant_since_when_and_from_where() {
    let (lab, host) = seeded();
    to_the_first(lab, host);
    let policy = policy(lab, "healthy_seconds: 20, soak_seconds: 0");
    let first = std::thread::spawn(|| upgrade(crate::harness::lab(), "1.1.0"));
    eventually("the first has switched it", Duration::from_secs(90), || {
        tries_on(host, "grep -q albo/1.1.0 /etc/systemd/system/comuni-c_e707-albo.service").0 == 0
    });
    // On another machine, which remembers nothing of the first one's run.
    let elsewhere = lab.folder().join("elsewhere");
    let second = |words: &[&str]| {
        Run::of(lab.command(words).env("USER", "altri").env("XDG_STATE_HOME", &elsewhere).output().unwrap())
    };
    let plan = ["upgrade", "albo", "--to", "1.1.0", "--member", "lozza", "--plan"];
    let (looks, upgrades) = (second(&plan), second(&UPGRADE));
    let backs_up = second(&["backup", "run", "--member", "lozza"]);
    let applies = second(&["apply", "--member", "lozza", "--yes"]);
    let first = first.join().unwrap();
    for run in [looks, upgrades, backs_up] {
        run.says("c_e707-albo").says("busy: tester@").says("`upgrade` since 20").ends_with(6);
    }
    applies
        .says("the release of a tenant that has data: c_e707-albo\n")
        .says("comuni upgrade albo --plan says who")
        .ends_with(1);
    first.ends_with(0);
    drop(policy);
    to_the_first(lab, host);
}
