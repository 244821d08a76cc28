//! The blocking face of the room: makes the runtime, so that nobody else needs to know of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};
use tokio::sync::oneshot;

use super::conversation::{BackupRuns, Checked, Evidence, Monitored, Settings, Shared, Sign};
use super::coordinator::Coordinator;
use super::event::Events;
use super::outcome::{Ended, Outcome};
use super::stages::Work;
use super::stop::Stop;
use super::wire::Transport;
use crate::failure::{Failure, Result};
use crate::prometheus::Question;
use crate::protocol::{Acted, Order, Request};

/// How long threads that are still in a system call are waited for at the end.
const LEAVING: Duration = Duration::from_secs(2);

/// Takes the answer of a host to an act, from many threads.
pub type Answered = Arc<dyn Fn(&str, &Order, Result<Acted>) + Send + Sync>;

/// A run over many hosts.
///
/// From its making on, SIGINT, SIGTERM and SIGHUP do not end the process: the first lets the hosts finish their
/// current resources, the second drops the connections.
pub struct Fleet {
    coordinator: Coordinator,
    handle: Handle,
    /// `None` beside another, and while it is dropped: shutting a runtime down consumes it.
    runtime: Option<Runtime>,
    stop: Arc<Stop>,
}

impl Fleet {
    /// A run over the hosts of `transport`. Nothing is connected yet.
    ///
    /// # Errors
    /// When threads or signal handlers cannot be made.
    pub fn new(
        transport: impl Into<Arc<dyn Transport>>,
        settings: Settings,
        events: Events,
        sign: Sign,
    ) -> Result<Fleet> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(4096)
            .enable_all()
            .build()
            .map_err(|error| Failure::operation(format!("cannot start threads: {error}")))?;
        let stop = Arc::new(Stop::default());
        let (ready, listening) = oneshot::channel();
        let (heard, told) = (Arc::clone(&stop), Arc::clone(&events));
        runtime.spawn(async move { heard.listen(told, ready).await });
        runtime.block_on(listening).map_err(|_| Failure::operation("cannot listen for signals"))??;
        let shared = Shared { transport: transport.into(), settings, events, sign, stop: Arc::clone(&stop) };
        let handle = runtime.handle().clone();
        Ok(Fleet { coordinator: Coordinator::new(shared), handle, runtime: Some(runtime), stop })
    }

    /// Streams of their own to the same hosts, for work that goes on beside. Both stop together; this one must end last.
    #[must_use]
    pub fn beside(&self) -> Fleet {
        let (handle, stop) = (self.handle.clone(), Arc::clone(&self.stop));
        Fleet { coordinator: self.coordinator.beside(), handle, runtime: None, stop }
    }

    /// Whether somebody wants the run to stop.
    pub fn stop(&self) -> &Arc<Stop> {
        &self.stop
    }

    /// Begins to connect to a host of which something will be asked later, and does not wait for it.
    pub fn expect(&mut self, host: &str) {
        let _within = self.handle.enter();
        self.coordinator.expect(host);
    }

    /// The key with which a host let us in, `SHA256:...`; `None` when it does not say or cannot be reached. Its stream stays
    /// open.
    pub fn fingerprint(&mut self, host: &str) -> Option<String> {
        self.handle.block_on(self.coordinator.fingerprint(host))
    }

    /// Connects to every request's host and compares its catalog. The streams stay open.
    pub fn check(&mut self, requests: Vec<Request>) -> BTreeMap<String, Checked> {
        self.handle.block_on(self.coordinator.check(requests))
    }

    /// Asks a person, while the hosts are kept waiting and signals are heard.
    ///
    /// # Errors
    /// When a signal came first. The question's thread is then left behind.
    pub fn attend<T: Send + 'static>(&self, question: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        std::thread::spawn(move || {
            // Nobody listens any more after a signal.
            let _ = reply.send(question());
        });
        self.handle.block_on(async {
            tokio::select! {
                answer = answer => answer.map_err(|_| Failure::operation("the question was not answered")),
                () = self.stop.wait_requested() => Err(self.stop.failure()),
            }
        })
    }

    /// Applies what [`Fleet::check`] found, stage by stage. The streams stay open, for the evidence.
    pub fn apply(&mut self, work: &Work) -> Outcome {
        self.handle.block_on(self.coordinator.apply(work))
    }

    /// Has one act of a procedure done on a host. Its stream stays open until [`Fleet::end`].
    ///
    /// # Errors
    /// When the host cannot be reached or the stream is lost. That the act could not be done is an answer.
    pub fn act(&mut self, host: &str, order: Order) -> Result<Acted> {
        self.handle.block_on(self.coordinator.act(host, order))
    }

    /// Sends an archive to a host over the stream of its acts, from this byte on.
    ///
    /// # Errors
    /// When it cannot be read here, is refused there, or the stream is lost.
    pub fn upload(&mut self, host: &str, sha256: &str, offset: u64, archive: &Path) -> Result<()> {
        self.handle.block_on(self.coordinator.upload_one(host, sha256.to_string(), offset, archive.to_path_buf()))
    }

    /// Has acts done on many hosts at once, on each host one after the other; each answer is handed over as it comes.
    pub fn acts(&mut self, orders: BTreeMap<String, Vec<Order>>, answered: Answered) {
        self.handle.block_on(self.coordinator.acts(orders, answered));
    }

    /// Reads what is recorded of backups on a host, the newest so many.
    ///
    /// # Errors
    /// When the host cannot be reached or cannot read them.
    pub fn read_backup_runs(&self, host: &str, newest: u32) -> Result<BackupRuns> {
        self.handle.block_on(self.coordinator.read_backup_runs(host, newest))
    }

    /// Appends records to the evidence on a host, over its stream or over one made for this. Answers with the hash of
    /// the newest line.
    ///
    /// # Errors
    /// When the host cannot be reached or cannot append: the caller keeps the records.
    pub fn append(&self, host: &str, records: Vec<serde_json::Value>) -> Result<String> {
        self.handle.block_on(self.coordinator.append(host, records))
    }

    /// Reads the newest so many records of each chain of evidence on a host.
    ///
    /// # Errors
    /// When the host cannot be reached or cannot read them.
    pub fn read_evidence(&self, host: &str, newest: u32) -> Result<Evidence> {
        self.handle.block_on(self.coordinator.read_evidence(host, newest))
    }

    /// Asks Prometheus and Alertmanager of a monitoring host, one question after the other.
    ///
    /// # Errors
    /// When the host cannot be reached. That a question was not answered is an answer.
    pub fn ask_monitoring(&self, host: &str, questions: Vec<Question>) -> Result<Monitored> {
        self.handle.block_on(self.coordinator.ask_monitoring(host, questions))
    }

    /// What a zone was before its last change on its primary: its records, one a line; `None` when none are kept.
    ///
    /// # Errors
    /// When the host cannot be reached or cannot read them.
    pub fn read_previous_zone(&self, host: &str, zone: &str) -> Result<Option<Vec<String>>> {
        self.handle.block_on(self.coordinator.read_previous_zone(host, zone.to_string()))
    }

    /// Ends all streams. Give the answer to [`Outcome::ended`]: only a clean end is a success.
    pub fn end(mut self) -> Ended {
        self.handle.block_on(self.coordinator.end())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // The hosts' threads end when nobody can give them orders.
        self.coordinator.let_go();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(LEAVING);
        }
    }
}
