//! `comuni report costs`: who bears how much of what was paid in a period, of the inventory alone.

use super::super::inventory::read;
use super::{maker, written};
use crate::cli::{CostsReport, Global};
use crate::costs::{Period, reckon};
use crate::evidence::documents::costs::{document, page, spreadsheet, text};
use crate::failure::Result;
use crate::report::Out;
use crate::report::json::Object;

/// # Errors
/// Exit 64 for what is no period; 65 when the inventory does not say what a rule needs; 1 when a file cannot be written.
pub(super) fn run(global: &Global, what: &CostsReport, out: &Out) -> Result<()> {
    let period = Period::parse(&what.period)?;
    let inventory = read(global, out)?.inventory;
    let document = document(&inventory, &reckon(&inventory, period)?, &maker(&inventory));
    out.text(&text(&document));
    if let Some(path) = &what.csv {
        written(path, &spreadsheet(&document))?;
        out.remark(&format!("{} opens in a spreadsheet", path.display()));
    }
    if let Some(path) = &what.html {
        written(path, page(&document).as_bytes())?;
        out.remark(&format!("{} can be printed", path.display()));
    }
    out.object(&Object::Costs(document));
    Ok(())
}
