//! Reads what the market really charged.

use crate::domain::{CallError, Duration, RentalCharge, Time};
use crate::ports::{Clock, Market};

/// A rental's charge can change for this long after its start.
const LOOK_BACK: Duration = Duration::days(7);
/// The market sums charges by the day (UTC); its clock may be ahead.
const LOOK_AHEAD: Duration = Duration::days(1);

/// The charges of the last days.
#[derive(Debug)]
pub(crate) struct ChargesRead {
    /// Charges of rentals that are older may be incomplete.
    pub(crate) from: Time,
    pub(crate) charges: Result<Vec<RentalCharge>, CallError>,
}

pub(crate) async fn read(market: &dyn Market, clock: &dyn Clock) -> ChargesRead {
    let now = clock.now();
    let from = now - LOOK_BACK;
    let charges = market.charges(from, now + LOOK_AHEAD).await;
    ChargesRead { from, charges }
}
