//! What `plan` and `apply` share: everything from the inventory to the answers of the hosts, in two steps, for a saved
//! plan may be refused between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::inventory::read;
use super::ways::{credentials, targets};
use crate::authority::Signer;
use crate::catalog::{Area, Catalog, HOST_OWNER};
use crate::cli::{Global, Selectors, Way};
use crate::compile::{Compiled, Selection, compile};
use crate::evidence::{Revision, current};
use crate::failure::{Failure, Kind, Result};
use crate::fleet::{Checked, Event, Fleet, HostHalf, Settings, Sign, Ssh};
use crate::inventory::Inventory;
use crate::protocol::{Mode, Operator, Request};
use crate::report::{HostPlan, HostState, Out, PlanView, Progress, Step, bytes};
use crate::resources::Resource;
use crate::saved::{Ground, Plan, sources};
use crate::secrets::{AUTHORITY_KEY, Identities, Store};
use crate::ssh::Limits;

/// An inventory, what was compiled from it, and what the hosts answered.
pub(super) struct Survey {
    pub(super) inventory: Inventory,
    pub(super) selection: Selection,
    pub(super) older_inventory: bool,
    pub(super) compiled: Compiled,
    pub(super) revision: Revision,
    pub(super) operator: Operator,
    pub(super) fleet: Fleet,
    pub(super) progress: Arc<Progress>,
    pub(super) checked: BTreeMap<String, Checked>,
}

/// All that can be had before a host is asked.
pub(super) struct Prepared {
    pub(super) inventory: Inventory,
    selection: Selection,
    older_inventory: bool,
    /// A verb may have something else brought about than what the inventory says.
    pub(super) compiled: Compiled,
    revision: Revision,
    store: Store,
    /// Codes of members of whom nothing shall stay.
    purge: BTreeSet<String>,
}

