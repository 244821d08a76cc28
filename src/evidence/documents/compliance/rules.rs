//! The controls: what each asks, how it is measured, and what is known of one service says about it.

use std::collections::BTreeMap;

use super::super::moments::moment;
use super::super::{NOTHING, duration, number};
use super::{Known, Period, Verdict};
use crate::backup::ladder::{Level, Outcome, Verification};
use crate::backup::run::Run;
use crate::evidence::clock;
use crate::inventory::{Body, Inventory, TenantPlan};

const DAY: i64 = 86_400;

/// A second copy and a refused attempt to delete prove for so long: the rung is due once in that time.
const SURVIVES: i64 = 92 * DAY;

/// All that is known of one service.
pub(super) struct Service<'a> {
    pub(super) title: String,
    period: &'a Period,
    /// The first second of its body's membership, since 1970-01-01T00:00:00Z; `None` when the inventory does not say it.
    member_since: Option<i64>,
    /// Complete backups and others, the oldest first; `None` when its host could not be asked.
    runs: Option<Vec<&'a Run>>,
    verifications: Vec<&'a Verification>,
    days: Option<&'a BTreeMap<i64, f64>>,
    rpo_hours: u32,
    keep_days: u32,
    restore_days: u32,
    budget_permille: Option<u32>,
}

/// What a control comes to for one service.
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    /// With numbers.
    pub(super) measured: String,
    /// Where that is written down.
    pub(super) evidence: String,
}

/// A control.
pub(super) struct Rule {
    pub(super) title: &'static str,
    pub(super) asks: &'static str,
    pub(super) measures: &'static str,
    pub(super) judge: fn(&Service) -> Judged,
}

pub(super) const ALL: [Rule; 10] = [
    Rule {
        title: "ABSC 10.1.1, copia almeno settimanale",
        asks: "una copia di sicurezza completa almeno ogni settimana",
        measures: "il più lungo intervallo tra due copie complete che tocca il periodo; del tempo di adesione prima della prima registrata non c'è dato",
        judge: weekly,
    },
    Rule {
        title: "ABSC 10.2.1, prova di ripristino",
        asks: "verifica periodica dell'utilizzabilità delle copie con un ripristino di prova",
        measures: "ripristini del periodo confrontati con i dati di origine (L5 e oltre); un danno trovato prima di ripristinare è una prova negativa",
        judge: restored,
    },
    Rule {
        title: "ABSC 10.3.1, cifratura prima dell'invio",
        asks: "riservatezza delle copie, cifratura prima che lascino la macchina",
        measures: "il repository è cifrato da restic con la chiave dell'ente: nel periodo è stato aperto e letto solo con quella (L2, L3)",
        judge: encrypted,
    },
    Rule {
        title: "ABSC 10.4.1, copia non raggiungibile in permanenza",
        asks: "almeno una copia che il sistema non può raggiungere in permanenza",
        measures: "la seconda copia è stata letta e un tentativo di cancellazione dalla macchina dell'applicazione è stato rifiutato (L7), negli ultimi 92 giorni",
        judge: out_of_reach,
    },
    Rule {
        title: "SLI1, disponibilità",
        asks: "percentuale del tempo in cui il servizio risponde, nel periodo",
        measures: "controlli HTTPS da fuori; le fermate programmate sono contate come le altre",
        judge: available,
    },
    Rule {
        title: "SLI9, intervallo tra le copie",
        asks: "il tempo tra due copie di sicurezza complete",
        measures: "il più lungo intervallo che tocca il periodo, confrontato con l'RPO pattuito",
        judge: interval,
    },
    Rule {
        title: "SLI10, conservazione delle copie",
        asks: "per quanto tempo le copie sono conservate",
        measures: "la copia più vecchia vista nel repository nel periodo, confrontata con i giorni pattuiti",
        judge: kept,
    },
    Rule {
        title: "SLI11, numero di prove di ripristino",
        asks: "quante prove di ripristino sono state fatte nel periodo",
        measures: "prove arrivate al ripristino, confrontate con quelle previste",
        judge: tests,
    },
    Rule {
        title: "SLI12, tempo di ripristino (RTO)",
        asks: "il tempo che serve per riavere il servizio da una copia",
        measures: "il più lungo tempo misurato nelle prove del periodo",
        judge: back,
    },
    Rule {
        title: "SLI13, perdita massima di dati (RPO)",
        asks: "l'età della copia da cui si ripristina",
        measures: "la più alta età misurata nelle prove del periodo, confrontata con l'RPO pattuito",
        judge: lost,
    },
];

