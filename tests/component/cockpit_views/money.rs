//! Three kinds of money, never mixed: an estimate, a bill and a worst case; and what is left of a cap.

use std::ops::Range;

use super::*;

/// Before an amount: its sign.
const SIGNS: [&str; 3] = ["~", "≤", "<="];

/// Right behind an amount: what it is.
const WORDS_BEHIND: [&str; 17] = [
    "/h",
    " billed",
    " est.",
    " left",
    " of $",
    " needed",
    " too",
    " or more",
    " a success",
    " a GB",
    " cheaper",
    " dearer",
    " GPUs",
    " disk",
    " traffic",
    " stays",
    " = $",
];

/// Right before an amount: what it is.
const WORDS_BEFORE: [&str; 12] = [
    "sprint",
    "day",
    "month",
    "hour",
    "credit",
    "floor",
    "at most",
    "at least",
    "charged",
    "estimate",
    "worst",
    "next best is",
];

/// At the beginning of its row: what it is.
const ROWS: [&str; 13] = [
    "$/h",
    "GPUs",
    "disk",
    "traffic",
    "estimate",
    "$/success",
    "worst",
    "credit",
    "running",
    "sprint cap",
    "day cap",
    "month cap",
    "hour cap",
];

/// Above it, in the heading of its column.
const HEADINGS: [&str; 9] = [
    "cost",
    "$/1000",
    "$/success",
    "$/h",
    "est.",
    "worst",
    "left",
    "after",
    "price",
];

/// The rows of a screen, by cells.
struct Screen(Vec<Vec<char>>);

impl Screen {
    fn of(text: &str) -> Screen {
        let rows = text.lines().map(|row| row.trim_matches('"'));
        Screen(rows.map(|row| row.chars().collect()).collect())
    }

    fn text(&self, y: usize, x: Range<usize>) -> String {
        let row = &self.0[y];
        row[x.start.min(row.len())..x.end.min(row.len())]
            .iter()
            .collect()
    }

    /// The columns of the box that lies on the panes, if one does.
    fn popup(&self) -> Option<(Range<usize>, Range<usize>)> {
        let find = |corner| {
            let mut rows = self.0.iter().enumerate();
            rows.find_map(|(y, row)| Some((y, row.iter().position(|cell| *cell == corner)?)))
        };
        let ((top, left), (bottom, right)) = (find('╭')?, find('╯')?);
        Some((top..bottom + 1, left + 1..right))
    }

    /// What of a row is of one thing: between dividers, inside the box or beside none.
    fn cell_bounds(&self, y: usize, x: usize) -> Range<usize> {
        let row = &self.0[y];
        let is_divider = |cell: &char| matches!(cell, '│' | '┤' | '├');
        let left = row[..x].iter().rposition(is_divider).map_or(0, |at| at + 1);
        let right = row[x..].iter().position(is_divider);
        left..right.map_or(row.len(), |at| x + at)
    }

    /// Every amount, with its place.
    fn amounts(&self) -> Vec<(usize, Range<usize>)> {
        let popup = self.popup();
        let mut found = Vec::new();
        for (y, row) in self.0.iter().enumerate() {
            for start in (0..row.len()).filter(|x| row[*x] == '$') {
                let figure = row[start + 1..].iter();
                let digits =
                    figure.take_while(|cell| cell.is_ascii_digit() || ",.".contains(**cell));
                let end = start + 1 + digits.count();
                // Below a box only parts of the panes are seen.
                let is_seen = popup
                    .as_ref()
                    .is_none_or(|(rows, columns)| rows.contains(&y) && columns.contains(&start));
                if end > start + 1 && is_seen {
                    found.push((y, start..end));
                }
            }
        }
        found
    }

    fn has_kind(&self, y: usize, place: &Range<usize>) -> bool {
        let bounds = self.cell_bounds(y, place.start);
        let before = self.text(y, bounds.start..place.start);
        let behind = self.text(y, place.end..bounds.end);
        let named = before.trim_end_matches([' ', '█', '░', '#', '-', '▒']);
        SIGNS.iter().any(|sign| before.ends_with(sign))
            || WORDS_BEHIND.iter().any(|word| behind.starts_with(word))
            || WORDS_BEFORE.iter().any(|word| named.ends_with(word))
            || ROWS
                .iter()
                .any(|word| before.trim_start().starts_with(word))
            || self.has_heading(y, place, &bounds)
    }

    /// A heading ends where the amount ends: numbers are at the right of their columns.
    fn has_heading(&self, y: usize, place: &Range<usize>, bounds: &Range<usize>) -> bool {
        let above = (0..y).rev();
        let in_section = above.take_while(|y| !self.text(*y, bounds.clone()).contains("──"));
        in_section.into_iter().any(|y| {
            let heading = self.text(y, bounds.start..place.end);
            let heading = heading.trim_end_matches(['▲', '▼']);
            HEADINGS.iter().any(|word| heading.ends_with(word))
        })
    }

    /// Rows with an amount that could be of any kind.
    fn nameless(&self) -> Vec<String> {
        let amounts = self.amounts().into_iter();
        let nameless = amounts.filter(|(y, place)| !self.has_kind(*y, place));
        let row = |(y, place): (usize, Range<usize>)| {
            let row: String = self.0[y].iter().collect();
            format!("{} in {row}", self.text(y, place))
        };
        nameless.map(row).collect()
    }
}

#[test]
fn every_amount_names_its_kind() {
    let mut nameless = std::collections::BTreeSet::new();
    for (name, model) in states() {
        for (width, height) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            let screen = Screen::of(&shown(&model, width, height));
            let found = screen.nameless().into_iter();
            nameless.extend(found.map(|row| format!("{name} {width}: {row}")));
        }
    }
    let rows: Vec<String> = nameless.into_iter().collect();
    assert!(
        rows.is_empty(),
        "{} amounts without a kind:\n{}",
        rows.len(),
        rows.join("\n")
    );
}

#[test]
fn amount_without_a_kind_is_found() {
    let planted = |row: &str| Screen::of(row).nameless().len();
    // Given amounts that nothing names, then each is found:
    for row in [
        " machine   4461 $9.60",
        " rented at $9.60 now",
        " NEXT     ready 11m, $4.12 so far",
        " ended $8.40  weight 2,405",
    ] {
        assert_eq!(planted(row), 1, "{row}");
    }
    // also below a heading that is not its own, and beside one that is in another pane;
    assert_eq!(planted("  cost   boot\n $8.40  $1.00"), 1);
    assert_eq!(planted(" est.│ spare\n~1.00│ $1.00"), 1);
    // and one of each kind is not.
    for row in [
        "~$4.12",
        "≤$14.18 worst",
        "$8.40 billed",
        "$9.60/h",
        " caps left: sprint $40.00  day $41.50",
        "  weight   cost\n  2,405   $8.40",
    ] {
        assert_eq!(planted(row), 0, "{row}");
    }
}

#[test]
fn no_amount_is_negative() {
    // Given a cap that an offer does not fit, then it is said how much is missing, and never less than nothing.
    let mut s = choosing();
    s.money.caps[0].limit = Usd::from_dollars(28.0);
    let over = model(s);
    assert_shows(&shown(&over, 80, 24), &["sprint $0.80 too little"]);
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        for (name, model) in states().into_iter().chain([("over", over.clone())]) {
            let text = shown(&model, width, height);
            assert!(!text.contains("-$"), "{name}:\n{text}");
        }
    }
}
