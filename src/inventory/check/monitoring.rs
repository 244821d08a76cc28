//! Checks of who is told by the monitoring, and how.

use super::super::diagnostics::{Finding, quoted};
use super::super::draft::Draft;
use super::super::syntax;
use super::super::types::{Monitoring, Recipient, Role};
use super::syntax as report;

/// Receivers that Alertmanager has beside those of the inventory.
const TAKEN: [&str; 2] = ["nobody", "dead-man"];

const MAIL_HELP: &str = "an e-mail address: `ced@provincia.varese.it`";
const URL_HELP: &str = "a whole address: `https://tickets.example/hook`";

/// The keys of `monitoring:` in consortium.yml.
pub fn check(draft: &Draft, findings: &mut Vec<Finding>) {
    let doc = &draft.consortium;
    let Some(policy) = doc.typed.as_ref().and_then(|consortium| consortium.monitoring.as_ref()) else { return };
    let place = |path: &[&str]| doc.tree.place(&[&["monitoring"], path].concat());
    let watches = |role: &Role| *role == Role::Monitoring;
    let mut hosts = draft.hosts.values().filter_map(|host| host.typed.as_ref());
    if draft.hosts_known && !hosts.any(|host| host.roles.iter().any(watches)) {
        findings.push(
            Finding::error(
                doc.tree.key_place(&["monitoring"]),
                "no host has the role `monitoring`: nothing would be watched",
            )
            .help("add `monitoring` to the roles of a host that carries no tenant"),
        );
    }
    for (name, recipient) in &policy.recipients {
        let at = ["monitoring", "recipients", name.as_str()];
        let key = doc.tree.key_place(&at);
        report(
            "name of a recipient",
            name,
            key,
            syntax::slug(name),
            "small letters, digits and hyphens: `province`",
            findings,
        );
        let is_member =
            draft.members.values().filter_map(|member| member.typed.as_ref()?.code()).any(|code| code == *name);
        if is_member || TAKEN.contains(&name.as_str()) {
            findings.push(
                Finding::error(key, format!("the recipient {} has the name of another receiver", quoted(name))).help(
                    "members are told by their codes, and `nobody` and `dead-man` are there already: choose another",
                ),
            );
        }
        told(draft, policy, name, recipient, findings);
    }
    for (key, url) in [("copy_to", &policy.copy_to), ("dead_man", &policy.dead_man)] {
        if let Some(url) = url {
            report(key, url, place(&[key]), address(url), URL_HELP, findings);
        }
    }
    // The receiver's name is put behind it.
    if let Some(url) = policy.copy_to.as_ref().filter(|url| url.ends_with('/') || url.contains(['?', '#'])) {
        findings.push(
            Finding::error(place(&["copy_to"]), format!("no name of a receiver can be put behind {}", quoted(url)))
                .help("leave out the last `/`, and everything from `?` or `#` on"),
        );
    }
    if let Some(mail) = &policy.mail {
        report("sender", &mail.from, place(&["mail", "from"]), syntax::mail(&mail.from), MAIL_HELP, findings);
        report(
            "relay",
            &mail.relay,
            place(&["mail", "relay"]),
            relay(&mail.relay),
            "host and port: `192.0.2.25:25`",
            findings,
        );
    }
}

/// Whether a recipient can be told at all.
fn told(draft: &Draft, policy: &Monitoring, name: &str, recipient: &Recipient, findings: &mut Vec<Finding>) {
    let tree = &draft.consortium.tree;
    let at = |key: &'static str| ["monitoring", "recipients", name, key];
    if let Some(email) = &recipient.email {
        report("address", email, tree.place(&at("email")), syntax::mail(email), MAIL_HELP, findings);
    }
    if let Some(url) = &recipient.webhook {
        report("webhook", url, tree.place(&at("webhook")), address(url), URL_HELP, findings);
    }
    if recipient.severities.is_empty() {
        findings.push(
            Finding::error(tree.place(&at("severities")), format!("{} would be told of nothing", quoted(name)))
                .help("say of what: `severities: [page, ticket]`, or take the recipient away"),
        );
    }
    let elsewhere = recipient.webhook.is_some() || policy.copy_to.is_some();
    if recipient.email.is_none() && !elsewhere {
        findings.push(
            Finding::error(
                tree.key_place(&at("email")),
                format!("{} has no address: nobody would be told", quoted(name)),
            )
            .help("add `email:` or `webhook:`"),
        );
    } else if recipient.email.is_some() && policy.mail.is_none() && !elsewhere {
        findings.push(
            Finding::warning(
                tree.place(&at("email")),
                format!("{} is not told: the inventory does not say how e-mail leaves", quoted(name)),
            )
            .help("add `mail: { relay: \"HOST:25\", from: ADDRESS }` to `monitoring:`"),
        );
    }
}

/// A URL with a host, as the schema's pattern lets it in.
fn address(url: &str) -> Result<(), String> {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if authority.contains('@') {
        return Err("holds a password that everybody could read".to_string());
    }
    match host.rsplit_once(':').filter(|_| !host.ends_with(']')) {
        Some((name, port)) => named(name).and_then(|()| numbered(port)),
        None => named(host),
    }
}

fn relay(text: &str) -> Result<(), String> {
    let (name, port) = text.rsplit_once(':').ok_or("has no port")?;
    named(name).and_then(|()| numbered(port))
}

/// A name or address, also of one label: a relay in the same network.
fn named(name: &str) -> Result<(), String> {
    let plain = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    match plain {
        Some(address) if address.parse::<std::net::Ipv6Addr>().is_ok() => Ok(()),
        None if name.parse::<std::net::Ipv4Addr>().is_ok() => Ok(()),
        None if name.contains('.') => syntax::domain(name),
        None => syntax::domain(&format!("{name}.x")).map_err(|_| "has no name of a host".to_string()),
        Some(_) => Err("has no address between the brackets".to_string()),
    }
}

fn numbered(port: &str) -> Result<(), String> {
    port.parse::<u16>()
        .ok()
        .filter(|port| *port > 0)
        .map(|_| ())
        .ok_or_else(|| "has no port from 1 to 65535".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_ports_are_ports() {
        for good in
            ["https://tickets.example/hook", "http://10.77.0.14:9480", "https://[2001:db8::1]:443/x", "http://relay/x"]
        {
            assert_eq!(address(good), Ok(()), "{good}");
        }
        for bad in [
            "https:///hook",
            "https://",
            "http://a..b/",
            "http://x:0/",
            "http://x:99999/",
            "https://user:word@x.example/",
            "http://[::g]/",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
        for good in ["192.0.2.25:25", "relay:587", "mail.provincia.varese.it:25"] {
            assert_eq!(relay(good), Ok(()), "{good}");
        }
        for bad in ["192.0.2.25", "relay:", "relay:smtp", ":25"] {
            assert!(relay(bad).is_err(), "{bad}");
        }
    }
}
