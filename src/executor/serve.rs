//! One conversation with control, from the first hello to the end marker.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::Path;

use serde_json::json;

use super::fingerprint::fingerprint;
use super::journal::Journal;
use super::lock::{self, Lock, Taken};
use super::manifest::Manifest;
use super::ours::Ours;
use super::owed::Owed;
use super::procedure::Procedure;
use super::session::Session;
use super::store::{self, Settings};
use super::wire::Wire;
use super::{archives, backup, check, converge, evidence, key, revert};
use crate::catalog::{Area, Catalog, Entry, HOST_OWNER, Stage};
use crate::failure::{Failure, Kind, Result};
use crate::machine::Machine;
use crate::prometheus;
use crate::protocol::{FromHost, Holder, Mode, Outcome, Request, ToHost, VERSION};
use crate::resources::{Action, previous_zone};

/// Holds one conversation over `input` and `output`. All that was done is remembered, however it ends.
///
/// # Errors
/// When the conversation did not come to its end marker: the other side went away or was silent for too long,
/// somebody holds the lock, or the request cannot be done. Failed resources are told, and are no error here.
pub fn serve(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    machine: &mut dyn Machine,
    settings: Settings,
) -> Result<()> {
    let wire = Wire::open(input, output, settings.silence);
    let fingerprint = fingerprint(machine, settings.auth_info.as_deref());
    let boot_id = machine.read(Path::new("/proc/sys/kernel/random/boot_id"))?.unwrap_or_default();
    wire.send(FromHost::Hello {
        protocol: VERSION,
        version: env!("CARGO_PKG_VERSION").to_string(),
        boot_id: String::from_utf8_lossy(&boot_id).trim().to_string(),
        fingerprint: fingerprint.clone(),
    })?;
    let host = Host { wire: &wire, settings: &settings, fingerprint };
    match host.converse(machine) {
        // Every lock is free by now: who was told the end can begin anew.
        Ok(()) => wire.end(),
        Err(failure) => {
            if failure.kind != Kind::Busy {
                // If nobody hears it, the exit code still says it.
                let _ = wire.send(FromHost::Refused { message: failure.told() });
            }
            let _ = wire.flush();
            Err(failure)
        }
    }
}

struct Host<'a> {
    wire: &'a Wire,
    settings: &'a Settings,
    fingerprint: Option<String>,
}

