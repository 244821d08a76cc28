//! What catalogs are, over an inventory built by hand.

mod fixture;
mod mistakes;
mod shipped;

use std::collections::BTreeMap;

use fixture::{add, inventory, layer};

use super::*;
use crate::catalog::{HOST_OWNER, Stage};

fn all(inventory: &Inventory) -> Compiled {
    compile(inventory, &Selection::default()).unwrap_or_else(|failure| panic!("{}", failure.message))
}

fn entries(compiled: &Compiled) -> impl Iterator<Item = &Entry> {
    compiled.catalogs.values().flat_map(|catalog| &catalog.entries)
}

fn entry<'a>(compiled: &'a Compiled, id: &str) -> &'a Entry {
    entries(compiled).find(|entry| entry.id == id).unwrap_or_else(|| panic!("there is no {id}"))
}

fn content(compiled: &Compiled, path: &str) -> String {
    match &entry(compiled, &format!("file:{path}")).resource {
        Resource::File(file) => file.content.clone(),
        other => panic!("{other:?} is no file"),
    }
}

#[test]
fn a_selected_member_gets_only_what_it_owns_and_all_of_it() {
    let inventory = inventory();
    let whole = all(&inventory);
    for owner in ["c_e707", "c_e863", HOST_OWNER] {
        let selection = Selection { owners: BTreeSet::from([owner.to_string()]), ..Selection::default() };
        let compiled = compile(&inventory, &selection).expect("sound");
        assert!(entries(&compiled).count() > 10);
        for entry in entries(&compiled) {
            assert_eq!(entry.owner, owner, "{}", entry.id);
        }
        for (host, catalog) in &whole.catalogs {
            let expected: Vec<&Entry> = catalog.entries.iter().filter(|entry| entry.owner == owner).collect();
            assert_eq!(compiled.catalogs[host].entries.iter().collect::<Vec<_>>(), expected);
        }
    }
}

#[test]
fn a_settings_file_of_the_catalogue_lies_where_its_tenant_alone_can_read_it() {
    let mut inventory = inventory();
    let runtime = &mut inventory.applications.get_mut("albo").expect("albo").runtime;
    runtime.files.insert("albo.ini".to_string(), "key = {{ tenant.secrets.signing_key }}\n".to_string());
    let compiled = all(&inventory);
    for code in ["c_e707", "c_e863"] {
        let entry = entry(&compiled, &format!("file:/etc/comuni/tenants/{code}-albo/albo.ini"));
        let Resource::File(file) = &entry.resource else { panic!("{entry:?}") };
        assert_eq!(file.content, format!("key = secret://{code}/albo/signing_key\n"));
        assert_eq!((file.owner.as_str(), &file.group, file.mode), ("root", &format!("{code}_albo"), 0o640));
        assert_eq!(entry.owner, code);
        let notify = file.notify.as_ref().map(ToString::to_string);
        assert_eq!(notify, Some(format!("restart comuni-{code}-albo.service")));
    }
}

#[test]
fn the_question_for_health_is_rendered_for_the_tenant_and_holds_no_secret() {
    let mut inventory = inventory();
    let templates = Templates::load(&[]).expect("sound");
    let ask = |inventory: &Inventory| {
        let body = &inventory.members["lozza"];
        health(&templates, inventory, body, &body.tenants["albo"])
    };
    let plain = ask(&inventory).expect("sound");
    assert_eq!((plain.path.as_str(), plain.method.name(), plain.status), ("/salute", "GET", 200));

    let stated = &mut inventory.applications.get_mut("albo").expect("albo").health;
    stated.path = "/{{ tenant.database }}/".to_string();
    stated.body = Some("{ \"of\": \"{{ member.code }}\" }".to_string());
    let asked = ask(&inventory).expect("sound");
    assert_eq!(asked.path, "/c_e707_albo/");
    assert_eq!(asked.body.as_deref(), Some("{ \"of\": \"c_e707\" }"));

    inventory.applications.get_mut("albo").expect("albo").health.body = Some("{{ tenant.secrets.signing_key }}".into());
    let failure = ask(&inventory).expect_err("refused");
    assert!(failure.message.contains("health has the secret"), "{}", failure.message);
}

