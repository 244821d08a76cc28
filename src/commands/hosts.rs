//! `comuni hosts trust|check`.

use super::inventory::read;
use super::ways::{credentials, targets};
use crate::cli::{Global, Hosts, Way};
use crate::failure::{Failure, Kind, Result};
use crate::fleet::{HostHalf, Look, Ssh};
use crate::inventory::{Inventory, Loaded, edit, select};
use crate::report::json::Object;
use crate::report::{Out, agreement, table};
use crate::ssh::{Credentials, Limits, Logins, ShownKey};

/// # Errors
/// As [`trust`] and [`check`].
pub(super) fn run(global: &Global, what: &Hosts, out: &Out) -> Result<()> {
    match what {
        Hosts::Trust { name, fingerprint, yes, way } => {
            trust(&read(global, out)?, name, fingerprint.as_deref(), *yes, way, out)
        }
        Hosts::Check { names, way } => check(&read(global, out)?.inventory, names, way, out),
    }
}

/// # Errors
/// Exit 64 when nobody can be asked, 1 when the host shows another key than the one that was expected.
fn trust(loaded: &Loaded, name: &str, expected: Option<&str>, yes: bool, way: &Way, out: &Out) -> Result<()> {
    let inventory = &loaded.inventory;
    let name = select::one(inventory, select::Noun::Host, name)?;
    let host = &inventory.hosts[&name];
    if host.host_ca.is_some() {
        return Err(Failure::usage(format!("{name} is proven by an authority (`host_ca`): there is no key to pin"))
            .hint(format!("`comuni hosts check {name}` tells whether its certificate is good")));
    }
    let logins = Logins::new(targets(inventory), Credentials::with_agent(way.keys.clone()), Limits::default());
    let shown = logins.shown_key(&name)?;
    let pinned = host.host_key.as_deref().and_then(ShownKey::of_line);
    let place = loaded.trees.hosts.get(&name).map(|tree| tree.place(&["host_key"]));
    let place = place.map(|span| format!("{}:{}", loaded.trees.sources.path(span.file), span.line));
    out.text(&format!("{name} ({} port {}) shows  {}\n", host.address, host.port, shown.fingerprint));
    match &pinned {
        Some(pinned) => {
            let width = format!("{name} ({} port {}) shows", host.address, host.port).len();
            out.text(&format!("{:>width$}  {}  ({})\n", "pinned", pinned.fingerprint, place.unwrap_or_default()));
        }
        None => out.text("no key is pinned for it yet\n"),
    }
    let tell = |written: Option<String>| {
        out.object(&Object::HostKey {
            host: name.clone(),
            shown: shown.fingerprint.clone(),
            pinned: pinned.as_ref().map(|key| key.fingerprint.clone()),
            written,
        });
    };
    if let Some(expected) = expected.filter(|expected| *expected != shown.fingerprint) {
        tell(None);
        return Err(Failure::operation(format!(
            "{name} shows another key than the one that was expected; nothing was written\n  expected {expected}\n  \
             shown    {}",
            shown.fingerprint
        ))
        .hint("somebody may be between us and the machine: read the fingerprint on its console again, and tell who runs the network"));
    }
    if pinned.as_ref().is_some_and(|pinned| pinned.fingerprint == shown.fingerprint) {
        tell(None);
        out.text("it is the pinned one: nothing to do\n");
        return Ok(());
    }
    if !yes {
        let question = match (expected, &pinned) {
            (Some(_), _) => "It is the expected one. Pin it?",
            (None, Some(_)) => {
                "ANOTHER key than the pinned one. Did whoever reinstalled the machine read this fingerprint to you?"
            }
            (None, None) => "Is it the fingerprint that the machine's console shows?",
        };
        let remedy = format!(
            "read the fingerprint on the machine's console, then: comuni hosts trust {name} --yes --fingerprint SHA256:..."
        );
        if !agreement(out, question, &format!("the key of {name} is not pinned"), &remedy)? {
            return Err(Failure::operation("not pinned; nothing was written"));
        }
    }
    let path = edit::pin_host_key(&inventory.directory, &name, &shown.line)?;
    let path = path.display().to_string();
    tell(Some(path.clone()));
    out.text(&format!("pinned in {path}: commit it\n"));
    Ok(())
}

/// # Errors
/// The worst of what is wrong with the hosts; all of them are looked at and listed.
fn check(inventory: &Inventory, names: &[String], way: &Way, out: &Out) -> Result<()> {
    let hosts: Vec<String> = match names {
        [] => inventory.hosts.keys().cloned().collect(),
        names => select::hosts(inventory, names)?.into_iter().collect(),
    };
    let asked: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let credentials = credentials(inventory, &asked, way, out)?;
    let ssh = Ssh::new(targets(inventory), credentials, Limits::default(), HostHalf::find()?);
    let looks = ssh.look(&hosts, usize::from(way.parallel));
    let mut rows = vec![["HOST", "STATE", "LOGIN", "CLOCK", "ROOM", "OUR HALF"].map(String::from).to_vec()];
    let mut words = String::new();
    let mut kinds = Vec::new();
    for (host, look) in &looks {
        out.object(&object(host, look));
        rows.push(row(inventory, host, look));
        match look {
            Ok(look) => {
                let problems = look.problems();
                kinds.extend((!problems.is_empty()).then_some(Kind::Operation));
                problems.iter().for_each(|problem| words.push_str(&format!("\n{host}: {problem}\n")));
                if look.leftovers > 0 {
                    let many = look.leftovers;
                    words.push_str(&format!(
                        "\n{host}: {many} broken-off installation of our half; the next one removes it after an hour\n"
                    ));
                }
            }
            Err(failure) => {
                kinds.push(failure.kind);
                words.push_str(&format!("\n{}\n", failure.message));
                failure.hints.iter().for_each(|hint| words.push_str(&format!("hint: {hint}\n")));
            }
        }
    }
    out.text(&table(&rows));
    out.text(&words);
    Kind::worst(kinds).map_or(Ok(()), |kind| Err(Failure::new(kind, "")))
}

fn row(inventory: &Inventory, host: &str, look: &Result<Look>) -> Vec<String> {
    let known = &inventory.hosts[host];
    let way = known.via.as_ref().map(|via| format!(" via {via}")).unwrap_or_default();
    let login = format!("{}@{}{way}", known.login.user, known.address);
    match look {
        Ok(look) => {
            let least = look.free.values().min().copied().unwrap_or_default();
            let state = if look.problems().is_empty() { "fit" } else { "unfit" };
            vec![
                host.to_string(),
                state.to_string(),
                login,
                format!("{:+.1} s", look.clock),
                format!("{} MiB", least >> 20),
                look.half.clone(),
            ]
        }
        Err(_) => vec![host.to_string(), "refused".to_string(), login],
    }
}

fn object(host: &str, look: &Result<Look>) -> Object {
    let (seen, problems, hints) = match look {
        Ok(look) => (Some(look), look.problems(), Vec::new()),
        Err(failure) => (None, vec![failure.message.clone()], failure.hints.clone()),
    };
    Object::HostCheck {
        host: host.to_string(),
        fit: problems.is_empty(),
        problems,
        hints,
        architecture: seen.map(|look| look.architecture.clone()),
        clock_offset_ms: seen.map(|look| (look.clock * 1000.0) as i64),
        free_bytes: seen.and_then(|look| look.free.values().min().copied()),
        host_half: seen.map(|look| look.half.clone()),
        broken_off: seen.map(|look| look.leftovers),
    }
}
