//! Everything that templates, scalars and conditions may name. Complete: every field is always there, `null` where
//! the inventory says nothing, so that a name that is not found is a mistake.
//!
//! `consortium`, `hosts` and `host` are offered everywhere; `member` in all plays but `for_each: host`;
//! `tenant` in plays `for_each: tenant` and `file`; `file` and `zone` in plays for each of them; `tenants` and `zone` in plays
//! `for_each: member`. Only a play `for_each: host` sees the tenants of others: what is owned by a member hangs on that
//! member alone.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::inventory::types::{
    Dnssec, DomainMode, Engine, MailRelay, MemberKind, Method, Role, Severity, Status, ZoneLimits,
};

/// `consortium`: the aggregation.
#[derive(Debug, Clone, Serialize)]
pub struct ConsortiumValues {
    /// What it calls itself.
    pub name: String,
    /// Official name of the body that runs the tender.
    pub body: String,
    /// Domain of the machines.
    pub domain: String,
    /// The certificates (PEM) that are trusted: those of the consortium's authority, the first one signs.
    pub authority: String,
    /// SHA-256 (hex) of the certificate that signs, in DER.
    pub authority_sha256: String,
    /// Days a certificate is valid.
    pub certificate_days: u32,
    /// Days before its end at which a certificate is renewed.
    pub renew_days: u32,
    /// How it serves zones, when it does.
    pub dns: Option<DnsValues>,
    /// Where backups are kept, when they are.
    pub backup: Option<BackupPlaces>,
    /// How it watches all of this, when it does.
    pub monitoring: Option<MonitoringValues>,
}

/// `consortium.backup`: where and when backups are made.
#[derive(Debug, Clone, Serialize)]
pub struct BackupPlaces {
    /// The host that keeps the repositories.
    pub repository: HostValues,
    /// The host that fetches a second copy.
    pub copy: Option<HostValues>,
    /// Token of both halves of the key with which it does.
    pub copy_key: KeyValues,
    /// When the night begins in Italy, `HH:MM`.
    pub at: String,
    /// Within so many minutes from then each tenant has its moment.
    pub spread_minutes: u32,
    /// When they are proven, `HH:MM` in Italy: hours later.
    pub prove_at: String,
}

/// Tokens of the two halves of an ssh key.
#[derive(Debug, Clone, Serialize)]
pub struct KeyValues {
    /// The host that has the private half.
    pub host: String,
    /// Token of the file for `ssh -i`.
    pub private: String,
    /// Token of the line for `authorized_keys`.
    pub public: String,
}

/// `member.backup`: the repository of a member.
#[derive(Debug, Clone, Serialize)]
pub struct MemberBackup {
    /// Unix account that it is reached by: `backup-c_e863`.
    pub account: String,
    /// Folder around it: `/srv/backup/c_e863`.
    pub home: String,
    /// The repository: `/srv/backup/c_e863/repository`.
    pub repository: String,
    /// Folder of its keys on an application host: `/etc/comuni/backup/c_e863`.
    pub configuration: String,
    /// Token of the key that opens it.
    pub key: String,
    /// The ssh keys of the application hosts that bring backups.
    pub keys: Vec<KeyValues>,
}

/// `tenant.backup`: how the backups of a tenant are made and kept.
#[derive(Debug, Clone, Serialize)]
pub struct TenantBackup {
    /// systemd service: `comuni-backup-c_e863-albo.service`.
    pub unit: String,
    /// The timer that starts it.
    pub timer: String,
    /// Its file on the application host: `/etc/comuni/backup/c_e863-albo.json`.
    pub configuration: String,
    /// The newest backup may be this old, in hours.
    pub rpo_hours: u32,
    /// Kept for so many days.
    pub keep_days: u32,
    /// Ended after so many minutes.
    pub within_minutes: u32,
    /// From so many percent less on it is flagged.
    pub shrink_percent: u32,
    /// So many files may change while they are read.
    pub changing_files: u32,
}

