//! Sums that are the invoice, days that count, and what is asked for when the inventory does not say it.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::failure::Kind;

/// The inventory of the repository, with these costs.
fn with(costs: &str) -> Inventory {
    static VARESE: LazyLock<Inventory> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/varese");
        crate::inventory::load(&root).unwrap().inventory
    });
    let mut inventory = VARESE.clone();
    for body in inventory.members.values_mut() {
        body.member.membership.since = Some("2018-06-20".to_string());
    }
    inventory.consortium.costs = Some(serde_yaml::from_str(costs).unwrap());
    inventory
}

fn line(more: &str) -> String {
    format!(
        "lines: {{ sw: {{ title: Canone, kind: fee, from: 2026-01-01, to: 2026-12-31, net: \"10000.00\", vat_percent: 22, {more} }} }}"
    )
}

const MOUNTAIN: &str = "agreed: { comunita-montana-del-piambello: \"500.00\" }";

fn year() -> Period {
    Period::parse("2026").unwrap()
}

fn net(account: &Account, slug: &str) -> Cents {
    account.bodies.iter().find(|body| body.slug == slug).unwrap().net
}

#[test]
fn fourteen_bodies_share_a_year_by_residents_and_the_union_bears_what_was_agreed() {
    let account = reckon(&with(&line(&format!("share: residents, {MOUNTAIN}"))), year()).unwrap();
    assert_eq!(account.bodies.len(), 14);
    assert_eq!(net(&account, "comunita-montana-del-piambello"), Cents(50_000));
    // 9,500 of the 150,399 residents' whole: Varese has 78,409 of them.
    let residents: u32 = account.lines[0]
        .shares
        .iter()
        .map(|share| if let Basis::Residents(residents) = share.basis { residents } else { 0 })
        .sum();
    let exact = 950_000.0 * 78_409.0 / f64::from(residents);
    assert!((net(&account, "varese").0 as f64 - exact).abs() < 1.0);
    let gross: Cents = account.bodies.iter().map(BodyAccount::gross).sum();
    assert_eq!(gross, Cents(1_220_000));
}

#[test]
fn each_rule_gives_what_it_says() {
    let of = |more: &str| reckon(&with(&line(more)), year()).unwrap();
    let equal = of("share: equal");
    let of_three = ["besozzo", "lozza", "malnate"].map(|slug| net(&equal, slug));
    assert_eq!(of_three, [Cents(71_429), Cents(71_429), Cents(71_428)], "the cents that are left go by ISTAT code");
    let mixed = of(&format!("share: fixed_and_residents, fixed_percent: 100, {MOUNTAIN}"));
    assert_eq!(net(&mixed, "varese"), Cents(73_077), "all of the rest in equal parts of thirteen");
    let measured = "measured: { varese: 30, malnate: 10, besozzo: 0, bisuschio: 0, caronno-varesino: 0, comerio: 0, \
                    cugliate-fabiasco: 0, daverio: 0, induno-olona: 0, lozza: 0, monvalle: 0, vedano-olona: 0, vergiate: 0, \
                    comunita-montana-del-piambello: 0 }";
    let usage = of(&format!("share: usage, unit: postazioni, {measured}"));
    assert_eq!(
        (net(&usage, "varese"), net(&usage, "malnate"), net(&usage, "lozza")),
        (Cents(750_000), Cents(250_000), Cents(0))
    );
    let class = of(&format!("share: class, classes: [{{ up_to: 2999, weight: 1 }}, {{ weight: 3 }}], {MOUNTAIN}"));
    let parts: u32 = class.lines[0]
        .shares
        .iter()
        .map(|share| if let Basis::Class(weight, _) = share.basis { weight } else { 0 })
        .sum();
    assert_eq!(net(&class, "lozza"), Cents(950_000).of(1, i64::from(parts)));
}

