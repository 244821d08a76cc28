use super::harness::{Control, Host, directory, file, owned_by, said, secret, secrets, service, wants};
use crate::catalog::{Catalog, Entry};
use crate::executor::lock::{self, Taken};
use crate::machine::{Command, Fault, Node, Output, Ownership, World};
use crate::prometheus::Question;
use crate::protocol::{Act, Acted, FromHost, Health, Holder, Operator, Order, Request, ToHost};
use crate::resources::{File, Notification, SecretTable};

const SECRET: &str = "secret://c_e863/albo/database_user";
const ENVIRONMENT: &str = "/etc/comuni/environment";

fn operator() -> Operator {
    Operator { user: "anna".to_string(), machine: "ced1".to_string(), fingerprint: None }
}

fn order(act: Act, secrets: SecretTable) -> Order {
    Order {
        operator: operator(),
        verb: "secrets rotate".to_string(),
        tenant: "c_e863-albo".to_string(),
        owner: "c_e863".to_string(),
        act,
        secrets,
    }
}

fn catalog(entries: Vec<Entry>) -> Catalog {
    Catalog { host: "app1".to_string(), entries }
}

/// What says which login is in use, and the unit that reads it when it starts.
fn environment() -> Entry {
    let notify = Some(Notification::Restart("albo.service".to_string()));
    owned_by("c_e863", File { mode: 0o600, notify, ..file(ENVIRONMENT, &format!("PGUSER={SECRET}\n")) })
}

fn user(id: &str, replaces: &[&str], value: &str) -> SecretTable {
    secrets(SECRET, secret(id, replaces, value))
}

/// A host on which the tenant was applied with its first login.
fn applied() -> Host {
    let mut host = Host::new().with_running("albo.service");
    host.fake.with_file("/etc/comuni/other", "as it is\n", 0o644);
    host.apply(Request {
        secrets: user("1", &[], "c_e863_albo_a"),
        ..wants(vec![environment(), owned_by("c_e863", service("albo.service"))])
    });
    host
}

impl Control {
    fn act(&mut self, order: Order) {
        self.send(ToHost::Act(Box::new(order)));
        self.until(|event| matches!(event, FromHost::Acted(_)));
    }
}

fn acts(host: &mut Host, orders: Vec<Order>) -> Vec<Acted> {
    let (ended, heard) = host.converse(|control| {
        orders.into_iter().for_each(|order| control.act(order));
        control.end();
    });
    ended.unwrap();
    let acted = heard.into_iter().filter_map(|event| match event {
        FromHost::Acted(acted) => Some(acted),
        _ => None,
    });
    acted.collect()
}

#[test]
fn bringing_changes_what_is_named_and_nothing_else_and_restarts_what_reads_it() {
    let mut host = applied();
    let restarts = host.ran("restart albo");
    let second = || user("2", &["1"], "c_e863_albo_b");
    let compared = order(Act::Compare(catalog(vec![environment()])), second());
    let brought = order(Act::Bring(catalog(vec![environment()])), second());
    let acted = acts(&mut host, vec![compared, brought]);
    assert_eq!(acted, [Acted::Differ(vec![format!("file:{ENVIRONMENT}")]), Acted::Done]);
    assert_eq!(host.text(ENVIRONMENT), "PGUSER=c_e863_albo_b\n");
    assert_eq!(host.ran("restart albo"), restarts + 1);
    let manifest = host.manifest();
    assert_eq!(manifest.record(&format!("file:{ENVIRONMENT}")).unwrap().secrets[SECRET], "2");
    assert!(manifest.record("service:albo.service").is_some(), "what was not named stays ours");
    assert_eq!(manifest.revision.as_deref(), Some("r1"));
}

#[test]
fn comparing_writes_nothing() {
    let mut host = applied();
    let before = host.fake.changes().len();
    acts(&mut host, vec![order(Act::Compare(catalog(vec![environment()])), user("2", &["1"], "c_e863_albo_b"))]);
    assert_eq!(host.fake.changes().len(), before);
}

#[test]
fn a_secret_that_is_older_than_the_hosts_is_neither_compared_nor_brought() {
    let mut host = applied();
    acts(&mut host, vec![order(Act::Bring(catalog(vec![environment()])), user("2", &["1"], "c_e863_albo_b"))]);
    for act in [Act::Compare(catalog(vec![environment()])), Act::Bring(catalog(vec![environment()]))] {
        let acted = acts(&mut host, vec![order(act, user("1", &[], "c_e863_albo_a"))]);
        let [Acted::Failed(words)] = &acted[..] else { panic!("{acted:?}") };
        assert!(words.contains("the host has a newer secret"), "{words}");
    }
    assert_eq!(host.text(ENVIRONMENT), "PGUSER=c_e863_albo_b\n");
}

