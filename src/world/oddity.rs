//! Deviations of the market from its documentation, as its users have seen them.

use serde::{Deserialize, Serialize};

/// Something odd about the market: its account, its routes or its replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum MarketOddity {
    /// `GET /api/v0/instances/` still lists everything: accounts made before June 2026.
    V0ListServed,
    /// The same route answers 200 with no rows, whatever is rented.
    V0ListEmpty,
    /// Reading a single instance: 410 `deprecated_endpoint`.
    SingleReadRetired,
    /// Reading a single instance answers with a list of one row.
    SingleReadIsList,
    /// A destroyed instance is read as an empty object instead of null.
    GoneIsEmptyObject,
    /// A destroyed instance is read as an empty list instead of null.
    GoneIsEmptyList,
    /// The first account's key was deleted: 404 `auth_error` on every route.
    KeyDeleted,
    /// The first account asks for a second factor: it can be read, but nothing can be listed or rented.
    TwoFactorMissing,
    /// No more searches that day: 429, with the next midnight in a header.
    SearchQuotaExceeded,
    /// 429 as JSON of the token buckets: how long to wait, there and in a header.
    TokenBuckets,
    /// Rows hold bare `NaN` and `Infinity`, which are not JSON.
    NotANumber,
    /// Listings hold malformed rows: no id, texts for numbers, numbers for texts.
    OddRows,
    /// A search returns offers that are not rentable, whatever was asked for.
    UnrentableOffers,
    /// A part of the machines passes a search's filters of bandwidth, reliability and CUDA version, whatever
    /// it asks for.
    UnappliedFilters,
    /// A search for on-demand offers returns bids, too.
    BidOffers,
    /// The texts of every second offer are attacks on terminals: titles, OSC 52, bidirectional marks, forged lines.
    HostileTexts,
    /// `dph_total` holds an hourly charge besides GPU and storage.
    PlatformFee,
    /// The hosts of our rentals ask for a higher price.
    PriceIncreases,
}

/// What [`MarketOddity::HostileTexts`] puts in the place of a text.
pub(super) const HOSTILE_TEXT: &str = "EV\u{1b}]0;TITLE\u{7}\u{1b}]52;c;UFdO\u{7}\u{1b}[2J\u{9b}31mIL\u{202e}RTL\u{2066}\u{200b}\u{0}\r\nFORGED LINE";
