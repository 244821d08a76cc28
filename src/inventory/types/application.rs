//! `applications/<name>.yml`: the catalogue of purchased products.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A purchased product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// As the comuni know it, in Italian.
    pub title: String,
    /// How it runs.
    pub runtime: Runtime,
    /// Its database; none when left out.
    pub database: Option<Database>,
    /// How its health is asked.
    pub health: Health,
    /// The only HTTP methods that nginx lets in from outside, such as `[GET, HEAD]`; all when left out. The socket itself
    /// takes every method still.
    pub public_methods: Option<Vec<Method>>,
    /// The oldest release that a tenant may run.
    pub minimum_release: Option<String>,
    /// Secrets of each tenant beside the database password, by name.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// The first of the three levels of defaults.
    #[serde(default)]
    pub defaults: TenantDefaults,
    /// What can be run.
    pub releases: BTreeMap<String, Release>,
}

/// A method of HTTP (RFC 9110, RFC 5789).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Reads the headers only.
    Head,
    /// Hands something in.
    Post,
    /// Replaces.
    Put,
    /// Changes a part.
    Patch,
    /// Removes.
    Delete,
    /// Asks what is allowed.
    Options,
}

/// How a product runs. Arguments and values are templates over `tenant` (see `docs/templates.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// Debian packages it needs.
    #[serde(default)]
    pub packages: Vec<String>,
    /// Run before each start, as the tenant: creates or migrates the schema. Empty: nothing.
    #[serde(default)]
    pub prepare: Vec<String>,
    /// The program and its arguments.
    pub start: Vec<String>,
    /// Where it listens.
    pub listen: Listen,
    /// It tells systemd when it is ready (sd_notify(3)).
    #[serde(default)]
    pub notifies: bool,
    /// Environment beside the database's (`PGHOST`...).
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

/// Where a product listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Listen {
    /// On a unix socket: `{{ tenant.socket }}`.
    Socket,
    /// On a TCP port of the loopback address: `{{ tenant.port }}`.
    Port,
}

/// The database of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The engine.
    pub engine: Engine,
}

/// Database engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// PostgreSQL of Debian 12.
    Postgresql,
}

/// How the health of a tenant is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Path of the page that answers 200 only when the tenant can work.
    pub path: String,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// SHA-256 of the archive, 64 lower-case hex digits.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// Path of the archive (`.tar.gz` with one folder at its top), from the inventory that states it. Once loaded it is
    /// absolute.
    pub source: String,
    /// The release that must have run before this one.
    pub requires: Option<String>,
    /// Going back to the release before keeps the data as they are.
    #[serde(default)]
    pub reversible: bool,
}

/// Defaults for tenants, of an application or of the consortium.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantDefaults {
    /// The release of tenants that name none.
    pub release: Option<String>,
    /// The size class of tenants that name none.
    pub size: Option<String>,
}
