//! What becomes of mail that only claims to come from a zone (RFC 7489).

use super::{Index, Profile, absence, breach};
use crate::dns::data::Type;
use crate::dns::finding::{Finding, rules};
use crate::dns::name::Name;
use crate::dns::record::Record;

pub fn check(index: &Index, profile: &Profile, findings: &mut Vec<Finding>) {
    let apex = &index.zone.name;
    let mail = index.set(apex, Type::Mx);
    let Ok(own) = Name::relative("_dmarc", apex) else { return };
    let policies = |owner: &Name| -> Vec<&Record> {
        index.set(owner, Type::Txt).iter().copied().filter(|record| claims(record)).collect()
    };
    if policies(&own).is_empty() && index.set(&own, Type::Cname).is_empty() && !mail.is_empty() {
        let message = format!("{apex} does not say what becomes of mail that only claims to come from it");
        let help = "add `dmarc: v=DMARC1; p=quarantine; rua=mailto:…` to `mail:`";
        findings.push(absence(&rules::DMARC_MISSING, (index, profile), &own, Type::Txt, message, help));
    }
    let silent = mail.iter().any(|record| super::mail::is_null(record));
    for (owner, kind, records) in index.sets() {
        if kind != Type::Txt || owner.labels().first().is_none_or(|label| label != "_dmarc") {
            continue;
        }
        if let [first, second, ..] = policies(owner).as_slice() {
            let message = format!("{owner} has two DMARC records: receivers then heed neither");
            findings.push(breach(&rules::DMARC_TWICE, second, message, "keep one").and(first.place));
        }
        for record in records.iter().filter(|record| claims(record)) {
            one(record, apex, silent && *owner == own, findings);
        }
    }
}

/// Whether a record means to be a policy, well written or not.
fn claims(record: &Record) -> bool {
    let text = record.data.text().unwrap_or_default().to_ascii_lowercase();
    text.contains("dmarc") || text.starts_with("p=") || text.contains("; p=")
}

fn one(record: &Record, apex: &Name, silent: bool, findings: &mut Vec<Finding>) {
    let text = record.data.text().unwrap_or_default();
    let owner = &record.owner;
    let mut tell = |rule, message: String, help: &str| findings.push(breach(rule, record, message, help));
    let tags: Vec<(&str, &str)> = text
        .split(';')
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
        .map(|tag| tag.split_once('=').map_or((tag, ""), |(name, value)| (name.trim(), value.trim())))
        .collect();
    if tags.first() != Some(&("v", "DMARC1")) {
        tell(
            &rules::DMARC_SYNTAX,
            format!("the DMARC record of {owner} does not begin with `v=DMARC1`"),
            "`v=DMARC1; p=reject`",
        );
        return;
    }
    let of = |name: &str| tags.iter().find(|(tag, _)| *tag == name).map(|(_, value)| *value);
    let policies = ["none", "quarantine", "reject"];
    for tag in ["p", "sp"] {
        match of(tag) {
            Some(value) if policies.contains(&value) => {}
            None if tag == "sp" => {}
            value => {
                let message = format!("the DMARC record of {owner} has `{tag}={}`", value.unwrap_or_default());
                tell(&rules::DMARC_SYNTAX, message, "`none`, `quarantine` or `reject`");
            }
        }
    }
    if let Some(percent) =
        of("pct").filter(|percent| percent.parse::<u8>().is_ok_and(|percent| percent <= 100).eq(&false))
    {
        tell(&rules::DMARC_SYNTAX, format!("the DMARC record of {owner} has `pct={percent}`"), "0 to 100");
    }
    for tag in ["adkim", "aspf"] {
        if let Some(value) = of(tag).filter(|value| !["r", "s"].contains(value)) {
            tell(
                &rules::DMARC_SYNTAX,
                format!("the DMARC record of {owner} has `{tag}={value}`"),
                "`r` (relaxed) or `s` (strict)",
            );
        }
    }
    for tag in ["rua", "ruf"] {
        for address in of(tag).into_iter().flat_map(|list| list.split(',')) {
            let host = address.trim().strip_prefix("mailto:").and_then(|address| address.split_once('@'));
            let host = host.map(|(_, host)| host.split('!').next().unwrap_or_default());
            match host.and_then(|host| Name::absolute(host).ok()) {
                None => {
                    let message = format!("the DMARC record of {owner} has `{tag}={}`", address.trim());
                    tell(&rules::DMARC_SYNTAX, message, "`mailto:dmarc@comune.example.it`");
                }
                Some(host) if !host.is_within(apex) && !apex.is_within(&host) => {
                    let message = format!("the DMARC reports of {owner} go to {}", host.plain());
                    let help = format!(
                        "{}._report._dmarc.{} must say `v=DMARC1`: ask who runs it",
                        apex.plain(),
                        host.plain()
                    );
                    tell(&rules::DMARC_REPORTS, message, &help);
                }
                Some(_) => {}
            }
        }
    }
    match of("p") {
        Some("reject") => {}
        Some("none") if !silent => {
            let help = "`p=quarantine`, then `p=reject`; until then a waiver of at most 90 days";
            tell(&rules::DMARC_NONE, format!("the DMARC policy of {owner} is `none`: forged mail is delivered"), help);
        }
        Some(_) if silent => {
            let message = format!("{apex} takes and sends no mail, and its DMARC policy is not `reject`");
            tell(&rules::DMARC_NO_MAIL, message, "`v=DMARC1; p=reject`");
        }
        _ => {}
    }
}
