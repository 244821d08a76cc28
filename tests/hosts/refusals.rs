//! What is refused before anything is sent or written.

use std::fs;

use crate::harness::{carrier, lab, on};

#[test]
fn a_changed_host_key_is_refused_before_anything_is_sent() {
    let lab = lab();
    let hosts = lab.inventory().join("hosts.yml");
    let logins = || on("mon1", "journalctl -u ssh --no-pager -o cat | grep -c Accepted || true");
    let _edited = lab.edit(&hosts, |text| {
        let keys: Vec<&str> = text.lines().filter(|line| line.contains("ssh-ed25519")).collect();
        let (first, last) = (keys[0].trim().to_string(), keys[keys.len() - 1].trim().to_string());
        text.replace(&last, &first)
    });
    let accepted = logins();
    lab.comuni(&["plan", "--host", "mon1"]).ends_with(1).says("SHA256:").says("host key");
    assert_eq!(logins(), accepted, "no login was even tried");
}

#[test]
fn a_checkout_older_than_what_was_last_applied_is_refused() {
    let lab = lab();
    let old = lab.inventory().parent().unwrap().with_file_name("old");
    let _ = fs::remove_dir_all(&old);
    let copied =
        std::process::Command::new("cp").arg("-a").arg(lab.inventory().parent().unwrap()).arg(&old).status().unwrap();
    assert!(copied.success());
    let file = lab.varese().join("members/lozza.yml");
    let newer = fs::read_to_string(&file).unwrap() + &format!("x-note-{}: newer\n", std::process::id());
    fs::write(&file, newer).unwrap();
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    let old_lab = old.join("lab");
    let old_lab = old_lab.to_str().unwrap();
    lab.comuni(&["-i", old_lab, "plan"]).ends_with(65).says("--older-inventory");
    lab.comuni(&["-i", old_lab, "apply", "--yes"]).ends_with(65).says("--older-inventory");
    lab.comuni(&["-i", old_lab, "plan", "--older-inventory"]).ends_with(0);
    fs::remove_dir_all(&old).unwrap();
    lab.is_converged();
}

#[test]
fn a_member_whose_file_was_deleted_is_not_a_removal_but_a_refusal() {
    let lab = lab();
    let file = lab.varese().join("members/lozza.yml");
    let before = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let run = lab.comuni(&["plan"]);
    fs::write(&file, before).unwrap();
    run.ends_with(65).says("c_e707").says("leaving").says("offboard");
    lab.is_converged();
}

#[test]
fn the_brake_holds_a_plan_that_changes_too_much() {
    let lab = lab();
    on(
        "app1",
        "for file in /etc/nginx/comuni.d/*.conf /etc/systemd/system/comuni-*.service /etc/comuni/tenants/*/*; do [ ! -f $file ] || chmod 0604 $file; done; \
                chmod 0700 /srv/comuni/*/albo/data",
    );
    {
        // How many of a host's resources this is depends on how many tenants stand there by now: a low limit, then.
        let _stricter = lab.edit(&lab.varese().join("consortium.yml"), |text| {
            text.replace("changed_percent: 30", "changed_percent: 5")
        });
        let refused = lab.comuni(&["apply", "--yes"]);
        refused.ends_with(1).says("the limit is 5 %").says("--allow changes");
        lab.comuni(&["apply", "--yes", "--allow", "changes"]).ends_with(0);
    }
    lab.is_converged();
}

#[test]
fn an_archive_with_another_hash_is_refused_and_nothing_is_unpacked() {
    let lab = lab();
    let archive = lab.varese().join("releases/albo-1.0.0.tar.gz");
    let before = fs::read(&archive).unwrap();
    on("app1", "mv /opt/comuni/releases /opt/comuni/releases.away; rm -f /var/lib/comuni/archives/*");
    let mut damaged = before.clone();
    damaged[200] ^= 1;
    fs::write(&archive, damaged).unwrap();
    let run = lab.comuni(&["apply", "--yes", "--allow", "changes"]);
    fs::write(&archive, before).unwrap();
    let unpacked = on("app1", "ls /opt/comuni/releases 2>/dev/null | wc -l");
    on("app1", "rm -rf /opt/comuni/releases; mv /opt/comuni/releases.away /opt/comuni/releases");
    run.ends_with(65).says("albo-1.0.0.tar.gz").says("sha256");
    assert_eq!(unpacked, "0");
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    lab.is_converged();
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_done() {
    let lab = lab();
    on("mon1", "timedatectl set-timezone UTC 2>/dev/null || ln -sfn /usr/share/zoneinfo/UTC /etc/localtime");
    lab.comuni(&["apply"]).ends_with(64).says("--yes");
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    lab.is_converged();
}

#[test]
fn a_member_on_a_machine_without_baseline_is_refused_and_the_remedy_named() {
    let lab = lab();
    let host = carrier("c_e707-albo");
    on(host, "mv /var/lib/comuni/manifest.json /root/; chmod 0700 /srv/comuni/c_e707/albo/data");
    let run = lab.comuni(&["apply", "--member", "lozza", "--yes"]);
    on(host, "mv /root/manifest.json /var/lib/comuni/");
    run.ends_with(1).says("has no baseline yet").says(&format!("--area host --host {host}"));
    lab.comuni(&["apply", "--yes"]).ends_with(0).says("1 fixed");
    lab.is_converged();
}
