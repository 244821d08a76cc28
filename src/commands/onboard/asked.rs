//! Who joins and with what: from the options, from a table, and from whoever sits there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::spreadsheet::{self, Row};
use crate::cli::{BodyKind, Global, Onboard, Wished, ZoneMode};
use crate::evidence::clock;
use crate::failure::{Failure, Result};
use crate::inventory::newcomer::{self, Newcomer, Wish, comuni, usual_applications};
use crate::inventory::types::{Contacts, Domain, MemberKind, Status};
use crate::inventory::{Body, Inventory, capacity, load_with, select};
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

impl Who {
    fn slug(&self) -> &str {
        match self {
            Who::Joining(slug) | Who::Active(slug) => slug,
            Who::New(newcomer) => &newcomer.slug,
        }
    }
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
    let mut seen = Seen::default();
    let ask = !wanted.yes && !many;
    for Row { name: title, line, wished } in rows {
        let mut one = || {
            let mut wished = wished.clone()?;
            wished.province = province(&title, &wished, ask, |title, titles| {
                out.remark(&format!("`{title}` is the name of {titles}"));
                asked(out, "province", "", "--province")
            })?;
            if let Some(known) = known(inventory, &title, &wished)? {
                seen.refuse(known.slug(), &title, line)?;
                seen.add(known.slug(), line);
                return Ok(known);
            }
            let wish = wish(inventory, &title, &wished, ask, out)?;
            // What a refused row would have taken is free again.
            let (mut then, mut taken) = (loads.clone(), ports.clone());
            let mut made = newcomer::newcomer(inventory, &mut then, &wish)?;
            newcomer::give_ports(inventory, &mut taken, &mut made);
            seen.refuse(&made.slug, &title, line)?;
            fits(global, inventory, &mut new, &made)?;
            seen.add(&made.slug, line);
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

/// Which bodies the rows before named: in every run the same rows are refused, whatever has a file by then.
#[derive(Default)]
struct Seen(BTreeMap<String, Option<u64>>);

impl Seen {
    /// # Errors
    /// Exit 64 when an earlier row named this body.
    fn refuse(&self, slug: &str, title: &str, line: Option<u64>) -> Result<()> {
        let Some(first) = self.0.get(slug) else { return Ok(()) };
        let at = |line: Option<u64>| line.map_or("a row".to_string(), |line| format!("line {line}"));
        Err(Failure::usage(format!("`{title}` stands there twice, in {} and in {}", at(*first), at(line)))
            .hint("take one of the rows away"))
    }

    fn add(&mut self, slug: &str, line: Option<u64>) {
        self.0.insert(slug.to_string(), line);
    }
}

/// The province that is meant: as it is said, and where a comune's name is not the only one, as somebody answers.
fn province(
    title: &str,
    wished: &Wished,
    ask: bool,
    answer: impl FnOnce(&str, &str) -> Result<String>,
) -> Result<Option<String>> {
    let found = comuni(title, wished.province.as_deref());
    if !ask || found.len() < 2 || wished.kind.is_some_and(|kind| kind != BodyKind::Comune) {
        return Ok(wished.province.clone());
    }
    let titles: Vec<String> = found.iter().map(|comune| comune.title()).collect();
    answer(title, &titles.join(" and ")).map(Some)
}

fn kind_of(kind: BodyKind) -> MemberKind {
    match kind {
        BodyKind::Comune => MemberKind::Comune,
        BodyKind::ComunitaMontana => MemberKind::ComunitaMontana,
        BodyKind::Unione => MemberKind::Unione,
        BodyKind::Provincia => MemberKind::Provincia,
    }
}

/// Somebody who has a file already. A name that a comune has means that comune, unless another kind is said.
fn known(inventory: &Inventory, title: &str, wished: &Wished) -> Result<Option<Who>> {
    let comuni = comuni(title, wished.province.as_deref());
    let kind = wished.kind.map(kind_of).or((!comuni.is_empty()).then_some(MemberKind::Comune));
    let is_it = |body: &&Body| match (&body.member.istat, comuni.as_slice()) {
        _ if kind.is_some_and(|kind| kind != body.member.kind) => false,
        (Some(istat), [one]) => istat == one.istat,
        (Some(_), _) => false,
        (None, _) => select::one(inventory, select::Noun::Member, title).is_ok_and(|slug| slug == body.slug),
    };
    let mut found = inventory.members.values().filter(is_it);
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
    if let Some(body) = inventory.members.get(&made.slug) {
        let (file, whose) = (format!("members/{}.yml", made.slug), body.member.full_name());
        return Err(Failure::usage(format!("{file} is there already: it is that of {whose}"))
            .hint("a body of another kind has its whole name, such as `Provincia di Varese`"));
    }
    let folder = global.inventory.clone().unwrap_or_else(|| inventory.directory.clone());
    let path = folder.join("members").join(format!("{}.yml", made.slug));
    let mut all = new.clone();
    all.insert(path, made.text.clone());
    load_with(&folder, all.clone()).map_err(|wrong| Failure::from(*wrong))?;
    *new = all;
    Ok(())
}

/// What is wished: as the options say; with a person there, what they leave open is asked.
fn wish(inventory: &Inventory, name: &str, wished: &Wished, ask: bool, out: &Out) -> Result<Wish> {
    let kind = wished.kind.map_or(MemberKind::Comune, kind_of);
    let asked = |question: &str, usual: &str, option: &str| asked(out, question, usual, option);
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

fn asked(out: &Out, question: &str, usual: &str, option: &str) -> Result<String> {
    let remedy = format!("{option}, or --yes to take what is usual");
    answer(out, question, usual, &format!("nobody said {option}"), &remedy)
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

#[cfg(test)]
mod tests;
