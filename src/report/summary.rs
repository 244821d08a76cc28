//! What an apply came to: per host, what failed with its own words, one closing line.

use std::time::Duration;

use super::json::Object;
use super::out::{Colour, Out, indented};
use super::table;
use crate::evidence::clock::local_time;
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
    /// Resources taken over as they were.
    pub adopted: u32,
    /// Resources that failed: owner, id, the command's own words.
    pub failures: Vec<(String, String, String)>,
    /// Resources that are as far as they can be now: owner, id, and when an apply goes on with them.
    pub waiting: Vec<(String, String, i64)>,
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
        self.objects().iter().for_each(|object| out.object(object));
        out.text(&self.text(out));
    }

    /// As objects: one a host, then the run's.
    pub fn objects(&self) -> Vec<Object> {
        let result = |host: &HostSummary| Object::HostResult {
            host: host.host.clone(),
            result: host.result.clone(),
            fixed: host.fixed,
            adopted: host.adopted,
            failed: host.failures.len() as u32,
            skipped: host.skipped,
            waiting: host.waiting.len() as u32,
            message: host.message.clone(),
        };
        let mut objects: Vec<Object> = self.hosts.iter().map(result).collect();
        objects.push(Object::Run {
            exit: self.kind.map_or(0, Kind::exit_code),
            milliseconds: self.elapsed.as_millis() as u64,
        });
        objects
    }

    /// As text for people.
    pub fn text(&self, out: &Out) -> String {
        let mut text = String::new();
        let mut told = |heading: String, words: &str| {
            text.push_str(&format!("{}\n{}", out.paint(Colour::Red, &heading), indented(words, "    ")));
        };
        for host in &self.hosts {
            for (owner, id, message) in &host.failures {
                told(format!("{}: {id} ({owner}) failed", host.host), message);
            }
            if let Some(message) = &host.message {
                told(format!("{}: {}", host.host, host.result), message);
            }
        }
        for host in &self.hosts {
            for (owner, id, not_before) in &host.waiting {
                let until = local_time(*not_before);
                text.push_str(&format!("{}: {id} ({owner}) waits: apply again after {until}\n", host.host));
            }
        }
        if !text.is_empty() {
            text.push('\n');
        }
        let row = |host: &HostSummary| {
            let numbers = numbers(host.fixed, host.adopted, host.failures.len(), host.skipped);
            vec![host.host.clone(), host.result.clone(), numbers]
        };
        text.push_str(&table(&self.hosts.iter().map(row).collect::<Vec<_>>()));
        if !self.members.is_empty() {
            text.push_str(&format!("Not finished for: {}\n", self.members.join(", ")));
        }
        text.push_str(&self.closing(out));
        text
    }

    fn closing(&self, out: &Out) -> String {
        let mut closing = numbers(
            self.hosts.iter().map(|host| host.fixed).sum(),
            self.hosts.iter().map(|host| host.adopted).sum(),
            self.hosts.iter().map(|host| host.failures.len()).sum(),
            self.hosts.iter().map(|host| host.skipped).sum(),
        );
        for result in ["lost", "busy"] {
            match self.hosts.iter().filter(|host| host.result == result).count() {
                0 => {}
                1 => closing.push_str(&format!(", 1 host {result}")),
                count => closing.push_str(&format!(", {count} hosts {result}")),
            }
        }
        let word = match self.kind {
            None => "Applied:",
            Some(Kind::Pending) => "Applied so far:",
            Some(_) => "Not all applied:",
        };
        format!("{} {closing}, in {:.1} s.\n", out.paint(Colour::Bold, word), self.elapsed.as_secs_f64())
    }
}

fn numbers(fixed: u32, adopted: u32, failed: usize, skipped: u32) -> String {
    let mut numbers = format!("{fixed} fixed");
    if adopted > 0 {
        numbers.push_str(&format!(", {adopted} adopted"));
    }
    if failed > 0 {
        numbers.push_str(&format!(", {failed} failed"));
    }
    if skipped > 0 {
        numbers.push_str(&format!(", {skipped} left out"));
    }
    numbers
}
