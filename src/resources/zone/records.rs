//! Records as text (RFC 1035, one a line, absolute names), grouped into RRsets, so that what an inventory says and
//! what Knot prints of the same data are equal.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::failure::{Failure, Result};

/// Types that the server makes itself when it signs.
const MADE_BY_SIGNING: [&str; 7] = ["RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY"];
/// Types whose data are names and numbers.
const NAMES: [&str; 7] = ["NS", "CNAME", "DNAME", "PTR", "MX", "SRV", "SOA"];
/// Types whose last field is hexadecimal, which may be written in pieces.
const HEXADECIMAL: [(&str, usize); 3] = [("DS", 3), ("TLSA", 3), ("SSHFP", 2)];

/// Name and type of an RRset; the name in lower case with a final dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The owner name.
    pub name: String,
    /// `A`, `MX`...
    pub kind: String,
}

impl Key {
    /// A name and a type in their canonical form.
    pub fn new(name: &str, kind: &str) -> Key {
        Key { name: format!("{}.", name.trim_end_matches('.').to_lowercase()), kind: kind.to_uppercase() }
    }
}

impl std::fmt::Display for Key {
    /// As it is named on the command line: `albo.comune.malnate.va.it/A`.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.name.trim_end_matches('.'), self.kind)
    }
}

/// The data of an RRset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RrSet {
    /// Seconds that resolvers may keep it.
    pub ttl: u32,
    /// Each record's data in canonical text.
    pub data: BTreeSet<String>,
}

impl RrSet {
    /// One line for people: the TTL and the data.
    pub fn words(&self) -> String {
        let data: Vec<&str> = self.data.iter().map(String::as_str).collect();
        format!("{} {}", self.ttl, data.join(", "))
    }
}

/// All RRsets of a zone that are not made by signing, with the serial of the SOA taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// By name and type. The SOA's data have 0 in the place of the serial.
    pub sets: BTreeMap<Key, RrSet>,
    /// The serial that the SOA had.
    pub serial: Option<u32>,
}

impl Records {
    /// Reads records, one a line. Empty lines and comments are passed over.
    ///
    /// # Errors
    /// The line that is no record.
    pub fn read<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Records> {
        let mut records = Records::default();
        for line in lines.into_iter().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(';')) {
            records.add(line).ok_or_else(|| Failure::operation(format!("{line:?} is no record")))?;
        }
        Ok(records)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let mut rest = line;
        let name = word(&mut rest)?;
        let ttl = word(&mut rest)?.parse().ok()?;
        let mut kind = word(&mut rest)?;
        if kind.eq_ignore_ascii_case("IN") {
            kind = word(&mut rest)?;
        }
        let key = Key::new(name, kind);
        if MADE_BY_SIGNING.contains(&key.kind.as_str()) {
            return Some(());
        }
        let mut data = canonical(&key.kind, rest)?;
        if key.kind == "SOA" {
            let mut fields: Vec<&str> = data.split(' ').collect();
            self.serial = Some(fields.get(2)?.parse().ok()?);
            fields[2] = "0";
            data = fields.join(" ");
        }
        let set = self.sets.entry(key).or_insert_with(|| RrSet { ttl, data: BTreeSet::new() });
        set.data.insert(data);
        Some(())
    }
}

/// The lines with `serial` in their SOA: what a zone file says.
///
/// # Errors
/// When the first line is no SOA.
pub fn with_serial(lines: &[String], serial: u32) -> Result<String> {
    let first = lines.first().map(|line| line.split_whitespace().collect::<Vec<_>>()).unwrap_or_default();
    let soa = first.iter().position(|word| *word == "SOA");
    let Some(at) = soa.map(|soa| soa + 3).filter(|at| *at < first.len()) else {
        return Err(Failure::operation("the first record of a zone is not its SOA"));
    };
    let serial = serial.to_string();
    let words: Vec<&str> =
        first.iter().enumerate().map(|(place, word)| if place == at { &serial } else { *word }).collect();
    let mut text = words.join(" ");
    for line in &lines[1..] {
        text.push('\n');
        text.push_str(line);
    }
    text.push('\n');
    Ok(text)
}

/// Takes the next word off `rest`.
fn word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    *rest = after;
    (!word.is_empty()).then_some(word)
}

/// One way of writing the data of a record, whatever way they came in.
fn canonical(kind: &str, data: &str) -> Option<String> {
    let fields = fields(data)?;
    let plain = |fields: &[Field]| fields.iter().map(Field::text).collect::<Vec<_>>();
    let words = match kind {
        "A" => vec![single(&fields)?.parse::<Ipv4Addr>().ok()?.to_string()],
        "AAAA" => vec![single(&fields)?.parse::<Ipv6Addr>().ok()?.to_string()],
        "TXT" | "SPF" => fields.iter().map(Field::quoted).collect(),
        "CAA" => match &fields[..] {
            [flag, tag, value] => vec![flag.text(), tag.text().to_lowercase(), value.quoted()],
            _ => return None,
        },
        _ if NAMES.contains(&kind) => plain(&fields).into_iter().map(|word| word.to_lowercase()).collect(),
        _ => match HEXADECIMAL.iter().find(|(name, _)| *name == kind) {
            Some((_, numbers)) if fields.len() > *numbers => {
                let mut words = plain(&fields[..*numbers]);
                words.push(plain(&fields[*numbers..]).concat().to_lowercase());
                words
            }
            _ => plain(&fields),
        },
    };
    (!words.is_empty()).then(|| words.join(" "))
}

