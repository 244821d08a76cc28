//! `comuni secrets show|set|rotate|rekey`.

mod rekey;
mod rotate;
pub(super) mod tenants;

use super::inventory::read;
use crate::cli::{Global, Identity, Secrets};
use crate::failure::{Failure, Result};
use crate::inventory::Inventory;
use crate::inventory::diagnostics::counted;
use crate::report::json::Object;
use crate::report::{Out, prompt_secret, table};
use crate::secrets::{Identities, Secret, Store, Token};

/// # Errors
/// Exit 65 when a file is not for any identity at hand.
pub(super) fn run(global: &Global, what: &Secrets, out: &Out) -> Result<()> {
    let (inventory, what) = match what {
        Secrets::Rotate(rotate) => return rotate::run(global, rotate, out),
        Secrets::Rekey { check, identity } => return rekey::run(global, *check, identity, out),
        other => (read(global, out)?.inventory, other),
    };
    match what {
        Secrets::Rotate(_) | Secrets::Rekey { .. } => Ok(()),
        Secrets::Show { token, reveal, identity } => show(&open(&inventory, identity)?, token.as_deref(), *reveal, out),
        Secrets::Set { missing: true, identity, .. } => make_missing(&mut open(&inventory, identity)?, &inventory, out),
        Secrets::Set { token, replace, identity, .. } => {
            let token = token.as_deref().unwrap_or_default();
            Token::parse(token)?;
            let mut store = open(&inventory, identity)?;
            let secret = Secret::new(prompt_secret(&format!("new value of {token}"))?);
            secret.check()?;
            let about = store.set(token, secret, *replace)?;
            out.object(&Object::Item { key: token.to_string(), value: about.id.clone().into(), source: None });
            out.text(&format!("{token} is set (id {})\n", about.id));
            Ok(())
        }
    }
}

pub(super) fn open(inventory: &Inventory, identity: &Identity) -> Result<Store> {
    Store::open(inventory, &Identities::search(&identity.identity, |name| std::env::var_os(name)))
}

fn make_missing(store: &mut Store, inventory: &Inventory, out: &Out) -> Result<()> {
    let made = store.make_missing(inventory)?;
    for token in &made.tokens {
        out.object(&Object::Item { key: token.clone(), value: "made".into(), source: None });
        if out.is_verbose() {
            out.text(&format!("made {token}\n"));
        }
    }
    if let Some(certificate) = &made.certificate {
        out.text(&format!("made the certificate authority: {}\n", certificate.display()));
    }
    out.text(&match made.tokens.len() {
        0 if made.is_empty() => "no secret is missing\n".to_string(),
        count => format!(
            "made {}; commit the folder secrets/ and authority.pem: what is secret in them is encrypted\n",
            counted(count, "secret")
        ),
    });
    Ok(())
}

fn show(store: &Store, token: Option<&str>, reveal: bool, out: &Out) -> Result<()> {
    // For one secret the failure below says it.
    for (owner, why) in store.unreadable().iter().filter(|_| token.is_none()) {
        out.remark(&format!("the secrets of {owner} cannot be read: {why}"));
    }
    let listed = store.list();
    let chosen: Vec<_> =
        listed.iter().filter(|about| token.is_none_or(|token| about.token.to_string() == token)).collect();
    if let (Some(token), true) = (token, chosen.is_empty()) {
        // `get` tells a closed file and a malformed token apart from a secret that is not there.
        store.get(token)?;
        let names: Vec<String> = listed.iter().map(|about| about.token.to_string()).collect();
        let near = crate::inventory::diagnostics::near(token, names.iter().map(String::as_str));
        let failure = Failure::usage(format!("there is no secret {token}"));
        return Err(near.iter().fold(failure, |failure, name| failure.hint(format!("did you mean {name}?"))));
    }
    if token.is_none() {
        for (owner, readers) in store.readers()?.iter().filter(|(_, readers)| !readers.is_right()) {
            out.remark(&format!(
                "the secrets of {owner} are not for the technicians of today: {}",
                rekey::words(readers)
            ));
        }
    }
    let mut rows = vec![["TOKEN", "ID", "MADE"].map(String::from).to_vec()];
    for about in &chosen {
        let name = about.token.to_string();
        if reveal && let Some(value) = store.get(&name)? {
            match token {
                Some(_) => out.document(&format!("{}\n", value.expose())),
                None => rows.push(vec![name.clone(), about.id.clone(), about.made.clone(), value.expose().to_string()]),
            }
        } else {
            rows.push(vec![name.clone(), about.id.clone(), about.made.clone()]);
        }
        out.object(&Object::Item { key: name, value: about.id.clone().into(), source: None });
    }
    if rows.len() > 1 {
        out.text(&table(&rows));
    }
    if token.is_none() {
        rekey::advise(store, out);
    }
    Ok(())
}
