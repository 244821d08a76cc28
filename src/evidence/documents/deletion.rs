//! The record of a deletion (*verbale di cancellazione*) of one body: what was handed over before, what was taken away
//! where, and what stays for which reason.

use super::moments::recorded;
use super::{Checked, Document, Field, Maker, Part, number};
use crate::evidence::{DeletionRecord, LeftRecord, Record};

/// What the document is made of.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    /// The run that deleted.
    pub run: &'a Record,
    /// What it recorded.
    pub deletion: &'a DeletionRecord,
    /// What is wrong with the evidence: one sentence each.
    pub problems: Vec<String>,
    /// Who makes it.
    pub maker: Maker,
}

/// Makes the document.
pub fn document(consortium: &str, known: &Known) -> Document {
    let Known { run, deletion, .. } = known;
    let strange = deletion.left.iter().filter(|left| left.why.is_none()).count();
    let done = run.exit_code == Some(0) && strange == 0 && deletion.unsearched().next().is_none();
    let mut head = vec![
        Field::new("Ente", &deletion.name),
        Field::new("Codice nell'inventario", &deletion.code),
        Field::new("Oggetto", format!("cancellazione dei dati conservati da «{consortium}»")),
    ];
    head.extend(known.maker.fields());
    head.push(Field::new("Impronta della prova", format!("registrazione {} del {}", run.id, recorded(&run.started))));
    let resources: u32 = deletion.resources.values().sum();
    let mut summary = vec![
        Field::new(
            "Conclusione",
            match done {
                true => {
                    "tutti i dati dell'ente sono stati cancellati da ogni server e da entrambe le copie di sicurezza"
                }
                false => "la cancellazione non è completa: restano i punti indicati sotto",
            },
        ),
        Field::new("Eseguita il", run.ended.as_deref().map_or("nessun dato".to_string(), recorded)),
        Field::new("Eseguita da", format!("{}@{}", run.operator.user, run.operator.machine)),
        Field::new(
            "Consegna dei dati",
            format!("{} (registrazione {})", recorded(&deletion.handed_at), deletion.handed_over),
        ),
        Field::new("Conservazione pattuita fino al", recorded(&deletion.kept_until)),
        Field::new("Elementi cancellati", number(u64::from(resources))),
    ];
    if let Some(reason) = &deletion.reason {
        summary.push(Field::new("Cancellazione anticipata", reason));
    }
    let mut hosts: Vec<&String> = deletion.resources.keys().chain(deletion.places.keys()).collect();
    hosts.sort();
    hosts.dedup();
    let mut parts: Vec<Part> = hosts.into_iter().map(|host| gone(known, host)).collect();
    parts.push(search(known));
    Document {
        title: "Verbale di cancellazione".to_string(),
        body: deletion.name.clone(),
        head,
        summary,
        warnings: known.problems.clone(),
        parts_heading: "Che cosa è stato cancellato e che cosa resta".to_string(),
        parts,
        references: references(),
        by_hand: ["Numero progressivo e di protocollo", "Richiesta o atto di recesso (n. e data)", "Osservazioni"]
            .map(String::from)
            .to_vec(),
        signatures: ["Per la Provincia", "Per l'ente"].map(String::from).to_vec(),
    }
}

/// Whether a host was searched to its end: that is refused as long as it has a resource of the body. Older records do not
/// say it; their run ended well only when all hosts were.
fn was_searched(known: &Known, host: &str) -> bool {
    match &known.deletion.searched {
        Some(searched) => searched.get(host).copied().unwrap_or_default(),
        None => known.run.exit_code == Some(0),
    }
}

fn gone(known: &Known, host: &str) -> Part {
    let deletion = known.deletion;
    let is_clean = !deletion.left.iter().any(|left| left.host == host && left.why.is_none());
    let (verdict, mark) =
        if is_clean && was_searched(known, host) { ("cancellato", "good") } else { ("da completare", "bad") };
    let places = deletion.places.get(host).map(Vec::as_slice).unwrap_or_default();
    let count = deletion.resources.get(host).copied().unwrap_or_default();
    Part {
        heading: format!("Server {host}"),
        verdict: verdict.to_string(),
        mark: mark.to_string(),
        fields: vec![
            Field::new("Elementi (servizi, banche dati, utenti, file)", number(u64::from(count))),
            Field::new("Altro (copie, registri dell'applicazione, serie)", number(places.len() as u64)),
        ],
        checks: places
            .iter()
            .map(|place| Checked { what: in_italian(place), result: "cancellato".to_string(), detail: String::new() })
            .collect(),
    }
}

/// A path stays as it is.
fn in_italian(place: &str) -> String {
    match place.strip_prefix("lines of ") {
        Some(file) => format!("righe di {file}"),
        None if place == "series of Prometheus" => "serie di Prometheus".to_string(),
        None => place.to_string(),
    }
}

fn search(known: &Known) -> Part {
    let Known { run, deletion, .. } = known;
    let left = &deletion.left;
    let strange = left.iter().any(|left| left.why.is_none());
    let (verdict, mark) = match &deletion.searched {
        Some(_) if strange || deletion.unsearched().next().is_some() => ("da completare", "bad"),
        None if strange => ("da completare", "bad"),
        None if run.exit_code != Some(0) => ("nessun dato", "none"),
        _ => ("resta solo quanto segue", "good"),
    };
    let missing = deletion.unsearched().map(|host| Checked {
        what: host.clone(),
        result: "NON CERCATO".to_string(),
        detail: String::new(),
    });
    let check = |left: &LeftRecord| Checked {
        what: format!("{}: {}", left.host, left.place),
        result: match left.why.as_deref() {
            Some("law") => "resta: registrazione delle operazioni svolte, senza dati delle applicazioni".to_string(),
            Some(_) => "resta: registri di sistema, che si cancellano da soli alla loro scadenza".to_string(),
            None => "DA CANCELLARE".to_string(),
        },
        detail: String::new(),
    };
    Part {
        heading: "Ricerca su tutti i server (codice, nomi, dominio)".to_string(),
        verdict: verdict.to_string(),
        mark: mark.to_string(),
        fields: vec![Field::new("Luoghi che nominano ancora l'ente", number(left.len() as u64))],
        checks: missing.chain(left.iter().map(check)).collect(),
    }
}

