//! State of the offers pane: sort order, filter, selection. Sorted when one of them or the offers change,
//! never per frame.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use strum::VariantArray as _;

use super::filter::Words;
use crate::domain::{OfferId, RankedOffer};

/// By importance, from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Column {
    /// By the cost of a success, whatever the rows are sorted by.
    #[strum(serialize = "#")]
    Rank,
    #[strum(serialize = "$/success")]
    Success,
    #[strum(serialize = "$/h")]
    Price,
    #[strum(serialize = "est.")]
    Estimate,
    Worst,
    Chance,
    Boot,
    #[strum(serialize = "rel.")]
    Reliability,
    #[strum(serialize = "Mb/s")]
    Download,
    Machine,
    #[strum(serialize = "GPUs")]
    Gpu,
    Location,
    Offer,
}

impl Column {
    pub const ALL: &[Column] = Column::VARIANTS;

    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The column this many places to the right, wrapping around; the rank is sorted by as `$/success`.
    #[must_use]
    pub fn step(self, by: usize) -> Column {
        match Column::ALL[(self as usize + by) % Column::ALL.len()] {
            Column::Rank => Column::Rank.step(by),
            column => column,
        }
    }

    /// The smallest is the best.
    pub fn is_ascending(self) -> bool {
        !matches!(
            self,
            Column::Chance | Column::Reliability | Column::Download
        )
    }

    /// Best first: cheap, likely, quick, fast. Sorting is stable, so rank decides between equals.
    fn compare(self, a: &RankedOffer, b: &RankedOffer) -> Ordering {
        match self {
            // By rank already.
            Column::Rank | Column::Success => Ordering::Equal,
            Column::Gpu => gpu(a).cmp(&gpu(b)),
            Column::Price => a.price.cmp(&b.price),
            Column::Estimate => a.expected_cost().cmp(&b.expected_cost()),
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
            Column::Offer => a.offer.id.cmp(&b.offer.id),
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

/// What a search has changed at the cursor, for some ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Passing<T> {
    what: T,
    ticks_left: u8,
}

/// Ticks (of 1 s) in which a key meant the row that was there before.
const CHANGE_TICKS: u8 = 2;
/// Ticks that the title says which offer is gone.
const GONE_TICKS: u8 = 8;

#[derive(Debug, Clone)]
pub struct OffersPane {
    pub list: OfferList,
    pub sort: Column,
    pub direction: Direction,
    /// Only offers with these words; empty for all.
    pub filter: String,
    /// The offer that the operator selected, by id: a search keeps it selected wherever its row goes, and if
    /// it is gone selects what took its row. Until then the first that is shown is selected.
    pub selected: Option<OfferId>,
    /// The offers to compare, at most two.
    marked: Vec<OfferId>,
    /// Columns that are scrolled out of sight.
    pub first_column: usize,
    /// Index of the selected offer among those that are out.
    pub rejected_index: usize,
    /// Index of the selected machine among the avoided ones.
    pub avoided_index: usize,
    /// Ranks of the shown offers, in the order in which they are shown.
    shown: Vec<usize>,
    row_of: HashMap<OfferId, usize>,
    ranked: Arc<Vec<RankedOffer>>,
    /// The offer that a search has just put under the cursor.
    changed: Option<Passing<OfferId>>,
    /// The offer under the cursor that a search has not found again.
    gone: Option<Passing<OfferId>>,
    common: Common,
}

/// What all offers that are shown have in common: it needs no column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Common {
    pub gpus: Option<String>,
    pub country: Option<String>,
}

impl Common {
    fn of<'a>(mut rows: impl Iterator<Item = &'a RankedOffer>) -> Common {
        let Some(first) = rows.next() else {
            return Common::default();
        };
        let (mut gpus, mut country) = (Some(gpu(first)), first.offer.country());
        for row in rows {
            gpus = gpus.filter(|gpus| *gpus == gpu(row));
            country = country.filter(|country| Some(*country) == row.offer.country());
        }
        Common {
            gpus: gpus.map(|_| first.offer.gpus()),
            country: country.map(str::to_owned),
        }
    }
}

impl OffersPane {
    /// So many columns can be scrolled away: rank and the last one stay.
    pub const LAST_COLUMN: usize = Column::VARIANTS.len() - 2;

    pub fn new(ranked: &Arc<Vec<RankedOffer>>) -> OffersPane {
        let mut pane = OffersPane {
            list: OfferList::Usable,
            sort: Column::Success,
            direction: Direction::BestFirst,
            filter: String::new(),
            selected: None,
            marked: Vec::new(),
            first_column: 0,
            rejected_index: 0,
            avoided_index: 0,
            shown: Vec::new(),
            row_of: HashMap::new(),
            ranked: ranked.clone(),
            changed: None,
            gone: None,
            common: Common::default(),
        };
        pane.arrange();
        pane
    }

    pub fn set_ranked(&mut self, ranked: &Arc<Vec<RankedOffer>>) {
        if Arc::ptr_eq(&self.ranked, ranked) {
            return;
        }
        let before = self.selected_row().zip(self.selected_id());
        self.ranked = ranked.clone();
        self.arrange();
        if let Some((row, offer)) = before {
            self.keep_cursor(row, offer);
        }
    }

