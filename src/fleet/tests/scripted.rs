//! Hosts that follow a script, behind the seam of [`Wire`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::{Duration, Instant};

use base64::Engine;

use crate::catalog::{Area, Catalog, Stage};
use crate::failure::{Failure, Result};
use crate::fleet::{Event, Fleet, Opening, Received, Settings, Sign, Stop, Transport, Wire, Work};
use crate::prometheus::Question;
use crate::protocol::{
    Acted, Debt, Finding, FromHost, Holder, Mode, Operator, Outcome as Found, Request, ToHost, VERSION, write_line,
};
use crate::resources::{Action, SecretTable, SigningRequest};
use crate::ssh::{Exit, Traffic};

/// What a host does.
#[derive(Clone)]
pub(super) struct Script {
    pub(super) protocol: u32,
    pub(super) unreachable: bool,
    /// How long a login takes.
    pub(super) login: Duration,
    pub(super) busy: Option<Holder>,
    pub(super) refuse: Option<String>,
    pub(super) revision: Option<String>,
    pub(super) debts: bool,
    pub(super) findings: Vec<Finding>,
    pub(super) archives: Vec<(String, u64)>,
    /// Ids that cannot be fixed.
    pub(super) fail: BTreeSet<String>,
    /// Ids that are found correct when their turn comes, without a word.
    pub(super) correct_after_all: BTreeSet<String>,
    /// The stream breaks at this id.
    pub(super) die_at: Option<String>,
    /// Nothing more happens from this id on, but signs of life.
    pub(super) hang_at: Option<String>,
    /// This id wants a certificate.
    pub(super) sign_at: Option<String>,
    /// This id wants a confirmation over a new connection.
    pub(super) confirm_at: Option<String>,
    /// How many confirmations do not come through.
    pub(super) deaf: usize,
    /// How long each resource takes.
    pub(super) pace: Duration,
    pub(super) status: i32,
}

impl Default for Script {
    fn default() -> Script {
        Script {
            protocol: VERSION,
            unreachable: false,
            login: Duration::ZERO,
            busy: None,
            refuse: None,
            revision: None,
            debts: false,
            findings: Vec::new(),
            archives: Vec::new(),
            fail: BTreeSet::new(),
            correct_after_all: BTreeSet::new(),
            die_at: None,
            hang_at: None,
            sign_at: None,
            confirm_at: None,
            deaf: 0,
            pace: Duration::ZERO,
            status: 0,
        }
    }
}

/// Something in a stage that an apply would create.
pub(super) fn create(stage: Stage, owner: &str, name: &str) -> Finding {
    Finding {
        id: format!("file:{name}"),
        owner: owner.to_string(),
        tenant: None,
        area: Area::Tenant,
        stage,
        outcome: Found::Differs { action: Action::Create, changes: Vec::new() },
        drifted: false,
    }
}

pub(super) fn holder() -> Holder {
    Holder { operator: Operator::default(), verb: "apply".to_string(), since: 1 }
}

/// All hosts, what they were told, and what was reported of them.
#[derive(Default)]
pub(super) struct World {
    scripts: BTreeMap<String, Script>,
    told: Mutex<Vec<(String, String)>>,
    events: Mutex<Vec<Event>>,
    stored: Mutex<BTreeMap<String, Vec<u8>>>,
    logging_in: AtomicUsize,
    most_logging_in: AtomicUsize,
    working: AtomicUsize,
    most_working: AtomicUsize,
    confirmations: AtomicUsize,
    /// Raised when an event for this id appears.
    stop_at: Mutex<Option<(String, usize)>>,
    stop: OnceLock<Arc<Stop>>,
}

impl World {
    pub(super) fn new<const N: usize>(scripts: [(&str, Script); N]) -> Arc<World> {
        let scripts = scripts.into_iter().map(|(host, script)| (host.to_string(), script)).collect();
        Arc::new(World { scripts, ..World::default() })
    }

    /// So many signals come when this resource is begun.
    pub(super) fn interrupt_at(self: &Arc<World>, id: &str, times: usize) {
        *self.stop_at.lock().unwrap() = Some((id.to_string(), times));
    }