impl Host<'_> {
    /// Until control asks for a catalog only evidence can be written and read, and procedures walked through.
    fn converse(&self, machine: &mut dyn Machine) -> Result<()> {
        let mut procedure = Procedure::new(self.wire, self.settings, self.fingerprint.clone());
        loop {
            let message = self.wire.receive()?;
            // Minutes or hours may lie between two of them, in which others were at work.
            machine.forget();
            match message {
                ToHost::Request(request) => {
                    let mask = |words: String| request.secrets.mask(&words);
                    return self.work_on(machine, &request).map_err(|failure| Failure {
                        message: mask(failure.message),
                        hints: failure.hints.into_iter().map(mask).collect(),
                        ..failure
                    });
                }
                ToHost::Act(order) => self.wire.send(FromHost::Acted(procedure.act(machine, &order)?))?,
                ToHost::Archive { sha256, offset, data, last } => {
                    self.archive(machine, sha256, offset, &data, last)?;
                }
                ToHost::End => return Ok(()),
                other => self.always(machine, other)?,
            }
        }
    }

    /// Takes a piece of an archive of a release.
    fn archive(&self, machine: &mut dyn Machine, sha256: String, offset: u64, data: &str, last: bool) -> Result<()> {
        let answer = archives::store_piece(machine, &self.settings.archives(), sha256, offset, data, last)?;
        answer.map_or(Ok(()), |answer| self.wire.send(answer))
    }

    /// Messages that need no catalog.
    fn always(&self, machine: &mut dyn Machine, message: ToHost) -> Result<()> {
        let answer = match message {
            ToHost::Alive => return Ok(()),
            ToHost::Append { records } => {
                evidence::append(machine, self.settings, self.fingerprint.as_deref(), records)?
            }
            ToHost::ReadEvidence { newest } => evidence::read(machine, self.settings, newest)?,
            ToHost::ReadBackupRuns { newest } => {
                let (runs, broken) = backup::newest(machine, newest)?;
                FromHost::BackupRuns { runs, broken, now: machine.now() }
            }
            ToHost::ReadPreviousZone { zone } => FromHost::PreviousZone { records: previous_zone(machine, &zone)? },
            ToHost::AskMonitoring(question) => {
                let answer = prometheus::ask(machine, &question).map_err(|failure| failure.told());
                FromHost::Monitoring { answer, now: machine.now() }
            }
            ToHost::Request(_) => return Err(unexpected("a second request")),
            ToHost::Archive { .. } => return Err(unexpected("an archive")),
            ToHost::Stage { .. } => return Err(unexpected("a stage")),
            ToHost::Act(_) => return Err(unexpected("an act of a procedure")),
            ToHost::Record { .. } => return Err(unexpected("a revision")),
            ToHost::Signed(_) => return Err(unexpected("a certificate")),
            ToHost::End => return Err(unexpected("an end")),
        };
        self.wire.send(answer)
    }

    fn work_on(&self, machine: &mut dyn Machine, request: &Request) -> Result<()> {
        in_order(&request.catalog)?;
        let mut operator = request.operator.clone();
        operator.fingerprint = self.fingerprint.clone();
        let holder = Holder { operator, verb: request.verb.clone(), since: machine.now() };
        let applies = request.mode != Mode::Plan;
        let _lock = if applies { Some(self.take_lock(&holder)?) } else { None };
        let mut journal = Journal::new(self.settings.journal(), &holder);
        let host_key = match request.mode {
            Mode::Apply => {
                for token in revert::sweep(machine, self.settings)? {
                    journal.write(machine, "reverted", json!({ "token": token, "why": "it was never confirmed" }))?;
                }
                key::load_or_make(machine, &self.settings.host_key())?
            }
            Mode::Plan => key::load(machine, &self.settings.host_key())?,
            Mode::Confirm => {
                revert::must_be_at_rest(machine, self.settings)?;
                key::load(machine, &self.settings.host_key())?
            }
        };
        let manifest: Manifest = store::load(machine, &self.settings.manifest())?.unwrap_or_default();
        let owed = Owed::load(machine, self.settings.owed())?;
        let mut session = Session {
            machine,
            wire: self.wire,
            settings: self.settings,
            request,
            holder,
            host_key,
            manifest,
            owed,
            journal,
            pending: BTreeSet::new(),
            strange: BTreeSet::new(),
            failed: BTreeSet::new(),
            tenants: BTreeMap::new(),
            refused: BTreeSet::new(),
            unsaved: false,
            unjudged: Default::default(),
        };
        tell_findings(&mut session)?;
        loop {
            let message = self.wire.receive()?;
            // Control hangs up on what it refuses: an older inventory, the brake, no consent. When it goes on, also
            // just to end a run with nothing to fix, the findings stand.
            if applies && matches!(message, ToHost::Stage { .. } | ToHost::Record { .. } | ToHost::End) {
                session.begin()?;
            }
            match message {
                ToHost::End => return Ok(()),
                ToHost::Stage { stage, without } if applies => converge::stage(&mut session, stage, &without)?,
                ToHost::Record { revision } if applies => record(&mut session, revision)?,
                ToHost::Archive { sha256, offset, data, last } if applies => {
                    self.archive(session.machine, sha256, offset, &data, last)?;
                }
                other => self.always(session.machine, other)?,
            }
        }
    }

    fn take_lock(&self, holder: &Holder) -> Result<Lock> {
        match lock::take(&self.settings.lock(), holder)? {
            Taken::Held(lock) => Ok(lock),
            Taken::Busy(other) => {
                let failure = Failure::new(Kind::Busy, format!("this host is busy: {}", lock::words(&other)));
                self.wire.send(FromHost::Busy(other))?;
                Err(failure)
            }
        }
    }
}

