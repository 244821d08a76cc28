//! Waits for many hosts at once. Holds no connection: each host's thread does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use super::conversation::{BackupRuns, Checked, Conversation, Evidence, Monitored, Order, Shared};
use super::event::Event;
use super::facade::Answered;
use super::outcome::{Ended, Outcome};
use super::stages::{Ledger, Work};
use crate::catalog::Stage;
use crate::failure::{Failure, Result};
use crate::prometheus::Question;
use crate::protocol::{Acted, Order as ProcedureOrder, Request};

pub(super) struct Coordinator {
    shared: Shared,
    workers: BTreeMap<String, Worker>,
    checked: BTreeMap<String, Checked>,
    /// Hosts that are connected to before anything is asked of them.
    expected: BTreeSet<String>,
    work: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
}

/// The thread of one host.
#[derive(Clone)]
struct Worker {
    host: String,
    orders: mpsc::Sender<Order>,
}

impl Worker {
    fn start(host: &str, shared: &Shared) -> Worker {
        let (orders, received) = mpsc::channel();
        let conversation = Conversation::new(host.to_string(), shared.clone());
        tokio::task::spawn_blocking(move || conversation.serve(&received));
        Worker { host: host.to_string(), orders }
    }

    /// Has something done in the host's thread.
    ///
    /// # Errors
    /// When the run shall stop at once, or the thread is gone.
    async fn ask<T: Send + 'static>(
        &self,
        shared: &Shared,
        order: impl FnOnce(&mut Conversation) -> T + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let order: Order = Box::new(move |conversation| {
            // Nobody waits for the answer any more when the run was stopped at once.
            let _ = reply.send(order(conversation));
        });
        let gone = || Failure::operation(format!("the thread for host `{}` is gone", self.host));
        self.orders.send(order).map_err(|_| gone())?;
        tokio::select! {
            answer = answer => answer.map_err(|_| gone()),
            () = shared.stop.wait_at_once() => Err(shared.stop.failure()),
        }
    }
}

impl Coordinator {
    /// Must be called within the runtime.
    pub(super) fn new(shared: Shared) -> Coordinator {
        let work = Arc::new(Semaphore::new(shared.settings.parallel.max(1)));
        let handshakes = Arc::new(Semaphore::new(shared.settings.handshakes.max(1)));
        Coordinator {
            shared,
            workers: BTreeMap::new(),
            checked: BTreeMap::new(),
            expected: BTreeSet::new(),
            work,
            handshakes,
        }
    }

    /// Another one, under the same limits.
    pub(super) fn beside(&self) -> Coordinator {
        Coordinator {
            shared: self.shared.clone(),
            workers: BTreeMap::new(),
            checked: BTreeMap::new(),
            expected: BTreeSet::new(),
            work: Arc::clone(&self.work),
            handshakes: Arc::clone(&self.handshakes),
        }
    }

    /// Begins to connect to a host of which something will be asked later. Must be called within the runtime.
    pub(super) fn expect(&mut self, host: &str) {
        if self.workers.contains_key(host) {
            return;
        }
        let worker = Worker::start(host, &self.shared);
        self.workers.insert(host.to_string(), worker.clone());
        self.expected.insert(host.to_string());
        let (shared, handshakes) = (self.shared.clone(), Arc::clone(&self.handshakes));
        tokio::spawn(async move {
            let _logging_in = handshakes.acquire().await;
            // A failure is kept in `lost`, where the first order finds it.
            let _ = worker.ask(&shared, Conversation::open).await;
        });
    }

    /// The key with which a host let us in, when it says so. The stream is made when there is none, and stays open.
    pub(super) async fn fingerprint(&mut self, host: &str) -> Option<String> {
        let worker = self.workers.entry(host.to_string()).or_insert_with(|| Worker::start(host, &self.shared)).clone();
        worker.ask(&self.shared, Conversation::fingerprint).await.ok().flatten()
    }

    /// Compares all these catalogs with their hosts.
    pub(super) async fn check(&mut self, requests: Vec<Request>) -> BTreeMap<String, Checked> {
        let mut tasks = JoinSet::new();
        for request in requests {
            let host = request.catalog.host.clone();
            let worker = Worker::start(&host, &self.shared);
            self.workers.insert(host.clone(), worker.clone());
            let (shared, work, handshakes) =
                (self.shared.clone(), Arc::clone(&self.work), Arc::clone(&self.handshakes));
            tasks.spawn(async move {
                let compared = async {
                    let _working = work.acquire().await;
                    let logging_in = handshakes.acquire().await;
                    let not_open = worker.ask(&shared, Conversation::open_or_say_why);
                    let not_open = tokio::select! {
                        not_open = not_open => not_open?,
                        () = shared.stop.wait_requested() => return Err(shared.stop.failure()),
                    };
                    drop(logging_in);
                    match not_open {
                        None => worker.ask(&shared, |host| host.check(request)).await,
                        Some(not_checked) => Ok(not_checked),
                    }
                };
                (host, compared.await)
            });
        }
        for (host, compared) in joined(tasks).await {
            let checked = compared.unwrap_or_else(|failure| {
                // Its thread may still be connecting: without a giver of orders it ends when that is over.
                self.workers.remove(&host);
                Checked::Unreachable(failure)
            });
            self.checked.insert(host, checked);
        }
        self.checked.clone()
    }

