//! The state of the fleet as one page in Italian: to read, to print, and to hand to a mayor.

use super::super::moments::{day, moment};
use super::super::page::{add, closed, escaped, opened};
use super::super::{NOTHING, duration, plain};
use super::charts::{bar, days};
use super::{AlertStatus, DAYS, Fleet, Grade, MemberStatus, Past, TenantStatus};

/// What this page adds to the look of all documents.
const STYLE: &str = include_str!("page.css");

/// The whole page.
pub fn page(fleet: &Fleet) -> String {
    let title = "Stato dei servizi";
    let mut out = opened(&format!("{title}: {}", fleet.name), STYLE);
    add(&mut out, format_args!("<main>\n<h1>{title}</h1>\n<p>{}, {}</p>\n", escaped(&fleet.name), moment(fleet.now)));
    for unasked in &fleet.unasked {
        add(
            &mut out,
            format_args!(
                "<p class=\"warning\">ATTENZIONE: non è stato possibile rilevare tutti i dati; quanto manca è indicato come \
                 «{NOTHING}». <span lang=\"en\">{}</span></p>\n",
                escaped(&plain(unasked))
            ),
        );
    }
    summary(&mut out, fleet);
    alerts(&mut out, fleet);
    members(&mut out, fleet);
    if !fleet.past.is_empty() {
        availability(&mut out, fleet);
        backups(&mut out, fleet);
        restores(&mut out, fleet);
    }
    words(&mut out);
    out.push_str("</main>\n");
    closed(&mut out);
    out
}

fn summary(out: &mut String, fleet: &Fleet) {
    let [ok, unknown, attention, broken] = fleet.counts();
    out.push_str("<h2>In breve</h2>\n<ul class=\"tiles\">\n");
    for (grade, count) in
        [(Grade::Ok, ok), (Grade::Attention, attention), (Grade::Broken, broken), (Grade::Unknown, unknown)]
    {
        let bodies = if count == 1 { "ente" } else { "enti" };
        add(
            out,
            format_args!("<li class=\"{}\"><strong>{count}</strong> {bodies} {}</li>\n", mark(grade), phrase(grade)),
        );
    }
    out.push_str("</ul>\n");
}

fn alerts(out: &mut String, fleet: &Fleet) {
    out.push_str("<h2>Avvisi in corso</h2>\n");
    let of_members =
        fleet.members.iter().flat_map(|member| member.alerts.iter().map(move |alert| (Some(member), alert)));
    let of_all = fleet.alerts.iter().map(|alert| (None, alert));
    let mut rows: Vec<(Option<&MemberStatus>, &AlertStatus)> = of_members.chain(of_all).collect();
    rows.sort_by_key(|(_, alert)| std::cmp::Reverse(alert.grade()));
    if rows.is_empty() {
        let known = fleet.unasked.is_empty();
        out.push_str(if known {
            "<p>Nessun avviso in corso.</p>\n"
        } else {
            "<p>Nessun avviso noto: i dati sono incompleti.</p>\n"
        });
        return;
    }
    out.push_str("<ul>\n");
    for (member, alert) in rows {
        let who = member.map_or("Infrastruttura", |member| member.name.as_str());
        let text = if alert.notice.is_empty() {
            format!("<span lang=\"en\">{}</span>", escaped(&plain(&alert.summary)))
        } else {
            escaped(&plain(&alert.notice))
        };
        let muted = if alert.muted { " (lavori in corso o conseguenza di un altro avviso)" } else { "" };
        add(
            out,
            format_args!(
                "<li><span class=\"verdict {}\">{}</span> {}: {text}{muted}</li>\n",
                mark(alert.grade()),
                if alert.grade() == Grade::Broken { "urgente" } else { "da seguire" },
                escaped(who)
            ),
        );
    }
    out.push_str("</ul>\n");
}

