//! How a stream begins, and the ways in which it ends.

use std::sync::Arc;
use std::time::Instant;

use super::{Checked, Conversation, ENDING};
use crate::failure::{Failure, Result};
use crate::fleet::event::Event;
use crate::fleet::wire::{Opening, Received};
use crate::protocol::{FromHost, VERSION};

impl Conversation {
    /// How a comparison that cannot take place is reported.
    pub(super) fn not_checked(&self, failure: Failure) -> Checked {
        match self.refused {
            true => Checked::Refused(failure),
            false => Checked::Unreachable(failure),
        }
    }

    /// As [`Conversation::open`]; answers with what that means for a comparison.
    pub(in crate::fleet) fn open_or_say_why(&mut self) -> Option<Checked> {
        let failure = self.open().err()?;
        Some(self.not_checked(failure))
    }

    /// Connects and waits for the greeting. Does nothing when the stream is open.
    ///
    /// # Errors
    /// When the host cannot be reached or its half is of another version.
    pub(in crate::fleet) fn open(&mut self) -> Result<()> {
        if self.wire.is_some() {
            return Ok(());
        }
        if let Some(failure) = &self.lost {
            return Err(failure.clone());
        }
        let begun = Instant::now();
        self.begin("connecting");
        self.tell(Event::Connecting { host: self.host.clone() });
        let (events, host) = (Arc::clone(&self.shared.events), self.host.clone());
        let opened = self.shared.transport.open(&self.host, &move |opening| {
            if let Opening::Installing { bytes } = opening {
                events(Event::Installing { host: host.clone(), bytes });
            }
        });
        self.wire = Some(opened.map_err(|failure| self.give_up(failure))?);
        self.last_sent = Instant::now();
        self.begin("greeting");
        match self.next()? {
            FromHost::Hello { protocol: VERSION, fingerprint, .. } => {
                self.fingerprint = fingerprint;
                let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                self.tell(Event::Connected { host: self.host.clone(), milliseconds });
                Ok(())
            }
            FromHost::Hello { protocol, version, .. } => {
                let failure = Failure::operation(format!(
                    "host `{}`: its half ({version}) speaks version {protocol} of our protocol, we speak {VERSION}",
                    self.host
                ))
                .hint("run `./build`: comuni and the host half that it sends were not built together");
                self.refused = true;
                Err(self.give_up(failure))
            }
            other => Err(self.unexpected(&other)),
        }
    }

    /// Asks the host to end and waits for the end marker and a clean exit.
    ///
    /// # Errors
    /// When one of both does not come.
    pub(in crate::fleet) fn end(&mut self) -> Result<()> {
        if self.wire.is_none() {
            return Ok(());
        }
        self.begin("ending");
        self.send_end()?;
        while !matches!(self.next()?, FromHost::End) {}
        self.close()
    }

    /// After the end marker: waits for the exit.
    pub(super) fn close(&mut self) -> Result<()> {
        let Some(mut wire) = self.wire.take() else { return Ok(()) };
        let until = Instant::now() + ENDING;
        loop {
            match wire.receive(until.saturating_duration_since(Instant::now())) {
                Ok(Received::End) => break,
                Ok(Received::Line(_)) => {}
                Ok(Received::Nothing) => {
                    return Err(self.give_up(Failure::operation(format!(
                        "host `{}`: our half gave its end marker but does not end",
                        self.host
                    ))));
                }
                Err(failure) => return Err(self.give_up(failure)),
            }
        }
        self.traffic = wire.traffic();
        match wire.finish(ENDING) {
            Ok(exit) if exit.success() => Ok(()),
            Ok(exit) => Err(self.give_up(Failure::operation(format!(
                "host `{}`: our half gave its end marker but ended badly: {exit}",
                self.host
            )))),
            Err(failure) => Err(self.give_up(failure)),
        }
    }

    /// Leaves a host half that ends by itself; how does not matter, for it did nothing.
    pub(super) fn hang_up(&mut self, why: Failure) {
        if let Some(wire) = self.wire.take() {
            self.traffic = wire.traffic();
            let _ = wire.finish(ENDING);
        }
        self.lost = Some(why);
    }

    /// Drops the stream. All later orders answer with this failure.
    pub(super) fn give_up(&mut self, failure: Failure) -> Failure {
        if let Some(wire) = self.wire.take() {
            self.traffic = wire.traffic();
        }
        let place = format!("`{}`", self.host);
        let failure = match failure.message.contains(&place) {
            true => failure,
            false => failure.context(format!("host {place}")),
        };
        if self.lost.is_none() {
            self.tell(Event::Lost { host: self.host.clone(), failure: failure.clone() });
            self.lost = Some(failure.clone());
        }
        failure
    }

    /// The host closed the stream without the end marker.
    pub(super) fn ended(&mut self) -> Failure {
        let Some(wire) = self.wire.take() else { return self.gone() };
        self.traffic = wire.traffic();
        let how = match wire.finish(ENDING) {
            Ok(exit) => exit.to_string(),
            Err(failure) => failure.message,
        };
        let failure = Failure::operation(format!(
            "host `{}`: our half ended without its end marker while we waited for: {} ({how})",
            self.host, self.step
        ))
        .hint("run the same command again: the host keeps what it did and what it owes");
        self.give_up(failure)
    }

    pub(super) fn unexpected(&mut self, message: &FromHost) -> Failure {
        let failure = match message {
            FromHost::Refused { message } => {
                self.refused = true;
                Failure::operation(format!("host `{}` refuses: {message}", self.host))
            }
            // The host stopped because we asked it to.
            FromHost::End if self.end_sent => {
                return match self.close() {
                    Ok(()) => self.lost.insert(self.shared.stop.failure()).clone(),
                    Err(failure) => failure,
                };
            }
            _ => {
                let mut text = format!("{message:?}");
                text.truncate(text.char_indices().nth(120).map_or(text.len(), |(at, _)| at));
                Failure::operation(format!("host `{}` says what was not asked for: {text}", self.host))
            }
        };
        self.give_up(failure)
    }
}
