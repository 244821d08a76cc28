use super::harness::{Host, directory, file, findings, fixed, outcome, owned_by, secret, secrets, wants};
use crate::catalog::Area;
use crate::protocol::{FromHost, Outcome, Request};
use crate::resources::{File, SecretValue};

const SECRET: &str = "secret://c_e863/albo/database_password";

fn private() -> File {
    File { mode: 0o600, ..file("/etc/comuni/env", &format!("PASSWORD={SECRET}\n")) }
}

fn with_secret(value: SecretValue) -> Request {
    Request { secrets: secrets(SECRET, value), ..wants(vec![owned_by("c_e863", private())]) }
}

#[test]
fn no_content_and_no_secret_is_kept_only_digests() {
    let mut host = Host::new();
    host.apply(Request {
        secrets: secrets(SECRET, secret("1", &[], "rosso")),
        ..wants(vec![owned_by("c_e863", private()), owned_by("c_e863", file("/etc/comuni/plain", "a long text\n"))])
    });
    let text = host.text("/var/lib/comuni/manifest.json");
    assert!(!text.contains("rosso") && !text.contains("a long text"), "{text}");
    assert!(text.contains("hmac-sha256:"), "{text}");
    assert!(text.contains(&format!("sha256:{}", crate::executor::key::sha256(b"a long text\n"))), "{text}");
    let plain = crate::executor::key::sha256(b"PASSWORD=rosso\n");
    assert!(!text.contains(&plain), "a guess could be tried against a digest without key");
    let mode = |path: &str| host.fake.world.node(path).unwrap().stat().mode;
    assert_eq!(mode("/var/lib/comuni/manifest.json"), 0o600);
    assert_eq!(mode("/var/lib/comuni/host.key"), 0o600);
}

#[test]
fn an_old_checkout_cannot_bring_back_an_old_secret() {
    let mut host = Host::new();
    host.apply(with_secret(secret("1", &[], "rosso")));
    let heard = host.apply(with_secret(secret("2", &["1"], "verde")));
    assert_eq!(fixed(&heard), ["file:/etc/comuni/env"]);
    let heard = host.apply(with_secret(secret("1", &[], "rosso")));
    let Outcome::Failed { message } = outcome(&heard, "file:/etc/comuni/env") else { panic!("{heard:?}") };
    assert!(message.contains("the host has a newer secret (2) than this inventory (1)"), "{message}");
    assert_eq!(host.text("/etc/comuni/env"), "PASSWORD=verde\n");
    let heard = host.plan(with_secret(secret("4", &["1", "2", "3"], "blu")));
    assert!(matches!(outcome(&heard, "file:/etc/comuni/env"), Outcome::Differs { .. }));
}

#[test]
fn what_was_there_already_becomes_ours_without_a_stage() {
    let mut host = Host::new();
    host.fake.with_file("/etc/comuni/motd", "hello\n", 0o644);
    let request = || wants(vec![owned_by("host", file("/etc/comuni/motd", "hello\n"))]);
    let (ended, _) = host.converse(move |control| {
        control.request(request());
        control.end();
    });
    ended.unwrap();
    assert_eq!(host.manifest().records[0].id, "file:/etc/comuni/motd");
}

#[test]
fn what_is_inserted_late_has_its_place_and_not_the_end() {
    let mut host = Host::new();
    let folder = |name: &str| owned_by("c_e863", directory(&format!("/etc/comuni/{name}")));
    let ids = |host: &Host| -> Vec<String> {
        let last = |id: String| id.rsplit('/').next().unwrap().to_string();
        host.manifest().records.into_iter().map(|record| last(record.id)).collect()
    };
    host.apply(wants(vec![folder("b"), folder("d")]));
    host.apply(wants(vec![folder("a"), folder("b"), folder("c"), folder("d"), folder("e")]));
    assert_eq!(ids(&host), ["a", "b", "c", "d", "e"]);
}

#[test]
fn the_baseline_stands_only_when_the_whole_area_host_is_done() {
    let entries = || vec![owned_by("host", file("/etc/comuni/motd", "x"))];
    let baseline = |host: &mut Host| {
        let heard = host.plan(wants(Vec::new()));
        matches!(heard[1], FromHost::Hold { baseline: true, .. })
    };
    let mut host = Host::new();
    let tenant = || vec![owned_by("c_e863", file("/etc/comuni/tenant", "x"))];
    host.apply(Request { owners: ["c_e863".to_string()].into(), areas: [Area::Tenant].into(), ..wants(tenant()) });
    assert!(!baseline(&mut host), "a tenant is no baseline");
    host.apply(Request { areas: [Area::Host].into(), ..wants(entries()) });
    assert!(baseline(&mut host));
}

#[test]
fn nothing_is_news_when_nothing_changed() {
    let mut host = Host::new();
    host.apply(with_secret(secret("1", &[], "rosso")));
    host.fake.mend();
    let heard = host.apply(with_secret(secret("1", &[], "rosso")));
    assert_eq!(findings(&heard), []);
    assert_eq!(host.fake.changes(), [] as [&str; 0]);
}
