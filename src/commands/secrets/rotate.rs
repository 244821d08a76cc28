//! `comuni secrets rotate`: a tenant gets another login role with a new password, and the one it used is barred.
//!
//! The steps are on disk before they are on a host ([`Store::advance`]), and each is repeated until the host has it: so
//! a run that was cut off anywhere goes on where it was.

use std::collections::BTreeSet;

use super::tenants::Tenant;
use crate::catalog::Catalog;
use crate::cli::{Global, Rotate};
use crate::commands::inventory::read;
use crate::commands::procedure::{Answer, Procedure, Refused, unexpected};
use crate::failure::{Failure, Kind, Result};
use crate::inventory::diagnostics::counted;
use crate::protocol::{Act, Acted};
use crate::report::{Out, consent};
use crate::secrets::{Rotation, Step, Store};

/// # Errors
/// Exit 3 when some were rotated and some not; 1 when none could be; 6 when somebody else is at it; 64 without consent;
/// 65 when the secrets are not for us.
pub(super) fn run(global: &Global, rotate: &Rotate, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let mut store = super::open(&inventory, &rotate.way.identity)?;
    let tenants = super::tenants::chosen(&inventory, &rotate.members, &rotate.applications)?;
    for tenant in &tenants {
        store.rotation(&tenant.subject.owner, &tenant.application)?;
    }
    if !rotate.yes {
        let names: Vec<&str> = tenants.iter().map(|tenant| tenant.subject.tenant.as_str()).collect();
        out.text(&format!("{} restarts once: {}\n", counted(names.len(), "tenant"), names.join(", ")));
        if !consent(out, "Give them new database passwords?")? {
            return Err(Failure::operation("not rotated: the answer was not `yes`"));
        }
    }
    let owners = tenants.iter().map(|tenant| tenant.subject.owner.clone()).collect();
    let hosts = tenants.iter().flat_map(Tenant::hosts).collect();
    let mut procedure = Procedure::begin(&inventory, &rotate.way, "secrets rotate", owners, &hosts, out)?;
    let mut kinds = Vec::new();
    for tenant in &tenants {
        let rotated = match procedure.is_stopping() {
            Some(failure) => Err(failure),
            None => Walk { procedure: &mut procedure, store: &mut store, tenant }.whole(),
        };
        procedure.ended(&tenant.subject, &rotated);
        procedure.release(tenant.hosts(), &tenant.subject);
        kinds.extend(rotated.err().map(|failure| failure.kind));
    }
    let done = tenants.len() - kinds.len();
    let kind = Kind::of_many(kinds, done);
    procedure.end(&inventory, kind, out)?;
    out.text(&format!("{} of {} rotated\n", done, counted(tenants.len(), "tenant")));
    if done > 0 {
        out.remark("commit the folder secrets/: until then another checkout has passwords that no longer work");
    }
    // What failed was told above.
    kind.map_or(Ok(()), |kind| Err(Failure::new(kind, "")))
}

/// One tenant on its way.
struct Walk<'a> {
    procedure: &'a mut Procedure,
    store: &'a mut Store,
    tenant: &'a Tenant,
}

