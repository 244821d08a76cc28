//! Columns that line up.

/// Lays out rows in columns two spaces apart, without trailing spaces; the last column is as long as it likes.
pub fn table(rows: &[Vec<String>]) -> String {
    let widths = widths(rows);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// How many letters the widest cell of each column has.
pub(super) fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_line_up_by_letters_not_by_bytes() {
        let rows = [["Viggiù", "c_l876"], ["Re", "c_h225"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(table(&rows), "Viggiù  c_l876\nRe      c_h225\n");
    }
}
