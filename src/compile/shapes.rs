//! What each kind of play may name, taken from specimens of the values themselves.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::compile::values::{
    ApplicationValues, BackupPlaces, CarriedTenant, CarryingHost, ConsortiumValues, DnsValues, FileValues,
    HealthValues, HostValues, KeyValues, LoginValues, MemberBackup, MemberValues, MonitoringValues, NameServerValues,
    ProbeValues, QueueValues, RecipientValues, SizeValues, TenantBackup, TenantValues, WatchValues, ZoneValues,
};
use crate::inventory::names::{COPY_KEY, TRANSFER_KEY, backup_ssh_key, repository_key};
use crate::inventory::types::{
    Dnssec, DomainMode, Engine, MailRelay, MemberKind, Method, Role, Severity, Status, ZoneLimits,
};
use crate::playbook::Each;
use crate::templates::lint::Shape;

/// Maps whose names are only known for each element.
const OPEN: [&str; 3] = ["tenant.secrets", "tenant.application.environment", "tenant.application.files"];

/// What may be named in a play, by what it is repeated for.
pub fn shapes() -> BTreeMap<Each, Shape> {
    Each::ALL.into_iter().map(|each| (each, Shape::of(&specimen(each), &OPEN))).collect()
}

/// What the catalogue's own templates may name: everything of the tenant but themselves.
pub fn catalogue_shape() -> Shape {
    let mut specimen = specimen(Each::Tenant);
    for name in super::catalogue::RENDERED {
        if let Some(application) = specimen["tenant"]["application"].as_object_mut() {
            application.remove(name);
        }
    }
    Shape::of(&specimen, &OPEN)
}

/// Values with every field filled and one element in every list.
pub fn specimen(each: Each) -> Value {
    let mut values = json!({ "consortium": consortium(), "hosts": [host()], "host": host() });
    if each == Each::Host {
        values["host"] = json!(CarryingHost {
            host: host(),
            tenants: vec![CarriedTenant {
                id: "c_e863-albo".to_string(),
                account: "c_e863_albo".to_string(),
                host_name: "albo.comune.malnate.va.it".to_string(),
                port: Some(8001),
                application_here: true,
                database_here: true,
            }],
            connections: 10,
            max_connections: 50,
            zones: vec!["comune.malnate.va.it".to_string()],
            watch: Some(WatchValues {
                members: vec![member()],
                probes: vec![ProbeValues { name: "albo-1a2b3c4d".to_string(), health: health() }],
                zones: vec!["comune.malnate.va.it".to_string()],
            }),
        });
        return values;
    }
    values["member"] = json!(member());
    match each {
        Each::Tenant => values["tenant"] = json!(tenant()),
        Each::File => {
            values["tenant"] = json!(tenant());
            values["file"] = json!(FileValues {
                name: "settings.ini".to_string(),
                path: "/etc/comuni/tenants/c_e863-albo/settings.ini".to_string(),
                content: "[web]\n".to_string(),
            });
        }
        Each::Zone => {
            values["zone"] = json!(zone());
        }
        Each::Member => {
            values["tenants"] = json!([tenant()]);
            values["zone"] = json!(zone());
        }
        Each::Host => {}
    }
    values
}

fn consortium() -> ConsortiumValues {
    ConsortiumValues {
        name: "Comuni in cloud".to_string(),
        body: "Provincia di Varese".to_string(),
        domain: "cloud.provincia.va.it".to_string(),
        authority: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".to_string(),
        authority_sha256: "0".repeat(64),
        certificate_days: 90,
        renew_days: 30,
        dns: Some(DnsValues {
            servers: vec![NameServerValues {
                name: "ns1.cloud.provincia.va.it".to_string(),
                host: Some("mon1".to_string()),
                address: "192.0.2.15".to_string(),
                primary: true,
            }],
            addresses: vec!["192.0.2.15".to_string()],
            transfer_key: TRANSFER_KEY.to_string(),
            contact: "dns@cloud.provincia.va.it".to_string(),
            algorithm: Dnssec::default(),
            limits: ZoneLimits::default(),
        }),
        backup: Some(BackupPlaces {
            repository: host(),
            copy: Some(host()),
            copy_key: key(COPY_KEY),
            at: "01:00".to_string(),
            spread_minutes: 120,
            prove_at: "04:00".to_string(),
        }),
        monitoring: Some(MonitoringValues {
            budget_permille: 5,
            retention_days: 45,
            pace: 1,
            recipients: vec![RecipientValues {
                name: "province".to_string(),
                email: Some("ced@provincia.va.it".to_string()),
                webhook: Some("https://192.0.2.20/alerts".to_string()),
                severities: vec![Severity::Page],
            }],
            members: vec![Severity::Page],
            mail: Some(MailRelay {
                relay: "192.0.2.20:25".to_string(),
                from: "comuni@cloud.provincia.va.it".to_string(),
                tls: true,
            }),
            copy_to: Some("https://192.0.2.20/tickets".to_string()),
            dead_man: Some("https://192.0.2.20/alive".to_string()),
            queues: true,
        }),
    }
}

fn health() -> HealthValues {
    HealthValues {
        path: "/salute".to_string(),
        method: Method::Post,
        body: Some("{}".to_string()),
        media_type: Some("application/json".to_string()),
        status: 200,
        contains: Some("bene".to_string()),
        probe: "albo-1a2b3c4d".to_string(),
        stated: "health".to_string(),
    }
}

