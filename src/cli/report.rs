//! `comuni report`: documents for the bodies, in Italian.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Way;

/// Documents for the bodies, in Italian.
#[derive(Debug, Subcommand)]
pub enum Report {
    /// The record of restore tests: which backup was restored, in how long, and whether all of it was there
    ///
    /// It is made of the evidence of `backup verify` alone: one document for each body. What was not tested is `nessun dato`.
    #[command(after_help = "\
Examples:
  comuni report restore-test --member malnate
  comuni report restore-test --member malnate --month 2026-11 --html verbale.html
  comuni report restore-test --format json

Exit codes: 0 made, whatever the tests came to; 4 made of evidence that is broken, and says so; 1 the control host cannot be reached")]
    RestoreTest(RestoreTestReport),
    /// The activation record: who the body is, what runs for it and where, what was proven before it was handed over
    ///
    /// It is made of the inventory, of the evidence of `onboard` and `backup verify`, and of what is measured. What is open is
    /// said plainly.
    #[command(after_help = "\
Examples:
  comuni report activation --member cunardo
  comuni report activation --member cunardo --html attivazione.html

Exit codes: 0 made, whatever is open; 4 made of evidence that is broken, and says so; 1 the control host cannot be reached")]
    Activation(ActivationReport),
    /// Which controls on backups (ABSC 10) and service indicators the services of a body keep, with the evidence behind each
    ///
    /// What nobody measured is `nessun dato`, never good. What is not verified against the official text is marked so.
    #[command(after_help = "\
Examples:
  comuni report compliance --member malnate
  comuni report compliance --month 2026-11 --html conformita.html

Exit codes: 0 made, whatever it says; 4 made of evidence that is broken, and says so; 1 the control host cannot be reached; 64 this is no month")]
    Compliance(ComplianceReport),
    /// What was deleted of a body that left, where, and what stays for which reason, to be signed
    #[command(after_help = "\
Examples:
  comuni report deletion c_e707 --html cancellazione.html

Exit codes: 0 made; 4 made of evidence that is broken, and says so; 5 no such deletion is recorded; 1 the control host cannot be reached")]
    Deletion(DeletionReport),
    /// How the costs of a period are shared: what was paid, by which rule each body bears what, and what it saves
    ///
    /// It is made of `costs:` in consortium.yml alone, exact to the cent. What is not known is `nessun dato`.
    #[command(after_help = "\
Examples:
  comuni report costs --period 2026
  comuni report costs --period 2026 --html riparto.html --csv riparto.csv
  comuni report costs --period 2026-01-01..2026-06-30 --format json

Exit codes: 0 made; 64 this is no period; 65 the inventory has no costs in it, or does not say what a rule needs")]
    Costs(CostsReport),
    /// The record of upgrades: from which release to which, how it ended, and when a service stood still, to the second
    ///
    /// It is made of the evidence of `upgrade` and `rollback` alone: one document for each body.
    #[command(after_help = "\
Examples:
  comuni report upgrade albo
  comuni report upgrade --member malnate --month 2026-11 --html aggiornamenti.html

Exit codes: 0 made, however they ended; 4 made of evidence that is broken, and says so; 1 the control host cannot be reached; 64 this is no month")]
    Upgrade(UpgradeReport),
}

/// What `report upgrade` takes.
#[derive(Debug, Args)]
pub struct UpgradeReport {
    /// Only of this application; of all when not said
    #[arg(value_name = "APPLICATION")]
    pub application: Option<String>,
    /// Only this member (name, slug, code or glob); can be repeated
    #[arg(long = "member", value_name = "MEMBER")]
    pub members: Vec<String>,
    /// All upgrades of a month, YYYY-MM; the last one of each tenant when not said
    #[arg(long, value_name = "MONTH")]
    pub month: Option<String>,
    /// Write also one page to print, without scripts and without anything from elsewhere
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// How to reach the control host.
    #[command(flatten)]
    pub way: Way,
}

/// What `report restore-test` takes.
#[derive(Debug, Args)]
pub struct RestoreTestReport {
    /// Only this member (name, slug, code or glob); can be repeated
    #[arg(long = "member", value_name = "MEMBER")]
    pub members: Vec<String>,
    /// All tests of a month, YYYY-MM; the newest of each tenant when not said
    #[arg(long, value_name = "MONTH")]
    pub month: Option<String>,
    /// Write also one page to print, without scripts and without anything from elsewhere
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// How to reach the control host.
    #[command(flatten)]
    pub way: Way,
}

/// What `report activation` takes.
#[derive(Debug, Args)]
pub struct ActivationReport {
    /// This member (name, slug, code or glob); can be repeated
    #[arg(long = "member", value_name = "MEMBER", required = true)]
    pub members: Vec<String>,
    /// Write also one page to print, without scripts and without anything from elsewhere
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// How to reach the control host and the one that watches.
    #[command(flatten)]
    pub way: Way,
}

/// What `report deletion` takes.
#[derive(Debug, Args)]
pub struct DeletionReport {
    /// Code or whole name of the body, which has no file any more
    #[arg(value_name = "CODE")]
    pub body: String,
    /// Write also one page to print, without scripts and without anything from elsewhere
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// How to reach the control host.
    #[command(flatten)]
    pub way: Way,
}

/// What `report compliance` takes.
#[derive(Debug, Args)]
pub struct ComplianceReport {
    /// Only this member (name, slug, code or glob); can be repeated
    #[arg(long = "member", value_name = "MEMBER")]
    pub members: Vec<String>,
    /// A month, YYYY-MM; the last 30 days when not said
    #[arg(long, value_name = "MONTH")]
    pub month: Option<String>,
    /// Write also one page to print, without scripts and without anything from elsewhere
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// How to reach the hosts.
    #[command(flatten)]
    pub way: Way,
}

/// What `report costs` takes.
#[derive(Debug, Args)]
pub struct CostsReport {
    /// A year (2026), or its first and last day (2026-01-01..2026-06-30)
    #[arg(long, value_name = "PERIOD")]
    pub period: String,
    /// Write also a table for a spreadsheet, one row for each share: semicolons and decimal commas
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write also one page to print, without scripts and without anything from elsewhere
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}
