//! The non-blocking session: waiting on its socket, keepalives, and noticing that the other side is gone.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, ErrorCode};

use super::{Limits, Target, Traffic};
use crate::failure::{Failure, Result};

/// `LIBSSH2_ERROR_EAGAIN`.
const AGAIN: ErrorCode = ErrorCode::Session(-37);

/// libssh2 sends keepalives no closer than this.
const CLOSEST_KEEPALIVE: Duration = Duration::from_secs(2);

/// What the socket says when the other side has sent something, or has closed.
const HEARD: PollFlags = PollFlags::IN.union(PollFlags::HUP).union(PollFlags::ERR);

pub(super) struct Link {
    pub(super) session: ssh2::Session,
    socket: Arc<TcpStream>,
    pub(super) target: Target,
    pub(super) limits: Limits,
    pub(super) traffic: Traffic,
    /// When something was last heard or asked.
    quiet_since: Instant,
    /// The first question since something was heard.
    unanswered_since: Option<Instant>,
}

impl Link {
    pub(super) fn new(session: ssh2::Session, socket: Arc<TcpStream>, target: &Target, limits: &Limits) -> Link {
        session.set_keepalive(true, CLOSEST_KEEPALIVE.as_secs() as u32);
        Link {
            session,
            socket,
            target: target.clone(),
            limits: limits.clone(),
            traffic: Traffic::default(),
            quiet_since: Instant::now(),
            unanswered_since: None,
        }
    }

    fn keepalive_every(&self) -> Duration {
        (self.limits.silence / 3).max(CLOSEST_KEEPALIVE)
    }

    /// Waits until the socket may be worth another try, or `until`; asks for a sign of life when it is time.
    ///
    /// # Errors
    /// "connection lost" when nothing came for [`Limits::silence`].
    pub(super) fn wait(&mut self, until: Instant) -> Result<()> {
        let every = self.keepalive_every();
        let patience = self.limits.silence.saturating_sub(every);
        let next = [Some(until), Some(self.quiet_since + every), self.unanswered_since.map(|since| since + patience)];
        let now = Instant::now();
        let wake = next.into_iter().flatten().min().unwrap_or(until).max(now);
        let mut wanted = PollFlags::IN;
        let sending = matches!(self.session.block_directions(), BlockDirections::Outbound | BlockDirections::Both);
        if sending {
            wanted |= PollFlags::OUT;
        }
        let mut sockets = [PollFd::new(&self.socket, wanted)];
        let timeout = Timespec::try_from(wake - now).ok();
        match poll(&mut sockets, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(self.lost(&error.to_string())),
        }
        let came = sockets[0].revents();
        if came.intersects(HEARD) {
            self.heard();
        }
        if came.is_empty() { self.keep_alive(every, patience) } else { Ok(()) }
    }

    /// Notes that something has come in. To be called before libssh2 takes it off the socket: the answer to a keepalive
    /// leaves no other trace, and a living host would be taken for lost.
    pub(super) fn listen(&mut self) -> Result<()> {
        let mut sockets = [PollFd::new(&self.socket, PollFlags::IN)];
        match poll(&mut sockets, Some(&Timespec::default())) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(self.lost(&error.to_string())),
        }
        if sockets[0].revents().intersects(HEARD) {
            self.heard();
        }
        Ok(())
    }

    fn heard(&mut self) {
        self.quiet_since = Instant::now();
        self.unanswered_since = None;
    }

    fn keep_alive(&mut self, every: Duration, patience: Duration) -> Result<()> {
        let now = Instant::now();
        if self.unanswered_since.is_some_and(|since| now >= since + patience) {
            return Err(self.lost(&format!("nothing was heard for {} s", self.limits.silence.as_secs())));
        }
        if now >= self.quiet_since + every {
            self.session.keepalive_send().map_err(|error| self.lost(error.message()))?;
            self.quiet_since = now;
            self.unanswered_since.get_or_insert(now);
        }
        Ok(())
    }

    /// Repeats an operation of libssh2 until it is through.
    pub(super) fn complete<T>(
        &mut self,
        doing: &str,
        until: Instant,
        mut operation: impl FnMut(&ssh2::Session) -> std::result::Result<T, ssh2::Error>,
    ) -> Result<T> {
        loop {
            self.listen()?;
            match operation(&self.session) {
                Ok(done) => return Ok(done),
                Err(error) if error.code() == AGAIN => {
                    if Instant::now() >= until {
                        return Err(Failure::operation(format!(
                            "host `{}`: {doing}: no answer in time",
                            self.target.name
                        )));
                    }
                    self.wait(until)?;
                }
                Err(error) => return Err(self.lost(&format!("{doing}: {}", error.message()))),
            }
        }
    }

    pub(super) fn lost(&self, why: &str) -> Failure {
        Failure::operation(format!(
            "connection lost to host `{}` ({} port {}): {why}",
            self.target.name, self.target.address, self.target.port
        ))
        .hint(format!("see that `{}` runs and can be reached, then run the same command again", self.target.name))
    }
}