fn references() -> Vec<Field> {
    [
        (
            "Garante, provvedimento 27 novembre 2008",
            "gli accessi degli amministratori di sistema si conservano per almeno sei mesi: per questo restano le registrazioni",
        ),
        ("Regolamento (UE) 2016/679, art. 28 par. 3 lett. g", "cancellazione o restituzione dei dati al termine del servizio (da verificare)"),
        ("AgID, circolare 3/2018, SLI14", "conservazione dei dati dopo la fine del servizio"),
    ]
    .map(|(label, value)| Field::new(label, value))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::tests::golden;
    use super::*;
    use crate::evidence::{InventoryRecord, Who};

    fn deletion() -> DeletionRecord {
        let left = |host: &str, place: &str, why: Option<&str>| LeftRecord {
            host: host.to_string(),
            place: place.to_string(),
            why: why.map(str::to_string),
        };
        DeletionRecord {
            code: "c_e707".to_string(),
            name: "Comune di Lozza".to_string(),
            handed_over: "00000000000000bb".to_string(),
            handed_at: "2026-08-20T10:00:00+02:00".to_string(),
            kept_until: "2026-11-18T09:00:00+01:00".to_string(),
            reason: None,
            resources: BTreeMap::from([("app2".to_string(), 24), ("db1".to_string(), 5)]),
            places: BTreeMap::from([(
                "ops1".to_string(),
                ["/srv/backup/c_e707", "lines of /var/lib/prometheus/node-exporter/comuni_queue.prom"]
                    .map(String::from)
                    .to_vec(),
            )]),
            left: vec![
                left("ops1", "/var/lib/comuni/evidence/x.jsonl", Some("law")),
                left("db1", "/var/log/postgresql/postgresql-15-main.log", Some("logs")),
            ],
            searched: Some(["app2", "db1", "ops1"].map(|host| (host.to_string(), true)).into()),
        }
    }

    fn run(exit: u8) -> Record {
        let of = InventoryRecord { revision: "git:1".to_string(), dirty: false, digest: "0".repeat(64) };
        let who = Who { user: "anna".to_string(), machine: "provincia".to_string(), fingerprint: None };
        let mut record = Record::begin("offboard purge", who, of).unwrap();
        record.id = "00000000000000aa".to_string();
        record.started = "2026-11-28T12:00:00+01:00".to_string();
        record.end(exit);
        record.ended = Some("2026-11-28T12:05:00+01:00".to_string());
        record
    }

    fn text(exit: u8, deletion: &DeletionRecord) -> String {
        let maker = Maker { made: 1_795_863_600, operator: "anna@provincia".to_string(), inventory: "0".repeat(64) };
        document("Comuni in cloud", &Known { run: &run(exit), deletion, problems: Vec::new(), maker }).text()
    }

    #[test]
    fn it_says_what_went_where_and_what_stays_for_which_reason() {
        golden("deletion.txt", &text(0, &deletion()));
    }

    #[test]
    fn what_should_not_be_there_makes_it_incomplete() {
        let mut deletion = deletion();
        deletion.left[1].why = None;
        deletion.reason = Some("lettera del 2 novembre 2026".to_string());
        for text in [text(0, &deletion), text(1, &self::deletion())] {
            assert!(text.contains("la cancellazione non è completa"), "{text}");
        }
        let text = text(0, &deletion);
        assert!(text.contains("DA CANCELLARE") && text.contains("lettera del 2 novembre 2026"), "{text}");
    }

    /// The verdict of a part, and its lines.
    fn part<'t>(text: &'t str, heading: &str) -> &'t str {
        let from = text.find(heading).unwrap_or_else(|| panic!("{heading}: {text}"));
        text[from..].split("\n\n").next().unwrap()
    }

    #[test]
    fn a_host_that_was_not_searched_is_told_and_is_not_told_as_done() {
        const SEARCH: &str = "Ricerca su tutti i server";
        let mut deletion = deletion();
        deletion.searched.as_mut().unwrap().insert("db1".to_string(), false);
        deletion.searched.as_mut().unwrap().insert("mon1".to_string(), false);
        deletion.left.retain(|left| left.host != "db1");
        for exit in [0, 1] {
            let text = text(exit, &deletion);
            assert!(text.contains("la cancellazione non è completa"), "{text}");
            let search = part(&text, SEARCH);
            assert!(search.contains("DA COMPLETARE"), "{search}");
            assert!(search.contains("- db1: NON CERCATO") && search.contains("- mon1: NON CERCATO"), "{search}");
            assert!(part(&text, "Server db1").contains("DA COMPLETARE"), "{text}");
            assert!(part(&text, "Server app2").contains("CANCELLATO"), "{text}");
        }
    }

    #[test]
    fn an_older_record_says_nothing_of_the_search_when_its_run_failed() {
        let older = DeletionRecord { searched: None, ..deletion() };
        assert!(part(&text(0, &older), "Ricerca su tutti i server").contains("RESTA SOLO QUANTO SEGUE"));
        let failed = text(3, &older);
        assert!(part(&failed, "Ricerca su tutti i server").contains("NESSUN DATO"), "{failed}");
        assert!(part(&failed, "Server app2").contains("DA COMPLETARE"), "{failed}");
    }
}
