//! The way of one body through the steps of joining or leaving, told as it goes and kept for its record.

use std::time::Instant;

use crate::commands::survey::operator;
use crate::evidence::{
    DeletionRecord, Ending, FailureRecord, InventoryRecord, MemberRecord, Record, StepRecord, clock, current,
};
use crate::failure::{Failure, Kind, Result};
use crate::inventory::Inventory;
use crate::report::Out;
use crate::report::json::Object;

/// The way of one body.
pub(super) struct Walk {
    verb: &'static str,
    pub(super) slug: String,
    pub(super) title: String,
    steps: Vec<StepRecord>,
    /// The step that failed.
    pub(super) failed: Option<(String, Failure)>,
    /// What others must do before all is done: one sentence each.
    pub(super) open: Vec<String>,
    began: String,
    /// What was deleted of it, when this is a purge.
    pub(super) deletion: Option<DeletionRecord>,
    /// Of its record, once it was asked for: a later one takes its place.
    id: Option<String>,
}

/// How long something took in milliseconds, and what came of it.
pub(super) type Timed = (u64, Result<String>);

/// Does it, and takes the time.
pub(super) fn timed(work: impl FnOnce() -> Result<String>) -> Timed {
    let began = Instant::now();
    let result = work();
    (u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), result)
}

/// Tells that a step of all these begins.
pub(super) fn heading(step: &str, walks: &[Walk], out: &Out) {
    let who = match walks {
        [one] => one.title.clone(),
        many => format!("{} bodies", many.len()),
    };
    out.remark(&format!("== {step}: {who}"));
}

/// Tells that a step is over.
pub(super) fn told(step: &str, (milliseconds, result): &Timed, out: &Out) {
    let detail = match result {
        Ok(detail) => detail.clone(),
        Err(failure) => said(step, failure),
    };
    out.text(&format!("{step}: {detail} ({:.1} s)\n", *milliseconds as f64 / 1000.0));
}

/// As a person says it: `9.4 s`, `3 min 20 s`.
pub(super) fn elapsed(began: Instant) -> String {
    let seconds = began.elapsed().as_secs_f64();
    match seconds {
        ..60.0 => format!("{seconds:.1} s"),
        _ => format!("{} min {} s", seconds as u64 / 60, seconds as u64 % 60),
    }
}

impl Walk {
    pub(super) fn new(verb: &'static str, slug: String, title: String) -> Walk {
        let began = clock::iso(clock::now());
        Walk { verb, slug, title, steps: Vec::new(), failed: None, open: Vec::new(), began, deletion: None, id: None }
    }

    /// Takes one step; after one that failed there is no other.
    ///
    /// # Errors
    /// Only when somebody wants all of it to stop.
    pub(super) fn step(&mut self, name: &str, out: &Out, work: impl FnOnce() -> Result<String>) -> Result<()> {
        if self.failed.is_some() {
            return Ok(());
        }
        heading(name, std::slice::from_ref(self), out);
        let done = timed(work);
        self.add(name, &done, out);
        told(name, &done, out);
        match done.1 {
            Err(failure) if matches!(failure.kind, Kind::Interrupted | Kind::Terminated) => Err(failure),
            _ => Ok(()),
        }
    }

    /// Takes note of a step that is over, and tells programs of it.
    pub(super) fn add(&mut self, name: &str, done: &Timed, out: &Out) {
        self.note(name, done);
        if let Some(step) = self.steps.last() {
            let (member, step) = (self.slug.clone(), step.clone());
            out.object(&match self.verb {
                "onboard" => Object::OnboardStep { member, step },
                _ => Object::OffboardStep { member, step },
            });
        }
    }

    fn note(&mut self, name: &str, (milliseconds, result): &Timed) {
        let (ending, detail) = match result {
            Ok(detail) => (Ending::Done, detail.clone()),
            Err(failure) if failure.kind == Kind::Pending => (Ending::Pending, failure.message.clone()),
            Err(failure) => (Ending::Failed, said(name, failure)),
        };
        match result {
            Err(failure) if failure.kind == Kind::Pending => self.open.push(failure.told()),
            Err(failure) => {
                let told = Failure { message: said(name, failure), ..failure.clone() };
                self.failed.get_or_insert_with(|| (name.to_string(), told));
            }
            Ok(_) => {}
        }
        self.steps.push(StepRecord {
            step: name.to_string(),
            ended: clock::iso(clock::now()),
            milliseconds: *milliseconds,
            result: ending,
            detail,
        });
    }

