//! What a template may name, checked when it is loaded: also in branches that no member takes today.
//!
//! Tera takes `{% if tenant.typo %}` for false without a word. So every dotted name in a tag is looked up in the
//! shape of the values that will be offered.

use std::collections::BTreeMap;

use serde_json::Value;

/// What may be named: taken from a specimen of the values, with one element in every list.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Text, number, boolean or null: nothing below it.
    Leaf,
    /// All elements look like this one.
    List(Box<Shape>),
    /// Exactly these names.
    Map(BTreeMap<String, Shape>),
    /// Names that are only known for each element (secrets, environment).
    Open,
}

impl Shape {
    /// The shape of a specimen; the maps at the `open` paths have names of their own for each element.
    pub fn of(specimen: &Value, open: &[&str]) -> Shape {
        Shape::below(specimen, "", open)
    }

    fn below(specimen: &Value, path: &str, open: &[&str]) -> Shape {
        match specimen {
            _ if open.contains(&path) => Shape::Open,
            Value::Array(elements) => {
                Shape::List(Box::new(elements.first().map_or(Shape::Leaf, |first| Shape::below(first, path, open))))
            }
            Value::Object(fields) => Shape::Map(
                fields
                    .iter()
                    .map(|(name, field)| {
                        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                        (name.clone(), Shape::below(field, &path, open))
                    })
                    .collect(),
            ),
            _ => Shape::Leaf,
        }
    }

    /// Follows a dotted path.
    ///
    /// # Errors
    /// The first part that is not there, with the names that are.
    pub fn follow(&self, path: &str) -> Result<&Shape, Unknown> {
        let mut here = self;
        let mut walked = String::new();
        for part in path.split('.') {
            match here {
                Shape::Open => return Ok(here),
                Shape::Map(fields) => match fields.get(part) {
                    Some(next) => here = next,
                    None => {
                        return Err(Unknown {
                            name: part.to_string(),
                            parent: walked,
                            known: fields.keys().cloned().collect(),
                        });
                    }
                },
                Shape::Leaf | Shape::List(_) => {
                    return Err(Unknown { name: part.to_string(), parent: walked, known: Vec::new() });
                }
            }
            if !walked.is_empty() {
                walked.push('.');
            }
            walked.push_str(part);
        }
        Ok(here)
    }
}

/// A name that nothing offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The part that is not there.
    pub name: String,
    /// What stands before it; empty at the beginning.
    pub parent: String,
    /// The names that are there.
    pub known: Vec<String>,
}

/// An unknown name and where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name.
    pub unknown: Unknown,
    /// Line from 1.
    pub line: usize,
    /// Column from 1, in characters.
    pub column: usize,
    /// Length of the name in characters.
    pub length: usize,
}

/// Words of Tera's own language.
const WORDS: [&str; 26] = [
    "if",
    "elif",
    "else",
    "endif",
    "for",
    "endfor",
    "in",
    "not",
    "and",
    "or",
    "is",
    "set",
    "set_global",
    "include",
    "extends",
    "block",
    "endblock",
    "true",
    "false",
    "True",
    "False",
    "none",
    "None",
    "loop",
    "filter",
    "endfilter",
];

/// The unknown names in the tags of a template.
///
/// Names that the template itself binds (`for`, `set`) are followed as far as they are a plain path; others are left alone.
pub fn unknown_names(text: &str, shape: &Shape) -> Vec<Finding> {
    let mut bound: BTreeMap<String, Shape> = BTreeMap::new();
    let mut found = Vec::new();
    for tag in tags(text) {
        let words = words(&text[tag.clone()], tag.start);
        bind(&words, shape, &mut bound);
        for (place, word) in words.iter().enumerate() {
            let root = word.text.split('.').next().unwrap_or_default();
            // A filter, a named argument, a function and a test are names of Tera's, not of ours.
            let of_tera = matches!(word.before, Some('|' | '<')) || matches!(word.after, Some('=' | '('));
            if of_tera || names_a_test(&words, place) || WORDS.contains(&root) {
                continue;
            }
            let result = match bound.get(root) {
                Some(shape) => match word.text.split_once('.') {
                    Some((_, rest)) => shape.follow(rest).map_err(|mut unknown| {
                        unknown.parent = [root, &unknown.parent].join(".").trim_end_matches('.').to_string();
                        unknown
                    }),
                    None => Ok(shape),
                },
                None => shape.follow(&word.text),
            };
            if let Err(unknown) = result {
                let before = &text[..word.start];
                let line_start = before.rfind('\n').map_or(0, |at| at + 1);
                found.push(Finding {
                    unknown,
                    line: before.matches('\n').count() + 1,
                    column: before[line_start..].chars().count() + 1,
                    length: word.text.chars().count(),
                });
            }
        }
    }
    found
}

