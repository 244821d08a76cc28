//! What stands against an upgrade of a tenant at a time: frozen days, windows, and whether its body was told.

use jiff::civil::DateTime;

use super::target::Target;
use crate::evidence::{NoticeRecord, clock};
use crate::failure::Failure;
use crate::inventory::Inventory;
use crate::inventory::diagnostics::counted;
use crate::rollout::{Closed, Left, Told, Waves, announced, bears};

/// What is known of that.
#[derive(Clone)]
pub(super) struct Gate {
    /// What bodies were told, by the evidence.
    pub(super) notices: Vec<NoticeRecord>,
    /// So many working days before they must be told.
    pub(super) days: u32,
    /// Why nobody need have been told of this run.
    pub(super) unannounced: Option<String>,
}

impl Gate {
    /// # Errors
    /// Why not at this time in Italy.
    pub(super) fn allows(&self, inventory: &Inventory, target: &Target, now: DateTime) -> Result<(), Closed> {
        bears(inventory.members[&target.slug].member.maintenance.as_ref(), now)?;
        if self.unannounced.is_some() {
            return Ok(());
        }
        announced(&self.told(target), self.days, now)
    }

    /// Why it comes without that its body was told; nothing when it was, or need not be.
    pub(super) fn untold(&self, target: &Target, now: DateTime) -> Option<String> {
        self.unannounced.clone().filter(|_| announced(&self.told(target), self.days, now).is_err())
    }

    /// # Errors
    /// Exit 64 when nobody may come, and it lacks notices.
    pub(super) fn lets_somebody(&self, order: &Waves) -> Result<(), Failure> {
        let lacks = |left: &Left| matches!(left.closed, Closed::Untold | Closed::Early { .. });
        if !order.waves.is_empty() || !order.left.iter().any(lacks) {
            return Ok(());
        }
        let days = counted(self.days as usize, "working day");
        Err(Failure::usage(format!("nobody was told of this upgrade {days} before, for a time that is now"))
            .hint("tell the bodies: the same command with --announce 2026-12-05T22:00")
            .hint("what cannot wait: --without-notice WHY, which is recorded"))
    }

    /// What the body was told of this upgrade.
    fn told(&self, target: &Target) -> Vec<Told> {
        let meant = |notice: &&NoticeRecord| notice.tenant == target.name() && notice.to == target.to;
        let at = |seconds: i64| clock::in_italy(jiff::Timestamp::from_second(seconds).unwrap_or_default());
        let told = self.notices.iter().filter(meant);
        told.map(|notice| Told { at: at(notice.told), begins: at(notice.begins), ends: at(notice.ends) }).collect()
    }
}
