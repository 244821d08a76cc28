//! `plan --out`, `show plan`, `apply PLANFILE`: what was read is what is applied, or nothing is.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::harness::{Lab, carrier, lab, on, root, tries_on};

const HOSTS: [&str; 3] = ["app1", "app2", "db1"];
const LIMIT: &str = "/etc/nginx/comuni.d/c_e863-albo.conf";

/// Something to do on three hosts; a plan of it, saved.
fn saved(lab: &Lab, name: &str) -> String {
    for host in HOSTS {
        on(host, "ln -sfn /usr/share/zoneinfo/UTC /etc/localtime");
    }
    let file = lab.inventory().with_file_name(name).display().to_string();
    lab.comuni(&["plan", "--out", &file]).ends_with(0).says("Plan: 3 to change;").says("comuni apply");
    file
}

/// All that a run could have left on a host: what is ours there with its times, and the link that was planned.
fn traces(host: &str) -> String {
    on(host, "find /var/lib/comuni /etc/localtime -printf '%p %T@ %s %l\\n' | sort; cat /var/lib/comuni/journal.jsonl")
}

/// Nobody holds the lock of a host, a moment after control has gone.
fn is_free(host: &str) -> bool {
    tries_on(host, "flock -w 5 /run/comuni/lock true").0 == 0
}

fn refused_without_a_trace(lab: &Lab, file: &str, words: &[&str]) {
    let before = HOSTS.map(traces);
    let run = lab.comuni(&["apply", file, "--yes"]).ends_with(1).says("nothing was written on any host");
    for word in words {
        assert!(run.text().contains(word), "does not say {word:?}: {}", run.text());
    }
    assert_eq!(HOSTS.map(traces), before);
    assert!(HOSTS.iter().all(|host| is_free(host)), "a lock is left");
}

#[test]
fn one_file_changed_by_hand_on_one_host_and_no_host_is_written_to() {
    let lab = lab();
    let file = saved(lab, "hand.json");
    let host = carrier("c_e863-albo");
    on(
        host,
        &format!("cp -a {LIMIT} /root/limit; sed -i 's/client_max_body_size.*/client_max_body_size 1g;/' {LIMIT}"),
    );
    let id = format!("{host}  file:{LIMIT}: was correct when it was planned, now it differs (content)");
    refused_without_a_trace(lab, &file, &["changed on the host", &id, &format!("comuni plan --out {file}")]);
    on(host, &format!("mv /root/limit {LIMIT}"));

    // Undisturbed, it is applied: exactly what was planned.
    lab.comuni(&["apply", &file, "--yes"]).ends_with(0).says("3 fixed").says("Saved plan");
    lab.is_converged();
    lab.comuni(&["apply", &file, "--yes"]).ends_with(1).says("is correct now: somebody did it since");
}

#[test]
fn what_moved_on_this_machine_is_named_before_any_host_is_asked() {
    let lab = lab();
    let file = saved(lab, "here.json");
    let template = lab.inventory().join("templates/tenant/nginx.conf.tera");
    fs::create_dir_all(template.parent().unwrap()).unwrap();
    let built_in = fs::read_to_string(root().join("templates/tenant/nginx.conf.tera")).unwrap();
    fs::write(&template, built_in + "# changed\n").unwrap();
    refused_without_a_trace(
        lab,
        &file,
        &["templates or playbooks: templates/tenant/nginx.conf.tera", "must be something else"],
    );
    fs::remove_file(&template).unwrap();

    let member = lab.varese().join("members/malnate.yml");
    let edited =
        lab.edit(&member, |text| text.replace("albo: {}", "albo: { host_name: bacheca.comune.malnate.va.it }"));
    refused_without_a_trace(lab, &file, &["the inventory: varese/members/malnate.yml", "must be something else now"]);
    drop(edited);

    let secrets = lab.inventory().join("secrets/c_e863.age");
    let kept = fs::read(&secrets).unwrap();
    let token = "secret://c_e863/albo/database_password_a";
    lab.comuni_reading(&["secrets", "set", token, "--replace"], "another-4711\n").ends_with(0);
    refused_without_a_trace(lab, &file, &[token, "was set anew: its id was"]);
    fs::write(&secrets, kept).unwrap();

    let half = lab.inventory().with_file_name("comuni-host");
    let mut bytes = fs::read(program().with_file_name("comuni-host")).unwrap();
    bytes.push(0);
    fs::write(&half, bytes).unwrap();
    let logins = || on("db1", "journalctl -u ssh --no-pager -o cat | grep -c Accepted || true");
    let before = logins();
    let output = lab.command(&["apply", &file, "--yes"]).env("COMUNI_HOST", &half).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the host half\n    planned with the one of comuni"));
    assert_eq!(logins(), before, "no host was asked");

    lab.comuni(&["apply", &file, "--yes"]).ends_with(0).says("3 fixed");
    lab.is_converged();
}

