//! A product of others from one release to the next with real data in it: Tryton 7.8 to 8.0, whose RPC has moved.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Lab, Run, eventually, lab, on};
use crate::monitoring::{active, reckoned};
use crate::software::{LOZZA, MALNATE, Member, give, tryton};
use crate::upgrade::policy;

/// Begins on the new release, without a database of an older one.
const BESOZZO: Member = ("app2", "c_a826", "comune.besozzo.va.it");
const OLD: &str = "7.8.18";
const NEW: &str = "8.0.12";

/// Whose books are read and written.
fn context() -> Value {
    json!({ "company": 1, "companies": [1] })
}

/// A company with a plan of accounts, and those it has to do with.
fn keeps_books(lab: &Lab, member: Member, release: &str) {
    let make = |model: &str, all: Value, context: &Value| {
        tryton(lab, member, release, &format!("model.{model}.create"), &json!([all, context]))
    };
    let none = json!({});
    let parties: Vec<Value> = (1..=200).map(|at| json!({ "name": format!("Ditta n. {at} di {}", member.2) })).collect();
    let parties = make("party.party", json!(parties), &none);
    let euro = json!([{ "name": "Euro", "code": "EUR", "symbol": "€", "numeric_code": "978" }]);
    let euro = make("currency.currency", euro, &none);
    let company = make("company.company", json!([{ "party": parties[0], "currency": euro[0] }]), &none);
    assert_eq!(company, json!([1]), "the first company of a new database");
    let of_company = json!([[1], { "companies": [["add", company]], "company": 1 }, {}]);
    tryton(lab, member, release, "model.res.user.write", &of_company);
    let kind = json!([{ "name": "Attivo", "company": 1, "statement": "balance", "assets": true }]);
    let kind = make("account.account.type", kind, &context());
    let account =
        |at: u32| json!({ "name": format!("Conto {at}"), "code": format!("1.{at}"), "company": 1, "type": kind[0] });
    make("account.account", json!((1..=40).map(account).collect::<Vec<_>>()), &context());
}

/// What a bookkeeper of theirs reads.
fn books(lab: &Lab, member: Member, release: &str) -> Value {
    let read = |model: &str, fields: &[&str]| {
        let parameters = json!([[], 0, 1000, [["id", "ASC"]], fields, context()]);
        tryton(lab, member, release, &format!("model.{model}.search_read"), &parameters)
    };
    json!({
        "parties": read("party.party", &["name"]),
        "accounts": read("account.account", &["code", "name", "type.name"]),
        "company": read("company.company", &["party.name", "currency.code"]),
    })
}

/// All that runs and lies on application hosts for tenants of other applications: their processes and settings.
fn others() -> String {
    let hosts = ["app1", "app2"].map(|host| {
        on(
            host,
            "systemctl show --property=Id,MainPID 'comuni-*-albo.service' 'comuni-*-dati.service'; \
             find /etc/comuni/tenants -type f -not -path '*-contabilita/*' | sort | xargs sha256sum",
        )
    });
    hosts.join("\n")
}

/// What Prometheus asks of a member's tenant.
fn asked_at(code: &str) -> String {
    let targets = format!("/etc/prometheus/comuni/targets/members/{code}.json");
    on("mon1", &format!("grep -o 'https://[^\"]*/{code}_contabilita/[^\"]*' {targets}"))
}

/// What became of each tenant, in the order in which they came.
fn endings(run: &Run) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let all = run.objects().into_iter().filter(|object| object["type"] == "upgrade");
    all.map(|record| (word(&record["tenant"]), word(&record["ending"]))).collect()
}

