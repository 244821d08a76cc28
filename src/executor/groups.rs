//! Files that one daemon reads together are validated together, swapped, reloaded, and put back when the reload
//! fails. An owner whose file is bad keeps the version on disk and fails; the others go on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::before::Before;
use super::converge;
use super::owed::{self, Unpaid};
use super::revert;
use super::session::Session;
use super::staging;
use crate::catalog::Entry;
use crate::failure::{Failure, Result};
use crate::resources::{Action, File, Notification, Service, Validator};

/// A file whose turn has come, and that waits for the others of its group.
#[derive(Clone, Copy)]
struct Member<'a> {
    entry: &'a Entry,
    file: &'a File,
    action: Action,
}

/// The files of a stage that wait, by who validates them.
#[derive(Default)]
pub struct Groups<'a> {
    waiting: BTreeMap<Option<Validator>, Vec<Member<'a>>>,
}

impl<'a> Groups<'a> {
    /// Lets a file wait for its group.
    pub fn defer(&mut self, entry: &'a Entry, file: &'a File, action: Action) {
        self.waiting.entry(file.validate).or_default().push(Member { entry, file, action });
    }
}

/// Settles the groups that a service may read when it starts: units always, others when they concern this one.
///
/// The rest waits for the end of the stage, so that many tenants cost one reload and not one each. So does what a Prometheus
/// reads that runs already: the rules for all and the tests of each member come together or not at all.
///
/// # Errors
/// As [`settle_all`].
pub fn settle_before<'a>(
    session: &mut Session<'a>,
    groups: &mut Groups<'a>,
    service: &Service,
    without: &BTreeSet<String>,
) -> Result<()> {
    let reads = |validator: Option<Validator>, members: &[Member]| {
        let daemon = match validator {
            Some(Validator::Systemd) => return true,
            Some(Validator::Alertmanager) => Some("prometheus-alertmanager.service"),
            Some(Validator::Blackbox) => Some("prometheus-blackbox-exporter.service"),
            Some(Validator::Prometheus) => Some("prometheus.service"),
            Some(Validator::Knot) => Some("knot.service"),
            Some(Validator::Nginx) => Some("nginx.service"),
            Some(Validator::Nftables) => Some("nftables.service"),
            Some(Validator::Sshd) => Some("ssh.service"),
            Some(Validator::Sudoers) | None => None,
        };
        let told = |member: &Member| member.file.notify.as_ref().and_then(owed::unit_of);
        daemon == Some(service.unit.as_str())
            || members.iter().any(|member| told(member).as_deref() == Some(service.unit.as_str()))
    };
    let due: Vec<_> = groups.waiting.iter().filter(|(validator, members)| reads(**validator, members)).collect();
    let mut due: Vec<_> = due.into_iter().map(|(validator, _)| *validator).collect();
    let prometheus = Some(Validator::Prometheus);
    if due.contains(&prometheus) && service.runs(session.machine)? {
        due.retain(|validator| *validator != prometheus);
    }
    for validator in due {
        let members = groups.waiting.remove(&validator).unwrap_or_default();
        settle(session, validator, members, without)?;
    }
    Ok(())
}

/// Settles all groups that wait.
///
/// # Errors
/// When the other side is gone or our own folder cannot be written. Bad files are told.
pub fn settle_all<'a>(session: &mut Session<'a>, groups: &mut Groups<'a>, without: &BTreeSet<String>) -> Result<()> {
    for (validator, members) in std::mem::take(&mut groups.waiting) {
        settle(session, validator, members, without)?;
    }
    Ok(())
}

fn settle(
    session: &mut Session,
    validator: Option<Validator>,
    members: Vec<Member>,
    without: &BTreeSet<String>,
) -> Result<()> {
    let begin = Instant::now();
    session.wire.check()?;
    let mut good = Vec::new();
    for member in members {
        if session.is_left_out(&member.entry.owner, without) {
            session.skip(&member.entry.id, &member.entry.owner)?;
        } else {
            session.started(&member.entry.id)?;
            good.push(member);
        }
    }
    if good.is_empty() {
        return Ok(());
    }
    if let Some(validator) = validator {
        let bad = judge(session, validator, &good);
        reject(session, &mut good, &bad)?;
    }
    // Only with its new arguments may a daemon take a reload, and say what came of it.
    let reloaded: BTreeSet<String> =
        good.iter().filter_map(|member| member.file.notify.as_ref().and_then(owed::unit_of)).collect();
    converge::tell_first(session, without, |notification| match notification {
        Notification::DaemonReload => true,
        Notification::Restart(unit) => reloaded.contains(&owed::unit_name(unit)),
        Notification::Reload(_) => false,
    })?;
    let (left_out, good): (Vec<_>, Vec<_>) =
        good.into_iter().partition(|member| session.is_left_out(&member.entry.owner, without));
    left_out.iter().try_for_each(|member| session.skip(&member.entry.id, &member.entry.owner))?;
    let (guarded, plain): (Vec<_>, Vec<_>) = good.into_iter().partition(|member| member.file.confirm.is_some());
    swap(session, plain, begin)?;
    if !guarded.is_empty() {
        swap_guarded(session, guarded, begin)?;
    }
    Ok(())
}