/// `consortium.monitoring`: what is watched, and who is told.
#[derive(Debug, Clone, Serialize)]
pub struct MonitoringValues {
    /// For how much of the time a tenant may fail to answer, in thousandths.
    pub budget_permille: u32,
    /// Days for which what was measured is kept.
    pub retention_days: u32,
    /// Every window and waiting time is divided by it.
    pub pace: u32,
    /// Who is told beside the members, by name.
    pub recipients: Vec<RecipientValues>,
    /// Of what the members are told.
    pub members: Vec<Severity>,
    /// How e-mail leaves, when it does.
    pub mail: Option<MailRelay>,
    /// The URL below which a ticket system gets every notification.
    pub copy_to: Option<String>,
    /// The URL of the service that raises the alarm when we stop.
    pub dead_man: Option<String>,
    /// Some tenant has a queue.
    pub queues: bool,
}

/// Somebody who is told of alerts.
#[derive(Debug, Clone, Serialize)]
pub struct RecipientValues {
    /// Name of the receiver.
    pub name: String,
    /// E-mail address.
    pub email: Option<String>,
    /// URL that gets every notification.
    pub webhook: Option<String>,
    /// Of what.
    pub severities: Vec<Severity>,
}

/// `consortium.dns`: how zones are served.
#[derive(Debug, Clone, Serialize)]
pub struct DnsValues {
    /// All name servers, the primary first.
    pub servers: Vec<NameServerValues>,
    /// The addresses of all name servers, the primary first.
    pub addresses: Vec<String>,
    /// Token of the key with which the name servers know each other (TSIG).
    pub transfer_key: String,
    /// E-mail address of who answers for the zones.
    pub contact: String,
    /// The algorithm of signatures, as Knot calls it.
    pub algorithm: Dnssec,
    /// When the change of a zone stops until it is allowed by name.
    pub limits: ZoneLimits,
}

/// A name server of the zones that we serve.
#[derive(Debug, Clone, Serialize)]
pub struct NameServerValues {
    /// Its name in NS records, without a final dot.
    pub name: String,
    /// The host that it is; `null` when it is no host of ours.
    pub host: Option<String>,
    /// Its IP address.
    pub address: String,
    /// It is the primary.
    pub primary: bool,
}

/// `host`, and each element of `hosts`: a purchased machine.
#[derive(Debug, Clone, Serialize)]
pub struct HostValues {
    /// Name in the inventory.
    pub name: String,
    /// `<name>.<domain of the consortium>`: the name in its certificates.
    pub full_name: String,
    /// IP address.
    pub address: String,
    /// The address as a range of one: `192.0.2.1/32`, `2001:db8::1/128`.
    pub address_range: String,
    /// `ip` or `ip6`, as nftables calls them.
    pub address_family: String,
    /// TCP port of sshd.
    pub ssh_port: u16,
    /// What it does.
    pub roles: Vec<Role>,
    /// `primary` or `secondary`, when it is a name server of `consortium.dns.servers`.
    pub name_server: Option<String>,
    /// `repository` or `copy`, when it keeps backups of `consortium.backup`.
    pub backup: Option<String>,
    /// Its line in a known_hosts(5) file; `null` when nobody knows its key yet.
    pub known_hosts: Option<String>,
    /// The account that logs in.
    pub login: LoginValues,
}

/// How to log in on a machine.
#[derive(Debug, Clone, Serialize)]
pub struct LoginValues {
    /// Unix account.
    pub user: String,
    /// It becomes root by `sudo` without password.
    pub sudo: bool,
}

/// `host` in a play `for_each: host`: with what it carries.
#[derive(Debug, Clone, Serialize)]
pub struct CarryingHost {
    /// As everywhere.
    #[serde(flatten)]
    pub host: HostValues,
    /// The tenants whose application or database it carries, by id.
    pub tenants: Vec<CarriedTenant>,
    /// Database connections that the tenants with their database here may use together.
    pub connections: u32,
    /// The same with a reserve for rotation and maintenance, rounded up to 50: it seldom changes with a new tenant.
    pub max_connections: u32,
    /// The names of all zones that are served, on their primary; none elsewhere.
    pub zones: Vec<String>,
    /// What it watches, when it has the role `monitoring`.
    pub watch: Option<WatchValues>,
}

