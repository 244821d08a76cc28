//! The record of restore tests (*verbale di verifica del ripristino*) of one body: for its own archive and for who checks it.
//!
//! No official form exists; the fields are those that such records have in use: why this backup, what was done and where,
//! what came of it against what was agreed, and that the copy, which holds personal data, is gone.

use std::collections::BTreeMap;

use super::moments::{moment, month, to_the_second};
use super::{Checked, Document, Field, Maker, NOTHING, Part, duration, number};
use crate::backup::ladder::{Level, Outcome, Rung, Verification};
use crate::evidence::clock;

/// What is known of a tenant.
#[derive(Debug, Clone)]
pub struct Subject {
    /// `c_e863-albo`.
    pub tenant: String,
    /// What the application is called.
    pub title: String,
    /// The newest backup may be this old, in hours, as agreed.
    pub rpo_hours: u32,
}

/// What the document is about.
#[derive(Debug, Clone)]
pub struct Scope {
    /// `Comune di Malnate`.
    pub body: String,
    /// `c_e863`.
    pub code: String,
    /// Its tenants.
    pub tenants: Vec<Subject>,
    /// `2026-11`; the newest test of each tenant when not said.
    pub month: Option<String>,
    /// Who makes it.
    pub maker: Maker,
    /// What is wrong with the evidence: one sentence each.
    pub problems: Vec<String>,
}

/// What a test came to. Only what was restored and found equal is positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Positive,
    Reserve,
    NotDone,
    Negative,
}

impl Verdict {
    fn of(found: &Verification) -> Verdict {
        let outcome = |level| found.rung(level).map(|rung: &Rung| rung.outcome);
        let passed = |level| outcome(level) == Some(Outcome::Pass);
        if found.outcome == Outcome::Fail {
            Verdict::Negative
        } else if !passed(Level::L4) {
            Verdict::NotDone
        } else if passed(Level::L5) && found.outcome == Outcome::Pass && found.scratch_removed != Some(false) {
            Verdict::Positive
        } else {
            Verdict::Reserve
        }
    }

    fn words(self) -> &'static str {
        match self {
            Verdict::Positive => "positivo",
            Verdict::Reserve => "positivo con riserva",
            Verdict::NotDone => "non eseguito",
            Verdict::Negative => "negativo",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Verdict::Positive => "good",
            Verdict::Reserve => "reserve",
            Verdict::NotDone => "none",
            Verdict::Negative => "bad",
        }
    }
}

/// Makes the document of all that was proven, in the order of time.
pub fn document(scope: &Scope, found: &[Verification]) -> Document {
    let mut own: BTreeMap<&str, Vec<&Verification>> = BTreeMap::new();
    for one in found.iter().filter(|one| one.member == scope.code && scope.takes(one)) {
        own.entry(&one.tenant).or_default().push(one);
    }
    let (mut parts, mut verdicts, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for tenant in &scope.tenants {
        let all = own.remove(tenant.tenant.as_str()).unwrap_or_default();
        // Daily looks without a restore are no tests; damage that they find is a test that failed.
        let mut tests: Vec<&Verification> = all.iter().copied().filter(|one| one.tests_a_restore()).collect();
        if scope.month.is_none() {
            tests = tests.split_off(tests.len().saturating_sub(1));
        }
        if tests.is_empty() {
            without.push(tenant.tenant.clone());
            parts.push(nothing(tenant, all.last().copied()));
        }
        for test in tests {
            verdicts.push(Verdict::of(test));
            parts.push(part(tenant, test));
        }
    }
    let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count() as u64;
    let mut summary = vec![
        Field::new("Conclusione", conclusion(&verdicts, &without)),
        Field::new("Prove nel periodo", number(verdicts.len() as u64)),
        Field::new("Esito positivo", number(count(Verdict::Positive))),
        Field::new("Positivo con riserva", number(count(Verdict::Reserve))),
        Field::new("Esito negativo", number(count(Verdict::Negative))),
        Field::new("Non eseguite", number(count(Verdict::NotDone))),
    ];
    summary.push(Field::new(
        "Servizi senza prove",
        if without.is_empty() { "nessuno".to_string() } else { format!("{} ({NOTHING})", without.join(", ")) },
    ));
    Document {
        title: "Verbale di verifica del ripristino".to_string(),
        body: scope.body.clone(),
        head: head(scope),
        summary,
        warnings: scope.problems.clone(),
        parts_heading: "Prove".to_string(),
        parts,
        references: references(),
        by_hand: [
            "Numero progressivo e di protocollo",
            "Luogo",
            "Presenti e funzioni",
            "Osservazioni",
            "Azione correttiva e scadenza",
        ]
        .map(String::from)
        .to_vec(),
        signatures: ["Amministratore di sistema", "Per l'ente (RTD o referente tecnico)"].map(String::from).to_vec(),
    }
}

impl Scope {
    fn takes(&self, found: &Verification) -> bool {
        self.month.as_ref().is_none_or(|month| clock::local_time(found.began).starts_with(&format!("{month}-")))
    }
}

fn conclusion(verdicts: &[Verdict], without: &[String]) -> &'static str {
    match verdicts.iter().max() {
        None => "nessun dato: nel periodo nessuna copia è stata ripristinata per prova",
        Some(Verdict::Negative) => {
            "almeno una prova è negativa: le copie interessate non sono affidabili finché non è rimossa la causa"
        }
        Some(Verdict::NotDone) => "almeno una prova non è stata eseguita: di quelle copie non si può dire nulla",
        Some(_) if !without.is_empty() => "le prove eseguite sono riuscite, ma per alcuni servizi non c'è nessun dato",
        Some(Verdict::Reserve) => "le copie si ripristinano, con le riserve indicate",
        Some(Verdict::Positive) => "tutte le copie provate si ripristinano e coincidono con i dati di origine",
    }
}

