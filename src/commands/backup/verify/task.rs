//! What the proving host is asked for: the policy of the inventory, what is known from before, and how the application is
//! started.

use crate::backup::ladder::{Assertion, Level, Slice, Start, Task};
use crate::cli::Verify;
use crate::commands::backup::past::Proven;
use crate::compile::{running_tenant, values::TenantValues};
use crate::failure::{Failure, Result};
use crate::health::Health;
use crate::inventory::names::{backup_account, backup_home, repository, repository_key};
use crate::inventory::types::Prove;
use crate::inventory::{Body, Inventory};
use crate::protocol::Place;
use crate::templates::Templates;

/// Seconds in which an application must become healthy, unless its catalogue grants it more.
const PATIENCE: u32 = 60;

/// Makes tasks.
pub(super) struct Tasks<'a> {
    inventory: &'a Inventory,
    options: &'a Verify,
    verifier: &'a str,
    templates: Templates,
    prove: Prove,
}

/// Token of the key of a member's repository.
pub(super) fn key(code: &str) -> String {
    repository_key(code)
}

/// Where a member's backups are kept: on the first host, which has an account for it, and on that of the second copy.
pub(super) fn places(inventory: &Inventory, code: &str) -> Vec<(String, Place)> {
    let Some(backup) = &inventory.consortium.backup else { return Vec::new() };
    let place = |account| Place { home: backup_home(code), repository: repository(code), account };
    let first = (backup.repository.clone(), place(Some(backup_account(code))));
    [first].into_iter().chain(backup.copy.clone().map(|host| (host, place(None)))).collect()
}

impl<'a> Tasks<'a> {
    /// Reads the templates that say how applications are started.
    ///
    /// # Errors
    /// Exit 65 when they cannot be read.
    pub(super) fn new(inventory: &'a Inventory, options: &'a Verify, verifier: &'a str) -> Result<Tasks<'a>> {
        let templates = Templates::load(&inventory.layers)?;
        let prove = inventory.consortium.backup.as_ref().map(|backup| backup.prove.clone()).unwrap_or_default();
        Ok(Tasks { inventory, options, verifier, templates, prove })
    }

    /// How often what is proven.
    pub(super) fn prove(&self) -> &Prove {
        &self.prove
    }

    /// The task for one tenant.
    ///
    /// # Errors
    /// Exit 65 when the catalogue's templates name what there is not.
    pub(super) fn of(&self, body: &Body, application: &str, past: &Proven, up_to: Level, now: i64) -> Result<Task> {
        let plan = body
            .tenants
            .get(application)
            .ok_or_else(|| Failure::inventory(format!("{} has no {application}", body.member.full_name())))?;
        let values = running_tenant(&self.templates, self.inventory, body, plan)?;
        let policy = &plan.tenant.backup;
        let assertions = self.inventory.applications.get(application).map(|found| found.assertions.as_slice());
        Ok(Task {
            tenant: values.id.clone(),
            member: body.code.clone(),
            application: application.to_string(),
            host: self.verifier.to_string(),
            up_to,
            copy: false,
            clear: false,
            now,
            repository: repository(&body.code),
            account: Some(backup_account(&body.code)),
            key: key(&body.code),
            rpo_hours: policy.rpo_hours(),
            keep_days: policy.keep_days(),
            shrink_percent: policy.shrink_percent(),
            changing_files: policy.changing_files(),
            has_database: values.application.has_database,
            data: values.data.clone(),
            known: past.known.clone(),
            bytes_before: past.bytes.filter(|_| !self.options.accept_shrunk),
            rows_before: past.rows.filter(|_| !self.options.accept_shrunk),
            slice: Some(self.slice(past)),
            sound: None,
            read: None,
            assertions: assertions.unwrap_or_default().iter().map(assertion).collect(),
            start: Some(start(values)),
            patience: self.options.wait,
        })
    }

    /// The part after the one that was read last.
    fn slice(&self, past: &Proven) -> Slice {
        let of = self.prove.read_days;
        let part = past.slice.filter(|last| last.of == of).map_or(0, |last| last.part) % of + 1;
        Slice { part, of }
    }
}

fn assertion(of: &crate::inventory::types::Assertion) -> Assertion {
    Assertion { name: of.name.clone(), query: of.query.clone(), at_least: of.at_least, at_most: of.at_most }
}

fn start(values: TenantValues) -> Start {
    let application = values.application;
    let seconds = PATIENCE.max(application.start_seconds);
    let asked = application.health;
    Start {
        release: values.release,
        release_path: values.release_path,
        prepare: application.prepare,
        command: application.start,
        notifies: application.notifies,
        seconds,
        memory_mib: values.size.memory_mib,
        data: values.data,
        configuration: values.configuration,
        runtime_directory: values.runtime_directory,
        environment: application.environment.into_iter().collect(),
        files: application.files.into_iter().collect(),
        tokens: values.secrets.into_values().collect(),
        database: application.has_database.then_some(values.database),
        database_owner: application.has_database.then_some(values.database_owner),
        health: Health {
            socket: application.listens_on_socket.then_some(values.socket),
            port: values.port,
            host_name: values.host_name,
            path: asked.path,
            method: asked.method.name().to_string(),
            body: asked.media_type.zip(asked.body),
            status: asked.status,
            contains: asked.contains,
            patience: seconds,
        },
    }
}
