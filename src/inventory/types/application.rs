//! `applications/<name>.yml`: the catalogue of purchased products.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BackupPolicy;

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
    /// How its health is asked, of all releases that do not say otherwise.
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
    /// Questions to a restored copy of the database, each with the numbers that answer it well. What they read cannot be
    /// changed by them.
    #[serde(default)]
    pub assertions: Vec<Assertion>,
    /// What waits to be done, in a table of its database; none when left out.
    pub queue: Option<Queue>,
    /// What can be run.
    pub releases: BTreeMap<String, Release>,
}

impl Application {
    /// How the health of a tenant that runs this release is asked, and the place in the file that says so.
    pub fn health_on(&self, release: &str) -> (&Health, String) {
        match self.releases.get(release).and_then(|stated| stated.health.as_ref()) {
            Some(own) => (own, format!("releases.{release}.health")),
            None => (&self.health, "health".to_string()),
        }
    }
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

impl Method {
    /// As HTTP spells it.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
        }
    }
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
    /// Settings files by name, each with its whole content. They lie in `{{ tenant.configuration }}`; the tenant can read
    /// them and nobody else.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Seconds that `prepare` may take, and the start after it; 180 when not said.
    #[schemars(range(min = 1, max = 3600))]
    pub start_seconds: Option<u32>,
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

/// A question to a restored copy of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// What it asks, for a person.
    pub name: String,
    /// A `select` of one whole number.
    pub query: String,
    /// The least that it may be.
    pub at_least: Option<i64>,
    /// The most that it may be.
    pub at_most: Option<i64>,
}

/// A queue of a product. Its age is measured every five minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// A `select` of one whole number: for how many seconds the oldest thing has waited; null when nothing waits. It is
    /// asked as the owner of the database, in a transaction that cannot write.
    pub oldest: String,
    /// When it has waited for longer than so many minutes, somebody is told; 30 when not said.
    #[schemars(range(min = 1, max = 10080))]
    pub stuck_minutes: Option<u32>,
}

/// How the health of a tenant is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Path of the page that answers as said here only when the tenant can work. May be a template over `tenant`.
    pub path: String,
    /// How it is asked; GET when not said.
    pub method: Option<Method>,
    /// What is sent along. May be a template over `tenant`, on one line.
    pub body: Option<String>,
    /// Media type of the body (`application/json`).
    pub media_type: Option<String>,
    /// The status of a healthy answer; 200 when not said.
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
    /// Words that a healthy answer has in it.
    pub contains: Option<String>,
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
    /// The oldest release from which a tenant can come to this one in one step; an older one takes that one first.
    pub requires: Option<String>,
    /// The release before still works on what this one makes of the data, so that going back loses nothing.
    #[serde(default)]
    pub reversible: bool,
    /// How its health is asked, when otherwise than the application's, of which nothing is taken then.
    pub health: Option<Health>,
}

/// Defaults for tenants, of an application or of the consortium.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantDefaults {
    /// The release of tenants that name none.
    pub release: Option<String>,
    /// The size class of tenants that name none.
    pub size: Option<String>,
    /// How backups are made and kept, key by key.
    #[serde(default)]
    pub backup: BackupPolicy,
}
