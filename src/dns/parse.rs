//! What a record holds, read from the words of its text form.

use std::net::IpAddr;

use super::data::{Data, Soa, Type};
use super::finding::{Finding, rules};
use super::name::{Name, NameFault};
use super::record::Place;

/// A word of a record: between blanks, or between quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As it is written, escapes included and quotes not.
    pub text: String,
    /// It stood between quotes.
    pub quoted: bool,
}

/// Reads what belongs to one name, and remembers all that is wrong with it.
#[derive(Debug)]
pub struct Reading<'r> {
    /// What relative names are below.
    pub origin: &'r Name,
    /// Whose records these are, for messages.
    pub owner: String,
    /// Where they were written.
    pub place: Place,
    /// What was found.
    pub findings: &'r mut Vec<Finding>,
}

/// The octets of a text in which `\.` and `\046` stand for one octet.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            octets.push(*first);
            continue;
        }
        let code = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u8>().ok());
        match (code, tail) {
            (Some(code), [_, _, _, after @ ..]) => (rest, octets) = (after, [octets, vec![code]].concat()),
            (_, [next, after @ ..]) => {
                octets.push(*next);
                rest = after;
            }
            _ => {}
        }
    }
    octets
}

impl Reading<'_> {
    /// Reads what a record of this type holds. `None` when nothing can be made of it; why is found.
    pub fn data(&mut self, kind: Type, words: &[Word]) -> Option<Data> {
        if kind.is_of_signing() {
            let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            return Some(Data::Signed(kind, texts.join(" ")));
        }
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let data = match (kind, texts.as_slice()) {
            (Type::A, [address]) => address.parse().ok().map(Data::A),
            (Type::Aaaa, [address]) => address.parse().ok().map(Data::Aaaa),
            (Type::Ns, [name]) => return self.target(kind, name).map(Data::Ns),
            (Type::Cname, [name]) => return self.target(kind, name).map(Data::Cname),
            (Type::Ptr, [name]) => return self.target(kind, name).map(Data::Ptr),
            (Type::Mx, [preference, exchanger]) => match preference.parse() {
                Ok(preference) => {
                    return self.target(kind, exchanger).map(|exchanger| Data::Mx { preference, exchanger });
                }
                Err(_) => None,
            },
            (Type::Srv, [priority, weight, port, target]) => match numbers([priority, weight, port]) {
                Some([priority, weight, port]) => {
                    return self.target(kind, target).map(|target| Data::Srv { priority, weight, port, target });
                }
                None => None,
            },
            (Type::Soa, [primary, contact, timers @ ..]) => return self.soa(primary, contact, timers),
            (Type::Caa, [flags, tag, _]) => flags.parse().ok().map(|flags| Data::Caa {
                flags,
                tag: tag.to_ascii_lowercase(),
                value: words.last().map(|word| unescape(&word.text)).unwrap_or_default(),
            }),
            (Type::Txt, [_, ..]) => return self.txt(words),
            (Type::Ds, [tag, algorithm, digest_type, digest @ ..]) => {
                let digest = hex(digest);
                match (tag.parse(), algorithm.parse(), digest_type.parse(), digest) {
                    (Ok(tag), Ok(algorithm), Ok(digest_type), Some(digest)) => {
                        Some(Data::Ds { tag, algorithm, digest_type, digest })
                    }
                    _ => None,
                }
            }
            (Type::Sshfp, [algorithm, digest_type, digest @ ..]) => {
                match (numbers([algorithm, digest_type]), hex(digest)) {
                    (Some([algorithm, digest_type]), Some(digest)) => {
                        Some(Data::Sshfp { algorithm, digest_type, digest })
                    }
                    _ => None,
                }
            }
            (Type::Tlsa, [usage, selector, matching, data @ ..]) => {
                match (numbers([usage, selector, matching]), hex(data)) {
                    (Some([usage, selector, matching]), Some(data)) => {
                        Some(Data::Tlsa { usage, selector, matching, data })
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        if data.is_none() {
            self.found(
                Finding::of(&rules::SYNTAX, format!("{kind} {:?} cannot be read", texts.join(" ")))
                    .help(format!("{kind} holds {}", form(kind))),
                kind,
            );
        }
        data
    }

    /// A name that a record points to.
    fn target(&mut self, kind: Type, text: &str) -> Option<Name> {
        let bare = text.trim_end_matches('.');
        if bare.parse::<IpAddr>().is_ok() {
            self.found(
                Finding::of(&rules::TARGET_ADDRESS, format!("{kind} points to {bare}, which is an address"))
                    .help("write the name that has this address"),
                kind,
            );
            return None;
        }
        self.dotted(kind, text)
    }

    /// A name with a dot inside ends with a dot: what lacks it is read as it was meant.
    fn dotted(&mut self, kind: Type, text: &str) -> Option<Name> {
        let dots = Name::relative(text, &Name::root()).is_ok_and(|name| name.labels().len() > 1);
        let read = if dots && !text.ends_with('.') {
            let rule = if kind == Type::Soa { &rules::SOA_NAMES } else { &rules::FINAL_DOT };
            self.found(
                Finding::of(
                    rule,
                    format!("{kind} says {text} without a final dot: it would mean {text}.{}", self.origin),
                )
                .help(format!("write `{text}.`")),
                kind,
            );
            Name::absolute(text)
        } else {
            Name::relative(text, self.origin)
        };
        read.map_err(|fault| self.name_fault(Some(kind), text, &fault)).ok()
    }

    /// Tells why a text is no name.
    pub fn name_fault(&mut self, kind: Option<Type>, text: &str, fault: &NameFault) {
        let shown: String = text.chars().take(80).collect();
        let finding = Finding::of(&rules::NAME, format!("{shown:?} is no name: {fault}"));
        let finding = finding.help("labels of 1 to 63 letters, digits, `-` and `_`, with single dots between");
        match kind {
            Some(kind) => self.found(finding, kind),
            None => self.findings.push(finding.at(&self.owner, None, self.place)),
        }
    }

    fn soa(&mut self, primary: &str, contact: &str, timers: &[&str]) -> Option<Data> {
        let numbers: Option<Vec<u32>> =
            timers.iter().map(|text| seconds(text).and_then(|n| n.try_into().ok())).collect();
        let Some(&[serial, refresh, retry, expire, minimum]) = numbers.as_deref() else {
            self.found(Finding::of(&rules::SYNTAX, "the SOA cannot be read").help(form(Type::Soa)), Type::Soa);
            return None;
        };
        if contact.contains('@') && contact != "@" {
            let written = contact.replace('@', ".");
            self.found(
                Finding::of(&rules::SOA_NAMES, format!("the SOA's contact {contact} holds an `@`"))
                    .help(format!("a dot stands for it: `{}.`", written.trim_end_matches('.'))),
                Type::Soa,
            );
            return None;
        }
        let primary = self.dotted(Type::Soa, primary)?;
        let contact = self.dotted(Type::Soa, contact)?;
        Some(Data::Soa(Soa { primary, contact, serial, refresh, retry, expire, minimum }))
    }

    fn txt(&mut self, words: &[Word]) -> Option<Data> {
        let pieces: Vec<Vec<u8>> = words.iter().map(|word| unescape(&word.text)).collect();
        if let Some(long) = pieces.iter().find(|piece| piece.len() > 255) {
            self.found(
                Finding::of(&rules::TXT_LENGTH, format!("a string of TXT has {} octets, and 255 fit", long.len()))
                    .help("in `records:` write the text whole: it is cut in pieces by itself"),
                Type::Txt,
            );
        }
        Some(Data::Txt(pieces.concat()))
    }

    fn found(&mut self, finding: Finding, kind: Type) {
        self.findings.push(finding.at(&self.owner, Some(kind), self.place));
    }
}

/// Seconds as in zone files: `3600`, `1h30m`, `2d`.
pub fn seconds(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut digits = String::new();
    for letter in text.chars() {
        let unit = match letter.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86400,
            'w' => 604_800,
            letter if letter.is_ascii_digit() => {
                digits.push(letter);
                continue;
            }
            _ => return None,
        };
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(unit)?)?;
        digits.clear();
    }
    match (digits.is_empty(), text.is_empty()) {
        (_, true) => None,
        (true, _) => Some(total),
        (false, _) => total.checked_add(digits.parse().ok()?),
    }
}

fn numbers<T: std::str::FromStr, const N: usize>(texts: [&&str; N]) -> Option<[T; N]> {
    let read: Vec<T> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    read.try_into().ok()
}

/// Hexadecimal in one or more pieces, in small letters.
fn hex(pieces: &[&str]) -> Option<String> {
    let text = pieces.concat().to_ascii_lowercase();
    let sound = !text.is_empty() && text.len() % 2 == 0 && text.chars().all(|letter| letter.is_ascii_hexdigit());
    sound.then_some(text)
}

/// What a record of a type is made of.
fn form(kind: Type) -> &'static str {
    match kind {
        Type::A => "an IPv4 address: `192.0.2.1`",
        Type::Aaaa => "an IPv6 address: `2001:db8::1`",
        Type::Ns | Type::Cname | Type::Ptr => "one name: `www.example.`",
        Type::Mx => "a preference and a name: `10 mx.example.`",
        Type::Srv => "priority, weight, port and name: `0 5 5060 sip.example.`",
        Type::Soa => "primary, contact, serial, refresh, retry, expire and minimum",
        Type::Caa => "flags, tag and value: `0 issue \"letsencrypt.org\"`",
        Type::Txt => "one or more strings: `\"v=spf1 -all\"`",
        Type::Ds => "key tag, algorithm, digest type and digest: `12345 13 2 ab…`",
        Type::Sshfp => "algorithm, digest type and digest: `4 2 ab…`",
        Type::Tlsa => "usage, selector, matching and data: `3 1 1 ab…`",
        _ => "what only a server that signs makes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_one_octet() {
        assert_eq!(unescape(r#"a\"b\\c\046\255"#), b"a\"b\\c.\xff");
        assert_eq!(unescape("\\"), b"");
        assert_eq!(unescape(r"\9"), b"9");
    }

    #[test]
    fn seconds_are_read_with_units() {
        assert_eq!(seconds("3600"), Some(3600));
        assert_eq!(seconds("1h30m"), Some(5400));
        assert_eq!(seconds("1w2D"), Some(777_600));
        for bad in ["", "h", "1x", "-1", "99999999999999999999w"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