type Bad = BTreeMap<String, String>;

/// Tells the failure of each bad owner once, and leaves its members out.
fn reject(session: &mut Session, members: &mut Vec<Member>, bad: &Bad) -> Result<()> {
    for (owner, words) in bad {
        if let Some(first) = members.iter().find(|member| member.entry.owner == *owner) {
            let id = first.entry.id.clone();
            session.fail(&id, owner, words)?;
        }
    }
    members.retain(|member| !bad.contains_key(&member.entry.owner));
    Ok(())
}

/// Finds the owners whose files the validator does not accept, with its words.
///
/// All together first. If that fails, owner by owner on top of what is on disk and of the good ones so far, so that
/// two that only clash with each other cost the second one alone. If what is on disk is already bad, an owner is bad
/// when everything is accepted without it; if nobody alone is the cause, all are.
fn judge(session: &mut Session, validator: Validator, members: &[Member]) -> Bad {
    let owners: Vec<&String> = {
        let mut seen = BTreeSet::new();
        members.iter().map(|member| &member.entry.owner).filter(|owner| seen.insert(*owner)).collect()
    };
    let mut accepts = |chosen: &dyn Fn(&String) -> bool| -> Option<String> {
        let files: Vec<&File> =
            members.iter().filter(|member| chosen(&member.entry.owner)).map(|member| member.file).collect();
        match staging::validate(session, validator, &files) {
            Ok(verdict) => verdict.err(),
            Err(failure) => Some(failure.told()),
        }
    };
    let Some(together) = accepts(&|_| true) else { return Bad::new() };
    if owners.len() == 1 {
        return Bad::from([(owners[0].clone(), together)]);
    }
    let mut bad = Bad::new();
    if accepts(&|_| false).is_none() {
        let mut good: BTreeSet<&String> = BTreeSet::new();
        for owner in owners {
            match accepts(&|other| other == owner || good.contains(other)) {
                None => {
                    good.insert(owner);
                }
                Some(words) => {
                    bad.insert(owner.clone(), words);
                }
            }
        }
        return bad;
    }
    for owner in &owners {
        if accepts(&|other| other != *owner).is_none() {
            bad.insert((*owner).clone(), together.clone());
        }
    }
    if bad.is_empty() {
        bad.extend(owners.iter().map(|owner| ((*owner).clone(), together.clone())));
    }
    bad
}

/// A member that was swapped, and what it replaced.
struct Swapped<'a> {
    member: Member<'a>,
    before: Before,
}

/// Writes the debts down, swaps file by file, tells the daemon, and puts back what it does not take.
fn swap(session: &mut Session, members: Vec<Member>, begin: Instant) -> Result<()> {
    let swapped = swap_files(session, members)?;
    let told = notifications(&swapped);
    let unpaid = owed::pay(session, |notification| told.contains(notification))?;
    let (stay, back): (Vec<_>, Vec<_>) = swapped.into_iter().partition(|swapped| refused(&unpaid, swapped).is_none());
    for swapped in &stay {
        session.fixed(swapped.member.entry, swapped.member.action, begin)?;
    }
    put_back(session, &back, &unpaid)
}

/// Swaps file by file. An owner whose file cannot be written has all its files of the group put back and fails.
fn swap_files<'a>(session: &mut Session, members: Vec<Member<'a>>) -> Result<Vec<Swapped<'a>>> {
    for member in &members {
        for notification in tells(member.file) {
            session.owed.owe(session.machine, &notification, &member.entry.owner)?;
        }
    }
    let mut swapped: Vec<Swapped> = Vec::new();
    for member in members {
        let owner = &member.entry.owner;
        if session.failed.contains(owner) {
            session.skip(&member.entry.id, owner)?;
            continue;
        }
        let done = Before::of(session.machine, &member.file.path).and_then(|before| {
            let done = session.fix_and_check(member.entry);
            swapped.push(Swapped { member, before });
            done
        });
        if let Err(failure) = done {
            let (back, stay): (Vec<_>, Vec<_>) =
                swapped.into_iter().partition(|swapped| swapped.member.entry.owner == *owner);
            swapped = stay;
            let failure = restore(session, &back).err().unwrap_or(failure);
            session.fail(&member.entry.id, owner, &failure.told())?;
        }
    }
    Ok(swapped)
}

