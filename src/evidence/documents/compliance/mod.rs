//! The compliance report of one body: the controls on backups of AgID's minimum measures (ABSC 10) and the service
//! indicators of its circular 3/2018, each with the evidence behind it. What nobody measured is `nessun dato`, never good.

mod rules;

use std::collections::BTreeMap;

use self::rules::{Judged, Service};
use super::moments::moment;
use super::{Checked, Document, Field, Maker, NOTHING, Part, number};
use crate::backup::ladder::Verification;
use crate::backup::run::Run;
use crate::inventory::names::tenant_id;
use crate::inventory::{Body, Inventory};

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// Its first second, since 1970-01-01T00:00:00Z.
    pub first: i64,
    /// The second after its last; of one that is not over, this moment.
    pub end: i64,
    /// As it is read: `mese 2026-11`.
    pub words: String,
}

/// What the document is made of beside the inventory.
#[derive(Debug, Clone)]
pub struct Known {
    /// The time it is about.
    pub period: Period,
    /// What hosts have recorded of backups, the oldest first, by the host; a host that could not be asked is not there.
    pub runs: BTreeMap<String, Vec<Run>>,
    /// What was proven of backups, the oldest first.
    pub verifications: Vec<Verification>,
    /// The part of the probes of a tenant that were well, by the tenant and the end of each day in seconds since 1970.
    pub days: BTreeMap<String, BTreeMap<i64, f64>>,
    /// What is wrong with the evidence, or could not be asked: one sentence each.
    pub problems: Vec<String>,
    /// Who makes it.
    pub maker: Maker,
}

/// What a control comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// There is evidence that it is kept.
    Kept,
    /// It is measured, and nothing was agreed that it could be held against.
    Measured,
    /// Kept as far as is known, and less than all is known.
    Reserve,
    /// Nothing is known.
    Nothing,
    /// There is evidence that it is not kept.
    Broken,
}

impl Verdict {
    fn words(self) -> &'static str {
        match self {
            Verdict::Kept => "rispettato",
            Verdict::Measured => "misurato",
            Verdict::Reserve => "rispettato con riserva",
            Verdict::Nothing => NOTHING,
            Verdict::Broken => "NON rispettato",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Verdict::Kept => "good",
            Verdict::Measured | Verdict::Nothing => "none",
            Verdict::Reserve => "reserve",
            Verdict::Broken => "bad",
        }
    }
}

/// Makes the document.
pub fn document(inventory: &Inventory, body: &Body, known: &Known) -> Document {
    let services: Vec<Service> = body
        .tenants
        .values()
        .map(|plan| {
            let tenant = tenant_id(&body.code, &plan.application);
            let title = inventory.applications.get(&plan.application).map_or(&plan.application, |of| &of.title);
            Service::new(inventory, body, plan, format!("{title} ({tenant})"), tenant, known)
        })
        .collect();
    let parts: Vec<(Verdict, Part)> = rules::ALL.iter().map(|rule| part(rule, &services)).collect();
    let count = |wanted: Verdict| number(parts.iter().filter(|(verdict, _)| *verdict == wanted).count() as u64);
    let mut head = vec![
        Field::new("Ente", body.member.full_name()),
        Field::new("Codice nell'inventario", format!("{} (codice IPA: da confermare su indicepa.gov.it)", body.code)),
        Field::new("Oggetto", "controlli sulle copie di sicurezza e indicatori di servizio, con le prove"),
        Field::new(
            "Periodo",
            format!("{}, dal {} al {}", known.period.words, moment(known.period.first), moment(known.period.end)),
        ),
    ];
    head.extend(known.maker.fields());
    let worst = parts.iter().map(|(verdict, _)| *verdict).max().unwrap_or(Verdict::Nothing);
    Document {
        title: "Rapporto di conformità".to_string(),
        body: body.member.full_name(),
        head,
        summary: vec![
            Field::new(
                "Conclusione",
                match worst {
                    _ if services.is_empty() => "nessun servizio: non c'è nulla da valutare",
                    Verdict::Broken => "almeno un controllo non è rispettato: va rimossa la causa",
                    Verdict::Nothing => {
                        "per almeno un controllo non c'è nessun dato: non si può dire che sia rispettato"
                    }
                    Verdict::Reserve => "i controlli sono rispettati, con le riserve indicate",
                    Verdict::Measured | Verdict::Kept => "tutti i controlli che si possono misurare sono rispettati",
                },
            ),
            Field::new("Rispettati", count(Verdict::Kept)),
            Field::new("Rispettati con riserva", count(Verdict::Reserve)),
            Field::new("Solo misurati, nulla è pattuito", count(Verdict::Measured)),
            Field::new("Senza dati", count(Verdict::Nothing)),
            Field::new("Non rispettati", count(Verdict::Broken)),
        ],
        warnings: known.problems.clone(),
        parts_heading: "Controlli e indicatori".to_string(),
        parts: parts.into_iter().map(|(_, part)| part).collect(),
        references: references(),
        by_hand: ["Numero progressivo e di protocollo", "Osservazioni", "Azioni correttive e scadenza"]
            .map(String::from)
            .to_vec(),
        signatures: ["Amministratore di sistema", "Per l'ente (RTD o referente tecnico)"].map(String::from).to_vec(),
    }
}

/// One control over all services: the worst of them counts.
fn part(rule: &rules::Rule, services: &[Service]) -> (Verdict, Part) {
    let judged: Vec<(&Service, Judged)> = services.iter().map(|service| (service, (rule.judge)(service))).collect();
    let verdict = judged.iter().map(|(_, judged)| judged.verdict).max().unwrap_or(Verdict::Nothing);
    let checks = judged.into_iter().map(|(service, judged)| Checked {
        what: service.title.clone(),
        result: judged.verdict.words().to_string(),
        detail: super::plain(&format!("{}\nprova: {}", judged.measured, judged.evidence)),
    });
    let part = Part {
        heading: rule.title.to_string(),
        verdict: verdict.words().to_string(),
        mark: verdict.mark().to_string(),
        fields: vec![Field::new("Che cosa è richiesto", rule.asks), Field::new("Come è misurato", rule.measures)],
        checks: checks.collect(),
    };
    (verdict, part)
}

/// What is not read in the official text is said to be so.
fn references() -> Vec<Field> {
    const UNSURE: &str = "numero e livello da verificare sul testo ufficiale";
    vec![
        Field::new("AgID, misure minime, ABSC 10.1.1, 10.2.1, 10.3.1, 10.4.1", UNSURE),
        Field::new(
            "AgID, circolare 3/2018, allegato A, appendice 1",
            "definizioni di SLI1, SLI9, SLI10, SLI11, SLI12, SLI13; come regola di qualificazione è sostituita dal regolamento ACN",
        ),
        Field::new("Regolamento cloud ACN, D.D. 21007/24", "livelli e requisiti: da verificare sul testo ufficiale"),
        Field::new(
            "GDPR, art. 32, par. 1, lett. c e d",
            "ripristino tempestivo dopo un incidente; procedura per provare regolarmente le misure",
        ),
    ]
}

#[cfg(test)]
mod tests;
