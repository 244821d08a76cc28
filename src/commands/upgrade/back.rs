//! The way back, before the point of no return: the old release with the data as they were.

use super::walk::Walk;
use crate::backup::restore::{Part, Wanted};
use crate::catalog::Catalog;
use crate::commands::backup::place::InPlace;
use crate::commands::procedure::{Answer as Acting, Refused};
use crate::evidence::{UpgradeEnding, UpgradeRecord, clock};
use crate::failure::{Failure, Result};
use crate::upgrade::{Step, brings_to_an_end};

impl Walk<'_, '_> {
    /// Nothing was stopped yet: what was laid beside goes.
    pub(super) fn never_mind(mut self, refused: Refused) -> (UpgradeRecord, Result<()>) {
        let (_, failure) = self.cleared(refused);
        self.ended(UpgradeEnding::NotBegun, Err(failure))
    }

    /// Whether nothing is under way any more, with the failure and what became of it.
    pub(super) fn cleared(&mut self, refused: Refused) -> (bool, Failure) {
        let lost = matches!(refused, Refused::Lost(_));
        let failure = Failure::from(refused).hint("nothing was stopped: the tenant runs as before");
        let hint = self.resume_hint();
        if lost {
            return (false, failure.hint(hint));
        }
        self.unsilence();
        match self.step(Step::End) {
            Ok(_) => {
                self.tidy();
                (true, failure)
            }
            Err(second) => (false, failure.hint(Failure::from(second).message).hint(hint)),
        }
    }

    /// Takes away what the old release does not have. That it stays takes nothing from anybody.
    fn tidy(&mut self) {
        let stay = self.old.release_ids();
        if let Err(refused) = self.retire(&stay) {
            self.run.out.remark(&format!(
                "{}: a release that it does not run is left on a host, until the next upgrade or apply: {}",
                self.target.name(),
                Failure::from(refused)
            ));
        }
    }

    /// The tenant goes back by itself, and is proven healthy.
    pub(super) fn way_back(mut self, refused: Refused) -> (UpgradeRecord, Result<()>) {
        let lost = matches!(refused, Refused::Lost(_));
        let failure = Failure::from(refused);
        let hint = self.resume_hint();
        if lost {
            let failure = failure.hint(format!("{} may still show its maintenance page", self.target.name()));
            return self.ended(UpgradeEnding::Down, Err(failure.hint(hint)));
        }
        let words = self.words();
        self.say(&format!("goes back to {}: {}", self.target.from, failure.message));
        let failure = match &words {
            // A start that failed has said them already.
            Some(words) if !failure.message.contains("last lines of") => {
                failure.hint(format!("its own last words:\n{}", last_lines(words)))
            }
            _ => failure,
        };
        self.record.words = words;
        match self.go_back() {
            Ok(()) => {
                let from = self.target.from.clone();
                self.say(&format!("is healthy on {from} again, with its data as they were"));
                let failure = failure.hint(format!("it went back to {from} by itself and is healthy"));
                self.ended(UpgradeEnding::WentBack, Err(failure))
            }
            Err(second) => {
                let failure = Failure::operation(format!(
                    "{}; and the way back to {} failed: {}",
                    failure.message, self.target.from, second.message
                ));
                let failure = second.hints.into_iter().fold(failure, Failure::hint);
                let down = format!("{} IS NOT KNOWN TO WORK, and shows its maintenance page", self.target.name());
                self.ended(UpgradeEnding::Down, Err(failure.hint(down).hint(hint)))
            }
        }
    }

    fn go_back(&mut self) -> Result<()> {
        if self.switched {
            self.step(Step::Stop)?;
            for catalog in self.old_parts() {
                self.place(&catalog)?;
            }
            self.bring_data_back()?;
        } else {
            // Nobody wrote anything else than the old release did.
            let services = self.old.live.services.clone();
            for catalog in &services {
                let secrets = self.secrets(catalog);
                self.run.procedure.bring(&self.target.tenant.subject, catalog, secrets)?;
            }
        }
        self.ask(None, None)?;
        let opened = self.step(Step::End)?;
        self.record.opened = self.record.closed.map(|_| opened);
        self.unsilence();
        self.tidy();
        Ok(())
    }

    /// What any release on the way has otherwise, as the old one has it.
    fn old_parts(&self) -> Vec<Catalog> {
        self.new.iter().flat_map(|view| self.old.beside(view)).collect()
    }

    /// The safety snapshot takes the place of what the new release made of the data.
    fn bring_data_back(&mut self) -> Acting<()> {
        match self.record.snapshot.clone() {
            Some(snapshot) => self.bring_data(None, snapshot),
            None => Err(Refused::Failed(Failure::operation("there is no safety snapshot to come back to"))),
        }
    }

    /// The data become those of a snapshot, with what is there kept beside for a while; the application is started and
    /// healthy then, on a release of the way, or else the old one.
    pub(super) fn bring_data(&mut self, on: Option<usize>, snapshot: String) -> Acting<()> {
        let view = on.and_then(|at| self.new.get(at)).unwrap_or(&self.old);
        let place = InPlace {
            procedure: &mut self.run.procedure,
            store: self.run.store,
            live: &view.live,
            out: self.run.out,
            part: Part { database: true, files: true, path: None },
            until: clock::now().as_second() + i64::from(self.run.policy.keep_days) * 86_400,
            confirm: Some(self.target.name().to_string()),
            safety: false,
            in_any_case: true,
        };
        let wanted = Wanted {
            tenant: self.target.name().to_string(),
            member: self.target.tenant.subject.owner.clone(),
            snapshot: Some(snapshot),
            at: None,
        };
        if let Some(outcome) = place.whole(wanted).map_err(Refused::Failed)?
            && let Some(kept) = outcome.kept
        {
            let until = clock::local_time(kept.until);
            let database = kept.database.map(|name| format!("database {name} until {until}"));
            self.record.kept =
                database.into_iter().chain(kept.files.map(|path| format!("{path} until {until}"))).collect();
        }
        Ok(())
    }

    pub(super) fn resume_hint(&self) -> String {
        format!("{} brings it to an end", brings_to_an_end(self.target.name(), self.target.goes_back()))
    }
}

fn last_lines(words: &str) -> String {
    let lines: Vec<&str> = words.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
