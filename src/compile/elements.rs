//! From the inventory to the values of its elements.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::backup;
use crate::authority;
use crate::compile::values::{
    ApplicationValues, CarriedTenant, CarryingHost, ConsortiumValues, DnsValues, HostValues, LoginValues, MemberValues,
    NameServerValues, QueueValues, SizeValues, TenantValues, ZoneValues,
};
use crate::compile::watch;
use crate::failure::{Failure, Result};
use crate::inventory::names::{TRANSFER_KEY, maintenance};
use crate::inventory::types::{Application, Host, Listen, MemberKind, Status, Sudo};
use crate::inventory::{self, Body, Inventory, TenantPlan, zones};
use crate::resources::RELEASES;

/// Connections of a database server beside those of the tenants: superusers, backups, an idle login role in rotation.
const RESERVED_CONNECTIONS: u32 = 20;

/// Seconds to start, for an application that says nothing.
const START_SECONDS: u32 = 180;

/// Minutes that the oldest thing in a queue may wait, for an application that says nothing.
const STUCK_MINUTES: u32 = 30;

/// The aggregation.
///
/// # Errors
/// When the authority has not been made, or its certificate is damaged.
pub fn consortium(inventory: &Inventory) -> Result<ConsortiumValues> {
    let consortium = &inventory.consortium;
    let authority = inventory.authority.clone().ok_or_else(|| {
        Failure::inventory(format!(
            "{} has no certificate authority yet (authority.pem)",
            inventory.directory.display()
        ))
        .hint(format!("make it once: comuni -i {} secrets set --missing", inventory.directory.display()))
    })?;
    Ok(ConsortiumValues {
        name: consortium.name.clone(),
        body: consortium.body.name.clone(),
        domain: consortium.domain.clone(),
        authority_sha256: authority::fingerprint(&authority)?,
        authority,
        certificate_days: consortium.authority.lifetime_days,
        renew_days: consortium.authority.renew_days,
        dns: dns(inventory),
        backup: backup::places(inventory),
        monitoring: inventory.consortium.monitoring.as_ref().map(|policy| watch::policy(policy, inventory)),
    })
}

fn dns(inventory: &Inventory) -> Option<DnsValues> {
    let dns = inventory.consortium.dns.as_ref()?;
    let addresses = zones::servers(inventory);
    let address = |name: &str| addresses.iter().find(|(other, _)| other == name).map(|(_, address)| *address);
    let servers = dns.servers.iter().enumerate().filter_map(|(at, server)| {
        Some(NameServerValues {
            name: server.name.clone(),
            host: server.host.clone(),
            address: address(&server.name)?.to_string(),
            primary: at == 0,
        })
    });
    Some(DnsValues {
        servers: servers.collect(),
        addresses: addresses.iter().map(|(_, address)| address.to_string()).collect(),
        transfer_key: TRANSFER_KEY.to_string(),
        contact: dns.contact.clone(),
        algorithm: dns.dnssec,
        limits: dns.limits.clone(),
    })
}

/// What a host is for the zones.
fn name_server(inventory: &Inventory, host: &str) -> Option<String> {
    let servers = &inventory.consortium.dns.as_ref()?.servers;
    let at = servers.iter().position(|server| server.host.as_deref() == Some(host))?;
    Some(if at == 0 { "primary" } else { "secondary" }.to_string())
}

/// A machine.
pub fn host(inventory: &Inventory, name: &str, host: &Host) -> HostValues {
    let version_6 = host.address.parse().is_ok_and(|address: IpAddr| address.is_ipv6());
    let (family, bits) = if version_6 { ("ip6", 128) } else { ("ip", 32) };
    HostValues {
        name: name.to_string(),
        full_name: format!("{name}.{}", inventory.consortium.domain),
        address: host.address.clone(),
        address_range: format!("{}/{bits}", host.address),
        address_family: family.to_string(),
        ssh_port: host.port,
        roles: host.roles.clone(),
        name_server: name_server(inventory, name),
        backup: backup::part(inventory, name),
        known_hosts: backup::known_hosts(host),
        login: LoginValues { user: host.login.user.clone(), sudo: host.login.sudo == Sudo::Free },
    }
}

