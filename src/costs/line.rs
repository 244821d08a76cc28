//! One line: what of it belongs to a period, and who bears which part of that.

use std::collections::BTreeSet;

use super::{Belonging, Cents, Period, apportion};
use crate::failure::{Failure, Result};
use crate::inventory::types::{CostKind, CostLine, MemberKind, Sharing};

/// What of a line belongs to a period.
#[derive(Debug, Clone)]
pub struct LineAccount {
    /// Its name in the inventory.
    pub id: String,
    /// As it stands there.
    pub line: CostLine,
    /// The days that are shared: those of the period, or all of them when it is paid once.
    pub within: Period,
    /// All its days.
    pub whole: Period,
    /// Without VAT.
    pub net: Cents,
    /// The VAT of it.
    pub vat: Cents,
    /// Who bears it, in the order of ISTAT codes.
    pub shares: Vec<Share>,
}

/// What a body bears of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The member, by slug.
    pub slug: String,
    /// By what it was reckoned.
    pub basis: Basis,
    /// For how many of the days.
    pub days: i64,
    /// Without VAT.
    pub net: Cents,
    /// The VAT of it.
    pub vat: Cents,
}

/// By what a share is reckoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// One part, as everybody.
    Equal,
    /// Residents.
    Residents(u32),
    /// What was measured.
    Usage(u64),
    /// Weight of the class, and residents.
    Class(u32, u32),
    /// Agreed, whatever the rule says: the amount for all days of the line.
    Agreed(Cents),
}

