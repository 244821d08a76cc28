//! How the tenants stand: which release each runs, and which upgrades were cut off.

use std::collections::BTreeMap;

use crate::commands::backup::tenants::{Tenant, by_host};
use crate::commands::procedure::Procedure;
use crate::failure::{Failure, Kind, Result};
use crate::protocol::{Act, Acted};
use crate::report::{Out, held};
use crate::upgrade::{Answer, Note, Step};

/// How a tenant stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The upgrade that was cut off.
    pub(super) note: Option<Note>,
    /// The release of what was applied last; none when nothing was.
    pub(super) release: Option<String>,
}

/// Asks all application hosts.
pub(super) fn all(procedure: &mut Procedure, tenants: &[Tenant], out: &Out) -> BTreeMap<String, Result<Found>> {
    let acts = by_host(tenants).into_iter().map(|(host, tenants)| {
        let acts = tenants.iter().map(|tenant| (tenant.subject.clone(), Act::Upgrade(Box::new(Step::Look))));
        (host, acts.collect())
    });
    let mut answers = procedure.everywhere(acts.collect(), |_| None);
    let found = tenants.iter().map(|tenant| {
        let name = &tenant.subject.tenant;
        let answer = answers.remove(name).unwrap_or_else(|| Err(Failure::operation("the host did not answer")));
        (name.clone(), answer.and_then(|acted| judged(name, acted)))
    });
    let found: BTreeMap<String, Result<Found>> = found.collect();
    for (tenant, found) in &found {
        if let Ok(Found { note: Some(note), .. }) = found {
            out.remark(&note.words(tenant));
        }
    }
    found
}

fn judged(tenant: &str, acted: Acted) -> Result<Found> {
    match acted {
        Acted::Upgraded(answer) => match *answer {
            Answer::Stands { note, release } => Ok(Found { note: note.map(|note| *note), release }),
            other => Err(Failure::operation(format!("{tenant}: the host answered something else: {other:?}"))),
        },
        Acted::Busy(holder) => Err(Failure::new(Kind::Busy, format!("{tenant} is busy: {}", held(&holder)))
            .hint("run the same command again when that has ended")),
        Acted::Failed(words) => Err(Failure::operation(format!("{tenant}: {words}"))),
        other => Err(Failure::operation(format!("{tenant}: the host answered something else: {other:?}"))),
    }
}
