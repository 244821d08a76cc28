//! `comuni init`: a new inventory, of an example or of a consortium that is being founded.

use std::path::Path;

use crate::cli::Init;
use crate::failure::{Failure, Result};
use crate::inventory::init::{Founding, Machine, Technician, empty, init};
use crate::report::{Out, answer, is_attended};

/// # Errors
/// Wrong usage (64) when something is there already or is not said; 65 when it would not be valid; 1 when it cannot be written.
pub(super) fn run(wanted: &Init, out: &Out) -> Result<()> {
    // Before anybody is asked anything.
    empty(&wanted.directory)?;
    let said = wanted.province.is_some()
        || wanted.body.is_some()
        || wanted.name.is_some()
        || wanted.domain.is_some()
        || wanted.recovery.is_some()
        || !wanted.technicians.is_empty()
        || !wanted.machines.is_empty();
    let founding = match said || (is_attended(out) && !wanted.example) {
        true => Some(founding(wanted, out)?),
        false => None,
    };
    let written = init(&wanted.directory, founding.as_ref())?;
    for path in &written {
        out.text(&format!("{}\n", path.display()));
    }
    let shown = wanted.directory.display();
    out.remark(&match &founding {
        None => {
            format!("an inventory to begin with is in {shown}: read its comments, then `comuni -i {shown} validate`")
        }
        Some(_) => format!(
            "the inventory of a new consortium is in {shown}. Next: `comuni -i {shown} hosts trust HOST` for each machine, the products \
             that were bought (docs/catalogue.md), then `comuni -i {shown} onboard NAME` for each body"
        ),
    });
    Ok(())
}

/// As the options say; with a person there, what they leave open is asked.
fn founding(wanted: &Init, out: &Out) -> Result<Founding> {
    let attended = is_attended(out);
    let ask = |said: &Option<String>, question: &str, usual: &str, option: &str| match said {
        Some(said) => Ok(said.clone()),
        None if attended || usual.is_empty() => answer(out, question, usual, &format!("nobody said {option}"), option),
        None => Ok(usual.to_string()),
    };
    let province = Founding::province(&ask(&wanted.province, "Sigla of the province", "", "--province SIGLA")?)?;
    let body = ask(&wanted.body, "The body that runs it, such as `Provincia di Como`", "", "--body BODY")?;
    let name = ask(&wanted.name, "What the consortium is called", "Comuni in cloud", "--name NAME")?;
    let usual = format!("cloud.{}.example", province.to_lowercase());
    let domain = ask(&wanted.domain, "Domain of its machines", &usual, "--domain DOMAIN")?;
    let mut technicians = wanted.technicians.iter().map(|text| technician(text)).collect::<Result<Vec<_>>>()?;
    let read = |text: &String| text.parse::<Machine>().map_err(Failure::usage);
    let mut machines = wanted.machines.iter().map(read).collect::<Result<Vec<_>>>()?;
    let mut recovery = wanted.recovery.clone();
    let later = |question: &str| {
        let text = answer(out, question, "-", "something is open", "say it by its option")?;
        Ok::<_, Failure>(Some(text).filter(|text| text != "-"))
    };
    if attended && technicians.is_empty() {
        let said = later("Who can read the secrets: NAME=FILE of the public key; - for later")?;
        technicians.extend(said.map(|text| technician(&text)).transpose()?);
    }
    if attended && recovery.is_none() {
        recovery = later("The offline key (age1…); - for later")?;
    }
    while attended && wanted.machines.is_empty() {
        let question = match machines.len() {
            0 => "A purchased machine: NAME=ADDRESS:ROLE,ROLE; - for an example",
            _ => "Another one; - when these are all",
        };
        let Some(text) = later(question)? else { break };
        match text.parse::<Machine>() {
            Ok(machine) => machines.push(machine),
            Err(wrong) => out.remark(&wrong),
        }
    }
    Ok(Founding { province, body, name, domain, technicians, recovery, machines })
}

/// `anna=ssh-ed25519 AAAA…`, `anna=age1…` or `anna=FILE`.
fn technician(text: &str) -> Result<Technician> {
    let wrong = || {
        Failure::usage(format!("`{text}` names no technician"))
            .hint("write NAME=KEY with a public key (ssh-ed25519 …, age1…) or its file, such as anna=/home/anna/.ssh/id_ed25519.pub")
    };
    let (name, key) =
        text.split_once('=').filter(|(name, key)| !name.is_empty() && !key.is_empty()).ok_or_else(wrong)?;
    let given = key.starts_with("ssh-") || key.starts_with("age1");
    let key = match given {
        true => key.to_string(),
        false => std::fs::read_to_string(Path::new(key))
            .map_err(|error| Failure::usage(format!("the key of {name} cannot be read: {key}: {error}")))?,
    };
    // Without the comment, which may hold anything.
    let words: Vec<&str> = key.split_whitespace().take(2).collect();
    Ok(Technician { name: name.to_string(), key: words.join(" ") })
}
