//! The orders that a host can be given once its stream is open.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{BackupRuns, Checked, Conversation, Evidence, Hold, Monitored};
use crate::catalog::Stage;
use crate::failure::{Failure, Result};
use crate::fleet::event::Event;
use crate::fleet::outcome::{ResourceFailure, Waiting};
use crate::prometheus::Question;
use crate::protocol::{Acted, FromHost, Order, Request, ToHost};

/// How much of an archive travels in one message.
const PIECE: usize = 512 * 1024;

/// What happened on a host in one stage.
#[derive(Debug, Default)]
pub(in crate::fleet) struct Progress {
    /// Id and owner.
    pub(in crate::fleet) fixed: Vec<(String, String)>,
    pub(in crate::fleet) failed: Vec<ResourceFailure>,
    /// Id and owner.
    pub(in crate::fleet) skipped: Vec<(String, String)>,
    pub(in crate::fleet) waiting: Vec<Waiting>,
    pub(in crate::fleet) notified: Vec<String>,
    /// The stage came to its end.
    pub(in crate::fleet) complete: bool,
    /// The step that was going on when it did not.
    pub(in crate::fleet) during: Option<String>,
}

impl Conversation {
    /// Sends the request and collects the findings.
    pub(in crate::fleet) fn check(&mut self, request: Request) -> Checked {
        self.begin("comparing");
        let mut hold = Hold::default();
        let mut findings = Vec::new();
        let answer = self.send(&ToHost::Request(Box::new(request))).and_then(|()| {
            loop {
                match self.next_unless_stopped()? {
                    FromHost::Hold { revision, unknown_members, debts, baseline } => {
                        hold = Hold { revision, unknown_members, debts, baseline };
                    }
                    FromHost::Finding(finding) => {
                        self.begin("comparing");
                        self.tell(Event::Finding { host: self.host.clone(), finding: finding.clone() });
                        findings.push(finding);
                    }
                    FromHost::Busy(holder) => return Ok(Checked::Busy(holder)),
                    FromHost::Checked { correct, archives } => {
                        let fingerprint = self.fingerprint.clone();
                        return Ok(Checked::Checked { hold, findings, correct, archives, fingerprint });
                    }
                    other => return Err(self.unexpected(&other)),
                }
            }
        });
        match &answer {
            Ok(Checked::Checked { findings, correct, .. }) => {
                let findings = u32::try_from(findings.len()).unwrap_or(u32::MAX);
                self.tell(Event::Checked { host: self.host.clone(), correct: *correct, findings });
            }
            Ok(Checked::Busy(holder)) => {
                self.tell(Event::Busy { host: self.host.clone(), holder: holder.clone() });
                self.hang_up(Failure::operation(format!("somebody else works on host `{}`", self.host)));
            }
            _ => {}
        }
        answer.unwrap_or_else(|failure| self.not_checked(failure))
    }

