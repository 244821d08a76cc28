//! Records as canonical text.

use std::fmt;

use super::data::{Data, Soa};
use super::record::{Record, Zone};

/// The most that one character string holds.
const PIECE: usize = 255;

impl fmt::Display for Data {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Data::Soa(Soa { primary, contact, serial, refresh, retry, expire, minimum }) => {
                write!(out, "{primary} {contact} {serial} {refresh} {retry} {expire} {minimum}")
            }
            Data::Ns(name) | Data::Cname(name) | Data::Ptr(name) => write!(out, "{name}"),
            Data::A(address) => write!(out, "{address}"),
            Data::Aaaa(address) => write!(out, "{address}"),
            Data::Caa { flags, tag, value } => write!(out, "{flags} {tag} {}", quoted(value)),
            Data::Ds { tag, algorithm, digest_type, digest } => write!(out, "{tag} {algorithm} {digest_type} {digest}"),
            Data::Mx { preference, exchanger } => write!(out, "{preference} {exchanger}"),
            Data::Srv { priority, weight, port, target } => write!(out, "{priority} {weight} {port} {target}"),
            Data::Sshfp { algorithm, digest_type, digest } => write!(out, "{algorithm} {digest_type} {digest}"),
            Data::Tlsa { usage, selector, matching, data } => write!(out, "{usage} {selector} {matching} {data}"),
            Data::Txt(octets) if octets.is_empty() => out.write_str("\"\""),
            Data::Txt(octets) => {
                let pieces: Vec<String> = octets.chunks(PIECE).map(quoted).collect();
                out.write_str(&pieces.join(" "))
            }
            Data::Signed(_, text) => out.write_str(text),
        }
    }
}

/// `owner TTL TYPE data`; the class is always IN and is left out.
impl fmt::Display for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} {} {}", self.owner, self.ttl, self.kind(), self.data)
    }
}

fn quoted(octets: &[u8]) -> String {
    let mut text = String::from("\"");
    for octet in octets {
        match octet {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(*octet));
            }
            b' '..=b'~' => text.push(char::from(*octet)),
            octet => text.push_str(&format!("\\{octet:03}")),
        }
    }
    text.push('"');
    text
}

impl Zone {
    /// The zone as a file for people and servers: every name absolute, the columns aligned.
    pub fn to_file(&self) -> String {
        let lines: Vec<[String; 4]> = self
            .sorted()
            .iter()
            .map(|record| {
                [record.owner.to_string(), record.ttl.to_string(), record.kind().to_string(), record.data.to_string()]
            })
            .collect();
        let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or_default();
        let (owner, ttl, kind) = (width(0), width(1), width(2));
        let mut text = format!("; Zone {}\n", self.name);
        for [name, seconds, word, data] in &lines {
            text.push_str(&format!("{name:owner$} {seconds:>ttl$} {word:kind$} {data}\n"));
        }
        text
    }
}
