//! Elastic rows: how sections share the height of a column.

/// How many rows a section needs, wants, and can use at most, with its title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rows {
    pub least: u16,
    pub wanted: u16,
    pub most: u16,
}

impl Rows {
    /// What can use every row there is.
    pub const ENDLESS: u16 = u16::MAX;

    /// Never more than it wants.
    pub fn up_to(least: u16, wanted: usize) -> Rows {
        let wanted = u16::try_from(wanted).unwrap_or(Rows::ENDLESS - 1);
        Rows {
            least: least.min(wanted),
            wanted,
            most: wanted,
        }
    }

    /// What stands below one another.
    pub fn stacked(all: impl IntoIterator<Item = Rows>) -> Rows {
        let add = |sum: Rows, rows: Rows| Rows {
            least: sum.least.saturating_add(rows.least),
            wanted: sum.wanted.saturating_add(rows.wanted),
            most: sum.most.saturating_add(rows.most),
        };
        all.into_iter().fold(Rows::default(), add)
    }

    /// What stands side by side: no side may be left half empty.
    #[must_use]
    pub fn beside(self, other: Rows) -> Rows {
        let wanted = self.wanted.max(other.wanted);
        Rows {
            least: self.least.max(other.least),
            wanted,
            most: self.most.min(other.most).max(wanted),
        }
    }
}

/// Below this a title has nothing to say.
const SMALLEST: u16 = 2;

/// The height of each: least first, in order; then each up to what it wants; then up to the most, those
/// that know their end before those that can use every row.
pub fn share(all: &[Rows], height: u16) -> Vec<u16> {
    let mut left = height;
    let mut heights = Vec::with_capacity(all.len());
    for rows in all {
        let height = rows.least.min(left);
        let height = if height < SMALLEST { 0 } else { height };
        left -= height;
        heights.push(height);
    }
    let mut grow = |index: usize, to: u16| {
        let height: &mut u16 = &mut heights[index];
        if *height > 0 {
            let more = to.saturating_sub(*height).min(left);
            *height += more;
            left -= more;
        }
    };
    for (index, rows) in all.iter().enumerate() {
        grow(index, rows.wanted);
    }
    let is_endless = |rows: &Rows| rows.most == Rows::ENDLESS;
    for endless in [false, true] {
        for (index, rows) in all.iter().enumerate() {
            if is_endless(rows) == endless {
                grow(index, rows.most);
            }
        }
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(least: u16, wanted: u16, most: u16) -> Rows {
        Rows {
            least,
            wanted,
            most,
        }
    }

    #[test]
    fn least_comes_before_wanted() {
        let all = [rows(3, 10, 10), rows(4, 8, 100)];
        assert_eq!(share(&all, 7), [3, 4]);
        assert_eq!(share(&all, 12), [8, 4]);
        assert_eq!(share(&all, 18), [10, 8]);
    }

    #[test]
    fn rest_goes_where_it_is_used() {
        let all = [rows(3, 5, Rows::ENDLESS), rows(3, 5, 9)];
        assert_eq!(share(&all, 30), [21, 9]);
        assert_eq!(share(&[rows(3, 5, 6)], 30), [6]);
    }

    #[test]
    fn last_ones_go_without_room() {
        let all = [rows(3, 5, 5), rows(3, 5, 5)];
        assert_eq!(share(&all, 4), [4, 0]);
        assert_eq!(share(&all, 0), [0, 0]);
    }

    #[test]
    fn shorter_side_limits_growth() {
        let chart = rows(4, 8, Rows::ENDLESS);
        assert_eq!(chart.beside(rows(3, 12, 12)), rows(4, 12, 12));
        assert_eq!(chart.beside(rows(3, 6, 20)), rows(4, 8, 20));
    }
}