/// The names of the templates that a template includes or extends.
pub fn includes(text: &str) -> Vec<String> {
    tags(text)
        .into_iter()
        .filter_map(|range| {
            let tag = text[range].trim_matches(|character: char| character == '-' || character.is_whitespace());
            let name = tag.strip_prefix("include").or_else(|| tag.strip_prefix("extends"))?;
            let name = name.trim().trim_matches(['"', '\'', '`']);
            (!name.is_empty()).then(|| name.to_string())
        })
        .collect()
}

fn names_a_test(words: &[Word], place: usize) -> bool {
    let before = |steps: usize| place.checked_sub(steps).map(|place| words[place].text.as_str());
    before(1) == Some("is") || before(1) == Some("not") && before(2) == Some("is")
}

struct Word {
    text: String,
    start: usize,
    /// The first character before and after it that is not blank.
    before: Option<char>,
    after: Option<char>,
}

/// The insides of `{{ }}` and `{% %}`, not of comments and not of `raw` blocks.
fn tags(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    let mut raw = false;
    while let Some(open) = text[at..].find('{').map(|found| at + found) {
        let close = match text[open + 1..].chars().next() {
            Some('{') => "}}",
            Some('%') => "%}",
            Some('#') => "#}",
            _ => {
                at = open + 1;
                continue;
            }
        };
        let Some(end) = end_of_tag(text, open + 2, close) else { return ranges };
        let word = text[open + 2..end].trim_matches(|character: char| character == '-' || character.is_whitespace());
        match (close, word) {
            ("%}", "raw") => raw = true,
            ("%}", "endraw") => raw = false,
            ("#}", _) => {}
            _ if !raw => ranges.push(open + 2..end),
            _ => {}
        }
        at = end + 2;
    }
    ranges
}

/// Where the tag closes; a quoted string in it may hold the closing characters.
fn end_of_tag(text: &str, start: usize, close: &str) -> Option<usize> {
    let mut quote = None;
    for (offset, character) in text[start..].char_indices() {
        match quote {
            Some(open) if open == character => quote = None,
            Some(_) => {}
            None if close != "#}" && matches!(character, '"' | '\'' | '`') => quote = Some(character),
            None if text[start + offset..].starts_with(close) => return Some(start + offset),
            None => {}
        }
    }
    None
}

/// Dotted names in a tag, outside of quoted strings and of indexes.
fn words(tag: &str, base: usize) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut quote = None;
    let mut last = None;
    let mut characters = tag.char_indices().peekable();
    while let Some((start, character)) = characters.next() {
        if let Some(open) = quote {
            if open == character {
                quote = None;
                last = Some('"');
            }
            continue;
        }
        if matches!(character, '"' | '\'' | '`') {
            quote = Some(character);
            continue;
        }
        if character.is_alphabetic() || character == '_' {
            let mut end = start + character.len_utf8();
            while let Some((at, next)) = characters.peek().copied() {
                if !(next.is_alphanumeric() || matches!(next, '_' | '.')) {
                    break;
                }
                end = at + next.len_utf8();
                characters.next();
            }
            let rest = tag[end..].trim_start();
            let after = if rest.starts_with("==") { None } else { rest.chars().next() };
            // What follows an index (`hosts[0].name`) has no beginning that could be looked up.
            if last != Some('.') {
                words.push(Word { text: tag[start..end].to_string(), start: base + start, before: last, after });
            }
            last = Some('a');
        } else if character.is_ascii_digit() {
            while characters.peek().is_some_and(|(_, next)| next.is_alphanumeric() || *next == '_') {
                characters.next();
            }
            last = Some('0');
        } else if !character.is_whitespace() {
            last = Some(character);
        }
    }
    words
}

