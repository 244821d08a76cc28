//! `upgrade --announce`: the bodies are told before; that they were is what lets the upgrade through.

use std::collections::BTreeMap;

use jiff::civil::DateTime;

use super::plan::Plan;
use super::target::{Target, body};
use super::walk::Run;
use crate::cli::Upgrade;
use crate::commands::report::{maker, printed};
use crate::evidence::documents::upgrade::{Body, notice};
use crate::evidence::{NoticeRecord, clock};
use crate::failure::{Failure, Result};
use crate::inventory::diagnostics::counted;
use crate::rollout::{bears, earliest};

/// Hours for which a notice holds that names no end.
const LASTING: i64 = 8;

/// When tenants may be without service, in the time of Italy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    begins: DateTime,
    ends: DateTime,
}

impl Span {
    /// `2026-12-05T22:00` or `2026-12-05T22:00..2026-12-06T04:00`.
    fn read(text: &str) -> Result<Span> {
        let wrong = || {
            Failure::usage(format!("`{text}` is no time to announce"))
                .hint("write it as 2026-12-05T22:00, or with its end as 2026-12-05T22:00..2026-12-06T04:00; it is the time of Italy")
        };
        // An offset would be passed over.
        let time = |text: &str| match text.len() {
            16 | 19 => text.parse::<DateTime>().map_err(|_| wrong()),
            _ => Err(wrong()),
        };
        let (begins, ends) = match text.split_once("..") {
            Some((begins, ends)) => (time(begins)?, time(ends)?),
            None => {
                let begins = time(text)?;
                (begins, begins.checked_add(jiff::Span::new().hours(LASTING)).map_err(|_| wrong())?)
            }
        };
        if begins < ends { Ok(Span { begins, ends }) } else { Err(wrong()) }
    }
}

/// Writes the notices, and their record for each tenant. Members that are frozen or outside of their windows then are told
/// nothing, and named.
///
/// # Errors
/// Exit 64 when it is no time, too early, or nobody can be told; 1 when a record cannot be kept.
pub(super) fn run(run: &mut Run, options: &Upgrade, plan: &Plan, when: &str) -> Result<()> {
    let span = Span::read(when)?;
    let (now, out) = (clock::now(), run.out);
    let (today, days) = (clock::in_italy(now), run.policy.notice_days);
    let first = earliest(today.date(), days);
    if span.begins <= today || span.begins.date() < first {
        return Err(Failure::usage(format!("{} is too early to be announced now", span.begins)).hint(format!(
            "it must be told {} before: on {first} at the earliest",
            counted(days as usize, "working day")
        )));
    }
    let mut told: Vec<(&Target, NoticeRecord)> = Vec::new();
    for target in &plan.targets {
        let member = &run.inventory.members[&target.slug].member;
        match bears(member.maintenance.as_ref(), span.begins) {
            Ok(()) => told.push((target, record(plan, target, now.as_second(), span))),
            Err(closed) => out.remark(&format!("{} is not told: {closed}", target.name())),
        }
    }
    if told.is_empty() {
        return Err(Failure::usage("nobody is to be told of anything")
            .hint("tenants that run the release already, or bear no upgrade at that time, are named above"));
    }
    let mut documents = Vec::new();
    for (target, notice_of) in &told {
        let of = body(run.inventory, &target.tenant.subject.owner)?;
        run.procedure.told(run.inventory, of, &target.tenant.host, notice_of, out)?;
        let titles = BTreeMap::from_iter(
            run.inventory.applications.iter().map(|(name, application)| (name.clone(), application.title.clone())),
        );
        let reader = Body { name: of.member.full_name(), code: of.code.clone(), titles };
        documents.push(notice(&reader, &[notice_of], days, &maker(run.inventory)));
    }
    printed(documents, options.html.as_deref(), out)?;
    out.remark(&format!(
        "{} for {}: hand the notices to the bodies today, that they were made now is on record",
        counted(told.len(), "tenant"),
        span.begins
    ));
    Ok(())
}

fn record(plan: &Plan, target: &Target, now: i64, span: Span) -> NoticeRecord {
    NoticeRecord {
        tenant: target.name().to_string(),
        member: target.tenant.subject.owner.clone(),
        application: target.tenant.application.clone(),
        from: target.from.clone(),
        to: target.to.clone(),
        told: now,
        begins: clock::of_italy(span.begins),
        ends: clock::of_italy(span.ends),
        outage: plan.outage(target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_announce_is_one_of_italy_with_or_without_its_end() {
        let span = |begins: &str, ends: &str| Span { begins: begins.parse().unwrap(), ends: ends.parse().unwrap() };
        let night = span("2026-12-05T22:00", "2026-12-06T06:00");
        assert_eq!(Span::read("2026-12-05T22:00").unwrap(), night);
        assert_eq!(Span::read("2026-12-05 22:00").unwrap(), night);
        assert_eq!(Span::read("2026-12-05T22:00..2026-12-06T06:00:00").unwrap(), night);
        for wrong in
            ["2026-12-05", "tomorrow", "2026-12-05T22:00Z", "2026-12-05T22:00+01:00", "2026-12-05T22:00..22:30"]
        {
            assert!(Span::read(wrong).unwrap_err().to_string().contains("is no time to announce"), "{wrong}");
        }
        assert!(Span::read("2026-12-05T22:00..2026-12-05T22:00").is_err());
    }
}