/// Which part of the inventory to work on.
pub(super) enum Scope<'a> {
    /// What the command line selects.
    Selected(&'a Selectors),
    /// The same as a saved plan.
    Planned(&'a Plan),
    /// All that hosts have of this member (its slug), as if it had no file any more, and its data too.
    Purged(&'a str),
}

/// Compiles what is selected. No host is asked.
///
/// # Errors
/// Wrong selectors (64), an invalid inventory (65).
pub(super) fn prepare(global: &Global, scope: Scope, way: &Way, out: &Out) -> Result<Prepared> {
    let mut inventory = read(global, out)?.inventory;
    let revision = current(&inventory)?;
    let mut purge = BTreeSet::new();
    let (selection, older_inventory) = match scope {
        Scope::Selected(selectors) => (selection(&inventory, selectors)?, selectors.older_inventory),
        Scope::Planned(plan) => (planned_selection(plan), plan.older_inventory),
        Scope::Purged(slug) => {
            purge.extend(inventory.members.remove(slug).map(|body| body.code));
            (Selection { owners: purge.clone(), with_shared: true, ..Selection::default() }, false)
        }
    };
    let mut compiled = compile(&inventory, &selection)?;
    if !purge.is_empty() {
        with_zone_catalogs(&inventory, &mut compiled)?;
    }
    must_have_playbooks(&inventory, &selection)?;
    let identities = Identities::search(&way.identity.identity, |name| std::env::var_os(name));
    let store = Store::open(&inventory, &identities)?;
    Ok(Prepared { inventory, selection, older_inventory, compiled, revision, store, purge })
}

/// Adds what says which zones there are: a zone that goes is not in it any more.
fn with_zone_catalogs(inventory: &Inventory, compiled: &mut Compiled) -> Result<()> {
    let all = compile(inventory, &Selection { areas: [Area::Dns].into(), ..Selection::default() })?;
    for (host, catalog) in all.catalogs {
        let zones = catalog.entries.into_iter().filter(|entry| matches!(entry.resource, Resource::ZoneCatalog(_)));
        if let Some(own) = compiled.catalogs.get_mut(&host) {
            own.entries.splice(..0, zones);
        }
    }
    Ok(())
}

impl Prepared {
    /// What a plan of this would stand on, as far as this machine can tell.
    pub(super) fn ground(&self) -> Result<Ground> {
        let mut ground = Ground {
            host_half: HostHalf::find()?.sha256,
            sources: sources(&self.inventory.layers)?,
            ..Ground::default()
        };
        for catalog in self.compiled.catalogs.values() {
            let given = self.store.table(&tokens(catalog)).values;
            ground.add(catalog, given.into_iter().map(|(token, secret)| (token, secret.id)).collect());
        }
        Ok(ground)
    }

    /// Asks the hosts. `allowed` is what the operator allowed by name.
    ///
    /// # Errors
    /// A host that has seen a newer inventory, or that holds resources of a body without a member file (65).
    pub(super) fn ask(self, way: &Way, mode: Mode, allowed: &BTreeSet<String>, out: &Out) -> Result<Survey> {
        let Prepared { inventory, selection, older_inventory, compiled, revision, store, purge } = self;
        let operator = operator();
        let verb = if mode == Mode::Plan { "plan" } else { "apply" };
        let members = inventory.members.values().map(|body| body.code.clone());
        let members: BTreeSet<String> = members.chain(purge.iter().cloned()).collect();
        let requests = compiled.catalogs.values().map(|catalog| Request {
            mode,
            operator: operator.clone(),
            verb: verb.to_string(),
            catalog: catalog.clone(),
            owners: selection.owners.clone(),
            areas: selection.areas.clone(),
            members: members.clone(),
            secrets: store.table(&tokens(catalog)),
            allowed: allowed.clone(),
            purge: purge.clone(),
        });
        let requests: Vec<Request> = requests.collect();
        let progress = Arc::new(Progress::new(out.clone(), verb, mode == Mode::Plan));
        let sign = signer(&inventory, &store, compiled.catalogs.clone())?;
        let asked: Vec<&str> = compiled.catalogs.keys().map(String::as_str).chain(control_host(&inventory)).collect();
        let mut fleet = connect(&inventory, &asked, way, &progress, sign, out)?;
        // What changes hosts is recorded on the control host: the way there is made while the others are compared.
        if let Some(control) = control_host(&inventory).filter(|_| mode != Mode::Plan)
            && !compiled.catalogs.contains_key(control)
        {
            fleet.expect(control);
        }
        let checked = fleet.check(requests);
        let survey =
            Survey { inventory, selection, older_inventory, compiled, revision, operator, fleet, progress, checked };
        survey.must_be_ours()?;
        for (owner, why) in store.unreadable().into_iter().filter(|(owner, _)| !store.has_part(owner)) {
            out.remark(&format!("the secrets of {owner} cannot be read: {why}"));
        }
        Ok(survey)
    }
}

/// A run over all hosts of an inventory, whose events go to the progress.
///
/// # Errors
/// Exit 64 when one of the hosts that are `asked` takes a word that nobody can be asked for.
pub(super) fn connect(
    inventory: &Inventory,
    asked: &[&str],
    way: &Way,
    progress: &Arc<Progress>,
    sign: Sign,
    out: &Out,
) -> Result<Fleet> {
    let credentials = credentials(inventory, asked, way, out)?;
    let ssh = Ssh::new(targets(inventory), credentials, Limits::default(), HostHalf::find()?);
    let settings = Settings { parallel: usize::from(way.parallel), ..Settings::default() };
    let shown = Arc::clone(progress);
    let transport: Arc<dyn crate::fleet::Transport> = Arc::new(ssh);
    Fleet::new(transport, settings, Arc::new(move |event| show(&shown, &event)), sign)
}

/// Who runs this, as far as this machine knows.
pub(super) fn operator() -> Operator {
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let user = user.unwrap_or_else(account);
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Operator { user, machine, fingerprint: None }
}

/// The account's name by `/etc/passwd`, for cron and containers that set no `USER`.
fn account() -> String {
    let uid = rustix::process::getuid().as_raw().to_string();
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = known.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2) == Some(&uid.as_str())).then(|| fields[0].to_string())
    });
    name.unwrap_or_else(|| format!("uid {uid}"))
}

fn selection(inventory: &Inventory, selectors: &Selectors) -> Result<Selection> {
    use crate::inventory::select;
    let areas = selectors.areas.iter().copied().collect();
    let mut selection = Selection { areas, with_shared: true, ..Selection::default() };
    if !selectors.members.is_empty() {
        let slugs = select::members(inventory, &selectors.members)?;
        selection.owners = slugs.iter().map(|slug| inventory.members[slug].code.clone()).collect();
    }
    if !selectors.hosts.is_empty() {
        selection.hosts = select::hosts(inventory, &selectors.hosts)?;
    }
    Ok(selection)
}

