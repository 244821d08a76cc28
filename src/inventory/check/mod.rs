//! What the schema cannot say: that names exist, codes agree, and everything fits. All findings are collected.

mod applications;
mod backup;
mod consortium;
mod costs;
mod hosts;
mod members;
mod monitoring;
mod tenants;
mod upgrade;
mod ways;
mod zones;

use super::diagnostics::Finding;
use super::draft::Draft;
use super::source::Span;
use super::zones::Waived;

/// Every check over the whole inventory. What is borne with for a while is returned.
pub fn all(draft: &Draft, findings: &mut Vec<Finding>) -> Vec<Waived> {
    consortium::check(draft, findings);
    hosts::check(draft, findings);
    applications::check(draft, findings);
    backup::check(draft, findings);
    costs::check(draft, findings);
    members::check(draft, findings);
    monitoring::check(draft, findings);
    tenants::check(draft, findings);
    upgrade::check(draft, findings);
    zones::check(draft, findings)
}

/// Says what the syntax of a value is not, when it is not.
fn syntax(what: &str, value: &str, span: Span, verdict: Result<(), String>, help: &str, findings: &mut Vec<Finding>) {
    if let Err(why) = verdict {
        let value = super::diagnostics::quoted(value);
        findings.push(Finding::error(span, format!("the {what} {value} {why}")).help(help));
    }
}
