//! What an upgrade asks of a host beside its own steps.

use super::harness::{Control, Host, file, owned_by, said, service, wants};
use crate::catalog::{Catalog, Entry};
use crate::executor::key::sha256;
use crate::protocol::{Act, Acted, FromHost, Operator, Order, ToHost};
use crate::resources::{File, Notification, Release, Resource, SecretTable, Validator};
use crate::upgrade::{Begin, Step};

const UNIT: &str = "/etc/systemd/system/albo.service";
const TENANT: &str = "c_e863-albo";

fn order(verb: &str, act: Act) -> Order {
    Order {
        operator: Operator { user: "anna".to_string(), machine: "ced1".to_string(), fingerprint: None },
        verb: verb.to_string(),
        tenant: TENANT.to_string(),
        owner: "c_e863".to_string(),
        act,
        secrets: SecretTable::default(),
    }
}

fn acts(host: &mut Host, orders: Vec<Order>) -> Vec<Acted> {
    let (ended, heard) = host.converse(|control: &mut Control| {
        for order in orders {
            control.send(ToHost::Act(Box::new(order)));
            control.until(|event| matches!(event, FromHost::Acted(_)));
        }
        control.end();
    });
    ended.unwrap();
    let acted = heard.into_iter().filter_map(|event| match event {
        FromHost::Acted(acted) => Some(acted),
        _ => None,
    });
    acted.collect()
}

fn unit(content: &str) -> Entry {
    let notify = Some(Notification::Restart("albo.service".to_string()));
    owned_by("c_e863", File { notify, validate: Some(Validator::Systemd), ..file(UNIT, content) })
}

fn catalog(entries: Vec<Entry>) -> Catalog {
    Catalog { host: "app1".to_string(), entries }
}

fn begun() -> Act {
    Act::Upgrade(Box::new(Step::Begin(Begin {
        from: "1.0.0".to_string(),
        to: "1.1.0".to_string(),
        unit: "albo.service".to_string(),
        page: "/var/lib/comuni-maintenance/c_e863-albo".to_string(),
        back: false,
    })))
}

#[test]
fn a_unit_is_laid_down_while_it_stands_still_and_its_start_pays_what_it_was_to_be_told() {
    let mut host = Host::new().with_running("albo.service");
    host.apply(wants(vec![unit("[Service]\nExecStart=/1\n"), owned_by("c_e863", service("albo.service"))]));
    host.fake.world.notes.insert("unit albo.service".to_string(), "inactive".to_string());
    let (restarts, starts) = (host.ran("restart albo"), host.ran("start albo"));
    let new = || catalog(vec![unit("[Service]\nExecStart=/2\n"), owned_by("c_e863", service("albo.service"))]);
    assert_eq!(acts(&mut host, vec![order("upgrade", Act::Place(new()))]), [Acted::Done]);
    assert_eq!(host.text(UNIT), "[Service]\nExecStart=/2\n");
    assert_eq!(host.ran("restart albo"), restarts, "it stands still");
    assert_eq!(host.ran("start albo"), starts, "and was not started");
    assert!(host.text("/var/lib/comuni/owed.json").contains("albo.service"), "what it was to be told is not forgotten");
    let services = catalog(vec![owned_by("c_e863", service("albo.service"))]);
    assert_eq!(acts(&mut host, vec![order("upgrade", Act::Bring(services))]), [Acted::Done]);
    assert_eq!(host.ran("restart albo"), restarts);
    assert_eq!(host.text("/var/lib/comuni/owed.json").trim(), "[]");
}

#[test]
fn while_an_upgrade_is_cut_off_others_keep_away_from_the_tenant_and_an_apply_too() {
    let mut host = Host::new().with_running("albo.service");
    assert!(matches!(acts(&mut host, vec![order("upgrade", begun())])[..], [Acted::Upgraded(_)]));
    for (verb, act, may) in [
        ("secrets rotate", Act::Bring(catalog(vec![owned_by("c_e863", file("/etc/x", "x"))])), false),
        ("backup run", Act::Backup, false),
        ("secrets rotate", Act::Compare(catalog(vec![])), true),
        ("rollback", Act::Hold, true),
        ("upgrade", Act::Hold, true),
    ] {
        let acted = acts(&mut host, vec![order(verb, act)]);
        let refused = matches!(&acted[..], [Acted::Failed(words)] if words.contains("comuni upgrade albo --resume"));
        assert_eq!(refused, !may, "{verb}: {acted:?}");
    }
    let entry = Entry { tenant: Some(TENANT.to_string()), ..owned_by("c_e863", file("/etc/x", "x")) };
    let heard = host.apply(wants(vec![entry]));
    let failed = super::harness::failed(&heard);
    assert!(failed["c_e863"].contains("comuni upgrade albo --resume"), "{failed:?}");
    assert!(!host.is_there("/etc/x"));
}

/// A release of the tenant, whose archive is this text.
fn release(name: &str, archive: &[u8]) -> Entry {
    let release = Release { application: "albo".to_string(), release: name.to_string(), sha256: sha256(archive) };
    let entry = owned_by("c_e863", Resource::Release(release));
    Entry { id: format!("{}@{TENANT}", entry.id), tenant: Some(TENANT.to_string()), ..entry }
}

#[test]
fn an_archive_that_is_missing_is_named_and_comes_between_acts() {
    let mut host = Host::new();
    let missing = || order("upgrade", Act::Missing(catalog(vec![release("1.1.0", b"archive")])));
    let hash = sha256(b"archive");
    assert_eq!(acts(&mut host, vec![missing()]), [Acted::Missing(vec![(hash.clone(), 0)])]);
    let sent = hash.clone();
    let (ended, heard) = host.converse(move |control| {
        let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, b"archive");
        control.send(ToHost::Archive { sha256: sent, offset: 0, data, last: true });
        control.until(|event| matches!(event, FromHost::ArchiveStored { .. }));
        control.end();
    });
    ended.unwrap();
    assert!(heard.iter().any(|event| matches!(event, FromHost::ArchiveStored { error: None, .. })), "{heard:?}");
    assert_eq!(acts(&mut host, vec![missing()]), [Acted::Missing(Vec::new())]);
}

#[test]
fn only_releases_of_this_tenant_are_retired() {
    let mut host = Host::new();
    host.fake.program("tar", |_, _| said(0, ""));
    host.apply(wants(vec![owned_by("c_e863", file("/etc/x", "x"))]));
    let retired = |host: &mut Host, id: &str| acts(host, vec![order("upgrade", Act::Retire(vec![id.to_string()]))]);
    let acted = retired(&mut host, "file:/etc/x");
    assert!(
        matches!(&acted[..], [Acted::Failed(words)] if words.contains("is no release of c_e863-albo")),
        "{acted:?}"
    );
    assert!(host.is_there("/etc/x"));
    assert_eq!(
        retired(&mut host, "release:albo/9.9.9@c_e863-albo"),
        [Acted::Done],
        "what is not there is gone already"
    );
}
