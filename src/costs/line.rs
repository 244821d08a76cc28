//! One line: what of it belongs to a period, and who bears which part of that.

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
    let Some((within, net)) = part(line, whole, all, period) else { return Ok(None) };
    let bearers: Vec<(&Belonging<'_>, i64)> = everybody
        .iter()
        .filter(|one| line.application.as_ref().is_none_or(|name| one.body.member.applications.contains_key(name)))
        .filter_map(|one| Some((one, one.days.and(within)?.days())))
        .collect();
    let mut shares = Vec::new();
    for (one, days) in bearers {
        shares.push(Share {
            slug: one.body.slug.clone(),
            basis: basis(id, line, one)?,
            days,
            net: Cents(0),
            vat: Cents(0),
        });
    }
    let mut left = net;
    for share in &mut shares {
        if let Basis::Agreed(agreed) = share.basis {
            share.net = agreed.of(share.days, whole.days());
            left = left - share.net;
        }
    }
    if left < Cents(0) {
        return Err(told("what is agreed with single members is more than the line".to_string())
            .hint("lower the amounts of `agreed`, or correct `net`"));
    }
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
    let vat = net.percent(line.vat_percent);
    let weights: Vec<u128> = shares.iter().map(|share| u128::from(share.net.0.unsigned_abs())).collect();
    if vat > Cents(0) {
        let given = apportion(vat, &weights).ok_or_else(nobody)?;
        shares.iter_mut().zip(given).for_each(|(share, given)| share.vat = given);
    }
    Ok(Some(LineAccount { id: id.to_string(), line: line.clone(), within, whole, net, vat, shares }))
}

/// The days and the amount that belong to a period: over periods that follow each other, the parts are the whole.
fn part(line: &CostLine, whole: Period, all: Cents, period: Period) -> Option<(Period, Cents)> {
    if line.kind == CostKind::OneOff {
        return (period.first <= whole.first && whole.first <= period.last).then_some((whole, all));
    }
    let within = whole.and(period)?;
    let until = |days| all.of(days, whole.days());
    let before = whole.days_before(within.first);
    Some((within, until(before + within.days()) - until(before)))
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
