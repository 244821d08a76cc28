//! What each body pays beside what it spent before, as bars. The table beside it has the same numbers.

use super::super::page::{add, escaped};
use super::{CostsDocument, euro};
use crate::costs::Cents;

const WIDTH: i64 = 900;
const NAMES: i64 = 260;
const BARS: i64 = 480;
const BAR: i64 = 14;

/// An SVG without text outside of itself; bodies that bear nothing and spent nothing are left out.
pub(super) fn chart(document: &CostsDocument) -> String {
    let bodies: Vec<_> = document
        .bodies
        .iter()
        .filter(|body| body.gross > Cents(0) || body.before.is_some_and(|before| before > Cents(0)))
        .collect();
    let most = bodies.iter().flat_map(|body| [Some(body.gross), body.before]).flatten().max().unwrap_or_default();
    if most <= Cents(0) {
        return String::new();
    }
    let length = |amount: Cents| Cents(BARS).of(amount.0.max(0), most.0).0.max(1);
    let (mut rows, mut top) = (String::new(), 0);
    for body in bodies {
        let middle = top + BAR;
        add(
            &mut rows,
            format_args!(
                "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\n",
                NAMES - 8,
                escaped(&body.body)
            ),
        );
        for (class, amount) in [("now", Some(body.gross)), ("before", body.before)] {
            let Some(amount) = amount else { continue };
            let (long, said) = (length(amount), euro(amount));
            add(
                &mut rows,
                format_args!("<rect class=\"{class}\" x=\"{NAMES}\" y=\"{top}\" width=\"{long}\" height=\"{BAR}\"/>\n"),
            );
            add(&mut rows, format_args!("<text x=\"{}\" y=\"{}\">{said} €</text>\n", NAMES + long + 6, top + BAR - 2));
            top += BAR + 3;
        }
        top += 10;
    }
    format!(
        "<figure><div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Grafico delle quote\"><svg role=\"img\" viewBox=\"0 0 {WIDTH} {top}\" aria-labelledby=\"bars\"><title id=\"bars\">Quota di ogni ente con IVA, \
         e spesa precedente dove è nota</title>\n{rows}</svg></div>\n<figcaption><span class=\"key now\"></span> quota del periodo, con IVA \
         <span class=\"key before\"></span> spesa precedente negli stessi giorni, dove è nota</figcaption></figure>\n"
    )
}
