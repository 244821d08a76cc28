//! What `plan --out`, `show plan` and `apply PLANFILE` share: a plan in a file, and whether it still holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::survey::{Survey, operator};
use crate::evidence::{Who, clock};
use crate::failure::{Failure, Kind, Result};
use crate::fleet::Checked;
use crate::report::json::Object;
use crate::report::{HostPlan, HostState, Out, PlanView, consent, saved_plan};
use crate::saved::{self, Answer, Document, Ground, Moved, Plan, SignOff};

/// Saves what was planned.
///
/// # Errors
/// Nothing is saved when something could not be compared: nobody could say later whether it has moved. Exit 1 when the
/// file cannot be written.
pub(super) fn save(survey: &Survey, ground: &Ground, file: &Path, out: &Out) -> Result<()> {
    if let Some(kind) = survey.trouble() {
        let why = "a plan is saved only when every host and every resource could be compared";
        return Err(Failure::new(kind, format!("not saved in {}: {why}", file.display()))
            .hint("mend what is said above, or leave it out with --host, --member or --area"));
    }
    let hosts = survey.answers().into_iter().map(|(host, answer)| ground.planned(&host, answer)).collect();
    let document = Document::new(Plan {
        made: clock::iso(clock::now()),
        tool: env!("CARGO_PKG_VERSION").to_string(),
        planner: survey.who(),
        inventory: survey.inventory_record(),
        selection: survey.selection_record(),
        older_inventory: survey.older_inventory,
        host_half: ground.host_half.clone(),
        sources: ground.sources.clone(),
        members: survey.plan().members,
        hosts,
    });
    saved::write(file, &document)?;
    out.object(&Object::saved_plan(&document));
    out.remark(&format!(
        "saved in {0}: `comuni show plan {0}` shows it, `comuni apply {0}` applies it as long as nothing has moved",
        file.display()
    ));
    Ok(())
}

/// `comuni show plan`
pub(super) fn show(file: &Path, out: &Out) -> Result<()> {
    let document = saved::read(file)?;
    out.object(&Object::saved_plan(&document));
    let plan = view(&document.plan);
    for object in Object::plan(&plan) {
        out.object(&object);
    }
    out.text(&format!("{}\n{}", saved_plan(&document, clock::now()), plan.text(out)));
    Ok(())
}

/// `comuni sign-off`
///
/// # Errors
/// Exit 64 without consent or a terminal to give it on; 1 when the key does not sign.
pub(super) fn sign_off(file: &Path, keys: &[PathBuf], yes: bool, out: &Out) -> Result<()> {
    let mut document = saved::read(file)?;
    let plan = view(&document.plan);
    out.text(&format!("{}\n{}", saved_plan(&document, clock::now()), plan.text(out)));
    if !yes && !consent(out, "Sign off this plan?")? {
        return Err(Failure::operation("not signed off: the answer was not `yes`"));
    }
    let key = keys.first().ok_or_else(|| Failure::usage("name your ssh key with --key"))?;
    let made = SignOff::new(&document, Who::from(&operator()), clock::iso(clock::now()), key)?;
    if document.sign_offs.iter().any(|known| known.who.fingerprint == made.who.fingerprint) {
        out.remark(&format!("{}: this key has signed it off already", file.display()));
    } else {
        document.sign_offs.push(made);
        saved::write(file, &document)?;
    }
    out.object(&Object::saved_plan(&document));
    out.remark(&format!("signed off: `comuni apply {}` applies it as long as nothing has moved", file.display()));
    Ok(())
}

/// A saved plan as `report` shows it.
pub(super) fn view(plan: &Plan) -> PlanView {
    let hosts = plan.hosts.iter().map(|host| HostPlan {
        host: host.name.clone(),
        state: HostState::Checked { findings: host.findings.clone(), debts: host.debts.clone(), correct: host.correct },
    });
    PlanView { hosts: hosts.collect(), members: plan.members.clone() }
}

/// A saved plan, and what it has to be held against.
pub(super) struct Held<'a> {
    pub(super) file: &'a Path,
    pub(super) document: Document,
    pub(super) ground: Ground,
}

impl Held<'_> {
    /// Refuses a plan whose ground has moved on this machine. No host was asked yet.
    ///
    /// # Errors
    /// Exit 1, with all that moved.
    pub(super) fn on_this_machine(&self, out: &Out) -> Result<()> {
        self.must_hold(&saved::on_this_machine(&self.document.plan, &self.ground), out)
    }

    /// Refuses a plan that not every host has confirmed. They were only asked.
    ///
    /// # Errors
    /// The worst of why hosts did not answer; exit 1 with all that moved.
    pub(super) fn on_hosts(&self, survey: &Survey, out: &Out) -> Result<()> {
        let plan = survey.plan();
        let silent: BTreeMap<&str, Kind> = survey
            .checked
            .iter()
            .filter_map(|(host, checked)| match checked {
                Checked::Checked { .. } => None,
                Checked::Busy(_) => Some((host.as_str(), Kind::Busy)),
                Checked::Unreachable(failure) | Checked::Refused(failure) => Some((host.as_str(), failure.kind)),
            })
            .collect();
        if let Some(kind) = Kind::worst(silent.values().copied()) {
            for object in Object::plan(&plan).iter().filter(|object| matches!(object, Object::Host { .. })) {
                out.object(object);
            }
            out.text(&plan.silent_hosts(out));
            let hosts: Vec<&str> = silent.into_keys().collect();
            return Err(Failure::new(
                kind,
                format!(
                    "{} did not confirm this plan; nothing was written on any host: all must confirm before the first change",
                    hosts.join(", ")
                ),
            )
            .hint("run the same command again when they answer, or plan without them: comuni plan --host ... --out FILE"));
        }
        self.must_hold(&saved::on_hosts(&self.document.plan, &survey.answers()), out)
    }

    fn must_hold(&self, moved: &[Moved], out: &Out) -> Result<()> {
        for moved in moved {
            out.object(&Object::moved(moved));
        }
        match moved {
            [] => Ok(()),
            moved => Err(saved::refusal(self.file, &self.document.plan, &self.ground, moved)),
        }
    }
}

impl Survey {
    /// What the hosts answered that were compared.
    pub(super) fn answers(&self) -> BTreeMap<String, Answer> {
        let answer = |checked: &Checked| match checked {
            Checked::Checked { hold, findings, correct, .. } => {
                Some(Answer { correct: *correct, findings: findings.clone(), debts: hold.debts.clone() })
            }
            Checked::Busy(_) | Checked::Unreachable(_) | Checked::Refused(_) => None,
        };
        self.checked.iter().filter_map(|(host, checked)| Some((host.clone(), answer(checked)?))).collect()
    }
}
