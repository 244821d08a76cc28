//! A glance at a few tenants while they are upgraded: what the last look from outside found, and which alerts fire.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Answer, word};
use crate::prometheus::Question;

/// Alerts that follow from an interruption that was wanted, and outlast it: what they are about is looked at itself.
const FOLLOWS: &str = "TenantErrorBudgetBurn";

/// What is seen of some tenants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance {
    /// Of a tenant: when it was last looked at from outside (seconds since 1970-01-01T00:00:00Z), and whether it answered well.
    pub looks: BTreeMap<String, (i64, bool)>,
    /// Tenants and the names of alerts that fire for them.
    pub alerts: BTreeSet<(String, String)>,
}

impl Glance {
    /// Sees what another monitoring host sees too: of each tenant the worse look.
    pub fn join(&mut self, other: Glance) {
        for (tenant, (at, well)) in other.looks {
            let look = self.looks.entry(tenant).or_insert((at, well));
            if look.1 && !well {
                *look = (at, well);
            }
        }
        self.alerts.extend(other.alerts);
    }
}

/// What to ask for a glance at tenants.
pub fn at_tenants(tenants: &[&str]) -> Vec<Question> {
    // Names of tenants hold nothing that means something in a pattern.
    let these = tenants.join("|");
    let expressions = [
        format!("min by (tenant) (probe_success{{job=\"tenant\",tenant=~\"{these}\"}})"),
        format!("min by (tenant) (timestamp(probe_success{{job=\"tenant\",tenant=~\"{these}\"}}))"),
        format!("ALERTS{{alertstate=\"firing\",tenant=~\"{these}\"}}"),
    ];
    expressions.map(|expression| Question::Query { expression }).to_vec()
}

/// Reads the answers to [`at_tenants`].
///
/// # Errors
/// Why one of them was not answered.
pub fn glance(answers: &[Answer]) -> Result<Glance, String> {
    let series = |at: usize| -> Result<Vec<Value>, String> {
        let answer = answers.get(at).ok_or("nobody answered")?.clone()?;
        Ok(answer["result"].as_array().cloned().unwrap_or_default())
    };
    let numbers = |at: usize| -> Result<BTreeMap<String, f64>, String> {
        let number = |one: &Value| one["value"][1].as_str().and_then(|text| text.parse::<f64>().ok());
        let named = series(at)?.into_iter().filter_map(|one| {
            let value = number(&one)?;
            Some((word(&one["metric"], "tenant").to_string(), value))
        });
        Ok(named.collect())
    };
    let moments = numbers(1)?;
    let looks = numbers(0)?.into_iter().filter_map(|(tenant, value)| {
        let at = *moments.get(&tenant)? as i64;
        Some((tenant, (at, value >= 1.0)))
    });
    let alerts = series(2)?.into_iter().map(|one| {
        let of = |label: &str| word(&one["metric"], label).to_string();
        (of("tenant"), of("alertname"))
    });
    Ok(Glance { looks: looks.collect(), alerts: alerts.filter(|(_, name)| !name.starts_with(FOLLOWS)).collect() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(labels: Value, value: &str) -> Value {
        json!({ "metric": labels, "value": [1_795_860_000.5, value] })
    }

    #[test]
    fn what_is_seen_of_tenants_is_their_last_look_and_what_fires_but_not_what_the_interruption_itself_caused() {
        let answers = [
            Ok(json!({ "result": [one(json!({ "tenant": "a-albo" }), "1"), one(json!({ "tenant": "b-albo" }), "0")] })),
            Ok(
                json!({ "result": [one(json!({ "tenant": "a-albo" }), "1795859999.5"), one(json!({ "tenant": "b-albo" }), "1795859998")] }),
            ),
            Ok(json!({ "result": [
                one(json!({ "tenant": "b-albo", "alertname": "TenantServiceDown" }), "1"),
                one(json!({ "tenant": "b-albo", "alertname": "TenantErrorBudgetBurnFast" }), "1"),
            ] })),
        ];
        let mut seen = glance(&answers).unwrap();
        let alerts = BTreeSet::from([("b-albo".to_string(), "TenantServiceDown".to_string())]);
        assert_eq!(seen.alerts, alerts);
        let look = |seen: &Glance, tenant: &str| seen.looks[tenant];
        assert_eq!((look(&seen, "a-albo"), look(&seen, "b-albo")), ((1_795_859_999, true), (1_795_859_998, false)));
        let other = Glance {
            looks: BTreeMap::from([("a-albo".to_string(), (7, false)), ("b-albo".to_string(), (8, true))]),
            ..Glance::default()
        };
        seen.join(other);
        assert_eq!((look(&seen, "a-albo"), look(&seen, "b-albo")), ((7, false), (1_795_859_998, false)));
        assert_eq!(at_tenants(&["a-albo", "b-albo"]).len(), answers.len());
    }

    #[test]
    fn what_was_not_answered_is_no_glance() {
        assert!(glance(&[]).is_err());
        assert_eq!(
            glance(&[Ok(json!({})), Err("it is down".to_string()), Ok(json!({}))]),
            Err("it is down".to_string())
        );
    }
}
