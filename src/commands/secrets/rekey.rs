//! `comuni secrets rekey`: the secret files for those who are technicians now.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::{Global, Identity};
use crate::commands::inventory::read;
use crate::failure::{Failure, Kind, Result};
use crate::inventory::diagnostics::counted;
use crate::report::Out;
use crate::report::json::Object;
use crate::secrets::{AUTHORITY_KEY, PASSWORD_TOKENS, Readers, Store, Token};

/// # Errors
/// With `check`: exit 2 when a file is not for exactly the technicians of consortium.yml. Exit 65 when a file is not for
/// us, or we would lose access ourselves; then nothing is written.
pub(super) fn run(global: &Global, check: bool, identity: &Identity, out: &Out) -> Result<()> {
    let inventory = read(global, out)?.inventory;
    let mut store = super::open(&inventory, identity)?;
    let differing: BTreeMap<String, Readers> =
        store.readers()?.into_iter().filter(|(_, readers)| !readers.is_right()).collect();
    for (owner, why) in store.unreadable().iter().filter(|_| check) {
        out.remark(&format!("the secrets of {owner} cannot be read: {why}"));
    }
    tell(&differing, if check { "would gain" } else { "gains" }, if check { "would lose" } else { "loses" }, out);
    if check {
        if differing.is_empty() && store.unreadable().is_empty() {
            out.text("every secret file is for the technicians of consortium.yml\n");
            return Ok(());
        }
        return Err(Failure::new(
            Kind::Pending,
            format!(
                "{} not for exactly the technicians of consortium.yml",
                are(differing.len() + store.unreadable().len())
            ),
        )
        .hint("comuni secrets rekey encrypts them anew"));
    }
    let rekeyed = store.rekey()?;
    for owner in rekeyed.written.keys() {
        out.object(&Object::Item { key: owner.clone(), value: "rekeyed".into(), source: None });
    }
    out.text(&match rekeyed.written.len() {
        0 => format!("{}: nothing to do\n", counted(rekeyed.right, "file")),
        count => format!(
            "{} encrypted anew, {} right already; commit the folder secrets/\n",
            counted(count, "file"),
            rekeyed.right
        ),
    });
    advise(&store, out);
    Ok(())
}

fn are(files: usize) -> String {
    if files == 1 { "1 file is".to_string() } else { format!("{files} files are") }
}

/// Who gains and who loses, each with the files, which are many and mostly the same.
fn tell(differing: &BTreeMap<String, Readers>, gains: &str, loses: &str, out: &Out) {
    let mut by_name: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for (owner, readers) in differing {
        for (verb, names) in [(gains, &readers.gain), (loses, &readers.lose)] {
            for name in names {
                by_name.entry((name, verb)).or_default().insert(owner);
            }
        }
    }
    for (owner, _) in differing.iter().filter(|(_, readers)| readers.part) {
        by_name.entry(("the control host's part", "is not as it must be in")).or_default().insert(owner);
    }
    for ((name, verb), owners) in by_name {
        let owners: Vec<&str> = owners.into_iter().collect();
        out.text(&format!("{name} {verb} {}: {}\n", counted(owners.len(), "file"), owners.join(", ")));
    }
}

/// How the readers of one file differ from those it shall have.
pub(super) fn words(readers: &Readers) -> String {
    let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    let mut parts = Vec::new();
    if readers.untold {
        parts.push("it does not say for whom it is".to_string());
    }
    if !readers.gain.is_empty() {
        parts.push(format!("{} cannot read it", list(&readers.gain)));
    }
    if !readers.lose.is_empty() {
        parts.push(format!("{} still can", list(&readers.lose)));
    }
    if readers.part {
        parts.push("the control host's part does not follow from it".to_string());
    }
    format!("{} (comuni secrets rekey)", parts.join("; "))
}

/// What encrypting cannot undo.
pub(super) fn advise(store: &Store, out: &Out) {
    let known = store.known_outside();
    if known.is_empty() {
        return;
    }
    let names: BTreeSet<String> = known.values().flatten().cloned().collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    out.remark(&format!(
        "\n{names} could read {} up to now, and still can: in every copy and every commit made before, for git forgets\n\
         nothing. Encrypting anew keeps only later values away. So the values themselves must change:",
        counted(known.len(), "secret")
    ));
    let is_password = |token: &&Token| PASSWORD_TOKENS.contains(&token.name.as_str());
    let (passwords, others): (Vec<&Token>, Vec<&Token>) = known.keys().partition(is_password);
    if !passwords.is_empty() {
        let tenants: BTreeSet<(&str, &str)> =
            passwords.iter().map(|token| (token.owner.as_str(), token.application.as_str())).collect();
        out.remark(&format!(
            "  comuni secrets rotate --all    # the database passwords of {}",
            counted(tenants.len(), "tenant")
        ));
    }
    for token in others {
        out.remark(&match token.to_string().as_str() {
            AUTHORITY_KEY => "  the key of the certificate authority: docs/secrets.md says what that means".to_string(),
            name => format!("  comuni secrets set --replace {name}    # then comuni apply"),
        });
    }
}
