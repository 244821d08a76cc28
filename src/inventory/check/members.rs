//! Checks of who the members are: codes, names, and that nobody is there twice.

use std::collections::BTreeMap;

use super::super::diagnostics::{Finding, quoted};
use super::super::draft::{Doc, Draft};
use super::super::names::RESERVED_CODES;
use super::super::pattern;
use super::super::register::{self, Comune};
use super::super::source::Span;
use super::super::syntax;
use super::super::types::{Member, MemberKind, Status};
use super::syntax as report;

/// What does not have these forms is told by the schema already.
const ISTAT: &str = "^[0-9]{6}$";
const DATE: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
const BELFIORE: &str = "^[A-Z][0-9]{3}$";

/// Identity, file name, code, domain, dates and contacts of every member.
pub fn check(draft: &Draft, findings: &mut Vec<Finding>) {
    for (slug, doc) in &draft.members {
        let Some(member) = &doc.typed else { continue };
        match member.kind {
            MemberKind::Comune => comune(slug, doc, member, findings),
            _ => other_body(slug, doc, member, findings),
        }
        code(doc, member, findings);
        domain(doc, member, findings);
        dates_and_contacts(doc, member, findings);
        handed_over(doc, member, findings);
    }
    twins(draft, findings);
}

fn comune(slug: &str, doc: &Doc<Member>, member: &Member, findings: &mut Vec<Finding>) {
    let named = register::by_name(&member.name);
    let at = |key: &str| doc.tree.place(&[key]);
    let own = |pick: fn(&Comune) -> String| match named.as_slice() {
        [] => "find the comune in the ISTAT register".to_string(),
        named => named.iter().map(|comune| pick(comune)).collect::<Vec<_>>().join(" or "),
    };
    for (key, value, hint) in [
        ("istat", &member.istat, own(|comune| format!("{} has istat: \"{}\"", comune.title(), comune.istat))),
        ("belfiore", &member.belfiore, own(|comune| format!("{} has belfiore: {}", comune.title(), comune.belfiore))),
    ] {
        if value.is_none() && !doc.tree.says(&[key]) {
            findings.push(Finding::error(doc.head, format!("a comune has the key {}", quoted(key))).help(hint));
        }
    }
    let istat = member.istat.as_deref().filter(|code| pattern::matches(ISTAT, code) == Some(true));
    let belfiore = member.belfiore.as_deref().filter(|code| pattern::matches(BELFIORE, code) == Some(true));
    let by_istat = istat.and_then(register::by_istat);
    let by_belfiore = belfiore.and_then(register::by_belfiore);
    if let (Some(code), None) = (istat, by_istat) {
        let help = own(|comune| format!("{} has \"{}\"", comune.title(), comune.istat));
        findings.push(Finding::error(at("istat"), format!("no comune has the ISTAT code {}", quoted(code))).help(help));
    }
    if let (Some(code), None) = (belfiore, by_belfiore) {
        let help = own(|comune| format!("{} has {}", comune.title(), comune.belfiore));
        findings.push(
            Finding::error(at("belfiore"), format!("no comune has the codice catastale {}", quoted(code))).help(help),
        );
    }
    match (by_istat, by_belfiore) {
        (Some(one), Some(other)) if one != other => findings.push(
            Finding::error(at("belfiore"), "the ISTAT code and the codice catastale are of two comuni")
                .label(format!("{}, ISTAT {}", other.title(), other.istat))
                .also(at("istat"), format!("{}, belfiore {}", one.title(), one.belfiore))
                .help("correct the one that is wrong"),
        ),
        (Some(one), _) | (None, Some(one)) => name(doc, member, one, findings),
        (None, None) if named.is_empty() => findings.push(unknown_name(at("name"), &member.name)),
        (None, None) => {}
    }
    file_name(slug, doc, member, by_istat.or(by_belfiore), findings);
}

