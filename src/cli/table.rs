//! Tables on standard output: never wider than the page.

use unicode_width::UnicodeWidthStr as _;

use super::page::{Look, Page};
use crate::domain::{ForeignText, format};

/// Longest text of a cell in characters: foreign text may be of any length.
const MAX_CELL: usize = 600;
/// Between two columns.
const GAP: usize = 2;
const TIGHT_GAP: usize = 1;
/// A column of words is not made narrower.
const LEAST_COLUMN: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    /// Numbers: they are never broken.
    Right,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    align: Align,
}

/// A column of words, which wrap.
pub(super) const fn words(title: &'static str) -> Column {
    Column {
        title,
        align: Align::Left,
    }
}

/// A column of numbers, right-aligned.
pub(super) const fn number(title: &'static str) -> Column {
    Column {
        title,
        align: Align::Right,
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    text: String,
    look: Look,
}

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Cell {
        cell(text, Look::Plain)
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "cells are made of numbers, ids and texts alike"
)]
pub(super) fn cell(text: impl ToString, look: Look) -> Cell {
    Cell {
        text: ForeignText(&text.to_string()).line(MAX_CELL),
        look,
    }
}

impl Cell {
    /// With a mark behind it, which is no part of its value: spaces keep a column of numbers aligned.
    pub fn marked(mut self, mark: &str) -> Cell {
        self.text.push_str(mark);
        self
    }
}

/// `-` where there is no value.
pub(super) fn or_none(value: Option<impl ToString>) -> Cell {
    value.map_or_else(|| Cell::from("-"), Cell::from)
}

#[derive(Debug, Clone)]
struct Row {
    cells: Vec<Cell>,
    /// On lines of their own below it.
    below: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
    /// The column under which the lines below a row begin.
    below_at: usize,
}

impl Table {
    pub fn new(columns: impl Into<Vec<Column>>) -> Table {
        Table {
            columns: columns.into(),
            rows: Vec::new(),
            below_at: 1,
        }
    }

    /// Lines below a row begin under this column.
    pub fn below_at(mut self, column: usize) -> Table {
        self.below_at = column;
        self
    }

