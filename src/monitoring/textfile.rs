//! What was found as metrics for the textfile collector of the node exporter.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Judged;

/// All monitoring hosts by name; `None` for one that could not be asked.
pub fn textfile(hosts: &BTreeMap<String, Option<Judged>>, now: i64) -> String {
    let mut page = String::new();
    let mut metric = |name: &str, help: &str, value: &dyn Fn(Option<&Judged>) -> Option<i64>| {
        // Writing to a String cannot fail.
        let _ = write!(page, "# HELP {name} {help}\n# TYPE {name} gauge\n");
        for (host, judged) in hosts {
            if let Some(value) = value(judged.as_ref()) {
                let _ = writeln!(page, "{name}{{watcher=\"{host}\"}} {value}");
            }
        }
    };
    let count = |of: usize| i64::try_from(of).unwrap_or(i64::MAX);
    metric("comuni_monitoring_check_timestamp_seconds", "When what watches was last looked at.", &|_| Some(now));
    metric(
        "comuni_monitoring_check_ok",
        "All of it is as the inventory says; 0 also when it could not be asked.",
        &|one| Some(i64::from(one.is_some_and(|judged| judged.findings.is_empty()))),
    );
    metric("comuni_monitoring_check_findings", "Things that are wrong with it.", &|one| {
        one.map(|judged| count(judged.findings.len()))
    });
    metric("comuni_monitoring_targets", "Targets that there must be.", &|one| one.map(|judged| count(judged.targets)));
    metric("comuni_monitoring_targets_up", "Those of them that answer.", &|one| one.map(|judged| count(judged.up)));
    metric("comuni_monitoring_silences", "Silences that are not over.", &|one| {
        one.map(|judged| count(judged.muted.len()))
    });
    page
}
