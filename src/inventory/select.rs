//! Selectors of the command line: names, slugs, codes and globs. What matches nothing is wrong usage.

use std::collections::BTreeSet;

use super::diagnostics::near;
use super::{Inventory, register};
use crate::failure::{Failure, Result};

/// What to select among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noun {
    /// Members, by slug, code, name or ISTAT code.
    Member,
    /// Hosts, by name.
    Host,
    /// Applications, by name.
    Application,
}

impl Noun {
    /// As in the options of the command line.
    pub fn word(self) -> &'static str {
        match self {
            Noun::Member => "member",
            Noun::Host => "host",
            Noun::Application => "application",
        }
    }
}

/// The slugs of the members that the selectors name; all when there is no selector.
///
/// A selector is a name in any case and with or without accents, a slug, a code, or a glob with `*` and `?` over slugs.
/// `varese` is Varese and never Varese Ligure.
///
/// # Errors
/// Wrong usage (64) with near names when a selector matches nothing, or when its name belongs to two members.
pub fn members(inventory: &Inventory, selectors: &[String]) -> Result<BTreeSet<String>> {
    select(inventory, Noun::Member, selectors)
}

/// The names of the hosts that the selectors name; all when there is no selector.
///
/// # Errors
/// Wrong usage (64) with near names when a selector matches nothing.
pub fn hosts(inventory: &Inventory, selectors: &[String]) -> Result<BTreeSet<String>> {
    select(inventory, Noun::Host, selectors)
}

/// The names of the applications that the selectors name; all when there is no selector.
///
/// # Errors
/// Wrong usage (64) with near names when a selector matches nothing.
pub fn applications(inventory: &Inventory, selectors: &[String]) -> Result<BTreeSet<String>> {
    select(inventory, Noun::Application, selectors)
}

/// The one thing that `name` means, for verbs that take exactly one.
///
/// # Errors
/// Wrong usage (64) with near names when there is none, or when a glob means several.
pub fn one(inventory: &Inventory, noun: Noun, name: &str) -> Result<String> {
    let found = select(inventory, noun, std::slice::from_ref(&name.to_string()))?;
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (first, second) => {
            let names: Vec<String> = first.into_iter().chain(second).chain(found).collect();
            Err(Failure::usage(format!("`{name}` means several {}s: {}", noun.word(), names.join(", ")))
                .hint("name one of them"))
        }
    }
}

fn select(inventory: &Inventory, noun: Noun, selectors: &[String]) -> Result<BTreeSet<String>> {
    let known: Vec<&str> = match noun {
        Noun::Member => inventory.members.keys().map(String::as_str).collect(),
        Noun::Host => inventory.hosts.keys().map(String::as_str).collect(),
        Noun::Application => inventory.applications.keys().map(String::as_str).collect(),
    };
    if selectors.is_empty() {
        return Ok(known.into_iter().map(str::to_string).collect());
    }
    let mut selected = BTreeSet::new();
    for selector in selectors {
        let found: Vec<&str> = if selector.contains(['*', '?']) {
            known.iter().copied().filter(|name| glob(selector, name)).collect()
        } else if known.contains(&selector.as_str()) {
            vec![selector]
        } else if noun == Noun::Member {
            member(inventory, selector)?
        } else {
            Vec::new()
        };
        if found.is_empty() {
            return Err(nothing(inventory, noun, selector, &known));
        }
        selected.extend(found.into_iter().map(str::to_string));
    }
    Ok(selected)
}

fn member<'a>(inventory: &'a Inventory, selector: &str) -> Result<Vec<&'a str>> {
    let slug = register::slug(selector);
    let bodies: Vec<_> = inventory
        .members
        .values()
        .filter(|body| {
            let member = &body.member;
            body.code.eq_ignore_ascii_case(selector)
                || member.istat.as_deref() == Some(selector)
                || (!slug.is_empty() && (body.slug == slug || register::slug(&member.name) == slug))
        })
        .collect();
    if bodies.len() > 1 {
        let names: Vec<String> = bodies.iter().map(|body| format!("{} ({})", body.slug, body.code)).collect();
        return Err(Failure::usage(format!("`{selector}` is the name of several members: {}", names.join(", ")))
            .hint("name the one you mean by its slug or its code"));
    }
    Ok(bodies.into_iter().map(|body| body.slug.as_str()).collect())
}

