//! What the market really charged, beside our own count.

use crate::domain::{CallError, CallErrorKind, Duration, RentalCharge, Time};
use crate::engine::Ports;
use crate::engine::observe::logged_failure::LoggedFailure;
use crate::engine::state::Engine;

/// So long after its start a rental's charge can still change.
const LOOK_BACK: Duration = Duration::days(7);
/// The market sums charges by the day (UTC); its clock may be ahead.
const LOOK_AHEAD: Duration = Duration::days(1);

/// The charges of the last days.
#[derive(Debug)]
pub(crate) struct ChargesRead {
    /// Of an older rental a part may be missing.
    from: Time,
    charges: Result<Vec<RentalCharge>, CallError>,
}

pub(crate) async fn read(ports: &Ports) -> ChargesRead {
    let now = ports.clock.now();
    let from = now - LOOK_BACK;
    let charges = ports.market.charges(from, now + LOOK_AHEAD).await;
    ChargesRead { from, charges }
}

impl Engine {
    /// A charge that is missing is unknown, and read again later.
    pub(crate) fn on_charges(&mut self, read: ChargesRead) {
        let charges = match read.charges {
            Ok(charges) => charges,
            Err(error) => return self.on_unread_charges(&error),
        };
        self.observed.charges_failure = LoggedFailure::default();
        for charge in charges {
            if let Some(record) = self.ledger.charge_record(read.from, charge) {
                self.record(&record);
            }
        }
    }

    /// Told once: rentals do not depend on it.
    fn on_unread_charges(&mut self, error: &CallError) {
        if !self.observed.charges_failure.is_new(error) {
            return;
        }
        match error.kind {
            CallErrorKind::Unauthorized => tracing::warn!(
                "what the market charges is unknown: the key lacks the permission billing_read: {error}"
            ),
            _ => tracing::warn!("what the market charges is unknown for now: {error}"),
        }
    }
}
