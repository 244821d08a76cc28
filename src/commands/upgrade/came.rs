//! What became of a run.

use std::collections::BTreeSet;

use crate::evidence::{UpgradeEnding, UpgradeRecord};
use crate::failure::Kind;
use crate::inventory::diagnostics::counted;

/// What became of a run.
#[derive(Default)]
pub(super) struct Came {
    pub(super) records: Vec<UpgradeRecord>,
    pub(super) kinds: Vec<Kind>,
    /// Not begun with, because the run stopped.
    pub(super) waiting: usize,
    pub(super) left: usize,
}

impl Came {
    pub(super) fn done(&self) -> usize {
        self.records.iter().filter(|record| record.ending == UpgradeEnding::Done && record.opened.is_some()).count()
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        Kind::of_many(self.kinds.iter().copied(), self.done())
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for record in &self.records {
            let outage = record.outage().map_or(String::new(), |seconds| format!(", {seconds} s without service"));
            text.push_str(&format!(
                "{}  {} -> {}: {}{outage}\n",
                record.tenant,
                record.from,
                record.to,
                record.ending.word()
            ));
        }
        // One that was brought to an end first may come again.
        let tenants: BTreeSet<&str> = self.records.iter().map(|record| record.tenant.as_str()).collect();
        let all = tenants.len() + self.waiting;
        text.push_str(&format!("{} of {} upgraded", self.done(), counted(all, "tenant")));
        if self.waiting > 0 {
            text.push_str(&format!("; the run stopped, {} not begun with", self.waiting));
        }
        if self.left > 0 {
            text.push_str(&format!("; {} left alone", self.left));
        }
        text.push('\n');
        text
    }
}
