//! `comuni report deletion`: what a body gets when all that there was of it is deleted, in Italian.

use super::super::inventory::read;
use super::{handed_out, maker, testimony};
use crate::cli::{DeletionReport, Global};
use crate::evidence::documents::deletion::{Known, document};
use crate::evidence::leaving;
use crate::failure::{Failure, Result};
use crate::report::Out;

/// # Errors
/// Exit 4 when the evidence is broken, which the document says too; 5 when no such body was deleted.
pub(super) fn run(global: &Global, what: &DeletionReport, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let testimony = testimony(&inventory, &what.way, out)?;
    let is_it = |name: &str, code: &str| code == what.body || name.eq_ignore_ascii_case(&what.body);
    let newest = testimony.lines.iter().enumerate().rev().find_map(|(at, line)| {
        let deletion = line.record.deletion.as_deref()?;
        is_it(&deletion.name, &deletion.code).then_some((at, &line.record, deletion))
    });
    let (at, run, last) = newest.ok_or_else(|| {
        Failure::new(crate::failure::Kind::Stale, format!("no deletion of {} is recorded", what.body))
            .hint("give its code (c_e707) or its whole name; `comuni history` shows all runs")
    })?;
    // A body may have left, come back and left again: what belongs together is what followed one handover.
    let mut deletion = last.clone();
    leaving::same_leaving(&testimony.lines, at, &last.code)
        .filter_map(|earlier| earlier.deletion.as_deref())
        .filter(|earlier| earlier.handed_over == last.handed_over && earlier.code == last.code)
        .for_each(|earlier| deletion.with_earlier(earlier));
    let known = Known { run, deletion: &deletion, problems: testimony.problems.clone(), maker: maker(&inventory) };
    let document = document(&inventory.consortium.name, &known);
    handed_out(vec![document], testimony.broken, what.html.as_deref(), out)
}
