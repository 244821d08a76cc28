//! Links that break, two technicians, disks that fill, reloads that are owed.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use crate::harness::{broken, carrier, eventually, https, lab, on, tries_on};

/// Work for both application hosts and the database host that takes some seconds.
fn work_everywhere() {
    for host in ["app1", "app2"] {
        on(
            host,
            "for unit in /etc/systemd/system/comuni-*.service; do systemctl stop $(basename $unit); rm $unit; done; systemctl daemon-reload",
        );
        on(host, "for file in /etc/nginx/comuni.d/*.conf; do echo '# by hand' >> $file; done");
    }
}

#[test]
fn a_host_cut_off_in_mid_apply_leaves_the_others_to_end_well_and_one_apply_finishes_it_later() {
    let lab = lab();
    work_everywhere();
    let mut child = lab
        .command(&["apply", "--yes", "--allow", "changes", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut cut = None;
    let mut said = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        if cut.is_none()
            && object["type"] == "step"
            && object["host"] == "app2"
            && object["id"].as_str().is_some_and(|id| id.starts_with("file:/etc/systemd"))
        {
            cut = Some(broken("cut", "join", "app2", &[]));
        }
        said.push_str(&line);
        said.push('\n');
    }
    assert!(cut.is_some(), "app2 never came to its work:\n{said}");
    assert_eq!(child.wait().unwrap().code(), Some(3), "{said}");
    assert!(
        said.lines()
            .any(|line| line.contains("\"host_result\"") && line.contains("\"app2\"") && line.contains("\"lost\"")),
        "{said}"
    );
    assert!(
        said.lines()
            .any(|line| line.contains("\"host_result\"") && line.contains("\"app1\"") && line.contains("\"done\"")),
        "{said}"
    );
    drop(cut);
    eventually("app2 can be reached again", Duration::from_secs(20), || {
        lab.comuni(&["plan", "--host", "app2"]).status == 0
    });
    lab.apply_when_free().ends_with(0);
    lab.is_converged();
    assert_eq!(
        on("app2", "nginx -T 2>/dev/null | grep -c 'by hand' || true"),
        "0",
        "the reload that was owed was paid"
    );
}

#[test]
fn a_reload_that_was_owed_is_shown_by_plan_and_paid_by_the_next_apply() {
    let lab = lab();
    let host = carrier("c_e707-albo");
    let owed = r#"[{"notification":"reload nginx.service","owner":"c_e707","since":1700000000}]"#;
    on(host, &format!("printf '%s' '{owed}' > /var/lib/comuni/owed.json; chmod 600 /var/lib/comuni/owed.json"));
    let before = on(host, "systemctl show nginx -p ExecReload --value | grep -o 'start_time=[^;]*'");
    lab.comuni(&["plan", "--detailed-exitcode"]).ends_with(2).says("reload nginx.service is owed from an earlier run");
    std::thread::sleep(Duration::from_secs(1));
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    let after = on(host, "systemctl show nginx -p ExecReload --value | grep -o 'start_time=[^;]*'");
    assert_ne!(before, after, "nginx was reloaded");
    lab.is_converged();
}

#[test]
fn a_second_apply_is_told_who_holds_the_lock_since_when_and_from_where() {
    let lab = lab();
    let host = carrier("c_e707-albo");
    on(
        host,
        "systemctl stop comuni-c_e707-albo.service; mkdir -p /run/systemd/system/comuni-c_e707-albo.service.d; \
              printf '[Service]\\nExecStartPre=/bin/sleep 8\\n' > /run/systemd/system/comuni-c_e707-albo.service.d/slow.conf; systemctl daemon-reload",
    );
    let mut first = lab.command(&["apply", "--yes"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the first apply holds the lock", Duration::from_secs(10), || {
        tries_on(host, "grep -q tester /run/comuni/lock").0 == 0
    });
    lab.comuni(&["apply", "--yes"]).ends_with(6).says("tester@").says("since 20").says("apply");
    assert_eq!(first.wait().unwrap().code(), Some(0));
    on(host, "rm -r /run/systemd/system/comuni-c_e707-albo.service.d; systemctl daemon-reload");
    lab.is_converged();
}

#[test]
fn a_full_disk_fails_one_member_keeps_the_old_file_and_the_others_go_on() {
    let lab = lab();
    let host = carrier("c_e707-albo");
    let folder = "/etc/comuni/tenants/c_e707-albo";
    let full = broken("fill", "unfill", host, &[folder, "1"]);
    on(
        host,
        &format!(
            "echo '# by hand' | tee -a {folder}/environment /etc/nginx/comuni.d/*.conf >/dev/null; head -c 64000000 /dev/zero > {folder}/zeros || true"
        ),
    );
    let run = lab.comuni(&["apply", "--yes", "--allow", "changes"]);
    let kept = on(
        host,
        &format!(
            "grep -c 'by hand' {folder}/environment; ls -A {folder} | grep -c '^.comuni-' || true; rm {folder}/zeros"
        ),
    );
    drop(full);
    run.ends_with(3).says("No space left on device").says("Lozza").says("Not finished for: Lozza\n");
    assert_eq!(kept, "1\n0", "the old file is whole, and no temporary file is left");
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    lab.is_converged();
}

#[test]
fn a_fragment_that_nginx_refuses_fails_its_owner_and_stays_out_while_the_others_are_swapped() {
    let lab = lab();
    let host = carrier("c_e707-albo");
    let neighbour = on(host, "ls /etc/nginx/comuni.d | grep -v c_e707 | grep '^c_' | head -n 1");
    let overriding = lab.inventory().join("templates/tenant");
    std::fs::create_dir_all(&overriding).unwrap();
    let shipped = std::fs::read_to_string(crate::harness::root().join("templates/tenant/nginx.conf.tera")).unwrap();
    std::fs::write(
        overriding.join("nginx.conf.tera"),
        format!("{shipped}\n# newer\n{{% if member.code == \"c_e707\" %}}no_such_directive on;\n{{% endif %}}"),
    )
    .unwrap();
    lab.comuni(&["apply", "--yes", "--allow", "changes"]).ends_with(3).says("no_such_directive").says("c_e707");
    assert_eq!(on(host, "grep -c no_such_directive /etc/nginx/comuni.d/c_e707-albo.conf || true"), "0");
    assert_eq!(on(host, &format!("grep -c '# newer' /etc/nginx/comuni.d/{neighbour}")), "1");
    assert_eq!(https(lab, host, "albo.comune.lozza.va.it", "/health").0, "200");
    std::fs::remove_dir_all(lab.inventory().join("templates")).unwrap();
    lab.comuni(&["apply", "--yes", "--allow", "changes"]).ends_with(0);
    lab.is_converged();
}

#[test]
fn a_host_that_lost_its_power_is_named_and_comes_back() {
    let lab = lab();
    let dead = broken("kill", "boot", "mon1", &[]);
    lab.comuni(&["apply", "--yes"]).ends_with(3).says("mon1");
    drop(dead);
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    lab.is_converged();
}