#[test]
fn who_enters_or_leaves_bears_its_days() {
    let mut inventory = with(&line("share: equal"));
    inventory.members.retain(|slug, _| ["lozza", "malnate"].contains(&slug.as_str()));
    let lozza = &mut inventory.members.get_mut("lozza").unwrap().member.membership;
    (lozza.since, lozza.until) = (Some("2026-01-01".to_string()), Some("2026-01-01".to_string()));
    let account = reckon(&inventory, year()).unwrap();
    assert_eq!(
        (net(&account, "lozza"), net(&account, "malnate")),
        (Cents(2_732), Cents(997_268)),
        "1 and 365 of 366 days"
    );
    let lozza = &mut inventory.members.get_mut("lozza").unwrap().member.membership;
    (lozza.since, lozza.until) = (Some("2027-01-01".to_string()), None);
    let account = reckon(&inventory, year()).unwrap();
    assert_eq!((account.bodies.len(), net(&account, "malnate")), (1, Cents(1_000_000)));
}

#[test]
fn who_is_about_to_join_and_does_not_say_when_bears_nothing_yet() {
    let mut inventory = with(&line("share: equal"));
    let lozza = &mut inventory.members.get_mut("lozza").unwrap().member.membership;
    (lozza.status, lozza.since) = (Status::Joining, None);
    let account = reckon(&inventory, year()).unwrap();
    assert!(account.bodies.iter().all(|body| body.slug != "lozza"));
    assert_eq!(net(&account, "varese"), Cents(76_923), "a part of thirteen");
    // Of who is a member and does not say since when it is taken that it was always one.
    inventory.members.get_mut("lozza").unwrap().member.membership.status = Status::Active;
    assert_eq!(net(&reckon(&inventory, year()).unwrap(), "lozza"), Cents(71_429));
}

#[test]
fn periods_that_follow_each_other_bear_the_whole_line() {
    let inventory = with(&line("share: equal"));
    let mut sum = Cents(0);
    for period in ["2025", "2026-01-01..2026-01-31", "2026-02-01..2026-08-13", "2026-08-14..2027-12-31"] {
        sum += reckon(&inventory, Period::parse(period).unwrap()).map_or(Cents(0), |account| account.lines[0].net);
    }
    assert_eq!(sum, Cents(1_000_000));
    let years = |costs: &str| {
        let inventory = with(&costs.replace("to: 2026-12-31", "to: 2028-12-31"));
        ["2026", "2027", "2028"].map(|year| reckon(&inventory, Period::parse(year).unwrap()))
    };
    let of_thousand = line("share: equal").replace("10000.00", "1000.00");
    let vat = years(&of_thousand).map(|account| account.unwrap().lines[0].vat);
    assert_eq!(vat.into_iter().sum::<Cents>(), Cents(22_000));
    let halves = line("share: equal, agreed: { lozza: \"50.00\", malnate: \"50.00\" }").replace("10000.00", "100.00");
    let halves = years(&halves).map(|account| net(&account.unwrap(), "lozza"));
    assert_eq!(halves.into_iter().sum::<Cents>(), Cents(5000));
    let once = with(&line("share: equal").replace("kind: fee", "kind: one_off"));
    let of = |period| reckon(&once, Period::parse(period).unwrap()).map(|account| account.lines[0].net);
    assert_eq!(of("2026-01-01..2026-01-31").unwrap(), Cents(1_000_000), "what is paid once belongs to its first day");
    assert_eq!(of("2026-02-01..2026-12-31").unwrap_err().kind, Kind::Inventory);
}

#[test]
fn what_is_agreed_with_the_only_one_who_uses_it_is_the_line_in_each_of_its_years() {
    let costs = line("application: albo, share: equal, agreed: { lozza: \"100.00\" }");
    let mut inventory = with(&costs.replace("10000.00", "100.00").replace("to: 2026-12-31", "to: 2028-12-31"));
    inventory.members.retain(|slug, _| slug == "lozza");
    let of = |year| net(&reckon(&inventory, Period::parse(year).unwrap()).unwrap(), "lozza");
    assert_eq!(["2026", "2027", "2028"].map(of), [Cents(3330), Cents(3331), Cents(3339)]);
}

