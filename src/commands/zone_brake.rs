//! The brake of zones: RRsets that must be allowed by name, and changes beyond a zone's limits. A comune's zone is small,
//! so no zone is too small for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Catalog;
use crate::cli::Allowance;
use crate::failure::{Failure, Result};
use crate::inventory::types::ZoneLimits;
use crate::protocol::{Finding, Outcome};
use crate::report::{HostPlan, HostState};
use crate::resources::{Action, Change, Resource, Step, Zone};

/// What was allowed by name, as the hosts read it.
pub(super) fn names(allowed: &[Allowance]) -> BTreeSet<String> {
    let name = |allowance: &Allowance| match allowance {
        Allowance::RrSet(name) => Some(name.clone()),
        Allowance::Removals | Allowance::Changes | Allowance::Zone(_) => None,
    };
    allowed.iter().filter_map(name).collect()
}

/// Stops a plan that goes too far in a zone.
///
/// # Errors
/// Lists each zone and RRset, and names the option that allows it.
pub(super) fn check(
    plans: &[HostPlan],
    catalogs: &BTreeMap<String, Catalog>,
    limits: &ZoneLimits,
    allowed: &[Allowance],
) -> Result<()> {
    let mut excesses = Vec::new();
    for plan in plans {
        let HostState::Checked { findings, .. } = &plan.state else { continue };
        let entries = catalogs.get(&plan.host).map(|catalog| catalog.entries.as_slice()).unwrap_or_default();
        for finding in findings.iter().filter(|finding| finding.id.starts_with("zone:")) {
            let zone = entries.iter().find_map(|entry| match &entry.resource {
                Resource::Zone(zone) if entry.id == finding.id => Some(zone),
                _ => None,
            });
            excesses.extend(excess(&plan.host, finding, zone, limits, allowed));
        }
    }
    if excesses.is_empty() {
        return Ok(());
    }
    Err(Failure::operation(format!("the brake holds this plan:\n  {}", excesses.join("\n  ")))
        .hint("read the plan; when it is what you want, run again with the options named above"))
}

fn excess(
    host: &str,
    finding: &Finding,
    zone: Option<&Zone>,
    limits: &ZoneLimits,
    allowed: &[Allowance],
) -> Vec<String> {
    let Outcome::Differs { action, changes } = &finding.outcome else { return Vec::new() };
    let name = finding.id.trim_start_matches("zone:");
    let may = |rrset: &str| allowed.contains(&Allowance::RrSet(rrset.to_string()));
    let Some(zone) = zone.filter(|_| *action != Action::Remove) else {
        let whole = format!("{name}/SOA");
        let held = *action == Action::Remove && !may(&whole);
        return held.then(|| format!("{name} would not be served any more: --allow {whole}")).into_iter().collect();
    };
    let mut found = Vec::new();
    // What waits for its time is not changed by this apply, and another TTL alone takes nothing from anybody.
    let counts = |change: &&Change| !matches!(change.step, Some(Step::Second { .. })) && !zone.is_another_ttl(change);
    let changes: Vec<&Change> = changes.iter().filter(counts).collect();
    for change in &changes {
        match change {
            _ if change.field.ends_with("/DNSKEY") && !may(&change.field) => found.push(format!(
                "{name}: the keys that its other name servers publish are not on {host}: bring them back (docs/dns.md), or make new \
                 ones: --allow {}",
                change.field
            )),
            _ if zone.is_protected(change) && !may(&change.field) => {
                found.push(format!("{} is protected and {}: --allow {}", change.field, fate(change), change.field));
            }
            _ => {}
        }
    }
    let touched = changes.iter().filter(|change| change.field.contains('/') && change.before.is_some()).count();
    let removed = changes.iter().filter(|change| change.field.contains('/') && change.after.is_none()).count();
    let added = changes.iter().filter(|change| change.field.contains('/') && change.before.is_none()).count();
    let wanted = zone.wanted().map_or(0, |wanted| wanted.sets.len());
    let existing = (wanted + removed).saturating_sub(added).max(touched);
    let beyond = touched > limits.rrsets as usize || touched > 1 && touched * 100 > existing * limits.percent as usize;
    if beyond && !allowed.contains(&Allowance::Zone(name.to_string())) {
        found.push(format!(
            "{name}: {touched} of {existing} RRsets would be changed or removed (the limits are {} and {} %): --allow {name}",
            limits.rrsets, limits.percent
        ));
    }
    found
}

