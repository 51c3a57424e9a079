//! Past sprints in a snapshot.

use std::sync::Arc;

use crate::domain::Usd;
use crate::engine::snapshot::PastSprintRow;
use crate::engine::state::Engine;

/// A month of epochs.
const HISTORY_ROWS: usize = 30;

/// How much of the ledger the rows are made from; it only grows.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct HistorySource {
    reports: usize,
    confirmations: usize,
    /// Number and sum: a rental's new charge replaces the one before.
    charges: (usize, Usd),
}

impl Engine {
    /// Reads past sprints from the ledger. Cheap when nothing is new.
    pub(crate) fn refresh_history(&mut self) {
        let source = HistorySource {
            reports: self.ledger.reports().len(),
            confirmations: self.ledger.confirmations().len(),
            charges: self.ledger.charges_known(),
        };
        if self.history_source == source {
            return;
        }
        self.history_source = source;
        let history = self.ledger.history();
        let first = history.len().saturating_sub(HISTORY_ROWS);
        let rows = history[first..].iter().map(|past| PastSprintRow {
            at: past.at,
            report: past.report.clone(),
            boots: past.boots.iter().map(|boot| (*boot).clone()).collect(),
            confirmation_ratio: past.confirmation_ratio,
            charged_usd: past.charged_usd,
        });
        self.history = Arc::new(rows.collect());
    }
}
