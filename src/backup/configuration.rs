//! How a tenant's backups are made, as its application host has it: `/etc/comuni/backup/<tenant>.json`.
//!
//! Written by the playbook. It names the files of keys and holds none, so that a timer can work without control.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::postgres::Connection;
use super::restic::Repository;
use crate::failure::{Failure, Result};
use crate::machine::Machine;

/// Where these files are.
pub const FOLDER: &str = "/etc/comuni/backup";

/// How a tenant's backups are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Version of this form: 1.
    pub version: u32,
    /// `c_e863-albo`.
    pub tenant: String,
    /// This host's name in the inventory.
    pub host: String,
    /// The member's code.
    pub member: String,
    /// The application.
    pub application: String,
    /// Its release.
    pub release: String,
    /// The tenant's data folder.
    pub data: String,
    /// Its database; none when it has none.
    #[serde(default)]
    pub database: Option<Database>,
    /// Where backups go.
    pub repository: Way,
    /// What is asked of them.
    pub policy: Policy,
}

/// How a tenant's database is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// The role that owns it.
    pub owner: String,
    /// The login role in use.
    pub user: String,
    /// The name that the server's certificate must have.
    pub host: String,
    /// Where to connect.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// A file as libpq's `PGPASSFILE`.
    pub password_file: String,
    /// The certificates (PEM) that are trusted.
    pub authority: String,
}

/// How the repository is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Way {
    /// A configuration of ssh in which it is called `repository`.
    pub ssh: String,
    /// The file that has its key.
    pub key_file: String,
}

/// What is asked of backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The newest may be this old, in hours.
    pub rpo_hours: u32,
    /// They are kept for so many days.
    pub keep_days: u32,
    /// One may take so many minutes.
    pub within_minutes: u32,
    /// With so many percent less than the one before it is flagged.
    pub shrink_percent: u32,
    /// So many files may change while they are read.
    pub changing_files: u32,
}

impl Configuration {
    /// That of a tenant.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn read(machine: &dyn Machine, tenant: &str) -> Result<Configuration> {
        if tenant.is_empty() || tenant.contains('/') {
            return Err(Failure::usage(format!("{tenant:?} is no tenant")));
        }
        let path = format!("{FOLDER}/{tenant}.json");
        let content = machine.read(Path::new(&path))?.ok_or_else(|| {
            Failure::operation(format!("{tenant} is not backed up from this host: there is no {path}"))
                .hint("comuni apply --area backup writes it")
        })?;
        serde_json::from_slice(&content).map_err(|error| {
            Failure::operation(format!("{path} cannot be read: {error}"))
                .hint("comuni apply --area backup writes it anew")
        })
    }

    /// The tenants that are backed up from this host.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn tenants(machine: &dyn Machine) -> Result<Vec<String>> {
        let names = machine.list(Path::new(FOLDER))?;
        Ok(names.iter().filter_map(|name| name.strip_suffix(".json")).map(str::to_string).collect())
    }

    /// The repository, with its key.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub fn repository(&self, machine: &dyn Machine) -> Result<Repository> {
        let path = &self.repository.key_file;
        let key = machine.read(Path::new(path))?.and_then(|key| String::from_utf8(key).ok());
        let key = key.map(|key| key.trim_end().to_string()).filter(|key| !key.is_empty()).ok_or_else(|| {
            Failure::operation(format!("the key of the repository is not in {path}"))
                .hint("comuni apply --area backup brings it from the secrets")
        })?;
        Ok(Repository::served(&self.repository.ssh, key))
    }
}

impl Database {
    /// As libpq is told of it: by name and address, with the server's certificate checked.
    pub fn connection(&self) -> Connection {
        let port = self.port.to_string();
        let set = [
            ("PGHOST", &self.host),
            ("PGHOSTADDR", &self.address),
            ("PGPORT", &port),
            ("PGDATABASE", &self.name),
            ("PGUSER", &self.user),
            ("PGPASSFILE", &self.password_file),
            ("PGSSLMODE", &"verify-full".to_string()),
            ("PGSSLROOTCERT", &self.authority),
        ];
        let environment = set.into_iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        Connection { environment, account: None }
    }
}