fn head(scope: &Scope) -> Vec<Field> {
    let period = match &scope.month {
        Some(iso) => format!("mese di {}", month(iso)),
        None => "l'ultima prova di ogni servizio".to_string(),
    };
    let mut head = vec![
        Field::new("Ente", &scope.body),
        Field::new("Codice nell'inventario", format!("{} (codice IPA: da confermare su indicepa.gov.it)", scope.code)),
        Field::new("Oggetto", "prova di ripristino delle copie di sicurezza in un ambiente isolato, mai in produzione"),
        Field::new("Periodo", period),
    ];
    head.extend(scope.maker.fields());
    head.push(Field::new(
        "Dati acquisiti",
        "registro delle prove dell'host di controllo, concatenato con impronte (hash)",
    ));
    head
}

/// That a tenant was not tested is told as a part of its own.
fn nothing(tenant: &Subject, last: Option<&Verification>) -> Part {
    let mut fields = vec![Field::new("Prova di ripristino", NOTHING)];
    if let Some(last) = last {
        let reason = last.reason().map_or(String::new(), |(rung, check)| {
            format!("; {}: {} {}", level(rung.level), check.what, check.found.as_deref().unwrap_or(""))
        });
        fields.push(Field::new(
            "Ultimo controllo senza ripristino",
            format!("{}, esito: {}{reason}", moment(last.ended), outcome(last.outcome)),
        ));
    }
    Part {
        heading: heading(tenant),
        verdict: format!("{NOTHING}: nel periodo non è stata eseguita nessuna prova"),
        mark: "none".to_string(),
        fields,
        checks: Vec::new(),
    }
}

fn heading(tenant: &Subject) -> String {
    format!("{} ({})", tenant.title, tenant.tenant)
}