    /// The id that its record has or is going to have.
    ///
    /// # Errors
    /// When the operating system gives no random bytes for it.
    pub(super) fn id(&mut self) -> Result<String> {
        let id = match self.id.take() {
            Some(id) => id,
            None => Record::fresh_id()?,
        };
        Ok(self.id.insert(id).clone())
    }

    /// Nothing failed, and nothing is open.
    pub(super) fn is_well(&self) -> bool {
        self.failed.is_none() && self.open.is_empty()
    }

    pub(super) fn row(&self) -> Vec<String> {
        let seconds = self.steps.iter().map(|step| step.milliseconds).sum::<u64>() as f64 / 1000.0;
        let (result, step, what) = match (&self.failed, self.open.is_empty()) {
            (Some((step, failure)), _) => ("failed", step.as_str(), failure.message.lines().next().unwrap_or_default()),
            (None, false) => {
                let waits = self.steps.iter().find(|step| step.result == Ending::Pending);
                waits.map_or(("open", "-", ""), |step| ("open", step.step.as_str(), step.detail.as_str()))
            }
            (None, true) => ("active", "-", ""),
        };
        vec![self.slug.clone(), result.to_string(), step.to_string(), format!("{seconds:.1}"), what.to_string()]
    }

    /// What is kept of it, as far as it has come. Kept again later, it is the same record.
    ///
    /// # Errors
    /// When the inventory's revision cannot be told.
    pub(super) fn record(&mut self, inventory: &Inventory) -> Result<Record> {
        let revision = current(inventory)?;
        let of = InventoryRecord { revision: revision.text, dirty: revision.dirty, digest: inventory.digest.clone() };
        let mut record = Record::begin(self.verb, &operator(), of)?;
        record.id = self.id()?;
        record.started.clone_from(&self.began);
        record.steps.clone_from(&self.steps);
        record.deletion = self.deletion.clone().map(Box::new);
        let exit = match &self.failed {
            Some((step, failure)) => {
                let message = format!("{step}: {}", failure.message);
                record.failures.push(FailureRecord { host: String::new(), id: None, message });
                failure.kind.exit_code()
            }
            None if self.open.is_empty() => 0,
            None => Kind::Pending.exit_code(),
        };
        if let Some(body) = inventory.members.get(&self.slug) {
            record.selection.owners = vec![body.code.clone()];
            let result = match (&self.failed, self.open.is_empty()) {
                (Some(_), _) => Ending::Failed,
                (None, true) => Ending::Done,
                (None, false) => Ending::Pending,
            };
            let name = body.member.name.clone();
            record.members.push(MemberRecord { code: body.code.clone(), name, result });
        }
        record.end(exit);
        Ok(record)
    }
}

/// A verb that has told its failure already returns one without words.
fn said(step: &str, failure: &Failure) -> String {
    match failure.message.as_str() {
        "" => format!("{step} ended with exit {}, as told above", failure.kind.exit_code()),
        words => words.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::load;

    #[test]
    fn a_walk_that_is_kept_twice_is_one_record_and_says_how_far_it_came() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/varese");
        let inventory = load(&path).map_err(|all| all.render()).unwrap().inventory;
        let mut walk = Walk::new("onboard", "lozza".to_string(), "Lozza".to_string());
        walk.note("restore", &(10, Ok("restored".to_string())));
        let first = walk.record(&inventory).unwrap();
        walk.note("dns", &(10, Err(Failure::new(Kind::Pending, "the records must be set"))));
        let second = walk.record(&inventory).unwrap();
        assert_eq!((&first.id, &first.started), (&second.id, &second.started));
        assert_eq!(walk.id().unwrap(), first.id);
        assert_eq!((first.exit_code, second.exit_code, second.steps.len()), (Some(0), Some(2), 2));
        assert_eq!(walk.row()[1..3], ["open".to_string(), "dns".to_string()]);
        walk.note("backup", &(10, Err(Failure::new(Kind::Partial, ""))));
        assert_eq!(walk.record(&inventory).unwrap().exit_code, Some(3));
        assert_eq!(walk.row()[4], "backup ended with exit 3, as told above");
    }
}
