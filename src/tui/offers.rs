//! How the operator looks at the usable offers: sorted by a column, narrowed to what holds a text. The
//! order is made when one of these changes or new offers come, never for a frame.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::{OfferId, RankedOffer};

/// A column of the offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each has its name below")]
pub enum Column {
    Rank,
    Gpu,
    Price,
    Expected,
    Worst,
    Chance,
    Boot,
    Reliability,
    Download,
    Machine,
    Location,
}

impl Column {
    /// Every column, by importance from left to right.
    pub const ALL: [Column; 11] = [
        Column::Rank,
        Column::Gpu,
        Column::Price,
        Column::Expected,
        Column::Worst,
        Column::Chance,
        Column::Boot,
        Column::Reliability,
        Column::Download,
        Column::Machine,
        Column::Location,
    ];

    /// What stands above it.
    pub fn name(self) -> &'static str {
        match self {
            Column::Rank => "#",
            Column::Gpu => "GPU",
            Column::Price => "price",
            Column::Expected => "expected",
            Column::Worst => "worst",
            Column::Chance => "chance",
            Column::Boot => "boot",
            Column::Reliability => "rel.",
            Column::Download => "Mb/s",
            Column::Machine => "machine",
            Column::Location => "location",
        }
    }

    /// The column that is this many places further, around the end.
    #[must_use]
    pub fn step(self, by: usize) -> Column {
        let place = Column::ALL.iter().position(|column| *column == self);
        Column::ALL[(place.unwrap_or(0) + by) % Column::ALL.len()]
    }

    /// What it is sorted by, the usual end first: cheap, likely, quick, fast. The rank decides
    /// between equals, since sorting is stable.
    fn compare(self, a: &RankedOffer, b: &RankedOffer) -> Ordering {
        match self {
            Column::Rank => Ordering::Equal,
            Column::Gpu => gpu(a).cmp(&gpu(b)),
            Column::Price => a.price.cmp(&b.price),
            Column::Expected => a.expected_cost().cmp(&b.expected_cost()),
            Column::Worst => a.worst_cost.cmp(&b.worst_cost),
            Column::Chance => b.chance().total_cmp(&a.chance()),
            Column::Boot => a.boot.median.cmp(&b.boot.median),
            Column::Reliability => b.offer.reliability.total_cmp(&a.offer.reliability),
            Column::Download => b.offer.download_mbps.total_cmp(&a.offer.download_mbps),
            Column::Machine => a.offer.machine.cmp(&b.offer.machine),
            Column::Location => a.offer.location.cmp(&b.offer.location),
        }
    }
}

fn gpu(row: &RankedOffer) -> (&str, u32) {
    (&row.offer.gpu_name, row.offer.gpu_count)
}

/// Which end of a column comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The usual one.
    Usual,
    /// The other one.
    Reversed,
}

/// The operator's view of the usable offers.
#[derive(Debug, Clone)]
pub struct OfferView {
    /// What it is sorted by.
    pub sort: Column,
    /// Which end comes first.
    pub direction: Direction,
    /// Only offers with this text; empty for all.
    pub filter: String,
    /// Places among the ranked offers, in the order in which they are shown.
    shown: Vec<usize>,
    /// Rows by offer.
    row_of: HashMap<OfferId, usize>,
    /// The offers that they are places of.
    rows: Arc<Vec<RankedOffer>>,
}

impl OfferView {
    /// All of them, by rank.
    pub fn new(rows: &Arc<Vec<RankedOffer>>) -> OfferView {
        let mut view = OfferView {
            sort: Column::Rank,
            direction: Direction::Usual,
            filter: String::new(),
            shown: Vec::new(),
            row_of: HashMap::new(),
            rows: rows.clone(),
        };
        view.arrange();
        view
    }

    /// Takes newly found offers in.
    pub fn take(&mut self, rows: &Arc<Vec<RankedOffer>>) {
        if !Arc::ptr_eq(&self.rows, rows) {
            self.rows = rows.clone();
            self.arrange();
        }
    }

    /// Sorts by another column.
    pub fn sort_by(&mut self, column: Column) {
        self.sort = column;
        self.direction = Direction::Usual;
        self.arrange();
    }

    /// Turns the order around.
    pub fn reverse(&mut self) {
        self.direction = match self.direction {
            Direction::Usual => Direction::Reversed,
            Direction::Reversed => Direction::Usual,
        };
        self.arrange();
    }

    /// Shows only what holds every word of a text, upper and lower case alike.
    pub fn narrow(&mut self, text: &str) {
        text.clone_into(&mut self.filter);
        self.arrange();
    }

    fn arrange(&mut self) {
        let words: Vec<String> = self
            .filter
            .split_whitespace()
            .map(str::to_lowercase)
            .collect();
        let rows = &self.rows;
        self.shown = (0..rows.len())
            .filter(|&place| holds(&rows[place], &words))
            .collect();
        let sort = self.sort;
        self.shown
            .sort_by(|&a, &b| sort.compare(&rows[a], &rows[b]));
        if self.direction == Direction::Reversed {
            self.shown.reverse();
        }
        let shown = self.shown.iter().enumerate();
        self.row_of = shown
            .map(|(row, &rank)| (rows[rank].offer.id, row))
            .collect();
    }

    /// How many are shown.
    pub fn len(&self) -> usize {
        self.shown.len()
    }

    /// None is shown.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// The offer in a row that is shown, with its rank from 0.
    pub fn row(&self, row: usize) -> Option<(usize, &RankedOffer)> {
        let rank = *self.shown.get(row)?;
        Some((rank, self.rows.get(rank)?))
    }

    /// The row in which an offer is shown.
    pub fn row_of(&self, id: OfferId) -> Option<usize> {
        self.row_of.get(&id).copied()
    }
}

fn holds(row: &RankedOffer, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let offer = &row.offer;
    let text = format!(
        "{}x {} {} {} {} {} {}",
        offer.gpu_count,
        offer.gpu_name,
        row.price,
        offer.id,
        offer.machine,
        offer.location.as_deref().unwrap_or("unknown"),
        if offer.verified { "verified" } else { "" },
    )
    .to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}