    /// Brings the archives, then runs the stages.
    pub(super) async fn apply(&mut self, work: &Work) -> Outcome {
        let mut ledger = Ledger::new(&self.checked, work);
        self.upload(&mut ledger, &work.archives).await;
        for stage in Stage::ALL {
            if self.shared.stop.requested().is_some() {
                break;
            }
            self.stage(&mut ledger, stage).await;
        }
        if self.shared.stop.requested().is_none() {
            self.record(&mut ledger).await;
        }
        let outcome = ledger.close(self.shared.stop.requested());
        for (host, ended) in &outcome.hosts {
            if ended.state == super::HostState::Done {
                (self.shared.events)(Event::Done { host: host.clone() });
            }
        }
        outcome
    }

    async fn upload(&self, ledger: &mut Ledger, archives: &BTreeMap<String, PathBuf>) {
        let mut tasks = JoinSet::new();
        for host in ledger.taking_part() {
            let (Some(worker), Some(Checked::Checked { archives: missing, .. })) =
                (self.workers.get(&host).cloned(), self.checked.get(&host))
            else {
                continue;
            };
            if missing.is_empty() {
                continue;
            }
            let missing: Vec<(String, u64, Option<PathBuf>)> = missing
                .iter()
                .map(|(sha256, offset)| (sha256.clone(), *offset, archives.get(sha256).cloned()))
                .collect();
            let (shared, work) = (self.shared.clone(), Arc::clone(&self.work));
            tasks.spawn(async move {
                let _working = work.acquire().await;
                let sent = worker.ask(&shared, move |host| {
                    let failures: Vec<Failure> =
                        missing.iter().filter_map(|archive| send(host, archive).err()).collect();
                    (failures, host.lost())
                });
                (worker.host.clone(), sent.await)
            });
        }
        for (host, sent) in joined(tasks).await {
            match sent {
                Ok((failures, lost)) => {
                    failures.into_iter().for_each(|failure| ledger.archive_failed(&host, failure));
                    if let Some(failure) = lost {
                        ledger.lose(&host, failure, Some("sending archives".to_string()));
                    }
                }
                Err(failure) => ledger.lose(&host, failure, Some("sending archives".to_string())),
            }
        }
    }

    async fn stage(&self, ledger: &mut Ledger, stage: Stage) {
        let asked = ledger.asked(stage);
        if asked.is_empty() {
            return;
        }
        (self.shared.events)(Event::StageStarted { stage, hosts: asked.keys().cloned().collect() });
        let mut tasks = JoinSet::new();
        for (host, without) in asked {
            let Some(worker) = self.workers.get(&host).cloned() else { continue };
            let (shared, work) = (self.shared.clone(), Arc::clone(&self.work));
            let claim = ledger.claim(&host);
            tasks.spawn(async move {
                let _working = work.acquire().await;
                let done = worker.ask(&shared, move |host| {
                    // A failure is kept in `lost`, and the stage does not begin.
                    let _ = claim.map(|revision| host.record(revision));
                    (host.stage(stage, without), host.lost())
                });
                (worker.host.clone(), done.await)
            });
        }
        for (host, done) in joined(tasks).await {
            // A host that stopped because it was asked to is not lost: what it did not reach remains.
            let stopped = self.shared.stop.requested();
            let newly_out = match done {
                Ok((progress, lost)) => {
                    let lost = lost.filter(|failure| Some(failure.kind) != stopped);
                    ledger.enter(&host, stage, progress, lost)
                }
                Err(failure) if Some(failure.kind) == stopped => Vec::new(),
                Err(failure) => ledger.enter(&host, stage, Default::default(), Some(failure)),
            };
            for (owner, why) in newly_out {
                (self.shared.events)(Event::LeftOut { owner, why });
            }
        }
    }

    async fn record(&self, ledger: &mut Ledger) {
        let mut tasks = JoinSet::new();
        for host in ledger.to_record() {
            let Some(worker) = self.workers.get(&host).cloned() else { continue };
            let (shared, revision) = (self.shared.clone(), ledger.revision().to_string());
            tasks.spawn(async move {
                let recorded = worker.ask(&shared, move |host| host.record(revision));
                (worker.host.clone(), recorded.await)
            });
        }
        for (host, recorded) in joined(tasks).await {
            match recorded {
                Ok(Ok(())) => ledger.recorded(&host),
                Ok(Err(failure)) | Err(failure) => {
                    ledger.lose(&host, failure, Some("recording the revision".to_string()));
                }
            }
        }
    }

    /// Has one act of a procedure done. The stream is made when there is none, and stays open: the host holds the
    /// tenant's lock as long.
    pub(super) async fn act(&mut self, host: &str, order: ProcedureOrder) -> Result<Acted> {
        let worker = self.workers.entry(host.to_string()).or_insert_with(|| Worker::start(host, &self.shared));
        worker.ask(&self.shared, |host| host.act(order)).await?
    }

