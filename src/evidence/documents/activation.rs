//! The activation record (*scheda di attivazione*) of one body: who it is, what runs for it and where, and what was proven
//! before it was handed over. What nobody has said or measured is `nessun dato`, and what is open is said plainly.

use std::collections::BTreeMap;

use super::moments::{day, moment, recorded};
use super::{Checked, Document, Field, Maker, NOTHING, Part, duration, number};
use crate::backup::ladder::{Outcome, Verification};
use crate::evidence::{Ending, Record, StepRecord};
use crate::inventory::names::{account, tenant_id, unit};
use crate::inventory::types::{DomainMode, MemberKind, Status};
use crate::inventory::{Body, Inventory, TenantPlan, register, zones};

/// What the document is made of beside the inventory.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    /// The newest run of `onboard` of this body.
    pub run: Option<&'a Record>,
    /// The newest restore test of each tenant, by the tenant; damage that was found before a restore is one that failed.
    pub restores: BTreeMap<String, &'a Verification>,
    /// When the certificate of a tenant ends, in seconds since 1970, by the tenant.
    pub certificates: BTreeMap<String, i64>,
    /// What is wrong with the evidence: one sentence each.
    pub problems: Vec<String>,
    /// Who makes it.
    pub maker: Maker,
}

/// Makes the document.
pub fn document(inventory: &Inventory, body: &Body, known: &Known) -> Document {
    let open = open(inventory, body, known);
    let done = open.is_empty() && known.problems.is_empty();
    let state = match body.member.membership.status {
        Status::Joining => "in adesione",
        Status::Active => "attivo",
        Status::Leaving => "in uscita: servizi fermi, dati conservati",
    };
    let mut parts = vec![of_the_body(body)];
    parts.extend(body.tenants.values().map(|plan| service(inventory, body, plan, known)));
    parts.push(proofs(known.run));
    let mut head = vec![
        Field::new("Ente", body.member.full_name()),
        Field::new("Codice nell'inventario", format!("{} (codice IPA: da confermare su indicepa.gov.it)", body.code)),
        Field::new("Oggetto", format!("attivazione dei servizi di «{}»", inventory.consortium.name)),
    ];
    head.extend(known.maker.fields());
    head.push(Field::new(
        "Impronta della prova",
        known.run.map_or(NOTHING.to_string(), |run| format!("registrazione {} del {}", run.id, recorded(&run.started))),
    ));
    Document {
        title: "Scheda di attivazione".to_string(),
        body: body.member.full_name(),
        head,
        summary: vec![
            Field::new(
                "Conclusione",
                match (body.member.membership.status, done) {
                    (Status::Active, true) => "i servizi elencati sono attivi e verificati",
                    (_, true) => "le verifiche sono riuscite; l'adesione non è ancora attiva",
                    (_, false) => "restano aperti i punti indicati nelle riserve",
                },
            ),
            Field::new("Stato dell'adesione", state),
            Field::new("Servizi", number(body.tenants.len() as u64)),
            Field::new("Riserve", if open.is_empty() { "nessuna".to_string() } else { open.join("\n") }),
        ],
        warnings: known.problems.clone(),
        parts_heading: "Servizi e verifiche".to_string(),
        parts,
        references: references(),
        by_hand: [
            "Numero progressivo e di protocollo",
            "Atto di adesione (delibera n. e data) e durata",
            "Responsabile per la transizione digitale (RTD)",
            "Referente tecnico dell'ente",
            "Responsabile della protezione dei dati (RPD/DPO)",
            "Amministratori di sistema nominati",
            "Contatti di emergenza",
            "Osservazioni e accettazione",
        ]
        .map(String::from)
        .to_vec(),
        signatures: ["Per la Provincia", "Per l'ente", "Per AnciLab"].map(String::from).to_vec(),
    }
}

/// What is not as it must be for a handover: one sentence each.
fn open(inventory: &Inventory, body: &Body, known: &Known) -> Vec<String> {
    let mut open = Vec::new();
    match known.run {
        None => open.push("nel registro non c'è la prova di attivazione (`comuni onboard`)".to_string()),
        Some(run) => open.extend(run.steps.iter().filter(|step| step.result != Ending::Done).map(|step| {
            format!(
                "{}: {} ({})",
                of_step(&step.step),
                of_ending(step.result),
                step.detail.lines().next().unwrap_or("")
            )
        })),
    }
    for plan in body.tenants.values() {
        let tenant = tenant_id(&body.code, &plan.application);
        match known.restores.get(&tenant) {
            None => open.push(format!("{tenant}: nessun ripristino di prova")),
            Some(found) if found.outcome != Outcome::Pass => {
                open.push(format!("{tenant}: l'ultimo ripristino di prova non è riuscito"));
            }
            Some(_) => {}
        }
    }
    match &body.member.domain {
        None => open.push(format!(
            "il dominio dell'ente non è noto: i servizi rispondono sotto {}",
            inventory.consortium.domain
        )),
        Some(domain) if domain.mode == DomainMode::Subzone => open.push(format!(
            "la delega di cloud.{0} va registrata da chi gestisce la zona {0} (`comuni dns records`): se lo è già, togliere questa riserva a mano",
            domain.zone
        )),
        Some(_) => {}
    }
    open
}