#[test]
fn a_tenant_is_held_from_the_first_act_to_its_release() {
    let mut host = applied();
    let path = host.settings.tenant_lock("c_e863-albo");
    let holder = Holder { operator: operator(), verb: "backup".to_string(), since: 1 };
    let free = move || matches!(lock::take(&path, &holder).unwrap(), Taken::Held(_));
    let (ended, _) = host.converse(move |control| {
        control.act(order(Act::Compare(catalog(vec![])), SecretTable::default()));
        assert!(!free());
        control.act(order(Act::Release, SecretTable::default()));
        assert!(free());
        control.end();
    });
    ended.unwrap();
}

#[test]
fn a_tenant_that_somebody_holds_is_busy_and_left_alone() {
    let mut host = applied();
    let holder = Holder { operator: operator(), verb: "backup".to_string(), since: 1 };
    let Taken::Held(_held) = lock::take(&host.settings.tenant_lock("c_e863-albo"), &holder).unwrap() else { panic!() };
    let acted =
        acts(&mut host, vec![order(Act::Bring(catalog(vec![environment()])), user("2", &["1"], "c_e863_albo_b"))]);
    assert_eq!(acted, [Acted::Busy(holder)]);
    assert_eq!(host.text(ENVIRONMENT), "PGUSER=c_e863_albo_a\n");
}

#[test]
fn cut_off_anywhere_the_next_one_ends_it_and_the_unit_has_read_what_is_there() {
    let bring = || order(Act::Bring(catalog(vec![environment()])), user("2", &["1"], "c_e863_albo_b"));
    let mut whole = applied();
    whole.fake.mend();
    acts(&mut whole, vec![bring()]);
    let changes = whole.fake.changes().len();
    assert!(changes > 5, "there is hardly anything to cut off");
    for at in 0..changes {
        for fault in [Fault::Before(at), Fault::After(at)] {
            let mut host = applied();
            host.fake.mend();
            host.fake.cut_off(fault);
            acts(&mut host, vec![bring()]);
            let told_before = host.ran("restart albo");
            host.fake.mend();
            assert_eq!(acts(&mut host, vec![bring()]), [Acted::Done], "{fault:?}");
            assert_eq!(host.text(ENVIRONMENT), "PGUSER=c_e863_albo_b\n");
            assert!(told_before + host.ran("restart albo") > 0, "{fault:?}: never restarted");
            let debts = host.text("/var/lib/comuni/owed.json");
            assert_eq!(debts.trim(), "[]", "{fault:?}");
        }
    }
}

#[test]
fn what_is_checked_together_with_other_tenants_is_refused() {
    let mut host = applied();
    let acted = acts(
        &mut host,
        vec![order(
            Act::Bring(catalog(vec![owned_by("c_e863", super::harness::fragment("c_e863-albo", "x"))])),
            SecretTable::default(),
        )],
    );
    assert!(matches!(&acted[..], [Acted::Failed(words)] if words.contains("only an apply brings it")), "{acted:?}");
    let acted = acts(
        &mut host,
        vec![order(Act::Bring(catalog(vec![owned_by("c_e863", directory("/etc/comuni/x"))])), SecretTable::default())],
    );
    assert_eq!(acted, [Acted::Done], "anything else is brought");
}

fn health(patience: u32) -> Health {
    Health {
        socket: Some("/run/albo/http.sock".to_string()),
        port: None,
        host_name: "albo.comune.malnate.va.it".to_string(),
        path: "/health".to_string(),
        method: "GET".to_string(),
        body: None,
        status: 200,
        contains: None,
        patience,
    }
}

#[test]
fn an_application_is_asked_by_its_own_socket_until_it_is_healthy_or_the_time_is_over() {
    let mut host = applied();
    host.fake.program("curl", |world, command| {
        assert!(command.argv.windows(2).any(|words| words == ["--unix-socket", "/run/albo/http.sock"]));
        let asked = world.notes.get("asked").map_or(0, |count| count.parse().unwrap_or(0)) + 1;
        world.notes.insert("asked".to_string(), asked.to_string());
        said(0, if asked < 3 { "no\n503" } else { "yes\n200" })
    });
    host.fake.program("sleep", |_, _| said(0, ""));
    let acted = acts(&mut host, vec![order(Act::Ask(health(0)), SecretTable::default())]);
    assert!(matches!(&acted[..], [Acted::Failed(words)] if words.contains("/health says 503, not 200")), "{acted:?}");
    assert_eq!(acts(&mut host, vec![order(Act::Ask(health(3600)), SecretTable::default())]), [Acted::Done]);
    assert_eq!(host.fake.world.notes["asked"], "3");
}