    pub fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        self.row_with(cells, []);
    }

    /// A row with lines below it; empty ones are left out.
    pub fn row_with(
        &mut self,
        cells: impl Into<Vec<Cell>>,
        below: impl IntoIterator<Item = String>,
    ) {
        let below = below.into_iter().filter(|line| !line.is_empty());
        let cells = cells.into();
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(Row {
            cells,
            below: below
                .map(|line| ForeignText(&line).line(MAX_CELL))
                .collect(),
        });
    }

    /// As a table if its rows fit; else words of the last column go below them, then the gaps shrink, and at
    /// last each cell has a line of its own.
    pub fn lines(&self, page: &Page) -> Vec<String> {
        if let Some(widths) = self.widths(page.columns, GAP) {
            return self.laid_out(&widths, GAP, page);
        }
        if let Some(table) = self.with_last_below() {
            return table.lines(page);
        }
        match self.widths(page.columns, TIGHT_GAP) {
            Some(widths) => self.laid_out(&widths, TIGHT_GAP, page),
            None => self.records(page),
        }
    }

    fn laid_out(&self, widths: &[usize], gap: usize, page: &Page) -> Vec<String> {
        let header = self.columns.iter();
        let header: Vec<Cell> = header.map(|column| cell(column.title, Look::Dim)).collect();
        let has_titles = self.columns.iter().any(|column| !column.title.is_empty());
        let mut lines = Vec::new();
        if has_titles {
            lines.extend(self.row_lines(&header, widths, gap, page));
        }
        let indent: usize = widths[..self.below_at.min(widths.len())]
            .iter()
            .map(|width| width + gap)
            .sum();
        let indent = indent.min(page.columns / 2);
        for row in &self.rows {
            lines.extend(self.row_lines(&row.cells, widths, gap, page));
            for below in &row.below {
                lines.extend(page.labelled("", Look::Plain, indent, below));
            }
        }
        lines
    }

    /// With its last column on lines below the rows; `None` if that is not one of words.
    fn with_last_below(&self) -> Option<Table> {
        let mut table = self.clone();
        let last = table.columns.pop()?;
        if last.align == Align::Right || table.columns.len() < 2 {
            return None;
        }
        for row in &mut table.rows {
            let cell = row.cells.pop().filter(|cell| !cell.text.is_empty());
            row.below.splice(0..0, cell.map(|cell| cell.text));
        }
        Some(table)
    }

    /// Widths with which a row fits into the page: words are narrowed, the widest first. `None` if numbers
    /// alone are too wide.
    fn widths(&self, room: usize, gap: usize) -> Option<Vec<usize>> {
        let natural = |index: usize| {
            let cells = self
                .rows
                .iter()
                .map(move |row| row.cells[index].text.width());
            cells.chain([self.columns[index].title.width()]).max()
        };
        let mut widths: Vec<usize> = (0..self.columns.len())
            .map(|index| natural(index).unwrap_or(0))
            .collect();
        let gaps = gap * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > room {
            let wraps = |index: &usize| {
                self.columns[*index].align == Align::Left && widths[*index] > LEAST_COLUMN
            };
            let widest = (0..widths.len()).filter(wraps);
            let widest = widest.max_by_key(|index| widths[*index])?;
            widths[widest] -= 1;
        }
        Some(widths)
    }

    fn row_lines(&self, cells: &[Cell], widths: &[usize], gap: usize, page: &Page) -> Vec<String> {
        let wrapped: Vec<Vec<String>> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format::fill(&cell.text, *width))
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        let line = |line: usize| {
            let mut text = String::new();
            // Spaces before a text, so that no line ends with any.
            let mut owed = 0;
            for (index, width) in widths.iter().enumerate() {
                let part = wrapped[index].get(line).map_or("", String::as_str);
                let padding = width.saturating_sub(part.width());
                let (before, after) = match self.columns[index].align {
                    Align::Left => (0, padding),
                    Align::Right => (padding, 0),
                };
                if part.is_empty() {
                    owed += width + gap;
                    continue;
                }
                let painted = page.paint(cells[index].look, part);
                text.extend(std::iter::repeat_n(' ', owed + before));
                text.push_str(&painted);
                owed = after + gap;
            }
            text
        };
        (0..height).map(line).collect()
    }

    /// Where no row fits: a line per cell.
    fn records(&self, page: &Page) -> Vec<String> {
        let titles = self.columns.iter().map(|column| column.title.width());
        let width = titles.max().unwrap_or(0) + GAP;
        let mut lines = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            if index > 0 {
                lines.push(String::new());
            }
            let named = self.columns.iter().zip(&row.cells);
            for (column, cell) in named.filter(|(column, _)| !column.title.is_empty()) {
                lines.extend(page.labelled(column.title, Look::Dim, width, &cell.text));
            }
            lines.extend(row.below.iter().flat_map(|below| page.paragraph(below, 0)));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([words("name"), number("cost"), words("why")]);
        let long = "an address that nobody can read ".repeat(9) + &"x".repeat(300);
        table.row_with(
            ["a\nb".into(), "1,234.50".into(), long.as_str().into()],
            [long.clone()],
        );
        table.row(["host-7".into(), or_none(None::<u64>), Cell::from("fine")]);
        table
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        for columns in [20, 30, 40, 80, 120] {
            let lines = table().lines(&Page::plain(columns));
            let widest = lines.iter().map(|line| line.width()).max();
            assert!(widest <= Some(columns), "{columns}: {lines:#?}");
            let text = lines.concat();
            // Nothing is lost, and no number is broken.
            assert_eq!(text.matches('x').count(), 600, "{columns}: {lines:#?}");
            assert!(text.contains("1,234.50"), "{columns}: {lines:#?}");
        }
    }

    #[test]
    fn wide_page_has_a_line_a_row() {
        let lines = table().lines(&Page::plain(usize::MAX));
        assert_eq!(lines.len(), 4, "{lines:#?}");
        assert!(lines[0].starts_with("name        cost  why"), "{lines:#?}");
        assert!(lines[1].starts_with("a b     1,234.50  an"), "{lines:#?}");
        assert_eq!(lines[3], "host-7         -  fine");
    }

    #[test]
    fn long_cell_widens_no_table() {
        let mut table = Table::new([words("one"), words("two"), words("three")]);
        table.row(["a\nb".into(), "x".repeat(20_000).into(), Cell::from("c")]);
        let lines = table.lines(&Page::plain(usize::MAX));
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert!(lines[1].starts_with("a b"), "{lines:#?}");
        assert!(lines.iter().all(|line| line.len() < 650), "{lines:#?}");
    }

    #[test]
    fn numbers_end_in_one_column() {
        let mut table = Table::new([number("#"), number("cost")]);
        table.row([Cell::from(1), "9.50".into()]);
        table.row([Cell::from(10), "123.50".into()]);
        let lines = table.lines(&Page::plain(80));
        assert_eq!(lines, [" #    cost", " 1    9.50", "10  123.50"]);
    }
}