fn part(tenant: &Subject, found: &Verification) -> Part {
    let verdict = Verdict::of(found);
    let known = |value: Option<String>| value.unwrap_or_else(|| NOTHING.to_string());
    let agreed = i64::from(tenant.rpo_hours) * 3600;
    let age = found.age_seconds.map(|age| {
        let kept = if age <= agreed { "rispettato" } else { "NON rispettato" };
        format!("{} (pattuito: {} ore, {kept})", duration(age), tenant.rpo_hours)
    });
    let back = found.rto_milliseconds.map(|back| {
        format!(
            "{} (pattuito: non indicato nell'inventario)",
            duration(i64::try_from(back.div_ceil(1000)).unwrap_or(i64::MAX))
        )
    });
    let removed = match (&found.scratch, found.scratch_removed) {
        (_, Some(true)) => "sì: cartelle e processi della prova non esistono più (verificato)".to_string(),
        (Some(place), Some(false)) => format!("NO: rimane {place} sull'host {}; va rimosso", found.host),
        (None, _) => "non necessaria: nessun dato è stato ripristinato".to_string(),
        (Some(_), None) => NOTHING.to_string(),
    };
    let versions =
        found.versions.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>().join(", ");
    let mut fields = vec![
        Field::new("Copia provata", known(found.snapshot.clone())),
        Field::new("Criterio di scelta", "l'ultima copia completa dell'applicazione presente nel repository"),
        Field::new("Data della copia", known(found.taken.map(to_the_second))),
        Field::new("Età della copia (RPO effettivo)", known(age)),
        Field::new("Inizio della prova", to_the_second(found.began)),
        Field::new("Fine della prova", to_the_second(found.ended)),
        Field::new("Tempo di ripristino (RTO effettivo)", known(back)),
        Field::new("Dimensione", known(found.bytes.map(size))),
        Field::new("Righe della banca dati", known(found.rows.map(number))),
        Field::new("File", known(found.files.map(number))),
        Field::new("Versione dell'applicazione", known(found.release.clone())),
        Field::new("Dove", format!("host {}, ambiente isolato e temporaneo", found.host)),
        Field::new("Programmi", if versions.is_empty() { NOTHING.to_string() } else { versions }),
        Field::new("Cancellazione dei dati di prova", removed),
    ];
    if verdict != Verdict::Positive {
        let reason = found.reason().map(|(rung, check)| {
            let said = check.words.as_ref().map_or(String::new(), |words| format!("\n{words}"));
            format!("{}: {}: {}{said}", level(rung.level), check.what, check.found.as_deref().unwrap_or(NOTHING))
        });
        let reason = reason
            .or_else(|| found.rung(Level::L5).is_none().then(|| "il contenuto non è stato confrontato".to_string()));
        fields.push(Field::new("Motivo", known(reason)));
    }
    for note in &found.notes {
        fields.push(Field::new("Nota", note));
    }
    let checks = Level::ALL.into_iter().map(|at| match found.rung(at) {
        Some(rung) => Checked { what: level(at), result: outcome(rung.outcome).to_string(), detail: detail(rung) },
        None => Checked { what: level(at), result: "non previsto in questa prova".to_string(), detail: String::new() },
    });
    Part {
        heading: heading(tenant),
        verdict: verdict.words().to_string(),
        mark: verdict.mark().to_string(),
        fields,
        checks: checks.collect(),
    }
}

/// `12,3 MB (12.345.678 byte)`.
fn size(bytes: u64) -> String {
    let exact = format!("{} byte", number(bytes));
    let tenths = |unit: u64| (bytes + unit / 20) * 10 / unit;
    let (unit, name) = match bytes {
        0..1_000_000 => return exact,
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    format!("{},{} {name} ({exact})", number(tenths(unit) / 10), tenths(unit) % 10)
}

/// In the words of the programs, which are English.
fn detail(rung: &Rung) -> String {
    let one = |check: &crate::backup::ladder::Check| {
        let found = check.found.as_deref().unwrap_or(NOTHING);
        let expected = match (&check.expected, check.outcome) {
            (Some(expected), outcome) if outcome != Outcome::Pass => format!(" (atteso: {expected})"),
            _ => String::new(),
        };
        super::plain(&format!("{}: {found}{expected}", check.what))
    };
    rung.checks.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn level(level: Level) -> String {
    let words = match level {
        Level::L0 => "copia configurata e accessibile",
        Level::L1 => "copia recente e completa",
        Level::L2 => "integrità del repository",
        Level::L3 => "leggibilità dei dati",
        Level::L4 => "ripristino di banca dati e file",
        Level::L5 => "confronto con i dati di origine (righe, somme di controllo, file)",
        Level::L6 => "avvio dell'applicazione sulla copia",
        Level::L7 => "seconda copia, e cancellazione rifiutata",
    };
    format!("{} {words}", level.name())
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "superato",
        Outcome::Fail => "NON superato",
        Outcome::Stale => "mancante o non aggiornata",
        Outcome::Inconclusive => "non determinato",
        Outcome::Busy => "non eseguito: repository occupato",
        Outcome::NotDue => "non previsto in questa prova",
    }
}

/// What is not read in the official text is said to be so.
fn references() -> Vec<Field> {
    const UNSURE: &str = "da verificare sul testo ufficiale";
    let absc = |words: &str| format!("{words}; numero e livello {UNSURE}");
    vec![
        Field::new(
            "GDPR, art. 32, par. 1, lett. c",
            "capacità di ripristinare tempestivamente i dati dopo un incidente",
        ),
        Field::new(
            "GDPR, art. 32, par. 1, lett. d",
            "procedura per provare e valutare regolarmente l'efficacia delle misure",
        ),
        Field::new("AgID ABSC 10.1.1", absc("copia di sicurezza almeno settimanale")),
        Field::new("AgID ABSC 10.2.1", absc("verifica periodica delle copie con una prova di ripristino")),
        Field::new("AgID ABSC 10.3.1", absc("riservatezza delle copie, cifratura prima dell'invio")),
        Field::new("AgID ABSC 10.4.1", absc("almeno una copia non raggiungibile in permanenza dal sistema")),
    ]
}

#[cfg(test)]
mod tests;
