//! What an upgrade needs of this host beside its own steps.

use std::path::Path;

use crate::backup::configuration::{self, Configuration};
use crate::failure::{Failure, Result};
use crate::machine::Machine;
use crate::protocol::{Act, Order};
use crate::resources::SecretTable;
use crate::upgrade::{self, Answer};

/// A tenant whose upgrade was cut off is left to whoever goes on with that upgrade: anything else could take a half
/// migrated database for the tenant's data. What only looks, and what mutes its alerts, may go on.
///
/// # Errors
/// With what is under way.
pub fn must_be_at_rest(machine: &dyn Machine, order: &Order) -> Result<()> {
    let looks = matches!(
        order.act,
        Act::Compare(_) | Act::Ask(_) | Act::Silence { .. } | Act::Unsilence { .. } | Act::Verify(_) | Act::Release
    );
    if looks || upgrade::VERBS.contains(&order.verb.as_str()) {
        return Ok(());
    }
    match upgrade::under_way(machine, &order.tenant)? {
        Some(note) => Err(Failure::operation(note.words(&order.tenant))),
        None => Ok(()),
    }
}

/// The release of a tenant, as its backups say it; none when it was never applied with backups.
///
/// # Errors
/// When that cannot be read.
pub fn release(machine: &dyn Machine, tenant: &str) -> Result<Option<String>> {
    let file = Path::new(configuration::FOLDER).join(format!("{tenant}.json"));
    if machine.stat(&file)?.is_none() {
        return Ok(None);
    }
    Ok(Some(Configuration::read(machine, tenant)?.release))
}

/// The words of a program may repeat what it was given.
pub fn masked(answer: Answer, secrets: &SecretTable) -> Answer {
    match answer {
        Answer::Words(words) => Answer::Words(secrets.mask(&words)),
        answer => answer,
    }
}
