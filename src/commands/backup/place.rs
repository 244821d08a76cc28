//! A restore in the place of what is there: a walk with one point of no return, before which everything is put back.

use std::time::Instant;

use super::live::Live;
use super::restore::{brought, chosen_words, step};
use crate::backup::restore::{Answer, Chosen, Exchange, From, Kept, Part, Report, Settled, Shape, Step, Wanted};
use crate::backup::run::Ended;
use crate::catalog::Catalog;
use crate::commands::procedure::{Answer as Acting, Procedure, Refused, unexpected};
use crate::evidence::clock;
use crate::failure::{Failure, Result};
use crate::protocol::{Act, Acted};
use crate::report::{Out, bytes, typed};
use crate::resources::SecretTable;
use crate::secrets::Store;

/// A tenant on its way back.
pub(in crate::commands) struct InPlace<'a> {
    pub(in crate::commands) procedure: &'a mut Procedure,
    pub(in crate::commands) store: &'a Store,
    pub(in crate::commands) live: &'a Live,
    pub(in crate::commands) out: &'a Out,
    pub(in crate::commands) part: Part,
    pub(in crate::commands) until: i64,
    pub(in crate::commands) confirm: Option<String>,
    /// What is there is backed up first.
    pub(in crate::commands) safety: bool,
    /// One that was cut off is brought to its end, and this one is done all the same: it may be another one.
    pub(in crate::commands) in_any_case: bool,
}

/// What came of it.
pub(in crate::commands) struct Outcome {
    pub(in crate::commands) chosen: Chosen,
    pub(in crate::commands) report: Report,
    pub(in crate::commands) kept: Option<Kept>,
    /// Seconds without the application.
    pub(in crate::commands) stopped: u64,
    pub(in crate::commands) differing: Vec<String>,
}

