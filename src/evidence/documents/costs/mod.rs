//! How the costs of a period are shared (*riparto dei costi*): what was paid, by which rule each body bears what, and what it saves.
//!
//! No official form exists. The page, the text, the table for a spreadsheet and the JSON say the same.

mod chart;
mod page;
mod spreadsheet;
mod text;

pub use page::page;
pub use spreadsheet::spreadsheet;
pub use text::text;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Field, Maker, NOTHING, number};
use crate::costs::{Account, Basis, BodyAccount, Cents, LineAccount, Share, apportion, totals};
use crate::inventory::Inventory;
use crate::inventory::types::{CostKind, Member, Sharing, Status};

/// The whole document. Amounts are in euro, with a point and two decimals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CostsDocument {
    /// What it is.
    pub title: String,
    /// The body that pays and has it refunded.
    pub body: String,
    /// First day of the period (ISO 8601).
    pub from: String,
    /// Last day of the period.
    pub to: String,
    /// Who, when, from what.
    pub head: Vec<Field>,
    /// What each body bears in all.
    pub bodies: Vec<BodyRow>,
    /// All bodies together.
    pub total: BodyRow,
    /// Each line with its rule and its shares.
    pub lines: Vec<LineTable>,
    /// What whoever reads it must know.
    pub notes: Vec<String>,
    /// What the law says, each with how sure that is.
    pub references: Vec<Field>,
    /// What persons add by hand.
    pub by_hand: Vec<String>,
}

/// A body with all its lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BodyRow {
    /// `c_e863`; empty in the total.
    pub code: String,
    /// `Comune di Malnate`.
    pub body: String,
    /// Days of membership in the period; `null` in the total.
    pub days: Option<i64>,
    /// Without VAT.
    #[schemars(with = "String")]
    pub net: Cents,
    /// VAT.
    #[schemars(with = "String")]
    pub vat: Cents,
    /// With VAT.
    #[schemars(with = "String")]
    pub gross: Cents,
    /// Paid on account in the period.
    #[schemars(with = "String")]
    pub paid: Cents,
    /// What is still to be paid (*conguaglio*); negative when something is given back.
    #[schemars(with = "String")]
    pub balance: Cents,
    /// What would have been spent in those days as before; `null` when it is not known of everybody.
    #[schemars(with = "Option<String>")]
    pub before: Option<Cents>,
    /// The saving; negative when more is spent than before; `null` when it is not known.
    #[schemars(with = "Option<String>")]
    pub saving: Option<Cents>,
}

/// A line with its shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LineTable {
    /// Its name in the inventory.
    pub id: String,
    /// What it is.
    pub title: String,
    /// Kind, days, invoice, rule.
    pub fields: Vec<Field>,
    /// Who bears it.
    pub shares: Vec<ShareRow>,
    /// Without VAT: the sum of the shares.
    #[schemars(with = "String")]
    pub net: Cents,
    /// VAT: the sum of the shares.
    #[schemars(with = "String")]
    pub vat: Cents,
}

impl LineTable {
    /// The cells of a share, and last those of all together, as text and page have them.
    fn rows(&self) -> Vec<[String; 7]> {
        let amounts = |net, vat| [net, vat, net + vat].map(euro);
        let row = |share: &ShareRow| {
            let [net, vat, gross] = amounts(share.net, share.vat);
            let percent = share.percent.replace('.', ",");
            [share.body.clone(), share.basis.clone(), share.days.to_string(), percent, net, vat, gross]
        };
        let [net, vat, gross] = amounts(self.net, self.vat);
        let percent = if self.net > Cents(0) { "100,00" } else { "0,00" };
        let [body, basis, days, percent] = ["Somma", "", "", percent].map(String::from);
        self.shares.iter().map(row).chain([[body, basis, days, percent, net, vat, gross]]).collect()
    }
}

/// Columns of a line.
const OF_A_LINE: [&str; 7] = ["Ente", "Base", "Giorni", "%", "Imponibile", "IVA", "Totale"];
/// Columns of all bodies.
const OF_BODIES: [&str; 9] =
    ["Ente", "Giorni", "Imponibile", "IVA", "Totale", "Acconti", "Conguaglio", "Prima", "Risparmio"];