fn of_the_body(body: &Body) -> Part {
    let member = &body.member;
    let or_nothing = |value: Option<String>| value.unwrap_or_else(|| NOTHING.to_string());
    let kind = match member.kind {
        MemberKind::Comune => "comune",
        MemberKind::ComunitaMontana => "comunità montana",
        MemberKind::Unione => "unione di comuni",
        MemberKind::Provincia => "provincia",
    };
    let registered = member.istat.as_deref().and_then(register::by_istat);
    let without = |what: Option<String>| {
        what.unwrap_or_else(|| if member.kind == MemberKind::Comune { NOTHING } else { "non previsto" }.to_string())
    };
    let population = member
        .population
        .as_ref()
        .map(|of| format!("{} residenti al {} ({})", number(u64::from(of.residents)), of.date, of.source));
    let contacts = member.contacts.as_ref();
    Part {
        heading: "Ente".to_string(),
        verdict: kind.to_string(),
        mark: "none".to_string(),
        fields: vec![
            Field::new("Denominazione", member.full_name()),
            Field::new("Codice ISTAT", without(member.istat.clone())),
            Field::new("Codice catastale", without(member.belfiore.clone())),
            Field::new("CAP", without(registered.map(|comune| comune.cap.replace(' ', ", ")))),
            Field::new("Codice fiscale", NOTHING),
            Field::new("Popolazione", or_nothing(population)),
            Field::new("PEC", or_nothing(contacts.and_then(|to| to.pec.clone()))),
            Field::new("Referente tecnico", or_nothing(contacts.and_then(|to| to.technical.clone()))),
            Field::new("Adesione dal", or_nothing(member.membership.since.clone())),
        ],
        checks: Vec::new(),
    }
}

fn service(inventory: &Inventory, body: &Body, plan: &TenantPlan, known: &Known) -> Part {
    let tenant = tenant_id(&body.code, &plan.application);
    let application = inventory.applications.get(&plan.application);
    let backup = inventory.consortium.backup.as_ref();
    let policy = &plan.tenant.backup;
    let restore = known.restores.get(&tenant);
    let (verdict, mark) = match restore.map(|found| found.outcome) {
        Some(Outcome::Pass) => ("verificato", "good"),
        Some(_) => ("ripristino non riuscito", "bad"),
        None => ("non ancora verificato", "reserve"),
    };
    let served =
        zones::of(inventory, body).map(|zone| format!("{} (servita e firmata da noi)", zone.zone.name.plain()));
    let zone =
        served.or_else(|| body.member.domain.as_ref().map(|domain| format!("{} (gestita da altri)", domain.zone)));
    let certificate = known
        .certificates
        .get(&tenant)
        .map(|end| format!("valido fino al {}, autorità interna del consorzio", day(*end)));
    let copies = backup.map(|to| match &to.copy {
        Some(copy) => {
            format!("ogni notte dalle {}, sull'host {}; seconda copia sull'host {copy}", to.at, to.repository)
        }
        None => format!("ogni notte dalle {}, sull'host {}; nessuna seconda copia", to.at, to.repository),
    });
    let or_nothing = |value: Option<String>| value.unwrap_or_else(|| NOTHING.to_string());
    let database = application
        .is_some_and(|of| of.database.is_some())
        .then(|| format!("{} (PostgreSQL), host {}", account(&body.code, &plan.application), plan.database_host));
    let times = restore.map(|found| {
        let back = found.rto_milliseconds.map(|back| duration(i64::try_from(back.div_ceil(1000)).unwrap_or(i64::MAX)));
        format!(
            "{} il {}, tempo di ripristino (RTO effettivo) {}, {} righe, {} file",
            found.reached.map_or(NOTHING, |level| level.name()),
            moment(found.ended),
            or_nothing(back),
            or_nothing(found.rows.map(number)),
            or_nothing(found.files.map(number)),
        )
    });
    Part {
        heading: format!("{} ({tenant})", application.map_or(plan.application.as_str(), |of| of.title.as_str())),
        verdict: verdict.to_string(),
        mark: mark.to_string(),
        fields: vec![
            Field::new("Versione", &plan.tenant.release),
            Field::new("Indirizzo", format!("https://{}", plan.host_name)),
            Field::new("Zona DNS", or_nothing(zone)),
            Field::new("Certificato", or_nothing(certificate)),
            Field::new("Classe dei dati", format!("{NOTHING}: va indicata secondo il regolamento cloud ACN")),
            Field::new("Qualifica ACN del fornitore", NOTHING),
            Field::new(
                "Macchina e servizio",
                format!("host {}, {}", plan.application_host, unit(&body.code, &plan.application)),
            ),
            Field::new("Utente", account(&body.code, &plan.application)),
            Field::new("Banca dati", database.unwrap_or_else(|| "nessuna".to_string())),
            Field::new(
                "Quote",
                format!(
                    "classe {}: processore {} %, memoria {} MiB, connessioni {}",
                    plan.size_name, plan.size.cpu_percent, plan.size.memory_mib, plan.size.connections
                ),
            ),
            Field::new("Copie di sicurezza", or_nothing(copies)),
            Field::new("Conservazione", format!("{} giorni", policy.keep_days())),
            Field::new("Cifratura", "sì, con una chiave propria dell'ente, prima dell'invio"),
            Field::new("RPO pattuito", format!("{} ore", policy.rpo_hours())),
            Field::new("RTO pattuito", "non indicato nell'inventario"),
            Field::new("Primo o ultimo ripristino di prova", or_nothing(times)),
            Field::new(
                "Monitoraggio",
                inventory.consortium.monitoring.as_ref().map_or(NOTHING.to_string(), |policy| {
                    format!("disponibilità attesa {} %", percent(policy.budget_permille))
                }),
            ),
        ],
        checks: Vec::new(),
    }
}