#[test]
fn a_release_is_asked_its_own_question_whole_and_monitoring_knows_that_of_each_release() {
    let mut inventory = inventory();
    let albo = inventory.applications.get_mut("albo").expect("albo");
    let mut release = albo.releases["1.0.0"].clone();
    albo.health.contains = Some("bene".to_string());
    release.health = Some(
        serde_json::from_value(serde_json::json!({ "path": "/{{ member.code }}/rpc", "status": 204 })).expect("sound"),
    );
    albo.releases.insert("2.0.0".to_string(), release);
    let templates = Templates::load(&[]).expect("sound");
    let ask = |inventory: &Inventory, release: &str| {
        let body = &inventory.members["lozza"];
        let mut plan = body.tenants["albo"].clone();
        plan.tenant.release = release.to_string();
        health(&templates, inventory, body, &plan)
    };
    let (old, new) = (ask(&inventory, "1.0.0").expect("sound"), ask(&inventory, "2.0.0").expect("sound"));
    assert_eq!((old.path.as_str(), old.status, old.contains.as_deref()), ("/salute", 200, Some("bene")));
    assert_eq!((new.path.as_str(), new.status, new.contains), ("/c_e707/rpc", 204, None));

    let watched =
        watch::watch(&inventory, &[], |body, plan| health(&templates, &inventory, body, plan)).expect("sound");
    let names: Vec<&String> = watched.probes.iter().map(|probe| &probe.name).collect();
    assert!(names.contains(&&old.probe) && names.contains(&&new.probe) && old.probe != new.probe, "{names:?}");

    let stated = inventory.applications.get_mut("albo").expect("albo").releases.get_mut("2.0.0").expect("there");
    stated.health.as_mut().expect("there").path = "/{{ tenant.nothing }}".to_string();
    let failure = ask(&inventory, "2.0.0").expect_err("refused");
    assert!(failure.message.contains("releases.2.0.0.health.path"), "{}", failure.message);
}

#[test]
fn what_a_member_owns_does_not_hang_on_the_other_members() {
    let with_others = all(&inventory());
    let mut alone = inventory();
    alone.members.remove("malnate");
    let alone = all(&alone);
    let of_lozza = |compiled: &Compiled| -> Vec<Entry> {
        entries(compiled).filter(|entry| entry.owner == "c_e707").cloned().collect()
    };
    assert_eq!(of_lozza(&with_others), of_lozza(&alone));
}

#[test]
fn a_member_brings_its_own_entries_for_what_tenants_share() {
    let selection = Selection { owners: BTreeSet::from(["c_e707".to_string()]), ..Selection::default() };
    let compiled = compile(&inventory(), &selection).expect("sound");
    let release = entry(&compiled, "release:albo/1.0.0@c_e707-albo");
    assert_eq!((release.owner.as_str(), release.tenant.as_deref()), ("c_e707", Some("c_e707-albo")));
    assert!(entries(&compiled).any(|entry| entry.id.starts_with("package:") && entry.id.ends_with("@c_e707-albo")));
    let archive = compiled.archives.get(&"a".repeat(64)).expect("the archive of albo");
    assert!(archive.ends_with("applications/albo-1.0.0.tar.gz"));
    assert_eq!(compiled.archives.len(), 1, "only what is selected");
}

#[test]
fn hosts_and_areas_select_and_an_empty_catalog_is_still_a_catalog() {
    let selection = Selection {
        hosts: BTreeSet::from(["app1".to_string(), "db2".to_string()]),
        areas: BTreeSet::from([Area::Tenant]),
        ..Selection::default()
    };
    let compiled = compile(&inventory(), &selection).expect("sound");
    assert_eq!(compiled.catalogs.keys().collect::<Vec<_>>(), ["app1", "db2"]);
    assert_eq!(compiled.catalogs["db2"].entries, [], "sito-web has no database");
    assert!(entries(&compiled).all(|entry| entry.area == Area::Tenant));
}

#[test]
fn the_same_inventory_always_gives_the_same_bytes() {
    let bytes = |inventory: &Inventory| serde_json::to_string(&all(inventory).catalogs).expect("JSON");
    let once = bytes(&inventory());
    assert_eq!(once, bytes(&inventory()));
    let mut other_order = inventory();
    other_order.members = BTreeMap::new();
    add(&mut other_order, "lozza", "Lozza", "E707", "active", &[("albo", "db1")]);
    add(&mut other_order, "malnate", "Malnate", "E863", "active", &[("sito-web", "db2"), ("albo", "db1")]);
    assert_eq!(once, bytes(&other_order));
}