impl CostsDocument {
    /// The cells of a body, and last those of all together, as text and page have them.
    fn rows(&self) -> Vec<[String; 9]> {
        let row = |row: &BodyRow| {
            let days = row.days.map_or(String::new(), |days| days.to_string());
            let [net, vat, gross, paid, balance] = [row.net, row.vat, row.gross, row.paid, row.balance].map(euro);
            let [before, saving] = [row.before, row.saving].map(euro_or_nothing);
            [row.body.clone(), days, net, vat, gross, paid, balance, before, saving]
        };
        self.bodies.iter().chain([&self.total]).map(row).collect()
    }
}

/// What a body bears of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShareRow {
    /// `c_e863`.
    pub code: String,
    /// `Comune di Malnate`.
    pub body: String,
    /// By what it was reckoned.
    pub basis: String,
    /// For how many days.
    pub days: i64,
    /// Percent of the line, with two decimals.
    pub percent: String,
    /// Without VAT.
    #[schemars(with = "String")]
    pub net: Cents,
    /// VAT.
    #[schemars(with = "String")]
    pub vat: Cents,
}

/// Makes the document.
pub fn document(inventory: &Inventory, account: &Account, maker: &Maker) -> CostsDocument {
    let consortium = &inventory.consortium;
    let (net, vat) = totals(&account.lines);
    let period = account.period;
    let bodies: Vec<BodyRow> = account.bodies.iter().map(|body| row(inventory, body)).collect();
    let all = |pick: fn(&BodyRow) -> Cents| bodies.iter().map(pick).sum::<Cents>();
    let known = |pick: fn(&BodyRow) -> Option<Cents>| bodies.iter().map(pick).sum::<Option<Cents>>();
    let total = BodyRow {
        code: String::new(),
        body: "Totale".to_string(),
        days: None,
        net: all(|body| body.net),
        vat: all(|body| body.vat),
        gross: all(|body| body.gross),
        paid: all(|body| body.paid),
        balance: all(|body| body.balance),
        before: known(|body| body.before),
        saving: known(|body| body.saving),
    };
    let act = consortium.costs.as_ref().and_then(|costs| costs.act.clone());
    let mut head = vec![
        Field::new("Aggregazione", &consortium.name),
        Field::new("Periodo", format!("dal {} al {} ({} giorni)", period.first, period.last, period.days())),
        Field::new("Costo da ripartire", format!("{} € + IVA {} € = {} €", euro(net), euro(vat), euro(net + vat))),
        Field::new("Atto che fissa i criteri", act.as_deref().unwrap_or(NOTHING)),
        Field::new("Arrotondamento", "al centesimo, con il metodo dei resti più alti; a parità, per codice ISTAT"),
    ];
    head.extend([
        Field::new("Somma delle quote", format!("{} €, uguale al costo al centesimo", euro(total.gross))),
        savings(&bodies),
    ]);
    head.extend(maker.fields());
    CostsDocument {
        title: "Riparto dei costi".to_string(),
        body: consortium.body.name.clone(),
        from: period.first.to_string(),
        to: period.last.to_string(),
        head,
        bodies,
        total,
        lines: account.lines.iter().map(|line| table(inventory, line)).collect(),
        notes: notes(inventory, account),
        references: references(),
        by_hand: ["Estremi del protocollo", "Il responsabile del servizio (Provincia)", "Per accettazione (enti)"]
            .map(String::from)
            .to_vec(),
    }
}

/// What all of them save whose former spending is known, and of how many that is.
fn savings(bodies: &[BodyRow]) -> Field {
    let known: Vec<&BodyRow> = bodies.iter().filter(|body| body.saving.is_some()).collect();
    let sum = |pick: fn(&BodyRow) -> Option<Cents>| known.iter().filter_map(|body| pick(body)).sum::<Cents>();
    let value = match known.len() {
        0 => format!("{NOTHING}: di nessun ente è nota la spesa precedente"),
        _ => format!(
            "{} € rispetto a {} € (enti di cui è nota la spesa precedente: {} su {})",
            euro(sum(|body| body.saving)),
            euro(sum(|body| body.before)),
            known.len(),
            bodies.len()
        ),
    };
    Field::new("Risparmio", value)
}

