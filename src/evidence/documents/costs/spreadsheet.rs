//! The shares as a table for a spreadsheet: RFC 4180, with the semicolon and the decimal comma that programs in Italy expect.

use super::CostsDocument;
use crate::costs::Cents;

/// One row for each share of each line. Starts with a byte order mark: without it spreadsheets take UTF-8 for something else.
pub fn spreadsheet(document: &CostsDocument) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(b';')
        .terminator(csv::Terminator::CRLF)
        .from_writer("\u{feff}".as_bytes().to_vec());
    let heads = [
        "dal",
        "al",
        "voce",
        "titolo",
        "codice",
        "ente",
        "base",
        "giorni",
        "percentuale",
        "imponibile",
        "iva",
        "totale",
    ];
    // Writing into memory does not fail.
    let _ = writer.write_record(heads);
    for line in &document.lines {
        for share in &line.shares {
            let amount = |amount: Cents| amount.to_string().replace('.', ",");
            let row = [
                document.from.clone(),
                document.to.clone(),
                words(&line.id),
                words(&line.title),
                words(&share.code),
                words(&share.body),
                words(&share.basis),
                share.days.to_string(),
                share.percent.replace('.', ","),
                amount(share.net),
                amount(share.vat),
                amount(share.net + share.vat),
            ];
            let _ = writer.write_record(row);
        }
    }
    writer.into_inner().unwrap_or_default()
}

/// Words that a spreadsheet would take for a formula are told to be words.
fn words(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_string() }
}