impl<'a> Service<'a> {
    pub(super) fn new(
        inventory: &Inventory,
        body: &Body,
        plan: &TenantPlan,
        title: String,
        tenant: String,
        known: &'a Known,
    ) -> Service<'a> {
        let policy = &plan.tenant.backup;
        let since = body.member.membership.since.as_deref().and_then(|day| day.parse::<jiff::civil::Date>().ok());
        let runs = known.runs.get(&plan.application_host);
        Service {
            title,
            period: &known.period,
            member_since: since.map(|day| clock::of_italy(day.at(0, 0, 0, 0))),
            runs: runs.map(|runs| runs.iter().filter(|run| run.tenant == tenant).collect()),
            verifications: known.verifications.iter().filter(|found| found.tenant == tenant).collect(),
            days: known.days.get(&tenant),
            rpo_hours: policy.rpo_hours(),
            keep_days: policy.keep_days(),
            restore_days: inventory.consortium.backup.as_ref().map_or(1, |backup| backup.prove.restore_days),
            budget_permille: inventory.consortium.monitoring.as_ref().map(|policy| policy.budget_permille),
        }
    }

    fn within(&self, moment: i64) -> bool {
        self.period.first <= moment && moment < self.period.end
    }

    /// Those of the period that came as far as a restore.
    fn restores(&self) -> impl Iterator<Item = &'a Verification> + '_ {
        let of = |found: &&&Verification| self.within(found.ended) && found.rung(Level::L4).is_some();
        self.verifications.iter().filter(of).copied()
    }

    /// Those of the period that say whether a copy comes back.
    fn trials(&self) -> impl Iterator<Item = &'a Verification> + '_ {
        self.verifications.iter().filter(|found| self.within(found.ended) && found.tests_a_restore()).copied()
    }

    /// The newest of the period that found out whether the repository can be opened and read, and where it is damaged: what
    /// ends the climb below the levels that read it is an answer too, and who was kept from looking has none.
    fn opened(&self) -> Option<(&'a Verification, Option<Level>)> {
        self.verifications.iter().rev().filter(|found| self.within(found.ended)).find_map(|found| {
            let damaged = found.rungs.iter().find(|rung| rung.level <= Level::L3 && rung.outcome == Outcome::Fail);
            let read = [Level::L2, Level::L3].into_iter().filter_map(|level| found.rung(level));
            let read = read.fold(Outcome::NotDue, |worst, rung| worst.worse(rung.outcome)) == Outcome::Pass;
            (damaged.is_some() || read).then_some((*found, damaged.map(|rung| rung.level)))
        })
    }

    fn passed(&self, level: Level, since: i64) -> Option<(&'a Verification, Outcome)> {
        let mut looked =
            self.verifications.iter().rev().filter(|found| since <= found.ended && found.ended < self.period.end);
        looked.find_map(|found| Some((*found, found.rung(level)?.outcome)))
    }

    /// The time without a complete backup. Where the first one on record lies in the period, nobody knows of the time of
    /// membership before it.
    fn gaps(&self) -> Option<Gaps> {
        let good: Vec<i64> = self.runs.as_ref()?.iter().filter(|run| run.is_good()).map(|run| run.began).collect();
        let last_before = good.iter().rev().find(|began| **began < self.period.first).copied();
        let inside: Vec<i64> = good.iter().copied().filter(|began| self.within(*began)).collect();
        let from = last_before.or_else(|| inside.first().copied())?;
        let member = self.member_since.map_or(self.period.first, |since| since.max(self.period.first));
        let points: Vec<i64> = [from].into_iter().chain(inside.iter().copied()).chain([self.period.end]).collect();
        Some(Gaps {
            longest: points.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0),
            backups: inside.len(),
            unknown: if last_before.is_some() { 0 } else { (from - member).max(0) },
        })
    }

    fn against(&self, limit: i64, limit_words: &str) -> Judged {
        let evidence = "registro delle copie della macchina dell'applicazione, concatenato con impronte";
        match (&self.runs, self.gaps()) {
            (None, _) => nothing("il registro delle copie non si è potuto leggere"),
            (Some(runs), None) if runs.iter().any(|run| self.period.end <= run.began) => {
                nothing("le copie registrate sono tutte posteriori al periodo")
            }
            (Some(_), None) => judged(Verdict::Broken, "nessuna copia completa registrata".to_string(), evidence),
            (Some(_), Some(gaps)) => judged(
                match gaps {
                    Gaps { longest, .. } if limit < longest => Verdict::Broken,
                    Gaps { unknown, .. } if limit < unknown => Verdict::Reserve,
                    _ => Verdict::Kept,
                },
                format!(
                    "copie complete: {}; intervallo più lungo {} ({limit_words}{})",
                    number(gaps.backups as u64),
                    duration(gaps.longest),
                    match gaps.unknown {
                        unknown if limit < unknown =>
                            format!("; prima della prima copia registrata {} senza dati", duration(unknown)),
                        _ => String::new(),
                    }
                ),
                evidence,
            ),
        }
    }
}

