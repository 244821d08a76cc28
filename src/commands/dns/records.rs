//! `comuni dns records`: what a member's office forwards to whoever serves its zone, in Italian.

use super::targets::{Target, target};
use crate::cli::Global;
use crate::commands::inventory::read;
use crate::evidence::clock;
use crate::failure::{Failure, Kind, Result};
use crate::inventory::types::DomainMode;
use crate::inventory::{Body, Inventory, select, zones};
use crate::outside::{Known, Patience, Service, judge, look};
use crate::report::Out;
use crate::report::json::Object;

/// # Errors
/// Wrong usage (64) when the member has no zone; exit 7 when the DS are not known: the rest of the text is whole.
pub(super) fn run(global: &Global, member: &str, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let slug = select::one(&inventory, select::Noun::Member, member)?;
    let body = &inventory.members[&slug];
    let Some(target) = target(&inventory, body)? else {
        return Err(Failure::usage(format!("{} has no zone", body.member.full_name()))
            .hint("its zone stands under `domain:` in the member's file"));
    };
    let ds = if target.wanted.service == Service::Ours { Some(ds(&inventory, &target)?) } else { None };
    let mode = zones::of(&inventory, body).map_or(DomainMode::External, |served| served.mode);
    let records = lines(&target, ds.as_deref().unwrap_or_default());
    for line in &records {
        out.object(&Object::Item { key: target.zone(), value: line.clone().into(), source: None });
    }
    out.text(&letter(&inventory, &target, mode, &records));
    match ds {
        Some(ds) if ds.is_empty() => {
            let said = format!("the DS of {} are not known: no name server gave proven keys", target.zone());
            Err(Failure::new(Kind::Inconclusive, said)
                .hint("`comuni dns check` says why; the rest of the text is whole"))
        }
        _ => Ok(()),
    }
}

/// The DS of the zone that we serve for a member, for whoever must withdraw them; none when nobody ever proved any.
///
/// # Errors
/// When what was seen before cannot be read.
pub(in crate::commands) fn ds_of(inventory: &Inventory, body: &Body) -> Result<Vec<String>> {
    match target(inventory, body)? {
        Some(target) if target.wanted.service == Service::Ours => ds(inventory, &target),
        _ => Ok(Vec::new()),
    }
}

/// The DS as they are proven now; without an answer those of the last look from here.
fn ds(inventory: &Inventory, target: &Target) -> Result<Vec<String>> {
    let remembered = super::remembered(inventory)?;
    let before = remembered.of(&target.zone()).map(|entry| entry.ds.clone()).unwrap_or_default();
    let seen = look(&target.wanted, Patience::default());
    let known = Known { delegation: None, remembered: &before, now: clock::now().as_second() };
    let verdict = judge(&target.wanted, &seen, known);
    Ok(if verdict.chain == Some(true) { verdict.ds } else { before })
}

/// The records, in the form of a zone file.
fn lines(target: &Target, ds: &[String]) -> Vec<String> {
    let wanted = &target.wanted;
    if wanted.service == Service::Others {
        // The certified e-mail is theirs already; what the tenants need is new.
        let tenants = wanted.records.iter().filter(|record| record.data.ip_addr().is_some());
        return crate::outside::text(tenants).lines().map(str::to_string).collect();
    }
    let mut lines: Vec<String> =
        wanted.servers.iter().map(|server| format!("{} 3600 IN NS {}", wanted.zone, server.name)).collect();
    lines.extend(ds.iter().map(|ds| format!("{} 3600 IN DS {ds}", wanted.zone)));
    lines
}

/// The text. Whoever reads it may never have heard of us.
fn letter(inventory: &Inventory, target: &Target, mode: DomainMode, records: &[String]) -> String {
    let zone = target.zone();
    let (subject, ask, care) = match mode {
        DomainMode::External => (
            format!("record DNS da inserire nella zona {zone}"),
            format!(
                "nella zona {zone}, da Voi gestita, occorrono i seguenti record perché rispondano i servizi che eroghiamo:"
            ),
            "Gli altri record della zona, in particolare MX e PEC, non vanno modificati.".to_string(),
        ),
        DomainMode::Subzone => (
            format!("delega della zona {zone}"),
            format!(
                "chiediamo la delega della zona {zone} ai nostri server, con i seguenti record nella zona che la contiene:"
            ),
            "I record DS vanno inseriti insieme alla delega o dopo, mai prima; gli altri record non vanno modificati."
                .to_string(),
        ),
        DomainMode::Primary => (
            format!("server DNS e record DS del dominio {zone}"),
            format!("chiediamo di registrare per il dominio {zone} i seguenti server DNS e record DS:"),
            "I record DS vanno comunicati solo quando i server DNS sono già questi.".to_string(),
        ),
    };
    let records: String = records.iter().map(|line| format!("    {line}\n")).collect();
    format!(
        "Oggetto: {subject}\n\n{ask}\n\n{records}\n{care}\n\n\
         Ente: {}\nRichiedente: {}\n",
        target.member, inventory.consortium.name
    )
}