    /// Sends an archive from `offset` on.
    ///
    /// # Errors
    /// When it cannot be read here, is refused there, or the link is lost (then [`Conversation::lost`] says so).
    pub(in crate::fleet) fn upload(&mut self, sha256: &str, offset: u64, path: &Path) -> Result<()> {
        let unreadable =
            |error: std::io::Error| Failure::operation(format!("cannot read the archive {}: {error}", path.display()));
        let mut file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let mut sent = offset.min(size);
        file.seek(SeekFrom::Start(sent)).map_err(unreadable)?;
        let mut piece = Vec::with_capacity(PIECE);
        loop {
            self.begin(format!("sending archive {sha256}"));
            if self.shared.stop.requested().is_some() {
                return Err(self.shared.stop.failure());
            }
            piece.clear();
            let count = Read::by_ref(&mut file).take(PIECE as u64).read_to_end(&mut piece).map_err(unreadable)? as u64;
            let last = sent + count >= size;
            if count == 0 && !last {
                return Err(Failure::operation(format!("the archive {} became shorter", path.display())));
            }
            let data = BASE64_STANDARD.encode(&piece);
            self.send(&ToHost::Archive { sha256: sha256.to_string(), offset: sent, data, last })?;
            sent += count;
            self.tell(Event::Archive { host: self.host.clone(), sha256: sha256.to_string(), sent, size });
            if last {
                break;
            }
        }
        self.begin(format!("checking archive {sha256}"));
        match self.next_unless_stopped()? {
            FromHost::ArchiveStored { sha256: stored, error: None } if stored == sha256 => Ok(()),
            FromHost::ArchiveStored { error: Some(why), .. } => Err(Failure::operation(format!(
                "host `{}` does not take the archive {}: {why}",
                self.host,
                path.display()
            ))),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Has one stage fixed. What happened before a failure is in the answer as well.
    pub(in crate::fleet) fn stage(&mut self, stage: Stage, without: BTreeSet<String>) -> Progress {
        let mut progress = Progress::default();
        self.begin(format!("stage {stage:?}").to_lowercase());
        // The failure is kept in `lost`.
        let _ = self.send(&ToHost::Stage { stage, without }).and_then(|()| self.follow(&mut progress));
        if !progress.complete {
            progress.during = Some(self.step.clone());
        }
        progress
    }

    fn follow(&mut self, progress: &mut Progress) -> Result<()> {
        match self.hear(progress)? {
            FromHost::StageDone { .. } => {
                progress.complete = true;
                Ok(())
            }
            other => Err(self.unexpected(&other)),
        }
    }

    /// Has one act of a procedure done, and connects when that was not done before.
    ///
    /// # Errors
    /// When the link cannot be made or is lost. That the act could not be done is an answer.
    pub(in crate::fleet) fn act(&mut self, order: Order) -> Result<Acted> {
        if self.shared.stop.requested().is_some() {
            return Err(self.shared.stop.failure());
        }
        self.open()?;
        self.begin(format!("{} {}", order.verb, order.tenant));
        self.send(&ToHost::Act(Box::new(order)))?;
        match self.hear(&mut Progress::default())? {
            FromHost::Acted(acted) => Ok(acted),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Takes note of what is said about single resources, until something else is said.
    fn hear(&mut self, progress: &mut Progress) -> Result<FromHost> {
        let host = self.host.clone();
        loop {
            match self.next_unless_stopped()? {
                FromHost::Started { id } => {
                    self.begin(id.clone());
                    self.tell(Event::Started { host: host.clone(), id });
                }
                FromHost::Fixed { id, owner, action, milliseconds } => {
                    self.begin(format!("what follows {id}"));
                    progress.fixed.push((id.clone(), owner.clone()));
                    self.tell(Event::Fixed { host: host.clone(), id, owner, action, milliseconds });
                }
                FromHost::Failed { id, owner, mut message } => {
                    self.begin(format!("what follows {id}"));
                    if let Some(failure) = self.confirmation_failed(&id) {
                        message = format!("{message}\nthe confirming connection failed: {failure}");
                    }
                    let failure = ResourceFailure { id: id.clone(), owner: owner.clone(), message: message.clone() };
                    progress.failed.push(failure);
                    self.tell(Event::Failed { host: host.clone(), id, owner, message });
                }
                FromHost::Skipped { id, owner } => {
                    progress.skipped.push((id.clone(), owner.clone()));
                    self.tell(Event::Skipped { host: host.clone(), id, owner });
                }
                FromHost::Waits { id, owner, not_before } => {
                    self.begin(format!("what follows {id}"));
                    progress.waiting.push(Waiting { id: id.clone(), owner: owner.clone(), not_before });
                    self.tell(Event::Waits { host: host.clone(), id, owner, not_before });
                }
                FromHost::Doing { tenant, what, done, total, milliseconds } => {
                    self.begin(format!("{tenant} {what}"));
                    self.tell(Event::Doing { host: host.clone(), tenant, what, done, total, milliseconds });
                }
                FromHost::Notified { notification } => {
                    self.begin(format!("what follows {notification}"));
                    progress.notified.push(notification.clone());
                    self.tell(Event::Notified { host: host.clone(), notification });
                }
                other => return Ok(other),
            }
        }
    }

    /// Has the host remember the revision.
    ///
    /// # Errors
    /// When the link is lost.
    pub(in crate::fleet) fn record(&mut self, revision: String) -> Result<()> {
        self.begin("recording the revision");
        self.send(&ToHost::Record { revision })?;
        match self.next()? {
            FromHost::Recorded => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Has the host append evidence; answers with the hash of the newest line.
    ///
    /// # Errors
    /// When the link is lost or the host cannot.
    pub(in crate::fleet) fn append(&mut self, records: Vec<serde_json::Value>) -> Result<String> {
        self.begin("appending evidence");
        self.send(&ToHost::Append { records })?;
        match self.next()? {
            FromHost::Appended { head } => Ok(head),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Reads evidence, the newest so many records of each chain.
    ///
    /// # Errors
    /// When the link is lost or the host cannot.
    pub(in crate::fleet) fn read_evidence(&mut self, newest: u32) -> Result<Evidence> {
        self.begin("reading evidence");
        self.send(&ToHost::ReadEvidence { newest })?;
        match self.next()? {
            FromHost::Evidence { chains, broken } => Ok(Evidence { chains, broken }),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Reads what is recorded of backups on the host.
    ///
    /// # Errors
    /// When the link is lost or the host cannot.
    pub(in crate::fleet) fn read_backup_runs(&mut self, newest: u32) -> Result<BackupRuns> {
        self.begin("reading the records of backups");
        self.send(&ToHost::ReadBackupRuns { newest })?;
        match self.next()? {
            FromHost::BackupRuns { runs, broken, now } => Ok(BackupRuns { runs, broken, now }),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Asks Prometheus and Alertmanager of the host, one question after the other.
    ///
    /// # Errors
    /// When the link is lost. That a question was not answered is an answer.
    pub(in crate::fleet) fn ask_monitoring(&mut self, questions: Vec<Question>) -> Result<Monitored> {
        self.begin("asking Prometheus and Alertmanager");
        let mut monitored = Monitored::default();
        for question in questions {
            self.send(&ToHost::AskMonitoring(question))?;
            match self.next()? {
                FromHost::Monitoring { answer, now } => {
                    monitored.answers.push(answer);
                    monitored.now = now;
                }
                other => return Err(self.unexpected(&other)),
            }
        }
        Ok(monitored)
    }

    /// Reads what a zone was before its last change on the host.
    ///
    /// # Errors
    /// When the link is lost or the host cannot.
    pub(in crate::fleet) fn read_previous_zone(&mut self, zone: String) -> Result<Option<Vec<String>>> {
        self.begin("reading the former version of a zone");
        self.send(&ToHost::ReadPreviousZone { zone })?;
        match self.next()? {
            FromHost::PreviousZone { records } => Ok(records),
            other => Err(self.unexpected(&other)),
        }
    }
}
