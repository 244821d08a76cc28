//! One end of the wire: a thread that reads and notes when it last heard something, a thread that writes and gives
//! signs of life, and the main thread between them, which therefore never hangs on a connection.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{BufReader, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};
use crate::protocol::{FromHost, HEARTBEAT, ToHost, read_line, write_line};
use crate::resources::{Authority, Signed, SigningRequest};

/// Messages read ahead; more wait in the connection, so that an archive never fills the memory.
const READ_AHEAD: usize = 4;

/// The host's end of a conversation.
pub struct Wire {
    messages: Receiver<Result<ToHost>>,
    /// Looked at, but not taken yet.
    waiting: RefCell<VecDeque<Result<ToHost>>>,
    events: Sender<Out>,
    pulse: Arc<Pulse>,
    silence: Duration,
}

enum Out {
    Event(Box<FromHost>),
    End(SyncSender<Result<()>>),
}

/// What the threads tell each other.
struct Pulse {
    heard: Mutex<Instant>,
    /// The reader waits for us to take a message: control is not silent, we are slow.
    behind: AtomicBool,
    /// The other side closed or broke the connection, in either direction.
    gone: AtomicBool,
    /// The main thread is at work: signs of life are due.
    working: AtomicBool,
}

impl Pulse {
    fn hear(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn quiet_for(&self) -> Duration {
        if self.behind.load(Ordering::SeqCst) {
            return Duration::ZERO;
        }
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

/// Notes each arrival of bytes, so that one long message on a slow link is no silence.
struct Listening<R> {
    input: R,
    pulse: Arc<Pulse>,
}

impl<R: Read> Read for Listening<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.pulse.hear();
        Ok(count)
    }
}

impl Wire {
    /// Starts both threads.
    pub fn open(input: impl Read + Send + 'static, output: impl Write + Send + 'static, silence: Duration) -> Wire {
        let pulse = Arc::new(Pulse {
            heard: Mutex::new(Instant::now()),
            behind: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            working: AtomicBool::new(true),
        });
        let (arrived, messages) = sync_channel(READ_AHEAD);
        let (events, departing) = channel();
        let listening = Listening { input, pulse: Arc::clone(&pulse) };
        std::thread::spawn(move || read_messages(listening, &arrived));
        let speaking = Arc::clone(&pulse);
        std::thread::spawn(move || write_events(output, &departing, &speaking));
        Wire { messages, waiting: RefCell::default(), events, pulse, silence }
    }

    /// Sends an event. It leaves in order, but may still be on its way when this returns.
    ///
    /// # Errors
    /// When the other side is known to be gone.
    pub fn send(&self, event: FromHost) -> Result<()> {
        if self.pulse.gone.load(Ordering::SeqCst) {
            return Err(gone());
        }
        self.events.send(Out::Event(Box::new(event))).map_err(|_| gone())
    }

    /// Fails when nobody is on the other side any more: asked between two resources.
    ///
    /// # Errors
    /// When the connection ended or was silent for too long.
    pub fn check(&self) -> Result<()> {
        if self.pulse.gone.load(Ordering::SeqCst) {
            return Err(gone());
        }
        let quiet = self.pulse.quiet_for();
        if quiet > self.silence {
            return Err(Failure::operation(format!("nothing was heard from control for {} seconds", quiet.as_secs())));
        }
        Ok(())
    }

    /// Waits for the next message. Signs of life are only sent while it is worked on.
    ///
    /// # Errors
    /// When the connection ended without [`ToHost::End`], broke, or was silent for too long.
    pub fn receive(&self) -> Result<ToHost> {
        self.pulse.working.store(false, Ordering::SeqCst);
        let message = self.take();
        self.pulse.working.store(true, Ordering::SeqCst);
        message
    }

    /// Control wants to end, and has said nothing else before: asked between two resources.
    pub fn is_ending(&self) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            waiting.extend(self.messages.try_recv());
        }
        matches!(waiting.front(), Some(Ok(ToHost::End)))
    }

    fn take(&self) -> Result<ToHost> {
        if let Some(message) = self.waiting.borrow_mut().pop_front() {
            return message;
        }
        let step = (self.silence / 8).clamp(Duration::from_millis(5), Duration::from_millis(250));
        loop {
            match self.messages.recv_timeout(step) {
                Ok(message) => return message,
                Err(RecvTimeoutError::Timeout) => self.check()?,
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
            }
        }
    }

    /// Sends everything that is left, then the end marker.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn end(&self) -> Result<()> {
        self.flush_with(true)
    }

    /// Waits until all events are written, for as long as silence is borne.
    ///
    /// # Errors
    /// When they could not be written.
    pub fn flush(&self) -> Result<()> {
        self.flush_with(false)
    }

    fn flush_with(&self, end: bool) -> Result<()> {
        if end {
            self.send(FromHost::End)?;
        }
        let (done, written) = sync_channel(1);
        self.events.send(Out::End(done)).map_err(|_| gone())?;
        written.recv_timeout(self.silence.max(Duration::from_secs(1))).unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> Failure {
    Failure::operation("the connection to control is gone").hint("apply again: what is left is done then")
}

fn read_messages<R: Read>(input: Listening<R>, arrived: &SyncSender<Result<ToHost>>) {
    let pulse = Arc::clone(&input.pulse);
    let mut input = BufReader::with_capacity(64 * 1024, input);
    loop {
        let message = match read_line::<ToHost>(&mut input) {
            Ok(Some(ToHost::Alive)) => continue,
            Ok(Some(message)) => Ok(message),
            Ok(None) => {
                pulse.gone.store(true, Ordering::SeqCst);
                return;
            }
            Err(failure) => Err(failure),
        };
        // After the end, or after what cannot be read, the stream means nothing more.
        let last = matches!(message, Ok(ToHost::End) | Err(_));
        pulse.behind.store(true, Ordering::SeqCst);
        let taken = arrived.send(message);
        if last || taken.is_err() {
            // Still marked as behind: after its last word control has nothing more to say, so it is not silent.
            return;
        }
        pulse.hear();
        pulse.behind.store(false, Ordering::SeqCst);
    }
}

fn write_events(mut output: impl Write, departing: &Receiver<Out>, pulse: &Pulse) {
    loop {
        let written = match departing.recv_timeout(HEARTBEAT) {
            Ok(Out::Event(event)) => write_line(&mut output, &*event),
            Ok(Out::End(done)) => {
                let _ = done.send(output.flush().map_err(|_| gone()));
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) if pulse.working.load(Ordering::SeqCst) => {
                write_line(&mut output, &FromHost::Alive)
            }
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if written.is_err() {
            pulse.gone.store(true, Ordering::SeqCst);
            return;
        }
    }
}

/// Control's authority, at the other end of a wire.
pub struct WiredAuthority<'a>(pub &'a Wire);

impl Authority for WiredAuthority<'_> {
    fn sign(&mut self, request: SigningRequest) -> Result<Signed> {
        let id = request.id.clone();
        self.0.send(FromHost::Sign(request))?;
        match self.0.receive()? {
            ToHost::Signed(Ok(signed)) => Ok(signed),
            ToHost::Signed(Err(why)) => Err(Failure::operation(format!("the authority refused {id}: {why}"))),
            other => {
                let ending = other == ToHost::End;
                self.0.waiting.borrow_mut().push_front(Ok(other));
                Err(Failure::operation(if ending {
                    "interrupted".to_string()
                } else {
                    format!("control answered the request to sign {id} with something else")
                }))
            }
        }
    }
}
