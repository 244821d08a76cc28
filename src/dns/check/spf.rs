//! Who may send mail in the name of a zone (RFC 7208).

use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use super::index::Standing;
use super::{Index, Profile, absence, breach};
use crate::dns::data::Type;
use crate::dns::finding::{Finding, rules};
use crate::dns::name::Name;
use crate::dns::record::Record;

/// Lookups that a receiver does at most (4.6.4).
const MOST: usize = 10;
/// Lookups that find nothing at most.
const MOST_VOID: usize = 2;

pub fn check(index: &Index, profile: &Profile, findings: &mut Vec<Finding>) {
    let apex = &index.zone.name;
    // Without MX it has not been said at all how mail is, which is told there.
    if records(index, apex).is_empty() && !index.set(apex, Type::Mx).is_empty() {
        let message = format!("{apex} does not say who may send mail in its name");
        let help = "add `spf: v=spf1 … -all` to `mail:`, or `v=spf1 -all` when nobody may";
        findings.push(absence(&rules::SPF_MISSING, (index, profile), apex, Type::Txt, message, help));
    }
    for (owner, kind, texts) in index.sets() {
        if kind != Type::Txt {
            continue;
        }
        let own = records(index, owner);
        if let [first, second, ..] = own.as_slice() {
            let message = format!("{owner} has two SPF records: receivers then heed neither");
            findings.push(breach(&rules::SPF_TWICE, second, message, "join them in one").and(first.place));
        }
        for record in texts {
            let text = record.data.text().unwrap_or_default();
            if is_spf(text) {
                one(index, record, text, findings);
            } else if text.to_ascii_lowercase().starts_with("v=spf") {
                let message = format!("{owner} has {text:?}, which is no SPF record");
                findings.push(breach(&rules::SPF_SYNTAX, record, message, "it begins with `v=spf1 `"));
            }
        }
    }
}

/// The SPF records of a name.
fn records<'z>(index: &Index<'z>, owner: &Name) -> Vec<&'z Record> {
    index.set(owner, Type::Txt).iter().copied().filter(|record| record.data.text().is_some_and(is_spf)).collect()
}

/// Whether a text is an SPF record.
fn is_spf(text: &str) -> bool {
    let (version, rest) = text.split_at_checked(6).unwrap_or((text, ""));
    version.eq_ignore_ascii_case("v=spf1") && (rest.is_empty() || rest.starts_with(' '))
}

/// What an evaluation would come to.
#[derive(Default)]
struct Tally {
    lookups: usize,
    void: usize,
    wrong: Vec<String>,
    ptr: bool,
    everybody: bool,
    /// It ends with `-all` or `~all`, or redirects.
    closed: bool,
}

fn one(index: &Index, record: &Record, text: &str, findings: &mut Vec<Finding>) {
    let owner = &record.owner;
    let mut tally = Tally::default();
    evaluate(index, text, owner, 0, &mut tally);
    let mut tell = |rule, message: String, help: &str| findings.push(breach(rule, record, message, help));
    for wrong in &tally.wrong {
        tell(
            &rules::SPF_SYNTAX,
            format!("the SPF record of {owner}: {wrong}"),
            "terms such as `mx`, `ip4:192.0.2.1`, `include:spf.example`, `-all`",
        );
    }
    if tally.everybody {
        tell(&rules::SPF_ALL, format!("the SPF record of {owner} allows everybody"), "end it with `-all` or `~all`");
    } else if !tally.closed && tally.wrong.is_empty() {
        tell(&rules::SPF_END, format!("the SPF record of {owner} forbids nobody"), "end it with `-all` or `~all`");
    }
    if tally.lookups > MOST {
        let message =
            format!("the SPF record of {owner} takes {} lookups: receivers stop at {MOST} and refuse", tally.lookups);
        tell(&rules::SPF_LOOKUPS, message, "write addresses (`ip4:`, `ip6:`) in the place of names");
    } else if tally.lookups + 1 >= MOST {
        let message = format!(
            "the SPF record of {owner} takes {} lookups of {MOST}, not counting what it includes",
            tally.lookups
        );
        tell(&rules::SPF_LOOKUPS_MANY, message, "write addresses (`ip4:`, `ip6:`) in the place of names");
    }
    if tally.void > MOST_VOID {
        let message = format!("{} lookups of the SPF record of {owner} find nothing", tally.void);
        tell(&rules::SPF_VOID, message, "take the names away that are not there");
    }
    if tally.ptr {
        let message = format!("the SPF record of {owner} uses `ptr`, which is slow and often ignored");
        tell(&rules::SPF_PTR, message, "write addresses or names in its place");
    }
    let silent = index.set(owner, Type::Mx).iter().any(|record| super::mail::is_null(record));
    if silent && !text.split_whitespace().skip(1).eq(["-all"]) {
        let message = format!("{owner} takes no mail, and its SPF record lets somebody send");
        tell(&rules::SPF_NO_MAIL, message, "`v=spf1 -all`");
    }
}

