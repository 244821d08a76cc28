//! Checks of `consortium.yml`.

use std::str::FromStr;

use super::super::diagnostics::{Finding, quoted};
use super::super::draft::{Doc, Draft};
use super::super::node::{Node, Value};
use super::super::syntax;
use super::super::types::Consortium;
use super::syntax as report;

const DOMAIN_HELP: &str = "small letters, digits, hyphens and dots: `comune.malnate.va.it`";

/// Domains, keys of people, classes and defaults.
pub fn check(draft: &Draft, findings: &mut Vec<Finding>) {
    let doc = &draft.consortium;
    let Some(consortium) = &doc.typed else { return };
    let place = |path: &[&str]| doc.tree.place(path);
    report("domain", &consortium.domain, place(&["domain"]), syntax::domain(&consortium.domain), DOMAIN_HELP, findings);
    for (item, domain) in items(doc, &["authority", "permitted"]).iter().zip(&consortium.authority.permitted) {
        report("domain", domain, item.span, label_or_domain(domain), DOMAIN_HELP, findings);
    }
    let authority = &consortium.authority;
    if authority.permitted.is_empty() {
        findings.push(
            Finding::error(place(&["authority", "permitted"]), "the authority may sign for no domain at all")
                .help("list the domains under which tenants answer: `permitted: [va.it]`"),
        );
    }
    if authority.renew_days >= authority.lifetime_days {
        findings.push(
            Finding::error(
                place(&["authority", "renew_days"]),
                format!("certificates live {} days and would be renewed at once", authority.lifetime_days),
            )
            .help("`renew_days` must be less than `lifetime_days`"),
        );
    }
    people(doc, consortium, findings);
    sizes(doc, consortium, findings);
    if let Some(size) = &consortium.defaults.tenant.size
        && !consortium.sizes.contains_key(size)
    {
        findings.push(super::tenants::unknown_size(size, place(&["defaults", "tenant", "size"]), consortium));
    }
}

/// A constraint may be a whole top-level domain, so that one label is enough.
fn label_or_domain(domain: &str) -> Result<(), String> {
    syntax::domain(&if domain.contains('.') { domain.to_string() } else { format!("{domain}.x") })
}

/// The items of a list.
pub(super) fn items<'a, T>(doc: &'a Doc<T>, path: &[&str]) -> &'a [Node] {
    match doc.tree.at(path).map(|node| &node.value) {
        Some(Value::Seq(items)) => items,
        _ => &[],
    }
}

fn people(doc: &Doc<Consortium>, consortium: &Consortium, findings: &mut Vec<Finding>) {
    for (name, key) in &consortium.technicians {
        let path = ["technicians", name.as_str()];
        let name_help = "small letters, digits and `_`: `anna_rossi`";
        report("name of a technician", name, doc.tree.key_place(&path), syntax::word(name), name_help, findings);
        if !is_age(key) && !is_ssh(key) {
            findings.push(
                Finding::error(doc.tree.place(&path), format!("the key of {} cannot be read", quoted(name)))
                    .label("no public key")
                    .help("`ssh-ed25519 AAAA…` from ~/.ssh/id_ed25519.pub, or `age1…` from age-keygen"),
            );
        }
    }
    if let Some(key) = &consortium.control
        && !is_age(key)
        && !is_ssh(key)
    {
        findings.push(
            Finding::error(doc.tree.place(&["control"]), "the key of the control host cannot be read")
                .label("no public key")
                .help("`ssh-keygen -t ed25519` on that host makes one: its file `.pub` has the line to write here"),
        );
    }
    if let Some(key) = &consortium.recovery
        && !is_age(key)
    {
        findings.push(
            Finding::error(doc.tree.place(&["recovery"]), "the recovery key cannot be read")
                .label("no age recipient")
                .help("`age1…`: run age-keygen on a machine that is off the network and write its public key here"),
        );
    }
}

fn is_age(key: &str) -> bool {
    age::x25519::Recipient::from_str(key).is_ok()
}

fn is_ssh(key: &str) -> bool {
    key.starts_with("ssh-ed25519 ") && !key.contains('\n') && age::ssh::Recipient::from_str(key).is_ok()
}

fn sizes(doc: &Doc<Consortium>, consortium: &Consortium, findings: &mut Vec<Finding>) {
    if consortium.sizes.is_empty() {
        findings.push(
            Finding::error(doc.tree.key_place(&["sizes"]), "there is no size class")
                .help("add one: `small: { cpu_percent: 50, memory_mib: 256, connections: 10 }`"),
        );
    }
    for (name, class) in &consortium.sizes {
        let key = doc.tree.key_place(&["sizes", name]);
        let help = "small letters, digits and `_`: `small`";
        report("name of a size class", name, key, syntax::word(name), help, findings);
        let mut before = consortium.sizes.iter().take_while(|(other, _)| *other != name);
        let twin = before.find(|(_, other)| other.up_to == class.up_to);
        if let Some((twin, _)) = twin {
            findings.push(
                Finding::error(
                    key,
                    format!("the size classes {} and {} end at the same population", quoted(twin), quoted(name)),
                )
                .also(doc.tree.key_place(&["sizes", twin]), "the other one")
                .help("give each class its own `up_to`; only the largest goes without"),
            );
        }
    }
}