/// What every machine carries, by its name, sorted by tenant; with the connections that a tenant's database may take.
///
/// # Errors
/// When the catalogue does not know an application.
pub fn carried(inventory: &Inventory) -> Result<BTreeMap<&str, Vec<(CarriedTenant, u32)>>> {
    let mut carried: BTreeMap<&str, Vec<(CarriedTenant, u32)>> = BTreeMap::new();
    for body in inventory.members.values() {
        for plan in body.tenants.values() {
            let application = application(inventory, plan)?;
            let database = application.database.as_ref().map(|_| plan.database_host.as_str());
            let hosts: BTreeSet<&str> = [plan.application_host.as_str()].into_iter().chain(database).collect();
            for name in hosts {
                let application_here = plan.application_host == name;
                let database_here = database == Some(name);
                let tenant = CarriedTenant {
                    id: format!("{}-{}", body.code, plan.application),
                    account: account(body, plan),
                    host_name: plan.host_name.clone(),
                    port: port(application, plan).filter(|_| application_here),
                    application_here,
                    database_here,
                };
                let connections = if database_here { plan.size.connections } else { 0 };
                carried.entry(name).or_default().push((tenant, connections));
            }
        }
    }
    for tenants in carried.values_mut() {
        tenants.sort_by(|(one, _), (other, _)| one.id.cmp(&other.id));
    }
    Ok(carried)
}

/// A machine with what it carries, as [`carried`] says, and all zones when it is the primary name server.
pub fn carrying_host(values: &HostValues, tenants: Vec<(CarriedTenant, u32)>, zones: &[String]) -> CarryingHost {
    let connections = tenants.iter().map(|(_, connections)| connections).sum::<u32>();
    let max_connections = (connections + connections / 4 + RESERVED_CONNECTIONS).next_multiple_of(50);
    let tenants = tenants.into_iter().map(|(tenant, _)| tenant).collect();
    let is_primary = values.name_server.as_deref() == Some("primary");
    let zones = if is_primary { zones.to_vec() } else { Vec::new() };
    CarryingHost { host: values.clone(), tenants, connections, max_connections, zones, watch: None }
}

/// A body.
pub fn member(inventory: &Inventory, body: &Body) -> MemberValues {
    let member = &body.member;
    let before = match member.kind {
        MemberKind::Comune => "Comune di ",
        MemberKind::Provincia => "Provincia di ",
        // Their official names begin with the kind.
        MemberKind::ComunitaMontana | MemberKind::Unione => "",
    };
    MemberValues {
        name: member.name.clone(),
        full_name: format!("{before}{}", member.name),
        code: body.code.clone(),
        slug: body.slug.clone(),
        kind: member.kind,
        status: member.membership.status,
        zone: member.domain.as_ref().map(|domain| domain.zone.clone()),
        residents: member.population.as_ref().map(|population| population.residents),
        technical_contact: member.contacts.as_ref().and_then(|contacts| contacts.technical.clone()),
        home: format!("/srv/comuni/{}", body.code),
        backup: backup::member(inventory, body),
    }
}

/// The zone of a body, when we serve it.
pub fn zone(scene: &zones::Scene, body: &Body) -> Option<ZoneValues> {
    let served = scene.zone(&body.slug, &body.member)?;
    Some(ZoneValues {
        name: served.zone.name.plain(),
        mode: served.mode,
        owner: body.code.clone(),
        records: served.zone.lines(),
        servers: scene.servers().into_iter().map(|(_, address)| address.to_string()).collect(),
        protected: served.protected(),
        move_ttl: body.member.domain.as_ref().and_then(|domain| domain.move_ttl).unwrap_or(scene.dns.move_ttl),
        patience: scene.dns.patience,
    })
}