    pub(super) fn fleet(self: &Arc<World>, settings: Settings) -> Fleet {
        let world = Arc::clone(self);
        let events = Arc::new(move |event| world.take(event));
        let sign: Sign =
            Arc::new(|host: &str, request: SigningRequest| Err(format!("{host} may not have {}", request.id)));
        let transport: Arc<dyn Transport> = Arc::new(Scripted(Arc::clone(self)));
        let fleet = Fleet::new(transport, settings, events, sign).unwrap();
        assert!(self.stop.set(Arc::clone(fleet.stop())).is_ok());
        fleet
    }

    fn take(&self, event: Event) {
        if let Event::Started { id, .. } = &event
            && let Some((at, times)) = &*self.stop_at.lock().unwrap()
            && at == id
        {
            (0..*times).for_each(|_| self.stop.get().unwrap().raise(crate::failure::Kind::Interrupted));
        }
        self.events.lock().unwrap().push(event);
    }

    /// A request for every host.
    pub(super) fn requests(&self, mode: Mode) -> Vec<Request> {
        let request = |host: &String| Request {
            mode,
            operator: Operator::default(),
            verb: "apply".to_string(),
            catalog: Catalog { host: host.clone(), entries: Vec::new() },
            owners: BTreeSet::new(),
            areas: BTreeSet::new(),
            members: BTreeSet::new(),
            secrets: SecretTable::default(),
            allowed: BTreeSet::new(),
            purge: BTreeSet::new(),
        };
        self.scripts.keys().map(request).collect()
    }

    /// Work on all hosts; members are placed as named.
    pub(super) fn work(&self, placements: &[(&str, &[&str])]) -> Work {
        let set = |hosts: &[&str]| hosts.iter().map(|host| (*host).to_string()).collect();
        Work {
            hosts: self.scripts.keys().cloned().collect(),
            revision: "r2".to_string(),
            placements: placements.iter().map(|(owner, hosts)| ((*owner).to_string(), set(hosts))).collect(),
            ..Work::default()
        }
    }

    /// What a host was told, without signs of life.
    pub(super) fn told(&self, host: &str) -> Vec<String> {
        let told = self.told.lock().unwrap();
        told.iter().filter(|(to, what)| to == host && what != "alive").map(|(_, what)| what.clone()).collect()
    }

    /// All stage messages in their order over all hosts.
    pub(super) fn stages(&self) -> Vec<(String, String)> {
        let told = self.told.lock().unwrap();
        told.iter().filter(|(_, what)| what.starts_with("stage")).cloned().collect()
    }

    pub(super) fn signs_of_life(&self, host: &str) -> usize {
        self.told.lock().unwrap().iter().filter(|(to, what)| to == host && what == "alive").count()
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    pub(super) fn stored(&self, sha256: &str) -> Vec<u8> {
        self.stored.lock().unwrap().get(sha256).cloned().unwrap_or_default()
    }

    pub(super) fn most_logging_in(&self) -> usize {
        self.most_logging_in.load(Ordering::SeqCst)
    }

    pub(super) fn most_working(&self) -> usize {
        self.most_working.load(Ordering::SeqCst)
    }

    pub(super) fn confirmations(&self) -> usize {
        self.confirmations.load(Ordering::SeqCst)
    }

    fn note(&self, host: &str, what: impl Into<String>) {
        self.told.lock().unwrap().push((host.to_string(), what.into()));
    }
}

fn enter(now: &AtomicUsize, most: &AtomicUsize) {
    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
}

struct Scripted(Arc<World>);

impl Transport for Scripted {
    fn open(&self, host: &str, progress: &dyn Fn(Opening)) -> Result<Box<dyn Wire>> {
        let world = Arc::clone(&self.0);
        let script = world.scripts[host].clone();
        enter(&world.logging_in, &world.most_logging_in);
        std::thread::sleep(script.login);
        world.logging_in.fetch_sub(1, Ordering::SeqCst);
        if script.unreachable {
            return Err(Failure::operation(format!("cannot reach host `{host}`: no route")));
        }
        progress(Opening::LoggedIn);
        let (to_host, told) = mpsc::channel();
        let (answer, from_host) = mpsc::channel();
        let status = script.status;
        let mut run = Run { host: host.to_string(), script, world, told, answer, ended: false };
        std::thread::spawn(move || run.play());
        Ok(Box::new(Line { to_host, from_host, status, traffic: Traffic { execs: 1, ..Traffic::default() } }))
    }

