//! What the monitoring hosts see of tenants that were upgraded. Where none watches, the application's own health is all.

use std::collections::{BTreeMap, BTreeSet};

use super::target::Target;
use super::walk::Run;
use crate::failure::{Failure, Result};
use crate::monitoring::{Glance, at_tenants, glance};

/// The monitoring hosts of a run.
#[derive(Default)]
pub(super) struct Eyes {
    /// Those that can see.
    hosts: BTreeSet<String>,
    /// What was told before the run: it is none of its doing.
    before: BTreeSet<(String, String)>,
    /// Tenants that did not answer from outside when they were last looked at, and when that was.
    suspects: BTreeMap<String, i64>,
    /// Tenants that were looked at since they are open again.
    looked_at: BTreeSet<String>,
}

impl Eyes {
    /// Looks for the first time.
    pub(super) fn open(run: &Run, targets: &[Target]) -> Eyes {
        let hosts = run.inventory.watchers().into_iter().map(str::to_string).collect();
        let mut eyes = Eyes { hosts, ..Eyes::default() };
        let names: Vec<&str> = targets.iter().map(Target::name).collect();
        eyes.before = eyes.glance(run, &names).alerts;
        eyes
    }

    /// What is seen of these tenants now. A host that cannot say is named once.
    pub(super) fn glance(&mut self, run: &Run, tenants: &[&str]) -> Glance {
        let mut seen = Glance::default();
        let mut blind = Vec::new();
        for host in self.hosts.iter().filter(|_| !tenants.is_empty()) {
            let asked = run.procedure.ask_monitoring(host, at_tenants(tenants)).map_err(|failure| failure.message);
            match asked.and_then(|said| glance(&said.answers)) {
                Ok(found) => seen.join(found),
                Err(why) => {
                    run.out.remark(&format!(
                        "{host} does not say what it sees, so the applications' own health decides: {why}"
                    ));
                    blind.push(host.clone());
                }
            }
        }
        self.hosts.retain(|host| !blind.contains(host));
        seen
    }

    /// Whether a tenant is well that is open again since a time. One bad look may be chance, two in a row are not.
    ///
    /// # Errors
    /// What is seen of it.
    pub(super) fn judge(&mut self, tenant: &str, opened: i64, seen: &Glance) -> Result<()> {
        let fires = |(of, name): &&(String, String)| of == tenant && !self.before.contains(&(of.clone(), name.clone()));
        if let Some((_, name)) = seen.alerts.iter().find(fires) {
            return Err(Failure::operation(format!("the alert {name} fires for it")));
        }
        if seen.looks.get(tenant).is_some_and(|(at, _)| *at > opened) {
            self.looked_at.insert(tenant.to_string());
        }
        match (seen.looks.get(tenant), self.suspects.get(tenant)) {
            (Some((at, false)), Some(first)) if at > first => Err(Failure::operation(
                "its application says that it is healthy, but it does not answer well from outside",
            )),
            (Some((at, false)), None) if *at > opened => {
                self.suspects.insert(tenant.to_string(), *at);
                Ok(())
            }
            (Some((_, true)), Some(_)) => {
                self.suspects.remove(tenant);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// At the end of its time.
    ///
    /// # Errors
    /// When the last look at it was a bad one.
    pub(super) fn last_word(&self, tenant: &str) -> Result<()> {
        if !self.suspects.contains_key(tenant) {
            return Ok(());
        }
        Err(Failure::operation(
            "its application says that it is healthy, but it did not answer well when it was last looked at from outside",
        ))
    }

    /// Whether somebody watches, and nobody of them looked at it since it is open again: nothing is known of it from outside.
    pub(super) fn missed(&self, tenant: &str) -> bool {
        !self.hosts.is_empty() && !self.looked_at.contains(tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eyes() -> Eyes {
        let before = BTreeSet::from([("a".to_string(), "BackupTooOld".to_string())]);
        Eyes { hosts: BTreeSet::from(["mon1".to_string()]), before, ..Eyes::default() }
    }

    fn seen(at: i64, well: bool, alerts: &[&str]) -> Glance {
        let alerts = alerts.iter().map(|name| ("a".to_string(), name.to_string()));
        Glance { looks: BTreeMap::from([("a".to_string(), (at, well))]), alerts: alerts.collect() }
    }

    #[test]
    fn one_bad_look_is_forgiven_when_the_next_is_a_good_one_and_two_are_not() {
        let mut eyes = eyes();
        assert!(eyes.judge("a", 100, &seen(90, false, &[])).is_ok(), "it was closed then");
        assert!(eyes.last_word("a").is_ok() && eyes.missed("a"));
        assert!(eyes.judge("a", 100, &seen(110, false, &[])).is_ok());
        assert!(!eyes.missed("a") && eyes.missed("b"));
        assert!(eyes.judge("a", 100, &seen(110, false, &[])).is_ok(), "the same look");
        assert!(eyes.last_word("a").is_err());
        assert!(eyes.judge("a", 100, &seen(120, true, &[])).is_ok());
        assert!(eyes.last_word("a").is_ok());
        assert!(eyes.judge("a", 100, &seen(130, false, &[])).is_ok());
        assert!(eyes.judge("a", 100, &seen(140, false, &[])).is_err());
    }

    #[test]
    fn an_alert_counts_when_it_did_not_fire_before() {
        let mut eyes = eyes();
        assert!(eyes.judge("a", 100, &seen(110, true, &["BackupTooOld"])).is_ok());
        assert!(eyes.judge("b", 100, &seen(110, true, &["TenantServiceDown"])).is_ok(), "another one's");
        let told = eyes.judge("a", 100, &seen(110, true, &["TenantServiceDown"])).unwrap_err();
        assert!(told.message.contains("TenantServiceDown"), "{told}");
    }
}
