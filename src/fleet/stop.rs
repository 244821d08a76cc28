//! Ctrl-C and SIGTERM: the first lets the hosts finish their current resources, the second drops the connections.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::event::{Event, Events};
use crate::failure::{Failure, Kind, Result};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    kind: Option<Kind>,
    again: bool,
}

/// Whether somebody wants the run to stop.
#[derive(Debug, Default)]
pub struct Stop {
    state: watch::Sender<State>,
}

impl Stop {
    /// Somebody wants the run to stop; the second time, at once. The first kind stays.
    pub fn raise(&self, kind: Kind) {
        self.state.send_modify(|state| match state.kind {
            None => state.kind = Some(kind),
            Some(_) => state.again = true,
        });
    }

    /// Why the run shall stop, or `None`.
    pub fn requested(&self) -> Option<Kind> {
        self.state.borrow().kind
    }

    /// It shall stop without waiting for the hosts.
    pub fn at_once(&self) -> bool {
        self.state.borrow().again
    }

    /// The failure that says so.
    pub fn failure(&self) -> Failure {
        let kind = self.requested().unwrap_or(Kind::Interrupted);
        let what = if kind == Kind::Terminated { "ended by a signal" } else { "interrupted" };
        Failure::new(kind, what).hint("run the same command again: what is done is kept, the rest is taken up")
    }

    pub(super) async fn wait_requested(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.state.subscribe().wait_for(|state| state.kind.is_some()).await;
    }

    pub(super) async fn wait_at_once(&self) {
        let _ = self.state.subscribe().wait_for(|state| state.again).await;
    }

    /// Raises itself at SIGINT (130), SIGTERM and SIGHUP (143).
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub(super) async fn listen(&self, events: Events, ready: tokio::sync::oneshot::Sender<Result<()>>) {
        let install =
            |kind| signal(kind).map_err(|error| Failure::operation(format!("cannot listen for signals: {error}")));
        let handlers = (|| {
            Ok((install(SignalKind::interrupt())?, install(SignalKind::terminate())?, install(SignalKind::hangup())?))
        })();
        let (mut interrupt, mut terminate, mut hangup) = match handlers {
            Ok(handlers) => {
                let _ = ready.send(Ok(()));
                handlers
            }
            Err(failure) => {
                let _ = ready.send(Err(failure));
                return;
            }
        };
        loop {
            let kind = tokio::select! {
                _ = interrupt.recv() => Kind::Interrupted,
                _ = terminate.recv() => Kind::Terminated,
                _ = hangup.recv() => Kind::Terminated,
            };
            self.raise(kind);
            events(Event::Interrupted { again: self.at_once() });
        }
    }
}