fn nothing(inventory: &Inventory, noun: Noun, selector: &str, known: &[&str]) -> Failure {
    let mut names: Vec<&str> = known.to_vec();
    if noun == Noun::Member {
        names.extend(inventory.members.values().flat_map(|body| [body.member.name.as_str(), body.code.as_str()]));
    }
    let wanted: String = selector.chars().filter(|c| !"*?".contains(*c)).collect();
    let failure = Failure::usage(format!("no {} matches `{}`", noun.word(), selector.escape_debug()));
    let elsewhere = register::by_name(selector);
    // `malnate` says it all when `Malnate` is meant too.
    let mut near = near(&wanted, names);
    near.sort_by_key(|name| !known.contains(name));
    let mut said = BTreeSet::new();
    near.retain(|name| said.insert(name.to_lowercase()));
    match near.as_slice() {
        [] if noun == Noun::Member && !elsewhere.is_empty() => {
            let titles: Vec<String> = elsewhere.iter().map(|comune| comune.title()).collect();
            failure.hint(format!(
                "{} is not a member of this consortium: `comuni onboard` makes it one",
                titles.join(" or ")
            ))
        }
        [] if known.is_empty() => failure.hint(format!("the inventory has no {} yet", noun.word())),
        [] => failure.hint(format!("there is: {}", known.join(", "))),
        near => failure.hint(format!(
            "did you mean {}?",
            near.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
        )),
    }
}

/// `*` is any run of characters, `?` is one; everything else is itself. The whole name must match.
fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // The place after the last star and where it was tried, to try again one further: linear in practice.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) {
            p += 1;
            n += 1;
        } else if let Some((at, tried)) = star {
            star = Some((at, tried + 1));
            p = at + 1;
            n = tried + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;
    use std::path::Path;

    fn varese() -> Inventory {
        crate::inventory::load(Path::new("inventories/varese")).map_err(|all| all.render()).unwrap().inventory
    }

    fn found(selector: &str) -> Vec<String> {
        members(&varese(), &[selector.to_string()]).unwrap().into_iter().collect()
    }

    #[test]
    fn a_member_is_selected_by_any_of_its_names() {
        for selector in
            ["induno-olona", "Induno Olona", "INDUNO OLONA", "c_e299", "C_E299", "012083", "indu*", "induno?olona"]
        {
            assert_eq!(found(selector), ["induno-olona"], "{selector}");
        }
        assert_eq!(found("comunita montana del piambello"), ["comunita-montana-del-piambello"]);
        assert_eq!(found("c*o").len(), 4);
        assert_eq!(members(&varese(), &[]).unwrap().len(), 14);
    }

    #[test]
    fn a_name_is_never_taken_for_a_prefix() {
        for selector in ["induno", "", "c_", "v"] {
            assert_eq!(members(&varese(), &[selector.to_string()]).unwrap_err().kind, Kind::Usage, "{selector}");
        }
        assert_eq!(found("varese*"), ["varese"]);
        assert!(glob("varese*", "varese-ligure") && !glob("varese", "varese-ligure"));
    }

    #[test]
    fn what_matches_nothing_is_wrong_usage_with_near_names() {
        let failure = members(&varese(), &["malnata".to_string()]).unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (Kind::Usage, "no member matches `malnata`"));
        assert!(failure.hints[0].contains("`malnate`"), "{failure:?}");
        let failure = hosts(&varese(), &["app3".to_string()]).unwrap_err();
        assert!(failure.hints[0].contains("`app1`"), "{failure:?}");
        let failure = members(&varese(), &["Milano".to_string()]).unwrap_err();
        assert!(failure.hints[0].contains("Milano (MI) is not a member"), "{failure:?}");
        assert!(applications(&varese(), &["z*".to_string()]).is_err());
    }

    #[test]
    fn one_means_exactly_one() {
        assert_eq!(one(&varese(), Noun::Host, "db1").unwrap(), "db1");
        let failure = one(&varese(), Noun::Host, "app*").unwrap_err();
        assert_eq!(failure.message, "`app*` means several hosts: app1, app2");
    }

    #[test]
    fn globs_match_the_whole_name() {
        for (pattern, name, verdict) in [
            ("*", "a", true),
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("?", "", false),
            ("a**", "a", true),
        ] {
            assert_eq!(glob(pattern, name), verdict, "{pattern} {name}");
        }
    }
}
