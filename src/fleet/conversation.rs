//! What is said with one host, in the thread that owns its stream.

mod answers;
mod stream;
mod work;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use answers::{BackupRuns, Checked, Evidence, Hold, Monitored};
pub(super) use work::Progress;

use super::event::{Event, Events};
use super::stop::Stop;
use super::wire::{Received, Transport, Wire};
use crate::failure::{Failure, Result};
use crate::protocol::{FromHost, HEARTBEAT, ToHost, write_line};
use crate::resources::{Signed, SigningRequest};
use crate::ssh::Traffic;

/// Answers a host's signing request: the host's name, what it asks. Called in that host's thread.
pub type Sign = Arc<dyn Fn(&str, SigningRequest) -> std::result::Result<Signed, String> + Send + Sync>;

/// How often the thread looks up from a silent stream.
const TICK: Duration = Duration::from_millis(200);

/// A step that takes longer than this is named while it goes on, and again after as much.
const LONG: Duration = Duration::from_secs(10);

/// How long a host may take to end after the end marker was asked for.
const ENDING: Duration = Duration::from_secs(15);

/// Limits of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Hosts that work at the same time.
    pub parallel: usize,
    /// Hosts that log in at the same time.
    pub handshakes: usize,
    /// A host on which no step begins or ends for this long has failed.
    pub step: Duration,
    /// A host that works longer than this in all has failed; waiting for others and for consent does not count.
    pub host: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            parallel: 16,
            handshakes: 8,
            step: Duration::from_secs(20 * 60),
            host: Duration::from_secs(2 * 60 * 60),
        }
    }
}

/// What all conversations of a run share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) settings: Settings,
    pub(super) events: Events,
    pub(super) sign: Sign,
    pub(super) stop: Arc<Stop>,
}

/// Something to do in a host's thread.
pub(super) type Order = Box<dyn FnOnce(&mut Conversation) + Send>;

/// One host and the stream to it.
pub(super) struct Conversation {
    host: String,
    shared: Shared,
    wire: Option<Box<dyn Wire>>,
    /// Why there is no stream any more.
    lost: Option<Failure>,
    /// The host answered, but would not do what it was asked.
    refused: bool,
    fingerprint: Option<String>,
    traffic: Traffic,
    last_sent: Instant,
    /// The step that is being waited for, since when, and when it was last spoken of.
    step: String,
    step_since: Instant,
    step_told: Instant,
    /// Time of orders that are over.
    worked: Duration,
    order_since: Instant,
    end_sent: bool,
    confirming: Option<(String, JoinHandle<Result<()>>)>,
}

impl Conversation {
    pub(super) fn new(host: String, shared: Shared) -> Conversation {
        let now = Instant::now();
        Conversation {
            host,
            shared,
            wire: None,
            lost: None,
            refused: false,
            fingerprint: None,
            traffic: Traffic::default(),
            last_sent: now,
            step: String::new(),
            step_since: now,
            step_told: now,
            worked: Duration::ZERO,
            order_since: now,
            end_sent: false,
            confirming: None,
        }
    }

