//! Signals that ask this process to end, for runs without a control that would ask.
//!
//! Nobody heeds them unless [`heed`] was called: then the program that is running is asked to end, what it was run for
//! fails with [`Kind::Interrupted`] or [`Kind::Terminated`], and there is time to clean up.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::failure::{Failure, Kind, Result};

/// How often somebody who waits looks whether a signal came.
pub(super) const LOOK: Duration = Duration::from_millis(200);

static ASKED: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// From now on SIGINT, SIGTERM and SIGHUP do not end this process, but what it runs.
///
/// # Errors
/// When the system refuses.
pub fn heed() -> Result<()> {
    let asked = ASKED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let number = usize::try_from(signal).unwrap_or_default();
        signal_hook::flag::register_usize(signal, Arc::clone(asked), number)
            .map_err(|error| Failure::operation(format!("cannot listen for signals: {error}")))?;
    }
    Ok(())
}

/// The failure of whatever is going on, once a signal has come.
pub fn stopped() -> Option<Failure> {
    let signal = ASKED.get()?.load(Ordering::SeqCst);
    if signal == 0 {
        return None;
    }
    let interrupt = usize::try_from(SIGINT).is_ok_and(|number| number == signal);
    let (kind, word) = if interrupt { (Kind::Interrupted, "SIGINT") } else { (Kind::Terminated, "SIGTERM") };
    Some(Failure::new(kind, format!("ended by {word}")))
}