fn program() -> PathBuf {
    std::env::var_os("COMUNI_TEST_PROGRAM").map_or_else(|| root().join("target/release/comuni"), PathBuf::from)
}

#[test]
fn every_host_must_confirm() {
    let lab = lab();
    let file = saved(lab, "cut.json");
    let before = HOSTS.map(traces);
    // Somebody works on one of the hosts.
    on(
        "db1",
        "systemd-run --quiet --unit=holder flock /run/comuni/lock sleep 60; until ! flock -n /run/comuni/lock true; do sleep 0.1; done",
    );
    let run = lab.comuni(&["apply", &file, "--yes"]);
    on("db1", "systemctl stop holder");
    run.ends_with(6).says("db1 did not confirm this plan; nothing was written on any host");
    assert_eq!(HOSTS.map(traces), before);
    lab.comuni(&["apply", &file, "--yes"]).ends_with(0).says("3 fixed");
    lab.is_converged();
}

#[test]
fn a_changed_file_is_refused_and_selectors_beside_it_too() {
    let lab = lab();
    let file = saved(lab, "tampered.json");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("/usr/share/zoneinfo/UTC", "/usr/share/zoneinfo/CET")).unwrap();
    lab.comuni(&["apply", &file, "--yes"]).ends_with(4).says("changed after it was saved");
    lab.comuni(&["show", "plan", &file]).ends_with(4);
    fs::write(&file, text).unwrap();
    lab.comuni(&["apply", &file, "--host", "db1", "--yes"]).ends_with(64).says("cannot be used with");
    lab.comuni(&["apply", &file]).ends_with(64).says("--yes");
    lab.comuni(&["apply", &file, "--yes"]).ends_with(0).says("3 fixed");
    lab.is_converged();
}

#[test]
fn what_could_not_all_be_compared_is_not_saved() {
    let lab = lab();
    let file = lab.inventory().with_file_name("part.json");
    let output =
        lab.command(&["plan", "--out", file.to_str().unwrap()]).env_remove("COMUNI_IDENTITY").output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not saved in"));
    assert!(!file.exists());
}

#[test]
fn planned_by_one_signed_off_by_another_applied_by_a_third_and_the_record_says_all_three() {
    let lab = lab();
    let file = saved(lab, "three.json");
    let shown = lab.comuni(&["show", "plan", &file]).ends_with(0).says("tester@").says("Plan: 3 to change;");
    assert!(shown.stdout.contains("~ symlink:/etc/localtime"), "{}", shown.stdout);
    let as_account = |user: &str, words: &[&str]| {
        let output = lab.command(words).env("USER", user).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {said}");
    };
    let key = lab.inventory().with_file_name("carla").display().to_string();
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", &key]).status().unwrap();
    assert!(made.success());
    as_account("carla", &["sign-off", &file, "--key", &key, "--yes"]);
    as_account("bruno", &["apply", &file, "--yes"]);
    lab.is_converged();

    lab.comuni(&["history", "--last", "1"]).ends_with(0).says("bruno@").says("tester@").says("carla@");
    let run = lab.comuni(&["history", "--last", "1", "--format", "json"]).ends_with(0);
    let item = run.objects().into_iter().find(|object| object["type"] == "item").unwrap();
    let record = &item["value"]["record"];
    assert_eq!(record["operator"]["user"], "bruno");
    assert_eq!(record["plan"]["planner"]["user"], "tester");
    assert!(record["plan"]["planner"]["fingerprint"].as_str().unwrap().starts_with("SHA256:"));
    assert!(shown.stdout.contains(record["plan"]["digest"].as_str().unwrap()));
    let sign_off = &record["plan"]["sign_offs"][0];
    assert_eq!(sign_off["who"]["user"], "carla");
    let public = Command::new("ssh-keygen").args(["-l", "-f", &key]).output().unwrap();
    let public = String::from_utf8_lossy(&public.stdout).into_owned();
    assert!(public.contains(sign_off["who"]["fingerprint"].as_str().unwrap()), "{public}");

    // A sign-off that was moved to another plan is none.
    let other = saved(lab, "other.json");
    let read = |file: &str| -> serde_json::Value { serde_json::from_slice(&fs::read(file).unwrap()).unwrap() };
    let mut forged = read(&other);
    forged["sign_offs"] = read(&file)["sign_offs"].clone();
    fs::write(&other, forged.to_string()).unwrap();
    lab.comuni(&["apply", &other, "--yes"]).ends_with(4).says("the sign-off of carla@");
    lab.comuni(&["apply", "--yes"]).ends_with(0).says("3 fixed");
}
