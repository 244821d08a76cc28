//! What is watched against what there must be.

use std::collections::BTreeMap;

use serde_json::Value;

use super::wanted::about;
use super::{Demand, Finding, Trouble, Wanted, word};

/// Tells what differs. Gives how many of those that there must be answer.
pub(super) fn judge(demand: &Demand, answer: &Value, found: &mut Vec<Finding>) -> usize {
    let ours = |labels: &BTreeMap<String, String>| {
        demand.members.is_empty() || labels.get("member").is_some_and(|member| demand.members.contains(member))
    };
    let active: Vec<(BTreeMap<String, String>, &Value)> = answer["activeTargets"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|target| (labels(&target["labels"]), target))
        .filter(|(labels, _)| ours(labels))
        .collect();
    let mut up = 0;
    for wanted in &demand.targets {
        match active.iter().find(|(labels, _)| *labels == wanted.labels) {
            None => {
                let name = about(&wanted.labels);
                found.push(Finding::new(Trouble::TargetMissing, &name, format!("{name} is not watched")));
            }
            Some((_, target)) => up += usize::from(is_well(wanted, target, found)),
        }
    }
    for (labels, _) in &active {
        if !demand.targets.iter().any(|wanted| wanted.labels == *labels) {
            let name = about(labels);
            let told: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            found.push(Finding::new(
                Trouble::TargetStrange,
                &name,
                format!("{name} is watched, and the inventory does not ask for it: {}", told.join(" ")),
            ));
        }
    }
    up
}

fn is_well(wanted: &Wanted, target: &Value, found: &mut Vec<Finding>) -> bool {
    let name = about(&wanted.labels);
    let seen = labels(&target["discoveredLabels"]);
    let other = wanted.how.iter().find(|(name, value)| seen.get(*name) != Some(value));
    if let Some((how, value)) = other {
        let is = seen.get(how).map_or("nothing", String::as_str);
        let what = format!("{name} is asked with {how} {is}, not {value}");
        found.push(Finding::new(Trouble::TargetDiffers, &name, what));
    }
    match word(target, "health") {
        "up" => return true,
        "down" => {
            let why = word(target, "lastError");
            found.push(Finding::new(Trouble::TargetDown, &name, format!("{name} does not answer: {why}")));
        }
        _ => found.push(Finding::new(Trouble::TargetNew, &name, format!("{name} was not asked yet"))),
    }
    false
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_string())).collect()
}
