//! `comuni report`: documents for the bodies, in Italian.

use std::path::PathBuf;

use clap::Subcommand;

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
    RestoreTest {
        /// Only this member (name, slug, code or glob); can be repeated
        #[arg(long = "member", value_name = "MEMBER")]
        members: Vec<String>,
        /// All tests of a month, YYYY-MM; the newest of each tenant when not said
        #[arg(long, value_name = "MONTH")]
        month: Option<String>,
        /// Write also one page to print, without scripts and without anything from elsewhere
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// How to reach the control host.
        #[command(flatten)]
        way: Way,
    },
}