#[test]
fn stages_do_not_decrease_and_owners_stand_together() {
    for catalog in all(&inventory()).catalogs.values() {
        let order: Vec<(Stage, bool, &str)> = catalog
            .entries
            .iter()
            .map(|entry| (entry.stage, entry.owner != HOST_OWNER, entry.owner.as_str()))
            .collect();
        assert!(order.is_sorted(), "{}", catalog.host);
    }
}

#[test]
fn an_entry_tells_the_step_it_came_from() {
    let compiled = all(&inventory());
    let origin = &entry(&compiled, "service:comuni-c_e863-albo.service").origin;
    assert_eq!((origin.playbook.as_str(), origin.play.as_str()), ("playbooks/tenant.yml", "Service of a tenant"));
    let text = std::fs::read_to_string("playbooks/tenant.yml").expect("the playbook");
    let line = text.lines().nth(origin.line as usize - 1).unwrap_or_default();
    assert!(line.contains("service:"), "{line}");
}

#[test]
fn a_leaving_member_is_stopped_and_keeps_its_data() {
    let mut inventory = inventory();
    add(&mut inventory, "lozza", "Lozza", "E707", "leaving", &[("albo", "db1")]);
    let compiled = all(&inventory);
    match &entry(&compiled, "service:comuni-c_e707-albo.service").resource {
        Resource::Service(service) => assert_eq!((service.enabled, service.running), (false, false)),
        other => panic!("{other:?}"),
    }
    for kept in ["directory:/srv/comuni/c_e707/albo/data", "postgres_database:c_e707_albo", "user:c_e707_albo"] {
        entry(&compiled, kept);
    }
    let gone = |id: &str| !entries(&compiled).any(|entry| entry.id == id);
    assert!(gone("file:/etc/nginx/comuni.d/c_e707-albo.conf"));
    assert!(gone("certificate:/etc/comuni/tenants/c_e707-albo/certificate.pem"));
    assert!(!gone("file:/etc/nginx/comuni.d/c_e863-albo.conf"));
}

#[test]
fn the_database_lets_in_application_hosts_only() {
    let compiled = all(&inventory());
    let Resource::File(rules) = &compiled.catalogs["db1"]
        .entries
        .iter()
        .find(|entry| entry.id == "file:/etc/postgresql/15/main/pg_hba.conf")
        .expect("pg_hba.conf")
        .resource
    else {
        panic!("a file")
    };
    let rules: Vec<&str> = rules.content.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        rules,
        ["local    all       all            peer", "hostssl  samerole  all   192.0.2.11/32  scram-sha-256"]
    );
}

#[test]
fn secrets_are_tokens_and_the_password_file_is_for_its_account_only() {
    let compiled = all(&inventory());
    let file = "/etc/comuni/tenants/c_e863-albo/pgpass";
    assert_eq!(
        content(&compiled, file),
        "db1.cloud.example.it:5432:c_e863_albo:c_e863_albo_a:secret://c_e863/albo/database_password_a#pgpass\n\
         db1.cloud.example.it:5432:c_e863_albo:c_e863_albo_b:secret://c_e863/albo/database_password_b#pgpass\n"
    );
    match &entry(&compiled, &format!("file:{file}")).resource {
        Resource::File(file) => assert_eq!((file.mode, file.owner.as_str()), (0o600, "c_e863_albo")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_of_the_inventory_wins_over_the_built_in_one() {
    let folder = layer(&[
        ("templates/tenant/pgpass.tera", "ours"),
        (
            "playbooks/host.yml",
            "- name: Little\n  on: all\n  steps:\n    - file: { path: /etc/motd, content: \"{{ host.name }}\" }\n",
        ),
    ]);
    let mut inventory = inventory();
    inventory.layers = vec![folder.path().to_path_buf()];
    let compiled = all(&inventory);
    assert_eq!(content(&compiled, "/etc/comuni/tenants/c_e863-albo/pgpass"), "ours");
    assert_eq!(entries(&compiled).filter(|entry| entry.owner == HOST_OWNER).count(), 3, "one file on each host");
    let origin = &entry(&compiled, "file:/etc/motd").origin.playbook;
    assert!(origin.ends_with("/playbooks/host.yml") && !origin.starts_with('/'), "{origin}");
}

#[test]
fn without_an_authority_nothing_is_compiled_and_the_way_to_one_is_told() {
    let mut inventory = inventory();
    inventory.authority = None;
    let failure = compile(&inventory, &Selection::default()).expect_err("no authority");
    assert_eq!(failure.kind.exit_code(), 65);
    assert!(failure.hints[0].ends_with("secrets set --missing"));
}
