//! The alert that always fires: where it does not arrive, no other would.

use serde_json::Value;

use super::{Finding, Trouble, moment, word};

/// Its name in the rules.
const WATCHDOG: &str = "Watchdog";

/// Tells when it does not arrive, is muted, or goes to another receiver than the `dead_man`.
pub(super) fn judge(alerts: &Value, dead_man: Option<&str>, now: i64, found: &mut Vec<Finding>) {
    let all = alerts.as_array().into_iter().flatten();
    let arrived: Vec<&Value> = all
        .filter(|alert| word(&alert["labels"], "alertname") == WATCHDOG)
        // Prometheus sends it again and again, each time with an end that lies ahead.
        .filter(|alert| moment(&alert["endsAt"]).is_some_and(|end| end >= now))
        .collect();
    if arrived.is_empty() {
        let what = "the Watchdog does not arrive at Alertmanager: nobody would be told of anything";
        found.push(Finding::new(Trouble::WatchdogMissing, WATCHDOG, what));
        return;
    }
    if !arrived.iter().any(|alert| word(&alert["status"], "state") == "active") {
        let what = "the Watchdog is muted: whoever waits for it believes that the monitoring is dead";
        found.push(Finding::new(Trouble::WatchdogUnheard, WATCHDOG, what));
    }
    let told = |alert: &&Value, name: &str| {
        alert["receivers"].as_array().into_iter().flatten().any(|receiver| word(receiver, "name") == name)
    };
    if let Some(dead_man) = dead_man
        && !arrived.iter().any(|alert| told(alert, dead_man))
    {
        let what = format!("the Watchdog is not sent to {dead_man}");
        found.push(Finding::new(Trouble::WatchdogUnheard, WATCHDOG, what));
    }
}