fn unexpected(what: &str) -> Failure {
    Failure::operation(format!("control sent {what} where none was expected"))
}

/// The order of a catalog and its ids are what all else stands on.
fn in_order(catalog: &Catalog) -> Result<()> {
    let mut seen = BTreeSet::new();
    let mut before = Stage::Host;
    for entry in &catalog.entries {
        if entry.stage < before {
            return Err(Failure::operation(format!("the catalog is out of order: {} comes too late", entry.id)));
        }
        if !is_named_after(entry) {
            return Err(Failure::operation(format!("the catalog calls {} {}", entry.resource.id(), entry.id)));
        }
        if !seen.insert(&entry.id) {
            return Err(Failure::operation(format!("the catalog has {} twice", entry.id)));
        }
        if entry.tenant.as_ref().is_some_and(|tenant| tenant.contains('/')) {
            return Err(Failure::operation(format!("{} has a tenant with a slash", entry.id)));
        }
        before = entry.stage;
    }
    Ok(())
}

/// What several tenants of a host share stands once for each: `release:albo/1.0.0@c_e863-albo`.
fn is_named_after(entry: &Entry) -> bool {
    let sharer = entry.tenant.as_ref().unwrap_or(&entry.owner);
    match entry.id.strip_prefix(&entry.resource.id()) {
        Some("") => true,
        Some(rest) => rest.strip_prefix('@') == Some(sharer),
        None => false,
    }
}

fn tell_findings(session: &mut Session) -> Result<()> {
    session.wire.send(FromHost::Hold {
        revision: session.manifest.revision.clone(),
        unknown_members: session.manifest.unknown_members(&session.request.members),
        debts: session.owed.debts().to_vec(),
        baseline: session.manifest.baseline,
    })?;
    let wire = session.wire;
    let (mut pending, mut strange) = (BTreeSet::new(), BTreeSet::new());
    let mut kept = Vec::new();
    let tell = |finding: crate::protocol::Finding| {
        match finding.outcome {
            Outcome::Foreign | Outcome::Differs { action: Action::Wait, .. } => {}
            Outcome::Differs { action: Action::Keep, .. } => kept.push(finding.id.clone()),
            Outcome::Differs { action: Action::Adopt, .. } => {
                strange.insert(finding.id.clone());
            }
            _ => {
                if matches!(finding.outcome, Outcome::Differs { action: Action::AdoptAndChange, .. }) {
                    strange.insert(finding.id.clone());
                }
                pending.insert(finding.id.clone());
            }
        }
        wire.send(FromHost::Finding(finding))
    };
    let ours = Ours::new(&session.manifest, &session.settings.journal());
    let context = session.context();
    let correct = check::compare_all(session.machine, &context, &session.manifest, &ours, session.request, tell)?;
    session.pending = pending;
    session.strange = strange;
    let folder = session.settings.archives();
    let archives = archives::missing(session.machine, &folder, &session.request.catalog, &session.pending)?;
    let adopted = correct.iter().filter(|entry| session.strange.contains(&entry.id)).count();
    let count = u32::try_from(correct.len() - adopted).unwrap_or(u32::MAX);
    session.unjudged = (correct, kept);
    session.wire.send(FromHost::Checked { correct: count, archives })
}

/// Records what was applied. The baseline stands when the area `host` was in it whole, and nothing of it is left.
fn record(session: &mut Session, revision: String) -> Result<()> {
    let request = session.request;
    let whole = (request.areas.is_empty() || request.areas.contains(&Area::Host))
        && (request.owners.is_empty() || request.owners.contains(HOST_OWNER));
    let mut host = request.catalog.entries.iter().filter(|entry| entry.area == Area::Host).peekable();
    let done = whole && host.peek().is_some() && host.all(|entry| !session.pending.contains(&entry.id));
    session.unsaved |= session.manifest.revision.as_ref() != Some(&revision) || (done && !session.manifest.baseline);
    session.manifest.revision = Some(revision);
    session.manifest.baseline |= done;
    session.save()?;
    session.wire.send(FromHost::Recorded)
}