    fn confirm(&self, host: &str, token: &str) -> Result<()> {
        assert_eq!(token, "t0k3n");
        let count = self.0.confirmations.fetch_add(1, Ordering::SeqCst);
        match count < self.0.scripts[host].deaf {
            true => Err(Failure::operation("no route")),
            false => Ok(()),
        }
    }
}

struct Line {
    to_host: mpsc::Sender<ToHost>,
    from_host: mpsc::Receiver<Vec<u8>>,
    status: i32,
    traffic: Traffic,
}

impl Wire for Line {
    fn send(&mut self, line: &[u8], _until: Instant) -> Result<()> {
        assert_eq!(line.last(), Some(&b'\n'));
        self.traffic.sent += line.len() as u64;
        // As with ssh, what is written to a host that is gone is lost without a word at first.
        let _ = self.to_host.send(serde_json::from_slice(line).unwrap());
        Ok(())
    }

    fn receive(&mut self, timeout: Duration) -> Result<Received> {
        match self.from_host.recv_timeout(timeout) {
            Ok(line) => {
                self.traffic.received += line.len() as u64;
                Ok(Received::Line(line[..line.len() - 1].to_vec()))
            }
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(Received::Nothing),
            Err(mpsc::RecvTimeoutError::Disconnected) => Ok(Received::End),
        }
    }

    fn finish(self: Box<Self>, _within: Duration) -> Result<Exit> {
        Ok(Exit { status: self.status, signal: None, stderr: String::new() })
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }
}

/// A host half at work.
struct Run {
    host: String,
    script: Script,
    world: Arc<World>,
    told: mpsc::Receiver<ToHost>,
    answer: mpsc::Sender<Vec<u8>>,
    ended: bool,
}

impl Run {
    fn say(&self, message: FromHost) {
        let mut line = Vec::new();
        write_line(&mut line, &message).unwrap();
        let _ = self.answer.send(line);
    }

    fn play(&mut self) {
        let (version, boot_id) = ("0".to_string(), "b".to_string());
        let fingerprint = Some(format!("SHA256:of {}", self.host));
        self.say(FromHost::Hello { protocol: self.script.protocol, version, boot_id, fingerprint });
        while let Ok(message) = self.told.recv() {
            match message {
                ToHost::Alive => self.world.note(&self.host, "alive"),
                ToHost::Request(request) => {
                    self.world.note(&self.host, format!("request {:?}", request.mode).to_lowercase());
                    enter(&self.world.working, &self.world.most_working);
                    let last = self.compare();
                    // Before its last word, after which control may let in the next host.
                    self.world.working.fetch_sub(1, Ordering::SeqCst);
                    let goes_on = matches!(last, FromHost::Checked { .. });
                    self.say(last);
                    if !goes_on {
                        return;
                    }
                }
                ToHost::Archive { sha256, offset, data, last } => {
                    let data = base64::prelude::BASE64_STANDARD.decode(data).unwrap();
                    self.world.note(&self.host, format!("archive {offset}+{}", data.len()));
                    self.world.stored.lock().unwrap().entry(sha256.clone()).or_default().extend(data);
                    if last {
                        self.say(FromHost::ArchiveStored { sha256, error: None });
                    }
                }
                ToHost::Stage { stage, without } => {
                    let without_text: Vec<&str> = without.iter().map(String::as_str).collect();
                    let text = format!("stage {stage:?} without [{}]", without_text.join(" ")).to_lowercase();
                    self.world.note(&self.host, text);
                    if !self.stage(stage, without) {
                        return;
                    }
                }
                ToHost::Record { revision } => {
                    self.world.note(&self.host, format!("record {revision}"));
                    self.say(FromHost::Recorded);
                }
                ToHost::Act(order) => {
                    self.world.note(&self.host, format!("act for {}", order.tenant));
                    self.say(FromHost::Started { id: "file:/etc/x".to_string() });
                    self.say(FromHost::Acted(Acted::Sessions(1)));
                }
                ToHost::Append { records } => {
                    self.world.note(&self.host, format!("append {}", records.len()));
                    self.say(FromHost::Appended { head: "head".to_string() });
                }
                ToHost::ReadEvidence { newest } => {
                    self.world.note(&self.host, format!("read {newest}"));
                    self.say(FromHost::Evidence { chains: Vec::new(), broken: vec!["w".to_string()] });
                }
                ToHost::ReadBackupRuns { newest } => {
                    self.world.note(&self.host, format!("backups {newest}"));
                    self.say(FromHost::BackupRuns { runs: Vec::new(), broken: None, now: 1 });
                }
                ToHost::ReadPreviousZone { zone } => {
                    self.world.note(&self.host, format!("previous {zone}"));
                    self.say(FromHost::PreviousZone { records: Some(vec![zone]) });
                }
                ToHost::AskMonitoring(question) => {
                    self.world.note(&self.host, format!("ask {question:?}"));
                    let refused = question == Question::Alerts;
                    let answer = if refused { Err("not now".to_string()) } else { Ok(serde_json::Value::Bool(true)) };
                    self.say(FromHost::Monitoring { answer, now: 7 });
                }
                ToHost::Signed(_) => panic!("nothing to sign"),
                ToHost::End => {
                    self.end();
                    return;
                }
            }
        }
    }

