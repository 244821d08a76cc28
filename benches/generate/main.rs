//! `cargo run --example generate -- DIR COUNT [applications | zones | whole]`: an inventory of the first COUNT comuni of Lombardy, those of
//! Varese first. Each has one application; with `applications` two, with `zones` also a zone that we serve, with `whole`
//! two applications and a zone.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a tool of the benchmarks fails by panicking, and makes files"
)]

mod inventory;

use std::path::Path;

use comuni::inventory::register::{self, Comune};
use inventory::{Contents, WHOLE, write};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let folder = words.first().expect("a folder");
    let count: usize = words.get(1).and_then(|word| word.parse().ok()).expect("a number of comuni");
    let contents = match words.get(2).map(String::as_str) {
        Some("whole") => WHOLE,
        Some("applications") => Contents { protocollo: true, zones: false },
        Some("zones") => Contents { protocollo: false, zones: true },
        _ => Contents { protocollo: false, zones: false },
    };
    let lombardy = || register::all().iter().filter(|comune| comune.region == "Lombardia");
    let (varese, others): (Vec<&Comune>, Vec<&Comune>) = lombardy().partition(|comune| comune.province == "VA");
    let comuni: Vec<&Comune> = varese.into_iter().chain(others).take(count).collect();
    assert_eq!(comuni.len(), count, "Lombardy has fewer comuni");
    write(Path::new(folder), &comuni, contents).unwrap();
}
