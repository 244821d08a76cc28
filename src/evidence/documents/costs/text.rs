//! The document for a terminal or a mail.

use super::super::{Field, lines};
use super::{CostsDocument, OF_A_LINE, OF_BODIES};

/// All of it, tables in columns.
pub fn text(document: &CostsDocument) -> String {
    let mut out = format!("{}\n{}\n\n", document.title.to_uppercase(), document.body);
    lines(&mut out, "", &document.head);
    out.push_str("\nQUOTE DEGLI ENTI (EURO)\n");
    out.push_str(&columns(&OF_BODIES, &document.rows(), 1));
    for line in &document.lines {
        out.push_str(&format!("\nVOCE {}: {}\n", line.id, line.title));
        lines(&mut out, "  ", &line.fields);
        out.push_str(&columns(&OF_A_LINE, &line.rows(), 2));
    }
    out.push_str("\nNOTE\n");
    document.notes.iter().for_each(|note| out.push_str(&format!("- {note}\n")));
    out.push_str("\nRIFERIMENTI\n");
    lines(&mut out, "", &document.references);
    out.push_str("\nDA COMPLETARE A MANO\n");
    let empty = document.by_hand.iter().map(|what| Field::new(what, "____________________")).collect::<Vec<_>>();
    lines(&mut out, "", &empty);
    out
}

/// Columns that line up, numbers to the right: all but the first `words` columns.
fn columns<const N: usize>(heads: &[&str; N], rows: &[[String; N]], words: usize) -> String {
    let heads = heads.map(String::from);
    let all = || [&heads].into_iter().chain(rows);
    let width = |at: usize| all().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            let fill = " ".repeat(width - cell.chars().count());
            if at < words { format!("{cell}{fill}") } else { format!("{fill}{cell}") }
        });
        format!("  {}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    all().map(line).collect()
}
