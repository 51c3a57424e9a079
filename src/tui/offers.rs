//! State of the offers pane: sort order, filter, selection. Sorted when one of them or the offers change,
//! never per frame.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use strum::VariantArray as _;

use crate::domain::{OfferId, RankedOffer};

/// By importance, from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Column {
    #[strum(serialize = "#")]
    Rank,
    #[strum(serialize = "GPU")]
    Gpu,
    Price,
    Expected,
    Worst,
    Chance,
    Boot,
    #[strum(serialize = "rel.")]
    Reliability,
    #[strum(serialize = "Mb/s")]
    Download,
    Machine,
    Location,
}

impl Column {
    pub const ALL: &[Column] = Column::VARIANTS;

    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The column this many places to the right, wrapping around.
    #[must_use]
    pub fn step(self, by: usize) -> Column {
        Column::ALL[(self as usize + by) % Column::ALL.len()]
    }

    /// Best first: cheap, likely, quick, fast. Sorting is stable, so rank decides between equals.
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
            Column::Location => a
                .offer
                .country_and_region()
                .cmp(&b.offer.country_and_region()),
        }
    }
}

fn gpu(row: &RankedOffer) -> (&str, u32) {
    (&row.offer.gpu_name, row.offer.gpu_count)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    BestFirst,
    Reversed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferList {
    Usable,
    Rejected,
    Avoided,
}

#[derive(Debug, Clone)]
pub struct OffersPane {
    pub list: OfferList,
    pub sort: Column,
    pub direction: Direction,
    /// Only offers with these words; empty for all.
    pub filter: String,
    /// The offer that the operator selected, by id: a refresh does not move the selection to another one.
    /// Until then the first that is shown is selected.
    pub selected: Option<OfferId>,
    /// The offer to compare with another one.
    pub marked: Option<OfferId>,
    pub rejected_scroll: usize,
    /// Index of the selected machine among the avoided ones.
    pub avoided_index: usize,
    /// Ranks of the shown offers, in the order in which they are shown.
    shown: Vec<usize>,
    row_of: HashMap<OfferId, usize>,
    ranked: Arc<Vec<RankedOffer>>,
}

impl OffersPane {
    pub fn new(ranked: &Arc<Vec<RankedOffer>>) -> OffersPane {
        let mut pane = OffersPane {
            list: OfferList::Usable,
            sort: Column::Rank,
            direction: Direction::BestFirst,
            filter: String::new(),
            selected: None,
            marked: None,
            rejected_scroll: 0,
            avoided_index: 0,
            shown: Vec::new(),
            row_of: HashMap::new(),
            ranked: ranked.clone(),
        };
        pane.arrange();
        pane
    }

    pub fn set_ranked(&mut self, ranked: &Arc<Vec<RankedOffer>>) {
        if !Arc::ptr_eq(&self.ranked, ranked) {
            self.ranked = ranked.clone();
            self.arrange();
        }
    }

    pub fn sort_by(&mut self, column: Column) {
        self.sort = column;
        self.direction = Direction::BestFirst;
        self.arrange();
    }

    pub fn reverse(&mut self) {
        self.direction = match self.direction {
            Direction::BestFirst => Direction::Reversed,
            Direction::Reversed => Direction::BestFirst,
        };
        self.arrange();
    }

    /// Shows only offers with every word of a text, ignoring case. A selection that is filtered out
    /// moves to the first row.
    pub fn set_filter(&mut self, text: &str) {
        text.clone_into(&mut self.filter);
        self.arrange();
        if self.selected_row().is_none() {
            self.selected = None;
        }
    }

    fn arrange(&mut self) {
        let words = self.filter.split_whitespace();
        let words: Vec<String> = words.map(str::to_lowercase).collect();
        let (rows, sort) = (&self.ranked, self.sort);
        let ranks = 0..rows.len();
        let mut shown: Vec<usize> = ranks
            .filter(|&rank| matches_words(&rows[rank], &words))
            .collect();
        shown.sort_by(|&a, &b| sort.compare(&rows[a], &rows[b]));
        if self.direction == Direction::Reversed {
            shown.reverse();
        }
        let ids = shown.iter().map(|&rank| rows[rank].offer.id);
        self.row_of = ids.zip(0..).collect();
        self.shown = shown;
    }

    pub fn len(&self) -> usize {
        self.shown.len()
    }

    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// The offer in a row, with its rank from 0.
    pub fn row(&self, row: usize) -> Option<(usize, &RankedOffer)> {
        let rank = *self.shown.get(row)?;
        Some((rank, self.ranked.get(rank)?))
    }

    pub fn selected_row(&self) -> Option<usize> {
        match self.selected {
            Some(offer) => self.row_of.get(&offer).copied(),
            None => (!self.is_empty()).then_some(0),
        }
    }

    /// The selected offer, if it is shown.
    pub fn selected_offer(&self) -> Option<&RankedOffer> {
        let (_, row) = self.row(self.selected_row()?)?;
        Some(row)
    }
}

fn matches_words(row: &RankedOffer, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let offer = &row.offer;
    let text = format!(
        "{} {} {} {} {} {}",
        offer.gpus(),
        row.price,
        offer.id,
        offer.machine,
        offer.location.as_deref().unwrap_or("unknown"),
        if offer.verified { "verified" } else { "" },
    )
    .to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}
