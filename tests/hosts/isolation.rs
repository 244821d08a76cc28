//! What one tenant can see of another, and what an unknown name gets: nothing.

use crate::harness::{carrier, https, lab, lab_does, on, tries_on};
use std::process::Command;

/// Two tenants on one host.
fn neighbours() -> (&'static str, String, String) {
    let host = carrier("c_e707-albo");
    let other = on(host, "ls -d /etc/comuni/tenants/*-albo | grep -v c_e707 | head -n 1 | xargs basename");
    (host, "c_e707-albo".to_string(), other)
}

fn account(tenant: &str) -> String {
    tenant.replace('-', "_")
}

#[test]
fn a_tenants_account_reads_no_file_of_another() {
    lab();
    let (host, mine, other) = neighbours();
    let code = other.rsplit_once('-').unwrap().0;
    let as_mine = |line: &str| tries_on(host, &format!("runuser -u {} -- sh -c '{line}'", account(&mine)));
    assert_eq!(as_mine("ls /srv/comuni/c_e707/albo/data/attachments > /dev/null").0, 0, "its own data it reads");
    for path in [
        format!("/srv/comuni/{code}/albo/data"),
        format!("/etc/comuni/tenants/{other}"),
        format!("/run/comuni-{other}"),
    ] {
        assert_ne!(as_mine(&format!("ls {path}")).0, 0, "{path}");
    }
    assert_ne!(as_mine("cat /var/lib/comuni/manifest.json").0, 0);
    let socket = format!("/run/comuni-{other}/http.sock");
    assert_ne!(as_mine(&format!("curl --silent --fail --unix-socket {socket} http://x/health || python3 -c \"import socket; socket.socket(1).connect(\\\"{socket}\\\")\"")).0, 0);
}

#[test]
fn a_tenants_login_connects_to_its_own_database_and_to_no_other() {
    lab();
    let (host, mine, other) = neighbours();
    let connect = |database: &str| {
        let line = format!(
            "set -a; . /etc/comuni/tenants/{mine}/environment; PGDATABASE={database} runuser -u {} -- \
             /usr/bin/python3 -c 'import psycopg2; psycopg2.connect(\"\").close()'",
            account(&mine)
        );
        tries_on(host, &line)
    };
    let (status, text) = connect(&account(&mine));
    assert_eq!(status, 0, "its own: {text}");
    for database in [account(&other), "postgres".to_string(), "template1".to_string()] {
        let (status, text) = connect(&database);
        assert_ne!(status, 0, "{database}: {text}");
    }
}

#[test]
fn an_unknown_name_gets_the_default_servers_answer_and_never_a_comune() {
    let lab = lab();
    for host in ["app1", "app2"] {
        let address = lab_does(&["address", host]);
        let output = Command::new("curl")
            .args(["--silent", "--insecure", "--max-time", "10", "--write-out", "\n%{http_code}"])
            .args(["--resolve", &format!("nobody.example:443:{address}"), "https://nobody.example/"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.ends_with("421"), "{host}: {text}");
        assert!(!text.contains("Comune"), "{host}: {text}");
    }
    let (status, body) = https(lab, "app1", "nobody.example", "/");
    assert_eq!(status, "000", "and its certificate is for no such name: {body}");
}

#[test]
fn the_units_of_tenants_are_sandboxed_and_limited() {
    lab();
    let host = carrier("c_e707-albo");
    let show = |property: &str| on(host, &format!("systemctl show comuni-c_e707-albo.service -p {property} --value"));
    assert_eq!(show("User"), "c_e707_albo");
    assert_eq!(show("NoNewPrivileges"), "yes");
    assert_eq!(show("ProtectSystem"), "strict");
    assert_eq!(show("PrivateTmp"), "yes");
    assert_eq!(show("CapabilityBoundingSet"), "");
    assert_ne!(show("MemoryMax"), "infinity");
    assert_ne!(show("CPUQuotaPerSecUSec"), "infinity");
}