    fn end(&mut self) {
        self.world.note(&self.host, "end");
        self.say(FromHost::End);
        self.ended = true;
    }

    fn compare(&self) -> FromHost {
        if let Some(holder) = &self.script.busy {
            return FromHost::Busy(holder.clone());
        }
        if let Some(message) = &self.script.refuse {
            return FromHost::Refused { message: message.clone() };
        }
        let debt = || Debt { notification: "reload nginx".to_string(), owner: "host".to_string(), since: 1 };
        let debts = self.script.debts.then(debt).into_iter().collect();
        let revision = self.script.revision.clone();
        self.say(FromHost::Hold { revision, unknown_members: BTreeSet::new(), debts, baseline: true });
        for finding in &self.script.findings {
            self.say(FromHost::Finding(finding.clone()));
            std::thread::sleep(self.script.pace);
        }
        FromHost::Checked { correct: 1, archives: self.script.archives.clone() }
    }

    /// As the executor does: an owner that fails is left out from there on; the end marker is heard between resources.
    fn stage(&mut self, stage: Stage, mut without: BTreeSet<String>) -> bool {
        let findings: Vec<Finding> =
            self.script.findings.iter().filter(|finding| finding.stage == stage).cloned().collect();
        for Finding { id, owner, .. } in findings {
            if without.contains(&owner) {
                self.say(FromHost::Skipped { id, owner });
                continue;
            }
            if self.script.correct_after_all.contains(&id) {
                continue;
            }
            self.say(FromHost::Started { id: id.clone() });
            std::thread::sleep(self.script.pace);
            let here = Some(id.clone());
            if self.script.die_at == here {
                return false;
            }
            if self.script.hang_at == here {
                return self.hang();
            }
            if self.script.confirm_at == here {
                self.say(FromHost::Confirm { id: id.clone(), token: "t0k3n".to_string(), seconds: 8 });
                while self.world.confirmations() <= self.script.deaf {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            if self.script.sign_at == here {
                self.say(FromHost::Sign(SigningRequest { id: id.clone(), request: "csr".to_string() }));
                let refused = loop {
                    match self.told.recv().unwrap() {
                        ToHost::Signed(answer) => break answer.unwrap_err(),
                        other => assert_eq!(other, ToHost::Alive),
                    }
                };
                without.insert(owner.clone());
                self.say(FromHost::Failed { id, owner, message: refused });
            } else if self.script.fail.contains(&id) {
                without.insert(owner.clone());
                self.say(FromHost::Failed { id, owner, message: "no room left".to_string() });
            } else {
                self.say(FromHost::Fixed { id, owner, action: Action::Create, milliseconds: 1 });
            }
            while let Ok(message) = self.told.try_recv() {
                if message == ToHost::End {
                    self.end();
                    return false;
                }
            }
        }
        if self.script.debts && stage == Stage::Host {
            self.say(FromHost::Notified { notification: "reload nginx".to_string() });
        }
        self.say(FromHost::StageDone { stage });
        true
    }

    fn hang(&mut self) -> bool {
        loop {
            self.say(FromHost::Alive);
            if let Err(mpsc::RecvTimeoutError::Disconnected) = self.told.recv_timeout(Duration::from_millis(50)) {
                return false;
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.ended {
            self.world.note(&self.host, "gone");
        }
    }
}