/// The codes say who it is; the name must be one of its names.
fn name(doc: &Doc<Member>, member: &Member, comune: &Comune, findings: &mut Vec<Finding>) {
    let span = doc.tree.place(&["name"]);
    if comune.names().contains(&member.name.as_str()) {
        return;
    }
    let named = register::by_name(&member.name);
    if named.iter().any(|other| other.istat == comune.istat) {
        findings.push(
            Finding::warning(span, format!("the register writes {} otherwise", quoted(&member.name)))
                .help(format!("name: {}", comune.name)),
        );
        return;
    }
    let message = format!("the codes belong to {}, not to {}", comune.title(), quoted(&member.name));
    let finding = Finding::error(span, message);
    findings.push(match named.first() {
        Some(other) => finding
            .label(format!("{}: istat \"{}\", belfiore {}", other.title(), other.istat, other.belfiore))
            .help("correct the name or the codes"),
        None => finding.help(format!("write `name: {}`, or correct the codes", comune.name)),
    });
}

fn unknown_name(span: Span, name: &str) -> Finding {
    let near = register::near_names(name);
    let help = match near.as_slice() {
        [] => "write the official name; a body of another kind says so: `kind: unione`".to_string(),
        near => format!("did you mean {}?", near.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(" or ")),
    };
    Finding::error(span, format!("no comune is called {}", quoted(name))).help(help)
}

/// A file is called by its member's slug; with the province when the name stands twice in the country.
fn file_name(slug: &str, doc: &Doc<Member>, member: &Member, comune: Option<&Comune>, findings: &mut Vec<Finding>) {
    let mut expected = vec![register::slug(&member.name)];
    if let Some(comune) = comune {
        let names = comune.names();
        if !names.contains(&member.name.as_str()) {
            return;
        }
        // Either half of a bilingual name names the file as well.
        expected.extend(names.iter().map(|name| register::slug(name)));
        let province = comune.province.to_lowercase();
        let doubled: Vec<String> = expected.iter().filter(|slug| register::by_slug(slug).len() > 1).cloned().collect();
        expected.extend(doubled.iter().map(|slug| format!("{slug}-{province}")));
    }
    expected.dedup();
    if !expected.iter().any(|name| name == slug) {
        findings.push(
            Finding::error(Span::whole(doc.file), format!("the file of {} has another name", quoted(&member.name)))
                .help(format!(
                    "rename it to {}",
                    expected.iter().map(|name| format!("`{name}.yml`")).collect::<Vec<_>>().join(" or ")
                )),
        );
    }
}

fn other_body(slug: &str, doc: &Doc<Member>, member: &Member, findings: &mut Vec<Finding>) {
    for (key, value) in [("istat", &member.istat), ("belfiore", &member.belfiore)] {
        if value.is_some() {
            findings.push(
                Finding::error(doc.tree.place(&[key]), format!("only a comune has the key {}", quoted(key)))
                    .help("take it away and give the body a `code:` of its own, or correct `kind`"),
            );
        }
    }
    file_name(slug, doc, member, None, findings);
}

fn code(doc: &Doc<Member>, member: &Member, findings: &mut Vec<Finding>) {
    match (&member.code, member.code()) {
        (None, None) if member.kind != MemberKind::Comune && !doc.tree.says(&["code"]) => findings.push(
            Finding::error(doc.head, "a body without codice catastale has the key `code`")
                .help("a short word that names its accounts and databases for ever: `code: cm_piambello`"),
        ),
        (Some(written), Some(derived)) if *written != derived => findings.push(
            Finding::error(doc.tree.place(&["code"]), format!("the code follows from belfiore: {}", quoted(&derived)))
                .help("take `code` away"),
        ),
        (Some(written), _) if RESERVED_CODES.contains(&written.as_str()) => findings.push(
            Finding::error(
                doc.tree.place(&["code"]),
                format!("the code {} is taken by the tool itself", quoted(written)),
            )
            .help("choose another"),
        ),
        _ => {}
    }
}