#[test]
fn what_is_agreed_may_be_the_whole_line_for_one_after_the_other_but_not_on_one_day() {
    let mut inventory =
        with(&line("share: equal, agreed: { lozza: \"10000.00\", malnate: \"10000.00\", varese: \"0.00\" }"));
    inventory.members.retain(|slug, _| ["lozza", "malnate", "varese"].contains(&slug.as_str()));
    let mut days = |slug: &str, since: &str, until: &str| {
        let membership = &mut inventory.members.get_mut(slug).unwrap().member.membership;
        (membership.since, membership.until) = (Some(since.to_string()), Some(until.to_string()));
        reckon(&inventory, year())
    };
    days("lozza", "2020-01-01", "2026-06-30").unwrap_err();
    let account = days("malnate", "2026-07-01", "2030-12-31").unwrap();
    assert_eq!(
        (net(&account, "lozza"), net(&account, "malnate"), net(&account, "varese")),
        (Cents(495_890), Cents(504_110), Cents(0))
    );
    let failure = days("malnate", "2026-06-30", "2030-12-31").unwrap_err();
    assert!(failure.message.contains("more than the line"), "{failure:?}");
}

#[test]
fn what_was_paid_and_what_was_spent_before_make_the_balance_and_the_saving() {
    let payments = "\npayments: [{ member: malnate, date: 2026-03-31, amount: \"1000.00\" }, { member: malnate, date: 2027-03-31, amount: \"7.00\" }]";
    let mut inventory = with(&(line("share: equal") + payments));
    let spent =
        |yearly: &str| serde_yaml::from_str(&format!("{{ yearly: \"{yearly}\", source: consuntivo 2017 }}")).unwrap();
    inventory.members.get_mut("malnate").unwrap().member.spent_before = Some(spent("2000.00"));
    let account = reckon(&inventory, year()).unwrap();
    let malnate = account.bodies.iter().find(|body| body.slug == "malnate").unwrap();
    assert_eq!((malnate.gross(), malnate.paid), (Cents(87_142), Cents(100_000)));
    assert_eq!((malnate.balance(), malnate.saving()), (Cents(-12_858), Some(Cents(112_858))));
    assert!(
        account.bodies.iter().all(|body| body.slug == "malnate" || body.saving().is_none()),
        "no data is no saving"
    );
}

#[test]
fn what_a_rule_needs_and_the_inventory_does_not_say_is_asked_for() {
    let asked = |inventory: Inventory| {
        let failure = reckon(&inventory, year()).unwrap_err();
        assert_eq!(failure.kind, Kind::Inventory);
        failure.told()
    };
    let union = asked(with(&line("share: residents")));
    assert!(
        union.contains("Piambello is no comune") && union.contains("counted twice") && union.contains("agreed: {"),
        "{union}"
    );
    let mut unknown = with(&line(&format!("share: residents, {MOUNTAIN}")));
    unknown.members.get_mut("lozza").unwrap().member.population = None;
    assert!(asked(unknown).contains("those of Comune di Lozza are not known"));
    assert!(asked(with(&line("share: usage, measured: { varese: 1 }"))).contains("measured says nothing of"));
    let much = "share: equal, agreed: { lozza: \"10000.01\" }";
    assert!(asked(with(&line(much))).contains("more than the line"));
    let nobody = asked(with(&line("share: equal, application: dati")));
    assert!(nobody.contains("nobody bears it"), "{nobody}");
    let mut none = with(&line("share: equal"));
    none.consortium.costs = None;
    assert!(asked(none).contains("docs/costs.md"));
}

/// A day of the years around 2026.
fn a_day() -> impl Strategy<Value = String> {
    (2024_i16..2029, 1_i8..13, 1_i8..29).prop_map(|(year, month, day)| format!("{year}-{month:02}-{day:02}"))
}

