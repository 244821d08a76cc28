//! `comuni monitoring`: what watches, and what is muted for a while.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Way;
use crate::prometheus::LONGEST_SILENCE;

/// Work with what watches.
#[derive(Debug, Subcommand)]
pub enum Monitoring {
    /// Look whether all is watched that the inventory asks for, by the rules that it says
    ///
    /// Prometheus and Alertmanager are asked on their host, over ssh: they listen to nobody else. Every target must be there,
    /// asked as the inventory says, and answer; nothing else is watched; the rules that are loaded are those on disk and can
    /// be reckoned; every metric that they name is measured; the Watchdog arrives; and no silence is forgotten.
    #[command(after_help = "\
Examples:
  comuni monitoring check
  comuni monitoring check --member malnate          # only its targets and silences
  comuni monitoring check --quiet --textfile /var/lib/prometheus/node-exporter/comuni-monitoring.prom

Exit codes: 0 all is well; 4 something is wrong; 5 a metric is missing or a silence is old; 7 what watches could not be asked")]
    Check(MonitoringCheck),
    /// Have no alert of a tenant told for a while, or lift that again
    ///
    /// One silence for each tenant that is named, for exactly its alerts and with an end, by the key that sshd saw. Alerts
    /// about its host, its zone and other tenants are told as ever. It is recorded in the evidence.
    #[command(after_help = "\
Examples:
  comuni monitoring silence --member malnate --application albo --for 2h --reason \"ticket 4711: new certificate\"
  comuni monitoring silence --member malnate --lift

Exit codes: 0 done; 1 none; 3 some; 6 somebody holds the tenant; 64 no reason, or longer than a day")]
    Silence(Silencing),
}

/// Options of `monitoring check`.
#[derive(Debug, Clone, Args)]
pub struct MonitoringCheck {
    /// Only this member (name, slug, code or glob); can be repeated
    #[arg(long = "member", value_name = "MEMBER")]
    pub members: Vec<String>,
    /// Silences that began longer ago are told
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    pub silence_hours: u32,
    /// Write metrics for the node exporter's textfile collector
    #[arg(long, value_name = "FILE", conflicts_with = "members")]
    pub textfile: Option<PathBuf>,
    /// Say nothing when all is well
    #[arg(long)]
    pub quiet: bool,
    /// How to reach the hosts.
    #[command(flatten)]
    pub way: Way,
}

/// Options of `monitoring silence`.
#[derive(Debug, Clone, Args)]
pub struct Silencing {
    /// Tenants of this member (name, slug, code or glob); can be repeated
    #[arg(long = "member", value_name = "MEMBER", required = true)]
    pub members: Vec<String>,
    /// Only tenants of this application (name or glob); can be repeated
    #[arg(long = "application", value_name = "APPLICATION")]
    pub applications: Vec<String>,
    /// For how long: 90m or 2h, a day at most
    #[arg(long = "for", value_name = "TIME", value_parser = seconds, required_unless_present = "lift")]
    pub lasting: Option<u32>,
    /// Why: the number of a ticket
    #[arg(long, value_name = "TEXT", required_unless_present = "lift")]
    pub reason: Option<String>,
    /// End the silences of these tenants now
    #[arg(long, conflicts_with_all = ["lasting", "reason"])]
    pub lift: bool,
    /// How to reach the hosts.
    #[command(flatten)]
    pub way: Way,
}

/// A time of hours or minutes, in seconds.
fn seconds(text: &str) -> Result<u32, String> {
    let unit = |suffix: char, seconds: u32| {
        text.strip_suffix(suffix)
            .and_then(|count| count.parse::<u32>().ok())
            .and_then(|count| count.checked_mul(seconds))
    };
    match unit('h', 3600).or_else(|| unit('m', 60)) {
        Some(seconds @ 1..=LONGEST_SILENCE) => Ok(seconds),
        Some(_) => Err("a silence ends within a day: write 1m to 24h".to_string()),
        None => Err("write minutes or hours: 90m, 2h".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_silence_lasts_minutes_or_hours_and_at_most_a_day() {
        assert_eq!((seconds("90m"), seconds("2h"), seconds("24h")), (Ok(5400), Ok(7200), Ok(86_400)));
        for wrong in ["25h", "0h", "2d", "2", "h", "-1h", "99999999h"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
