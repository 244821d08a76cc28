//! Software that others made, from the catalogue alone: Tryton and Kinto from PyPI answer by their names, and no tenant
//! reaches another's.
//!
//! Two members get them for the length of this test, and lose them again: what they did is kept, and nothing else.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Lab, eventually, lab, lab_does, on, root, tries_on};

/// The application host of a member's tenants, its code and its zone.
pub type Member = (&'static str, &'static str, &'static str);

pub const MALNATE: Member = ("app1", "c_e863", "comune.malnate.va.it");
pub const LOZZA: Member = ("app2", "c_e707", "comune.lozza.va.it");

/// Where Tryton takes what is asked of it, below the folder of its database, by release.
const RPC: [(&str, &str); 2] = [("7.8.18", ""), ("8.0.12", "rpc/")];

/// The members' additional tenants, taken away again when dropped.
pub struct Given {
    pub members: PathBuf,
}

pub fn give(lab: &Lab) -> Given {
    let run = lab.inventory().join("../..");
    let prepared = Command::new(root().join("tests/lab/prepare")).arg("--software").arg(run).status().unwrap();
    assert!(prepared.success(), "the products could not be packed: PyPI must be reachable for this test");
    Given { members: lab.inventory().join("members") }
}

impl Drop for Given {
    fn drop(&mut self) {
        // Lozza's may be gone with Lozza; files of those who joined stay.
        for name in ["lozza.yml", "malnate.yml"] {
            let _ = fs::remove_file(self.members.join(name));
        }
        let _ = fs::remove_dir(&self.members);
    }
}

/// Sends JSON to a tenant over HTTPS; status and answer.
fn asks(
    lab: &Lab,
    host: &str,
    name: &str,
    method: &str,
    path: &str,
    login: Option<&str>,
    body: &Value,
) -> (u16, String) {
    let mut command = Command::new("curl");
    command.args(["--silent", "--max-time", "20", "--write-out", "\n%{http_code}", "--request", method, "--cacert"]);
    command.arg(lab.inventory().join("authority.pem"));
    command.args(["--header", "Content-Type: application/json", "--resolve"]);
    command.arg(format!("{name}:443:{}", lab_does(&["address", host])));
    if !body.is_null() {
        command.args(["--data-raw", &body.to_string()]);
    }
    if let Some(login) = login {
        command.args(["--user", login]);
    }
    let output = command.arg(format!("https://{name}{path}")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (answer, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), answer.to_string())
}

pub fn secret(lab: &Lab, name: &str) -> String {
    let run = lab.comuni(&["secrets", "show", &format!("secret://{name}"), "--reveal"]).ends_with(0);
    run.stdout.trim().to_string()
}

/// Has Tryton do something as its administrator: its answer, with status 200 and no error in it.
#[track_caller]
pub fn tryton(lab: &Lab, (host, code, zone): Member, release: &str, method: &str, parameters: &Value) -> Value {
    let login = format!("admin:{}", secret(lab, &format!("{code}/contabilita/admin_password")));
    let (_, place) = RPC.into_iter().find(|(of, _)| *of == release).unwrap();
    let path = format!("/{code}_contabilita/{place}");
    let call = json!({ "id": 1, "method": method, "params": parameters });
    let (status, answer) = asks(lab, host, &format!("contabilita.{zone}"), "POST", &path, Some(&login), &call);
    assert_eq!(status, 200, "{method} of {code}: {answer}");
    let said: Value = serde_json::from_str(&answer).unwrap();
    assert!(said.get("error").is_none(), "{method} of {code}: {answer}");
    said["result"].clone()
}

/// The number of the session that a login gets, if any.
fn logs_in(lab: &Lab, (host, code, zone): Member, password: &str) -> (u16, Value) {
    let call = json!({ "id": 1, "method": "common.db.login", "params": ["admin", { "password": password }] });
    let name = format!("contabilita.{zone}");
    let (status, answer) = asks(lab, host, &name, "POST", &format!("/{code}_contabilita/"), None, &call);
    (status, serde_json::from_str(&answer).unwrap_or(Value::Null))
}

#[test]
fn tryton_and_kinto_answer_for_their_members_and_reach_no_other() {
    let lab = lab();
    let given = give(lab);
    lab.comuni(&["secrets", "set", "--missing"]).ends_with(0);
    let began = Instant::now();
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    println!("two Tryton and one Kinto in {} s", began.elapsed().as_secs());
    lab.is_converged();

    tryton_takes_its_own_administrator_and_no_other(lab);
    kinto_keeps_what_its_administrator_gives(lab);
    no_account_reaches_the_port_or_the_database_of_another();
    after_a_restart_nothing_is_prepared_again(lab);
    crate::software_queue::what_waits_in_it_is_measured_until_it_is_done(LOZZA, "7.8.18");
    a_copy_of_tryton_is_equal_and_usable(lab);

    drop(given);
    let run = lab.comuni(&["apply", "--yes", "--allow", "removals"]).ends_with(0);
    lab.is_converged();
    for (host, tenant) in [("app1", "c_e863-contabilita"), ("app2", "c_e707-contabilita"), ("app2", "c_e707-dati")] {
        let unit = format!("comuni-{tenant}.service");
        assert_eq!(tries_on(host, &format!("systemctl is-active {unit}")).1, "inactive", "{}", run.text());
        on(host, &format!("test -d /srv/comuni/{}/data", tenant.replace('-', "/")));
    }
}

fn tryton_takes_its_own_administrator_and_no_other(lab: &Lab) {
    let [of_malnate, of_lozza] =
        [MALNATE, LOZZA].map(|(_, code, _)| secret(lab, &format!("{code}/contabilita/admin_password")));
    assert_ne!(of_malnate, of_lozza);
    for (member, own, other) in [(MALNATE, &of_malnate, &of_lozza), (LOZZA, &of_lozza, &of_malnate)] {
        eventually("Tryton answers", Duration::from_secs(60), || logs_in(lab, member, own).0 == 200);
        let (_, answer) = logs_in(lab, member, own);
        assert!(answer["result"][1].as_str().is_some_and(|session| session.len() > 30), "{answer}");
        assert_eq!(logs_in(lab, member, other).0, 401, "the other member's password");
    }
}

fn kinto_keeps_what_its_administrator_gives(lab: &Lab) {
    let (host, _, zone) = LOZZA;
    let name = format!("dati.{zone}");
    let password = secret(lab, "c_e707/dati/admin_password");
    let ask = |method, path, login: Option<&str>, body| asks(lab, host, &name, method, path, login, &body);
    eventually("Kinto answers", Duration::from_secs(60), || {
        ask("GET", "/v1/__heartbeat__", None, Value::Null).0 == 200
    });
    let bucket = json!({ "data": { "title": "Bilancio 2026" }, "permissions": { "read": ["system.Everyone"] } });
    let login = format!("admin:{password}");
    let (status, answer) = ask("PUT", "/v1/buckets/bilancio", Some(&login), bucket.clone());
    assert!([200, 201].contains(&status), "{status} {answer}");
    assert_eq!(ask("PUT", "/v1/buckets/altro", Some("admin:wrong"), bucket).0, 401);
    let (status, answer) = ask("GET", "/v1/buckets/bilancio", None, Value::Null);
    assert_eq!(status, 200);
    assert!(answer.contains("Bilancio 2026"), "{answer}");
}

fn no_account_reaches_the_port_or_the_database_of_another() {
    let connects = "import socket; socket.create_connection((\"127.0.0.1\", 8001), 5)";
    let as_account = |account: &str| tries_on("app2", &format!("runuser -u {account} -- python3 -c '{connects}'"));
    assert_eq!(as_account("www-data").0, 0, "nginx reaches it");
    let other = on("app2", "ls -d /etc/comuni/tenants/*-albo | grep -v c_e707 | head -n 1 | xargs basename");
    for account in [other.replace('-', "_"), "c_e707_dati".to_string(), "nobody".to_string()] {
        let (status, text) = as_account(&account);
        assert!(status != 0 && text.contains("refused"), "{account}: {text}");
    }
    let login = "set -a; . /etc/comuni/tenants/c_e707-contabilita/environment; \
                 PYTHONPATH=/opt/comuni/releases/contabilita/7.8.18 runuser -u c_e707_contabilita -- \
                 python3 -c 'import psycopg2, sys; psycopg2.connect(dbname=sys.argv[1])'";
    assert_eq!(tries_on("app2", &format!("{login} c_e707_contabilita")).0, 0, "its own database");
    for database in ["c_e863_contabilita", "c_e707_dati", "c_e707_albo", "postgres"] {
        let (status, text) = tries_on("app2", &format!("{login} {database}"));
        assert!(status != 0 && text.contains("FATAL"), "{database}: {text}");
    }
    for path in ["/srv/comuni/c_e707/contabilita/data", "/etc/comuni/tenants/c_e707-contabilita/admin_password"] {
        assert_ne!(tries_on("app2", &format!("runuser -u c_e707_dati -- ls {path}/. {path}")).0, 0, "{path}");
        assert_ne!(tries_on("app2", &format!("runuser -u c_e707_dati -- cat {path}")).0, 0, "{path}");
    }
}

/// A schema of over a hundred and fifty tables that nobody here made, and its application on the copy.
fn a_copy_of_tryton_is_equal_and_usable(lab: &Lab) {
    let of = ["--member", "malnate", "--application", "contabilita"];
    lab.comuni(&[&["backup", "run"], &of[..]].concat()).ends_with(0);
    let verify = ["--format", "json", "backup", "verify", "--level", "L6"];
    let run = lab.comuni(&[&verify[..], &of].concat()).ends_with(0);
    let found = crate::night::verifications(&run).pop().unwrap();
    assert_eq!((found["reached"].as_str(), found["outcome"].as_str()), (Some("L6"), Some("pass")), "{found:#}");
    let equal = found["rungs"].as_array().unwrap().iter().find(|rung| rung["level"] == "L5").unwrap();
    let mut checks = equal["checks"].as_array().unwrap().iter();
    let database = checks.find(|check| check["what"] == "database").unwrap()["found"].as_str().unwrap();
    println!("{database}; RTO {} ms", found["rto_milliseconds"]);
    let tables: u64 = database.split(' ').next().unwrap().parse().unwrap();
    assert!(tables > 150, "{database}");
}

fn after_a_restart_nothing_is_prepared_again(lab: &Lab) {
    let began = Instant::now();
    on("app2", "systemctl restart comuni-c_e707-contabilita.service");
    let password = secret(lab, "c_e707/contabilita/admin_password");
    eventually("Tryton answers", Duration::from_secs(60), || logs_in(lab, LOZZA, &password).0 == 200);
    println!("Tryton is back {} s after a restart", began.elapsed().as_secs());
}
