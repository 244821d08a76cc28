//! Types, reading with positions, checks, and the ISTAT register. Knows no host's reality.

pub mod capacity;
mod check;
pub mod diagnostics;
mod draft;
pub mod edit;
mod fit;
pub mod init;
mod layers;
mod load;
mod merge;
pub mod names;
pub mod newcomer;
pub mod node;
mod pattern;
pub mod register;
pub mod schema;
pub mod select;
pub mod shape;
pub mod show;
pub mod source;
mod syntax;
pub mod types;
pub mod version;
pub mod zones;

pub use load::{Loaded, Trees, load, load_with};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use types::{Application, Consortium, Host, Member, Role, Rollout, SizeClass, Tenant};

/// A whole inventory that has passed every check: merged with what it includes and with all defaults.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// The folder it was read from: new files are written here.
    pub directory: PathBuf,
    /// The folders it was read from, the included first.
    pub layers: Vec<PathBuf>,
    /// The aggregation.
    pub consortium: Consortium,
    /// The machines by name.
    pub hosts: BTreeMap<String, Host>,
    /// The catalogue by name.
    pub applications: BTreeMap<String, Application>,
    /// The members by slug (the name of the file).
    pub members: BTreeMap<String, Body>,
    /// How releases come to the tenants.
    pub rollout: Rollout,
    /// `authority.pem`: certificates of the consortium's authority (PEM), the first one signs, all are trusted.
    /// `None` until `comuni secrets set --missing` made it.
    pub authority: Option<String>,
    /// SHA-256 (hex) over all files that were read, names and contents: two inventories with one digest are the same.
    pub digest: String,
}

impl Inventory {
    /// The hosts that watch all others; none when the consortium has no `monitoring:`.
    pub fn watchers(&self) -> BTreeSet<&str> {
        let watching = |host: &Host| host.roles.contains(&Role::Monitoring) && self.consortium.monitoring.is_some();
        self.hosts.iter().filter(|(_, host)| watching(host)).map(|(name, _)| name.as_str()).collect()
    }
}

/// A member with what follows from its file.
#[derive(Debug, Clone)]
pub struct Body {
    /// Name of the file without `.yml`.
    pub slug: String,
    /// Names its users, databases and files (`c_e863`).
    pub code: String,
    /// The file, with defaults.
    pub member: Member,
    /// Its tenants by application, with defaults.
    pub tenants: BTreeMap<String, TenantPlan>,
}

/// A tenant with what follows from defaults.
#[derive(Debug, Clone)]
pub struct TenantPlan {
    /// Name of the application.
    pub application: String,
    /// What the three levels say.
    pub tenant: Tenant,
    /// The name it answers under.
    pub host_name: String,
    /// Name of its size class.
    pub size_name: String,
    /// Its size class.
    pub size: SizeClass,
    /// Name of the application host.
    pub application_host: String,
    /// Name of the database host.
    pub database_host: String,
}

/// Names a tenant's Unix account, its database and the role that owns the database: `c_e863_albo`.
pub fn account(code: &str, application: &str) -> String {
    format!("{code}_{}", application.replace('-', "_"))
}

/// The two roles of a tenant's database that log in. One is in use; `secrets` knows which.
pub fn login_roles(account: &str) -> [String; 2] {
    [format!("{account}_a"), format!("{account}_b")]
}
