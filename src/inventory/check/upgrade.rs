//! Checks of how upgrades are rolled out, and when members bear them.

use jiff::civil::{Date, Time};

use super::super::diagnostics::{Finding, quoted};
use super::super::draft::Draft;
use super::super::types::Maintenance;
use super::consortium::items;

/// `playbooks/upgrade.yml`, `maintenance:` in the members' files.
pub fn check(draft: &Draft, findings: &mut Vec<Finding>) {
    let doc = &draft.rollout;
    if let Some(rollout) = &doc.typed {
        for (item, member) in items(doc, &["canary"]).iter().zip(&rollout.canary) {
            if !draft.members.contains_key(member) {
                findings.push(
                    Finding::error(item.span, format!("there is no member {}", quoted(member)))
                        .help("members are named by their files: `lozza` for members/lozza.yml"),
                );
            }
        }
    }
    for doc in draft.members.values() {
        let Some(Maintenance { windows, frozen }) = doc.typed.as_ref().and_then(|member| member.maintenance.as_ref())
        else {
            continue;
        };
        for (item, window) in items(doc, &["maintenance", "windows"]).iter().zip(windows) {
            if let Some(wrong) = [&window.from, &window.to].into_iter().find(|text| text.parse::<Time>().is_err()) {
                findings.push(
                    Finding::error(item.span, format!("{} is no time of the day", quoted(wrong)))
                        .help("hours and minutes in Italy: `\"22:00\"`"),
                );
            }
        }
        for (item, days) in items(doc, &["maintenance", "frozen"]).iter().zip(frozen) {
            let wrong = |text: &String| text.parse::<Date>().err().map(|_| format!("{} is no day", quoted(text)));
            let order = || (days.to < days.from).then(|| format!("{} comes before {}", days.to, days.from));
            if let Some(why) = wrong(&days.from).or_else(|| wrong(&days.to)).or_else(order) {
                findings.push(Finding::error(item.span, why).help("the first and the last day: 2027-06-12"));
            }
        }
    }
}
