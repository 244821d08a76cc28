//! Records as text (RFC 1035, one a line, absolute names), grouped into RRsets, so that what an inventory says and
//! what Knot prints of the same data are equal.

use std::collections::{BTreeMap, BTreeSet};

use crate::dns::{Data, Name, Reading, Type, Word, text};
use crate::failure::{Failure, Result};

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

    /// The records, one a line, the SOA first, with serial 0.
    pub fn lines(&self) -> Vec<String> {
        let (first, others): (Vec<_>, Vec<_>) = self.sets.iter().partition(|(key, _)| key.kind == "SOA");
        let sets = first.into_iter().chain(others);
        let line = |key: &Key, ttl: u32, data: &String| format!("{} {ttl} {} {data}", key.name, key.kind);
        sets.flat_map(|(key, set)| set.data.iter().map(move |data| line(key, set.ttl, data))).collect()
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let words = text::whole_words(line)?;
        let [name, ttl, rest @ ..] = words.as_slice() else { return None };
        let ttl = ttl.text.parse().ok()?;
        let (kind, data) = match rest {
            [class, kind, data @ ..] if class.text.eq_ignore_ascii_case("IN") => (kind, data),
            [kind, data @ ..] => (kind, data),
            [] => return None,
        };
        let key = Key::new(&name.text, &kind.text);
        let data = match Type::read(&key.kind) {
            Some(kind) if kind.is_of_signing() => return Some(()),
            Some(kind) => self.known(&key, kind, data)?,
            None => as_written(data)?,
        };
        let set = self.sets.entry(key).or_insert_with(|| RrSet { ttl, data: BTreeSet::new() });
        set.data.insert(data);
        Some(())
    }

    /// Data of a type that `dns` knows, in its canonical text.
    fn known(&mut self, key: &Key, kind: Type, words: &[Word]) -> Option<String> {
        let (origin, mut findings) = (Name::root(), Vec::new());
        let mut reading = Reading { origin: &origin, owner: key.name.clone(), place: 0, findings: &mut findings };
        let mut data = reading.data(kind, words)?;
        if let Data::Soa(soa) = &mut data {
            self.serial = Some(std::mem::take(&mut soa.serial));
        }
        Some(data.to_string())
    }
}

/// Data of a type that nobody writes into an inventory: whoever put them there, they are shown as they stand.
fn as_written(words: &[Word]) -> Option<String> {
    let word = |word: &Word| if word.quoted { format!("\"{}\"", word.text) } else { word.text.clone() };
    let words: Vec<String> = words.iter().map(word).collect();
    (!words.is_empty()).then(|| words.join(" "))
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
    fn what_was_read_is_written_as_lines_that_are_read_the_same_also_of_types_that_are_strange_here() {
        let lines = [
            "a.b.it. 60 HINFO \"a b\" c",
            "b.it. 60 NS ns.c.it.",
            "b.it. 60 SOA ns.b.it. h.b.it. 7 4 3 2 1",
            "b.it. 60 TXT \"a\\\"b\"",
        ];
        let read = Records::read(lines).unwrap();
        let written = read.lines();
        assert_eq!(written[0], "b.it. 60 SOA ns.b.it. h.b.it. 0 4 3 2 1");
        assert_eq!(written.len(), 4);
        assert_eq!(Records::read(written.iter().map(String::as_str)).unwrap().sets, read.sets);
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
            "b.it. 60 HINFO",
            "b.it. 60 SOA ns.b.it. h.b.it. 1 2 3 4",
        ] {
            let failure = Records::read([line]).unwrap_err();
            assert!(failure.message.contains("is no record"), "{line}: {failure}");
        }
    }
}
