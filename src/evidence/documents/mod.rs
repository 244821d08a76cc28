//! Documents in Italian, for the bodies: made of evidence alone. What nobody has measured is `nessun dato`, and never good.

pub mod activation;
pub mod compliance;
pub mod costs;
pub mod deletion;
pub mod fleet;
pub mod handover;
mod moments;
mod page;
pub mod restore_test;
pub mod upgrade;

pub use page::page;

use schemars::JsonSchema;
use serde::Serialize;

/// What stands where nothing is known.
pub const NOTHING: &str = "nessun dato";

/// A document, the same content for text, page and JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Document {
    /// What it is.
    pub title: String,
    /// The body that it is for.
    pub body: String,
    /// Who, when, from what.
    pub head: Vec<Field>,
    /// What it comes to.
    pub summary: Vec<Field>,
    /// Warnings that come before everything else.
    pub warnings: Vec<String>,
    /// What its parts are together.
    pub parts_heading: String,
    /// Its parts.
    pub parts: Vec<Part>,
    /// What the law says, each with how sure that is.
    pub references: Vec<Field>,
    /// What persons add by hand.
    pub by_hand: Vec<String>,
    /// Who signs.
    pub signatures: Vec<String>,
}

/// Who makes a document, when, and from what.
#[derive(Debug, Clone)]
pub struct Maker {
    /// When, in seconds since 1970-01-01T00:00:00Z.
    pub made: i64,
    /// `user@machine`.
    pub operator: String,
    /// Digest of the inventory.
    pub inventory: String,
}

impl Maker {
    /// As heads of documents have it.
    fn fields(&self) -> [Field; 4] {
        [
            Field::new("Redatto il", moments::moment(self.made)),
            Field::new("Redatto da", &self.operator),
            Field::new("Strumento", format!("comuni {}", env!("CARGO_PKG_VERSION"))),
            Field::new("Impronta dell'inventario", format!("sha256:{}", self.inventory)),
        ]
    }
}

/// A label and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Field {
    /// Label.
    pub label: String,
    /// Value.
    pub value: String,
}

impl Field {
    /// One with a plain value: whatever a program said cannot move a terminal's cursor.
    pub fn new(label: &str, value: impl AsRef<str>) -> Field {
        Field { label: label.to_string(), value: plain(value.as_ref()) }
    }
}

/// One of several things that a document tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Part {
    /// What it is about.
    pub heading: String,
    /// What it comes to, in the document's own words.
    pub verdict: String,
    /// `good`, `reserve`, `bad` or `none`: for colours, which say nothing that the words do not.
    pub mark: String,
    /// Its data.
    pub fields: Vec<Field>,
    /// What was looked at.
    pub checks: Vec<Checked>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Checked {
    /// What.
    pub what: String,
    /// What came of it.
    pub result: String,
    /// In the words of the programs.
    pub detail: String,
}

impl Document {
    /// For a terminal or a mail.
    pub fn text(&self) -> String {
        let mut out = format!("{}\n{}\n\n", self.title.to_uppercase(), self.body);
        for warning in &self.warnings {
            out.push_str(&format!("ATTENZIONE: {warning}\n"));
        }
        lines(&mut out, "", &self.head);
        out.push_str("\nSINTESI\n");
        lines(&mut out, "", &self.summary);
        for part in &self.parts {
            out.push_str(&format!("\n{}: {}\n", part.heading, part.verdict.to_uppercase()));
            lines(&mut out, "  ", &part.fields);
            for check in &part.checks {
                out.push_str(&format!("  - {}: {}\n", check.what, check.result));
                for line in check.detail.lines() {
                    out.push_str(&format!("      {line}\n"));
                }
            }
        }
        out.push_str("\nRIFERIMENTI\n");
        lines(&mut out, "", &self.references);
        out.push_str("\nDA COMPLETARE A MANO\n");
        for what in self.by_hand.iter().chain(&self.signatures) {
            out.push_str(&format!("{what}: ____________________\n"));
        }
        out
    }
}

fn lines(out: &mut String, indent: &str, fields: &[Field]) {
    let width = fields.iter().map(|field| field.label.chars().count()).max().unwrap_or(0);
    for field in fields {
        let fill = " ".repeat(width - field.label.chars().count());
        let value = field.value.replace('\n', &format!("\n{indent}{}", " ".repeat(width + 2)));
        out.push_str(&format!("{indent}{}:{fill} {value}\n", field.label));
    }
}

/// Without control characters, but for the ends of lines.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() && letter != '\n' { ' ' } else { letter }).collect()
}

/// A whole number as it is written in Italian: `10.000`.
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('.');
        }
        out.push(digit);
    }
    out
}

/// How long something is, in Italian.
pub fn duration(seconds: i64) -> String {
    let one = |count: i64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let (days, hours, minutes) = (seconds / 86_400, seconds % 86_400 / 3600, seconds % 3600 / 60);
    let parts = match seconds {
        ..0 => return format!("- {}", duration(-seconds)),
        0..60 => vec![one(seconds, "secondo", "secondi")],
        60..3600 => vec![one(minutes, "minuto", "minuti"), one(seconds % 60, "secondo", "secondi")],
        3600..86_400 => vec![one(hours, "ora", "ore"), one(minutes, "minuto", "minuti")],
        _ => vec![one(days, "giorno", "giorni"), one(hours, "ora", "ore")],
    };
    parts.join(" e ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document is as the file of that name says, but for the version; `UPDATE_GOLDEN=1` writes it anew.
    pub(super) fn golden(name: &str, text: &str) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/documents").join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let version = env!("CARGO_PKG_VERSION");
            std::fs::write(&path, text.replace(&format!("comuni {version}"), "comuni {VERSION}")).unwrap();
        }
        let wanted = std::fs::read_to_string(&path).unwrap_or_default().replace("{VERSION}", env!("CARGO_PKG_VERSION"));
        assert!(wanted == text, "{} differs: UPDATE_GOLDEN=1 writes it anew\n{text}", path.display());
    }

    #[test]
    fn numbers_and_times_are_written_as_in_italy() {
        assert_eq!((number(0), number(999), number(1000), number(1_234_567)).1, "999");
        assert_eq!(number(1000), "1.000");
        assert_eq!(number(1_234_567), "1.234.567");
        assert_eq!(duration(1), "1 secondo");
        assert_eq!(duration(125), "2 minuti e 5 secondi");
        assert_eq!(duration(3_600), "1 ora e 0 minuti");
        assert_eq!(duration(2 * 86_400 + 3_600), "2 giorni e 1 ora");
    }

    #[test]
    fn what_a_program_said_cannot_move_the_cursor() {
        assert_eq!(Field::new("x", "a\u{1b}[2Jb\nc\u{7f}").value, "a [2Jb\nc ");
    }
}
