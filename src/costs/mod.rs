//! What the consortium pays and who bears how much of it: exact to the cent, of the inventory alone.
//!
//! Every line has a rule of its own (art. 30 TUEL leaves it to the convention), and whoever enters or leaves within it bears
//! its days. What a body spent before it joined is the measure of what the consortium is worth to it.

mod line;
mod money;
mod period;

pub use line::{Basis, LineAccount, Share};
pub use money::{Cents, apportion};
pub use period::Period;

use crate::failure::{Failure, Result};
use crate::inventory::types::{Costs, Member, Status};
use crate::inventory::{Body, Inventory};

/// What was paid in a period, and who bears it.
#[derive(Debug, Clone)]
pub struct Account {
    /// The period.
    pub period: Period,
    /// Each line that has days in it.
    pub lines: Vec<LineAccount>,
    /// What it comes to for each body that belongs to the period, in the order of their ISTAT codes.
    pub bodies: Vec<BodyAccount>,
}

/// What a body bears in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyAccount {
    /// The member, by slug.
    pub slug: String,
    /// Days of the period on which it was a member.
    pub days: i64,
    /// Without VAT.
    pub net: Cents,
    /// The VAT of it.
    pub vat: Cents,
    /// What it paid on account in the period, with VAT.
    pub paid: Cents,
    /// What it would have spent in those days as before it joined, with VAT; none when that is not known.
    pub before: Option<Cents>,
}

impl BodyAccount {
    /// With VAT.
    pub fn gross(&self) -> Cents {
        self.net + self.vat
    }

    /// What it still has to pay; negative when it gets something back.
    pub fn balance(&self) -> Cents {
        self.gross() - self.paid
    }

    /// What it saved; negative when it spends more than before.
    pub fn saving(&self) -> Option<Cents> {
        self.before.map(|before| before - self.gross())
    }
}

/// A member on some days.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Belonging<'a> {
    pub(crate) body: &'a Body,
    pub(crate) days: Period,
}

/// Shares everything that was paid in a period.
///
/// # Errors
/// Exit 65 when the inventory has no costs, none in the period, or does not say of a member what a rule needs.
pub fn reckon(inventory: &Inventory, period: Period) -> Result<Account> {
    let Some(costs) = &inventory.consortium.costs else {
        return Err(Failure::inventory("the inventory has no `costs:`")
            .hint("write the lines of the contract into consortium.yml: docs/costs.md has an example"));
    };
    let everybody = members(inventory);
    let mut lines = Vec::new();
    for (id, line) in &costs.lines {
        lines.extend(line::reckon(id, line, period, &everybody)?);
    }
    if lines.is_empty() {
        return Err(Failure::inventory(format!(
            "no line of `costs:` has days from {} to {}",
            period.first, period.last
        ))
        .hint("ask for another period, or write down what was paid in it"));
    }
    let mut bodies: Vec<BodyAccount> = Vec::new();
    for member in &everybody {
        let shares: Vec<&Share> =
            lines.iter().flat_map(|line| &line.shares).filter(|share| share.slug == member.body.slug).collect();
        let within = member.days.and(period);
        let paid = paid(costs, &member.body.slug, period);
        if shares.is_empty() && within.is_none() && paid == Cents(0) {
            continue;
        }
        let before = member.body.member.spent_before.as_ref().and_then(|spent| Cents::parse(&spent.yearly));
        bodies.push(BodyAccount {
            slug: member.body.slug.clone(),
            days: within.map_or(0, Period::days),
            net: shares.iter().map(|share| share.net).sum(),
            vat: shares.iter().map(|share| share.vat).sum(),
            paid,
            before: before.zip(within).map(|(yearly, within)| within.of_yearly(yearly)),
        });
    }
    Ok(Account { period, lines, bodies })
}

fn paid(costs: &Costs, slug: &str, period: Period) -> Cents {
    let own = costs.payments.iter().filter(|payment| payment.member == slug);
    let within = own.filter(|payment| payment.date.parse().is_ok_and(|day| period.first <= day && day <= period.last));
    within.filter_map(|payment| Cents::parse(&payment.amount)).sum()
}

/// Everybody with the days of its membership, by ISTAT code, those without one last: cents that are left over go in this order.
fn members(inventory: &Inventory) -> Vec<Belonging<'_>> {
    let with_days = |body| Some(Belonging { body, days: membership(&body.member)? });
    let mut all: Vec<Belonging<'_>> = inventory.members.values().filter_map(with_days).collect();
    all.sort_by_key(|one| (one.body.member.istat.is_none(), one.body.member.istat.clone(), one.body.code.clone()));
    all
}

/// The days of a membership: who does not say since when was always a member, and who is about to join and does not say when is
/// none yet.
fn membership(member: &Member) -> Option<Period> {
    let stated = &member.membership;
    if stated.since.is_none() && stated.status == Status::Joining {
        return None;
    }
    Period::of(stated.since.as_deref().unwrap_or("0001-01-01"), stated.until.as_deref().unwrap_or("9999-12-31"))
}

/// What every line comes to, by kind of amount: net and VAT.
pub fn totals(lines: &[LineAccount]) -> (Cents, Cents) {
    (lines.iter().map(|line| line.net).sum(), lines.iter().map(|line| line.vat).sum())
}

#[cfg(test)]
mod tests;
