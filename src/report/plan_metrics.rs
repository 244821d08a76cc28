//! What a plan came to as metrics for the textfile collector of the node exporter: `comuni status` shows them.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::plan::{HostState, PlanView};
use crate::catalog::HOST_OWNER;
use crate::protocol::Outcome;
use crate::resources::Action;

/// Every member is in it, also one for which nothing is to do. `complete` says that all of all hosts was compared.
pub fn plan_metrics(plan: &PlanView, complete: bool, now: i64) -> String {
    let owners = plan.members.keys().map(String::as_str).chain([HOST_OWNER]);
    let mut counts: BTreeMap<&str, (u64, u64)> = owners.map(|owner| (owner, (0, 0))).collect();
    let findings = plan.hosts.iter().flat_map(|host| match &host.state {
        HostState::Checked { findings, .. } => findings.as_slice(),
        _ => &[],
    });
    for finding in findings {
        let pending = match &finding.outcome {
            Outcome::Differs { action, .. } => *action != Action::Keep,
            Outcome::KnownAfter { .. } => true,
            _ => false,
        };
        let (all, drifted) = counts.entry(finding.owner.as_str()).or_default();
        *all += u64::from(pending);
        *drifted += u64::from(pending && finding.drifted);
    }
    let mut page = String::new();
    let mut metric = |name: &str, help: &str, lines: &[(Option<&str>, i64)]| {
        // Writing to a String cannot fail.
        let _ = write!(page, "# HELP {name} {help}\n# TYPE {name} gauge\n");
        for (owner, value) in lines {
            let labels = owner.map_or(String::new(), |owner| format!("{{owner=\"{owner}\"}}"));
            let _ = writeln!(page, "{name}{labels} {value}");
        }
    };
    let each = |of: fn(&(u64, u64)) -> u64| -> Vec<(Option<&str>, i64)> {
        counts.iter().map(|(owner, counts)| (Some(*owner), i64::try_from(of(counts)).unwrap_or(i64::MAX))).collect()
    };
    metric("comuni_plan_timestamp_seconds", "When the hosts were last compared with the inventory.", &[(None, now)]);
    metric("comuni_plan_complete", "All of all hosts was compared.", &[(None, i64::from(complete))]);
    metric("comuni_plan_pending", "Resources that an apply would change.", &each(|(all, _)| *all));
    metric("comuni_plan_drifted", "Those of them that somebody changed by hand.", &each(|(_, drifted)| *drifted));
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Area, Stage};
    use crate::protocol::Finding;
    use crate::report::HostPlan;

    fn finding(owner: &str, outcome: Outcome, drifted: bool) -> Finding {
        let (area, stage) = (Area::Tenant, Stage::Application);
        Finding { id: "file:/x".into(), owner: owner.into(), tenant: None, area, stage, outcome, drifted }
    }

    #[test]
    fn every_owner_has_its_counts_and_what_is_kept_is_not_pending() {
        let differs = |action| Outcome::Differs { action, changes: Vec::new() };
        let findings = vec![
            finding("c_e863", differs(Action::Change), true),
            finding("c_e863", differs(Action::Create), false),
            finding("c_e863", differs(Action::Keep), false),
            finding("c_e863", Outcome::Foreign, false),
            finding("host", Outcome::KnownAfter { needs: "x".into() }, false),
        ];
        let state = HostState::Checked { findings, debts: Vec::new(), correct: 7 };
        let members = BTreeMap::from(["c_e863", "c_e707"].map(|code| (code.to_string(), code.to_string())));
        let plan = PlanView { hosts: vec![HostPlan { host: "app1".into(), state }], members };
        let page = plan_metrics(&plan, false, 1_795_000_000);
        for line in [
            "comuni_plan_timestamp_seconds 1795000000",
            "comuni_plan_complete 0",
            "comuni_plan_pending{owner=\"c_e863\"} 2",
            "comuni_plan_drifted{owner=\"c_e863\"} 1",
            "comuni_plan_pending{owner=\"c_e707\"} 0",
            "comuni_plan_pending{owner=\"host\"} 1",
        ] {
            assert!(page.lines().any(|one| one == line), "{line}\n{page}");
        }
    }
}
