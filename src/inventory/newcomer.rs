//! Who joins: found in the register, placed where there is room, written as a member's file.

use std::collections::BTreeMap;

use super::capacity::{self, Load};
use super::register::{self, Comune};
use super::types::{
    BackupPolicy, Contacts, Domain, Listen, Member, MemberKind, Membership, Population, Status, Tenant,
};
use super::zones::yaml;
use super::{Inventory, names};
use crate::failure::{Failure, Result};

/// The day and the source of the residents in the register.
const COUNTED: (&str, &str) = ("2023-01-01", "ISTAT");

/// The first port of applications that cannot listen on a socket.
const FIRST_PORT: u16 = 8001;

/// What only the one who asks can know about a body that joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Its name, in any spelling when it is a comune: `l'aquila`, `Samone (TO)`.
    pub name: String,
    /// Sigla of the province, for a name that two comuni have.
    pub province: Option<String>,
    /// What kind of body it is.
    pub kind: MemberKind,
    /// Names its accounts and databases, for a body without codice catastale.
    pub code: Option<String>,
    /// The applications it gets.
    pub applications: Vec<String>,
    /// The size class of its tenants; by its residents when not said.
    pub size: Option<String>,
    /// Its domain. Left out while it is not known.
    pub domain: Option<Domain>,
    /// Whom to tell.
    pub contacts: Contacts,
    /// The hosts that carry it; by free capacity when not said.
    pub hosts: (Option<String>, Option<String>),
    /// First day of membership (ISO 8601).
    pub since: String,
}

/// A body that joins, as it is going to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// Names its file.
    pub slug: String,
    /// What the file says.
    pub member: Member,
    /// The file.
    pub text: String,
}

/// The comuni that a name means: none, one, or several. `Samone (TO)` says which.
pub fn comuni(name: &str, province: Option<&str>) -> Vec<&'static Comune> {
    let (bare, stated) = match name.trim().strip_suffix(')').and_then(|rest| rest.rsplit_once('(')) {
        Some((bare, sigla)) if sigla.len() == 2 => (bare.trim(), Some(sigla)),
        _ => (name.trim(), None),
    };
    let of = |comune: &&Comune| {
        [province, stated].into_iter().flatten().all(|sigla| comune.province.eq_ignore_ascii_case(sigla))
    };
    register::by_name(bare).into_iter().filter(of).collect()
}

/// The one comune that a wish means.
///
/// # Errors
/// Wrong usage (64) when there is none, with near names, or when there are several, with their provinces.
pub fn comune(wish: &Wish) -> Result<&'static Comune> {
    let found = comuni(&wish.name, wish.province.as_deref());
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let failure = Failure::usage(format!("no comune is called `{}`", wish.name.escape_debug()));
            let elsewhere = comuni(&wish.name, None);
            let near = register::near_names(&wish.name);
            Err(match (elsewhere.as_slice(), near.as_slice()) {
                ([], []) => failure,
                ([], near) => failure.hint(format!("did you mean {}?", near.join(" or "))),
                (elsewhere, _) => failure.hint(format!("there is {}", titles(elsewhere))),
            }
            .hint("a body of another kind says so: --kind comunita_montana, unione or provincia, and --code"))
        }
        several => Err(Failure::usage(format!("`{}` is the name of {}", wish.name, titles(several)))
            .hint(format!("say which: --province {}", several[0].province))),
    }
}

fn titles(comuni: &[&Comune]) -> String {
    comuni.iter().map(|comune| comune.title()).collect::<Vec<_>>().join(" and ")
}

/// The applications that most members have: what one more is likely to want.
pub fn usual_applications(inventory: &Inventory) -> Vec<String> {
    let members = inventory.members.values();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    members.clone().flat_map(|body| body.tenants.keys()).for_each(|name| *counts.entry(name).or_default() += 1);
    let most = counts.into_iter().filter(|(_, count)| count * 2 > members.len());
    most.map(|(name, _)| name.to_string()).collect()
}

/// Makes the file of a body that joins. `loads` is what the hosts carry, and carries it afterwards.
///
/// # Errors
/// Wrong usage (64) when the body is not found, something that must be said is not, or no host has room.
pub fn newcomer(inventory: &Inventory, loads: &mut BTreeMap<String, Load>, wish: &Wish) -> Result<Newcomer> {
    let comune = if wish.kind == MemberKind::Comune { Some(comune(wish)?) } else { None };
    let name = comune.map_or_else(|| wish.name.trim().to_string(), |comune| comune.name.to_string());
    let mut member = Member {
        name,
        kind: wish.kind,
        istat: comune.map(|comune| comune.istat.to_string()),
        belfiore: comune.map(|comune| comune.belfiore.to_string()),
        code: wish.code.clone().filter(|_| comune.is_none()),
        membership: Membership {
            status: Status::Joining,
            since: Some(wish.since.clone()),
            until: None,
            handed_over: None,
        },
        population: comune.and_then(|comune| comune.population).map(|residents| Population {
            residents,
            date: COUNTED.0.to_string(),
            source: COUNTED.1.to_string(),
        }),
        spent_before: None,
        maintenance: None,
        domain: wish.domain.clone(),
        contacts: Some(wish.contacts.clone()).filter(|to| to.technical.is_some() || to.pec.is_some()),
        placement: None,
        applications: BTreeMap::new(),
    };
    if comune.is_none() && wish.code.is_none() {
        return Err(Failure::usage(format!("`{}` has no codice catastale that names its accounts", member.name))
            .hint("say a short word that stays for ever: --code cm_piambello"));
    }
    if wish.applications.is_empty() {
        let known: Vec<&str> = inventory.applications.keys().map(String::as_str).collect();
        return Err(Failure::usage(format!("nobody said which applications {} gets", member.name))
            .hint(format!("--applications, of: {}", known.join(", "))));
    }
    for application in &wish.applications {
        member.applications.insert(application.clone(), tenant(wish));
    }
    let memory = memory(inventory, &member)?;
    let placement = capacity::place(
        &inventory.hosts,
        loads,
        (member.applications.len(), memory),
        (wish.hosts.0.as_deref(), wish.hosts.1.as_deref()),
    );
    let placement = placement.map_err(|why| Failure::usage(format!("{}: {why}", member.name)))?;
    member.placement = Some(placement);
    let slug = slug(&member, comune);
    capacity::add(loads, &slug, &member, &inventory.consortium);
    let text = text(&member);
    Ok(Newcomer { slug, member, text })
}

