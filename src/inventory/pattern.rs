//! The patterns that the types use: anchored sequences of characters and classes, each with a count.
//!
//! A crate for regular expressions would be larger than all the rest of this room; a test holds this one to it.

/// Whether `text` matches `pattern`; `None` when the pattern says more than is understood here.
pub fn matches(pattern: &str, text: &str) -> Option<bool> {
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let atoms = parse(inner)?;
    let text: Vec<char> = text.chars().collect();
    Some(rest_matches(&atoms, &text))
}

struct Atom {
    ranges: Vec<(char, char)>,
    least: usize,
    most: usize,
}

fn parse(pattern: &str) -> Option<Vec<Atom>> {
    let mut chars = pattern.chars().peekable();
    let mut atoms = Vec::new();
    while let Some(c) = chars.next() {
        let ranges = match c {
            '[' => {
                let class: String = chars.by_ref().take_while(|c| *c != ']').collect();
                parse_class(&class)?
            }
            '(' | ')' | '|' | '.' | '\\' | '*' | '+' | '?' | '{' => return None,
            c => vec![(c, c)],
        };
        let (least, most) = match chars.peek() {
            Some('{') => {
                chars.next();
                let count: String = chars.by_ref().take_while(|c| *c != '}').collect();
                let (least, most) = count.split_once(',').unwrap_or((&count, &count));
                (least.parse().ok()?, most.parse().ok()?)
            }
            _ => (1, 1),
        };
        atoms.push(Atom { ranges, least, most });
    }
    Some(atoms)
}

fn parse_class(class: &str) -> Option<Vec<(char, char)>> {
    let chars: Vec<char> = class.chars().collect();
    if chars.first() == Some(&'^') {
        return None;
    }
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if at + 2 < chars.len() && chars[at + 1] == '-' {
            ranges.push((chars[at], chars[at + 2]));
            at += 3;
        } else {
            ranges.push((chars[at], chars[at]));
            at += 1;
        }
    }
    Some(ranges)
}

fn rest_matches(atoms: &[Atom], text: &[char]) -> bool {
    let Some((atom, rest)) = atoms.split_first() else { return text.is_empty() };
    let fits = |c: &&char| atom.ranges.iter().any(|(from, to)| (from..=to).contains(c));
    let longest = text.iter().take(atom.most).take_while(fits).count();
    (atom.least..=longest).rev().any(|count| rest_matches(rest, &text[count..]))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_the_whole_text() {
        assert_eq!(matches("^[0-9]{6}$", "012096"), Some(true));
        assert_eq!(matches("^[0-9]{6}$", "012096\n"), Some(false));
        assert_eq!(matches("^[a-z][a-z0-9_]{1,15}$", "c_e863"), Some(true));
        assert_eq!(matches("^[a-z][a-z0-9_]{1,15}$", "c"), Some(false));
        assert_eq!(matches("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "2018-06-20"), Some(true));
        assert_eq!(matches("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "20-06-2018"), Some(false));
    }

    #[test]
    fn every_pattern_of_the_schemas_is_understood() {
        fn patterns(schema: &serde_json::Value, found: &mut Vec<String>) {
            match schema {
                serde_json::Value::Object(map) => {
                    found.extend(map.get("pattern").and_then(|pattern| pattern.as_str()).map(str::to_string));
                    map.values().for_each(|inner| patterns(inner, found));
                }
                serde_json::Value::Array(items) => items.iter().for_each(|inner| patterns(inner, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        for file in crate::inventory::schema::File::ALL {
            patterns(file.whole(), &mut found);
        }
        assert!(found.len() >= 6);
        for pattern in found {
            assert!(matches(&pattern, "x").is_some(), "{pattern}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        assert_eq!(matches("^(a|b)$", "a"), None);
        assert_eq!(matches("^[^a]$", "b"), None);
    }
}