/// Remembers what `for x in path`, `for k, v in path` and `set x = ...` bind.
fn bind(words: &[Word], shape: &Shape, bound: &mut BTreeMap<String, Shape>) {
    let name = |place: usize| words.get(place).map(|word| word.text.as_str());
    let element = |path: Option<&str>, bound: &BTreeMap<String, Shape>| {
        let path = path.unwrap_or_default();
        let (root, rest) = path.split_once('.').unwrap_or((path, ""));
        let found = match bound.get(root) {
            Some(shape) if rest.is_empty() => Ok(shape),
            Some(shape) => shape.follow(rest),
            None => shape.follow(path),
        };
        match found {
            Ok(Shape::List(element)) => element.as_ref().clone(),
            _ => Shape::Open,
        }
    };
    match (name(0), name(1), name(2), name(3)) {
        (Some("for"), Some(each), Some("in"), path) => {
            let filtered = words.get(3).is_some_and(|word| word.after == Some('|'));
            let shape = if filtered { Shape::Open } else { element(path, bound) };
            bound.insert(each.to_string(), shape);
        }
        (Some("for"), Some(key), Some(value), Some("in")) => {
            bound.insert(key.to_string(), Shape::Leaf);
            bound.insert(value.to_string(), Shape::Open);
        }
        (Some("set" | "set_global"), Some(each), ..) => {
            bound.insert(each.to_string(), Shape::Open);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(text: &str) -> Vec<String> {
        let specimen = json!({
            "tenant": {"id": "x", "port": 1, "secrets": {"a": "b"}, "application": {"packages": ["p"]}},
            "hosts": [{"name": "db1", "roles": ["database"]}],
        });
        let shape = Shape::of(&specimen, &["tenant.secrets"]);
        unknown_names(text, &shape)
            .into_iter()
            .map(|found| format!("{}.{}", found.unknown.parent, found.unknown.name))
            .collect()
    }

    #[test]
    fn names_that_exist_pass() {
        for text in [
            "{{ tenant.id }} {{ tenant.secrets.anything }} {{ hosts[0].name }}",
            "{% if tenant.port and not tenant.id == \"tenant.typo\" %}{{ tenant.id | nginx }}{% endif %}",
            "{% for host in hosts %}{{ host.name }}{% if loop.last %}{% endif %}{% endfor %}",
            "{% for name in tenant.application.packages | sort %}{{ name }}{% endfor %}",
            "{% set a = tenant.id %}{{ a }}{# tenant.typo #}{% raw %}{{ $labels.typo }}{% endraw %}",
            "{% for host in hosts %}{% if \"database\" in host.roles %}{% endif %}{% endfor %}",
            "{{ tenant.id | replace(from=\"a\", to=\"b\") }} { tenant.typo }",
            "{% if tenant.port is none %}{% endif %}{% if tenant.port is not none %}{% endif %}",
        ] {
            assert_eq!(names(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_typo_is_found_even_where_tera_is_silent() {
        for (text, name) in [
            ("{% if tenant.typo %}{% endif %}", "tenant.typo"),
            ("{% if not tenant.application.typo %}{% endif %}", "tenant.application.typo"),
            ("{% if tennant.id == 1 %}{% endif %}", ".tennant"),
            ("{% for host in hosts %}{% if host.typo %}{% endif %}{% endfor %}", "host.typo"),
            ("{{ tenant.typo | default(value=\"\") }}", "tenant.typo"),
            ("{{ tenant.id | default(value=tenant.typo) }}", "tenant.typo"),
            ("{% for a in tenant.typo %}{% endfor %}", "tenant.typo"),
            ("{{ tenant.id.typo }}", "tenant.id.typo"),
        ] {
            assert_eq!(names(text), [name], "{text}");
        }
    }

    #[test]
    fn the_place_is_that_of_the_name() {
        let shape = Shape::of(&json!({"tenant": {"id": ""}}), &[]);
        let found = unknown_names("à\nàà {{ tenant.typo }}", &shape);
        assert_eq!((found[0].line, found[0].column, found[0].length), (2, 7, 11));
        assert_eq!(found[0].unknown.known, ["id"]);
    }
}