impl InPlace<'_> {
    /// All of it; none when a restore that was cut off was brought to its end instead.
    pub(in crate::commands) fn whole(mut self, wanted: Wanted) -> Result<Option<Outcome>> {
        if self.live.database.is_none() && !self.part.files {
            return Err(Failure::usage(format!("{} has no database", self.live.subject.tenant)));
        }
        if self.live.database.is_none() {
            self.part.database = false;
        }
        let (chosen, settled) = self.choose(wanted)?;
        if let Some(settled) = settled {
            self.say(&self.live.host, &settled.words);
            if settled.restored && !self.in_any_case {
                self.start()?;
                self.out.remark("that restore is done; run the same command again to restore once more");
                return Ok(None);
            }
        }
        self.must_be_meant(&chosen)?;
        if self.part.database {
            let subject = &self.live.subject;
            self.procedure.act(&self.live.database_host, subject, Act::Hold, SecretTable::default())?;
        }
        let names = self.names();
        let (report, oid) = match self.beside(&chosen, names.as_ref()) {
            Ok(done) => done,
            Err(refused) => return Err(self.nothing_changed(names.as_ref(), refused)),
        };
        let began = Instant::now();
        let kept = match self.swap(names.as_ref(), oid) {
            Ok(kept) => kept,
            Err(refused) => return Err(self.put_back(refused)),
        };
        self.procedure.changed(&self.live.host, &self.live.subject, format!("restored:{}", chosen.id));
        if let Err(refused) = self.started() {
            return Err(self.go_back(names.as_ref(), refused));
        }
        let stopped = began.elapsed().as_secs();
        self.say(&self.live.host, &format!("is healthy; it did not run for {stopped} s"));
        let differing = self.compare()?;
        Ok(Some(Outcome { chosen, report, kept, stopped, differing }))
    }

    fn choose(&mut self, wanted: Wanted) -> Result<(Chosen, Option<Settled>)> {
        let choose = Step::Choose { from: From::Own, wanted };
        match self.step(&self.live.host, choose)? {
            Answer::Chosen(chosen, settled) => Ok((chosen, settled)),
            other => Err(strange(&other).into()),
        }
    }

    /// The name of the tenant must be typed, or said by `--confirm`.
    fn must_be_meant(&self, chosen: &Chosen) -> Result<()> {
        let tenant = &self.live.subject.tenant;
        let meant = match &self.confirm {
            Some(said) => said == tenant,
            None => {
                let what = match (self.part.database, self.part.files) {
                    (true, true) => "database and files of",
                    (true, false) => "the database of",
                    _ => "the files of",
                };
                let question = format!(
                    "{what} {tenant} become what they were in {}.\nWhat was written since then is kept beside until {}.",
                    chosen_words(chosen),
                    clock::local_time(self.until)
                );
                let remedy = format!("say --confirm {tenant}");
                typed(self.out, &question, tenant, "live data are to be replaced", &remedy)?
            }
        };
        if meant {
            return Ok(());
        }
        Err(Failure::usage(format!("not restored: what was confirmed is not {tenant}")).hint("nothing was changed"))
    }

    fn names(&self) -> Option<Exchange> {
        let (name, owner) = self.live.database.clone().filter(|_| self.part.database)?;
        let now = clock::now().strftime("%Y%m%dt%H%M%Sz").to_string();
        Some(Exchange { new: format!("{name}__restoring"), kept: format!("{name}__kept_{now}"), name, owner })
    }

    /// Everything that can be done beside: fetched and proven, what is there backed up, loaded and compared.
    fn beside(&mut self, chosen: &Chosen, names: Option<&Exchange>) -> Acting<(Report, Option<u32>)> {
        let (host, database_host) = (self.live.host.clone(), self.live.database_host.clone());
        let fetch = Step::Fetch {
            chosen: chosen.clone(),
            part: self.part.clone(),
            unit: self.live.unit.clone(),
            database: names.cloned(),
            until: self.until,
        };
        let (report, shape): (Report, Option<Shape>) = match self.step(&host, fetch)? {
            Answer::Fetched { report, shape } => (report, shape),
            other => return Err(strange(&other)),
        };
        self.say(&host, &brought(&report));
        self.save(&host)?;
        let Some((names, shape)) = names.cloned().zip(shape) else { return Ok((report, None)) };
        let oid = match self.step(&database_host, Step::Make { names, shape })? {
            Answer::Made(oid) => oid,
            other => return Err(strange(&other)),
        };
        match self.step(&host, Step::Load)? {
            Answer::Loaded(seconds) => self.say(&host, &format!("loaded beside in {seconds} s, equal to its manifest")),
            other => return Err(strange(&other)),
        }
        Ok((report, Some(oid)))
    }

    /// Backs up what is there.
    fn save(&mut self, host: &str) -> Acting<()> {
        if !self.safety {
            return Ok(());
        }
        match self.procedure.act(host, &self.live.subject, Act::Backup, SecretTable::default())? {
            Acted::BackedUp(run) if matches!(run.state, Ended::Complete | Ended::Partial) => {
                let id = run.snapshot.as_deref().and_then(|id| id.get(..8)).unwrap_or("unknown");
                self.say(
                    host,
                    &format!("what is there was backed up: {} (snapshot {id}, {})", bytes(run.bytes), run.state.word()),
                );
                Ok(())
            }
            Acted::BackedUp(run) => Err(Refused::Failed(
                Failure::operation(format!(
                    "what is there cannot be backed up first: backup {}: {}",
                    run.state.word(),
                    run.error.unwrap_or_default()
                ))
                .hint("--without-safety-backup goes on all the same: what is there is kept beside in any case"),
            )),
            other => Err(unexpected(host, &other)),
        }
    }

    /// The application stops, and the data change their places. Once the databases have, there is no way but forward.
    fn swap(&mut self, names: Option<&Exchange>, oid: Option<u32>) -> Acting<Option<Kept>> {
        let (host, database_host) = (self.live.host.clone(), self.live.database_host.clone());
        self.step(&host, Step::Stop { oid })?;
        self.say(&host, "is stopped");
        if let Some(names) = names {
            self.step(&database_host, Step::Swap(names.clone()))?;
            self.say(&database_host, &format!("{} is the restored database", names.name));
        }
        match self.step(&host, Step::Settle)? {
            Answer::Settled(Settled { words, restored: true, kept }) => {
                self.say(&host, &words);
                Ok(kept)
            }
            Answer::Settled(Settled { words, .. }) => Err(Refused::Failed(Failure::operation(words))),
            other => Err(strange(&other)),
        }
    }

    /// Grants and limits of the database, then the application, until it is healthy.
    fn started(&mut self) -> Acting<()> {
        if self.part.database {
            self.bring(&self.live.grants)?;
        }
        self.bring(&self.live.services)?;
        self.ask()
    }

    fn bring(&mut self, catalogs: &[Catalog]) -> Acting<()> {
        for catalog in catalogs {
            let tokens = catalog.entries.iter().flat_map(|entry| entry.resource.kind().secrets()).collect();
            self.procedure.bring(&self.live.subject, catalog, self.store.table(&tokens))?;
        }
        Ok(())
    }

    fn ask(&mut self) -> Acting<()> {
        let Some((host, health)) = &self.live.health else { return Ok(()) };
        self.procedure.act(host, &self.live.subject, Act::Ask(health.clone()), SecretTable::default()).map(|_| ())
    }

    fn start(&mut self) -> Result<()> {
        Ok(self.started()?)
    }

    /// Before the application was stopped: what was brought beside goes.
    fn nothing_changed(&mut self, names: Option<&Exchange>, refused: Refused) -> Failure {
        let lost = matches!(refused, Refused::Lost(_));
        let failure = Failure::from(refused);
        let (host, database_host) = (self.live.host.clone(), self.live.database_host.clone());
        let unmade = names.map(|names| self.step(&database_host, Step::Unmake(names.clone())));
        let settled = self.step(&host, Step::Settle);
        match (lost, unmade, settled) {
            (false, None | Some(Ok(_)), Ok(_)) => failure.hint("nothing was changed: the tenant runs as before"),
            _ => failure.hint("the tenant runs as before; what was brought beside it goes with the next `comuni backup restore` or `comuni apply`"),
        }
    }

    /// The databases did not change places, or the host was lost: whatever decides is asked, and the tenant follows.
    fn put_back(&mut self, refused: Refused) -> Failure {
        let failure = Failure::from(refused);
        let host = self.live.host.clone();
        let settled = self.step(&host, Step::Settle);
        let again = |failure: Failure| {
            failure.hint("the application stands still until `comuni apply` or the same command has brought it to the one or the other")
        };
        match settled {
            Ok(Answer::Settled(Settled { words, .. })) => match self.start() {
                Ok(()) => failure.hint(format!("{words}, and is healthy")),
                Err(second) => failure.hint(format!("{words}, and does not start: {}", second.message)),
            },
            _ => again(failure),
        }
    }

    /// It is not healthy with what was restored: it gets back what it had.
    fn go_back(&mut self, names: Option<&Exchange>, refused: Refused) -> Failure {
        let failure = Failure::from(refused);
        let (host, database_host) = (self.live.host.clone(), self.live.database_host.clone());
        let back = self.step(&host, Step::Back).and_then(|_| match names {
            Some(names) => self.step(&database_host, Step::SwapBack(names.clone())).map(drop),
            None => Ok(()),
        });
        match back {
            Ok(()) => self.put_back(Refused::Failed(failure.context("not healthy with the restored data"))),
            Err(second) => failure
                .context("not healthy with the restored data")
                .hint(format!("nor could the earlier data be brought back: {}", Failure::from(second).message))
                .hint("docs/restore.md, \"By hand\""),
        }
    }

    fn compare(&mut self) -> Result<Vec<String>> {
        let mut differing = Vec::new();
        for catalog in &self.live.all {
            let tokens = catalog.entries.iter().flat_map(|entry| entry.resource.kind().secrets()).collect();
            let ids = self.procedure.compare(&self.live.subject, catalog, self.store.table(&tokens))?;
            differing.extend(ids.into_iter().map(|id| format!("{}: {id}", catalog.host)));
        }
        Ok(differing)
    }

    fn step(&mut self, host: &str, what: Step) -> Acting<Answer> {
        step(self.procedure, host, &self.live.subject, what, SecretTable::default())
    }

    fn say(&self, host: &str, words: &str) {
        self.procedure.say(host, &self.live.subject, words);
    }
}

fn strange(answer: &Answer) -> Refused {
    Refused::Failed(Failure::operation(format!("the host answered something else: {answer:?}")))
}
