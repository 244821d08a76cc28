//! Checks of the ways in: jump hosts and authorities of host keys.

use base64::Engine;

use super::super::diagnostics::{Finding, quoted, suggestion};
use super::super::draft::{Doc, Draft};
use super::super::types::{Host, Transport};

/// That a way leads somewhere, that the transport can go it, and that one thing alone proves who the host is.
pub fn check(name: &str, doc: &Doc<Host>, host: &Host, draft: &Draft, findings: &mut Vec<Finding>) {
    for (key, said) in [("via", host.via.is_some()), ("host_ca", host.host_ca.is_some())] {
        if said && host.transport != Transport::Openssh {
            findings.push(
                Finding::error(
                    doc.tree.key_place(&[key]),
                    format!("{} of {} has no effect", quoted(key), quoted(name)),
                )
                .label("only the system's ssh does this")
                .help(format!("add `transport: openssh` to {}", quoted(name))),
            );
        }
    }
    via(name, doc, host, draft, findings);
    let Some(authority) = &host.host_ca else { return };
    if host.host_key.is_some() {
        findings.push(
            Finding::error(
                doc.tree.key_place(&["host_ca"]),
                format!("{} has a pinned host key and an authority", quoted(name)),
            )
            .also(doc.tree.key_place(&["host_key"]), "the key")
            .help("keep the one that proves who the machine is: a key that anybody may have taken over proves nothing"),
        );
    }
    if !is_public_key(&authority.key) {
        findings.push(
            Finding::error(
                doc.tree.place(&["host_ca", "key"]),
                format!("the key of the authority of {} cannot be read", quoted(name)),
            )
            .label("no public key")
            .help("`ssh-ed25519 AAAA…` as in the `.pub` file that `ssh-keygen -s` signs with, without comment"),
        );
    }
    if let Some(principal) = &authority.principal
        && !is_principal(principal)
    {
        findings.push(
            Finding::error(
                doc.tree.place(&["host_ca", "principal"]),
                format!("the principal {} is no name of a machine", quoted(principal)),
            )
            .help("the name as in the certificate (`ssh-keygen -L` shows it): letters, digits, `.`, `-` and `_`"),
        );
    }
}

fn via(name: &str, doc: &Doc<Host>, host: &Host, draft: &Draft, findings: &mut Vec<Finding>) {
    let Some(first) = &host.via else { return };
    let place = doc.tree.place(&["via"]);
    if !draft.hosts.contains_key(first) {
        if draft.hosts_known {
            let known: Vec<&str> = draft.hosts.keys().map(String::as_str).filter(|other| *other != name).collect();
            findings.push(
                Finding::error(place, format!("there is no host {}", quoted(first))).help(suggestion(first, &known)),
            );
        }
        return;
    }
    let next = |at: &str| draft.hosts.get(at).and_then(|doc| doc.typed.as_ref()).and_then(|host| host.via.as_deref());
    let mut at = first.as_str();
    for _ in 0..=draft.hosts.len() {
        if at == name {
            findings.push(
                Finding::error(place, format!("{} would be reached through itself", quoted(name)))
                    .help("one host of the way must be reached directly: take its `via` away"),
            );
            return;
        }
        match next(at) {
            Some(further) => at = further,
            None => return,
        }
    }
}

/// `type base64`, where the blob repeats the type (RFC 4253 §6.6) and is no certificate.
fn is_public_key(key: &str) -> bool {
    let mut words = key.split(' ');
    let (Some(kind), Some(blob), None) = (words.next(), words.next(), words.next()) else { return false };
    let known = ["ssh-ed25519", "ssh-rsa", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"];
    let Ok(blob) = base64::engine::general_purpose::STANDARD.decode(blob) else { return false };
    let length = u32::try_from(kind.len()).unwrap_or(u32::MAX).to_be_bytes();
    (known.contains(&kind) || kind.starts_with("ecdsa-sha2-nistp"))
        && blob.strip_prefix(&length).is_some_and(|rest| rest.starts_with(kind.as_bytes()))
}

fn is_principal(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !name.is_empty() && name.bytes().all(letter) && !name.starts_with('-')
}
