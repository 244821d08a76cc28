//! What an apply came to: per host, what failed with its own words, one closing line.

use std::time::Duration;

use super::out::{Colour, Out};
use super::json::Object;
use super::table;
use crate::failure::Kind;

/// What an apply came to on one host.
#[derive(Debug, Clone, Default)]
pub struct HostSummary {
    /// Name of the host.
    pub host: String,
    /// `done`, `failed`, `lost` or `busy`.
    pub result: String,
    /// Resources fixed.
    pub fixed: u32,
    /// Resources that failed: owner, id, the command's own words.
    pub failures: Vec<(String, String, String)>,
    /// Resources left out because their owner failed, or because the host was lost.
    pub skipped: u32,
    /// Why it was lost or busy.
    pub message: Option<String>,
}

/// What a whole apply came to.
#[derive(Debug, Clone)]
pub struct RunSummary {
    /// Per host.
    pub hosts: Vec<HostSummary>,
    /// Members whose work was left out or failed somewhere, by name.
    pub members: Vec<String>,
    /// The exit code's kind; `None` is 0.
    pub kind: Option<Kind>,
    /// How long it took.
    pub elapsed: Duration,
}

impl RunSummary {
    /// Prints it.
    pub fn print(&self, out: &Out) {
        for host in &self.hosts {
            out.object(&Object::HostResult {
                host: host.host.clone(),
                result: host.result.clone(),
                fixed: host.fixed,
                failed: host.failures.len() as u32,
                skipped: host.skipped,
                message: host.message.clone(),
            });
        }
        out.object(&Object::Run {
            exit: self.kind.map_or(0, Kind::exit_code),
            milliseconds: self.elapsed.as_millis() as u64,
        });
        out.text(&self.text(out));
    }

    /// As text for people.
    pub fn text(&self, out: &Out) -> String {
        let mut text = String::new();
        for host in &self.hosts {
            for (owner, id, message) in &host.failures {
                let heading = format!("{}: {id} ({owner}) failed", host.host);
                text.push_str(&format!("{}\n{}", out.paint(Colour::Red, &heading), indented(message)));
            }
        }
        let rows: Vec<Vec<String>> = self
            .hosts
            .iter()
            .map(|host| {
                let mut numbers = format!("{} fixed", host.fixed);
                if !host.failures.is_empty() {
                    numbers.push_str(&format!(", {} failed", host.failures.len()));
                }
                if host.skipped > 0 {
                    numbers.push_str(&format!(", {} left out", host.skipped));
                }
                vec![host.host.clone(), host.result.clone(), numbers, host.message.clone().unwrap_or_default()]
            })
            .collect();
        text.push_str(&table(&rows));
        if !self.members.is_empty() {
            text.push_str(&format!("Not finished for: {}\n", self.members.join(", ")));
        }
        let fixed: u32 = self.hosts.iter().map(|host| host.fixed).sum();
        let failed: usize = self.hosts.iter().map(|host| host.failures.len()).sum();
        let lost = self.hosts.iter().filter(|host| host.result == "lost").count();
        let mut closing = format!("{fixed} fixed, {failed} failed");
        if lost > 0 {
            closing.push_str(&format!(", {lost} hosts lost"));
        }
        let word = if self.kind.is_none() { "Applied:" } else { "Not all applied:" };
        text.push_str(&format!("{} {closing}, in {:.1} s.\n", out.paint(Colour::Bold, word), self.elapsed.as_secs_f64()));
        text
    }
}

fn indented(message: &str) -> String {
    message.lines().map(|line| format!("    {line}\n")).collect()
}
