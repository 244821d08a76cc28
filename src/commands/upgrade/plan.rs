//! What an upgrade would do: for each tenant from, to, through, whether it can go back, and how long it may take.

use std::collections::BTreeMap;

use super::look::Found;
use super::target::Target;
use crate::cli::Upgrade;
use crate::commands::backup::tenants::Tenant;
use crate::evidence::{UpgradeEnding, UpgradeRecord};
use crate::failure::{Failure, Kind, Result};
use crate::inventory::Inventory;
use crate::inventory::diagnostics::counted;
use crate::report::json::{Object, UpgradeLine};
use crate::report::{Out, table};
use crate::rollout::{Path, Waves, path};
use crate::upgrade::Phase;

/// What is to be done.
pub(super) struct Plan {
    /// Tenants that shall come to another release.
    pub(super) targets: Vec<Target>,
    /// Upgrades that were cut off, to be brought to an end first.
    pub(super) cut_off: Vec<(Target, Found)>,
    /// Of these nobody knows how they stand.
    pub(super) unreachable: Vec<(Tenant, Failure)>,
    /// All members that were chosen.
    pub(super) slugs: Vec<String>,
    /// They run the wanted release already.
    same: usize,
    /// Seconds without service, from what was measured before.
    outages: BTreeMap<String, i64>,
}

/// # Errors
/// Exit 64 when the catalogue has no such release, or it is older; 65 when a tenant was never applied.
pub(super) fn make(
    inventory: &Inventory,
    name: &str,
    options: &Upgrade,
    tenants: &[Tenant],
    found: &BTreeMap<String, Result<Found>>,
    past: &[UpgradeRecord],
) -> Result<Plan> {
    let application = inventory
        .applications
        .get(name)
        .ok_or_else(|| Failure::usage(format!("the catalogue has no application {name}")))?;
    let mut plan = Plan {
        targets: Vec::new(),
        cut_off: Vec::new(),
        unreachable: Vec::new(),
        slugs: Vec::new(),
        same: 0,
        outages: BTreeMap::new(),
    };
    for tenant in tenants {
        let body = super::target::body(inventory, &tenant.subject.owner)?;
        let said = body.tenants.get(name).map(|plan| plan.tenant.release.clone());
        let to = options.to.clone().or(said).unwrap_or_default();
        plan.slugs.push(body.slug.clone());
        let found = match found.get(&tenant.subject.tenant) {
            Some(Ok(found)) => found,
            Some(Err(failure)) if failure.kind == Kind::Busy => return Err(failure.clone()),
            Some(Err(failure)) => {
                plan.unreachable.push((tenant.clone(), failure.clone()));
                continue;
            }
            None => continue,
        };
        let target = |from: &str, to: &str, path: Path| Target {
            tenant: tenant.clone(),
            slug: body.slug.clone(),
            from: from.to_string(),
            to: to.to_string(),
            path,
        };
        let mut runs = found.release.clone().ok_or_else(|| {
            Failure::inventory(format!(
                "{} has no release yet: nothing was applied, or without backups",
                tenant.subject.tenant
            ))
            .hint(format!("comuni apply --member {} brings it for the first time", body.slug))
        })?;
        if let Some(note) = &found.note {
            // Back goes to what the catalogue may not call a path.
            let way = path(name, application, &note.from, &note.to)
                .unwrap_or(Path { releases: vec![note.to.clone()], reversible: false });
            plan.cut_off.push((target(&note.from, &note.to, way), found.clone()));
            if note.phase == Phase::Opened && note.back {
                continue;
            }
            runs = if note.phase == Phase::Opened { note.to.clone() } else { note.from.clone() };
        }
        let way = path(name, application, &runs, &to)?;
        if way.releases.is_empty() {
            plan.same += 1;
            continue;
        }
        if let Some(outage) = outage(past, name, &to) {
            plan.outages.insert(tenant.subject.tenant.clone(), outage);
        }
        plan.targets.push(target(&runs, &to, way));
    }
    Ok(plan)
}

/// What the same upgrade took elsewhere, or else any of this application: the one in the middle.
fn outage(past: &[UpgradeRecord], application: &str, to: &str) -> Option<i64> {
    let all = || past.iter().filter(|record| record.application == application && record.ending == UpgradeEnding::Done);
    let same: Vec<i64> = all().filter(|record| record.to == to).filter_map(UpgradeRecord::outage).collect();
    let mut known = if same.is_empty() { all().filter_map(UpgradeRecord::outage).collect() } else { same };
    known.sort_unstable();
    known.get(known.len() / 2).copied()
}

impl Plan {
    /// Seconds without service that are expected.
    pub(super) fn outage(&self, target: &Target) -> Option<i64> {
        self.outages.get(target.name()).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.cut_off.is_empty()
    }