    /// Carries out orders until nobody can give any more; keeps the stream alive between them.
    pub(super) fn serve(mut self, orders: &Receiver<Order>) {
        loop {
            match orders.recv_timeout(HEARTBEAT / 2) {
                Ok(order) => {
                    self.order_since = Instant::now();
                    order(&mut self);
                    self.worked += self.order_since.elapsed();
                }
                Err(RecvTimeoutError::Timeout) => self.idle(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.wire.as_ref().map_or(self.traffic, |wire| wire.traffic())
    }

    /// Why the stream is gone, when it was there and is not any more.
    pub(super) fn lost(&self) -> Option<Failure> {
        self.lost.clone()
    }

    /// The key with which the host let us in, when it can be reached and says so.
    pub(super) fn fingerprint(&mut self) -> Option<String> {
        self.open().ok()?;
        self.fingerprint.clone()
    }

    /// The stream is open.
    pub(super) fn is_open(&self) -> bool {
        self.wire.is_some()
    }

    /// Between orders: a sign of life, and a look whether the stream is still there.
    fn idle(&mut self) {
        if self.wire.is_none() {
            return;
        }
        if self.shared.stop.at_once() {
            let failure = self.shared.stop.failure();
            self.give_up(failure);
            return;
        }
        self.begin("waiting for the others");
        // A failure is kept in `lost`, where the next order finds it.
        let _ = self.heartbeat();
        while let Some(wire) = self.wire.as_mut() {
            match wire.receive(Duration::ZERO) {
                Ok(Received::Nothing) => return,
                Ok(Received::Line(line)) => match parse(&line) {
                    Ok(FromHost::Alive) => {}
                    Ok(other) => {
                        self.unexpected(&other);
                    }
                    Err(failure) => {
                        self.give_up(failure);
                    }
                },
                Ok(Received::End) => {
                    self.ended();
                }
                Err(failure) => {
                    self.give_up(failure);
                }
            }
        }
    }

    /// As [`Conversation::next`], for work that ends early when the run shall stop: the host finishes its current
    /// resource and answers the end marker.
    fn next_unless_stopped(&mut self) -> Result<FromHost> {
        loop {
            if self.shared.stop.requested().is_some() {
                self.send_end()?;
            }
            if let Some(message) = self.poll()? {
                return Ok(message);
            }
        }
    }

    /// The next message that says something.
    fn next(&mut self) -> Result<FromHost> {
        loop {
            if let Some(message) = self.poll()? {
                return Ok(message);
            }
        }
    }

    /// Waits one tick for a message that says something; keeps the stream alive, signs, confirms, and watches the clock meanwhile.
    fn poll(&mut self) -> Result<Option<FromHost>> {
        if self.shared.stop.at_once() {
            let failure = self.shared.stop.failure();
            return Err(self.give_up(failure));
        }
        self.watch_the_clock()?;
        self.heartbeat()?;
        let Some(wire) = self.wire.as_mut() else { return Err(self.gone()) };
        let line = match wire.receive(TICK).map_err(|failure| self.give_up(failure))? {
            Received::Nothing => return Ok(None),
            Received::End => return Err(self.ended()),
            Received::Line(line) => line,
        };
        match parse(&line).map_err(|failure| self.give_up(failure))? {
            FromHost::Alive => Ok(None),
            FromHost::Sign(request) => {
                let signed = (self.shared.sign)(&self.host, request);
                self.send(&ToHost::Signed(signed)).map(|()| None)
            }
            FromHost::Confirm { id, token, seconds } => {
                self.confirm(id, token, seconds);
                Ok(None)
            }
            message => Ok(Some(message)),
        }
    }

    fn watch_the_clock(&mut self) -> Result<()> {
        let (step, host) = (self.shared.settings.step, self.shared.settings.host);
        let here = self.step_since.elapsed();
        let too_long = if self.end_sent && self.step == "ending" && here > ENDING {
            Some(ENDING)
        } else if here > step {
            Some(step)
        } else if self.worked + self.order_since.elapsed() > host {
            Some(host)
        } else {
            None
        };
        if let Some(limit) = too_long {
            let failure = Failure::operation(format!(
                "host `{}`: given up after {} s while waiting for: {}",
                self.host,
                limit.as_secs(),
                self.step
            ))
            .hint(format!("look at that step on `{}`; it may still be running there", self.host));
            return Err(self.give_up(failure));
        }
        if self.step_told.elapsed() > LONG {
            self.step_told = Instant::now();
            self.tell(Event::Waiting { host: self.host.clone(), what: self.step.clone(), seconds: here.as_secs() });
        }
        Ok(())
    }

    fn heartbeat(&mut self) -> Result<()> {
        if self.last_sent.elapsed() < HEARTBEAT / 2 || self.end_sent {
            return Ok(());
        }
        self.send(&ToHost::Alive)
    }

    fn send(&mut self, message: &ToHost) -> Result<()> {
        let mut line = Vec::new();
        write_line(&mut line, message).map_err(|failure| self.give_up(failure))?;
        self.send_line(&line)
    }

    fn send_line(&mut self, line: &[u8]) -> Result<()> {
        let until = Instant::now() + self.shared.settings.step;
        let Some(wire) = self.wire.as_mut() else { return Err(self.gone()) };
        wire.send(line, until).map_err(|failure| self.give_up(failure))?;
        self.last_sent = Instant::now();
        Ok(())
    }

    fn send_end(&mut self) -> Result<()> {
        if self.end_sent {
            return Ok(());
        }
        self.send(&ToHost::End)?;
        self.end_sent = true;
        Ok(())
    }

    /// Says over a new connection that we were not locked out; meanwhile the stream is served as before.
    fn confirm(&mut self, id: String, token: String, seconds: u32) {
        self.tell(Event::Confirming { host: self.host.clone(), id: id.clone(), seconds });
        let margin = (seconds / 4).min(5);
        let until = Instant::now() + Duration::from_secs(u64::from(seconds - margin));
        let (transport, host) = (Arc::clone(&self.shared.transport), self.host.clone());
        let handle = std::thread::spawn(move || {
            loop {
                match transport.confirm(&host, &token) {
                    Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(500)),
                    ended => return ended,
                }
            }
        });
        self.confirming = Some((id, handle));
    }

    /// Why confirming this resource did not work, when that is known.
    fn confirmation_failed(&mut self, id: &str) -> Option<Failure> {
        let (_, handle) = self.confirming.take_if(|(confirmed, handle)| confirmed == id && handle.is_finished())?;
        handle.join().ok()?.err()
    }

    /// The step that is waited for from now on.
    fn begin(&mut self, step: impl Into<String>) {
        self.step = step.into();
        self.step_since = Instant::now();
        self.step_told = self.step_since;
    }

    fn tell(&self, event: Event) {
        (self.shared.events)(event);
    }

    fn gone(&self) -> Failure {
        self.lost
            .clone()
            .unwrap_or_else(|| Failure::operation(format!("host `{}`: the stream is closed already", self.host)))
    }
}

fn parse(line: &[u8]) -> Result<FromHost> {
    serde_json::from_slice(line).map_err(|error| {
        let start = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
        Failure::operation(format!("not a message of this version: {error} in {start:?}"))
    })
}
