//! Tables whose columns are shown whole or not at all.

use super::format;
use super::widgets::Align;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableColumn {
    pub(super) title: &'static str,
    pub(super) width: usize,
    pub(super) align: Align,
}

/// Words.
pub(super) const fn left(title: &'static str, width: usize) -> TableColumn {
    let align = Align::Left;
    TableColumn {
        title,
        width,
        align,
    }
}

/// Numbers.
pub(super) const fn right(title: &'static str, width: usize) -> TableColumn {
    let align = Align::Right;
    TableColumn {
        title,
        width,
        align,
    }
}

/// The columns that are shown.
#[derive(Debug)]
pub(super) struct Fitting<'a> {
    all: &'a [TableColumn],
    shown: Vec<usize>,
    most_away: usize,
}

impl<'a> Fitting<'a> {
    /// The first column, and as many as fit of those behind the ones that are scrolled away. When the last
    /// one is in sight, no more go away.
    pub(super) fn new(all: &'a [TableColumn], width: u16, away: usize) -> Fitting<'a> {
        let last = all.len().checked_sub(1);
        let shows_last = |away: &usize| fit(all, width, *away).last().copied() == last;
        // The first and the last one stay.
        let most = all.len().saturating_sub(2);
        let most_away = (0..most).find(shows_last).unwrap_or(most);
        Fitting {
            all,
            shown: fit(all, width, away.min(most_away)),
            most_away,
        }
    }

    /// How many columns can be scrolled away.
    pub(super) fn most_away(&self) -> usize {
        self.most_away
    }

    /// Columns that are left out.
    pub(super) fn hidden(&self) -> usize {
        self.all.len() - self.shown.len()
    }

    /// A row of cells, given by their places among all columns.
    pub(super) fn row(&self, cell: impl Fn(usize) -> String) -> String {
        let cells = self.shown.iter().map(|place| {
            let column = self.all[*place];
            column.align.pad(&cell(*place), column.width)
        });
        cells.collect::<Vec<_>>().join(" ")
    }

    /// The titles, and how many columns are left out.
    pub(super) fn head(&self, width: u16) -> String {
        let titles = self.row(|place| self.all[place].title.to_owned());
        let more = match self.hidden() {
            0 => return titles,
            more => format!(" +{more}"),
        };
        let in_words = format!(" +{}", format::count(self.hidden(), "column"));
        let room = usize::from(width).saturating_sub(titles.chars().count());
        match room {
            _ if in_words.len() <= room => titles + &in_words,
            _ if more.len() <= room => titles + &more,
            _ => titles,
        }
    }
}

fn fit(all: &[TableColumn], width: u16, away: usize) -> Vec<usize> {
    let mut room = usize::from(width) + 1;
    let behind = all.len().min(1 + away)..all.len();
    let places = (0..all.len().min(1)).chain(behind);
    let fits = |place: &usize| match room.checked_sub(all[*place].width + 1) {
        Some(rest) => {
            room = rest;
            true
        }
        None => false,
    };
    places.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [TableColumn; 4] = [left("name", 4), right("a", 3), right("b", 3), right("c", 3)];

    #[test]
    fn columns_are_scrolled_until_the_last_one_is_in_sight() {
        let most = |width| Fitting::new(&ALL, width, 9).most_away();
        assert_eq!([16, 12, 8, 3].map(most), [0, 1, 2, 2]);
    }

    fn heads(width: u16) -> Vec<String> {
        (0..4)
            .map(|away| Fitting::new(&ALL, width, away).head(width))
            .collect()
    }

    #[test]
    fn columns_that_are_left_out_come_by_scrolling() {
        // The first one stays; what does not fit is counted; at the last one it ends.
        assert_eq!(
            heads(12),
            [
                "name   a   b",
                "name   b   c",
                "name   b   c",
                "name   b   c"
            ]
        );
        assert_eq!(heads(15)[0], "name   a   b +1");
        assert_eq!(heads(16), ["name   a   b   c"; 4]);
        // Not even the first one fits.
        assert_eq!(heads(3)[0], " +4");
    }
}
