//! The filters that put a value into a format: each writes one field of it, or refuses the value.
//!
//! No format here can hold a control character in one field, so each filter refuses newline, NUL and the like:
//! a value then cannot begin a directive, a line or a statement of its own.

use tera::{Error, Kwargs, State, Tera, Value};

type Escaped = Result<String, String>;

/// Name, what it writes, and how.
type Filter = (&'static str, &'static str, fn(&str) -> Escaped);

/// Every filter with what it writes, for the documentation and for the registration.
pub const FILTERS: [Filter; 18] = [
    ("nginx", "a quoted string of nginx; refuses `$`, which nginx cannot escape", nginx),
    ("systemd", "the whole value of a setting in a systemd unit: `%` is doubled", systemd),
    ("systemd_word", "one quoted word of a setting that takes several (`ReadWritePaths=`)", systemd_word),
    ("systemd_argument", "one quoted argument of `ExecStart=`: `%` and `$` are doubled", systemd_argument),
    ("environment", "a quoted value in an `EnvironmentFile=`", environment),
    ("shell", "one word of a POSIX shell", shell),
    ("sql_literal", "a string of PostgreSQL", sql_literal),
    ("sql_identifier", "a quoted name of PostgreSQL", sql_identifier),
    ("postgresql_setting", "a quoted value in `postgresql.conf`", postgresql_setting),
    ("yaml", "a double-quoted scalar of YAML", yaml),
    ("json", "a string of JSON", yaml),
    ("comment", "the rest of a comment line", comment),
    ("pgpass", "one field of a `.pgpass` line", pgpass),
    ("variable", "the name of an environment variable", variable),
    ("regexp", "words that a regular expression (RE2) must find as they are; write it through `yaml` too", regexp),
    ("duration", "seconds as a duration of Prometheus: `90s`, `6h`, `500ms`", duration),
    ("word", "letters, digits and `._-:/@` as they are: for formats without quoting", word),
    ("path", "an absolute path made like a `word`", path),
];

/// Makes the filters known to `tera`.
pub fn register(tera: &mut Tera) {
    for (name, _, escape) in FILTERS {
        tera.register_filter(name, move |value: &Value, _: Kwargs, _: &State| -> Result<String, Error> {
            let text = text_of(value).map_err(|why| Error::message(format!("filter `{name}`: {why}")))?;
            escape(&text).map_err(|why| Error::message(format!("filter `{name}`: {why}")))
        });
    }
}

fn text_of(value: &Value) -> Escaped {
    if value.is_string() || value.is_bool() || value.is_number() {
        return Ok(value.to_string());
    }
    Err(format!("a value of type {} has no place in one field; it takes text, a number or a boolean", value.name()))
}

fn one_line(value: &str) -> Result<&str, String> {
    match value.chars().find(|character| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')) {
        None => Ok(value),
        Some(character) => Err(format!(
            "{value:?} has the control character {}, which no field of this format can hold",
            character.escape_unicode()
        )),
    }
}

