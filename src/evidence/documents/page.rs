//! Documents as one page to read and to print: no scripts, and nothing that comes from elsewhere.

use std::fmt::Write;

use super::{Document, Field, Part};

/// How it looks.
const STYLE: &str = include_str!("page.css");

/// All of them in one page, each on a sheet of its own when it is printed.
pub fn page(documents: &[Document]) -> String {
    let title = documents.first().map_or("", |document| document.title.as_str());
    let mut out = opened(title, "");
    for document in documents {
        one(&mut out, document);
    }
    closed(&mut out);
    out
}

/// The head of a page, up to where its content begins. `style` is added to the look that all pages have.
pub(super) fn opened(title: &str, style: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"it\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n<body>\n",
        escaped(title)
    )
}

/// The end of a page.
pub(super) fn closed(out: &mut String) {
    out.push_str("</body>\n</html>\n");
}

fn one(out: &mut String, document: &Document) {
    add(out, format_args!("<main>\n<h1>{}</h1>\n<p>{}</p>\n", escaped(&document.title), escaped(&document.body)));
    for warning in &document.warnings {
        add(out, format_args!("<p class=\"warning\">ATTENZIONE: {}</p>\n", escaped(warning)));
    }
    fields(out, &document.head);
    out.push_str("<h2>Sintesi</h2>\n");
    fields(out, &document.summary);
    add(out, format_args!("<h2>{}</h2>\n", escaped(&document.parts_heading)));
    document.parts.iter().for_each(|each| part(out, each));
    out.push_str("<h2>Riferimenti</h2>\n");
    fields(out, &document.references);
    to_fill_in(out, document.by_hand.iter().chain(&document.signatures));
    out.push_str("</main>\n");
}

/// Lines for a pen.
pub(super) fn to_fill_in<'a>(out: &mut String, what: impl Iterator<Item = &'a String>) {
    out.push_str("<h2>Da completare a mano</h2>\n");
    for what in what {
        add(out, format_args!("<p class=\"line\">{}: <span></span></p>\n", escaped(what)));
    }
}

fn part(out: &mut String, part: &Part) {
    let (heading, verdict, mark) = (escaped(&part.heading), escaped(&part.verdict), escaped(&part.mark));
    add(out, format_args!("<h3>{heading} <span class=\"verdict {mark}\">{verdict}</span></h3>\n"));
    fields(out, &part.fields);
    if part.checks.is_empty() {
        return;
    }
    out.push_str(
        "<div class=\"scroll\"><table>\n<caption>Controlli</caption>\n<thead><tr><th scope=\"col\">Controllo</th>\
         <th scope=\"col\">Esito</th><th scope=\"col\">Dettaglio dei programmi (in inglese)</th></tr></thead>\n<tbody>\n",
    );
    for check in &part.checks {
        let cells = [&check.what, &check.result, &check.detail].map(|cell| escaped(cell));
        add(
            out,
            format_args!("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>\n", cells[0], cells[1], cells[2]),
        );
    }
    out.push_str("</tbody></table></div>\n");
}

pub(super) fn fields(out: &mut String, fields: &[Field]) {
    out.push_str("<dl>\n");
    for field in fields {
        add(out, format_args!("<dt>{}</dt><dd>{}</dd>\n", escaped(&field.label), escaped(&field.value)));
    }
    out.push_str("</dl>\n");
}

pub(super) fn add(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a String does not fail.
    let _ = out.write_fmt(text);
}

/// Text that can only be text, also in a quoted attribute (HTML, 13.1.2.4 and 13.5).
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(super::escaped("<b a=\"1\" b='2'>&"), "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;");
    }
}