fn members(out: &mut String, fleet: &Fleet) {
    let heads = [
        "Ente",
        "Stato",
        "Servizi attivi",
        "Certificato",
        "Dominio",
        "Ultima copia",
        "Ripristino provato",
        "Modifiche in attesa",
    ];
    out.push_str("<h2>Gli enti</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Tabella degli enti\"><table>\n");
    add(out, format_args!("<caption>{} enti, un ente per riga</caption>\n<thead><tr>", fleet.members.len()));
    for head in heads {
        add(out, format_args!("<th scope=\"col\">{head}</th>"));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for member in &fleet.members {
        add(
            out,
            format_args!(
                "<tr><th scope=\"row\">{}</th><td><span class=\"verdict {}\">{}</span></td>",
                escaped(&member.name),
                mark(member.grade),
                word(member.grade)
            ),
        );
        for (grade, text) in
            [up(member), certificate(member), zone(member), backup(member), verified(member), changes(member)]
        {
            let class = grade.map_or("", mark);
            add(out, format_args!("<td class=\"{class}\">{}</td>", escaped(&text)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

type Cell = (Option<Grade>, String);

fn nothing(member: &MemberStatus) -> Cell {
    (None, if member.membership == "leaving" { "in uscita" } else { "nessun servizio" }.to_string())
}

fn up(member: &MemberStatus) -> Cell {
    let Some(grade) = member.worst(|tenant| tenant.up_grade) else { return nothing(member) };
    let (all, well) = (member.tenants.len(), member.tenants.iter().filter(|tenant| tenant.up == Some(true)).count());
    let unknown = member.tenants.iter().filter(|tenant| tenant.up.is_none()).count();
    let rest = if unknown > 0 { format!(" ({unknown}: {NOTHING})") } else { String::new() };
    (Some(grade), format!("{well} di {all}{rest}"))
}

fn certificate(member: &MemberStatus) -> Cell {
    let Some(grade) = member.worst(|tenant| tenant.certificate_grade) else { return nothing(member) };
    if member.tenants.iter().any(|tenant| tenant.certificate_days.is_none()) {
        return (Some(grade), NOTHING.to_string());
    }
    match member.tenants.iter().filter_map(|tenant| tenant.certificate_days).min() {
        Some(..0) => (Some(grade), "scaduto".to_string()),
        Some(left) => (Some(grade), format!("valido {left} giorni")),
        None => (Some(grade), NOTHING.to_string()),
    }
}

fn zone(member: &MemberStatus) -> Cell {
    let Some(zone) = &member.zone else { return (None, "non indicato".to_string()) };
    let text = match (zone.grade, zone.answers, zone.drift) {
        (None, ..) => "gestito da altri",
        (Some(Grade::Ok), ..) => "in regola",
        (Some(Grade::Unknown), ..) => NOTHING,
        (_, Some(false), _) => "un server non risponde",
        (_, _, Some(1..)) => "record diversi da quelli concordati",
        _ => "non in regola",
    };
    (zone.grade, text.to_string())
}

fn backup(member: &MemberStatus) -> Cell {
    let Some(grade) = member.worst(|tenant| tenant.backup_grade) else { return nothing(member) };
    if member.tenants.iter().any(|tenant| tenant.backup_never) {
        return (Some(grade), "nessuna copia".to_string());
    }
    if member.tenants.iter().any(|tenant| tenant.backup_age_seconds.is_none()) {
        return (Some(grade), NOTHING.to_string());
    }
    let oldest = member.tenants.iter().filter_map(|tenant| tenant.backup_age_seconds).max().unwrap_or_default();
    (Some(grade), format!("{} fa", short(oldest)))
}

fn verified(member: &MemberStatus) -> Cell {
    let Some(grade) = member.worst(|tenant| tenant.verified_grade) else { return nothing(member) };
    let worst = member.tenants.iter().max_by_key(|tenant| (tenant.verified_grade, tenant.verified_age_seconds));
    let text = match worst.map(|tenant| (tenant.verified_age_seconds, &tenant.verified)) {
        Some((Some(age), _)) if grade == Grade::Broken => format!("fallito {} fa", short(age)),
        Some((Some(age), Some(level))) => format!("{} fa (livello {level})", short(age)),
        _ => NOTHING.to_string(),
    };
    (Some(grade), text)
}

fn changes(member: &MemberStatus) -> Cell {
    let grade = Some(member.changes.grade);
    match (member.changes.grade, member.changes.pending, member.changes.drifted) {
        (Grade::Unknown, ..) => (grade, NOTHING.to_string()),
        (_, Some(0), _) => (grade, "nessuna".to_string()),
        (_, Some(pending), Some(0)) => (grade, pending.to_string()),
        (_, Some(pending), Some(drifted)) => (grade, format!("{pending}, di cui {drifted} cambiate a mano")),
        _ => (grade, NOTHING.to_string()),
    }
}

/// Every tenant with its member and what was measured of it.
fn tenants(fleet: &Fleet) -> impl Iterator<Item = (&MemberStatus, &TenantStatus, Option<&Past>)> {
    fleet.members.iter().flat_map(move |member| {
        member.tenants.iter().map(move |tenant| (member, tenant, fleet.past.get(&tenant.tenant)))
    })
}

fn availability(out: &mut String, fleet: &Fleet) {
    add(
        out,
        format_args!(
            "<h2>Disponibilità negli ultimi {DAYS} giorni</h2>\n<p>Una colonna per giorno, a destra le ultime 24 ore: quanto più è alta, tanto più \
             il servizio ha risposto. I giorni senza dati hanno un tratto basso e vuoto.</p>\n"
        ),
    );
    table(out, "Disponibilità di ogni servizio", &["Servizio", "Andamento", "Disponibilità"]);
    for (at, (member, tenant, past)) in tenants(fleet).enumerate() {
        let seen: &[Option<f64>] = past.map_or(&[], |past| &past.days);
        let measured = seen.iter().flatten().count();
        let share = past.and_then(|past| past.availability);
        let words = match share {
            Some(share) if measured > 0 => {
                let days = if measured == 1 { "giorno misurato" } else { "giorni misurati" };
                format!("{} ({measured} {days} su {DAYS})", percent(share))
            }
            _ => NOTHING.to_string(),
        };
        let label = format!("Disponibilità giornaliera di {}, {}: {words}", tenant.title, member.name);
        let chart = if measured > 0 { days(&format!("d{at}"), &label, seen) } else { escaped(NOTHING) };
        row(out, member, tenant, &chart, &words);
    }
    out.push_str("</tbody></table></div>\n");
}

fn backups(out: &mut String, fleet: &Fleet) {
    out.push_str(
        "<h2>Età delle copie di sicurezza</h2>\n<p>La linea verticale è l'età massima concordata: una barra che la supera è una copia troppo vecchia.</p>\n",
    );
    table(out, "Età dell'ultima copia di ogni servizio", &["Servizio", "Età e limite", "In parole"]);
    for (at, (member, tenant, _)) in tenants(fleet).enumerate() {
        let limit = f64::from(tenant.rpo_hours) * 3600.0;
        let (chart, words) = match tenant.backup_age_seconds {
            Some(age) => {
                let words = format!("{} fa (limite: {} ore)", short(age), tenant.rpo_hours);
                let label = format!("Ultima copia di {}, {}: {words}", tenant.title, member.name);
                (bar(&format!("b{at}"), &label, age.max(0) as f64, Some(limit), limit * 2.0), words)
            }
            None if tenant.backup_never => ("–".to_string(), "nessuna copia".to_string()),
            None => ("–".to_string(), NOTHING.to_string()),
        };
        row(out, member, tenant, &chart, &words);
    }
    out.push_str("</tbody></table></div>\n");
}

fn restores(out: &mut String, fleet: &Fleet) {
    let last = |past: Option<&Past>| past.and_then(|past| past.restores.last().copied());
    let longest = tenants(fleet).filter_map(|(.., past)| last(past)).map(|(_, took)| took).max().unwrap_or_default();
    out.push_str("<h2>Tempi di ripristino</h2>\n<p>Quanto è durata l'ultima prova di riportare in funzione il servizio da una copia.</p>\n");
    table(out, "Durata dell'ultima prova di ripristino di ogni servizio", &["Servizio", "Durata", "In parole"]);
    for (at, (member, tenant, past)) in tenants(fleet).enumerate() {
        let (chart, words) = match last(past) {
            Some((when, took)) => {
                let seconds = i64::try_from(took.div_ceil(1000)).unwrap_or(i64::MAX);
                let words = format!("{}, il {}", duration(seconds), day(when));
                let label = format!("Ripristino di {}, {}: {words}", tenant.title, member.name);
                (bar(&format!("r{at}"), &label, took as f64, None, longest as f64), words)
            }
            None => ("–".to_string(), NOTHING.to_string()),
        };
        row(out, member, tenant, &chart, &words);
    }
    out.push_str("</tbody></table></div>\n");
}

fn table(out: &mut String, caption: &str, heads: &[&str; 3]) {
    add(
        out,
        format_args!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table class=\"charts\">\n<caption>{caption}</caption>\n<thead><tr>"
        ),
    );
    for head in heads {
        add(out, format_args!("<th scope=\"col\">{head}</th>"));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
}

fn row(out: &mut String, member: &MemberStatus, tenant: &TenantStatus, chart: &str, words: &str) {
    add(
        out,
        format_args!(
            "<tr><th scope=\"row\">{}: {}</th><td>{chart}</td><td>{}</td></tr>\n",
            escaped(&member.name),
            escaped(&tenant.title),
            escaped(words)
        ),
    );
}

/// What the words of the page mean.
fn words(out: &mut String) {
    out.push_str("<h2>Che cosa significa</h2>\n<dl>\n");
    for (word, meaning) in [
        ("in regola", "tutto quanto è stato misurato è come concordato"),
        ("da seguire", "il servizio funziona, ma un tecnico deve intervenire in un giorno lavorativo"),
        ("guasto", "qualcosa non funziona adesso, o i dati non sarebbero recuperabili come concordato"),
        (NOTHING, "nessuno l'ha misurato di recente: non vuol dire che vada bene"),
        (
            "Certificato",
            "prova ai cittadini che il sito è davvero quello dell'ente; si rinnova da solo prima della scadenza",
        ),
        ("Dominio", "il nome dell'ente su Internet, da cui dipendono sito e posta"),
        (
            "Ripristino provato",
            "una copia è stata davvero riportata in funzione in un ambiente isolato; dal livello L4 in su i dati tornano tutti",
        ),
        (
            "Modifiche in attesa",
            "differenze tra quanto concordato e quanto c'è sulle macchine, che un tecnico deve applicare",
        ),
    ] {
        add(out, format_args!("<dt>{word}</dt><dd>{meaning}</dd>\n"));
    }
    out.push_str("</dl>\n");
}

fn word(grade: Grade) -> &'static str {
    match grade {
        Grade::Ok => "in regola",
        Grade::Unknown => NOTHING,
        Grade::Attention => "da seguire",
        Grade::Broken => "guasto",
    }
}

/// After "3 enti".
fn phrase(grade: Grade) -> &'static str {
    match grade {
        Grade::Ok => "in regola",
        Grade::Unknown => "con dati mancanti",
        Grade::Attention => "da seguire",
        Grade::Broken => "con un guasto",
    }
}

fn mark(grade: Grade) -> &'static str {
    match grade {
        Grade::Ok => "good",
        Grade::Unknown => "none",
        Grade::Attention => "reserve",
        Grade::Broken => "bad",
    }
}

/// `3 ore`, `2 giorni`.
fn short(seconds: i64) -> String {
    let one = |count: i64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    match seconds.max(0) {
        seconds @ 0..7_200 => one(seconds / 60, "minuto", "minuti"),
        seconds @ 7_200..172_800 => one(seconds / 3600, "ora", "ore"),
        seconds => one(seconds / 86_400, "giorno", "giorni"),
    }
}

/// `99,98 %`, cut and not rounded: what is not whole is never shown as 100.
fn percent(share: f64) -> String {
    format!("{:.2} %", (share * 10_000.0).floor() / 100.0).replace('.', ",")
}