fn planned_selection(plan: &Plan) -> Selection {
    let chosen = &plan.selection;
    Selection {
        owners: chosen.owners.iter().cloned().collect(),
        hosts: chosen.hosts.iter().cloned().collect(),
        areas: chosen.areas.iter().copied().collect(),
        with_shared: true,
    }
}

/// An area that no playbook speaks of is a selector that matches nothing.
fn must_have_playbooks(inventory: &Inventory, selection: &Selection) -> Result<()> {
    for area in &selection.areas {
        let all = compile(inventory, &Selection { areas: [*area].into(), ..Selection::default() })?;
        if all.catalogs.values().all(|catalog| catalog.entries.is_empty()) {
            let word = format!("{area:?}").to_lowercase();
            return Err(Failure::usage(format!("no playbook speaks of the area `{word}`"))
                .hint(format!("write playbooks/{word}.yml in the inventory, or choose another area")));
        }
    }
    Ok(())
}

fn tokens(catalog: &Catalog) -> BTreeSet<String> {
    catalog.entries.iter().flat_map(|entry| entry.resource.kind().secrets()).collect()
}

/// Signs what the catalog of the asking host has under the id that it names, and nothing else.
fn signer(inventory: &Inventory, store: &Store, catalogs: BTreeMap<String, Catalog>) -> Result<Sign> {
    // Without the key a plan is still worth making; only a host that asks for a signature is told why there is none.
    let key = store.get(AUTHORITY_KEY);
    let signer = match (&inventory.authority, key) {
        (Some(certificate), Ok(Some(key))) => Ok(Signer::new(certificate, key.expose())?),
        (_, Err(failure)) => Err(failure.message),
        _ => Err("there is no certificate authority yet: run `comuni secrets set --missing`".to_string()),
    };
    Ok(Arc::new(move |host, request| {
        let signer = signer.as_ref().map_err(Clone::clone)?;
        let entries = catalogs.get(host).map(|catalog| catalog.entries.as_slice()).unwrap_or_default();
        let wanted = entries.iter().find_map(|entry| match &entry.resource {
            Resource::Certificate(certificate) if entry.id == request.id => Some(certificate),
            _ => None,
        });
        let wanted = wanted.ok_or_else(|| format!("the catalog of {host} has no certificate {}", request.id))?;
        signer.sign(wanted, &request.request).map_err(|failure| failure.message)
    }))
}

/// How far something is, and how fast; nothing when that cannot be told.
fn far(done: u64, total: u64, milliseconds: u64) -> String {
    if total == 0 {
        return String::new();
    }
    let speed = match milliseconds {
        0..200 => String::new(),
        _ => format!(", {}/s", bytes(done.saturating_mul(1000) / milliseconds)),
    };
    format!(" {} of {}{speed}", bytes(done), bytes(total))
}

fn show(progress: &Progress, event: &Event) {
    match event {
        Event::Connecting { host } => progress.step(host, &Step::Doing("connecting".to_string())),
        Event::Installing { host, bytes } => {
            progress.step(host, &Step::Doing(format!("installing our half ({bytes} bytes)")))
        }
        Event::Connected { host, .. } => progress.step(host, &Step::Doing("comparing".to_string())),
        Event::Archive { host, sent, size, .. } => {
            progress.step(host, &Step::Doing(format!("archive {sent}/{size} bytes")))
        }
        Event::Started { host, id } => progress.step(host, &Step::Doing(id.clone())),
        Event::Fixed { host, id, owner, action, milliseconds } => progress.step(
            host,
            &Step::Fixed { id: id.clone(), owner: owner.clone(), action: *action, milliseconds: *milliseconds },
        ),
        Event::Failed { host, id, owner, message } => {
            progress.step(host, &Step::Failed { id: id.clone(), owner: owner.clone(), message: message.clone() });
        }
        Event::Skipped { host, id, owner } => {
            progress.step(host, &Step::Skipped { id: id.clone(), owner: owner.clone() })
        }
        Event::Waits { host, id, owner, not_before } => {
            progress.step(host, &Step::Waits { id: id.clone(), owner: owner.clone(), not_before: *not_before });
        }
        Event::Notified { host, notification } => progress.step(host, &Step::Notified(notification.clone())),
        Event::Doing { host, tenant, what, done, total, milliseconds } => {
            progress.step(host, &Step::Doing(format!("{tenant} {what}{}", far(*done, *total, *milliseconds))));
        }
        Event::Confirming { host, id, .. } => {
            progress.step(host, &Step::Doing(format!("{id}: confirming over a new connection")));
        }
        Event::Waiting { host, what, seconds } => progress.step(host, &Step::Doing(format!("{what} ({seconds} s)"))),
        Event::Lost { host, failure } => progress.step(host, &Step::Lost(failure.message.clone())),
        Event::Done { host } => progress.step(host, &Step::Done),
        Event::Finding { .. }
        | Event::Checked { .. }
        | Event::Busy { .. }
        | Event::StageStarted { .. }
        | Event::LeftOut { .. }
        | Event::Interrupted { .. } => {}
    }
}

