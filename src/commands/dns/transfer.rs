//! `comuni dns import --from`: a zone as its name server hands it out.

use std::net::SocketAddr;
use std::path::Path;

use super::import::take;
use crate::cli::Global;
use crate::commands::inventory::read;
use crate::dns::{Name, text};
use crate::failure::{Failure, Result};
use crate::inventory::source::read_file;
use crate::outside::{self, Key, Patience};
use crate::report::Out;

/// # Errors
/// 1 when the server does not hand out the zone, or what it sends is not whole; else those of [`take`].
pub(super) fn run(
    global: &Global,
    zone: &str,
    from: Option<SocketAddr>,
    tsig: Option<&Path>,
    write: bool,
    out: &Out,
) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let name = Name::absolute(zone).map_err(|fault| Failure::usage(format!("{zone} is no name of a zone: {fault}")))?;
    let from = from.ok_or_else(|| Failure::usage("neither a zone file nor a server is named"))?;
    let key = tsig.map(|path| Key::parse(&read_file(path)?)).transpose()?;
    let records = outside::transfer(from, &outside::name(zone)?, key.as_ref(), Patience::default())?;
    let (zone, findings) = text::read(&outside::text(&records), &name);
    if let Some(finding) = findings.first() {
        let unread = format!("what {from} sent cannot be read: {} ({})", finding.message, finding.rule.id);
        return Err(Failure::operation(unread).hint(finding.help.clone()));
    }
    take(global, &inventory, &zone, write, out)
}
