//! Checks of `costs:` in consortium.yml: days, names, and that each line says what its rule needs.

use super::super::diagnostics::{Finding, quoted, suggestion};
use super::super::draft::{Doc, Draft};
use super::super::source::Span;
use super::super::types::{Consortium, CostLine, Sharing};
use super::consortium::items;

/// Every line and every payment.
pub fn check(draft: &Draft, findings: &mut Vec<Finding>) {
    let doc = &draft.consortium;
    let Some(costs) = doc.typed.as_ref().and_then(|consortium| consortium.costs.as_ref()) else { return };
    for (id, line) in &costs.lines {
        days(doc, id, line, findings);
        rule(doc, id, line, findings);
        for key in ["measured", "agreed"] {
            let names: Vec<&String> =
                if key == "measured" { line.measured.keys().collect() } else { line.agreed.keys().collect() };
            for name in names {
                known(draft, name, doc.tree.key_place(&["costs", "lines", id, key, name]), findings);
            }
        }
        if let Some(name) = &line.application
            && !draft.applications.contains_key(name)
        {
            let names: Vec<&str> = draft.applications.keys().map(String::as_str).collect();
            findings.push(
                Finding::error(
                    doc.tree.place(&["costs", "lines", id, "application"]),
                    format!("there is no application {}", quoted(name)),
                )
                .help(suggestion(name, &names)),
            );
        }
    }
    for (item, payment) in items(doc, &["costs", "payments"]).iter().zip(&costs.payments) {
        known(draft, &payment.member, item.place(&["member"]), findings);
        day(item.place(&["date"]), &payment.date, findings);
    }
}

fn known(draft: &Draft, slug: &str, span: Span, findings: &mut Vec<Finding>) {
    if draft.members.contains_key(slug) {
        return;
    }
    let names: Vec<&str> = draft.members.keys().map(String::as_str).collect();
    findings.push(
        Finding::error(span, format!("there is no file of a member {}", quoted(slug))).help(suggestion(slug, &names)),
    );
}

/// What has not the form of a day is told by the schema.
fn day(span: Span, date: &str, findings: &mut Vec<Finding>) -> bool {
    let is_day = date.parse::<jiff::civil::Date>().is_ok();
    if !is_day {
        findings.push(
            Finding::error(span, format!("{} is no day of the calendar", quoted(date)))
                .help("year, month, day: 2026-01-31"),
        );
    }
    is_day
}

fn days(doc: &Doc<Consortium>, id: &str, line: &CostLine, findings: &mut Vec<Finding>) {
    let place = |key| doc.tree.place(&["costs", "lines", id, key]);
    let from = day(place("from"), &line.from, findings);
    let to = day(place("to"), &line.to, findings);
    // ISO 8601 days are in order as text.
    if from && to && line.to < line.from {
        findings.push(
            Finding::error(place("to"), "the line ends before it begins")
                .also(place("from"), "its first day")
                .help("`to` is the last day that it is for"),
        );
    }
}

/// A key that the rule does not read would be believed to count.
fn rule(doc: &Doc<Consortium>, id: &str, line: &CostLine, findings: &mut Vec<Finding>) {
    let share = doc.tree.place(&["costs", "lines", id, "share"]);
    for (key, said, rule, example) in [
        ("fixed_percent", line.fixed_percent.is_some(), Sharing::FixedAndResidents, "fixed_percent: 30"),
        ("classes", !line.classes.is_empty(), Sharing::Class, "classes: [{ up_to: 2999, weight: 1 }, { weight: 3 }]"),
        ("measured", !line.measured.is_empty(), Sharing::Usage, "measured: { malnate: 12, lozza: 0 }"),
        ("unit", line.unit.is_some(), Sharing::Usage, "unit: postazioni"),
    ] {
        let needed = line.share == rule;
        if needed && !said {
            findings.push(
                Finding::error(share, format!("this rule needs {}", quoted(key))).help(format!("add `{example}`")),
            );
        } else if said && !needed {
            findings.push(
                Finding::error(
                    doc.tree.key_place(&["costs", "lines", id, key]),
                    format!("the rule of this line does not read {}", quoted(key)),
                )
                .also(share, "its rule")
                .help("take it away, or correct `share`"),
            );
        }
    }
    let limits: Vec<u64> =
        line.classes.iter().map(|class| class.up_to.map_or(u64::from(u32::MAX) + 1, u64::from)).collect();
    if !line.classes.is_empty()
        && (!limits.is_sorted_by(|one, next| one < next) || limits.last() <= Some(&u64::from(u32::MAX)))
    {
        findings.push(
            Finding::error(
                doc.tree.place(&["costs", "lines", id, "classes"]),
                "the classes do not take every member once",
            )
            .help("the smallest first, each with a larger `up_to`, the last without"),
        );
    }
}