#[test]
fn an_application_without_a_page_is_asked_as_the_catalogue_says() {
    let mut host = applied();
    host.fake.program("curl", |_, command| {
        let has = |pair: [&str; 2]| command.argv.windows(2).any(|words| words == pair);
        assert!(
            has(["--request", "POST"])
                && has(["--data-raw", "{}"])
                && has(["--header", "Content-Type: application/json"])
        );
        said(0, "LoginException\n200")
    });
    let asks = |contains: &str| Health {
        method: "POST".to_string(),
        body: Some(("application/json".to_string(), "{}".to_string())),
        contains: Some(contains.to_string()),
        ..health(0)
    };
    let act = |health| vec![order(Act::Ask(health), SecretTable::default())];
    assert_eq!(acts(&mut host, act(asks("LoginException"))), [Acted::Done]);
    let acted = acts(&mut host, act(asks("Welcome")));
    assert!(matches!(&acted[..], [Acted::Failed(words)] if words.contains("says 200 without `Welcome`")), "{acted:?}");
}

/// An Alertmanager that remembers what it was told last.
fn alertmanager(world: &mut World, command: &Command) -> Output {
    let said = |body: &str| Output { status: 0, stdout: format!("{body}\n200").into(), stderr: Vec::new() };
    if command.stdin.is_empty() {
        return said(&format!("[{}]", world.text("/silence")));
    }
    let mut silence: serde_json::Value = serde_json::from_slice(&command.stdin).unwrap();
    silence["id"] = "a-1".into();
    silence["status"] = serde_json::json!({ "state": "active" });
    let ownership = Ownership { uid: 0, gid: 0, mode: 0o644 };
    world.put("/silence", Node::file(silence.to_string().as_bytes(), &ownership));
    said("{\"silenceID\": \"a-1\"}")
}

#[test]
fn a_silence_says_who_set_it_for_which_tenant_and_why() {
    let mut host = applied();
    host.fake.program("curl", alertmanager);
    let act = Act::Silence { application: "albo".to_string(), seconds: 60, reason: "new login".to_string() };
    let acted = acts(&mut host, vec![order(act, SecretTable::default())]);
    let [Acted::Silenced { id, .. }] = &acted[..] else { panic!("{acted:?}") };
    assert_eq!(id, "a-1");
    let set: serde_json::Value = serde_json::from_str(&host.text("/silence")).unwrap();
    assert_eq!((&set["createdBy"], &set["comment"]), (&"anna@ced1".into(), &"comuni secrets rotate: new login".into()));
    let matchers = set["matchers"].as_array().unwrap().iter();
    let matchers: Vec<_> = matchers.map(|one| format!("{}={}", one["name"], one["value"])).collect();
    assert_eq!(matchers, ["\"member\"=\"c_e863\"", "\"application\"=\"albo\""]);
}

#[test]
fn what_watches_is_asked_without_a_lock() {
    let mut host = applied();
    let (ended, heard) = host.converse(|control| {
        control.send(ToHost::AskMonitoring(Question::RuleFiles));
        control.until(|event| matches!(event, FromHost::Monitoring { .. }));
        control.end();
    });
    ended.unwrap();
    let files = heard.iter().find_map(|event| match event {
        FromHost::Monitoring { answer, .. } => Some(answer.clone()),
        _ => None,
    });
    assert_eq!(files, Some(Ok(serde_json::json!([]))));
}

#[test]
fn who_asks_twice_gets_two_answers_and_not_one_that_is_remembered() {
    let mut host = applied();
    host.fake.answer(&["curl"], 0, "{\"status\": \"success\", \"data\": 1}\n200", "");
    let (ended, _) = host.converse(|control| {
        for _ in 0..2 {
            control.send(ToHost::AskMonitoring(Question::Running));
            control.until(|event| matches!(event, FromHost::Monitoring { answer: Ok(_), .. }));
        }
        control.end();
    });
    ended.unwrap();
    let asked = host.fake.asked().into_iter().filter(|question| question.contains("runtimeinfo")).count();
    assert_eq!(asked, 2);
}
