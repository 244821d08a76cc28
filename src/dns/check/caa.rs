//! Who may issue certificates (RFC 8659).

use super::{Index, Profile, breach};
use crate::dns::data::{Data, Type};
use crate::dns::finding::{Finding, rules};
use crate::dns::name::Name;
use crate::dns::record::Record;

/// The tags of the registry of CAA properties that are in use.
const TAGS: [&str; 7] = ["issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"];

pub fn check(index: &Index, profile: &Profile, findings: &mut Vec<Finding>) {
    for (owner, kind, records) in index.sets() {
        if kind != Type::Caa {
            continue;
        }
        records.iter().for_each(|record| one(record, findings));
        let Some(first) = records.first() else { continue };
        let with =
            |wanted: &str| records.iter().any(|record| matches!(&record.data, Data::Caa { tag, .. } if tag == wanted));
        if with("issue") && !with("issuewild") {
            let message = format!("the CAA records of {owner} do not say who may issue wildcard certificates");
            findings.push(breach(&rules::CAA_WILD, first, message, "`0 issuewild \";\"` says nobody"));
        }
        issuers(owner, records, profile, findings);
    }
}

fn one(record: &Record, findings: &mut Vec<Finding>) {
    let Data::Caa { flags, tag, value } = &record.data else { return };
    let owner = &record.owner;
    let mut tell = |message: String, help: &str| findings.push(breach(&rules::CAA_SYNTAX, record, message, help));
    if !TAGS.contains(&tag.as_str()) {
        tell(
            format!("the CAA record of {owner} has the tag `{tag}`, which nobody knows"),
            "`issue`, `issuewild` or `iodef`",
        );
    }
    if !matches!(flags, 0 | 128) {
        tell(format!("the CAA record of {owner} has the flags {flags}"), "0, or 128 for `critical`");
    }
    let value = String::from_utf8_lossy(value);
    if tag == "iodef" && !["mailto:", "http://", "https://"].iter().any(|scheme| value.starts_with(scheme)) {
        tell(format!("the CAA record of {owner} reports to {value:?}"), "`mailto:dns@comune.example.it`");
    }
    if ["issue", "issuewild"].contains(&tag.as_str())
        && !issuer(&value).is_empty()
        && Name::absolute(issuer(&value)).is_err()
    {
        tell(format!("the CAA record of {owner} names {value:?}"), "the name of an authority: `letsencrypt.org`");
    }
}

/// The authority of a value, without its parameters; empty for nobody.
fn issuer(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

fn issuers(owner: &Name, records: &[&Record], profile: &Profile, findings: &mut Vec<Finding>) {
    let allowed: Vec<String> = records
        .iter()
        .filter_map(|record| match &record.data {
            Data::Caa { tag, value, .. } if tag == "issue" => Some(issuer(&String::from_utf8_lossy(value)).to_string()),
            _ => None,
        })
        .collect();
    let concerned = profile.tenants.iter().any(|(name, ..)| name.is_within(owner));
    let (Some(first), true) = (records.first(), concerned && !allowed.is_empty()) else { return };
    for missing in profile.issuers.iter().filter(|wanted| !allowed.contains(wanted)) {
        let message =
            format!("the CAA records of {owner} do not allow {missing}, from which the tenants get certificates");
        findings.push(breach(&rules::CAA_ISSUER, first, message, format!("add `0 issue \"{missing}\"`")));
    }
}