/// Goes through the terms as a receiver would; what lies outside of the zone counts as one lookup each.
fn evaluate(index: &Index, text: &str, owner: &Name, depth: usize, tally: &mut Tally) {
    if depth > MOST {
        return;
    }
    for term in text.split(' ').skip(1).filter(|term| !term.is_empty()) {
        if let Some((name, value)) = modifier(term) {
            if name == "redirect" {
                tally.lookups += 1;
                tally.closed |= depth == 0;
                follow(index, value, depth, tally, "redirect");
            }
            continue;
        }
        let (qualifier, mechanism) = match term.strip_prefix(['+', '-', '~', '?']) {
            Some(rest) => (term.as_bytes()[0], rest),
            None => (b'+', term),
        };
        let (name, value) = match mechanism.find([':', '/']) {
            Some(at) if mechanism.as_bytes()[at] == b':' => (&mechanism[..at], Some(&mechanism[at + 1..])),
            Some(at) => (&mechanism[..at], Some(&mechanism[at..])),
            None => (mechanism, None),
        };
        match (name.to_ascii_lowercase().as_str(), value) {
            ("all", None) if depth == 0 => {
                tally.everybody |= qualifier == b'+';
                tally.closed |= matches!(qualifier, b'-' | b'~');
            }
            ("all", None) => {}
            ("include", Some(value)) if is_domain(value) => {
                tally.lookups += 1;
                follow(index, value, depth, tally, "include");
            }
            ("a" | "mx", value) if value.is_none_or(is_domain_and_length) => {
                tally.lookups += 1;
                let domain =
                    value.map(|value| value.split('/').next().unwrap_or_default()).filter(|name| !name.is_empty());
                let target = domain.map_or(Some(owner.clone()), |domain| Name::absolute(domain).ok());
                let void = target.is_some_and(|target| finds_nothing(index, &target, name.eq_ignore_ascii_case("mx")));
                tally.void += usize::from(void);
            }
            ("ptr", value) if value.is_none_or(is_domain) => {
                tally.lookups += 1;
                tally.ptr = true;
            }
            ("exists", Some(value)) if is_domain(value) => tally.lookups += 1,
            ("ip4", Some(value)) if is_network::<Ipv4Addr>(value, 32) => {}
            ("ip6", Some(value)) if is_network::<Ipv6Addr>(value, 128) => {}
            _ if depth == 0 => tally.wrong.push(format!("`{term}` is no term that receivers know")),
            _ => {}
        }
    }
}

fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let word = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    (word && !value.is_empty()).then_some((name, value))
}

fn follow(index: &Index, domain: &str, depth: usize, tally: &mut Tally, word: &str) {
    let Ok(name) = Name::absolute(domain) else { return };
    if !name.is_within(&index.zone.name) || index.cut(&name).is_some() {
        return;
    }
    match records(index, &name).first().and_then(|record| record.data.text()) {
        Some(text) => evaluate(index, text, &name, depth + 1, tally),
        None => tally.wrong.push(format!("`{word}` leads to {name}, which has no SPF record")),
    }
}

fn finds_nothing(index: &Index, name: &Name, mx: bool) -> bool {
    match index.standing(name) {
        Standing::Missing => true,
        Standing::There if !mx => true,
        Standing::Address | Standing::There if mx => index.set(name, Type::Mx).is_empty(),
        _ => false,
    }
}

/// A name, in which macros (`%{d}`) may stand.
fn is_domain(value: &str) -> bool {
    let plain = value.chars().all(|c| c.is_ascii_graphic() && !"/,\"".contains(c));
    plain && value.contains('.') && (value.contains('%') || Name::absolute(value).is_ok())
}

/// A name with or without a length: `mail.example/24//64`.
fn is_domain_and_length(value: &str) -> bool {
    let (domain, length) = value.split_once('/').map_or((value, None), |(domain, length)| (domain, Some(length)));
    let number = |text: &str, most: u8| text.parse::<u8>().is_ok_and(|bits| bits <= most);
    let sound = length.is_none_or(|length| match length.split_once("/") {
        Some(("", six)) => number(six, 128),
        Some((four, six)) => number(four, 32) && six.strip_prefix('/').is_some_and(|six| number(six, 128)),
        None => number(length, 32),
    });
    sound && (domain.is_empty() && length.is_some() || is_domain(domain))
}

fn is_network<A: std::str::FromStr>(value: &str, most: u8) -> bool {
    match value.split_once('/') {
        Some((address, bits)) => address.parse::<A>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= most),
        None => value.parse::<A>().is_ok(),
    }
}
