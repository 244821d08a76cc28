//! `comuni backup prune`: takes away what is older than its limit, on the hosts that keep backups and nowhere else.
//!
//! The key of a repository travels in the order and lives in the memory of one process. The tenants of the member are held
//! on their application hosts meanwhile, so that no backup begins.

use std::collections::{BTreeMap, BTreeSet};

use super::tenants::{Tenant, chosen};
use crate::backup::prune::{Keep, Pruned};
use crate::backup::run::Run;
use crate::cli::{Global, Tenants, Way};
use crate::commands::inventory::read;
use crate::commands::procedure::{Procedure, Subject};
use crate::failure::{Failure, Kind, Result};
use crate::fleet::BackupRuns;
use crate::inventory::diagnostics::counted;
use crate::inventory::names::{backup_account, backup_home, repository, repository_key};
use crate::inventory::{Body, Inventory};
use crate::protocol::{Act, Acted, Place};
use crate::report::{Out, table};
use crate::resources::SecretTable;
use crate::secrets::Store;

/// Records that are read of each host, to know what is frozen.
const NEWEST: u32 = 1000;

/// # Errors
/// Exit 3 when some repositories were pruned and some not, 1 when none was, 6 when somebody holds a tenant, 65 when the
/// keys are not for us.
pub(super) fn run(global: &Global, members: &[String], way: &Way, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let tenants = chosen(&inventory, &Tenants { members: members.to_vec(), applications: Vec::new() })?;
    let store = crate::commands::secrets::open(&inventory, &way.identity)?;
    let bodies: Vec<&Body> = inventory
        .members
        .values()
        .filter(|body| tenants.iter().any(|tenant| tenant.subject.owner == body.code))
        .collect();
    let keys: BTreeSet<String> = bodies.iter().map(|body| repository_key(&body.code)).collect();
    store.require(&keys)?;
    let keepers = keepers(&inventory);
    let hosts: BTreeSet<&str> = tenants
        .iter()
        .map(|tenant| tenant.host.as_str())
        .chain(keepers.iter().map(|(host, _)| host.as_str()))
        .collect();
    let owners = bodies.iter().map(|body| body.code.clone()).collect();
    let mut procedure = Procedure::begin(&inventory, way, "backup prune", owners, &hosts, out)?;
    let known = known(&procedure, &tenants);
    let mut rows = vec![["MEMBER", "HOST", "REMOVED", "LEFT", "NOTES"].map(String::from).to_vec()];
    let (mut kinds, mut done) = (Vec::new(), 0);
    for body in &bodies {
        let own: Vec<&Tenant> = tenants.iter().filter(|tenant| tenant.subject.owner == body.code).collect();
        let result = match procedure.is_stopping() {
            Some(failure) => Err(failure),
            None => Member { procedure: &mut procedure, store: &store, body, tenants: &own, known: &known }
                .whole(&keepers, &mut rows),
        };
        done += usize::from(result.is_ok());
        let subject = Subject { tenant: own[0].subject.tenant.clone(), owner: body.code.clone() };
        procedure.ended(&subject, &result);
        kinds.extend(result.err().map(|failure| failure.kind));
    }
    let kind = Kind::of_many(kinds, done);
    procedure.end(&inventory, kind, out)?;
    out.text(&table(&rows));
    out.text(&format!("{done} of {} pruned\n", counted(bodies.len(), "repository")));
    kind.map_or(Ok(()), |kind| Err(Failure::new(kind, "")))
}

/// The hosts that keep backups, and whether they belong to an account of the member there: those of the second copy are
/// root's.
fn keepers(inventory: &Inventory) -> Vec<(String, bool)> {
    let backup = inventory.consortium.backup.as_ref();
    let first = backup.map(|backup| (backup.repository.clone(), true));
    first.into_iter().chain(backup.and_then(|backup| Some((backup.copy.clone()?, false)))).collect()
}

/// The newest run of each tenant that came to something.
fn known(procedure: &Procedure, tenants: &[Tenant]) -> BTreeMap<String, Run> {
    let hosts: BTreeSet<&str> = tenants.iter().map(|tenant| tenant.host.as_str()).collect();
    let mut known = BTreeMap::new();
    for host in hosts {
        let Ok(BackupRuns { runs, .. }) = procedure.backup_runs(host, NEWEST) else { continue };
        let runs = runs.into_iter().filter_map(|run| serde_json::from_value::<Run>(run).ok());
        known.extend(runs.map(|run| (run.tenant.clone(), run)));
    }
    known
}

/// One member's repository and its second copy.
struct Member<'a> {
    procedure: &'a mut Procedure,
    store: &'a Store,
    body: &'a Body,
    tenants: &'a [&'a Tenant],
    known: &'a BTreeMap<String, Run>,
}

impl Member<'_> {
    fn whole(&mut self, keepers: &[(String, bool)], rows: &mut Vec<Vec<String>>) -> Result<()> {
        let held = self.hold();
        let result = held.and_then(|()| keepers.iter().try_for_each(|(host, first)| self.at(host, *first, rows)));
        for tenant in self.tenants {
            self.procedure.release([tenant.host.as_str()], &tenant.subject);
            self.procedure.release(keepers.iter().map(|(host, _)| host.as_str()), &tenant.subject);
        }
        result
    }

    fn hold(&mut self) -> Result<()> {
        for tenant in self.tenants {
            self.procedure.act(&tenant.host, &tenant.subject, Act::Hold, SecretTable::default())?;
        }
        Ok(())
    }

    fn at(&mut self, host: &str, first: bool, rows: &mut Vec<Vec<String>>) -> Result<()> {
        let code = &self.body.code;
        let place = Place {
            home: backup_home(code),
            repository: repository(code),
            account: first.then(|| backup_account(code)),
        };
        let keeps = self.tenants.iter().map(|tenant| self.keep(tenant)).collect();
        let key = repository_key(code);
        let table = self.store.table(&BTreeSet::from([key.clone()]));
        let subject = self.tenants[0].subject.clone();
        match self.procedure.act(host, &subject, Act::Prune { place, keeps, key }, table)? {
            Acted::Pruned(Pruned { removed, left, notes }) => {
                let count = removed.len().to_string();
                rows.push(vec![code.clone(), host.to_string(), count, left.to_string(), notes.join("; ")]);
                Ok(())
            }
            other => Err(Failure::operation(format!("{host}: the host answered something else: {other:?}"))),
        }
    }

    /// Nothing goes of a tenant whose newest run did not leave a backup as it should be.
    fn keep(&self, tenant: &Tenant) -> Keep {
        let frozen = match self.known.get(&tenant.subject.tenant) {
            None => Some("no run of it is known".to_string()),
            Some(run) if !run.is_good() => Some(format!("its newest run is {}", run.state.word())),
            Some(run) => run.shrunk.clone(),
        };
        Keep { tenant: tenant.subject.tenant.clone(), days: tenant.keep_days, frozen }
    }
}