    /// Shows the offers of another pool, from the first one on.
    pub fn show(&mut self, ranked: &Arc<Vec<RankedOffer>>) {
        if Arc::ptr_eq(&self.ranked, ranked) {
            return;
        }
        self.ranked = ranked.clone();
        self.marked.clear();
        (self.selected, self.changed, self.gone) = (None, None, None);
        (self.rejected_index, self.avoided_index) = (0, 0);
        self.arrange();
    }

    /// After a search: the cursor was in this row, on this offer.
    fn keep_cursor(&mut self, row: usize, offer: OfferId) {
        if !self.row_of.contains_key(&offer) {
            let is_gone = self.ranked.iter().all(|row| row.offer.id != offer);
            self.gone = is_gone.then_some(Passing {
                what: offer,
                ticks_left: GONE_TICKS,
            });
            if self.selected.is_some() {
                let row = row.min(self.len().saturating_sub(1));
                self.selected = self.row(row).map(|(_, row)| row.offer.id);
            }
        }
        let now = self.selected_id();
        self.changed = now.filter(|now| *now != offer).map(|what| Passing {
            what,
            ticks_left: CHANGE_TICKS,
        });
    }

    /// The operator moves the cursor: the next key means what is there now.
    pub fn select(&mut self, offer: Option<OfferId>) {
        self.selected = offer;
        self.changed = None;
    }

    /// Usable, out, avoided.
    pub fn next_list(&mut self) {
        self.list = match self.list {
            OfferList::Usable => OfferList::Rejected,
            OfferList::Rejected => OfferList::Avoided,
            OfferList::Avoided => OfferList::Usable,
        };
    }

    /// Marks the selected offer, or takes its mark away; of three the first mark goes.
    pub fn toggle_mark(&mut self) {
        let Some(offer) = self.selected_id() else {
            return;
        };
        if self.is_marked(offer) {
            return self.marked.retain(|marked| *marked != offer);
        }
        self.marked.push(offer);
        let over = self.marked.len().saturating_sub(2);
        self.marked.drain(..over);
    }

    pub fn is_marked(&self, offer: OfferId) -> bool {
        self.marked.contains(&offer)
    }

    pub fn has_marks(&self) -> bool {
        !self.marked.is_empty()
    }

    pub fn clear_marks(&mut self) {
        self.marked.clear();
    }

    /// The two offers to compare, where two that are still there are marked.
    pub fn marked_pair(&self) -> Option<[&RankedOffer; 2]> {
        let find = |id: &OfferId| self.ranked.iter().find(|row| row.offer.id == *id);
        match &self.marked[..] {
            [first, second] => Some([find(first)?, find(second)?]),
            _ => None,
        }
    }

    /// A second has passed.
    pub fn age(&mut self) {
        for passing in [&mut self.changed, &mut self.gone] {
            passing.take_if(|it| {
                it.ticks_left = it.ticks_left.saturating_sub(1);
                it.ticks_left == 0
            });
        }
    }

    /// The offer that has just come under the cursor, once: a key was meant for the one before.
    pub fn take_change(&mut self) -> Option<OfferId> {
        self.changed.take().map(|changed| changed.what)
    }

    /// The offer under the cursor that is gone since a moment.
    pub fn gone(&self) -> Option<OfferId> {
        self.gone.map(|gone| gone.what)
    }

    pub fn common(&self) -> &Common {
        &self.common
    }

    fn selected_id(&self) -> Option<OfferId> {
        self.selected_offer().map(|row| row.offer.id)
    }

    pub fn sort_by(&mut self, column: Column) {
        self.sort = column;
        self.direction = Direction::BestFirst;
        self.arrange();
    }

    /// By another column, or by the same one the other way around. The rank is that of `$/success`.
    pub fn sort_or_reverse(&mut self, column: Column) {
        let column = match column {
            Column::Rank => Column::Success,
            column => column,
        };
        if column == self.sort {
            self.reverse();
        } else {
            self.sort_by(column);
        }
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
        let words = Words::of(&self.filter);
        let (rows, sort) = (&self.ranked, self.sort);
        let ranks = 0..rows.len();
        let mut shown: Vec<usize> = ranks
            .filter(|&rank| words.are_in(|| text_of(&rows[rank])))
            .collect();
        shown.sort_by(|&a, &b| sort.compare(&rows[a], &rows[b]));
        if self.direction == Direction::Reversed {
            shown.reverse();
        }
        let ids = shown.iter().map(|&rank| rows[rank].offer.id);
        self.row_of = ids.zip(0..).collect();
        self.common = Common::of(shown.iter().map(|&rank| &rows[rank]));
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

fn text_of(row: &RankedOffer) -> String {
    let offer = &row.offer;
    format!(
        "{} {} {} {} {} {}",
        offer.gpus(),
        row.price,
        offer.id,
        offer.machine,
        offer.location.as_deref().unwrap_or("unknown"),
        if offer.verified { "verified" } else { "" },
    )
}
