//! Who joins and with what: from the options, from a table, and from whoever sits there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::spreadsheet::{self, Row};
use crate::cli::{BodyKind, Global, Onboard, Wished, ZoneMode};
use crate::evidence::clock;
use crate::failure::{Failure, Result};
use crate::inventory::newcomer::{self, Newcomer, Wish, comuni, usual_applications};
use crate::inventory::types::{Contacts, Domain, MemberKind, Status};
use crate::inventory::{Inventory, capacity, load_with, select};
use crate::report::{Out, answer};

/// What a name turned out to mean.
pub(super) enum Who {
    /// A member whose file is there already: its steps go on.
    Joining(String),
    /// Somebody new, with the file that is going to be written.
    New(Box<Newcomer>),
    /// A member that is active.
    Active(String),
}

/// All who are meant, each by the name that was typed, or why it is not clear who that is.
///
/// # Errors
/// When the table cannot be read, or the one who is named is not clear.
pub(super) fn bodies(
    global: &Global,
    inventory: &Inventory,
    wanted: &Onboard,
    out: &Out,
) -> Result<Vec<(String, Result<Who>)>> {
    let members = inventory.members.values().map(|body| (body.slug.as_str(), &body.member));
    let mut loads = capacity::loads(members, &inventory.consortium);
    let mut ports = Vec::new();
    let mut new: BTreeMap<PathBuf, String> = BTreeMap::new();
    let many = wanted.from.is_some();
    let rows = match (&wanted.from, &wanted.name) {
        (Some(path), _) => spreadsheet::read(path, &wanted.wish)?,
        (None, name) => {
            vec![Row { name: name.clone().unwrap_or_default(), line: None, wished: Ok(wanted.wish.clone()) }]
        }
    };
    let mut all = Vec::new();
    for Row { name: title, line, wished } in rows {
        let mut one = || {
            let wished = wished.clone()?;
            if let Some(known) = known(inventory, &title, &wished)? {
                return Ok(known);
            }
            let wish = wish(inventory, &title, &wished, !wanted.yes && !many, out)?;
            // What a refused row would have taken is free again.
            let (mut then, mut taken) = (loads.clone(), ports.clone());
            let mut made = newcomer::newcomer(inventory, &mut then, &wish)?;
            newcomer::give_ports(inventory, &mut taken, &mut made);
            fits(global, inventory, &mut new, &made)?;
            (loads, ports) = (then, taken);
            Ok(Who::New(Box::new(made)))
        };
        match one() {
            Err(failure) if !many => return Err(failure),
            Err(failure) => {
                // A name may stand there twice, and a row may have none.
                let line = line.map_or(String::new(), |line| format!("line {line}"));
                let title = if title.is_empty() { line } else { format!("{title} ({line})") };
                all.push((title, Err(failure)));
            }
            who => all.push((title, who)),
        }
    }
    Ok(all)
}

/// Somebody who has a file already.
fn known(inventory: &Inventory, title: &str, wished: &Wished) -> Result<Option<Who>> {
    let codes: Vec<&str> = comuni(title, wished.province.as_deref()).iter().map(|comune| comune.istat).collect();
    let mut found = inventory.members.values().filter(|body| match &body.member.istat {
        Some(istat) => codes.len() == 1 && codes.contains(&istat.as_str()),
        None => select::one(inventory, select::Noun::Member, title).is_ok_and(|slug| slug == body.slug),
    });
    let Some(body) = found.next() else { return Ok(None) };
    match body.member.membership.status {
        Status::Joining => Ok(Some(Who::Joining(body.slug.clone()))),
        Status::Active => Ok(Some(Who::Active(body.slug.clone()))),
        Status::Leaving => Err(Failure::usage(format!("{} is leaving", body.member.full_name())).hint(format!(
            "when it comes back: in members/{}.yml write `status: joining`, take `until` and `handed_over` away",
            body.slug
        ))),
    }
}

/// What is going to be written, as if it were there already: the whole inventory passes its checks.
fn fits(global: &Global, inventory: &Inventory, new: &mut BTreeMap<PathBuf, String>, made: &Newcomer) -> Result<()> {
    let folder = global.inventory.clone().unwrap_or_else(|| inventory.directory.clone());
    let path = folder.join("members").join(format!("{}.yml", made.slug));
    if new.contains_key(&path) {
        return Err(Failure::usage(format!("{} stands there twice", made.member.name)));
    }
    let mut all = new.clone();
    all.insert(path, made.text.clone());
    load_with(&folder, all.clone()).map_err(|wrong| Failure::from(*wrong))?;
    *new = all;
    Ok(())
}