/// Gives a port to each tenant that needs one: the first that no other of its host has. `taken` has those of others that
/// join at the same time, and these afterwards.
pub fn give_ports(inventory: &Inventory, taken: &mut Vec<(String, u16)>, newcomer: &mut Newcomer) {
    let Some(placement) = newcomer.member.placement.clone() else { return };
    let listens = |name: &str| {
        inventory.applications.get(name).is_some_and(|application| application.runtime.listen == Listen::Port)
    };
    for (name, tenant) in &mut newcomer.member.applications {
        if !listens(name) {
            continue;
        }
        let used = |port: &u16| {
            let others = inventory.members.values().flat_map(|body| body.tenants.values());
            let mut others = others.filter(|plan| plan.application_host == placement.application);
            others.any(|plan| plan.tenant.port == Some(*port))
                || taken.contains(&(placement.application.clone(), *port))
        };
        tenant.port = (FIRST_PORT..u16::MAX).find(|port| !used(port));
        taken.extend(tenant.port.map(|port| (placement.application.clone(), port)));
    }
    newcomer.text = text(&newcomer.member);
}

fn tenant(wish: &Wish) -> Tenant {
    // The release is that of the defaults, and is not written.
    Tenant {
        release: String::new(),
        size: wish.size.clone(),
        host_name: None,
        port: None,
        backup: BackupPolicy::default(),
    }
}

fn memory(inventory: &Inventory, member: &Member) -> Result<u64> {
    let sizes: Vec<&str> = inventory.consortium.sizes.keys().map(String::as_str).collect();
    let one = |tenant: &Tenant| {
        let size = names::size(&inventory.consortium, member, tenant);
        size.map(|(_, size)| u64::from(size.memory_mib)).ok_or_else(|| {
            let why = match &tenant.size {
                Some(size) => format!("there is no size class `{size}`"),
                None => {
                    format!("the size of the tenants of {} cannot be told: its residents are not known", member.name)
                }
            };
            Failure::usage(why).hint(format!("--size, of: {}", sizes.join(", ")))
        })
    };
    member.applications.values().map(one).sum()
}

/// Of a name that stands twice in the country with its province.
fn slug(member: &Member, comune: Option<&Comune>) -> String {
    let slug = register::slug(&member.name);
    match comune {
        Some(comune) if register::by_slug(&slug).len() > 1 => format!("{slug}-{}", comune.province.to_lowercase()),
        _ => slug,
    }
}

/// The file, as a person would write it.
fn text(member: &Member) -> String {
    let kind = match member.kind {
        MemberKind::Comune => "comune",
        MemberKind::ComunitaMontana => "comunita_montana",
        MemberKind::Unione => "unione",
        MemberKind::Provincia => "provincia",
    };
    let mut text = format!(
        "# yaml-language-server: $schema=../schema/member.json\nname: {}\nkind: {kind}\n",
        yaml::words(&member.name)
    );
    text.extend(member.istat.iter().map(|istat| format!("istat: \"{istat}\"\n")));
    text.extend(member.belfiore.iter().map(|belfiore| format!("belfiore: {belfiore}\n")));
    text.extend(member.code.iter().map(|code| format!("code: {}\n", yaml::words(code))));
    let since = member.membership.since.iter().map(|since| format!(", since: {since}")).collect::<String>();
    text.push_str(&format!("membership: {{ status: joining{since} }}\n"));
    text.extend(member.population.iter().map(|population| {
        let Population { residents, date, source } = population;
        format!("population: {{ residents: {residents}, date: {date}, source: {source} }}\n")
    }));
    text.extend(member.domain.iter().map(yaml::domain));
    if let Some(Contacts { technical, pec }) = &member.contacts {
        let said = [("technical", technical), ("pec", pec)];
        let said = said.into_iter().filter_map(|(key, to)| Some(format!("{key}: {}", yaml::words(to.as_deref()?))));
        text.push_str(&format!("contacts: {{ {} }}\n", said.collect::<Vec<_>>().join(", ")));
    }
    text.extend(member.placement.iter().map(|placement| {
        format!("placement: {{ application: {}, database: {} }}\n", placement.application, placement.database)
    }));
    text.push_str("applications:\n");
    for (name, tenant) in &member.applications {
        let size = tenant.size.iter().map(|size| format!("size: {}", yaml::words(size)));
        let said: Vec<String> = size.chain(tenant.port.map(|port| format!("port: {port}"))).collect();
        match said.as_slice() {
            [] => text.push_str(&format!("  {name}: {{}}\n")),
            said => text.push_str(&format!("  {name}: {{ {} }}\n", said.join(", "))),
        }
    }
    text
}

#[cfg(test)]
mod tests;