proptest! {
    #[test]
    fn whatever_the_rule_and_whoever_belongs_the_shares_are_the_line_to_the_cent(
        rule in prop::sample::select(vec!["equal", "residents", "fixed_and_residents", "class", "usage"]),
        net in 0_u64..100_000_000, vat in 0_u32..=100, fixed in 0_u32..=100,
        (one, other) in (a_day(), a_day()), memberships in prop::collection::vec((a_day(), a_day()), 14),
        agreed in prop::option::of(0_u64..1000), measured in prop::collection::vec(0_u64..10_000, 14),
        one_off in any::<bool>(),
    ) {
        let mut inventory = with("{}");
        let slugs: Vec<String> = inventory.members.keys().cloned().collect();
        for ((body, (from, to)), residents) in inventory.members.values_mut().zip(&memberships).zip(&measured) {
            body.member.membership.since = Some(from.min(to).clone());
            body.member.membership.until = Some(from.max(to).clone());
            if let Some(counted) = &mut body.member.population {
                counted.residents = *residents as u32;
            }
        }
        let amount = |cents: u64| format!("\"{}.{:02}\"", cents / 100, cents % 100);
        let mut more = format!("share: {rule}");
        match rule {
            "fixed_and_residents" => more += &format!(", fixed_percent: {fixed}"),
            "class" => more += ", classes: [{ up_to: 100, weight: 2 }, { up_to: 5000, weight: 3 }, { weight: 7 }]",
            "usage" => {
                let all = slugs.iter().zip(&measured).map(|(slug, measured)| format!("{slug}: {measured}"));
                more += &format!(", measured: {{ {} }}", all.collect::<Vec<_>>().join(", "));
            }
            _ => {}
        }
        more += &format!(", agreed: {{ comunita-montana-del-piambello: {} }}", amount(agreed.unwrap_or(0)));
        let kind = if one_off { "one_off" } else { "fee" };
        let costs = format!(
            "lines: {{ a: {{ title: A, kind: {kind}, from: {}, to: {}, net: {}, vat_percent: {vat}, {more} }} }}",
            (&one).min(&other), (&one).max(&other), amount(net)
        );
        inventory.consortium.costs = Some(serde_yaml::from_str(&costs).unwrap());
        match reckon(&inventory, year()) {
            // The line may have no day in the year, or nobody may bear it: then nothing is shared at all.
            Err(failure) => prop_assert_eq!(failure.kind, Kind::Inventory),
            Ok(account) => {
                let line = &account.lines[0];
                prop_assert_eq!(line.shares.iter().map(|share| share.net).sum::<Cents>(), line.net);
                prop_assert_eq!(line.shares.iter().map(|share| share.vat).sum::<Cents>(), line.vat);
                prop_assert!(line.shares.iter().all(|share| share.net >= Cents(0) && share.vat >= Cents(0)));
                prop_assert_eq!(account.bodies.iter().map(BodyAccount::gross).sum::<Cents>(), line.net + line.vat);
            }
        }
    }

    #[test]
    fn periods_that_follow_each_other_bear_vat_and_what_was_agreed_to_the_cent(
        net in 0_u64..1_000_000, vat in 0_u32..=100, agreed in prop::collection::vec(0_u64..=100, 3),
        (one, other) in (a_day(), a_day()), cuts in prop::collection::btree_set(a_day(), 0..6),
    ) {
        // Of each hundred parts of the line, so many: at most all of it.
        let whole = agreed.iter().sum::<u64>().max(100);
        let agreed: Vec<u64> = agreed.iter().map(|part| net * part / whole).collect();
        let amount = |cents: u64| format!("\"{}.{:02}\"", cents / 100, cents % 100);
        let bodies = ["lozza", "malnate", "varese"];
        let all: Vec<String> =
            bodies.iter().zip(&agreed).map(|(slug, cents)| format!("{slug}: {}", amount(*cents))).collect();
        let inventory = with(&format!(
            "lines: {{ a: {{ title: A, kind: fee, from: {}, to: {}, net: {}, vat_percent: {vat}, share: equal, agreed: {{ {} }} }} }}",
            (&one).min(&other), (&one).max(&other), amount(net), all.join(", ")
        ));
        let mut first = Period::parse("2023").unwrap().first;
        let mut sums = [Cents(0); 5];
        let ends = cuts.iter().map(|day| day.parse().unwrap()).chain([Period::parse("2030").unwrap().last]);
        for last in ends {
            let period = Period { first, last };
            first = last.tomorrow().unwrap();
            // The line has no day in it.
            let Ok(account) = reckon(&inventory, period) else { continue };
            let line = &account.lines[0];
            let own = bodies.map(|slug| line.shares.iter().find(|share| share.slug == slug).unwrap().net);
            for (sum, part) in sums.iter_mut().zip([line.net, line.vat].into_iter().chain(own)) {
                prop_assert!(part >= Cents(0));
                *sum += part;
            }
        }
        let own = agreed.iter().map(|cents| Cents(i64::try_from(*cents).unwrap()));
        let net = Cents(i64::try_from(net).unwrap());
        prop_assert_eq!(sums.to_vec(), [net, net.percent(vat)].into_iter().chain(own).collect::<Vec<_>>());
    }
}