/// `host.watch`: what a monitoring host must know of all members together. What belongs to one of them alone comes in
/// files of its own.
#[derive(Debug, Clone, Serialize)]
pub struct WatchValues {
    /// All members with a tenant or a zone, by code.
    pub members: Vec<MemberValues>,
    /// The ways in which the health of tenants is asked, each once.
    pub probes: Vec<ProbeValues>,
    /// The names of all zones that we serve.
    pub zones: Vec<String>,
}

/// A way in which the health of tenants is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeValues {
    /// `albo-1a2b3c4d`: the application, and a digest of the rest.
    pub name: String,
    /// What is asked and what must come; the path is the target's.
    pub health: HealthValues,
}

/// A tenant, as the host that carries it needs it.
#[derive(Debug, Clone, Serialize)]
pub struct CarriedTenant {
    /// `c_e863-albo`.
    pub id: String,
    /// Its Unix account.
    pub account: String,
    /// The name it answers under.
    pub host_name: String,
    /// Its TCP port on the loopback address here, when it cannot listen on a socket.
    pub port: Option<u16>,
    /// Its application runs here.
    pub application_here: bool,
    /// Its database is here.
    pub database_here: bool,
}

/// `member`: a body that joined.
#[derive(Debug, Clone, Serialize)]
pub struct MemberValues {
    /// Official name: `Malnate`.
    pub name: String,
    /// The name with the kind of body before it: `Comune di Malnate`.
    pub full_name: String,
    /// Names its accounts, databases and files: `c_e863`.
    pub code: String,
    /// Name of its file: `malnate`.
    pub slug: String,
    /// Kind of body.
    pub kind: MemberKind,
    /// `joining`, `active` or `leaving`.
    pub status: Status,
    /// Its DNS zone, when known.
    pub zone: Option<String>,
    /// Residents, when known.
    pub residents: Option<u32>,
    /// E-mail address of its technicians, when known.
    pub technical_contact: Option<String>,
    /// The folder of all its tenants on an application host: `/srv/comuni/c_e863`.
    pub home: String,
    /// Its repository, when backups are made.
    pub backup: Option<MemberBackup>,
}

/// `tenant`: one application of one member.
#[derive(Debug, Clone, Serialize)]
pub struct TenantValues {
    /// `c_e863-albo`.
    pub id: String,
    /// Unix account and group: `c_e863_albo`.
    pub account: String,
    /// Home: `/srv/comuni/c_e863/albo`.
    pub home: String,
    /// The only folder it may write: `/srv/comuni/c_e863/albo/data`.
    pub data: String,
    /// Folder of its configuration: `/etc/comuni/tenants/c_e863-albo`.
    pub configuration: String,
    /// systemd unit: `comuni-c_e863-albo.service`.
    pub unit: String,
    /// Folder of its socket: `/run/comuni-c_e863-albo`.
    pub runtime_directory: String,
    /// Its unix socket: `/run/comuni-c_e863-albo/http.sock`.
    pub socket: String,
    /// TCP port on the loopback address, for an application that cannot listen on a socket.
    pub port: Option<u16>,
    /// The file that has nginx show the maintenance page as long as it is there.
    pub maintenance: String,
    /// The name it answers under.
    pub host_name: String,
    /// Its database.
    pub database: String,
    /// The role that owns the database; cannot log in.
    pub database_owner: String,
    /// The two login roles. Which one is in use is not known here: `secrets.database_user` stands for it.
    pub login_roles: Vec<String>,
    /// The release it runs.
    pub release: String,
    /// SHA-256 (hex) of the release's archive.
    pub release_sha256: String,
    /// Where the release is unpacked: `/opt/comuni/releases/albo/1.0.0`.
    pub release_path: String,
    /// What it may use.
    pub size: SizeValues,
    /// The product.
    pub application: ApplicationValues,
    /// The host that runs it.
    pub application_host: HostValues,
    /// The host of its database.
    pub database_host: HostValues,
    /// Tokens of its secrets by name: `database_password_a` and `database_password_b` of the two login roles,
    /// `database_user` and `database_password` of the one in use, and those of the catalogue.
    pub secrets: BTreeMap<String, String>,
    /// The member is leaving: stopped, data kept.
    pub stopped: bool,
    /// How its backups are made, when they are.
    pub backup: Option<TenantBackup>,
}