impl Survey {
    fn must_be_ours(&self) -> Result<()> {
        let compared = || {
            self.checked.iter().filter_map(|(host, checked)| match checked {
                Checked::Checked { hold, findings, .. } => Some((host, hold, findings)),
                _ => None,
            })
        };
        if let Some((host, hold, _)) = compared().find(|(_, hold, _)| !hold.unknown_members.is_empty()) {
            let codes: Vec<&str> = hold.unknown_members.iter().map(String::as_str).collect();
            return Err(Failure::inventory(format!(
                "{host} holds resources of {}, but no member file has that code",
                codes.join(", ")
            ))
            .hint(
                "a body that leaves keeps its file: put it back with `membership: { status: leaving }`, then apply: \
                 its tenants stop, its data stay until it is offboarded",
            ));
        }
        for (host, hold, _) in compared().filter(|_| !self.older_inventory) {
            if let Some(applied) = &hold.revision {
                self.revision.require(host, applied)?;
            }
        }
        let Selection { owners, areas, .. } = &self.selection;
        let with_host =
            (owners.is_empty() || owners.contains(HOST_OWNER)) && (areas.is_empty() || areas.contains(&Area::Host));
        if let Some((host, ..)) =
            compared().find(|(_, hold, findings)| !with_host && !hold.baseline && !findings.is_empty())
        {
            return Err(Failure::operation(format!("{host} has no baseline yet: nothing can stand on it"))
                .hint(format!("apply the machine first: comuni apply --area host --host {host}")));
        }
        Ok(())
    }

    /// The answers as `report` shows them.
    pub(super) fn plan(&self) -> PlanView {
        let state = |checked: &Checked| match checked {
            Checked::Checked { hold, findings, correct, .. } => {
                HostState::Checked { findings: findings.clone(), debts: hold.debts.clone(), correct: *correct }
            }
            Checked::Busy(holder) => HostState::Busy(holder.clone()),
            Checked::Unreachable(failure) | Checked::Refused(failure) => HostState::Lost(failure.clone()),
        };
        let hosts = self.checked.iter().map(|(host, checked)| HostPlan { host: host.clone(), state: state(checked) });
        let members = self.inventory.members.values().map(|body| (body.code.clone(), body.member.name.clone()));
        PlanView { hosts: hosts.collect(), members: members.collect() }
    }

    /// What stands against the answers being the whole truth; the worst of it.
    pub(super) fn trouble(&self) -> Option<Kind> {
        let counts = self.plan().counts();
        let hosts = self.checked.values().filter_map(|checked| match checked {
            Checked::Checked { .. } => None,
            Checked::Busy(_) => Some(Kind::Busy),
            Checked::Unreachable(failure) | Checked::Refused(failure) => Some(failure.kind),
        });
        let failed = (counts.failed > 0).then_some(Kind::Operation);
        let unknown = (counts.not_checked > 0).then_some(Kind::Inconclusive);
        Kind::worst(hosts.chain(failed).chain(unknown))
    }

    /// The host that keeps the evidence.
    pub(super) fn control_host(&self) -> Option<&str> {
        control_host(&self.inventory)
    }
}

/// The host with the role `control`, which keeps the evidence.
pub(super) fn control_host(inventory: &Inventory) -> Option<&str> {
    use crate::inventory::types::Role;
    inventory.hosts.iter().find(|(_, host)| host.roles.contains(&Role::Control)).map(|(name, _)| name.as_str())
}