fn escaped(value: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    for character in value.chars() {
        if special.contains(&character) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

fn nginx(value: &str) -> Escaped {
    if one_line(value)?.contains('$') {
        return Err(format!("{value:?} has a `$`: nginx would take what follows for a variable"));
    }
    Ok(format!("\"{}\"", escaped(value, &['\\', '"'])))
}

fn systemd(value: &str) -> Escaped {
    if one_line(value)?.ends_with('\\') {
        return Err(format!("{value:?} ends in `\\`: systemd would take the next line for a part of it"));
    }
    Ok(value.replace('%', "%%"))
}

fn systemd_word(value: &str) -> Escaped {
    Ok(format!("\"{}\"", escaped(one_line(value)?, &['\\', '"']).replace('%', "%%")))
}

fn systemd_argument(value: &str) -> Escaped {
    Ok(systemd_word(value)?.replace('$', "$$"))
}

fn environment(value: &str) -> Escaped {
    Ok(format!("\"{}\"", escaped(one_line(value)?, &['\\', '"', '`', '$'])))
}

fn shell(value: &str) -> Escaped {
    Ok(format!("'{}'", one_line(value)?.replace('\'', "'\\''")))
}

fn sql_literal(value: &str) -> Escaped {
    let quoted = one_line(value)?.replace('\'', "''");
    // With a backslash the meaning of '...' hangs on standard_conforming_strings; that of E'...' does not.
    Ok(if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") })
}

fn sql_identifier(value: &str) -> Escaped {
    match one_line(value)? {
        "" => Err("a name of PostgreSQL cannot be empty".to_string()),
        name if name.len() > 63 => Err(format!("{name:?} is longer than 63 bytes: PostgreSQL would cut it")),
        name => Ok(format!("\"{}\"", name.replace('"', "\"\""))),
    }
}

fn postgresql_setting(value: &str) -> Escaped {
    Ok(format!("'{}'", one_line(value)?.replace('\\', "\\\\").replace('\'', "''")))
}

fn yaml(value: &str) -> Escaped {
    Ok(format!("\"{}\"", escaped(one_line(value)?, &['\\', '"'])))
}

fn regexp(value: &str) -> Escaped {
    Ok(escaped(one_line(value)?, &['\\', '.', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$']))
}

/// The largest unit that holds it whole. A window is divided for rehearsals, so that a rest is rounded to milliseconds.
fn duration(value: &str) -> Escaped {
    let seconds: f64 = value.parse().map_err(|_| format!("{value:?} is no number of seconds"))?;
    if !(0.001..=1e9).contains(&seconds) {
        return Err(format!("{value} seconds are no duration"));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded above")]
    let milliseconds = (seconds * 1000.0).round() as u64;
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let whole = units.into_iter().find(|(_, unit)| milliseconds.is_multiple_of(*unit));
    whole.map_or_else(|| Err(String::new()), |(name, unit)| Ok(format!("{}{name}", milliseconds / unit)))
}

fn comment(value: &str) -> Escaped {
    if one_line(value)?.trim_end().ends_with('\\') {
        return Err(format!("{value:?} ends in `\\`: some formats would take the next line for a part of the comment"));
    }
    Ok(value.to_string())
}

fn pgpass(value: &str) -> Escaped {
    Ok(escaped(one_line(value)?, &['\\', ':']))
}

fn variable(value: &str) -> Escaped {
    let plain = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if value.is_empty() || value.starts_with(|first: char| first.is_ascii_digit()) || !value.chars().all(plain) {
        return Err(format!("{value:?} is no name of an environment variable (letters, digits and `_`)"));
    }
    Ok(value.to_string())
}

fn word(value: &str) -> Escaped {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-' | ':' | '/' | '@');
    if value.is_empty() || !value.chars().all(plain) {
        return Err(format!("{value:?} is no plain word (letters, digits and `._-:/@`)"));
    }
    Ok(value.to_string())
}

fn path(value: &str) -> Escaped {
    if !value.starts_with('/') || value.split('/').any(|part| part == "..") {
        return Err(format!("{value:?} is no absolute path, or has `..` in it"));
    }
    word(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter(name: &str) -> fn(&str) -> Escaped {
        FILTERS.iter().find(|(known, ..)| *known == name).map(|(.., escape)| *escape).expect("a known filter")
    }

    #[test]
    fn values_are_written_as_the_format_wants_them() {
        let cases = [
            ("nginx", r#"a"}; deny \ all"#, r#""a\"}; deny \\ all""#),
            ("systemd", "50%", "50%%"),
            ("systemd_word", r#"/srv/a "b" %h"#, r#""/srv/a \"b\" %%h""#),
            ("systemd_argument", r#"Malnate $HOME %i "x" ;"#, r#""Malnate $$HOME %%i \"x\" ;""#),
            ("environment", r#"a"b`c$d\e"#, r#""a\"b\`c\$d\\e""#),
            ("shell", "Cantù l'alto", r"'Cantù l'\''alto'"),
            ("sql_literal", "l'alto", "'l''alto'"),
            ("sql_literal", r"a\'b", r"E'a\\''b'"),
            ("sql_identifier", r#"a"b"#, r#""a""b""#),
            ("postgresql_setting", r"a'\b", r"'a''\\b'"),
            ("yaml", r#"no: "\" # x"#, r#""no: \"\\\" # x""#),
            ("json", r#"l'"alto" \"#, r#""l'\"alto\" \\""#),
            ("comment", "50% of #", "50% of #"),
            ("pgpass", r"a:b\c", r"a\:b\\c"),
            ("path", "/srv/comuni/c_e863", "/srv/comuni/c_e863"),
            ("regexp", r#""a.b|(c)$""#, r#""a\.b\|\(c\)\$""#),
            ("duration", "300", "5m"),
            ("duration", "259200", "3d"),
            ("duration", "33.333", "33333ms"),
        ];
        for (name, value, expected) in cases {
            assert_eq!(filter(name)(value).as_deref(), Ok(expected), "{name}");
        }
    }

    #[test]
    fn what_a_field_cannot_hold_is_refused() {
        for (name, _, escape) in FILTERS {
            for hostile in ["/a\nb", "/a\0b", "/a\rb", "/a\u{85}b", "/a\u{2028}b", "\n"] {
                assert!(escape(hostile).is_err(), "{name} took {hostile:?}");
            }
        }
        assert!(filter("nginx")("$request_uri").is_err());
        assert!(filter("systemd")(r"value\").is_err());
        assert!(filter("comment")("value\\ ").is_err());
        assert!(filter("path")("/srv/../etc").is_err());
        assert!(filter("path")("/srv/a b").is_err());
        assert!(filter("word")("a b").is_err());
        assert!(filter("word")("a;b").is_err());
        assert!(filter("variable")("A=B").is_err());
        assert!(filter("sql_identifier")("").is_err());
    }

    /// Reads a string in double quotes back, as nginx, systemd, YAML and an environment file do.
    fn read_back(quoted: &str) -> Option<String> {
        let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
        let mut out = String::new();
        let mut characters = inner.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => out.push(characters.next()?),
                '"' => return None,
                other => out.push(other),
            }
        }
        Some(out)
    }

    proptest! {
        #[test]
        fn no_value_leaves_its_quotes(value in r#"[ -~àèé§\n\t"';{}$%`\\]{0,30}"#) {
            for name in ["nginx", "systemd_word", "systemd_argument", "environment", "yaml", "json"] {
                let Ok(quoted) = filter(name)(&value) else { continue };
                let back = read_back(&quoted).expect("one quoted string and nothing else");
                let back = match name {
                    "systemd_word" => back.replace("%%", "%"),
                    "systemd_argument" => back.replace("$$", "$").replace("%%", "%"),
                    _ => back,
                };
                prop_assert_eq!(&back, &value, "{}", name);
            }
        }

        #[test]
        fn no_value_makes_a_second_line(value in any::<String>()) {
            for (name, _, escape) in FILTERS {
                if let Ok(text) = escape(&value) {
                    prop_assert!(text.chars().all(|character| !character.is_control()), "{}", name);
                }
            }
        }

        #[test]
        fn a_single_quoted_value_ends_only_at_its_end(value in r"[ -~]{0,30}") {
            let word = filter("shell")(&value).expect("printable");
            prop_assert_eq!(word.replace(r"'\''", ""), format!("'{}'", value.replace('\'', "")));
            let literal = filter("sql_literal")(&value).expect("printable");
            let inner = literal.trim_start_matches('E');
            prop_assert_eq!(inner[1..inner.len() - 1].replace("''", "").contains('\''), false);
        }
    }
}
