//! `comuni dns check`: asks, concludes, remembers, measures, says.

use super::say;
use super::targets::{Target, targets};
use crate::cli::{Check, Global};
use crate::commands::inventory::read;
use crate::disk;
use crate::evidence::clock;
use crate::failure::{Failure, Kind, Result};
use crate::outside::{
    Delegation, Finding, Known, Measured, Patience, Remembered, Seen, Service, Trouble, Verdict, Way, delegation, each,
    judge, look, nobody_answers, textfile,
};
use crate::report::Out;

/// A zone that was looked at.
pub(super) struct Looked {
    pub(super) target: Target,
    pub(super) seen: Vec<Seen>,
    pub(super) delegation: Option<std::result::Result<Delegation, String>>,
    pub(super) verdict: Verdict,
}

/// # Errors
/// The worst of what was found: exit 4, 5 or 7.
pub(super) fn run(global: &Global, options: &Check, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let targets = targets(&inventory, &options.members, &options.zones)?;
    let mut remembered = super::remembered(&inventory)?;
    let way = options.parent.map(Way::Parent).or(options.resolver.map(Way::Resolver));
    let now = clock::now().as_second();
    let mut looked = each(&targets, |target| one(target, way, Patience::default()));
    for zone in &mut looked {
        let before = remembered.of(&zone.target.zone()).map(|entry| entry.ds.as_slice());
        let before = before.filter(|_| !options.accept_keys).unwrap_or_default();
        let known = Known { delegation: zone.delegation.as_ref(), remembered: before, now };
        zone.verdict = judge(&zone.target.wanted, &zone.seen, known);
    }
    let asked = looked.iter_mut().filter(|zone| zone.target.not_asked.is_none());
    nobody_answers(&mut asked.map(|zone| &mut zone.verdict).collect::<Vec<_>>());
    remember(&looked, &mut remembered, now)?;
    if let Some(path) = &options.textfile {
        // Zones of others that nobody was asked for are no matter of alerts; those that were sought in vain are.
        let sought = looked.iter().filter(|zone| zone.target.not_asked.is_none() || zone.target.searched);
        let page = textfile(&sought.map(Looked::measured).collect::<Vec<_>>(), now);
        disk::replace(path, page.as_bytes(), 0o644)
            .map_err(|error| Failure::operation(format!("{} cannot be written: {error}", path.display())))?;
    }
    say::zones(&looked, way.is_some(), options.quiet, out);
    let kinds = looked.iter().filter_map(Looked::kind);
    // The text above has said it all.
    Kind::worst(kinds).map_or(Ok(()), |kind| Err(Failure::new(kind, "")))
}

/// Looks at one zone.
fn one(target: &Target, way: Option<Way>, patience: Patience) -> Looked {
    let mut target = target.clone();
    let resolver = match way {
        Some(Way::Resolver(resolver)) => Some(resolver),
        _ => None,
    };
    target.find_servers(resolver, patience);
    let seen = look(&target.wanted, patience);
    let ours = target.wanted.service == Service::Ours;
    let delegation = way.filter(|_| ours).map(|way| delegation(&target.wanted.zone, way, patience));
    Looked { target, seen, delegation, verdict: Verdict::default() }
}

impl Looked {
    /// What it does to the exit code. A zone whose servers could not be found though somebody was asked is not concluded.
    fn kind(&self) -> Option<Kind> {
        let lost = self.target.not_asked.is_some() && self.target.searched;
        if self.target.not_asked.is_some() { lost.then_some(Kind::Inconclusive) } else { self.verdict.kind() }
    }

    /// What to do about a finding. A zone of others is theirs to change.
    pub(super) fn remedy(&self, finding: &Finding) -> String {
        match finding.trouble {
            Trouble::Missing | Trouble::Differs | Trouble::Pec if self.target.wanted.service == Service::Others => {
                format!(
                    "who serves the zone must set it: `comuni dns records {}` writes the text for them",
                    self.target.slug
                )
            }
            trouble => trouble.remedy().to_string(),
        }
    }

    fn measured(&self) -> Measured<'_> {
        Measured { wanted: &self.target.wanted, seen: &self.seen, verdict: &self.verdict }
    }
}

/// Keeps the DS of zones that are proven, so that other keys are told the next time.
fn remember(looked: &[Looked], remembered: &mut Remembered, now: i64) -> Result<()> {
    let proven = looked.iter().filter(|zone| zone.verdict.chain == Some(true));
    let mut any = false;
    for zone in proven {
        remembered.keep(&zone.target.zone(), zone.verdict.ds.clone(), now);
        any = true;
    }
    if any { remembered.write() } else { Ok(()) }
}
