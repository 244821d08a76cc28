//! A small inventory, built by hand: two database hosts, one application host, two members, two applications.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::inventory::types::{Application, Consortium, Host, Member, SizeClass, Tenant};
use crate::inventory::{Body, Inventory, TenantPlan};

/// Not a real certificate: its DER is the bytes `authority`.
pub const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----\nYXV0aG9yaXR5\n-----END CERTIFICATE-----\n";

fn from<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).expect("a fixture of the right type")
}

pub fn inventory() -> Inventory {
    let host = |address: &str, roles: &[&str], user: &str| -> Host {
        from(json!({ "address": address, "roles": roles, "login": { "user": user, "sudo": user != "root" } }))
    };
    let mut inventory = Inventory {
        directory: PathBuf::from("inventories/fixture"),
        layers: Vec::new(),
        consortium: consortium(),
        hosts: BTreeMap::from([
            ("app1".to_string(), host("192.0.2.11", &["application"], "ops")),
            ("db1".to_string(), host("192.0.2.21", &["database"], "root")),
            ("db2".to_string(), host("2001:db8::22", &["database"], "root")),
        ]),
        applications: BTreeMap::from([("albo".to_string(), albo()), ("sito-web".to_string(), site())]),
        members: BTreeMap::new(),
        rollout: serde_yaml::from_str(include_str!("../../../playbooks/upgrade.yml")).unwrap(),
        authority: Some(AUTHORITY.to_string()),
        digest: "0".repeat(64),
    };
    add(&mut inventory, "malnate", "Malnate", "E863", "active", &[("albo", "db1"), ("sito-web", "db2")]);
    add(&mut inventory, "lozza", "Lozza", "E707", "active", &[("albo", "db1")]);
    inventory
}

fn consortium() -> Consortium {
    from(json!({
        "name": "Comuni in cloud",
        "body": { "name": "Provincia di Varese", "kind": "provincia" },
        "domain": "cloud.example.it",
        "authority": { "permitted": ["example.it"], "lifetime_days": 90, "renew_days": 30 },
        "sizes": {},
        "limits": { "removals": 5, "changed_percent": 30 },
    }))
}

fn albo() -> Application {
    from(json!({
        "title": "Albo pretorio",
        "runtime": {
            "packages": ["python3", "python3-psycopg2"],
            "prepare": ["/usr/bin/python3", "-I", "{{ tenant.release_path }}/albo.py", "migrate"],
            "start": ["/usr/bin/python3", "-I", "{{ tenant.release_path }}/albo.py", "serve",
                "--socket", "{{ tenant.socket }}", "--data", "{{ tenant.data }}", "--name", "{{ member.full_name }}"],
            "listen": "socket",
            "notifies": true,
            "environment": { "LANG": "C.UTF-8", "ALBO_KEY": "{{ tenant.secrets.signing_key }}" },
        },
        "database": { "engine": "postgresql" },
        "health": { "path": "/salute" },
        "secrets": ["signing_key"],
        "releases": { "1.0.0": { "sha256": "a".repeat(64), "source": "applications/albo-1.0.0.tar.gz" } },
    }))
}

/// An application without database, on a port.
fn site() -> Application {
    from(json!({
        "title": "Sito",
        "runtime": { "start": ["{{ tenant.release_path }}/serve", "{{ tenant.port }}"], "listen": "port" },
        "health": { "path": "/" },
        "releases": { "2.1": { "sha256": "b".repeat(64), "source": "applications/sito.tar.gz" } },
    }))
}

pub fn add(
    inventory: &mut Inventory,
    slug: &str,
    name: &str,
    belfiore: &str,
    status: &str,
    applications: &[(&str, &str)],
) {
    let zone = format!("comune.{slug}.va.it");
    let member: Member = from(json!({
        "name": name,
        "kind": "comune",
        "belfiore": belfiore,
        "membership": { "status": status },
        "population": { "residents": 1000, "date": "2023-01-01", "source": "ISTAT" },
        "domain": { "zone": zone, "mode": "primary" },
    }));
    let tenants = applications.iter().map(|(application, database_host)| {
        let release = if *application == "albo" { "1.0.0" } else { "2.1" };
        let port = (*application != "albo").then_some(8001);
        let plan = TenantPlan {
            application: application.to_string(),
            tenant: Tenant {
                release: release.to_string(),
                size: None,
                host_name: None,
                port,
                backup: Default::default(),
            },
            host_name: format!("{application}.{zone}"),
            size_name: "small".to_string(),
            size: SizeClass { up_to: None, cpu_percent: 50, memory_mib: 256, connections: 10 },
            application_host: "app1".to_string(),
            database_host: database_host.to_string(),
        };
        (application.to_string(), plan)
    });
    let tenants = tenants.collect();
    let code = format!("c_{}", belfiore.to_lowercase());
    inventory.members.insert(slug.to_string(), Body { slug: slug.to_string(), code, member, tenants });
}

/// An inventory layer on disk with these files.
pub fn layer(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path: &Path = &folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    folder
}