fn single(fields: &[Field]) -> Option<String> {
    match fields {
        [one] => Some(one.text()),
        _ => None,
    }
}

/// A field of a record's data, with its escapes taken away.
struct Field {
    bytes: Vec<u8>,
    /// As it was written, without its quotes.
    written: String,
}

impl Field {
    fn text(&self) -> String {
        self.written.clone()
    }

    /// In quotes; what is not printable as `\DDD`.
    fn quoted(&self) -> String {
        let mut text = String::from("\"");
        for byte in &self.bytes {
            match byte {
                b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
                b' '..=b'~' => text.push(char::from(*byte)),
                _ => text.push_str(&format!("\\{byte:03}")),
            }
        }
        text.push('"');
        text
    }
}

/// Splits data into fields; quotes keep blanks together. `None` when a quote or an escape does not end.
fn fields(data: &str) -> Option<Vec<Field>> {
    let mut found = Vec::new();
    let mut rest = data.as_bytes();
    loop {
        rest = rest.trim_ascii_start();
        let Some(&first) = rest.first() else { return Some(found) };
        let in_quotes = first == b'"';
        if in_quotes {
            rest = &rest[1..];
        }
        let (mut bytes, mut at) = (Vec::new(), 0);
        loop {
            match rest.get(at) {
                None if in_quotes => return None,
                None => break,
                Some(b'"') if in_quotes => break,
                Some(byte) if !in_quotes && byte.is_ascii_whitespace() => break,
                Some(b'\\') => {
                    let digits = rest.get(at + 1..at + 4).filter(|digits| digits.iter().all(u8::is_ascii_digit));
                    match digits.and_then(|digits| std::str::from_utf8(digits).ok()) {
                        Some(digits) => {
                            bytes.push(digits.parse().ok()?);
                            at += 4;
                        }
                        None => {
                            bytes.push(*rest.get(at + 1)?);
                            at += 2;
                        }
                    }
                }
                Some(byte) => {
                    bytes.push(*byte);
                    at += 1;
                }
            }
        }
        let written = String::from_utf8_lossy(&rest[..at]).into_owned();
        found.push(Field { bytes, written });
        rest = &rest[(at + usize::from(in_quotes)).min(rest.len())..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> (Key, RrSet) {
        Records::read([line]).unwrap().sets.pop_first().unwrap()
    }

    #[test]
    fn one_record_written_in_several_ways_is_one() {
        for (one_way, another) in [
            ("A.example. 60 A 192.0.2.1", "a.example. 60 IN a 192.0.2.1"),
            ("a.example. 60 AAAA 2001:DB8:0:0::1", "a.example. 60 AAAA 2001:db8::1"),
            ("a.example. 60 TXT \"a b\" c", "a.example. 60 TXT \"a\\ b\"  \"\\099\""),
            ("a.example. 60 CAA 0 ISSUE letsencrypt.org", "a.example. 60 CAA 0 issue \"letsencrypt.org\" "),
            ("a.example. 60 MX 10  Mail.Example.", "a.example. 60 IN MX 10 mail.example."),
            ("a.example. 60 DS 1 13 2 ABCD EF01", "a.example. 60 DS 1 13 2 abcdef01"),
        ] {
            assert_eq!(one(one_way), one(another), "{one_way}");
        }
    }

    #[test]
    fn what_differs_for_a_resolver_differs_here() {
        for (one_way, another) in [
            ("a.example. 60 A 192.0.2.1", "a.example. 61 A 192.0.2.1"),
            ("a.example. 60 TXT \"a b\"", "a.example. 60 TXT a b"),
            ("a.example. 60 TXT A", "a.example. 60 TXT a"),
            ("a.example. 60 TXT \"\\\"\"", "a.example. 60 TXT \"\\\\\""),
        ] {
            assert_ne!(one(one_way), one(another), "{one_way}");
        }
    }

    #[test]
    fn the_serial_is_taken_out_and_put_in() {
        let lines = ["b.it. 60 SOA ns.b.it. h.b.it. 0 4 3 2 1".to_string(), "b.it. 60 NS ns.b.it.".to_string()];
        let text = with_serial(&lines, 2_026_112_501).unwrap();
        assert_eq!(text, "b.it. 60 SOA ns.b.it. h.b.it. 2026112501 4 3 2 1\nb.it. 60 NS ns.b.it.\n");
        let read = Records::read(text.lines()).unwrap();
        assert_eq!(read.serial, Some(2_026_112_501));
        assert_eq!(read.sets, Records::read(lines.iter().map(String::as_str)).unwrap().sets);
        assert!(with_serial(&lines[1..], 1).is_err());
    }

    #[test]
    fn what_is_made_by_signing_is_no_difference() {
        let signed =
            ["b.it. 60 RRSIG A 13 2 60 1 2 3 b.it. xx==", "b.it. 60 NSEC b.it. A", "b.it. 60 DNSKEY 257 3 13 xx"];
        assert!(Records::read(signed).unwrap().sets.is_empty());
    }

    #[test]
    fn what_is_no_record_is_named() {
        for line in [
            "b.it.",
            "b.it. x A 192.0.2.1",
            "b.it. 60 A 192.0.2",
            "b.it. 60 TXT \"a",
            "b.it. 60 TXT a\\",
            "b.it. 60 TXT \\999",
        ] {
            let failure = Records::read([line]).unwrap_err();
            assert!(failure.message.contains("is no record"), "{line}: {failure}");
        }
    }
}