#[test]
#[ignore = "with ./check --all"]
fn two_members_come_from_tryton_7_to_8_with_their_books_one_goes_back_and_a_third_begins_on_8() {
    let lab = lab();
    forget();
    let given = give(lab);
    let third = format!("applications:\n  contabilita: {{ port: 8003, release: {NEW} }}\n");
    fs::write(given.members.join("besozzo.yml"), third).unwrap();
    let policy = policy(lab, "healthy_seconds: 2, soak_seconds: 5, canary: [lozza]");
    lab.comuni(&["secrets", "set", "--missing"]).ends_with(0);
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    lab.is_converged();

    tryton(lab, BESOZZO, NEW, "model.party.party.create", &json!([[{ "name": "Prima ditta" }], {}]));
    for member in [MALNATE, LOZZA] {
        keeps_books(lab, member, OLD);
    }
    let before = [MALNATE, LOZZA].map(|member| books(lab, member, OLD));
    assert_eq!(before[0]["accounts"].as_array().unwrap().len(), 40, "{}", before[0]);
    let others_before = others();

    let began = Instant::now();
    let run = lab.comuni(&["--format", "json", "upgrade", "contabilita", "--to", NEW, "--yes"]).ends_with(0);
    println!("two Tryton from {OLD} to {NEW} in {} s", began.elapsed().as_secs());
    let done = |code: &str| (format!("{code}-contabilita"), "done".to_string());
    assert_eq!(endings(&run), [done("c_e707"), done("c_e863")], "the canary first");
    for (member, before) in [MALNATE, LOZZA].into_iter().zip(&before) {
        assert_eq!(books(lab, member, NEW), *before);
        assert!(asked_at(member.1).ends_with("/rpc/"), "Prometheus asks {}", asked_at(member.1));
    }
    assert_eq!(others(), others_before, "nobody else was restarted or changed");
    lab.is_converged();
    is_well_for_prometheus(&["c_e707", "c_e863", "c_a826"]);

    what_holds_on_8(lab);
    the_way_back_asks_the_old_question(lab, &before[1]);

    drop(given);
    drop(policy);
    lab.comuni(&["apply", "--yes", "--allow", "removals"]).ends_with(0);
    lab.is_converged();
    forget();
    lab.is_converged();
}

/// Nothing is left of their data: what 8.0 made of them is nothing that 7.8 could begin on.
fn forget() {
    for (host, code, _) in [MALNATE, LOZZA, BESOZZO] {
        on("db1", &format!("runuser -u postgres -- dropdb --force --if-exists {code}_contabilita"));
        let data = format!("/srv/comuni/{code}/contabilita/data");
        on(host, &format!("[ ! -e {data} ] || find {data} -mindepth 1 -delete"));
    }
}

fn is_well_for_prometheus(codes: &[&str]) {
    for code in codes {
        let up = format!("probe_success{{tenant=\"{code}-contabilita\"}}");
        eventually("Prometheus finds it well", Duration::from_secs(60), || reckoned(&up) == "1");
    }
    // Those of its backups count in nights.
    let is_down = |(alert, about): &(String, String)| alert.starts_with("Tenant") && about.ends_with("-contabilita");
    eventually("no alert is left of it", Duration::from_secs(180), || !active().iter().any(is_down));
}

/// Backups are proven by the question of 8.0, passwords change hands by it, and what waits in the queue is measured.
fn what_holds_on_8(lab: &Lab) {
    let of = ["--member", "malnate", "--application", "contabilita"];
    let verify = ["--format", "json", "backup", "verify", "--level", "L6"];
    let run = lab.comuni(&[&verify[..], &of].concat()).ends_with(0);
    let found = crate::night::verifications(&run).pop().unwrap();
    assert_eq!((found["reached"].as_str(), found["outcome"].as_str()), (Some("L6"), Some("pass")), "{found:#}");
    assert_eq!(found["release"], NEW);
    let last = found["rungs"].as_array().unwrap().iter().find(|rung| rung["level"] == "L6").unwrap();
    assert!(last.to_string().contains("/c_e863_contabilita/rpc/ answers 200"), "{last:#}");
    lab.comuni(&[&["secrets", "rotate", "--yes"], &of[..]].concat()).ends_with(0).says("and is healthy");
    crate::software_queue::what_waits_in_it_is_measured_until_it_is_done(MALNATE, NEW);
    lab.is_converged();
}

fn the_way_back_asks_the_old_question(lab: &Lab, before: &Value) {
    lab.comuni(&["rollback", "contabilita", "--member", "lozza", "--yes"]).ends_with(0);
    assert_eq!(books(lab, LOZZA, OLD), *before);
    assert!(asked_at(LOZZA.1).ends_with("/c_e707_contabilita/"), "Prometheus asks {}", asked_at(LOZZA.1));
    lab.is_converged();
    is_well_for_prometheus(&["c_e707"]);
}