/// What is left of a whole when so many in a thousand may be missing: `99,5`.
fn percent(missing_permille: u32) -> String {
    let left = 1000u32.saturating_sub(missing_permille);
    match left % 10 {
        0 => (left / 10).to_string(),
        tenths => format!("{},{tenths}", left / 10),
    }
}

fn proofs(run: Option<&Record>) -> Part {
    let (verdict, mark) = match run.map(|run| run.exit_code) {
        Some(Some(0)) => ("tutte riuscite", "good"),
        Some(_) => ("non concluse", "reserve"),
        None => (NOTHING, "none"),
    };
    let check = |step: &StepRecord| Checked {
        what: of_step(&step.step).to_string(),
        result: of_ending(step.result).to_string(),
        detail: super::plain(&format!(
            "{}; {}, durata {}",
            step.detail,
            recorded(&step.ended),
            duration(i64::try_from(step.milliseconds.div_ceil(1000)).unwrap_or(i64::MAX))
        )),
    };
    Part {
        heading: "Verifiche di attivazione".to_string(),
        verdict: verdict.to_string(),
        mark: mark.to_string(),
        fields: Vec::new(),
        checks: run.map(|run| run.steps.iter().map(check).collect()).unwrap_or_default(),
    }
}

fn of_step(step: &str) -> &str {
    match step {
        "secrets" => "credenziali create",
        "apply" => "risorse create sulle macchine",
        "answers" => "risposta da fuori, HTTPS con il nome e senza www",
        "dns" => "nomi su tutti i server DNS",
        "backup" => "prima copia di sicurezza",
        "restore" => "primo ripristino di prova",
        "monitoring" => "controlli del monitoraggio",
        "active" => "adesione attiva",
        other => other,
    }
}

fn of_ending(result: Ending) -> &'static str {
    match result {
        Ending::Done => "riuscito",
        Ending::Pending => "in attesa di altri",
        Ending::Failed | Ending::Refused => "NON riuscito",
        Ending::Unreachable | Ending::Busy | Ending::Skipped | Ending::Interrupted => "non eseguito",
    }
}

/// What is not read in the official text is said to be so.
fn references() -> Vec<Field> {
    vec![
        Field::new(
            "CAD, art. 51, c. 2-quater",
            "accordi tra amministrazioni per servizi infrastrutturali e applicativi",
        ),
        Field::new("GDPR, art. 28", "l'ente è titolare; chi eroga il servizio è responsabile: nomina da allegare"),
        Field::new("Regolamento cloud ACN, D.D. 21007/24", "classe dei dati e qualifica: da indicare dall'ente"),
        Field::new(
            "AgID, circolare 3/2018, allegato A",
            "disponibilità, intervallo e conservazione delle copie, RTO e RPO; sostituita come regola di qualificazione",
        ),
    ]
}

#[cfg(test)]
mod tests;
