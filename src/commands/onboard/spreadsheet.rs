//! Many bodies at once: a table whose first row names the columns.

use std::path::Path;

use clap::ValueEnum;

use crate::cli::{BodyKind, Wished, ZoneMode};
use crate::failure::{Failure, Result};
use crate::inventory::diagnostics::suggestion;

const COLUMNS: [&str; 13] = [
    "name",
    "province",
    "kind",
    "code",
    "applications",
    "size",
    "zone",
    "mode",
    "technical",
    "pec",
    "application_host",
    "database_host",
    "since",
];

/// A row.
#[derive(Debug)]
pub(super) struct Row {
    /// The name as it stands there.
    pub(super) name: String,
    /// Where it stands, counted from 1; none when it is no row of a table.
    pub(super) line: Option<u64>,
    /// What is wished, or what is wrong with it.
    pub(super) wished: Result<Wished>,
}

/// The rows of a file, semicolons or commas between the columns, as spreadsheets write it. What a row leaves empty is as the
/// options say; a row that leaves everything empty is none.
///
/// # Errors
/// Wrong usage (64) when it cannot be read as a table, or a column has a name that nobody knows.
pub(super) fn read(path: &Path, usual: &Wished) -> Result<Vec<Row>> {
    // Not as a file of the inventory is read: spreadsheets begin theirs with a byte order mark.
    let text = content(path)?;
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.contains(';') { b';' } else { b',' };
    // Rows are held against the columns here: the reader counts lines in another way than editors do.
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let wrong = |what: String| {
        Failure::usage(format!("{}{what}", path.display())).hint("one row for each body, as many fields as columns")
    };
    let columns: Vec<String> =
        reader.headers().map_err(|error| wrong(format!(": {error}")))?.iter().map(str::to_lowercase).collect();
    // Heads without a name are what is left of cells that somebody emptied.
    for column in columns.iter().filter(|column| !column.is_empty()) {
        if !COLUMNS.contains(&column.as_str()) {
            return Err(Failure::usage(format!("{}: there is no column `{column}`", path.display()))
                .hint(suggestion(column, &COLUMNS)));
        }
    }
    if !columns.iter().any(|column| column == "name") {
        return Err(Failure::usage(format!("{}: there is no column `name`", path.display()))
            .hint(format!("the first row names the columns, of: {}", COLUMNS.join(", "))));
    }
    let named = columns.iter().rposition(|column| !column.is_empty()).map_or(0, |last| last + 1);
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(format!(": {error}")))?;
        if record.iter().all(str::is_empty) {
            continue;
        }
        let line = record.position().map_or(0, |at| line(text, at.byte()));
        if record.len() < named {
            return Err(wrong(format!(", line {line}: fewer fields ({}) than columns ({named})", record.len())));
        }
        let nameless = |at: usize| columns.get(at).is_none_or(String::is_empty);
        if let Some((_, value)) = record.iter().enumerate().find(|(at, value)| !value.is_empty() && nameless(*at)) {
            return Err(wrong(format!(", line {line}: `{value}` stands in a column that has no name")));
        }
        let field = |name: &str| {
            let at = columns.iter().position(|column| column == name)?;
            record.get(at).filter(|value| !value.is_empty()).map(str::to_string)
        };
        let name = field("name").unwrap_or_default();
        let wished = if name.is_empty() { Err(Failure::usage("there is no name")) } else { wished(&field, usual) };
        rows.push(Row { name, line: Some(line), wished });
    }
    if rows.is_empty() {
        return Err(Failure::usage(format!("{} names nobody", path.display())));
    }
    Ok(rows)
}

fn content(path: &Path) -> Result<String> {
    let bytes =
        std::fs::read(path).map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count();
        Failure::usage(format!("{}, line {line}: it is not UTF-8", path.display()))
            .hint("in Excel: Save As, and of the types `CSV UTF-8`, not `CSV` alone")
            .hint("in LibreOffice: Save As, Text CSV, `Edit filter settings`, character set Unicode (UTF-8)")
    })
}

/// The line of a record, counted from 1. The reader says where the one before ended, so line ends may come first.
fn line(text: &str, end_of_last: u64) -> u64 {
    let from = usize::try_from(end_of_last).unwrap_or(text.len()).min(text.len());
    let bytes = text.as_bytes();
    let begin = bytes[from..].iter().position(|byte| !matches!(byte, b'\r' | b'\n')).map_or(from, |ends| from + ends);
    1 + bytes[..begin].iter().filter(|byte| **byte == b'\n').count() as u64
}

