//! The point of no return, and what is left to do behind it.

use std::collections::{BTreeMap, BTreeSet};

use super::target::{Target, View};
use super::walk::{SILENCE, Walk};
use crate::commands::procedure::{Answer as Acting, Refused};
use crate::evidence::{UpgradeEnding, UpgradeRecord};
use crate::failure::{Failure, Result};
use crate::inventory::edit;
use crate::protocol::Act;
use crate::resources::SecretTable;
use crate::upgrade::Step;

impl Walk<'_, '_> {
    /// Takes the maintenance page away, and does the rest.
    pub(super) fn finish(mut self) -> (UpgradeRecord, Result<()>) {
        match self.step(Step::Open) {
            Ok(opened) => self.record.opened = Some(opened),
            Err(refused) => return self.not_opened(refused),
        }
        let outage = self.record.outage().map_or(String::new(), |seconds| format!(" after {seconds} s"));
        self.say(&format!("answers again{outage}, on {}", self.target.to));
        let done = self.behind();
        let ending = if done.is_ok() { UpgradeEnding::Done } else { UpgradeEnding::DoneWithFaults };
        let rest = self.rest_hint();
        self.ended(ending, done.map_err(|failure| failure.hint(rest)))
    }

    /// The maintenance page did not go, or nobody knows.
    fn not_opened(mut self, refused: Refused) -> (UpgradeRecord, Result<()>) {
        // It was open before, and people have written since.
        if self.record.opened.is_some() {
            let rest = self.rest_hint();
            return self.ended(UpgradeEnding::DoneWithFaults, Err(Failure::from(refused).hint(rest)));
        }
        if matches!(refused, Refused::Lost(_)) {
            return self.way_back(refused);
        }
        // The note may call it open already: whoever came next would go forward in the middle of the way back.
        match self.step(Step::Switch) {
            Ok(_) => self.way_back(refused),
            Err(second) => {
                let hint = self.resume_hint();
                let failure = Failure::from(refused).hint(Failure::from(second).message);
                let failure = failure.hint(format!("{} may still show its maintenance page", self.target.name()));
                self.ended(UpgradeEnding::Down, Err(failure.hint(hint)))
            }
        }
    }

    fn rest_hint(&self) -> String {
        format!("{} works on {}; the same command again does the rest", self.target.name(), self.target.to)
    }

    fn behind(&mut self) -> Result<()> {
        let Target { tenant, slug, to, .. } = self.target;
        let path = edit::set_release(&self.run.inventory.directory, slug, &tenant.application, to)?;
        self.say(&format!("{} says {to}", path.display()));
        self.watch();
        self.backup("on its new release")?;
        self.unsilence();
        let wanted = self.new.last().map(View::release_ids).unwrap_or_default();
        self.retire(&wanted)?;
        self.step(Step::End)?;
        let id = format!("upgraded:{}/{}:{}", tenant.application, self.target.from, to);
        let host = self.host();
        self.run.procedure.changed(&host, &tenant.subject, id);
        Ok(())
    }

    /// Prometheus asks it as the release that it runs now is asked. Where it does not, its alerts would be false: the silence
    /// stays there, and ends by itself.
    fn watch(&mut self) {
        let catalogs = self.new.last().map(|view| view.watched_beside(&self.old)).unwrap_or_default();
        for catalog in catalogs {
            let Err(refused) = self.place(&catalog) else { continue };
            let Target { from, slug, .. } = self.target;
            self.silences.retain(|(host, _)| *host != catalog.host);
            self.run.unwatched.insert(self.target.name().to_string());
            self.run.out.remark(&format!(
                "{}: {} still asks it for its health as {from} is asked, and keeps its alerts muted for up to {} minutes: {}; \
                 `comuni apply --area monitoring --member {slug}` tells it",
                self.target.name(),
                catalog.host,
                SILENCE / 60,
                Failure::from(refused)
            ));
        }
    }

    /// The alerts are told again. That they are not ends by itself in any case.
    pub(super) fn unsilence(&mut self) {
        for (host, id) in std::mem::take(&mut self.silences) {
            let act = Act::Unsilence { application: self.target.tenant.application.clone(), id: Some(id) };
            if let Err(refused) = self.act(&host, act, SecretTable::default()) {
                let failure = Failure::from(refused);
                let name = self.target.name();
                self.run.out.remark(&format!("{name}: the silence on {host} ends by itself only: {failure}"));
            }
        }
    }

    /// Takes the releases away that the tenant runs no more.
    pub(super) fn retire(&mut self, stay: &BTreeSet<(String, String)>) -> Acting<()> {
        let all = self.new.iter().chain([&self.old]).flat_map(View::release_ids);
        let mut hosts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (host, id) in all.filter(|one| !stay.contains(one)) {
            hosts.entry(host).or_default().insert(id);
        }
        for (host, ids) in hosts {
            self.act(&host, Act::Retire(ids.into_iter().collect()), SecretTable::default())?;
        }
        Ok(())
    }
}
