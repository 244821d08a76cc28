//! Zone files (RFC 1035, 5): read with all that is wrong in them.

use super::data::Type;
use super::finding::{Finding, rules};
use super::name::Name;
use super::parse::{Reading, Word, seconds};
use super::record::{Place, Record, Zone};

/// The longest TTL that can be written (RFC 2181, 8).
pub const LONGEST_TTL: u64 = 2_147_483_647;

/// Reads the text of a zone. Places are lines, from 1.
pub fn read(text: &str, name: &Name) -> (Zone, Vec<Finding>) {
    let mut findings = Vec::new();
    let lines = lines(text, name, &mut findings);
    let mut reader = Reader { origin: name.clone(), owner: name.clone(), ttl: None, last: None, findings };
    let records = lines.iter().filter_map(|line| reader.line(line)).collect();
    (Zone { name: name.clone(), records }, reader.findings)
}

/// The words of one line.
pub fn words(text: &str) -> Vec<Word> {
    let mut line = Line::default();
    split(text, &mut line);
    line.words
}

/// The words of one line; `None` when a quote or a bracket in it is not closed, or was never opened.
pub fn whole_words(text: &str) -> Option<Vec<Word>> {
    let mut line = Line::default();
    split(text, &mut line);
    (!line.broken && line.open == 0).then_some(line.words)
}

/// A record or directive, over several lines when it has brackets.
#[derive(Debug, Default)]
struct Line {
    place: Place,
    /// It begins with a blank: its owner is that of the line before.
    indented: bool,
    words: Vec<Word>,
    /// How many brackets are open.
    open: usize,
    /// A quote or a bracket does not match.
    broken: bool,
}

fn lines(text: &str, zone: &Name, findings: &mut Vec<Finding>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = Line::default();
    for (number, text) in text.lines().enumerate() {
        if line.open == 0 {
            let place = Place::try_from(number + 1).unwrap_or(Place::MAX);
            line = Line { place, indented: text.starts_with([' ', '\t']), ..Line::default() };
        }
        split(text, &mut line);
        if line.open == 0 || line.broken {
            line.open = 0;
            lines.push(std::mem::take(&mut line));
        }
    }
    if line.open > 0 {
        line.broken = true;
        lines.push(line);
    }
    for line in lines.iter().filter(|line| line.broken) {
        let finding = Finding::of(&rules::SYNTAX, "a quote or a bracket is not closed, or was never opened");
        findings.push(finding.help("close `\"` on its line, and every `(` with `)`").at(zone, None, line.place));
    }
    lines.retain(|line| !line.words.is_empty() && !line.broken);
    lines
}

fn split(text: &str, line: &mut Line) {
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ';' => return,
            '(' => line.open += 1,
            ')' if line.open == 0 => line.broken = true,
            ')' => line.open -= 1,
            '"' => {
                let mut word = String::new();
                loop {
                    match letters.next() {
                        Some('"') => break,
                        Some('\\') => {
                            word.push('\\');
                            word.extend(letters.next());
                        }
                        Some(letter) => word.push(letter),
                        None => {
                            line.broken = true;
                            break;
                        }
                    }
                }
                line.words.push(Word { text: word, quoted: true });
            }
            letter if letter.is_whitespace() => {}
            letter => {
                let mut word = String::from(letter);
                if letter == '\\' {
                    word.extend(letters.next());
                }
                while let Some(next) = letters.next_if(|next| !next.is_whitespace() && !"();\"".contains(*next)) {
                    word.push(next);
                    if next == '\\' {
                        word.extend(letters.next());
                    }
                }
                line.words.push(Word { text: word, quoted: false });
            }
        }
    }
}

struct Reader {
    origin: Name,
    owner: Name,
    /// `$TTL`.
    ttl: Option<u32>,
    /// The TTL of the record before.
    last: Option<u32>,
    findings: Vec<Finding>,
}

impl Reader {
    fn line(&mut self, line: &Line) -> Option<Record> {
        let first = line.words.first()?;
        if first.text.starts_with('$') && !first.quoted && !line.indented {
            self.directive(line);
            return None;
        }
        let mut words = line.words.iter();
        if !line.indented {
            let text = &words.next()?.text;
            match Name::relative(text, &self.origin) {
                Ok(name) => self.owner = name,
                Err(fault) => {
                    self.reading(line).name_fault(None, text, &fault);
                    return None;
                }
            }
        }
        let mut ttl = None;
        let kind = loop {
            let Some(word) = words.next() else {
                self.tell(line, &rules::SYNTAX, "a name without a record".to_string(), "name, TTL, type, data");
                return None;
            };
            if let Some(kind) = Type::read(&word.text) {
                break kind;
            }
            match (word.text.to_ascii_uppercase().as_str(), seconds(&word.text)) {
                ("IN", _) => {}
                (_, Some(seconds)) if ttl.is_none() => ttl = Some(self.ttl(line, seconds)),
                _ => {
                    let known = Type::WRITTEN.map(Type::word).join(", ");
                    let message = format!("{:?} is no type of record that is served here", word.text);
                    self.tell(line, &rules::SYNTAX, message, &format!("class IN, and one of {known}"));
                    return None;
                }
            }
        };
        let words: Vec<Word> = words.cloned().collect();
        let data = self.reading(line).data(kind, &words)?;
        let Some(ttl) = ttl.or(self.ttl).or(self.last) else {
            self.tell(line, &rules::TTL_RANGE, "no TTL is said".to_string(), "begin the file with `$TTL 3600`");
            return None;
        };
        self.last = Some(ttl);
        Some(Record { owner: self.owner.clone(), ttl, data, place: line.place })
    }