fn wished(field: &impl Fn(&str) -> Option<String>, usual: &Wished) -> Result<Wished> {
    let applications = field("applications").map(|names| {
        names.split([',', ' ', '+']).filter(|name| !name.is_empty()).map(str::to_string).collect::<Vec<_>>()
    });
    let usual = usual.clone();
    Ok(Wished {
        province: field("province").or(usual.province),
        kind: word::<BodyKind>("kind", field("kind"))?.or(usual.kind),
        code: field("code").or(usual.code),
        applications: applications.unwrap_or(usual.applications),
        size: field("size").or(usual.size),
        zone: field("zone").or(usual.zone),
        mode: word::<ZoneMode>("mode", field("mode"))?.or(usual.mode),
        technical: field("technical").or(usual.technical),
        pec: field("pec").or(usual.pec),
        application_host: field("application_host").or(usual.application_host),
        database_host: field("database_host").or(usual.database_host),
        since: field("since").or(usual.since),
    })
}

fn word<T: ValueEnum>(column: &str, value: Option<String>) -> Result<Option<T>> {
    let Some(value) = value else { return Ok(None) };
    let known: Vec<String> =
        T::value_variants().iter().filter_map(|word| Some(word.to_possible_value()?.get_name().to_string())).collect();
    T::from_str(&value, true)
        .map(Some)
        .map_err(|_| Failure::usage(format!("`{value}` is no {column}")).hint(format!("one of: {}", known.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: impl AsRef<[u8]>) -> Result<Vec<Row>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("comuni.csv");
        std::fs::write(&path, text).unwrap();
        read(&path, &Wished { applications: vec!["albo".to_string()], ..Wished::default() })
    }

    #[test]
    fn semicolons_and_commas_a_mark_of_a_spreadsheet_and_capital_heads_are_read() {
        for text in [
            "name,mode,zone\nCunardo,subzone,comune.cunardo.va.it\n",
            "\u{feff}Name;Mode;Zone\r\nCunardo;subzone;comune.cunardo.va.it\r\n",
        ] {
            let rows = rows(text).unwrap();
            let wished = rows[0].wished.as_ref().unwrap();
            assert_eq!((rows[0].name.as_str(), wished.mode), ("Cunardo", Some(ZoneMode::Subzone)));
            assert_eq!(wished.zone.as_deref(), Some("comune.cunardo.va.it"));
            assert_eq!(wished.applications, ["albo"], "as the options say");
        }
    }

    #[test]
    fn a_row_that_is_wrong_is_told_with_its_line_and_the_others_stand() {
        for text in [
            "name;kind\nNe;\n\nRe;comun\n;comune\n",
            "name;kind\r\nNe;\r\n\r\nRe;comun\r\n;comune\r\n",
            "\u{feff}name;kind\r\nNe;\r\n;\r\nRe;comun\r\n;comune",
        ] {
            let rows = rows(text).unwrap();
            assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [Some(2), Some(4), Some(5)], "{text:?}");
            assert!(rows[0].wished.is_ok());
            let failure = rows[1].wished.as_ref().unwrap_err();
            assert_eq!(failure.message, "`comun` is no kind");
            assert!(failure.hints[0].contains("comunita_montana"));
            assert_eq!(rows[2].wished.as_ref().unwrap_err().message, "there is no name");
        }
    }

    #[test]
    fn cells_that_somebody_emptied_are_no_rows_and_no_columns() {
        let rows = rows("name;mode;;\r\n;;;\r\nCunardo;subzone;;\r\n ; ;;\r\n\r\nRe;subzone\r\n;;;;;\r\n").unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.line)).collect();
        assert_eq!(told, [("Cunardo", Some(3)), ("Re", Some(6))]);
        assert!(rows.iter().all(|row| row.wished.as_ref().unwrap().mode == Some(ZoneMode::Subzone)));
    }

    #[test]
    fn what_is_not_utf_8_is_told_with_its_line_and_how_to_save_it() {
        let failure = rows(b"name;mode\r\nCunardo;\r\nViggi\xf9;\r\n").unwrap_err();
        assert!(failure.message.ends_with("comuni.csv, line 3: it is not UTF-8"), "{failure:?}");
        assert!(failure.hints[0].contains("`CSV UTF-8`"), "{failure:?}");
    }

    #[test]
    fn a_table_that_is_none_is_refused_as_a_whole() {
        for (text, told) in [
            ("nome\nNe\n", "there is no column `nome`"),
            ("province\nGE\n", "there is no column `name`"),
            ("name\n", "names nobody"),
            (";;\n;;\n", "there is no column `name`"),
            ("name;kind\r\nNe;comune;albo\r\n", "csv, line 2: `albo` stands in a column that has no name"),
            ("name;;kind\nNe;albo;comune\n", "line 2: `albo` stands in a column that has no name"),
            ("name;kind;\r\nNe;comune\r\nRe\r\n", "csv, line 3: fewer fields (1) than columns (2)"),
        ] {
            let failure = rows(text).unwrap_err();
            assert!(failure.message.contains(told), "{failure:?}");
        }
    }
}