/// None when the line has nothing to do with the period.
pub(super) fn reckon(
    id: &str,
    line: &CostLine,
    period: Period,
    everybody: &[Belonging<'_>],
) -> Result<Option<LineAccount>> {
    let told = |what: String| Failure::inventory(format!("costs.lines.{id}: {what}"));
    let whole =
        Period::of(&line.from, &line.to).ok_or_else(|| told("its days are none of the calendar".to_string()))?;
    let all = Cents::parse(&line.net).ok_or_else(|| told(format!("`{}` is no amount", line.net)))?;
    let Some(Part { within, before, after }) = part(line, whole, all, period) else { return Ok(None) };
    let net = after - before;
    let bearers: Vec<(&Belonging<'_>, Period)> = everybody
        .iter()
        .filter(|one| line.application.as_ref().is_none_or(|name| one.body.member.applications.contains_key(name)))
        .filter_map(|one| Some((one, one.days.and(within)?)))
        .collect();
    let mut shares = Vec::new();
    for (one, days) in &bearers {
        shares.push(Share {
            slug: one.body.slug.clone(),
            basis: basis(id, line, one)?,
            days: days.days(),
            net: Cents(0),
            vat: Cents(0),
        });
    }
    let spans: Vec<(i64, i64)> = bearers.iter().map(|(_, days)| span(whole, *days)).collect();
    as_agreed(&mut shares, &spans, all, whole.days()).ok_or_else(|| {
        told("what is agreed with single members is more than the line".to_string())
            .hint("lower the amounts of `agreed`, or correct `net`")
    })?;
    let left = net - shares.iter().map(|share| share.net).sum();
    let nobody = || {
        told("nobody bears it".to_string())
            .hint("no member of its days weighs anything: correct its days, its `application`, or what its rule counts")
    };
    for (part, weight) in parts(line, left) {
        if part == Cents(0) {
            continue;
        }
        let weights: Vec<u128> =
            shares.iter().map(|share| weight(share.basis) * u128::from(share.days.unsigned_abs())).collect();
        let given = apportion(part, &weights).ok_or_else(nobody)?;
        for (share, given) in shares.iter_mut().zip(given) {
            share.net += given;
        }
    }
    let vat = after.percent(line.vat_percent) - before.percent(line.vat_percent);
    let weights: Vec<u128> = shares.iter().map(|share| u128::from(share.net.0.unsigned_abs())).collect();
    if vat > Cents(0) {
        let given = apportion(vat, &weights).ok_or_else(nobody)?;
        shares.iter_mut().zip(given).for_each(|(share, given)| share.vat = given);
    }
    Ok(Some(LineAccount { id: id.to_string(), line: line.clone(), within, whole, net, vat, shares }))
}

/// What of a line belongs to a period. All amounts are cut where its net is: over periods that follow each other, the parts
/// are the whole.
struct Part {
    within: Period,
    /// What of the net comes before it.
    before: Cents,
    /// What of the net comes until its end.
    after: Cents,
}

fn part(line: &CostLine, whole: Period, all: Cents, period: Period) -> Option<Part> {
    if line.kind == CostKind::OneOff {
        let own = period.first <= whole.first && whole.first <= period.last;
        return own.then_some(Part { within: whole, before: Cents(0), after: all });
    }
    let within = whole.and(period)?;
    let (first, end) = span(whole, within);
    Some(Part { within, before: all.of(first, whole.days()), after: all.of(end, whole.days()) })
}

/// Days of a line before some of its days, and until their end.
fn span(whole: Period, days: Period) -> (i64, i64) {
    let before = whole.days_before(days.first);
    (before, before + days.days())
}

/// Gives every body what was agreed with it for its days. None when that is more than the line on any day.
///
/// Each takes its part of the cents that those before it have left, from the first day of the line on: so nobody's part depends
/// on where a period ends, and all of them together are never a cent more than the net.
fn as_agreed(shares: &mut [Share], spans: &[(i64, i64)], all: Cents, days: i64) -> Option<()> {
    let is_agreed = |share: &Share| matches!(share.basis, Basis::Agreed(_));
    let own = shares.iter().zip(spans).filter(|(share, _)| is_agreed(share));
    // Between two of these days the same bodies are members.
    let cuts: BTreeSet<i64> = own.flat_map(|(_, (first, end))| [*first, *end]).collect();
    for (from, to) in cuts.iter().zip(cuts.iter().skip(1)) {
        let (mut before, mut after, mut rest) = (all.of(*from, days), all.of(*to, days), all);
        for (share, (first, end)) in shares.iter_mut().zip(spans) {
            let Basis::Agreed(agreed) = share.basis else { continue };
            if from < first || end < to {
                continue;
            }
            if rest < agreed {
                return None;
            }
            let (taken, taking) = (agreed.of(before.0, rest.0), agreed.of(after.0, rest.0));
            share.net += taking - taken;
            (before, after, rest) = (before - taken, after - taking, rest - agreed);
        }
    }
    Some(())
}

/// What a basis weighs for a day.
type Weigh = fn(Basis) -> u128;

/// What is shared by which weight.
fn parts(line: &CostLine, left: Cents) -> [(Cents, Weigh); 2] {
    let equally: Weigh = |basis| u128::from(!matches!(basis, Basis::Agreed(_)));
    let by_rule: Weigh = |basis| match basis {
        Basis::Equal => 1,
        Basis::Residents(residents) => u128::from(residents),
        Basis::Usage(measured) => u128::from(measured),
        Basis::Class(weight, _) => u128::from(weight),
        Basis::Agreed(_) => 0,
    };
    let fixed = left.percent(line.fixed_percent.unwrap_or(0));
    [(fixed, equally), (left - fixed, by_rule)]
}

fn basis(id: &str, line: &CostLine, one: &Belonging<'_>) -> Result<Basis> {
    let body = one.body;
    if let Some(agreed) = line.agreed.get(&body.slug) {
        return Cents::parse(agreed).map(Basis::Agreed).ok_or_else(|| {
            Failure::inventory(format!("costs.lines.{id}.agreed.{}: `{agreed}` is no amount", body.slug))
        });
    }
    let remedy = format!("or say what it bears: `agreed: {{ {}: \"500.00\" }}` in costs.lines.{id}", body.slug);
    let residents = || {
        let name = body.member.full_name();
        // The inhabitants of a union are those of its comuni, which may be members themselves.
        if body.member.kind != MemberKind::Comune {
            return Err(Failure::inventory(format!(
                "costs.lines.{id} is shared by residents, and {name} is no comune"
            ))
            .hint(format!("its inhabitants would be counted twice; {}", remedy.trim_start_matches("or "))));
        }
        body.member.population.as_ref().map(|population| population.residents).ok_or_else(|| {
            Failure::inventory(format!("costs.lines.{id} is shared by residents, and those of {name} are not known"))
                .hint(format!("write `population:` into members/{}.yml; {remedy}", body.slug))
        })
    };
    Ok(match line.share {
        Sharing::Equal => Basis::Equal,
        Sharing::Residents | Sharing::FixedAndResidents => Basis::Residents(residents()?),
        Sharing::Usage => Basis::Usage(*line.measured.get(&body.slug).ok_or_else(|| {
            Failure::inventory(format!("costs.lines.{id}.measured says nothing of {}", body.slug))
                .hint(format!("write what was measured, 0 when it used nothing: `{}: 0`; {remedy}", body.slug))
        })?),
        Sharing::Class => {
            let residents = residents()?;
            let class = line.classes.iter().find(|class| class.up_to.is_none_or(|most| residents <= most));
            Basis::Class(class.map_or(0, |class| class.weight), residents)
        }
    })
}