impl Walk<'_> {
    /// From wherever it is to the end.
    fn whole(&mut self) -> Result<()> {
        let mut at = self.begin()?;
        loop {
            match at.step {
                None => {}
                Some(Step::Prepared) => self.prepare(at)?,
                Some(Step::Switched) => self.switch(at)?,
                Some(Step::Barred) => self.bar(at)?,
            }
            let last = at.step == Some(Step::Barred);
            at = self.store.advance(&self.tenant.subject.owner, &self.tenant.application, at)?;
            if last {
                return Ok(());
            }
        }
    }

    /// Takes the tenant on all its hosts. A new rotation begins only with a tenant that is as the inventory says, and
    /// healthy: whatever is wrong later then came from the rotation.
    fn begin(&mut self) -> Result<Rotation> {
        let tenant = self.tenant;
        let mut differing = BTreeSet::new();
        for catalog in tenant.roles.iter().chain(&tenant.passwords).chain(&tenant.users).chain(&tenant.services) {
            let ids = self.procedure.compare(&tenant.subject, catalog, self.store.table(&tenant.tokens(catalog)))?;
            differing.extend(ids.into_iter().map(|id| format!("{}: {id}", catalog.host)));
        }
        // Only now that nobody else can be at it is the file's word final.
        self.store.refresh(&tenant.subject.owner)?;
        let at = self.store.rotation(&tenant.subject.owner, &tenant.application)?;
        if let Some(step) = at.step {
            self.say(&tenant.users, &format!("goes on with a rotation that was cut off ({})", words(step)));
            return Ok(at);
        }
        if !differing.is_empty() {
            let list: Vec<String> = differing.into_iter().collect();
            return Err(Failure::operation(format!(
                "{} is not as the inventory says: {}",
                tenant.subject.tenant,
                list.join(", ")
            ))
            .hint(format!("comuni apply --member {} first, then rotate", tenant.slug)));
        }
        self.ask()?;
        Ok(at)
    }

    fn prepare(&mut self, at: Rotation) -> Result<()> {
        self.bring(&self.tenant.roles)?;
        self.bring(&self.tenant.passwords)?;
        self.say(&self.tenant.roles, &format!("{} has a new password", self.role(at, false)));
        Ok(())
    }

    fn switch(&mut self, at: Rotation) -> Result<()> {
        match self.switched() {
            Ok(()) => {
                self.say(&self.tenant.users, &format!("uses {} and is healthy", self.role(at, true)));
                Ok(())
            }
            Err(Refused::Failed(failure)) => Err(self.go_back(at, failure)),
            Err(refused) => Err(refused.into()),
        }
    }

    fn switched(&mut self) -> Answer<()> {
        self.bring(&self.tenant.users)?;
        self.ask()
    }

    /// The role it used before still has its password: the tenant goes back to it.
    fn go_back(&mut self, at: Rotation, failure: Failure) -> Failure {
        let (owner, application) = (&self.tenant.subject.owner, &self.tenant.application);
        let back = self.store.switch_back(owner, application, at).and_then(|_| Ok(self.switched()?));
        match back {
            Ok(()) => failure.hint(format!(
                "it uses {} again, as before, and is healthy; `journalctl --unit={}` has its own words",
                self.role(at, false),
                self.tenant.unit
            )),
            Err(second) => failure.hint(format!(
                "nor is it healthy with {}, which it used before: {}",
                self.role(at, false),
                second.message
            )),
        }
    }

    fn bar(&mut self, at: Rotation) -> Result<()> {
        // Whoever applied an older state meanwhile would be locked out now.
        self.switched()?;
        self.bring(&self.tenant.roles)?;
        let role = self.role(at, false);
        let mut sessions = 0;
        for catalog in &self.tenant.roles {
            let act = Act::EndSessions { role: role.clone() };
            sessions += match self.procedure.act(&catalog.host, &self.tenant.subject, act, Default::default())? {
                Acted::Sessions(count) => count,
                other => return Err(unexpected(&catalog.host, &other).into()),
            };
        }
        self.bring(&self.tenant.passwords)?;
        let ended = counted(sessions as usize, "session");
        self.say(&self.tenant.roles, &format!("{role} is barred: its old password is no longer good, {ended} ended"));
        Ok(())
    }

    fn bring(&mut self, catalogs: &[Catalog]) -> Answer<()> {
        for catalog in catalogs {
            let secrets = self.store.table(&self.tenant.tokens(catalog));
            self.procedure.bring(&self.tenant.subject, catalog, secrets)?;
        }
        Ok(())
    }

    /// Asks the application for its health; one that is stopped has none.
    fn ask(&mut self) -> Answer<()> {
        let Some((host, health)) = &self.tenant.health else { return Ok(()) };
        self.procedure.act(host, &self.tenant.subject, Act::Ask(health.clone()), Default::default()).map(|_| ())
    }

    fn role(&self, at: Rotation, active: bool) -> String {
        let half = if active { at.active } else { at.active.other() };
        half.role(&self.tenant.subject.owner, &self.tenant.application)
    }

    fn say(&self, on: &[Catalog], words: &str) {
        let host = on.first().map_or("", |catalog| catalog.host.as_str());
        self.procedure.say(host, &self.tenant.subject, words);
    }
}

fn words(step: Step) -> &'static str {
    match step {
        Step::Prepared => "the idle login had a new password",
        Step::Switched => "the application was to use the other login",
        Step::Barred => "the earlier login was to be barred",
    }
}
