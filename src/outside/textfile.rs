//! What was found as metrics for the textfile collector of the node exporter.

use std::fmt::Write;

use super::judge::Verdict;
use super::look::Seen;
use super::sets::bare;
use super::{Service, Wanted};

/// A zone that was looked at.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// What it must be.
    pub wanted: &'a Wanted,
    /// Who was asked.
    pub seen: &'a [Seen],
    /// What it came to.
    pub verdict: &'a Verdict,
}

/// Every metric of every zone, also of those that gave no answer: an alert on a series that is not there stays silent.
pub fn textfile(zones: &[Measured], now: i64) -> String {
    let mut page = Page::default();
    page.metric("comune_dns_check_timestamp_seconds", "When the zones were last looked at from outside.");
    page.line("comune_dns_check_timestamp_seconds", "", now);
    page.each(zones, "comune_dns_ok", "Nothing is wrong with the zone.", |zone| {
        Some(i64::from(zone.verdict.answered && zone.verdict.kind().is_none()))
    });
    page.each(zones, "comune_dns_answered", "At least one server of the zone answered.", |zone| {
        Some(i64::from(zone.verdict.answered))
    });
    page.each(zones, "comune_dns_findings", "Things that are wrong with the zone.", |zone| {
        Some(zone.verdict.findings.iter().filter(|finding| finding.trouble.kind().is_some()).count() as i64)
    });
    page.each(
        zones,
        "comune_dns_drift_records",
        "Sets of records that are not served as the inventory says.",
        |zone| Some(zone.verdict.drift as i64),
    );
    page.each(zones, "comune_dns_pec_ok", "The MX of the certified e-mail are right on all servers.", |zone| {
        zone.verdict.pec.map(i64::from)
    });
    page.each(
        zones,
        "comune_dnssec_chain_ok",
        "All is signed by the keys that the parent or an earlier look knows.",
        |zone| ours(zone).then(|| i64::from(zone.verdict.chain == Some(true))),
    );
    page.each(
        zones,
        "comune_dns_rrsig_expiry_timestamp_seconds",
        "When the first signature ends; 0 when none was seen.",
        |zone| ours(zone).then(|| zone.verdict.signed_until.unwrap_or(0)),
    );
    page.metric("comune_dns_serial", "The serial that a server has; 0 when it gave none.");
    for zone in zones {
        for (place, serial) in zone.seen.iter().zip(&zone.verdict.serials) {
            let labels = format!("{},{}", labels(zone), place_labels(place));
            page.line("comune_dns_serial", &labels, serial.unwrap_or(0).into());
        }
    }
    page.text
}

fn ours(zone: &Measured) -> bool {
    zone.wanted.service == Service::Ours
}

fn labels(zone: &Measured) -> String {
    format!("comune=\"{}\",zone=\"{}\"", escaped(&zone.wanted.owner), escaped(&bare(&zone.wanted.zone)))
}

fn place_labels(seen: &Seen) -> String {
    let server = escaped(&bare(&seen.server));
    format!("server=\"{server}\",address=\"{}\",transport=\"{}\"", seen.address.ip(), seen.transport.word())
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn metric(&mut self, name: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
    }

    fn line(&mut self, name: &str, labels: &str, value: i64) {
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }

    fn each(&mut self, zones: &[Measured], name: &str, help: &str, value: impl Fn(&Measured) -> Option<i64>) {
        self.metric(name, help);
        for zone in zones {
            if let Some(value) = value(zone) {
                self.line(name, &labels(zone), value);
            }
        }
    }
}
