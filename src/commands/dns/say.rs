//! How a look is told: nothing but what is wrong, and one line at the end.

use std::collections::BTreeMap;

use super::check::Looked;
use crate::evidence::clock::local_time;
use crate::inventory::diagnostics::counted;
use crate::outside::{Finding, Service};
use crate::report::json::Object;
use crate::report::{Out, table};

/// Every zone, as objects and as text.
pub(super) fn zones(looked: &[Looked], delegations: bool, quiet: bool, out: &Out) {
    looked.iter().for_each(|zone| objects(zone, out));
    if out.is_verbose() {
        out.text(&overview(looked));
    }
    let mut text = told(looked);
    let wrong = looked.iter().filter(|zone| zone.verdict.kind().is_some()).count();
    let left: Vec<&Looked> = looked.iter().filter(|zone| zone.target.not_asked.is_some()).collect();
    for zone in left.iter().filter(|zone| zone.target.searched) {
        let why = zone.target.not_asked.as_deref().unwrap_or_default();
        text.push_str(&format!("{} was not looked at: {why}\n\n", zone.target.zone()));
    }
    if !(quiet && text.is_empty()) {
        text.push_str(&closing(looked.len() - left.len(), wrong, left.len(), delegations));
    }
    out.text(&text);
}

fn closing(asked: usize, wrong: usize, left: usize, delegations: bool) -> String {
    let mut line = match wrong {
        _ if asked == 0 => "no zone was looked at".to_string(),
        0 => format!("{}: all as the inventory says", counted(asked, "zone")),
        wrong => format!("{}, {wrong} not as the inventory says", counted(asked, "zone")),
    };
    let mut unseen = Vec::new();
    if left > 0 {
        unseen.push(format!("{} that others serve", counted(left, "zone")));
    }
    if !delegations {
        unseen.push("the delegation and DS at the zones above".to_string());
    }
    if !unseen.is_empty() {
        let remedy = if delegations { "" } else { " (name a --resolver)" };
        line.push_str(&format!("; not looked at: {}{remedy}", unseen.join(", ")));
    }
    line + "\n"
}

fn objects(zone: &Looked, out: &Out) {
    let verdict = &zone.verdict;
    let name = zone.target.zone();
    for finding in &verdict.findings {
        out.object(&Object::ZoneFinding {
            zone: name.clone(),
            id: finding.trouble.id().to_string(),
            what: finding.what.clone(),
            servers: finding.places.clone(),
            exit: finding.trouble.kind().map_or(0, |kind| kind.exit_code()),
            hint: zone.remedy(finding),
        });
    }
    out.object(&Object::Zone {
        zone: name,
        owner: zone.target.wanted.owner.clone(),
        ok: verdict.answered && verdict.kind().is_none(),
        answered: verdict.answered,
        serial: verdict.serial(),
        signed_until: verdict.signed_until,
        ds: verdict.ds.clone(),
        chain: verdict.chain,
        drift: verdict.drift as u64,
        pec: verdict.pec,
    });
}

/// What is wrong. What many zones share, a dead server say, is told once for all of them.
fn told(looked: &[Looked]) -> String {
    let mut sharing: BTreeMap<(&Finding, String), Vec<String>> = BTreeMap::new();
    for zone in looked {
        for finding in &zone.verdict.findings {
            let key = (finding, zone.remedy(finding));
            sharing.entry(key).or_default().push(format!("{} ({})", zone.target.zone(), zone.target.member));
        }
    }
    let mut blocks: BTreeMap<Vec<String>, Vec<(&Finding, String)>> = BTreeMap::new();
    for (finding, zones) in sharing {
        blocks.entry(zones).or_default().push(finding);
    }
    let mut blocks: Vec<_> = blocks.into_iter().collect();
    blocks.sort_by_key(|(zones, _)| std::cmp::Reverse(zones.len()));
    blocks.iter().map(|(zones, findings)| block(zones, findings)).collect()
}

/// Zones and what is wrong with all of them, each remedy once.
fn block(zones: &[String], findings: &[(&Finding, String)]) -> String {
    let mut text = match zones {
        [only] => format!("{only}\n"),
        many => format!("{}: {}\n", counted(many.len(), "zone"), many.join(", ")),
    };
    for (at, (finding, remedy)) in findings.iter().enumerate() {
        let places =
            if finding.places.is_empty() { String::new() } else { format!(" at {}", finding.places.join(", ")) };
        text.push_str(&format!("  {}{places}: {}\n", finding.trouble.id(), finding.what));
        if findings.get(at + 1).is_none_or(|(_, next)| next != remedy) {
            text.push_str(&format!("    -> {remedy}\n"));
        }
    }
    text + "\n"
}

/// The state of every zone, and the DS for the registrar.
fn overview(looked: &[Looked]) -> String {
    let mut rows = vec![["ZONE", "ANSWERS", "SERIAL", "SIGNED UNTIL", "DRIFT", "PEC"].map(String::from).to_vec()];
    let mut ds = vec![["ZONE", "DS FOR THE REGISTRAR"].map(String::from).to_vec()];
    for zone in looked {
        let verdict = &zone.verdict;
        let well = zone.seen.iter().filter(|seen| seen.answers.is_ok()).count();
        let word = |known: Option<bool>| known.map_or("-", |good| if good { "ok" } else { "wrong" }).to_string();
        rows.push(vec![
            zone.target.zone(),
            format!("{well}/{}", zone.seen.len()),
            verdict.serial().map_or("-".to_string(), |serial| serial.to_string()),
            verdict.signed_until.map_or("-".to_string(), local_time),
            verdict.drift.to_string(),
            word(verdict.pec),
        ]);
        if zone.target.wanted.service == Service::Ours {
            ds.extend(verdict.ds.iter().map(|line| vec![zone.target.zone(), line.clone()]));
        }
    }
    let ds = if ds.len() > 1 { table(&ds) + "\n" } else { String::new() };
    format!("{}\n{ds}", table(&rows))
}
