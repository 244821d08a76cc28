//! The record of upgrades (*verbale di aggiornamento*) of one body, and the notice that comes before: when a service stood
//! still, to the second, which is what an emergency register needs (DPR 445/2000, art. 63).

mod notice;
#[cfg(test)]
mod tests;

pub use notice::notice;

use std::collections::BTreeMap;

use super::moments::to_the_second;
use super::{Checked, Document, Field, Maker, NOTHING, Part, duration, number};
use crate::evidence::{UpgradeEnding, UpgradeRecord};

/// The body that a document is for.
#[derive(Debug, Clone)]
pub struct Body {
    /// Its name in full.
    pub name: String,
    /// Its code.
    pub code: String,
    /// Titles of the applications, by their names.
    pub titles: BTreeMap<String, String>,
}

impl Body {
    fn head(&self, subject: &str) -> Vec<Field> {
        vec![
            Field::new("Ente", &self.name),
            Field::new("Codice nell'inventario", &self.code),
            Field::new("Oggetto", subject),
        ]
    }

    fn title(&self, application: &str) -> String {
        self.titles.get(application).cloned().unwrap_or_else(|| application.to_string())
    }
}

/// What else the record of upgrades says.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The body.
    pub body: Body,
    /// Which upgrades were looked for, in Italian.
    pub period: String,
    /// What is wrong with the evidence: one sentence each.
    pub problems: Vec<String>,
    /// Who makes it.
    pub maker: Maker,
}

/// Makes the record of these upgrades, the oldest first.
pub fn document(scope: &Scope, upgrades: &[&UpgradeRecord]) -> Document {
    let mut head = scope.body.head("aggiornamento dei servizi a nuove versioni");
    head.push(Field::new("Aggiornamenti considerati", &scope.period));
    head.extend(scope.maker.fields());
    let outages: i64 = upgrades.iter().filter_map(|upgrade| upgrade.outage()).sum();
    let unknown = upgrades.iter().filter(|upgrade| upgrade.closed.is_some() && upgrade.opened.is_none()).count();
    let well = upgrades.iter().filter(|upgrade| verdict(upgrade).1 == "good").count();
    let conclusion = match (upgrades.len(), well) {
        (0, _) => format!("{NOTHING}: nessun aggiornamento registrato"),
        (all, well) if all == well => "tutti gli aggiornamenti sono riusciti".to_string(),
        (all, well) => format!("riusciti {well} su {all}: si vedano gli esiti"),
    };
    let mut summary = vec![
        Field::new("Conclusione", conclusion),
        Field::new("Aggiornamenti", number(upgrades.len() as u64)),
        Field::new("Interruzione in tutto", if upgrades.is_empty() { NOTHING.to_string() } else { duration(outages) }),
    ];
    if unknown > 0 {
        summary.push(Field::new("Interruzioni senza una fine registrata", number(unknown as u64)));
    }
    Document {
        title: "Verbale di aggiornamento".to_string(),
        body: scope.body.name.clone(),
        head,
        summary,
        warnings: scope.problems.clone(),
        parts_heading: "Aggiornamenti".to_string(),
        parts: upgrades.iter().map(|upgrade| part(&scope.body, upgrade)).collect(),
        references: vec![
            Field::new(
                "Registro di emergenza",
                "DPR 445/2000, art. 63: causa, data e ora di inizio dell'interruzione e del ripristino (testo non riletto)",
            ),
            Field::new("Preavviso", "circolare AgID 3/2018, allegato, RO4: almeno 3 giorni lavorativi"),
        ],
        by_hand: vec!["Numero progressivo e di protocollo".to_string(), "Osservazioni".to_string()],
        signatures: vec!["Per la Provincia".to_string(), "Per l'ente".to_string()],
    }
}

fn verdict(upgrade: &UpgradeRecord) -> (&'static str, &'static str) {
    match upgrade.ending {
        UpgradeEnding::Done => ("riuscito", "good"),
        UpgradeEnding::DoneWithFaults => ("riuscito, con difetti da seguire", "reserve"),
        UpgradeEnding::NotBegun => ("non iniziato: il servizio è rimasto com'era", "reserve"),
        UpgradeEnding::WentBack => ("non riuscito: tornato alla versione di prima, con i dati di prima", "bad"),
        UpgradeEnding::CodeBack => {
            ("non riuscito: tornato alla versione di prima, con quanto scritto nel frattempo", "bad")
        }
        UpgradeEnding::Down => ("non riuscito: non si sa se il servizio funzioni", "bad"),
    }
}

fn part(body: &Body, upgrade: &UpgradeRecord) -> Part {
    let (verdict, mark) = verdict(upgrade);
    let through: Vec<&str> = upgrade.path.iter().map(String::as_str).filter(|step| *step != upgrade.to).collect();
    let at = |moment: Option<i64>| moment.map(to_the_second);
    let mut fields = vec![
        Field::new("Versione di prima", &upgrade.from),
        Field::new("Versione voluta", &upgrade.to),
        Field::new(
            "Inizio dell'interruzione",
            at(upgrade.closed).unwrap_or_else(|| "il servizio non è stato fermato".to_string()),
        ),
    ];
    if !through.is_empty() {
        fields.insert(2, Field::new("Attraverso", through.join(", ")));
    }
    if upgrade.closed.is_some() {
        fields.push(Field::new("Fine dell'interruzione", at(upgrade.opened).unwrap_or_else(|| NOTHING.to_string())));
        fields.push(Field::new("Durata dell'interruzione", upgrade.outage().map_or(NOTHING.to_string(), duration)));
    }
    fields.push(Field::new(
        "Copia dei dati a servizio fermo",
        upgrade.snapshot.as_deref().map_or(NOTHING, |id| id.get(..8).unwrap_or(id)),
    ));
    if let Some(why) = &upgrade.unannounced {
        fields.push(Field::new("Preavviso all'ente", format!("non dato: {why}")));
    }
    if !upgrade.kept.is_empty() {
        fields.push(Field::new("Conservato a parte per esame", upgrade.kept.join(", ")));
    }
    let mut checks = Vec::new();
    if let Some(reason) = &upgrade.reason {
        let words = upgrade.words.clone().unwrap_or_default();
        checks.push(Checked {
            what: "Motivo, nelle parole dei programmi".to_string(),
            result: super::plain(reason),
            detail: super::plain(&words),
        });
    }
    Part {
        heading: body.title(&upgrade.application),
        verdict: verdict.to_string(),
        mark: mark.to_string(),
        fields,
        checks,
    }
}
