//! Domain names, always absolute and in small letters.

use std::cmp::Ordering;
use std::fmt;

/// A whole domain name (RFC 1034), in small letters. Shown with its final dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    /// From the left; escapes as they are written. None for the root.
    labels: Vec<String>,
}

/// What keeps a text from being a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameFault {
    /// Nothing, or two dots together.
    EmptyLabel,
    /// A label of more than 63 octets.
    LongLabel(String),
    /// More than 255 octets on the wire.
    Long(usize),
    /// A character that no name here holds.
    Character(char),
}

impl fmt::Display for NameFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameFault::EmptyLabel => out.write_str("it has an empty label (`..`, or nothing)"),
            NameFault::LongLabel(label) => write!(out, "its label `{label}` has {} octets, and 63 fit", length(label)),
            NameFault::Long(octets) => write!(out, "it has {octets} octets, and 255 fit"),
            NameFault::Character(character) => {
                write!(out, "it holds {character:?}; a name with other letters is written in punycode (`xn--…`)")
            }
        }
    }
}

impl Name {
    /// The root.
    pub fn root() -> Name {
        Name { labels: Vec::new() }
    }

    /// Reads an absolute name; a final dot may be there or not.
    ///
    /// # Errors
    /// Why it is no name.
    pub fn absolute(text: &str) -> Result<Name, NameFault> {
        Name::relative(text.strip_suffix('.').unwrap_or(text), &Name::root())
    }

    /// Reads a name as it stands in a zone file: `@`, relative to the origin, or absolute with its final dot.
    ///
    /// # Errors
    /// Why it is no name.
    pub fn relative(text: &str, origin: &Name) -> Result<Name, NameFault> {
        if text == "@" {
            return Ok(origin.clone());
        }
        if text == "." {
            return Ok(Name::root());
        }
        let (mut labels, ends) = split(text)?;
        if !ends {
            labels.extend(origin.labels.iter().cloned());
        }
        let octets = 1 + labels.iter().map(|label| 1 + length(label)).sum::<usize>();
        if octets > 255 { Err(NameFault::Long(octets)) } else { Ok(Name { labels }) }
    }

    /// The labels from the left.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.labels.is_empty()
    }

    /// Whether it is `other` or lies below it.
    pub fn is_within(&self, other: &Name) -> bool {
        self.labels.len() >= other.labels.len() && self.labels[self.labels.len() - other.labels.len()..] == other.labels
    }

    /// The name without its first label; `None` for the root.
    pub fn parent(&self) -> Option<Name> {
        let labels = self.labels.get(1..)?.to_vec();
        Some(Name { labels })
    }

    /// The name below the origin as it stands in a zone file: `@`, `www`; absolute when it lies elsewhere.
    pub fn below(&self, origin: &Name) -> String {
        if self == origin {
            return "@".to_string();
        }
        if !self.is_within(origin) {
            return self.to_string();
        }
        self.labels[..self.labels.len() - origin.labels.len()].join(".")
    }

    /// As a person types it: without the final dot.
    pub fn plain(&self) -> String {
        self.labels.join(".")
    }

    /// The labels as octets, without their escapes: as they travel.
    pub fn octets(&self) -> Vec<Vec<u8>> {
        self.labels.iter().map(|label| unescaped(label)).collect()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for label in &self.labels {
            write!(out, "{label}.")?;
        }
        if self.labels.is_empty() { out.write_str(".") } else { Ok(()) }
    }
}

/// The order of RFC 4034: a name before what lies below it.
impl Ord for Name {
    fn cmp(&self, other: &Name) -> Ordering {
        self.labels.iter().rev().cmp(other.labels.iter().rev())
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The labels, and whether the text ended with a dot.
fn split(text: &str) -> Result<(Vec<String>, bool), NameFault> {
    let mut labels = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let last = labels.len() - 1;
        match letter {
            '.' => labels.push(String::new()),
            '\\' => {
                labels[last].push(letter);
                labels[last].extend(letters.next());
            }
            letter if letter.is_ascii_graphic() => labels[last].push(letter.to_ascii_lowercase()),
            letter => return Err(NameFault::Character(letter)),
        }
    }
    let ends = labels.len() > 1 && labels.last().is_some_and(String::is_empty);
    if ends {
        labels.pop();
    }
    for label in &labels {
        if label.is_empty() {
            return Err(NameFault::EmptyLabel);
        }
        if length(label) > 63 {
            return Err(NameFault::LongLabel(label.clone()));
        }
    }
    Ok((labels, ends))
}

/// Octets of a label on the wire.
fn length(label: &str) -> usize {
    unescaped(label).len()
}

fn unescaped(label: &str) -> Vec<u8> {
    super::parse::unescape(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::absolute(text).unwrap()
    }

    #[test]
    fn a_name_is_relative_unless_it_ends_with_a_dot() {
        let origin = name("comune.malnate.va.it");
        assert_eq!(Name::relative("WWW", &origin).unwrap().to_string(), "www.comune.malnate.va.it.");
        assert_eq!(Name::relative("mx.example.", &origin).unwrap().to_string(), "mx.example.");
        assert_eq!(Name::relative("@", &origin).unwrap(), origin);
        assert_eq!(Name::relative(".", &origin).unwrap().to_string(), ".");
        assert_eq!(name("a.comune.malnate.va.it").below(&origin), "a");
        assert_eq!(name("mx.example").below(&origin), "mx.example.");
        assert_eq!(origin.below(&origin), "@");
    }

    #[test]
    fn what_is_no_name_says_why() {
        let origin = name("it");
        assert_eq!(Name::relative("a..b", &origin), Err(NameFault::EmptyLabel));
        assert_eq!(Name::relative("", &origin), Err(NameFault::EmptyLabel));
        assert!(matches!(Name::relative(&"a".repeat(64), &origin), Err(NameFault::LongLabel(_))));
        assert!(matches!(Name::relative(&"abc.".repeat(70), &origin), Err(NameFault::Long(_))));
        assert_eq!(Name::relative("viggiù", &origin), Err(NameFault::Character('ù')));
    }

    #[test]
    fn a_dot_in_a_label_is_escaped_and_counted_once() {
        let contact = name(r"anna\.rossi.comune.malnate.va.it");
        assert_eq!(contact.labels()[0], r"anna\.rossi");
        assert_eq!(contact.octets()[0], b"anna.rossi");
        assert_eq!(contact.labels().len(), 5);
    }

    #[test]
    fn a_name_comes_before_what_lies_below_it() {
        let mut names = ["www.a.it", "a.it", "b.it", "z.www.a.it", "albo.a.it"].map(name);
        names.sort();
        assert_eq!(names.map(|name| name.plain()), ["a.it", "albo.a.it", "www.a.it", "z.www.a.it", "b.it"]);
        assert!(name("a.b.it").is_within(&name("b.it")) && !name("ab.it").is_within(&name("b.it")));
    }
}