/// What a tenant may use.
#[derive(Debug, Clone, Serialize)]
pub struct SizeValues {
    /// Name of the class.
    pub name: String,
    /// Percent of one CPU.
    pub cpu_percent: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Database connections.
    pub connections: u32,
}

/// A purchased product, as one tenant runs it.
#[derive(Debug, Clone, Serialize)]
pub struct ApplicationValues {
    /// Name in the catalogue.
    pub name: String,
    /// As the comuni know it.
    pub title: String,
    /// Debian packages.
    pub packages: Vec<String>,
    /// Run before each start; rendered for this tenant.
    pub prepare: Vec<String>,
    /// The program and its arguments; rendered for this tenant.
    pub start: Vec<String>,
    /// Environment; rendered for this tenant.
    pub environment: BTreeMap<String, String>,
    /// Settings files by name; rendered for this tenant.
    pub files: BTreeMap<String, String>,
    /// Seconds that `prepare` may take, and the start after it.
    pub start_seconds: u32,
    /// How its health is asked; rendered for this tenant.
    pub health: HealthValues,
    /// The only HTTP methods that nginx lets in from outside; empty when it lets in all.
    pub public_methods: Vec<Method>,
    /// It listens on `tenant.socket`; otherwise on `tenant.port`.
    pub listens_on_socket: bool,
    /// It tells systemd when it is ready.
    pub notifies: bool,
    /// It has a database.
    pub has_database: bool,
    /// The engine of its database, when it has one.
    pub database: Option<Engine>,
    /// What waits to be done, when it has a queue.
    pub queue: Option<QueueValues>,
}

/// `tenant.application.queue`: what waits to be done, in a table of its database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueValues {
    /// A `select` of the seconds for which the oldest thing has waited.
    pub oldest: String,
    /// When it has waited for longer, somebody is told.
    pub stuck_seconds: u32,
}

/// How the health of a tenant is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthValues {
    /// Path of the page.
    pub path: String,
    /// HTTP method.
    pub method: Method,
    /// What is sent along.
    pub body: Option<String>,
    /// Media type of the body.
    pub media_type: Option<String>,
    /// The status of a healthy answer.
    pub status: u16,
    /// Words that a healthy answer has in it.
    pub contains: Option<String>,
    /// Names what is asked and must come, but for the path: the monitoring has a module of this name.
    pub probe: String,
    /// Where in the catalogue's file that stands, for messages and not for templates: `health`, `releases.8.0.12.health`.
    #[serde(skip)]
    pub stated: String,
}

/// `file`: a settings file of a tenant, which its application asks for.
#[derive(Debug, Clone, Serialize)]
pub struct FileValues {
    /// Name in the catalogue.
    pub name: String,
    /// Where it lies: `/etc/comuni/tenants/c_e863-albo/<name>`.
    pub path: String,
    /// Its whole content.
    pub content: String,
}

/// `zone`: a DNS zone that we serve.
#[derive(Debug, Clone, Serialize)]
pub struct ZoneValues {
    /// The zone as it is served, without a final dot: `comune.malnate.va.it`, `cloud.comune.vedano-olona.va.it`.
    pub name: String,
    /// Who serves it.
    pub mode: DomainMode,
    /// The code of the member whose zone it is.
    pub owner: String,
    /// Its records as canonical lines `owner TTL TYPE data`, names absolute and small, sorted; the SOA first, with serial 0.
    pub records: Vec<String>,
    /// The addresses of all name servers, the primary first.
    pub servers: Vec<String>,
    /// The names and types that change only when that is allowed by name: `comune.malnate.va.it/MX`.
    pub protected: Vec<String>,
    /// The TTL that an address gets for the time of its move, in seconds; 0: it moves at once.
    pub move_ttl: u32,
    /// Seconds that the name servers have to serve a change.
    pub patience: u32,
}
