//! A small inventory and keys for it, for tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use age::secrecy::ExposeSecret;
use age::x25519;
use serde_json::json;

use super::Identities;
use crate::inventory::types::{Application, Consortium, Member, SizeClass, Tenant};
use crate::inventory::{Body, Inventory, TenantPlan};

/// A technician, or whoever has the recovery key.
pub(crate) struct Person {
    pub(crate) public: String,
    pub(crate) identities: Identities,
}

/// Somebody with an ssh-ed25519 key made by ssh-keygen.
pub(crate) fn ssh_person(folder: &Path, name: &str, passphrase: &str) -> Person {
    let path = folder.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-C", name, "-N", passphrase, "-f"])
        .arg(&path)
        .status()
        .expect("ssh-keygen of openssh-client");
    assert!(made.success());
    let public = fs::read_to_string(path.with_extension("pub")).unwrap().trim().to_string();
    Person { public, identities: only(path) }
}

/// Somebody with an age identity.
pub(crate) fn age_person(folder: &Path, name: &str) -> Person {
    let identity = x25519::Identity::generate();
    let path = folder.join(name);
    fs::write(&path, format!("# {name}\n{}\n", identity.to_string().expose_secret())).unwrap();
    Person { public: identity.to_public().to_string(), identities: only(path) }
}

pub(crate) fn only(path: PathBuf) -> Identities {
    Identities { files: vec![path], usual: Vec::new() }
}

pub(crate) fn consortium(technicians: &[(&str, &Person)], recovery: Option<&Person>) -> Consortium {
    let technicians: BTreeMap<&str, &str> =
        technicians.iter().map(|(name, person)| (*name, person.public.as_str())).collect();
    serde_json::from_value(json!({
        "name": "Comuni in cloud",
        "body": { "name": "Provincia di Varese", "kind": "provincia" },
        "domain": "cloud.provincia.va.example",
        "technicians": technicians,
        "recovery": recovery.map(|person| person.public.as_str()),
        "authority": { "permitted": ["va.example"], "lifetime_days": 90, "renew_days": 30 },
        "sizes": {},
        "limits": { "removals": 0, "changed_percent": 30 },
    }))
    .unwrap()
}

/// Two members with the application `albo`, which has a database and one secret of its own.
pub(crate) fn inventory(directory: &Path, consortium: Consortium) -> Inventory {
    let application: Application = serde_json::from_value(json!({
        "title": "Albo pretorio",
        "runtime": { "start": ["albo"], "listen": "socket" },
        "database": { "engine": "postgresql" },
        "health": { "path": "/health" },
        "secrets": ["session_key"],
        "releases": {},
    }))
    .unwrap();
    let members = [("malnate", "c_e863"), ("lozza", "c_e707")];
    Inventory {
        directory: directory.to_path_buf(),
        layers: vec![directory.to_path_buf()],
        consortium,
        hosts: BTreeMap::new(),
        applications: BTreeMap::from([("albo".to_string(), application)]),
        members: members.map(|(slug, code)| (slug.to_string(), body(slug, code))).into(),
        rollout: serde_yaml::from_str(include_str!("../../playbooks/upgrade.yml")).unwrap(),
        authority: None,
        digest: "00".repeat(32),
    }
}

fn body(slug: &str, code: &str) -> Body {
    let member: Member =
        serde_json::from_value(json!({ "name": slug, "kind": "comune", "membership": { "status": "active" } }))
            .unwrap();
    let tenant: Tenant = serde_json::from_value(json!({ "release": "1.0.0" })).unwrap();
    let plan = TenantPlan {
        application: "albo".to_string(),
        tenant,
        host_name: format!("albo.{slug}.va.example"),
        size_name: "small".to_string(),
        size: SizeClass { up_to: None, cpu_percent: 100, memory_mib: 256, connections: 10 },
        application_host: "app1".to_string(),
        database_host: "db1".to_string(),
    };
    Body { slug: slug.to_string(), code: code.to_string(), member, tenants: [("albo".to_string(), plan)].into() }
}
