//! The catalog zone, by which secondaries know which zones there are. It is offered only by a primary that has them all.
//!
//! Its stanza lies beside Knot's own state, not in /etc: a primary that lost its state offers no catalog when it starts.
//! Otherwise the secondaries would follow it, and drop zones that only they still have.

use std::net::IpAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::differences::{Differences, Known};
use super::super::places::placed;
use super::super::{Action, Check, Context, Kind, Means};
use super::knot::{self, Status, Way};
use super::records::Key;
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, Ownership, gid_of};

/// The stanza of the catalog, which /etc/knot/knot.conf includes when it is there.
const OFFER: &str = "/var/lib/knot/offered/catalog.conf";
/// How often all name servers are looked at until they serve all zones, a fifth of a second apart.
const LOOKS: usize = 150;

/// The zones of the consortium are offered to its secondary name servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ZoneCatalog {
    /// Name of the catalog zone.
    pub name: String,
    /// All zones that are served.
    pub zones: Vec<String>,
    /// The addresses of all name servers, this host's among them.
    pub servers: Vec<String>,
}

/// The catalog is offered by this host.
pub(super) fn is_offered(host: &dyn Machine) -> Result<bool> {
    Ok(host.stat(Path::new(OFFER))?.is_some())
}

impl ZoneCatalog {
    fn stanza(&self) -> String {
        format!("zone:\n  - domain: {}\n    template: catalog\n", self.name)
    }

    /// What a name server has of all zones: zones and serials.
    fn ask(&self, host: &mut dyn Machine, server: IpAddr) -> Result<Vec<(String, Option<u32>)>> {
        let questions: Vec<Key> = self.zones.iter().map(|zone| Key::new(zone, "SOA")).collect();
        let Some(first) = questions.first() else { return Ok(Vec::new()) };
        // A server that is away costs one second, not one for each zone.
        let probe = knot::ask(host, server, Way::Udp, std::slice::from_ref(first))?;
        if probe.to(first).is_none() {
            return Err(Failure::operation(format!("the name server {server} does not answer: {}", probe.words))
                .hint("bring it back, then apply again"));
        }
        let answers = knot::ask(host, server, Way::Udp, &questions)?;
        let serial = |question| answers.to(question).and_then(knot::Answer::serial);
        Ok(self.zones.iter().cloned().zip(questions.iter().map(serial)).collect())
    }

    /// Nobody may lose a zone by following this host.
    fn must_have_all(&self, host: &mut dyn Machine, own: &Status) -> Result<()> {
        let mut lacking = Vec::new();
        for server in knot::addresses(&self.servers)? {
            for (zone, theirs) in self.ask(host, server)? {
                let Some(theirs) = theirs else { continue };
                match knot::serial(own, &zone) {
                    Some(own) if !knot::is_later(theirs, own) => {}
                    Some(own) => lacking.push(format!("{zone}: serial {own} here, {theirs} on {server}")),
                    None => lacking.push(format!("{zone}: not loaded here, served by {server}")),
                }
            }
        }
        if lacking.is_empty() {
            return Ok(());
        }
        Err(Failure::operation(format!(
            "the catalog is not offered, for the other name servers would lose zones that only they have:\n  {}",
            lacking.join("\n  ")
        ))
        .hint("apply the zones named above first; then the catalog follows"))
    }

    fn offer(&self, host: &mut dyn Machine) -> Result<()> {
        knot::tell(host, &["reload"])?;
        let mut lagging = Vec::new();
        for _ in 0..LOOKS {
            lagging.clear();
            // Knot answers a reload before it has loaded what is new in its configuration.
            let own = knot::status_now(host)?;
            if knot::serial(&own, &self.name).is_none() {
                lagging.push(format!("the catalog {} on this host itself", self.name));
            }
            for server in knot::addresses(&self.servers)? {
                for (zone, theirs) in self.ask(host, server)? {
                    let own = knot::serial(&own, &zone);
                    if own.is_some_and(|own| theirs.is_none_or(|theirs| knot::is_later(own, theirs))) {
                        lagging.push(format!("{zone} on {server}"));
                    }
                }
            }
            if lagging.is_empty() {
                return Ok(());
            }
            let wait = Command::new(["sleep", "0.2"]);
            host.run(&wait)?.succeeded(&wait)?;
        }
        Err(Failure::operation(format!(
            "after half a minute not every name server serves every zone: {}",
            lagging.join(", ")
        )))
    }
}

impl Kind for ZoneCatalog {
    fn id(&self) -> String {
        format!("zone_catalog:{}", self.name)
    }

    fn check(&self, host: &dyn Machine, _context: &Context) -> Result<Check> {
        let status = match knot::status(host)? {
            Known::Now(status) => status,
            Known::After(check) => return Ok(check),
        };
        if let Known::After(check) = placed(host, OFFER)? {
            return Ok(check);
        }
        let mut differences = Differences::new();
        let stanza = host.read(Path::new(OFFER))?;
        if stanza.as_deref() != Some(self.stanza().as_bytes()) {
            differences.add("offered", format!("{} zones", self.zones.len()));
        } else if knot::serial(&status, &self.name).is_none() {
            differences.compare("loaded", "no", "yes");
        }
        Ok(differences.into_check(if stanza.is_none() { Action::Create } else { Action::Change }))
    }

    fn fix(&self, host: &mut dyn Machine, _means: &mut Means) -> Result<()> {
        self.bring_about(host)
    }

    fn remove(&self, host: &mut dyn Machine) -> Result<()> {
        if host.stat(Path::new(OFFER))?.is_some() {
            host.remove(Path::new(OFFER))?;
            knot::tell(host, &["reload"])?;
        }
        Ok(())
    }

    fn paths(&self) -> Vec<String> {
        vec![OFFER.to_string()]
    }
}

impl ZoneCatalog {
    fn bring_about(&self, host: &mut dyn Machine) -> Result<()> {
        let own = knot::status(host)?.now()?;
        self.must_have_all(host, &own)?;
        let gid = gid_of(host, "knot")?.ok_or_else(|| Failure::operation("there is no group knot"))?;
        host.write(Path::new(OFFER), self.stanza().as_bytes(), &Ownership { uid: 0, gid, mode: 0o640 })?;
        self.offer(host).map_err(|failure| {
            // What the secondaries have they keep; only new news from here is taken back.
            let taken = host.remove(Path::new(OFFER)).and_then(|()| knot::tell(host, &["reload"]));
            let after = taken.map_or_else(
                |again| format!("taking it back failed too: {}", again.message),
                |_| "it was taken back".to_string(),
            );
            Failure { message: format!("{}; {after}", failure.message), ..failure }
        })
    }
}
