//! The brake: a plan that removes or changes more than the consortium's limits stops until it is allowed by name.

use crate::catalog::Area;
use crate::cli::Allowance;
use crate::failure::{Failure, Result};
use crate::inventory::types::Limits;
use crate::protocol::Outcome;
use crate::report::{HostPlan, HostState};
use crate::resources::Action;

/// Resources from which on a percentage of changes means something.
const FEW: u32 = 20;

/// Stops a plan that goes too far.
///
/// # Errors
/// Lists what exceeds which limit, and names the option that allows it.
pub(super) fn check(plans: &[HostPlan], limits: &Limits, allowed: &[Allowance]) -> Result<()> {
    let mut removals = 0;
    let mut excesses = Vec::new();
    for plan in plans {
        let HostState::Checked { findings, correct, .. } = &plan.state else { continue };
        let count = |wanted: Action| {
            let with = |outcome: &Outcome| matches!(outcome, Outcome::Differs { action, .. } if *action == wanted);
            findings.iter().filter(|finding| with(&finding.outcome)).count() as u32
        };
        removals += count(Action::Remove);
        // A template for all changes a file of the monitoring for each member at once, and neither data nor a service: the
        // tests that come with the rules hold it, and a daemon that refuses them goes on with the old ones.
        let watching = findings.iter().filter(|finding| {
            let changed =
                matches!(finding.outcome, Outcome::Differs { action: Action::Change | Action::AdoptAndChange, .. });
            changed && finding.area == Area::Monitoring
        });
        let watching = watching.count() as u32;
        let touched = count(Action::Change) + count(Action::AdoptAndChange) + count(Action::Remove) - watching;
        let existing = correct + watching + touched + count(Action::Adopt);
        if existing >= FEW
            && touched * 100 > existing * limits.changed_percent
            && !allowed.contains(&Allowance::Changes)
        {
            excesses.push(format!(
                "{}: {touched} of {existing} resources would be changed or removed (the limit is {} %): --allow changes",
                plan.host, limits.changed_percent
            ));
        }
    }
    if removals > limits.removals && !allowed.contains(&Allowance::Removals) {
        excesses.push(format!(
            "{removals} resources would be removed (the limit is {}): --allow removals",
            limits.removals
        ));
    }
    if excesses.is_empty() {
        return Ok(());
    }
    Err(Failure::operation(format!("the brake holds this plan:\n  {}", excesses.join("\n  ")))
        .hint("read the plan; when it is what you want, run again with the options named above"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Stage;
    use crate::protocol::Finding;

    fn plan(changes: usize, removals: usize, correct: u32) -> Vec<HostPlan> {
        plan_in(Area::Tenant, changes, removals, correct)
    }

    fn plan_in(area: Area, changes: usize, removals: usize, correct: u32) -> Vec<HostPlan> {
        let finding = |action| Finding {
            id: "file:/etc/x".to_string(),
            owner: "c_e707".to_string(),
            tenant: None,
            area,
            stage: Stage::Application,
            outcome: Outcome::Differs { action, changes: Vec::new() },
            drifted: false,
        };
        let mut findings = vec![finding(Action::Change); changes];
        findings.extend(vec![finding(Action::Remove); removals]);
        vec![HostPlan { host: "app1".to_string(), state: HostState::Checked { findings, debts: Vec::new(), correct } }]
    }

    #[test]
    fn a_plan_is_held_beyond_the_limits_and_only_then() {
        let limits = Limits { removals: 5, changed_percent: 30 };
        for (changes, removals, correct, allowed, held) in [
            (0, 5, 100, &[][..], false),
            (0, 6, 100, &[], true),
            (0, 6, 100, &[Allowance::Removals], false),
            (0, 6, 100, &[Allowance::Changes], true),
            (30, 0, 70, &[], false),
            (31, 0, 69, &[], true),
            (31, 0, 69, &[Allowance::Changes], false),
            (10, 0, 9, &[], false),
            (10, 0, 10, &[], true),
        ] {
            let result = check(&plan(changes, removals, correct), &limits, allowed);
            assert_eq!(result.is_err(), held, "{changes} changes, {removals} removals, {correct} correct, {allowed:?}");
        }
    }

    #[test]
    fn rules_and_targets_of_all_members_may_change_at_once_and_not_go_at_once() {
        // What a change of the template of the rules is on the monitoring host of a province: 272 files of 136 members.
        let limits = Limits { removals: 10, changed_percent: 30 };
        assert!(check(&plan_in(Area::Monitoring, 272, 0, 180), &limits, &[]).is_ok());
        assert!(check(&plan_in(Area::Dns, 272, 0, 180), &limits, &[]).is_err());
        let all_gone = check(&plan_in(Area::Monitoring, 0, 272, 180), &limits, &[]).unwrap_err().message;
        assert!(all_gone.contains("--allow changes") && all_gone.contains("--allow removals"), "{all_gone}");
    }
}
