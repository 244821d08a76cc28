//! `comuni report activation`: what a body gets when it has become a member, in Italian.

use std::collections::BTreeMap;

use super::super::inventory::read;
use super::super::monitoring::{asked, watchers};
use super::{Testimony, handed_out, maker, testimony};
use crate::backup::ladder::Verification;
use crate::cli::{ActivationReport, Global, Way};
use crate::evidence::documents::Document;
use crate::evidence::documents::activation::{Known, document};
use crate::failure::Result;
use crate::inventory::{Body, Inventory, select};
use crate::monitoring::{measured, of_the_fleet};
use crate::report::Out;

/// # Errors
/// Exit 4 when the evidence is broken, which the document says too; 1 when the control host cannot be reached.
pub(super) fn run(global: &Global, what: &ActivationReport, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let chosen = select::members(&inventory, &what.members)?;
    let testimony = testimony(&inventory, &what.way, out)?;
    let certificates = certificates(&inventory, &what.way, out)?;
    let bodies = chosen.iter().map(|slug| &inventory.members[slug]);
    let documents: Vec<Document> =
        bodies.map(|body| document(&inventory, body, &known(&inventory, body, &testimony, &certificates))).collect();
    handed_out(documents, testimony.broken, what.html.as_deref(), out)
}

fn known<'a>(
    inventory: &Inventory,
    body: &Body,
    testimony: &'a Testimony,
    certificates: &BTreeMap<String, i64>,
) -> Known<'a> {
    let of_body = |code: &str| code == body.code;
    let run = testimony
        .lines
        .iter()
        .rev()
        .map(|line| &line.record)
        .find(|record| record.verb == "onboard" && record.members.iter().any(|member| of_body(&member.code)));
    let restores = testimony.lines.iter().filter_map(|line| line.record.verification.as_deref());
    Known {
        run,
        restores: newest(restores.filter(|found| of_body(&found.member))),
        certificates: certificates.clone(),
        problems: testimony.problems.clone(),
        maker: maker(inventory),
    }
}

/// The newest of each tenant that says whether its copy comes back, of those that are given the oldest first.
fn newest<'a>(found: impl Iterator<Item = &'a Verification>) -> BTreeMap<String, &'a Verification> {
    found.filter(|found| found.tests_a_restore()).map(|found| (found.tenant.clone(), found)).collect()
}

/// When the certificates end, as it is measured from outside; what cannot be asked is not known.
fn certificates(inventory: &Inventory, way: &Way, out: &Out) -> Result<BTreeMap<String, i64>> {
    let mut all = BTreeMap::new();
    if inventory.consortium.monitoring.is_none() {
        return Ok(all);
    }
    let (_, hosts) = watchers(inventory)?;
    let (said, _) = asked(inventory, &hosts, &of_the_fleet(0), None, ("report", way), out)?;
    for (host, answer) in said {
        match answer {
            Ok(monitored) => all.extend(measured(&monitored.answers).certificates),
            Err(failure) => out.remark(&format!("{host}: {}", failure.told())),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::ladder::{Level, Outcome, Rung};

    #[test]
    fn damage_that_ends_the_climb_before_a_restore_stands_instead_of_an_older_restore() {
        let climbed = |ended: i64, outcomes: &[Outcome]| {
            let mut found: Verification = serde_json::from_value(serde_json::json!({
                "tenant": "c_e707-albo", "member": "c_e707", "application": "albo", "host": "ops1", "began": ended - 16,
                "ended": ended, "outcome": "not_due", "rungs": [], "snapshots": [], "versions": [], "swept": [], "notes": []
            }))
            .unwrap();
            for (level, outcome) in Level::ALL.into_iter().zip(outcomes) {
                found.add(Rung { level, outcome: *outcome, milliseconds: 1, checks: Vec::new() });
            }
            found
        };
        let good = climbed(100, &[Outcome::Pass; 6]);
        let damaged = climbed(200, &[Outcome::Pass, Outcome::Pass, Outcome::Fail]);
        let looked = climbed(300, &[Outcome::Pass; 4]);
        assert_eq!(newest([&good, &looked].into_iter())["c_e707-albo"].ended, 100, "a look is no restore");
        let found = newest([&good, &damaged, &looked].into_iter());
        assert_eq!(found["c_e707-albo"].outcome, Outcome::Fail);
    }
}