    /// Sends one archive over the stream of a host's acts.
    pub(super) async fn upload_one(&mut self, host: &str, sha256: String, offset: u64, path: PathBuf) -> Result<()> {
        let worker = self.workers.entry(host.to_string()).or_insert_with(|| Worker::start(host, &self.shared));
        worker
            .ask(&self.shared, move |host| {
                host.open()?;
                host.upload(&sha256, offset, &path)
            })
            .await?
    }

    /// Has acts done on many hosts at once, on each host one after the other; each answer is handed over as it comes.
    /// A host that is lost does no more.
    pub(super) async fn acts(&mut self, orders: BTreeMap<String, Vec<ProcedureOrder>>, answered: Answered) {
        let mut tasks = JoinSet::new();
        for (host, orders) in orders {
            let worker = self.workers.entry(host.clone()).or_insert_with(|| Worker::start(&host, &self.shared)).clone();
            let (shared, answered) = (self.shared.clone(), Arc::clone(&answered));
            tasks.spawn(async move {
                for order in orders {
                    let asked = order.clone();
                    let acted = worker.ask(&shared, move |host| host.act(asked)).await.and_then(|acted| acted);
                    answered(&host, &order, acted);
                }
                (host, ())
            });
        }
        joined(tasks).await;
    }

    /// Appends evidence over the host's stream when that is open, else over one of its own.
    pub(super) async fn append(&self, host: &str, records: Vec<serde_json::Value>) -> Result<String> {
        self.alongside(host, move |host| host.append(records)).await
    }

    pub(super) async fn read_evidence(&self, host: &str, newest: u32) -> Result<Evidence> {
        self.alongside(host, move |host| host.read_evidence(newest)).await
    }

    pub(super) async fn read_backup_runs(&self, host: &str, newest: u32) -> Result<BackupRuns> {
        self.alongside(host, move |host| host.read_backup_runs(newest)).await
    }

    pub(super) async fn read_previous_zone(&self, host: &str, zone: String) -> Result<Option<Vec<String>>> {
        self.alongside(host, move |host| host.read_previous_zone(zone)).await
    }

    pub(super) async fn ask_monitoring(&self, host: &str, questions: Vec<Question>) -> Result<Monitored> {
        self.alongside(host, move |host| host.ask_monitoring(questions)).await
    }

    async fn alongside<T: Send + 'static>(
        &self,
        host: &str,
        order: impl FnOnce(&mut Conversation) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if let Some(worker) = self.workers.get(host) {
            let expected = self.expected.contains(host);
            let stream = worker.ask(&self.shared, move |host| {
                if expected {
                    // It may have been expected a moment ago. A failure is kept in `lost`.
                    let _ = host.open();
                }
                (host.is_open(), host.lost())
            });
            let (open, lost) = stream.await?;
            match lost.filter(|_| expected) {
                Some(failure) => return Err(failure),
                None if open => return worker.ask(&self.shared, order).await?,
                None => {}
            }
        }
        let _logging_in = self.handshakes.acquire().await;
        let worker = Worker::start(host, &self.shared);
        let once = worker.ask(&self.shared, |host| {
            host.open()?;
            let answer = order(host)?;
            host.end()?;
            Ok(answer)
        });
        once.await?
    }

    /// Leaves all hosts' threads to themselves: they drop their streams.
    pub(super) fn let_go(&mut self) {
        self.workers.clear();
    }

    /// Ends all streams.
    pub(super) async fn end(&mut self) -> Ended {
        let mut tasks = JoinSet::new();
        for (host, worker) in std::mem::take(&mut self.workers) {
            let shared = self.shared.clone();
            tasks.spawn(async move {
                let ended = worker.ask(&shared, |host| {
                    let was_open = host.is_open();
                    (host.end().err().filter(|_| was_open), host.traffic())
                });
                (host, ended.await)
            });
        }
        let mut all = Ended::default();
        for (host, ended) in joined(tasks).await {
            match ended {
                Ok((failure, traffic)) => {
                    all.traffic.insert(host.clone(), traffic);
                    all.failures.extend(failure.map(|failure| (host, failure)));
                }
                Err(failure) => {
                    all.failures.insert(host, failure);
                }
            }
        }
        all
    }
}

fn send(host: &mut Conversation, (sha256, offset, path): &(String, u64, Option<PathBuf>)) -> Result<()> {
    let path = path
        .as_ref()
        .ok_or_else(|| Failure::operation(format!("the archive {sha256} is wanted, but it is not on this machine")))?;
    host.upload(sha256, *offset, path)
}

async fn joined<T: Send + 'static>(mut tasks: JoinSet<(String, T)>) -> BTreeMap<String, T> {
    let mut all = BTreeMap::new();
    while let Some(task) = tasks.join_next().await {
        // A task neither panics nor is aborted: the panics of orders stay in the hosts' threads.
        if let Ok((host, answer)) = task {
            all.insert(host, answer);
        }
    }
    all
}