fn key(seed: &str) -> KeyValues {
    KeyValues { host: "app1".to_string(), private: format!("{seed}_private"), public: format!("{seed}_public") }
}

fn zone() -> ZoneValues {
    ZoneValues {
        name: "comune.malnate.va.it".to_string(),
        mode: DomainMode::Primary,
        owner: "c_e863".to_string(),
        records: vec!["comune.malnate.va.it. 3600 NS ns1.cloud.provincia.va.it.".to_string()],
        servers: vec!["192.0.2.15".to_string()],
        protected: vec!["comune.malnate.va.it/MX".to_string()],
        move_ttl: 300,
        patience: 30,
    }
}

fn host() -> HostValues {
    HostValues {
        name: "app1".to_string(),
        full_name: "app1.cloud.provincia.va.it".to_string(),
        address: "192.0.2.11".to_string(),
        address_range: "192.0.2.11/32".to_string(),
        address_family: "ip".to_string(),
        ssh_port: 22,
        roles: vec![Role::Application, Role::Database],
        name_server: Some("primary".to_string()),
        backup: Some("repository".to_string()),
        known_hosts: Some("192.0.2.11 ssh-ed25519 AAAA".to_string()),
        login: LoginValues { user: "ops".to_string(), sudo: true },
    }
}

fn member() -> MemberValues {
    MemberValues {
        name: "Malnate".to_string(),
        full_name: "Comune di Malnate".to_string(),
        code: "c_e863".to_string(),
        slug: "malnate".to_string(),
        kind: MemberKind::Comune,
        status: Status::Active,
        zone: Some("comune.malnate.va.it".to_string()),
        residents: Some(16378),
        technical_contact: Some("ced@comune.malnate.va.it".to_string()),
        home: "/srv/comuni/c_e863".to_string(),
        backup: Some(MemberBackup {
            account: "backup-c_e863".to_string(),
            home: "/srv/backup/c_e863".to_string(),
            repository: "/srv/backup/c_e863/repository".to_string(),
            configuration: "/etc/comuni/backup/c_e863".to_string(),
            key: repository_key("c_e863"),
            keys: vec![key(&backup_ssh_key("c_e863", "app1"))],
        }),
    }
}

fn tenant() -> TenantValues {
    let text = str::to_string;
    let token = |name: &str| (name.to_string(), format!("secret://c_e863/albo/{name}"));
    TenantValues {
        id: text("c_e863-albo"),
        account: text("c_e863_albo"),
        home: text("/srv/comuni/c_e863/albo"),
        data: text("/srv/comuni/c_e863/albo/data"),
        configuration: text("/etc/comuni/tenants/c_e863-albo"),
        unit: text("comuni-c_e863-albo.service"),
        runtime_directory: text("/run/comuni-c_e863-albo"),
        socket: text("/run/comuni-c_e863-albo/http.sock"),
        port: Some(8001),
        maintenance: text("/var/lib/comuni-maintenance/c_e863-albo"),
        host_name: text("albo.comune.malnate.va.it"),
        database: text("c_e863_albo"),
        database_owner: text("c_e863_albo"),
        login_roles: vec![text("c_e863_albo_a"), text("c_e863_albo_b")],
        release: text("1.0.0"),
        release_sha256: "0".repeat(64),
        release_path: text("/opt/comuni/releases/albo/1.0.0"),
        size: SizeValues { name: text("small"), cpu_percent: 50, memory_mib: 256, connections: 10 },
        application: ApplicationValues {
            name: text("albo"),
            title: text("Albo pretorio"),
            packages: vec![text("python3-psycopg2")],
            prepare: vec![text("/usr/bin/python3"), text("migrate")],
            start: vec![text("/usr/bin/python3"), text("serve")],
            environment: BTreeMap::from([(text("LANG"), text("C.UTF-8"))]),
            files: BTreeMap::from([(text("settings.ini"), text("[web]\n"))]),
            start_seconds: 180,
            health: health(),
            public_methods: vec![Method::Get, Method::Head],
            listens_on_socket: true,
            notifies: true,
            has_database: true,
            database: Some(Engine::Postgresql),
            queue: Some(QueueValues { oldest: text("select 0"), stuck_seconds: 1800 }),
        },
        application_host: host(),
        database_host: host(),
        secrets: BTreeMap::from([
            token("database_password_a"),
            token("database_password_b"),
            token("database_user"),
            token("database_password"),
        ]),
        stopped: true,
        backup: Some(TenantBackup {
            unit: text("comuni-backup-c_e863-albo.service"),
            timer: text("comuni-backup-c_e863-albo.timer"),
            configuration: text("/etc/comuni/backup/c_e863-albo.json"),
            rpo_hours: 26,
            keep_days: 90,
            within_minutes: 180,
            shrink_percent: 50,
            changing_files: 20,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `null` would hide the names below it from the lint.
    #[test]
    fn the_specimens_have_no_gaps() {
        fn gaps(value: &Value, path: String, found: &mut Vec<String>) {
            match value {
                Value::Null => found.push(path),
                Value::Array(elements) if elements.is_empty() => found.push(path),
                Value::Array(elements) => elements.iter().for_each(|element| gaps(element, format!("{path}[]"), found)),
                Value::Object(fields) => {
                    fields.iter().for_each(|(name, field)| gaps(field, format!("{path}.{name}"), found))
                }
                _ => {}
            }
        }
        for each in Each::ALL {
            let mut found = Vec::new();
            gaps(&specimen(each), String::new(), &mut found);
            assert_eq!(found, Vec::<String>::new(), "{each:?}");
        }
    }
}
