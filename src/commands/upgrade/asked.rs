//! The application of a tenant on its way is asked whether it is well.

use std::time::{Duration, Instant};

use super::walk::Walk;
use crate::commands::procedure::{Answer as Acting, Refused};
use crate::health::Health;
use crate::protocol::Act;
use crate::resources::SecretTable;

/// Seconds in which an application that was healthy may answer badly before that counts.
const BLINK: u32 = 3;

/// Seconds after which it is told what an application answers that is not well yet.
const SOON: u32 = 10;

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);

impl Walk<'_, '_> {
    /// It must stay healthy for so long.
    pub(super) fn healthy_for(&mut self, seconds: u32) -> Acting<()> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(u64::from(seconds)) {
            std::thread::sleep(PAUSE);
            self.ask(self.new.len().checked_sub(1), Some(BLINK))?;
        }
        Ok(())
    }

    /// Asks the application itself, as a release of the way is asked, or else the old one. What it answers when it is not soon
    /// well is told, but ends nothing before its time: many servers say 404 or 503 as long as they load.
    pub(super) fn ask(&mut self, on: Option<usize>, patience: Option<u32>) -> Acting<()> {
        let view = on.and_then(|at| self.new.get(at)).unwrap_or(&self.old);
        let Some((host, health)) = view.live.health.clone() else { return Ok(()) };
        let mut health = Health { patience: patience.unwrap_or(health.patience), ..health };
        if health.patience > SOON {
            let soon = Health { patience: SOON, ..health.clone() };
            match self.act(&host, Act::Ask(soon), SecretTable::default()) {
                Err(Refused::Failed(failure)) => {
                    health.patience -= SOON;
                    self.say(&format!(
                        "is not healthy yet, and is asked for up to {} s more: {}",
                        health.patience, failure.message
                    ));
                }
                answer => return answer.map(drop),
            }
        }
        self.act(&host, Act::Ask(health), SecretTable::default()).map(drop)
    }
}