fn named<'a>(inventory: &'a Inventory, slug: &str) -> Option<(&'a str, &'a Member)> {
    inventory.members.get(slug).map(|body| (body.code.as_str(), &body.member))
}

fn row(inventory: &Inventory, body: &BodyAccount) -> BodyRow {
    let (code, name) = code_and_name(inventory, &body.slug);
    BodyRow {
        code,
        body: name,
        days: Some(body.days),
        net: body.net,
        vat: body.vat,
        gross: body.gross(),
        paid: body.paid,
        balance: body.balance(),
        before: body.before,
        saving: body.saving(),
    }
}

fn code_and_name(inventory: &Inventory, slug: &str) -> (String, String) {
    let known = named(inventory, slug).map(|(code, member)| (code.to_string(), member.full_name()));
    known.unwrap_or_else(|| (slug.to_string(), slug.to_string()))
}

fn table(inventory: &Inventory, account: &LineAccount) -> LineTable {
    let line = &account.line;
    let kind = match line.kind {
        CostKind::OneOff => "una tantum",
        CostKind::Fee => "canone",
        CostKind::Usage => "consumi",
    };
    let (within, whole) = (account.within, account.whole);
    let mut days = format!("dal {} al {} ({} giorni", within.first, within.last, within.days());
    days.push_str(&if within == whole { ")".to_string() } else { format!(" dei {} della voce)", whole.days()) });
    let known = |value: &Option<String>| value.as_deref().unwrap_or(NOTHING).to_string();
    let mut fields = vec![
        Field::new("Tipo", kind),
        Field::new("Giorni", days),
        Field::new("Imponibile", format!("{} €", euro(account.net))),
        Field::new(&format!("IVA {} %", line.vat_percent), format!("{} €", euro(account.vat))),
        Field::new("Fattura", known(&line.invoice)),
        Field::new("CIG", known(&line.cig)),
        Field::new("Criterio", rule(account)),
    ];
    if let Some(application) = &line.application {
        let title = inventory.applications.get(application).map_or(application, |known| &known.title);
        fields.push(Field::new("Solo per chi usa", title));
    }
    let weights: Vec<u128> = account.shares.iter().map(|share| u128::from(share.net.0.unsigned_abs())).collect();
    // Hundredths of a percent, so that they too add up.
    let hundredths = apportion(Cents(10_000), &weights).unwrap_or_else(|| vec![Cents(0); weights.len()]);
    let shares = account.shares.iter().zip(hundredths);
    let shares = shares.map(|(share, percent)| share_row(inventory, account, share, percent)).collect();
    LineTable { id: account.id.clone(), title: line.title.clone(), fields, shares, net: account.net, vat: account.vat }
}

fn rule(account: &LineAccount) -> String {
    let line = &account.line;
    let rule = match line.share {
        Sharing::Equal => "in parti uguali".to_string(),
        Sharing::Residents => "per abitante".to_string(),
        Sharing::FixedAndResidents => {
            format!("{} % in parti uguali, il resto per abitante", line.fixed_percent.unwrap_or(0))
        }
        Sharing::Usage => format!("per utilizzo misurato ({})", line.unit.as_deref().unwrap_or("unità")),
        Sharing::Class => {
            let mut from = 0;
            let classes = line.classes.iter().map(|class| {
                let words = match class.up_to {
                    Some(up_to) => format!("da {} a {}: {}", number(from), number(u64::from(up_to)), class.weight),
                    None => format!("da {}: {}", number(from), class.weight),
                };
                from = class.up_to.map_or(0, |up_to| u64::from(up_to) + 1);
                words
            });
            format!("per classe demografica (abitanti e peso: {})", classes.collect::<Vec<_>>().join("; "))
        }
    };
    let agreed = if line.agreed.is_empty() { "" } else { "; quote concordate a parte" };
    format!("{rule}, in proporzione ai giorni di adesione{agreed}")
}

