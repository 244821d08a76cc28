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

/// Sends a request with a method to a tenant over HTTPS; status and headers of the answer.
fn asks(method: &str, path: &str) -> (String, String) {
    let lab = lab();
    let name = "albo.comune.lozza.va.it";
    let address = lab_does(&["address", carrier("c_e707-albo")]);
    let output = Command::new("curl")
        .args(["--silent", "--max-time", "10", "--output", "/dev/null", "--dump-header", "-", "--request", method])
        .args(["--data", "{}", "--write-out", "\n%{http_code}", "--cacert"])
        .arg(lab.inventory().join("authority.pem"))
        .args(["--resolve", &format!("{name}:443:{address}"), &format!("https://{name}{path}")])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).to_lowercase();
    let (headers, status) = text.rsplit_once('\n').unwrap();
    (status.to_string(), headers.to_string())
}

#[test]
fn methods_that_the_catalogue_does_not_name_are_refused_from_outside() {
    let lab = lab();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "post", "GETX"] {
        let (status, headers) = asks(method, "/notices");
        assert!(["405", "400"].contains(&status.as_str()), "{method}: {status}");
        assert!(!headers.contains("location:"), "{method}: {headers}");
    }
    let (status, headers) = asks("POST", "/notices");
    assert_eq!(status, "405");
    assert!(headers.contains("allow: get, head"), "{headers}");
    let (status, body) = https(lab, carrier("c_e707-albo"), "albo.comune.lozza.va.it", "/");
    assert_eq!(status, "200", "{body}");
    // The product itself would have taken it: the refusal is nginx's.
    let line = "python3 -c 'import socket; s = socket.socket(1); s.connect(\"/run/comuni-c_e707-albo/http.sock\"); \
                s.send(b\"POST /notices HTTP/1.0\\r\\nContent-Length: 2\\r\\n\\r\\n{}\"); print(s.recv(12).decode())'";
    let answer = on(carrier("c_e707-albo"), line);
    assert!(answer.starts_with("HTTP/1.") && !answer.ends_with("405"), "{answer}");
}

#[test]
fn a_link_in_the_place_of_a_socket_leads_to_no_other_tenant() {
    let lab = lab();
    let (host, mine, other) = neighbours();
    let as_mine = |line: &str| {
        on(host, &format!("cd /run/comuni-{mine} && runuser -u {} -- sh -c '{line}'", account(&mine)));
    };
    as_mine(&format!("mv http.sock kept && ln -s /run/comuni-{other}/http.sock http.sock"));
    let (status, body) = https(lab, host, "albo.comune.lozza.va.it", "/");
    as_mine("mv kept http.sock");
    assert_eq!(status, "503", "{body}");
    let (status, body) = https(lab, host, "albo.comune.lozza.va.it", "/");
    assert_eq!(status, "200", "{body}");
}

#[test]
fn after_a_rotation_the_web_logs_are_written_anew() {
    let lab = lab();
    let host = carrier("c_e707-albo");
    on(host, "logrotate --force /etc/logrotate.d/comuni-c_e707-albo && sleep 1");
    let (status, body) = https(lab, host, "albo.comune.lozza.va.it", "/?after-rotation");
    assert_eq!(status, "200", "{body}");
    on(host, "grep -q after-rotation /var/log/comuni/c_e707-albo/access.log");
    let (status, _) = tries_on(host, "runuser -u c_e707_albo -- cat /var/log/comuni/c_e707-albo/access.log");
    assert_ne!(status, 0, "visitors' addresses are for nobody but administrators");
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