/// What is wished: as the options say; with a person there, what they leave open is asked.
fn wish(inventory: &Inventory, name: &str, wished: &Wished, ask: bool, out: &Out) -> Result<Wish> {
    let kind = match wished.kind {
        None | Some(BodyKind::Comune) => MemberKind::Comune,
        Some(BodyKind::ComunitaMontana) => MemberKind::ComunitaMontana,
        Some(BodyKind::Unione) => MemberKind::Unione,
        Some(BodyKind::Provincia) => MemberKind::Provincia,
    };
    let asked = |question: &str, usual: &str, option: &str| {
        let remedy = format!("{option}, or --yes to take what is usual");
        answer(out, question, usual, &format!("nobody said {option}"), &remedy)
    };
    let mut wish = Wish {
        name: name.to_string(),
        province: wished.province.clone(),
        kind,
        code: wished.code.clone(),
        applications: wished.applications.clone(),
        size: wished.size.clone(),
        domain: domain(wished.zone.as_deref(), wished.mode)?,
        contacts: Contacts { technical: wished.technical.clone(), pec: wished.pec.clone() },
        hosts: (wished.application_host.clone(), wished.database_host.clone()),
        since: wished.since.clone().unwrap_or_else(clock::today),
    };
    let found = comuni(name, wished.province.as_deref());
    if ask && kind == MemberKind::Comune && found.len() > 1 {
        let titles: Vec<String> = found.iter().map(|comune| comune.title()).collect();
        out.remark(&format!("`{name}` is the name of {}", titles.join(" and ")));
        wish.province = Some(asked("province", "", "--province")?);
    }
    let comune = if kind == MemberKind::Comune { Some(newcomer::comune(&wish)?) } else { None };
    if let Some(comune) = comune.filter(|_| ask) {
        let residents = comune.population.map_or("not known".to_string(), |count| count.to_string());
        out.remark(&format!(
            "{}: ISTAT {}, codice catastale {}, {residents} residents",
            comune.title(),
            comune.istat,
            comune.belfiore
        ));
    }
    if ask && kind != MemberKind::Comune && wish.code.is_none() {
        wish.code = Some(asked("code, a short word that names its accounts for ever", "", "--code")?);
    }
    if wish.applications.is_empty() {
        wish.applications = usual_applications(inventory);
        if ask {
            let known: Vec<&str> = inventory.applications.keys().map(String::as_str).collect();
            let question = format!("applications, of {}", known.join(", "));
            let words = asked(&question, &wish.applications.join(","), "--applications")?;
            wish.applications = words.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_string).collect();
        }
    }
    if ask && wish.size.is_none() && comune.is_none_or(|comune| comune.population.is_none()) {
        let known: Vec<&str> = inventory.consortium.sizes.keys().map(String::as_str).collect();
        wish.size = Some(asked(&format!("size, of {}", known.join(", ")), "small", "--size")?);
    }
    if ask && wish.domain.is_none() {
        let zone = asked("its domain; nothing while it is not known", "", "--zone")?;
        if !zone.is_empty() {
            let mode = asked("who serves the names of its tenants: external or subzone", "external", "--mode")?;
            let mode = <ZoneMode as clap::ValueEnum>::from_str(&mode, true)
                .map_err(|_| Failure::usage(format!("`{mode}` is not `external` or `subzone`")))?;
            wish.domain = domain(Some(&zone), Some(mode))?;
        }
    }
    if ask && wish.contacts.technical.is_none() {
        let mail = asked("e-mail address of its technicians; nothing while there is none", "", "--technical")?;
        wish.contacts.technical = Some(mail).filter(|mail| !mail.is_empty());
    }
    Ok(wish)
}

fn domain(zone: Option<&str>, mode: Option<ZoneMode>) -> Result<Option<Domain>> {
    let Some(zone) = zone else { return Ok(None) };
    let mode = match mode {
        Some(ZoneMode::External) => "external",
        Some(ZoneMode::Subzone) => "subzone",
        None => return Err(Failure::usage(format!("nobody said who serves {zone}")).hint("--mode external or subzone")),
    };
    let domain = serde_json::from_value(serde_json::json!({ "zone": zone, "mode": mode }));
    domain.map(Some).map_err(|error| Failure::operation(error.to_string()))
}