fn share_row(inventory: &Inventory, account: &LineAccount, share: &Share, percent: Cents) -> ShareRow {
    let (code, body) = code_and_name(inventory, &share.slug);
    let counted = named(inventory, &share.slug).and_then(|(_, member)| member.population.as_ref());
    let residents = |count: u32| {
        let source = counted.map_or(String::new(), |from| format!(" ({}, {})", from.source, from.date));
        format!("{} abitanti{source}", number(u64::from(count)))
    };
    let basis = match share.basis {
        Basis::Equal => "parte uguale".to_string(),
        Basis::Residents(count) => residents(count),
        Basis::Usage(measured) => {
            format!("{} {}", number(measured), account.line.unit.as_deref().unwrap_or("unità"))
        }
        Basis::Class(weight, count) => format!("peso {weight}: {}", residents(count)),
        Basis::Agreed(amount) => format!("concordata: {} €", euro(amount)),
    };
    ShareRow { code, body, basis, days: share.days, percent: percent.to_string(), net: share.net, vat: share.vat }
}

/// What was assumed where the inventory says nothing, and what a convention may want otherwise.
fn notes(inventory: &Inventory, account: &Account) -> Vec<String> {
    let mut notes = Vec::new();
    let listed = |chosen: &dyn Fn(&Member) -> bool| {
        let members = account.bodies.iter().filter_map(|body| named(inventory, &body.slug));
        members.filter(|(_, member)| chosen(member)).map(|(_, member)| member.full_name()).collect::<Vec<_>>()
    };
    let by_residents = |share: &Share| matches!(share.basis, Basis::Residents(_) | Basis::Class(..));
    let year = account.period.first.year();
    let customary = format!("{:04}-12-31", year - 2);
    if account.lines.iter().flat_map(|line| &line.shares).any(by_residents) {
        let others = listed(&|member| member.population.as_ref().is_some_and(|counted| counted.date != customary));
        if !others.is_empty() {
            notes.push(format!(
                "La popolazione è di un giorno diverso dal {customary}, fine del penultimo anno precedente, che vale se la \
                 convenzione non dice altro (art. 156, c. 2, TUEL): {}.",
                others.join(", ")
            ));
        }
    }
    let without_day = listed(&|member| member.membership.since.is_none());
    if !without_day.is_empty() {
        notes.push(format!("Giorno di adesione non indicato, contati dall'inizio: {}.", without_day.join(", ")));
    }
    let joining = inventory.members.values().map(|body| &body.member);
    let joining: Vec<String> = joining
        .filter(|member| member.membership.status == Status::Joining && member.membership.since.is_none())
        .map(Member::full_name)
        .collect();
    if !joining.is_empty() {
        notes.push(format!("In fase di adesione, senza giorno indicato: non partecipano: {}.", joining.join(", ")));
    }
    let unknown = listed(&|member| member.spent_before.is_none());
    if !unknown.is_empty() {
        notes.push(format!("Spesa precedente: {NOTHING} per {}.", unknown.join(", ")));
    }
    let sources = account.bodies.iter().filter_map(|body| {
        let (_, member) = named(inventory, &body.slug)?;
        let spent = member.spent_before.as_ref()?;
        Some(format!("{} ({})", member.full_name(), spent.source))
    });
    let sources: Vec<String> = sources.collect();
    if !sources.is_empty() {
        notes.push(format!("Fonte della spesa precedente, annua e con IVA: {}.", sources.join(", ")));
    }
    notes
}

fn references() -> Vec<Field> {
    const UNSURE: &str = "da verificare sul testo ufficiale";
    vec![
        Field::new("TUEL (d.lgs. 267/2000), art. 30", format!("la convenzione fissa i rapporti finanziari; {UNSURE}")),
        Field::new("TUEL, art. 156, c. 1 e 2", format!("classi demografiche e popolazione di riferimento; {UNSURE}")),
        Field::new(
            "CAD (d.lgs. 82/2005), art. 51, c. 2-quater",
            format!("accordi con il solo rimborso dei costi di funzionamento; {UNSURE}"),
        ),
    ]
}

/// As amounts are written in Italy: `48.000,05`, `-12,00`.
pub(super) fn euro(amount: Cents) -> String {
    let sign = if amount.0 < 0 { "-" } else { "" };
    let cents = amount.0.unsigned_abs();
    format!("{sign}{},{:02}", number(cents / 100), cents % 100)
}

/// An amount, or that nothing is known.
fn euro_or_nothing(amount: Option<Cents>) -> String {
    amount.map_or_else(|| NOTHING.to_string(), euro)
}

#[cfg(test)]
mod tests;