/// A tenant, with `prepare`, `start`, `environment`, `files` and `health` of its application as the catalogue has them:
/// not yet rendered.
///
/// # Errors
/// When the catalogue does not know its application or release, or a host is unknown.
pub fn tenant(
    inventory: &Inventory,
    hosts: &BTreeMap<String, HostValues>,
    body: &Body,
    plan: &TenantPlan,
) -> Result<TenantValues> {
    let application = application(inventory, plan)?;
    let id = format!("{}-{}", body.code, plan.application);
    let account = account(body, plan);
    let home = format!("/srv/comuni/{}/{}", body.code, plan.application);
    let runtime_directory = format!("/run/comuni-{id}");
    let release = application.releases.get(&plan.tenant.release).ok_or_else(|| {
        Failure::inventory(format!(
            "{id}: the catalogue has no release {} of {}",
            plan.tenant.release, plan.application
        ))
    })?;
    let host = |name: &str| {
        hosts
            .get(name)
            .cloned()
            .ok_or_else(|| Failure::inventory(format!("{id}: there is no host {name} in hosts.yml")))
    };
    Ok(TenantValues {
        data: format!("{home}/data"),
        home,
        configuration: format!("/etc/comuni/tenants/{id}"),
        unit: format!("comuni-{id}.service"),
        socket: format!("{runtime_directory}/http.sock"),
        runtime_directory,
        maintenance: maintenance(&body.code, &plan.application),
        port: port(application, plan),
        host_name: plan.host_name.clone(),
        database: account.clone(),
        database_owner: account.clone(),
        login_roles: inventory::login_roles(&account).to_vec(),
        release: plan.tenant.release.clone(),
        release_sha256: release.sha256.clone(),
        release_path: format!("{RELEASES}/{}/{}", plan.application, plan.tenant.release),
        size: SizeValues {
            name: plan.size_name.clone(),
            cpu_percent: plan.size.cpu_percent,
            memory_mib: plan.size.memory_mib,
            connections: plan.size.connections,
        },
        application: application_values(plan, application),
        application_host: host(&plan.application_host)?,
        database_host: host(&plan.database_host)?,
        secrets: secrets(body, plan, application),
        stopped: body.member.membership.status == Status::Leaving,
        backup: backup::tenant(inventory, &id, plan),
        id,
        account,
    })
}

fn application_values(plan: &TenantPlan, application: &Application) -> ApplicationValues {
    ApplicationValues {
        name: plan.application.clone(),
        title: application.title.clone(),
        packages: application.runtime.packages.clone(),
        prepare: application.runtime.prepare.clone(),
        start: application.runtime.start.clone(),
        environment: application.runtime.environment.clone(),
        files: application.runtime.files.clone(),
        start_seconds: application.runtime.start_seconds.unwrap_or(START_SECONDS),
        health: health(application, &plan.tenant.release),
        public_methods: application.public_methods.clone().unwrap_or_default(),
        listens_on_socket: application.runtime.listen == Listen::Socket,
        notifies: application.runtime.notifies,
        has_database: application.database.is_some(),
        database: application.database.as_ref().map(|database| database.engine),
        queue: application.queue.as_ref().map(|queue| QueueValues {
            oldest: queue.oldest.clone(),
            stuck_seconds: queue.stuck_minutes.unwrap_or(STUCK_MINUTES) * 60,
        }),
    }
}

/// How a release is asked, as the catalogue has it, with what it leaves unsaid.
pub fn health(application: &Application, release: &str) -> super::values::HealthValues {
    let (health, stated) = application.health_on(release);
    super::values::HealthValues {
        path: health.path.clone(),
        method: health.method.unwrap_or(crate::inventory::types::Method::Get),
        body: health.body.clone(),
        media_type: health.media_type.clone(),
        status: health.status.unwrap_or(200),
        contains: health.contains.clone(),
        // Named when it is rendered.
        probe: String::new(),
        stated,
    }
}

/// The settings files of a tenant that is rendered.
pub fn files(tenant: &TenantValues) -> Vec<super::values::FileValues> {
    let file = |(name, content): (&String, &String)| super::values::FileValues {
        name: name.clone(),
        path: format!("{}/{name}", tenant.configuration),
        content: content.clone(),
    };
    tenant.application.files.iter().map(file).collect()
}

/// The catalogue's entry of a tenant.
///
/// # Errors
/// When there is none.
pub fn application<'i>(inventory: &'i Inventory, plan: &TenantPlan) -> Result<&'i Application> {
    inventory
        .applications
        .get(&plan.application)
        .ok_or_else(|| Failure::inventory(format!("the catalogue has no application {}", plan.application)))
}

fn account(body: &Body, plan: &TenantPlan) -> String {
    inventory::account(&body.code, &plan.application)
}

fn port(application: &Application, plan: &TenantPlan) -> Option<u16> {
    plan.tenant.port.filter(|_| application.runtime.listen == Listen::Port)
}

fn secrets(body: &Body, plan: &TenantPlan, application: &Application) -> BTreeMap<String, String> {
    let passwords = ["database_password_a", "database_password_b", "database_user", "database_password"];
    let passwords = passwords.map(str::to_string);
    let passwords = passwords.into_iter().filter(|_| application.database.is_some());
    passwords
        .chain(application.secrets.iter().cloned())
        .map(|name| (name.clone(), format!("secret://{}/{}/{name}", body.code, plan.application)))
        .collect()
}
