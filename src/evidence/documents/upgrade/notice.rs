//! The notice (*avviso di manutenzione*) that a body gets before one of its applications is upgraded.

use super::super::moments::{day, moment};
use super::super::{Document, Field, Maker, NOTHING, Part, duration};
use super::Body;
use crate::evidence::NoticeRecord;

/// Makes the document of what one body is told.
pub fn notice(body: &Body, notices: &[&NoticeRecord], notice_days: u32, maker: &Maker) -> Document {
    let mut head = body.head("manutenzione programmata dei servizi");
    head.extend(maker.fields());
    Document {
        title: "Avviso di manutenzione programmata".to_string(),
        body: body.name.clone(),
        head,
        summary: vec![
            Field::new("Che cosa accade", "il servizio viene aggiornato a una nuova versione"),
            Field::new(
                "Che cosa non cambia",
                "i dati restano quelli che sono; prima dell'aggiornamento se ne fa una copia, provata con un ripristino",
            ),
            Field::new(
                "Durante l'interruzione",
                "chi apre il servizio trova una pagina che avvisa della manutenzione; non si perde nulla di quanto già registrato",
            ),
            Field::new(
                "Se qualcosa non riesce",
                "il servizio torna da solo alla versione di prima, con i dati di prima",
            ),
        ],
        warnings: Vec::new(),
        parts_heading: "Servizi interessati".to_string(),
        parts: notices.iter().map(|notice| part(body, notice)).collect(),
        references: vec![
            Field::new(
                "Preavviso",
                format!(
                    "comunicato il {}, {}; circolare AgID 3/2018, allegato, RO4: almeno 3 giorni lavorativi (sostituita come regola di qualificazione dal regolamento cloud ACN; qui vale come pattuito)",
                    notices.first().map_or(NOTHING.to_string(), |notice| moment(notice.told)),
                    match notice_days {
                        1 => "almeno 1 giorno lavorativo prima".to_string(),
                        days => format!("almeno {days} giorni lavorativi prima"),
                    }
                ),
            ),
            Field::new(
                "Registro di emergenza",
                "se il servizio è il protocollo informatico: DPR 445/2000, art. 63; l'inizio e la fine effettivi dell'interruzione, al secondo, sono nel verbale di aggiornamento (testo non riletto)",
            ),
        ],
        by_hand: vec!["Numero di protocollo".to_string(), "Referente da chiamare e numero".to_string()],
        signatures: vec!["Per la Provincia".to_string()],
    }
}

fn part(body: &Body, notice: &NoticeRecord) -> Part {
    Part {
        heading: body.title(&notice.application),
        verdict: format!("il {}", day(notice.begins)),
        mark: "none".to_string(),
        fields: vec![
            Field::new("Versione in uso", &notice.from),
            Field::new("Versione nuova", &notice.to),
            Field::new("Non prima di", moment(notice.begins)),
            Field::new("Non dopo", moment(notice.ends)),
            Field::new(
                "Interruzione prevista",
                notice.outage.map_or(format!("{NOTHING}: mai misurata prima"), |seconds| {
                    format!("circa {}, da quanto misurato altrove", duration(seconds))
                }),
            ),
        ],
        checks: Vec::new(),
    }
}
