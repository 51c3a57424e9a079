//! Tables on standard output.

use crate::domain::ForeignText;

/// Aligns the columns. Each row is one line, even if a cell has several.
pub(super) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let header = header.map(str::to_owned);
    let rows = std::iter::once(header).chain(rows);
    let clean = |cell: String| ForeignText(&cell).line(usize::MAX);
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
