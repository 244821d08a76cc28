//! Rules: that what is loaded is what lies on disk, and that all of it is reckoned.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Finding, Trouble, moment, word};

/// A group that was not reckoned for so many of its intervals stands still.
const MISSED: i64 = 4;

/// Tells which rules cannot be reckoned. Gives how many there are.
pub(super) fn judge(answer: &Value, now: i64, found: &mut Vec<Finding>) -> usize {
    let mut count = 0;
    for group in groups(answer) {
        let name = word(group, "name");
        for rule in group["rules"].as_array().into_iter().flatten() {
            count += 1;
            if word(rule, "health") == "err" {
                let (rule_name, why) = (word(rule, "name"), word(rule, "lastError"));
                let what = format!("the rule {rule_name} of {name} cannot be reckoned: {why}");
                found.push(Finding::new(Trouble::RuleFails, rule_name, what));
            }
        }
        let interval = group["interval"].as_f64().unwrap_or(60.0).ceil() as i64;
        let patience = (interval * MISSED).max(60);
        // A group that was never reckoned has a moment in the year 1.
        let last = moment(&group["lastEvaluation"]).unwrap_or(0);
        if last > 0 && now - last > patience {
            let what =
                format!("the rules of {name} were last reckoned {} s ago, every {interval} s is due", now - last);
            found.push(Finding::new(Trouble::RuleStill, name, what));
        }
    }
    count
}

/// Tells where what is loaded is not what lies on disk.
pub(super) fn loaded(answer: &Value, running: &Value, files: &Value, found: &mut Vec<Finding>) {
    if running["reloadConfigSuccess"] != Value::Bool(true) {
        let what = "Prometheus refused its files and goes by those it loaded before";
        found.push(Finding::new(Trouble::ReloadFailed, "prometheus", what));
    }
    let since = moment(&running["lastConfigTime"]).unwrap_or(0);
    let loaded: BTreeSet<&str> = groups(answer).map(|group| word(group, "file")).collect();
    let mut on_disk = BTreeSet::new();
    for file in files.as_array().into_iter().flatten() {
        let path = word(file, "path");
        on_disk.insert(path);
        if !loaded.contains(path) {
            found.push(Finding::new(Trouble::RuleNotLoaded, path, format!("the rules in {path} are not loaded")));
        } else if file["modified"].as_i64().unwrap_or(i64::MAX) > since {
            let what = format!("{path} was changed after Prometheus loaded it: it goes by the older rules");
            found.push(Finding::new(Trouble::RuleChanged, path, what));
        }
    }
    for path in loaded.difference(&on_disk) {
        let what = format!("rules of {path} are loaded, and the file is not there any more");
        found.push(Finding::new(Trouble::RuleGone, *path, what));
    }
}

/// The groups of an answer.
pub(super) fn groups(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["groups"].as_array().into_iter().flatten()
}