fn fate(change: &Change) -> &'static str {
    if change.after.is_some() { "would be changed" } else { "would be removed" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Area, Entry, Origin, Stage};

    fn zone(records: &[&str]) -> Catalog {
        let origin = Origin { playbook: "dns.yml".to_string(), line: 1, play: "Zone".to_string() };
        let mut lines = vec!["b.it. 60 SOA ns.c.it. h.c.it. 0 4 3 2 1".to_string(), "b.it. 60 NS ns.c.it.".to_string()];
        lines.extend(records.iter().map(ToString::to_string));
        let zone = Zone {
            name: "b.it".to_string(),
            records: lines,
            servers: Vec::new(),
            protected: vec!["pec.b.it/MX".to_string()],
            move_ttl: 0,
            patience: 30,
        };
        let entry = Entry {
            id: "zone:b.it".to_string(),
            owner: "c_e707".to_string(),
            tenant: None,
            area: Area::Dns,
            stage: Stage::Dns,
            origin,
            resource: Resource::Zone(zone),
        };
        Catalog { host: "mon1".to_string(), entries: vec![entry] }
    }

    fn change((field, before, after): &(&str, bool, bool)) -> Change {
        Change {
            field: field.to_string(),
            before: before.then(|| "60 x".to_string()),
            after: after.then(|| "60 y".to_string()),
            secret: false,
            step: None,
        }
    }

    fn judged(catalog: Catalog, action: Action, changes: &[(&str, bool, bool)], allowed: &[&str]) -> Option<String> {
        judged_changes(catalog, action, changes.iter().map(change).collect(), allowed)
    }

    fn judged_changes(catalog: Catalog, action: Action, changes: Vec<Change>, allowed: &[&str]) -> Option<String> {
        let finding = Finding {
            id: "zone:b.it".to_string(),
            owner: "c_e707".to_string(),
            tenant: None,
            area: Area::Dns,
            stage: Stage::Dns,
            outcome: Outcome::Differs { action, changes },
            drifted: false,
        };
        let state = HostState::Checked { findings: vec![finding], debts: Vec::new(), correct: 0 };
        let plans = [HostPlan { host: "mon1".to_string(), state }];
        let allowed: Vec<Allowance> = allowed.iter().map(|text| text.parse().unwrap()).collect();
        let catalogs = [("mon1".to_string(), catalog)].into();
        check(&plans, &catalogs, &ZoneLimits { percent: 30, rrsets: 5 }, &allowed).err().map(|failure| failure.message)
    }

    const SIX: [&str; 6] = [
        "a.b.it. 60 A 192.0.2.1",
        "c.b.it. 60 A 192.0.2.1",
        "d.b.it. 60 A 192.0.2.1",
        "e.b.it. 60 A 192.0.2.1",
        "f.b.it. 60 A 192.0.2.1",
        "g.b.it. 60 A 192.0.2.1",
    ];

    #[test]
    fn one_change_is_free_and_a_mass_delete_in_a_small_zone_is_held() {
        let change = ("a.b.it/A", true, true);
        assert_eq!(judged(zone(&SIX[..1]), Action::Change, &[change], &[]), None, "one of three");
        let deletes = [("x.b.it/A", true, false), ("y.b.it/A", true, false), ("z.b.it/A", true, false)];
        let held = judged(zone(&SIX[..4]), Action::Change, &deletes, &[]).expect("three of nine");
        assert!(held.contains("3 of 9 RRsets") && held.contains("--allow b.it"), "{held}");
        assert_eq!(judged(zone(&SIX[..4]), Action::Change, &deletes, &["b.it"]), None);
        assert_eq!(judged(zone(&SIX), Action::Change, &deletes[..2], &[]), None, "two of ten");
    }

    #[test]
    fn however_large_a_zone_is_six_changes_are_held() {
        let many: Vec<String> = (0..100).map(|number| format!("n{number}.b.it. 60 A 192.0.2.1")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let names: Vec<String> = (0..6).map(|number| format!("n{number}.b.it/A")).collect();
        let changes: Vec<_> = names.iter().map(|name| (name.as_str(), true, true)).collect();
        assert!(judged(zone(&many), Action::Change, &changes, &[]).is_some());
        assert!(judged(zone(&many), Action::Change, &changes[..5], &[]).is_none());
        let new: Vec<_> = names.iter().map(|name| (name.as_str(), false, true)).collect();
        assert!(judged(zone(&many), Action::Change, &new, &[]).is_none(), "additions are free");
    }

    #[test]
    fn a_protected_rrset_is_allowed_by_its_own_name_alone() {
        let delete = [("pec.b.it/MX", true, false)];
        let held = judged(zone(&SIX), Action::Change, &delete, &["b.it", "changes", "removals", "a.b.it/MX"]);
        assert_eq!(
            held.as_deref(),
            Some("the brake holds this plan:\n  pec.b.it/MX is protected and would be removed: --allow pec.b.it/MX")
        );
        assert_eq!(judged(zone(&SIX), Action::Change, &delete, &["PEC.b.it./mx"]), None);
        assert_eq!(
            judged(zone(&SIX), Action::Change, &[("pec.b.it/MX", false, true)], &[]),
            None,
            "a new one harms nobody"
        );
    }

    #[test]
    fn lost_keys_are_held() {
        let keys = [("a.b.it/A", false, true), ("b.it/DNSKEY", true, true)];
        assert!(
            judged(zone(&SIX), Action::Create, &keys, &[]).is_some_and(|held| held.contains("--allow b.it/DNSKEY"))
        );
        assert_eq!(judged(zone(&SIX), Action::Create, &keys, &["b.it/DNSKEY"]), None);
    }

    #[test]
    fn what_waits_for_its_time_is_no_change_to_hold() {
        let mut early = change(&("pec.b.it/MX", true, true));
        early.step = Some(Step::Second { not_before: 9 });
        assert_eq!(judged_changes(zone(&SIX), Action::Wait, vec![early.clone()], &[]), None);
        early.step = Some(Step::First { then: None, after: 9 });
        assert!(judged_changes(zone(&SIX), Action::Change, vec![early], &[]).is_some(), "its first step is one");
    }

    #[test]
    fn another_ttl_alone_takes_nothing_away_and_is_not_held() {
        let other = |after: &str| Change {
            field: "pec.b.it/MX".to_string(),
            before: Some("3600 10 pec.c.it.".to_string()),
            after: Some(after.to_string()),
            secret: false,
            step: None,
        };
        assert_eq!(judged_changes(zone(&SIX), Action::Change, vec![other("300 10 pec.c.it."); 6], &[]), None);
        assert!(judged_changes(zone(&SIX), Action::Change, vec![other("300 10 pec.d.it.")], &[]).is_some());
    }

    #[test]
    fn no_zone_goes_without_its_name() {
        assert!(
            judged(zone(&[]), Action::Remove, &[], &["removals", "b.it"]).is_some_and(|held| held.contains("b.it/SOA"))
        );
        assert_eq!(judged(zone(&[]), Action::Remove, &[], &["b.it/SOA"]), None);
    }
}
