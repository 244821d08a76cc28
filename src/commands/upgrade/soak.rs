//! A batch soaks: its tenants must stay healthy for a while before the next one begins.

use std::time::{Duration, Instant};

use super::seen::Eyes;
use super::target::{Target, View};
use super::walk::Run;
use super::wave::SoFar;
use crate::commands::procedure::{Answer, Refused};
use crate::evidence::{UpgradeEnding, UpgradeRecord};
use crate::failure::Failure;
use crate::health::Health;
use crate::protocol::Act;
use crate::resources::SecretTable;

/// Seconds in which an application that was healthy may answer badly before it counts as unhealthy.
const BLINK: u32 = 5;

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(2);

/// A tenant that was upgraded.
struct Soaking<'t> {
    target: &'t Target,
    /// Where the application answers for its health.
    asked: Option<(String, Health)>,
    /// When its maintenance page went.
    opened: i64,
}

impl Run<'_> {
    /// The tenants of a batch, each with the time at which its maintenance page went. One that does not stay healthy gets its
    /// old code back, if that works on the data that it has now: what was written since is kept.
    pub(super) fn soak(&mut self, so_far: &mut SoFar, upgraded: Vec<(&Target, i64)>, eyes: &mut Eyes) {
        let lasting = Duration::from_secs(u64::from(self.policy.soak_seconds));
        let began = Instant::now();
        let mut well: Vec<Soaking> = Vec::new();
        for (target, opened) in upgraded {
            match View::of(self.inventory, target, &target.to) {
                Ok(view) => well.push(Soaking { target, asked: view.live.health, opened }),
                Err(failure) => self.unwell(so_far, target, failure),
            }
        }
        while began.elapsed() < lasting && !well.is_empty() && self.procedure.is_stopping().is_none() {
            std::thread::sleep(PAUSE);
            let names: Vec<&str> = well.iter().map(|one| one.target.name()).collect();
            let glance = eyes.glance(self, &names);
            let mut still = Vec::new();
            for one in well {
                let name = one.target.name();
                match self.is_well(&one) {
                    Err(Refused::Lost(failure)) => self.unreachable(so_far, one.target, failure),
                    Err(Refused::Failed(failure)) => self.unwell(so_far, one.target, failure),
                    // What is busy is asked again: a backup may have it at any time.
                    Ok(()) | Err(Refused::Busy(_)) if self.unwatched.contains(name) => still.push(one),
                    Ok(()) | Err(Refused::Busy(_)) => match eyes.judge(name, one.opened, &glance) {
                        Ok(()) => still.push(one),
                        Err(failure) => self.unwell(so_far, one.target, failure),
                    },
                }
            }
            well = still;
        }
        for one in well {
            let name = one.target.name();
            if eyes.missed(name) && !self.unwatched.contains(name) && !lasting.is_zero() {
                self.out.remark(&format!(
                    "{name}: no monitoring host looked at it in the {} s after its maintenance page was gone, so its \
                     application's own health decided",
                    lasting.as_secs()
                ));
            }
            if let Err(failure) = eyes.last_word(name) {
                self.unwell(so_far, one.target, failure);
            }
        }
    }

    fn is_well(&mut self, one: &Soaking) -> Answer<()> {
        let Some((host, health)) = &one.asked else { return Ok(()) };
        let subject = &one.target.tenant.subject;
        let act = Act::Ask(Health { patience: BLINK, ..health.clone() });
        let answer = self.procedure.act(host, subject, act, SecretTable::default());
        self.procedure.release([host.as_str()], subject);
        answer.map(drop)
    }

    /// It was upgraded, and nobody can say how it is: that counts as a failure, and takes nothing back.
    fn unreachable(&mut self, so_far: &mut SoFar, target: &Target, failure: Failure) {
        let failure = failure
            .context(format!("{} cannot be asked any more while it soaks", target.name()))
            .hint(format!("it was healthy on {} when its maintenance page went", target.to));
        self.procedure.ended(&target.tenant.subject, &Err(failure.clone()));
        so_far.came.kinds.push(failure.kind);
        so_far.tally.bad();
    }

    /// It was upgraded, and is not healthy any more.
    fn unwell(&mut self, so_far: &mut SoFar, target: &Target, failure: Failure) {
        let (name, to) = (target.name(), &target.to);
        let failure = failure.context(format!("{name} became unhealthy on {to} after its maintenance page was gone"));
        if !target.path.reversible {
            let failure = failure
                .hint(format!("{to} is not said to be reversible: what was written since is not thrown away unasked"))
                .hint(format!(
                    "comuni rollback {} --member {} says what would be lost",
                    target.tenant.application, target.slug
                ));
            self.procedure.ended(&target.tenant.subject, &Err(failure.clone()));
            so_far.came.kinds.push(failure.kind);
            so_far.tally.bad();
            return;
        }
        so_far.came.records.retain(|record| record.tenant != name);
        self.procedure.say(&target.tenant.host, &target.tenant.subject, &failure.message);
        let back = target.reversed();
        let (record, result) = self.walked(&back, |walk| walk.urgent().whole());
        let result = match result {
            Ok(()) => {
                Err(failure.hint(format!("it runs {} again and is healthy; nothing that was written is lost", back.to)))
            }
            Err(second) => Err(second.context(failure.message)),
        };
        let record = UpgradeRecord { reason: result.as_ref().err().map(|failure| failure.message.clone()), ..record };
        let record = UpgradeRecord {
            ending: if record.ending == UpgradeEnding::Done { UpgradeEnding::CodeBack } else { record.ending },
            ..record
        };
        self.came(so_far, &back, record, result);
    }
}
