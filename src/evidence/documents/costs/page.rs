//! The document as one page to read and to print.

use super::super::page::{add, closed, escaped, fields, opened, to_fill_in};
use super::chart::chart;
use super::{CostsDocument, LineTable, OF_A_LINE, OF_BODIES};

/// How numbers and bars look.
const STYLE: &str = include_str!("page.css");

/// No scripts, and nothing that comes from elsewhere.
pub fn page(document: &CostsDocument) -> String {
    let mut out = opened(&document.title, STYLE);
    add(&mut out, format_args!("<main>\n<h1>{}</h1>\n<p>{}</p>\n", escaped(&document.title), escaped(&document.body)));
    fields(&mut out, &document.head);
    out.push_str("<h2>Quote degli enti</h2>\n");
    out.push_str(&chart(document));
    table(&mut out, "Quote in euro", &OF_BODIES, 1, &document.rows());
    out.push_str("<h2>Voci</h2>\n");
    document.lines.iter().for_each(|each| line(&mut out, each));
    out.push_str("<h2>Note</h2>\n<ul>\n");
    document.notes.iter().for_each(|note| add(&mut out, format_args!("<li>{}</li>\n", escaped(note))));
    out.push_str("</ul>\n<h2>Riferimenti</h2>\n");
    fields(&mut out, &document.references);
    to_fill_in(&mut out, document.by_hand.iter());
    out.push_str("</main>\n");
    closed(&mut out);
    out
}

fn line(out: &mut String, line: &LineTable) {
    add(out, format_args!("<h3>{} <small>({})</small></h3>\n", escaped(&line.title), escaped(&line.id)));
    fields(out, &line.fields);
    table(out, "Quote della voce in euro", &OF_A_LINE, 2, &line.rows());
}

/// The first `words` columns are words, the others numbers; the last row is the sum.
fn table<const N: usize>(out: &mut String, caption: &str, heads: &[&str; N], words: usize, rows: &[[String; N]]) {
    let class = |at: usize| if at < words { "" } else { " class=\"number\"" };
    add(
        out,
        format_args!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{caption}\"><table>\n<caption>{caption}</caption>\n<thead><tr>"
        ),
    );
    for (at, head) in heads.iter().enumerate() {
        add(out, format_args!("<th scope=\"col\"{}>{head}</th>", class(at)));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (number, cells) in rows.iter().enumerate() {
        out.push_str(if number + 1 == rows.len() { "</tbody>\n<tfoot>\n<tr>" } else { "<tr>" });
        for (at, cell) in cells.iter().enumerate() {
            let cell = escaped(cell);
            match at {
                0 => add(out, format_args!("<th scope=\"row\">{cell}</th>")),
                _ => add(out, format_args!("<td{}>{cell}</td>", class(at))),
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tfoot></table></div>\n");
}