/// What a file has to be told after a swap. A unit that systemd has not read again is no unit yet.
fn tells(file: &File) -> BTreeSet<Notification> {
    let unit = (file.validate == Some(Validator::Systemd)).then_some(Notification::DaemonReload);
    file.notify.iter().cloned().chain(unit).collect()
}

fn notifications(swapped: &[Swapped]) -> BTreeSet<Notification> {
    swapped.iter().flat_map(|swapped| tells(swapped.member.file)).collect()
}

fn refused<'u>(unpaid: &'u [Unpaid], swapped: &Swapped) -> Option<&'u Unpaid> {
    let tells = tells(swapped.member.file);
    unpaid.iter().find(|unpaid| tells.contains(&unpaid.notification))
}

fn restore(session: &mut Session, swapped: &[Swapped]) -> Result<()> {
    swapped.iter().rev().try_for_each(|swapped| swapped.before.put_back(session.machine))
}

/// The daemon did not take its new files: they are put back, it is told again, and their owners fail.
fn put_back(session: &mut Session, swapped: &[Swapped], unpaid: &[Unpaid]) -> Result<()> {
    if swapped.is_empty() {
        return Ok(());
    }
    let restored = restore(session, swapped);
    let told = notifications(swapped);
    session.refused.retain(|notification| !told.contains(notification));
    let again = owed::pay(session, |notification| told.contains(notification))?;
    let after = match (&restored, again.first()) {
        (Err(failure), _) => format!("putting it back failed too: {failure}"),
        (Ok(()), Some(still)) => format!("it was put back, but the daemon still refuses: {}", still.message),
        (Ok(()), None) => "it was put back".to_string(),
    };
    let mut failed = BTreeSet::new();
    for each in swapped {
        let owner = &each.member.entry.owner;
        if let Some(unpaid) = refused(unpaid, each)
            && failed.insert(owner)
        {
            session.fail(&each.member.entry.id, owner, &format!("{}; {after}", unpaid.message))?;
        }
    }
    Ok(())
}

/// Swaps files that could lock us out: a timer of the host puts them back unless a new connection confirms them.
fn swap_guarded(session: &mut Session, members: Vec<Member>, begin: Instant) -> Result<()> {
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    for member in &members {
        owners.entry(member.entry.owner.clone()).or_insert_with(|| member.entry.id.clone());
    }
    let told: Vec<Notification> = members.iter().filter_map(|member| member.file.notify.clone()).collect();
    let paths: Vec<&str> = members.iter().map(|member| member.file.path.as_str()).collect();
    let guard = match revert::arm(session, &paths, &told) {
        Ok(guard) => guard,
        Err(failure) => {
            return owners.iter().try_for_each(|(owner, id)| session.fail(id, owner, &failure.told()));
        }
    };
    let swapped = match swap_files(session, members) {
        Ok(swapped) => swapped,
        Err(failure) => return Err(guard.give_up(session).err().unwrap_or(failure)),
    };
    let Some(first) = swapped.first() else { return guard.give_up(session) };
    let first = first.member.entry.id.clone();
    // A unit that does not run yet is started here and now: its start must be confirmed like any other change.
    let stopped = |notification: &Notification| {
        owed::unit_of(notification).is_some_and(|unit| owed::is_wanted(session, &unit) == Some(false))
    };
    let effective: Vec<_> = told.iter().filter(|notification| !stopped(notification)).collect();
    let effect = effective.into_iter().try_for_each(|notification| owed::tell(session.machine, notification));
    let confirmed = match effect {
        Ok(()) => guard.wait(session, &first)?,
        Err(failure) => {
            guard.give_up(session)?;
            Err(Failure { message: format!("{}; it was put back", failure.message), ..failure })
        }
    };
    // Either way the daemon was told of what is on disk now.
    for notification in &told {
        owed::settle(session, notification)?;
    }
    match confirmed {
        Ok(()) => {
            swapped.iter().try_for_each(|swapped| session.fixed(swapped.member.entry, swapped.member.action, begin))
        }
        Err(failure) => owners
            .iter()
            .filter(|(owner, _)| swapped.iter().any(|swapped| swapped.member.entry.owner == **owner))
            .try_for_each(|(owner, id)| session.fail(id, owner, &failure.told())),
    }
}