/// The time without a complete backup that touches the period.
struct Gaps {
    /// The longest, in seconds.
    longest: i64,
    /// Complete backups of the period.
    backups: usize,
    /// Time of membership before the first backup on record, of which nothing is known, in seconds.
    unknown: i64,
}

fn judged(verdict: Verdict, measured: String, evidence: impl Into<String>) -> Judged {
    Judged { verdict, measured, evidence: evidence.into() }
}

fn nothing(why: &str) -> Judged {
    judged(Verdict::Nothing, why.to_string(), NOTHING)
}

fn record(found: &Verification) -> String {
    format!(
        "verifica del {} della copia {}",
        moment(found.ended),
        found.snapshot.as_deref().map_or(NOTHING, |id| id.get(..16).unwrap_or(id))
    )
}

fn weekly(service: &Service) -> Judged {
    service.against(7 * DAY, "richiesto: una settimana al più")
}

fn interval(service: &Service) -> Judged {
    service.against(i64::from(service.rpo_hours) * 3600, &format!("pattuito: {} ore", service.rpo_hours))
}

fn restored(service: &Service) -> Judged {
    let all: Vec<&Verification> = service.trials().collect();
    let equal = |found: &&&Verification| {
        found.rung(Level::L5).is_some_and(|rung| rung.outcome == Outcome::Pass) && found.outcome != Outcome::Fail
    };
    match (all.last(), all.iter().rev().find(equal)) {
        (None, _) => nothing("nel periodo nessuna copia è stata ripristinata per prova"),
        (Some(last), _) if last.outcome == Outcome::Fail => {
            let damaged = last.rungs.iter().find(|rung| rung.outcome == Outcome::Fail);
            let level = damaged.map_or(NOTHING, |rung| rung.level.name());
            judged(Verdict::Broken, format!("l'ultima prova è negativa: danno a {level}"), record(last))
        }
        (Some(_), Some(found)) => judged(
            Verdict::Kept,
            format!(
                "prove: {}; l'ultima riuscita è arrivata a {}",
                number(all.len() as u64),
                found.reached.map_or(NOTHING, Level::name)
            ),
            record(found),
        ),
        (Some(last), None) => {
            judged(Verdict::Reserve, "ripristinata, ma il contenuto non è stato confrontato".to_string(), record(last))
        }
    }
}

fn encrypted(service: &Service) -> Judged {
    match service.opened() {
        Some((found, None)) => {
            judged(Verdict::Kept, "repository cifrato, aperto con la chiave dell'ente".to_string(), record(found))
        }
        Some((found, Some(level))) => judged(
            Verdict::Broken,
            format!("danno a {level}: il repository non si legge per intero con la chiave dell'ente"),
            record(found),
        ),
        None => nothing("nel periodo il repository non è stato aperto per prova"),
    }
}

fn out_of_reach(service: &Service) -> Judged {
    match service.passed(Level::L7, service.period.end - SURVIVES) {
        Some((found, Outcome::Pass)) => {
            judged(Verdict::Kept, "seconda copia letta, cancellazione rifiutata".to_string(), record(found))
        }
        Some((found, Outcome::Fail)) => judged(
            Verdict::Broken,
            "la seconda copia o il rifiuto di cancellare non hanno retto".to_string(),
            record(found),
        ),
        _ => nothing("negli ultimi 92 giorni non è stato provato (livello L7)"),
    }
}

