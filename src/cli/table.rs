//! Tables on standard output.

use crate::domain::ForeignText;

/// Characters of a cell: one that is longer would make every line of its column as long.
const MAX_CELL: usize = 600;

/// Aligns the columns. Each row is one line, even if a cell has several.
pub(super) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let header = header.map(str::to_owned);
    let rows = std::iter::once(header).chain(rows);
    let clean = |cell: String| ForeignText(&cell).line(MAX_CELL);
    let rows: Vec<[String; N]> = rows.map(|row| row.map(clean)).collect();
    let width = |column: usize| {
        rows.iter()
            .map(move |row| row[column].chars().count())
            .max()
    };
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths);
        let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_cell_widens_no_table() {
        let cells = ["a\nb".to_owned(), "x".repeat(20_000), "c".to_owned()];
        let text = table(["ONE", "TWO", "THREE"], [cells]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[1].starts_with("a b"), "{text}");
        assert!(lines.iter().all(|line| line.len() < 650), "{text}");
    }
}