    fn directive(&mut self, line: &Line) {
        let texts: Vec<&str> = line.words.iter().map(|word| word.text.as_str()).collect();
        match texts.as_slice() {
            ["$ORIGIN", name] => match Name::relative(name, &self.origin) {
                Ok(origin) => self.origin = origin,
                Err(fault) => self.reading(line).name_fault(None, name, &fault),
            },
            ["$TTL", text] if seconds(text).is_some() => {
                self.ttl = seconds(text).map(|seconds| self.ttl(line, seconds));
            }
            other => {
                let message = format!("{:?} is not understood", other.join(" "));
                self.tell(
                    line,
                    &rules::SYNTAX,
                    message,
                    "`$ORIGIN name.` and `$TTL seconds` only: write the records out",
                );
            }
        }
    }

    fn ttl(&mut self, line: &Line, seconds: u64) -> u32 {
        if seconds > LONGEST_TTL {
            self.tell(line, &rules::TTL_RANGE, format!("the TTL {seconds} is more than fits"), "3600 is an hour");
        }
        u32::try_from(seconds.min(LONGEST_TTL)).unwrap_or(u32::MAX)
    }

    fn reading(&mut self, line: &Line) -> Reading<'_> {
        let owner = self.owner.to_string();
        Reading { origin: &self.origin, owner, place: line.place, findings: &mut self.findings }
    }

    fn tell(&mut self, line: &Line, rule: &'static super::Rule, message: String, help: &str) {
        self.findings.push(Finding::of(rule, message).help(help).at(&self.owner, None, line.place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
$ORIGIN comune.malnate.va.it.
$TTL 1h
@       IN SOA ns1.example. dns.example. ( 2026112501 ; serial
                4h 1h 2w
                3600 )
        NS  ns1.example.
        300 IN NS ns2.example.
www     IN 600 A 192.0.2.1
Pec     MX 10 mx.pec.example.
@       TXT "v=spf1" " -all"  ; two strings
        TXT a\;b
$ORIGIN va.it.
albo.comune.malnate AAAA 2001:DB8:0::1
"#;

    fn name() -> Name {
        Name::absolute("comune.malnate.va.it").unwrap()
    }

    #[test]
    fn a_file_is_read_as_every_server_reads_it() {
        let (zone, findings) = read(FILE, &name());
        assert_eq!(findings, []);
        assert_eq!(
            zone.lines(),
            [
                "comune.malnate.va.it. 3600 SOA ns1.example. dns.example. 2026112501 14400 3600 1209600 3600",
                "comune.malnate.va.it. 3600 NS ns1.example.",
                "comune.malnate.va.it. 300 NS ns2.example.",
                r#"comune.malnate.va.it. 3600 TXT "a;b""#,
                r#"comune.malnate.va.it. 3600 TXT "v=spf1 -all""#,
                "albo.comune.malnate.va.it. 3600 AAAA 2001:db8::1",
                "pec.comune.malnate.va.it. 3600 MX 10 mx.pec.example.",
                "www.comune.malnate.va.it. 600 A 192.0.2.1",
            ]
        );
        let soa = &zone.records[0];
        assert_eq!((soa.place, soa.kind()), (4, Type::Soa));
    }

    #[test]
    fn canonical_text_is_read_as_itself() {
        let (zone, _) = read(FILE, &name());
        let (again, findings) = read(&zone.to_file(), &name());
        assert_eq!(findings, []);
        assert_eq!(again.lines(), zone.lines());
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        for (text, place, rule, part) in [
            ("$TTL 1h\n@ A 192.0.2.300", 2, "DNS-SYNTAX", "cannot be read"),
            ("$TTL 1h\n@ A 192.0.2.1 192.0.2.2", 2, "DNS-SYNTAX", "cannot be read"),
            ("@ A 192.0.2.1", 1, "DNS-TTL-RANGE", "no TTL"),
            ("$TTL 1h\n\nwww", 3, "DNS-SYNTAX", "without a record"),
            ("$TTL 1h\nwww HINFO a b", 2, "DNS-SYNTAX", "no type"),
            ("$TTL 1h\nwww CH A 192.0.2.1", 2, "DNS-SYNTAX", "no type"),
            ("$INCLUDE other", 1, "DNS-SYNTAX", "not understood"),
            ("$TTL 1h\n@ TXT \"open", 2, "DNS-SYNTAX", "not closed"),
            ("$TTL 1h\n@ SOA a. b. ( 1 2", 2, "DNS-SYNTAX", "not closed"),
            ("$TTL 1h\n@ MX 10 192.0.2.1", 2, "DNS-TARGET-ADDRESS", "is an address"),
            ("$TTL 1h\n@ MX 70000 mx.", 2, "DNS-SYNTAX", "cannot be read"),
            ("$TTL 1h\n@ MX 10 mx.example", 2, "DNS-FINAL-DOT", "without a final dot"),
            ("$TTL 1h\na..b A 192.0.2.1", 2, "DNS-NAME", "empty label"),
            ("$TTL 4294967296\n", 1, "DNS-TTL-RANGE", "more than fits"),
            ("$TTL 1h\n@ SOA ns1.example. a@b.example. 1 2 3 4 5", 2, "DNS-SOA-NAMES", "holds an `@`"),
            ("$TTL 1h\n@ DS 1 13 2 abc", 2, "DNS-SYNTAX", "cannot be read"),
        ] {
            let (_, findings) = read(text, &name());
            assert_eq!(findings.len(), 1, "{text:?}: {findings:?}");
            let found = &findings[0];
            assert_eq!((found.place, found.rule.id), (place, rule), "{text:?}");
            assert!(found.message.contains(part), "{text:?}: {}", found.message);
        }
    }
}
