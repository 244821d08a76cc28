//! Checks of `hosts.yml`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine;

use super::super::diagnostics::{Finding, quoted};
use super::super::draft::{Doc, Draft};
use super::super::source::Span;
use super::super::syntax;
use super::super::types::{Host, Role, Sudo};
use super::syntax as report;

/// Names, addresses, logins, keys, and that somebody is in control.
pub fn check(draft: &Draft, findings: &mut Vec<Finding>) {
    let mut addresses: BTreeMap<IpAddr, (&str, Span)> = BTreeMap::new();
    for (name, doc) in &draft.hosts {
        let help = "small letters, digits and hyphens, a letter first: `app1`";
        report("name of a host", name, doc.head, syntax::name(name), help, findings);
        let Some(host) = &doc.typed else { continue };
        address(name, doc, host, &mut addresses, findings);
        login(name, doc, host, findings);
        host_key(name, doc, host, findings);
        super::ways::check(name, doc, host, draft, findings);
        if host.roles.is_empty() {
            findings.push(
                Finding::warning(doc.tree.place(&["roles"]), format!("the host {} has no role", quoted(name)))
                    .help("nothing is done on a host without a role; give it one or take it out"),
            );
        }
    }
    let all_typed = draft.hosts.values().all(|doc| doc.typed.is_some());
    let in_control =
        draft.hosts.values().filter_map(|doc| doc.typed.as_ref()).any(|host| host.roles.contains(&Role::Control));
    if draft.hosts_known && all_typed && !in_control && !draft.members.is_empty() {
        let head = draft.hosts.values().next().map_or(Span::whole(draft.consortium.file), |doc| Span::whole(doc.file));
        findings.push(
            Finding::error(head, "no host has the role `control`")
                .help("one host runs the timers and keeps the evidence: add `control` to its roles"),
        );
    }
}

fn address<'a>(
    name: &'a str,
    doc: &Doc<Host>,
    host: &Host,
    addresses: &mut BTreeMap<IpAddr, (&'a str, Span)>,
    findings: &mut Vec<Finding>,
) {
    let span = doc.tree.place(&["address"]);
    if host.port == 0 {
        findings.push(
            Finding::error(doc.tree.place(&["port"]), "sshd cannot listen on port 0").help("leave `port` out for 22"),
        );
    }
    match host.address.parse::<IpAddr>() {
        Err(_) => findings.push(
            Finding::error(span, format!("the address {} is not an IP address", quoted(&host.address)))
                .help("names are not looked up: write the address itself, such as 192.0.2.11 or 2001:db8::11"),
        ),
        Ok(address) if address.is_unspecified() || address.is_multicast() => findings.push(
            Finding::error(span, format!("{address} is not the address of one machine"))
                .help("write the host's own address"),
        ),
        Ok(address) => match addresses.get(&address) {
            Some((other, place)) => findings.push(
                Finding::warning(span, format!("the hosts {} and {} have one address", quoted(other), quoted(name)))
                    .also(*place, "the other one")
                    .help("two names of one machine are applied one after the other; correct a slip, or join them"),
            ),
            None => {
                addresses.insert(address, (name, span));
            }
        },
    }
}

fn login(name: &str, doc: &Doc<Host>, host: &Host, findings: &mut Vec<Finding>) {
    let span = doc.tree.place(&["login", "user"]);
    let user = &host.login.user;
    // Unix allows a hyphen where our own accounts have none.
    let verdict = syntax::word(&user.replace('-', "_"));
    report("account", user, span, verdict, "an account as in /etc/passwd: `ops`", findings);
    if user != "root" && host.login.sudo == Sudo::No {
        findings.push(
            Finding::warning(span, format!("the account {} of {} cannot become root", quoted(user), quoted(name)))
                .help("add `sudo: true` (sudo without password) or `sudo: password`, or log in as root"),
        );
    }
}

fn host_key(name: &str, doc: &Doc<Host>, host: &Host, findings: &mut Vec<Finding>) {
    match &host.host_key {
        None if host.host_ca.is_some() => {}
        None => findings.push(
            Finding::warning(doc.head, format!("the host {} has no pinned host key", quoted(name))).help(format!(
                "nothing connects without: `comuni hosts trust {name}` shows the machine's key and writes it here; \
                     compare the fingerprint with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on its console"
            )),
        ),
        Some(key) if !is_ed25519(key) => findings.push(
            Finding::error(doc.tree.place(&["host_key"]), format!("the host key of {} cannot be read", quoted(name)))
                .label("no ssh-ed25519 key")
                .help("`ssh-ed25519 AAAA…` as in /etc/ssh/ssh_host_ed25519_key.pub, without comment"),
        ),
        Some(_) => {}
    }
}

/// The blob repeats the type and then holds 32 bytes: 4 + 11 + 4 + 32.
fn is_ed25519(key: &str) -> bool {
    const HEAD: &[u8] = b"\0\0\0\x0bssh-ed25519\0\0\0\x20";
    let Some(blob) = key.strip_prefix("ssh-ed25519 ") else { return false };
    let blob = base64::engine::general_purpose::STANDARD.decode(blob);
    blob.is_ok_and(|blob| blob.len() == HEAD.len() + 32 && blob.starts_with(HEAD))
}
