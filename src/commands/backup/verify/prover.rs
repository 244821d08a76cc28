//! The restore test of one tenant's newest backup, as a part of another procedure.

use std::collections::BTreeSet;

use super::task::{self, Tasks};
use super::{body, note_verified, verifier};
use crate::backup::ladder::{Level, Verification};
use crate::cli::{Tenants, Verify, Way};
use crate::commands::backup::past::Past;
use crate::commands::backup::tenants::Tenant;
use crate::commands::procedure::{Procedure, unexpected};
use crate::evidence::clock;
use crate::failure::{Failure, Result};
use crate::inventory::Inventory;
use crate::protocol::{Act, Acted};
use crate::report::Out;
use crate::secrets::Store;

/// Seconds to wait for whoever holds a repository.
const WAIT: u32 = 120;

/// Proves backups on the host with the role `verification`.
#[derive(Clone)]
pub(in crate::commands) struct Prover<'a> {
    inventory: &'a Inventory,
    store: &'a Store,
    verifier: &'a str,
    options: Verify,
}

impl<'a> Prover<'a> {
    /// # Errors
    /// Exit 65 when the host that keeps the repositories cannot prove, or the keys of these members are not for us.
    pub(in crate::commands) fn new(
        inventory: &'a Inventory,
        store: &'a Store,
        tenants: &[Tenant],
        way: &Way,
    ) -> Result<Prover<'a>> {
        store.require(&tenants.iter().map(|tenant| task::key(&tenant.subject.owner)).collect())?;
        let options = Verify {
            all: false,
            tenants: Tenants::default(),
            level: Some(Level::L4),
            due: false,
            textfile: None,
            ping: None,
            quiet: false,
            escrow: None,
            accept_shrunk: false,
            wait: WAIT,
            schedule: false,
            way: way.clone(),
        };
        Ok(Prover { inventory, store, verifier: verifier(inventory)?, options })
    }

    /// The host that proves.
    pub(in crate::commands) fn host(&self) -> &'a str {
        self.verifier
    }

    /// Restores the newest backup of a tenant far from everything that is live. The record of it is evidence at once.
    ///
    /// # Errors
    /// When it is not proven to be restorable, for whatever reason.
    pub(in crate::commands) fn restorable(
        &self,
        procedure: &mut Procedure,
        tenant: &Tenant,
        past: &Past,
        out: &Out,
    ) -> Result<Verification> {
        let body = body(self.inventory, &tenant.subject.owner)?;
        let tasks = Tasks::new(self.inventory, &self.options, self.verifier)?;
        let now = clock::now().as_second();
        let task = tasks.of(body, &tenant.application, past.of(&tenant.subject.tenant), Level::L4, now)?;
        let table = self.store.table(&BTreeSet::from([task.key.clone()]));
        let acted = procedure.act(self.verifier, &tenant.subject, Act::Verify(Box::new(task)), table);
        procedure.release([self.verifier], &tenant.subject);
        let found = match acted? {
            Acted::Verified(found) => *found,
            other => return Err(unexpected(self.verifier, &other).into()),
        };
        procedure.proven(self.inventory, body, &found, out)?;
        note_verified(procedure, self.inventory, self.verifier, tenant, &found, out);
        if found.reached.is_some_and(|level| level >= Level::L4) {
            return Ok(found);
        }
        let why = found.reason().map_or(String::new(), |(rung, check)| {
            format!(": {} {}: {}", rung.level, check.what, check.found.as_deref().unwrap_or("not known"))
        });
        let kind = found.outcome.kind().unwrap_or(crate::failure::Kind::Inconclusive);
        Err(Failure::new(kind, format!("its newest backup is not proven to be restorable{why}"))
            .hint("comuni backup verify --level L6 tells more"))
    }
}
