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
/// options say.
///
/// # Errors
/// Wrong usage (64) when it cannot be read as a table, or a column has a name that nobody knows.
pub(super) fn read(path: &Path, usual: &Wished) -> Result<Vec<Row>> {
    // Not as a file of the inventory is read: spreadsheets begin theirs with a byte order mark.
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))?;
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.contains(';') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
    let wrong = |error: csv::Error| {
        Failure::usage(format!("{}: {error}", path.display())).hint("one row for each body, as many fields as columns")
    };
    let columns: Vec<String> = reader.headers().map_err(wrong)?.iter().map(str::to_lowercase).collect();
    for column in &columns {
        if !COLUMNS.contains(&column.as_str()) {
            return Err(Failure::usage(format!("{}: there is no column `{column}`", path.display()))
                .hint(suggestion(column, &COLUMNS)));
        }
    }
    if !columns.iter().any(|column| column == "name") {
        return Err(Failure::usage(format!("{}: there is no column `name`", path.display()))
            .hint(format!("the first row names the columns, of: {}", COLUMNS.join(", "))));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        let field = |name: &str| {
            let at = columns.iter().position(|column| column == name)?;
            record.get(at).filter(|value| !value.is_empty()).map(str::to_string)
        };
        let name = field("name").unwrap_or_default();
        let line = record.position().map_or(0, csv::Position::line);
        let wished = if name.is_empty() { Err(Failure::usage("there is no name")) } else { wished(&field, usual) };
        rows.push(Row { name, line: Some(line), wished });
    }
    if rows.is_empty() {
        return Err(Failure::usage(format!("{} names nobody", path.display())));
    }
    Ok(rows)
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

    fn rows(text: &str) -> Result<Vec<Row>> {
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
        let rows = rows("name;kind\nNe;\nRe;comun\n;\n").unwrap();
        assert!(rows[0].wished.is_ok());
        let failure = rows[1].wished.as_ref().unwrap_err();
        assert_eq!((rows[1].line, failure.message.as_str()), (Some(3), "`comun` is no kind"));
        assert!(failure.hints[0].contains("comunita_montana"));
        assert_eq!(rows[2].line, Some(4));
        assert_eq!(rows[2].wished.as_ref().unwrap_err().message, "there is no name");
    }

    #[test]
    fn a_table_that_is_none_is_refused_as_a_whole() {
        for (text, told) in [
            ("nome\nNe\n", "there is no column `nome`"),
            ("province\nGE\n", "there is no column `name`"),
            ("name\n", "names nobody"),
            ("name;kind\nNe;comune;albo\n", "found record with 3 fields"),
        ] {
            let failure = rows(text).unwrap_err();
            assert!(failure.message.contains(told), "{failure:?}");
        }
    }
}