fn available(service: &Service) -> Judged {
    let Some(days) = service.days else { return nothing("nessuna misura da fuori nel periodo") };
    // A day is named by its end, which may be at any hour: it is of the period in which its greater part lies.
    let measured: Vec<f64> =
        days.iter().filter(|(end, _)| service.within(**end - DAY / 2)).map(|(_, share)| *share).collect();
    if measured.is_empty() {
        return nothing("nessuna misura da fuori nel periodo");
    }
    let wanted = (service.period.end - service.period.first + DAY / 2) / DAY;
    let share = measured.iter().sum::<f64>() / measured.len() as f64;
    let percent = |share: f64| format!("{:.3} %", share * 100.0).replace('.', ",");
    let evidence = format!("Prometheus, giorni misurati: {} su {wanted}", measured.len());
    let Some(budget) = service.budget_permille else {
        return judged(Verdict::Measured, format!("{}, nulla è pattuito", percent(share)), evidence);
    };
    let agreed = 1.0 - f64::from(budget) / 1000.0;
    let verdict = match () {
        () if share < agreed => Verdict::Broken,
        () if (measured.len() as i64) < wanted => Verdict::Reserve,
        () => Verdict::Kept,
    };
    judged(verdict, format!("{} (pattuito: {})", percent(share), percent(agreed)), evidence)
}

fn kept(service: &Service) -> Judged {
    let newest =
        service.verifications.iter().rev().find(|found| service.within(found.ended) && !found.snapshots.is_empty());
    let Some(found) = newest else { return nothing("nel periodo nessuno ha guardato quali copie ci sono") };
    let times: Vec<i64> = found.snapshots.iter().map(|known| known.time).collect();
    let oldest = times.iter().min().copied().unwrap_or(found.ended);
    let age = found.ended - oldest;
    let whole = age >= i64::from(service.keep_days.saturating_sub(2)) * DAY;
    judged(
        if whole { Verdict::Kept } else { Verdict::Reserve },
        format!(
            "copie: {}, la più vecchia di {} (pattuito: {} giorni{})",
            number(times.len() as u64),
            duration(age),
            service.keep_days,
            if whole { "" } else { "; il servizio o le sue copie sono più recenti" }
        ),
        record(found),
    )
}

fn tests(service: &Service) -> Judged {
    let count = service.restores().count();
    let days = (service.period.end - service.period.first) / DAY;
    let wanted = usize::try_from(days / i64::from(service.restore_days.max(1))).unwrap_or(0);
    let Some(last) = service.restores().last() else { return nothing("nessuna prova nel periodo") };
    judged(
        if count >= wanted { Verdict::Kept } else { Verdict::Reserve },
        format!(
            "prove: {} (previste: una ogni {} giorni, {} nel periodo)",
            number(count as u64),
            service.restore_days,
            number(wanted as u64)
        ),
        record(last),
    )
}

fn back(service: &Service) -> Judged {
    let longest =
        service.restores().filter_map(|found| Some((found.rto_milliseconds?, found))).max_by_key(|(time, _)| *time);
    match longest {
        None => nothing("nessuna prova nel periodo ha misurato il tempo di ripristino"),
        Some((time, found)) => judged(
            Verdict::Measured,
            format!(
                "{} (pattuito: non indicato nell'inventario)",
                duration(i64::try_from(time.div_ceil(1000)).unwrap_or(i64::MAX))
            ),
            record(found),
        ),
    }
}

fn lost(service: &Service) -> Judged {
    let oldest = service.restores().filter_map(|found| Some((found.age_seconds?, found))).max_by_key(|(age, _)| *age);
    match oldest {
        None => nothing("nessuna prova nel periodo ha misurato l'età della copia"),
        Some((age, found)) => judged(
            if age <= i64::from(service.rpo_hours) * 3600 { Verdict::Kept } else { Verdict::Broken },
            format!("{} (pattuito: {} ore)", duration(age), service.rpo_hours),
            record(found),
        ),
    }
}