    /// What it means that nothing is done.
    pub(super) fn kind(&self) -> Option<Kind> {
        Kind::worst(self.unreachable.iter().map(|(_, failure)| failure.kind))
    }

    pub(super) fn show(&self, order: &Waves, out: &Out) {
        let place = |slug: &str| order.waves.iter().position(|wave| wave.iter().any(|member| member == slug));
        let mut lines: Vec<UpgradeLine> =
            self.targets.iter().map(|target| self.line(target, order, place(&target.slug))).collect();
        lines.sort_by_key(|line| (line.wave.is_none(), line.wave));
        if !lines.is_empty() {
            let head = ["WAVE", "TENANT", "HOST", "FROM", "THROUGH", "CODE CAN GO BACK", "OUTAGE", "NOTE"];
            let mut rows = vec![head.map(String::from).to_vec()];
            rows.extend(lines.iter().map(row));
            out.text(&table(&rows));
        }
        for (target, _) in &self.cut_off {
            out.text(&format!("{}  is brought to an end first\n", target.name()));
        }
        for (tenant, failure) in &self.unreachable {
            out.text(&format!("{}  cannot be asked: {}\n", tenant.subject.tenant, failure.message));
        }
        if self.same > 0 {
            out.text(&format!("{} already there\n", counted(self.same, "tenant")));
        }
        for line in lines {
            out.object(&Object::UpgradePlan(line));
        }
    }

    fn line(&self, target: &Target, order: &Waves, wave: Option<usize>) -> UpgradeLine {
        let left = order.left.iter().find(|left| left.member == target.slug);
        UpgradeLine {
            tenant: target.name().to_string(),
            host: target.tenant.host.clone(),
            from: target.from.clone(),
            path: target.path.releases.clone(),
            reversible: target.path.reversible,
            wave: wave.and_then(|wave| u32::try_from(wave + 1).ok()),
            left_alone: left.map(|left| left.closed.to_string()),
            expected_outage_seconds: self.outage(target),
        }
    }
}

fn row(line: &UpgradeLine) -> Vec<String> {
    vec![
        line.wave.map_or("-".to_string(), |wave| wave.to_string()),
        line.tenant.clone(),
        line.host.clone(),
        line.from.clone(),
        line.path.join(", "),
        if line.reversible { "yes" } else { "no" }.to_string(),
        line.expected_outage_seconds.map_or("not known".to_string(), |seconds| format!("about {seconds} s")),
        line.left_alone.as_ref().map_or(String::new(), |why| format!("left alone: {why}")),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::Path as Folder;

    use clap::Parser;

    use super::*;
    use crate::upgrade::Note;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        upgrade: Upgrade,
    }

    /// What is brought to an end and what comes to 1.1.0, when a note is on the host.
    fn planned(note: Note) -> (usize, Vec<(String, String)>) {
        let varese = Folder::new(env!("CARGO_MANIFEST_DIR")).join("inventories/varese");
        let inventory = crate::inventory::load(&varese).map_err(|all| all.render()).unwrap().inventory;
        let options = Typed::parse_from(["upgrade", "albo", "--to", "1.1.0"]).upgrade;
        let tenants = super::super::tenants(&inventory, "albo", &["lozza".to_string()]).unwrap();
        let name = tenants[0].subject.tenant.clone();
        let found = Found { note: Some(note), release: Some("1.0.0".to_string()) };
        let plan = make(&inventory, "albo", &options, &tenants, &BTreeMap::from([(name, Ok(found))]), &[]).unwrap();
        let come = plan.targets.iter().map(|target| (target.from.clone(), target.to.clone()));
        (plan.cut_off.len(), come.collect())
    }

    #[test]
    fn who_was_on_the_way_back_is_brought_to_an_end_and_not_forward_again_in_the_same_run() {
        let note = |from: &str, to: &str, back: bool, phase: Phase| -> Note {
            serde_json::from_value(serde_json::json!({
                "from": from, "to": to, "unit": "u", "page": "/p", "back": back, "phase": phase, "by": "anna@ced1", "began": 1
            }))
            .unwrap()
        };
        let forward = |from: &str| vec![(from.to_string(), "1.1.0".to_string())];
        assert_eq!(planned(note("1.0.0", "1.1.0", false, Phase::Switched)), (1, forward("1.0.0")));
        assert_eq!(planned(note("1.0.0", "1.1.0", false, Phase::Opened)), (1, Vec::new()), "it is there");
        assert_eq!(planned(note("1.1.0", "1.0.0", true, Phase::Opened)), (1, Vec::new()), "it stays back");
        assert_eq!(planned(note("1.1.0", "1.0.0", true, Phase::Switched)), (1, Vec::new()), "it is on 1.1.0 again");
    }
}