fn domain(doc: &Doc<Member>, member: &Member, findings: &mut Vec<Finding>) {
    let Some(domain) = &member.domain else { return };
    let span = doc.tree.place(&["domain", "zone"]);
    let help = "small letters, digits, hyphens and dots: `comune.malnate.va.it`";
    report("domain", &domain.zone, span, syntax::domain(&domain.zone), help, findings);
    if member.kind == MemberKind::Comune && (domain.zone == "gov.it" || domain.zone.ends_with(".gov.it")) {
        findings.push(
            Finding::warning(
                span,
                format!("{} lies under gov.it, to which comuni are not entitled", quoted(&domain.zone)),
            )
            .help("ask the comune which domain it uses now; `comune.<name>.<sigla>.it` is reserved for it"),
        );
    }
}

fn dates_and_contacts(doc: &Doc<Member>, member: &Member, findings: &mut Vec<Finding>) {
    let since = member.membership.since.as_deref();
    let counted = member.population.as_ref().map(|population| population.date.as_str());
    let until = member.membership.until.as_deref();
    if let (Some(since), Some(until)) = (since, until)
        && until < since
    {
        findings.push(
            Finding::error(doc.tree.place(&["membership", "until"]), "the membership ends before it begins")
                .also(doc.tree.place(&["membership", "since"]), "its first day")
                .help("`until` is its last day"),
        );
    }
    let membership = [(["membership", "since"], since), (["membership", "until"], until)];
    for (path, date) in membership.into_iter().chain([(["population", "date"], counted)]) {
        if let Some(date) = date
            && pattern::matches(DATE, date) == Some(true)
            && date.parse::<jiff::civil::Date>().is_err()
        {
            findings.push(
                Finding::error(doc.tree.place(&path), format!("{} is no day of the calendar", quoted(date)))
                    .help("year, month, day: 2023-01-01"),
            );
        }
    }
    let Some(contacts) = &member.contacts else { return };
    for (key, address) in [("technical", &contacts.technical), ("pec", &contacts.pec)] {
        if let Some(address) = address {
            let help = "an e-mail address: `ced@comune.malnate.va.it`";
            report("address", address, doc.tree.place(&["contacts", key]), syntax::mail(address), help, findings);
        }
    }
}

/// What a member writes that came back was not handed over: its file may not say so at its next leaving.
fn handed_over(doc: &Doc<Member>, member: &Member, findings: &mut Vec<Finding>) {
    if member.membership.handed_over.is_some() && member.membership.status != Status::Leaving {
        findings.push(
            Finding::error(
                doc.tree.place(&["membership", "handed_over"]),
                "its data were handed over, and it is not leaving",
            )
            .also(doc.tree.place(&["membership", "status"]), "how it stands")
            .help("take `handed_over` away, and `until` too when it stays: the next `comuni offboard` hands over anew"),
        );
    }
}

/// Nobody may be there twice, by whatever names it.
fn twins(draft: &Draft, findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<(&str, String), (&str, Span)> = BTreeMap::new();
    for (slug, doc) in &draft.members {
        let Some(member) = &doc.typed else { continue };
        let place = |key: &str| doc.tree.place(&[key]);
        let mut told = false;
        for (what, value, span) in [
            ("ISTAT code", member.istat.clone(), place("istat")),
            ("codice catastale", member.belfiore.clone(), place("belfiore")),
            ("code", member.code(), place(if member.code.is_some() { "code" } else { "belfiore" })),
            ("name", (member.kind != MemberKind::Comune).then(|| member.name.to_lowercase()), place("name")),
            ("domain", member.domain.as_ref().map(|domain| domain.zone.clone()), doc.tree.place(&["domain", "zone"])),
        ] {
            let Some(value) = value else { continue };
            match seen.get(&(what, value.clone())) {
                // One twin is told once, by the first thing that it shares.
                Some(_) if told => {}
                Some((other, first)) => {
                    told = true;
                    findings.push(
                        Finding::error(
                            span,
                            format!("{} and {} have one {what}: {}", quoted(other), quoted(slug), quoted(&value)),
                        )
                        .also(*first, "the other one")
                        .help("a member stands once: take one file away, or correct the one that is wrong"),
                    );
                }
                None => {
                    seen.insert((what, value), (slug, span));
                }
            }
        }
    }
}
